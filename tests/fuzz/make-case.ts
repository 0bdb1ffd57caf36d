/** The cases of a seed: each depends on the seed and its number alone. */
import type { GraphQLSchema } from 'graphql';
import { hash, Random } from '#tests/engine/random/random.ts';
import { WAYS, type Case, type OperationCase, type Way } from './case.ts';
import { makeHttp, makeMcp, makeRaw, makeSocket, says } from './frames.ts';
import { garble } from './garble.ts';
import { makeOperation } from './operations.ts';
import { hostileJson } from './values.ts';

/** As JSON, whatever its variables are. */
export const requestText = ({
  query,
  variables,
  operationName,
  extensions,
}: Omit<OperationCase, 'kind' | 'way' | 'says'>): string =>
  `{"query":${JSON.stringify(query)}${[
    ['variables', variables],
    ['operationName', operationName === undefined ? undefined : JSON.stringify(operationName)],
    ['extensions', extensions],
  ]
    .map(([name, json]) => (json === undefined ? '' : `,"${name}":${json}`))
    .join('')}}`;

export function makeCase(schema: GraphQLSchema, seed: number, number: number): Case {
  const random = new Random(hash(seed, number));
  const some = (): string => requestText(makeOperation(schema, random));
  const kind = random.next();
  if (kind < 0.74) return operationCase(schema, random);
  if (kind < 0.82) return makeHttp(random, some);
  if (kind < 0.9) return makeSocket(random, some);
  if (kind < 0.96) return makeMcp(random, some);
  return makeRaw(random, some);
}

function operationCase(schema: GraphQLSchema, random: Random): OperationCase {
  const way: Way = random.pick(WAYS.filter((each) => each !== 'upload' || random.chance(0.3)));
  const type = random.chance(0.78) || way === 'GET' ? 'query' : random.chance(0.7) ? 'mutation' : 'subscription';
  const { query, variables } = makeOperation(schema, random, type);
  const isSubscription = type === 'subscription';
  return {
    kind: 'operation',
    way,
    query: random.chance(0.08) ? garble(query, random) : query,
    variables: random.chance(0.03) ? hostileJson(random) : random.chance(0.02) ? garble(variables, random) : variables,
    ...(random.chance(0.1) && { operationName: random.pick(['Fuzz', 'Other', '', '__proto__']) }),
    ...(random.chance(0.15) && {
      extensions: random.pick([
        '{"cost":true}',
        '{"cost":true}',
        '{"trace":true}',
        '{"persistedQuery":{"version":1,"sha256Hash":"0"}}',
        '{"__proto__":{"cost":true}}',
        hostileJson(random),
      ]),
    }),
    says: says(random),
    ...(isSubscription || random.chance(0.08) ? { leavesAfterMs: random.pick([0, 5, 50, 500]) } : {}),
    ...(random.chance(0.04) && { readsSlowly: true }),
  };
}
