/** Long operations that many clients ask again and again: each is answered in its turn, whatever comes behind it. */
import { setImmediate } from 'node:timers/promises';
import { parse } from 'graphql';
import { expect, test } from 'vitest';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { pace } from '#subgraphs/shared/turns.ts';
import { federate } from './federation.ts';

const CLIENTS = 20;
const EACH = 25;
/** So many that an operation looks at the clock several times. */
const OBJECTS = 500;

test('no operation is overtaken again and again by those that come after it', async () => {
  const { stretchMs } = pace;
  await using federation = await federate(
    {
      one: {
        typeDefs: 'type Query { all: [Thing!]! } type Thing @key(fields: "id") { id: ID! }',
        resolvers: { Query: { all: () => Array.from({ length: OBJECTS }, (_, id) => ({ id })) } },
      },
      two: {
        typeDefs: 'type Thing @key(fields: "id") { id: ID! name: String }',
        resolvers: { Thing: { name: ({ id }: { id: string }) => `thing ${id}` } },
      },
    },
    { inThread: true },
  );
  const document = parse('{ all { id name } }');
  let begun = 0;
  let most = 0;
  const client = async (): Promise<void> => {
    for (let index = 0; index < EACH; index++) {
      const before = ++begun;
      const context = createRequestContext(DEVELOPER);
      const { errors } = await federation.engine.execute({ document, variables: {}, context, asText: true });
      expect(errors).toBeUndefined();
      most = Math.max(most, begun - before);
      await setImmediate(); // As what comes by a socket.
    }
  };
  await client(); // What is planned first takes long.
  begun = most = 0;
  // Shorter than usual, so that every operation is long.
  pace.stretchMs = 3;
  try {
    await Promise.all(Array.from({ length: CLIENTS }, client));
  } finally {
    pace.stretchMs = stretchMs;
  }
  // All others may have come before it to each of its few turns; hundreds did.
  expect(most).toBeLessThan(3 * CLIENTS);
});
