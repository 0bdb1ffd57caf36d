/**
 * The compiled executor against graphql-js: the same data and the same errors, for random schemas, operations and
 * resolvers; 1,500 cases. ENGINE_SEED and IN_PROCESS_CASES explore further.
 */
import fc from 'fast-check';
import {
  execute,
  GraphQLError,
  GraphQLList,
  GraphQLObjectType,
  GraphQLSchema,
  parse,
  validate,
  type DocumentNode,
  type GraphQLUnionType,
  type OperationTypeNode,
} from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { executorOf } from '#gateway/execute/in-process/executor.ts';
import { pace } from '#subgraphs/shared/turns.ts';
import { received, testContext } from './federation.ts';
import { randomSchema, type RandomSchema } from './in-process/random-schema.ts';
import { randomOperation } from './random/operation.ts';
import { Random } from './random/random.ts';

const CASES = Number(process.env.IN_PROCESS_CASES ?? 250);
const SEED = Number(process.env.ENGINE_SEED ?? 11);
/** Operations on each schema. */
const OPERATIONS = 25;
const LONG = { timeout: 600_000 };

interface Case {
  document: DocumentNode;
  variables: Record<string, unknown>;
  rootValue: unknown;
}

type Told = Pick<GraphQLError, 'message' | 'path' | 'locations' | 'extensions'>;

async function explore(
  later: boolean,
  makeCase: (made: RandomSchema, seed: number) => Case | undefined,
  cases: number,
): Promise<void> {
  let compared = 0;
  let withErrors = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const made = randomSchema(seed, { later });
      const run = executorOf(made.schema);
      const enough = compared + OPERATIONS;
      for (let operation = 0; compared < enough && operation < OPERATIONS * 40; operation++) {
        const one = makeCase(made, seed + operation);
        if (one === undefined) continue;
        compared += 1;
        try {
          if (await compare(made, run, one, later)) withErrors += 1;
        } catch (error) {
          throw new Error(
            `schema ${seed}, operation ${seed + operation}:\n${one.document.loc?.source.body}\n${JSON.stringify(one.variables)}\n${(error as Error).message}`,
            { cause: error },
          );
        }
      }
    }),
    { numRuns: Math.ceil(cases / OPERATIONS), seed: SEED, endOnFailure: true },
  );
  console.log(`${compared} operations compared with graphql-js, ${withErrors} with errors; seed ${SEED}.`);
  expect(compared).toBeGreaterThanOrEqual(cases * 0.9);
  expect(withErrors).toBeGreaterThan(cases / 5);
}

/** @returns whether there were errors */
async function compare(
  made: RandomSchema,
  run: ReturnType<typeof executorOf>,
  { document, variables, rootValue }: Case,
  later: boolean,
): Promise<boolean> {
  const context = testContext();
  made.records = !later;
  made.log.length = 0;
  made.rejects = true;
  const expected = await execute({
    schema: made.schema,
    document,
    variableValues: variables,
    contextValue: context,
    rootValue,
  });
  const asked = made.log.splice(0);
  made.rejects = false;
  const started = run({ document, operationType: 'query', variables, context }, rootValue);
  const actual = await started;
  if (JSON.stringify(actual.data) !== JSON.stringify(expected.data)) {
    throw new Error(
      `expected ${JSON.stringify(expected.data)}\n     got ${JSON.stringify(actual.data)}\nerrors ${JSON.stringify(expected.errors)}\n   got ${JSON.stringify(actual.errors)}`,
    );
  }
  compareErrors(received(actual).errors ?? [], received(expected).errors ?? [], expected.data, later);
  if (!later && !document.loc!.source.body.includes('_entities')) expect(made.log).toEqual(asked);
  return expected.errors !== undefined;
}

const textOf = ({ message, path, locations, extensions }: Told): string =>
  JSON.stringify([path, message, locations, extensions]);

function compareErrors(actual: readonly Told[], expected: readonly Told[], data: unknown, later: boolean): void {
  // Of siblings that fail later and take the same place away, either may be told, and one below it may have been told
  // before.
  const isSole = ({ path }: Told) => !later || nullAt(data, path).length === path?.length;
  const sorted = (errors: readonly Told[]) => errors.filter(isSole).map(textOf).sort();
  expect(sorted(actual)).toEqual(sorted(expected));
  const places = (errors: readonly Told[]) =>
    [...new Set(errors.filter((error) => !isSole(error)).map(({ path }) => JSON.stringify(nullAt(data, path))))].sort();
  expect(places(actual)).toEqual(places(expected));
}

/** The part of the path that leads to the null. */
function nullAt(data: unknown, path: Told['path'] = []): readonly (string | number)[] {
  let value = data;
  for (let length = 0; length < path.length; length++) {
    if (value === null || value === undefined) return path.slice(0, length);
    value = (value as Record<string | number, unknown>)[path[length]!];
  }
  return path;
}

function operationCase(type: `${OperationTypeNode}`) {
  return (made: RandomSchema, seed: number): Case | undefined => {
    const { source, variables } = randomOperation(made.schema, seed, type);
    const random = new Random(seed);
    const document = parse(
      source.replaceAll(/\bconstructor: /g, () => random.pick(['constructor: ', '__proto__: ', 'toString: '])),
    );
    if (validate(made.schema, document).length > 0) return undefined;
    return { document, variables, rootValue: random.chance(0.5) ? undefined : { id: 'root' } };
  };
}

/** Calls for entities, known and unknown ones. */
function entitiesCase(made: RandomSchema, seed: number): Case | undefined {
  const random = new Random(seed);
  const { source, variables } = randomOperation(askingEntities(made.schema), seed);
  const named = source.replaceAll(
    /\bentities\b(?=( @\w+\(if: [^)]*\))? \{)/g,
    '_entities(representations: $representations)',
  );
  const document = parse(
    named.replace(
      /^query Random(\()?/,
      (_, more: unknown) => `query Random($representations: [_Any!]!${more === undefined ? ')' : ', '}`,
    ),
  );
  if (validate(made.schema, document).length > 0) return undefined;
  const representations = Array.from({ length: random.below(6) }, () => ({
    __typename: random.pick(['A', 'B', 'C', 'D']),
    id: String(random.below(40)),
  }));
  return { document, variables: { ...variables, representations }, rootValue: undefined };
}

/** The schema's types, with a field for entities that random operations can ask. */
function askingEntities(schema: GraphQLSchema): GraphQLSchema {
  const type = new GraphQLList(schema.getType('_Entity') as GraphQLUnionType);
  return new GraphQLSchema({
    query: new GraphQLObjectType({ name: 'Query', fields: { entities: { type } } }),
    assumeValid: true,
  });
}

/** So that a busy machine changes nothing. */
const AT_ONCE = { stretchMs: Infinity, objects: 64 };
const usual = { ...pace };
beforeAll(() => void Object.assign(pace, AT_ONCE));
afterAll(() => void Object.assign(pace, usual));

const listeners = process.listeners('unhandledRejection');
const unhandled: unknown[] = [];
beforeAll(() => {
  // graphql-js leaves promises of lists unhandled that end early: they reject with errors that it has located, or under
  // its own functions. The compiled executor has no promise that could. What others leave is a fault.
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', (error) => {
    const isLocated = error instanceof GraphQLError && error.path !== undefined;
    if (!isLocated && (error as Error).stack?.includes('graphql/execution/execute.js') !== true) unhandled.push(error);
  });
});
afterAll(() => {
  process.removeAllListeners('unhandledRejection');
  for (const listener of listeners) process.on('unhandledRejection', listener);
  expect(unhandled).toEqual([]);
});

/** With every turn over as soon as it has begun. */
async function inManyTurns(work: () => Promise<void>): Promise<void> {
  Object.assign(pace, { stretchMs: -1, objects: 1 });
  await work().finally(() => Object.assign(pace, AT_ONCE));
}

test('synchronous queries', LONG, () => explore(false, operationCase('query'), CASES));

// Siblings of what is left to a later turn have been asked by then, as if it had been promised.
test('queries in many turns', LONG, () => inManyTurns(() => explore(true, operationCase('query'), CASES / 4)));

test('entities in many turns', LONG, () => inManyTurns(() => explore(true, entitiesCase, CASES / 4)));

test('queries that answer later', LONG, () => explore(true, operationCase('query'), CASES));

test('mutations, in order', LONG, () => explore(false, operationCase('mutation'), CASES / 5));

test('mutations that answer later', LONG, () => explore(true, operationCase('mutation'), CASES / 5));

test('events of subscriptions', LONG, () => explore(true, operationCase('subscription'), CASES / 5));

test('entities', LONG, () => explore(false, entitiesCase, CASES / 2));

test('entities that come later', LONG, () => explore(true, entitiesCase, CASES / 2));
