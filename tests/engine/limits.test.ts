import { parse } from 'graphql';
import { expect, test } from 'vitest';
import { createEngine } from '#gateway/execute/engine.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { federate, received, testContext } from './federation.ts';

test('a supergraph that is none is refused', async () => {
  await expect(createEngine({ supergraphSdl: 'type Query { a: Int }', clients: new Map() })).rejects.toThrow();
});

test('equal operations asked at once are planned once, and a closed engine says so', async () => {
  const federation = await federate({
    a: {
      typeDefs: 'type Query { a(x: Int): Int }',
      resolvers: { Query: { a: (_: unknown, { x }: { x: number }) => x } },
    },
  });
  const results = await Promise.all([1, 2, 3].map((x) => federation.run(`{ a(x: ${x}) }`)));
  expect(results.map(({ data }) => data!.a)).toEqual([1, 2, 3]);
  await federation.engine.close();
  expect((await federation.run('{ b: a }')).errors![0]!.extensions.code).toBe('INTERNAL_SERVER_ERROR');
  expect((await federation.run('{ a(x: 4) }')).data).toEqual({ a: 4 });
});

test('a caller who leaves gets what was known, at once', async () => {
  const leaving = new AbortController();
  await using federation = await federate({
    fast: {
      typeDefs: 'type Query { fast: Int item: Item } type Item @key(fields: "id") { id: ID! }',
      resolvers: { Query: { fast: () => 1, item: () => ({ id: 1 }) } },
    },
    slow: {
      typeDefs: 'type Item @key(fields: "id") { id: ID! slow: Int }',
      resolvers: {
        Item: {
          slow: () => {
            leaving.abort(new CodedError('REQUEST_TIMEOUT', 'Too slow.'));
            return new Promise(() => undefined);
          },
        },
      },
    },
  });
  const result = await federation.run('{ fast item { slow } }', {}, testContext({ signal: leaving.signal }));
  expect(received(result)).toEqual({
    errors: [
      { message: 'Too slow.', path: ['item', 'slow'], extensions: { code: 'REQUEST_TIMEOUT', service: 'slow' } },
    ],
    data: { fast: 1, item: { slow: null } },
  });
});

test('representations are split at the batch size', async () => {
  await using federation = await federate(
    {
      list: {
        typeDefs: 'type Query { items: [Item] } type Item @key(fields: "id") { id: ID! }',
        resolvers: { Query: { items: () => Array.from({ length: 25 }, (_, id) => ({ id })) } },
      },
      names: {
        typeDefs: 'type Item @key(fields: "id") { id: ID! name: String }',
        resolvers: {
          Item: {
            name: ({ id }: { id: string }) => {
              if (id === '13') throw new CodedError('CONFLICT', 'Unlucky.');
              return `n${id}`;
            },
          },
        },
      },
    },
    { entityBatchSize: 10 },
  );
  const result = await federation.run('{ items { name } }');
  expect((result.data!.items as { name: string | null }[]).map(({ name }) => name)).toEqual(
    Array.from({ length: 25 }, (_, id) => (id === 13 ? null : `n${id}`)),
  );
  expect(result.errors!.map(({ path }) => path)).toEqual([['items', 13, 'name']]);
  expect(
    federation.calls
      .filter(({ service }) => service === 'names')
      .map(({ variables }) => (variables.representations as unknown[]).length),
  ).toEqual([10, 10, 5]);
});

test('what one engine was asked, the next has planned before it takes over', async () => {
  const subgraphs = { a: { typeDefs: 'type Query { a(x: Int): Int gone: Int }' } };
  await using before = await federate(subgraphs);
  await before.run('{ a(x: 1) }');
  await before.run('{ gone }');
  await using after = await federate({
    a: { typeDefs: 'type Query { a(x: Int): Int }', resolvers: { Query: { a: () => 5 } } },
  });
  await after.engine.warm(before.engine);
  await after.engine.close(); // Nothing can be planned any more.
  expect((await after.run('{ a(x: 2) }')).data).toEqual({ a: 5 });
  expect(
    (await after.engine.execute({ document: parse('{ other: a(x: 2) }'), context: testContext() })).errors,
  ).toHaveLength(1);
});
