/** Conditions on other stores between subgraphs of others, which declare them under names and with keys of their own. */
import { parse, printType, validate } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withConditions } from '#gateway/conditions/conditions-engine.ts';
import { widenedFilters } from '#gateway/conditions/widen.ts';
import type { Engine } from '#gateway/execute/engine.ts';
import { CONDITIONS_LINK } from '#subgraphs/shared/conditions.ts';
import { federate, received, testContext, type Federation } from './federation.ts';

interface Operators {
  readonly in?: readonly string[];
  readonly notIn?: readonly string[];
}
interface Row {
  readonly [column: string]: string | null;
}
interface Filter {
  readonly and?: readonly Filter[];
  readonly or?: readonly Filter[];
  readonly not?: Filter;
}

const holds = (row: Row, { and, or, not, ...columns }: Filter): boolean =>
  (and ?? []).every((each) => holds(row, each)) &&
  (or === undefined || or.some((each) => holds(row, each))) &&
  (not === undefined || !holds(row, not)) &&
  Object.entries(columns as Record<string, Operators>).every(([column, operators]) => {
    const value = row[column]!;
    return (operators.in?.includes(value) ?? true) && !(operators.notIn?.includes(value) ?? false);
  });

/** A page of two at most, whatever is asked for. */
function page(rows: readonly Row[], { given = {}, after }: { given?: Filter; after?: string }) {
  const matching = rows.filter((row) => holds(row, given));
  const from = after === undefined ? 0 : Number(after);
  const nodes = matching.slice(from, from + 2);
  return { nodes, pageInfo: { hasNextPage: matching.length > from + 2, endCursor: String(from + nodes.length) } };
}

const HEAD = `
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@external", "@composeDirective"])
  @link(url: "${CONDITIONS_LINK}", import: [{ name: "@lists", as: "@listed" }, { name: "@leads", as: "@way" }])
  @composeDirective(name: "@listed") @composeDirective(name: "@way")
directive @listed(filter: String! = "where", key: String, values: Int! = 500, page: Int! = 200, through: [String!]) on FIELD_DEFINITION
directive @way(by: String, back: String) on FIELD_DEFINITION
type PageInfo @shareable { hasNextPage: Boolean! endCursor: String }
input KeyFilter { in: [ID!] notIn: [ID!] }
`;

const products = ['a', 'b', 'c', 'd', 'e'].map((sku) => ({ sku, name: `Product ${sku}` }));
const reviews = [
  ['1', 'a', 'good'],
  ['2', 'a', 'bad'],
  ['3', 'b', 'good'],
  ['4', 'd', 'bad'],
  ['5', null, 'good'],
].map(([number, sku, word]): Row => ({ number: number!, sku: sku!, word: word! }));

const SUBGRAPHS = {
  shop: {
    isFederation1: true,
    typeDefs: `${HEAD}
      type Query { products(given: ProductInput, first: Int, after: String): Products @listed(filter: "given", key: "sku", page: 2, values: 2) }
      type Products { nodes: [Product!]! pageInfo: PageInfo! }
      type Product @key(fields: "sku") { sku: ID! name: String }
      input ProductInput { and: [ProductInput!] or: [ProductInput!] not: ProductInput sku: KeyFilter name: KeyFilter }`,
    resolvers: {
      Query: { products: (_: unknown, args: object) => page(products, args) },
      Product: { __resolveReference: ({ sku }: Row) => products.find((each) => each.sku === sku) },
    },
  },
  press: {
    isFederation1: true,
    typeDefs: `${HEAD}
      type Query { reviews(where: ReviewInput, first: Int, after: String): Reviews @listed(key: "number", page: 2, values: 2) }
      type Reviews { nodes: [Review!]! pageInfo: PageInfo! }
      type Review @key(fields: "number") { number: ID! word: String product: Product @way(by: "sku") }
      type Product @key(fields: "sku") { sku: ID! reviews(first: Int, after: String): Reviews @way(back: "product") }
      input ReviewInput { and: [ReviewInput!] or: [ReviewInput!] not: ReviewInput number: KeyFilter sku: KeyFilter word: KeyFilter }`,
    resolvers: {
      Query: { reviews: (_: unknown, args: { where?: Filter }) => page(reviews, { ...args, given: args.where }) },
      Review: { product: ({ sku }: Row) => (sku === null ? null : { sku }) },
      Product: {
        reviews: ({ sku }: Row, args: object) =>
          page(
            reviews.filter((each) => each['sku'] === sku),
            args,
          ),
      },
    },
  },
};

let federation: Federation;
let engine: Engine;

beforeAll(async () => {
  federation = await federate(SUBGRAPHS, { widen: widenedFilters });
  engine = withConditions(federation.engine);
});
afterAll(() => federation?.[Symbol.asyncDispose]());

async function run(query: string): Promise<unknown> {
  const document = parse(query);
  expect(validate(engine.schema, document)).toEqual([]);
  return received(await engine.execute({ document, context: testContext() }));
}

test('their filters gain what their links lead to', () => {
  expect(printType(engine.schema.getType('ProductInput')!)).toMatch(/reviews: ReviewInputListFilter/);
  expect(printType(engine.schema.getType('ReviewInput')!)).toMatch(/product: ProductInput$/m);
});

test('and are worked out between them, page by page', async () => {
  expect(
    await run(`{
      some: products(given: { reviews: { some: { word: { in: ["good"] } } } }) { nodes { sku } }
      none: products(given: { reviews: { none: {} } }) { nodes { sku } }
      every: products(given: { reviews: { some: {}, every: { word: { in: ["good"] } } } }) { nodes { sku } }
      one: reviews(where: { product: { name: { in: ["Product a", "Product d"] } }, word: { in: ["bad"] } }) { nodes { number } }
      nested: reviews(where: { product: { reviews: { some: { word: { in: ["bad"] } } } } }) { nodes { number } }
      not: reviews(where: { not: { product: {} } }) { nodes { number } }
    }`),
  ).toEqual({
    data: {
      some: { nodes: [{ sku: 'a' }, { sku: 'b' }] },
      none: { nodes: [{ sku: 'c' }, { sku: 'e' }] },
      every: { nodes: [{ sku: 'b' }] },
      one: { nodes: [{ number: '2' }, { number: '4' }] },
      nested: { nodes: [{ number: '1' }, { number: '2' }] },
      not: { nodes: [{ number: '5' }] },
    },
  });
});

test('a supergraph that says none of it keeps its schema and its engine', async () => {
  await using plain = await federate({
    a: { typeDefs: 'type Query { a: Int }', resolvers: { Query: { a: () => 1 } } },
  });
  expect(withConditions(plain.engine)).toBe(plain.engine);
});
