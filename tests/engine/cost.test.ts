/** What operations cost before they are planned, by the cost specification and the stated defaults. */
import { buildSchema, getIntrospectionQuery, parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import { ASSUMED_SIZE, StaticCost } from '#gateway/plan/cost/static-cost.ts';
import { composeTest } from './federation.ts';

const SDL = `
  type Query {
    thing: Thing
    things(first: Int): [Thing!]
    five(first: Int = 5): [Thing!]
    unsized: [Thing!]
    page(first: Int, after: String): ThingConnection
    listed(ids: [ID!], n: Int): [Thing!] @listSize(slicingArguments: ["n"], assumedSize: 7, requireOneSlicingArgument: false)
    known: [Thing!] @listSize(assumedSize: 3)
    sized(n: Int): Pair @listSize(slicingArguments: ["n"], sizedFields: ["left"])
    dear: Thing @cost(weight: 30)
    argued(big: Int @cost(weight: 4), filter: Filter): Int
    any(first: Int): [Named!]
    heavy: Heavy
    priced: Int @cost(weight: 2)
  }
  type Mutation { write: Thing }
  input Filter { cheap: Int dear: Int @cost(weight: 6) and: [Filter!] }
  type Pair { left: [Thing!] right: [Thing!] @listSize(assumedSize: 2) }
  interface Named { name: String things(first: Int): [Thing!] }
  type Thing implements Named { name: String things(first: Int): [Thing!] priced: Int @cost(weight: 3) thing: Thing }
  type Heavy @cost(weight: 9) { name: String }
  type ThingConnection { edges: [ThingEdge!]! pageInfo: PageInfo! total: Int }
  type ThingEdge { cursor: String node: Thing! }
  type PageInfo { hasNextPage: Boolean }
`;
const supergraph = composeTest({ things: { typeDefs: SDL } });
const schema = buildSchema(SDL.replaceAll(/@(cost|listSize)\([^)]*\)/g, ''));
const cost = new StaticCost(schema, supergraph);
const of = (query: string, variables: Record<string, unknown> = {}, name?: string): number =>
  cost.of(parse(query), name, variables);

describe('by the specification', () => {
  test.each<[what: string, query: string, expected: number]>([
    ['scalars weigh nothing', '{ __typename }', 0],
    ['an object weighs 1', '{ thing { name } }', 1],
    ['objects in objects', '{ thing { thing { thing { name } } } }', 3],
    ["a field's own weight", '{ dear { name } }', 30],
    ["a scalar's field with a weight", '{ priced }', 2],
    ["a type's weight", '{ heavy { name } }', 9],
    ['aliases each', '{ a: thing { name } b: thing { name } }', 2],
    ['a sized list', '{ known { priced } }', 3 * (1 + 3)],
    ['a sized field of what is given', '{ sized(n: 4) { left { name } right { name } } }', 1 + 4 + 2],
    ["an argument's weight", '{ argued(big: 1) }', 4],
    ["an input field's weight, at any depth", '{ argued(filter: { dear: 1, and: [{ dear: 1 }, { cheap: 1 }] }) }', 12],
    ['a root field of a mutation', 'mutation { write { name } }', 11],
    ['fragments', '{ thing { ...F ... on Thing { thing { name } } } } fragment F on Thing { a: thing { name } }', 3],
    ['fragments on an interface', '{ any(first: 2) { name ... on Thing { thing { name } } } }', 2 * 2],
  ])('%s', (_, query, expected) => expect(of(query)).toBe(expected));
});

describe('by what is assumed', () => {
  test.each<[what: string, query: string, expected: number]>([
    ['`first` of a list', '{ things(first: 10) { things(first: 10) { name } } }', 10 * (1 + 10)],
    [
      '`first` of a page is about its edges',
      '{ page(first: 10) { edges { node { name } } pageInfo { hasNextPage } } }',
      1 + 10 * 2 + 1,
    ],
    ['a page without `first`', '{ page { edges { node { name } } } }', 1 + ASSUMED_SIZE * 2],
    ['a list without `first`', '{ things { name } }', ASSUMED_SIZE],
    ['a default of the schema', '{ five { name } }', 5],
    ['a list of which nothing is said', '{ unsized { name } }', ASSUMED_SIZE],
    ['a list of which an argument was left out', '{ listed { name } }', 7],
    ['nonsense says nothing', '{ things(first: -5) { name } }', ASSUMED_SIZE],
    ['nothing', '{ things(first: 0) { things(first: 100) { name } } }', 0],
  ])('%s', (_, query, expected) => expect(of(query)).toBe(expected));
});

describe('variables', () => {
  const query =
    'query ($n: Int = 4, $more: Boolean = false, $f: Filter) { things(first: $n) { name thing @include(if: $more) { name } } argued(filter: $f) }';
  test.each<[what: string, variables: Record<string, unknown>, expected: number]>([
    ['a default of the operation', {}, 4],
    ['a given number', { n: 50 }, 50],
    ['null says nothing', { n: null }, ASSUMED_SIZE],
    ['a text that is a number, since some clients send it', { n: '6' }, 6],
    ['a condition that holds', { n: 3, more: true }, 6],
    ['an input object', { n: 0, f: { dear: 1, and: [{ dear: 2 }] } }, 12],
    ['an infinite number is over every limit', { n: 1e300 }, 1e300],
  ])('%s', (_, variables, expected) => expect(of(query, variables)).toBe(expected));
});

test('the operation that is run counts, and no other', () => {
  const two = 'query A { thing { name } } query B { things(first: 9) { name } }';
  expect([of(two, {}, 'A'), of(two, {}, 'B')]).toEqual([1, 9]);
});

test("introspection counts by the schema's own size, and a whole one is affordable", () => {
  const whole = of(getIntrospectionQuery());
  expect(whole).toBeGreaterThan(Object.keys(schema.getTypeMap()).length);
  expect(whole).toBeLessThan(50_000);
  expect(of('{ __schema { types { name } } }')).toBe(1 + Object.keys(schema.getTypeMap()).length);
});
