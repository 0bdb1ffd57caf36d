/**
 * A supergraph of servers of others, over HTTP, who declare by the specification alone what may be asked across them: a ranking
 * (`@ranks`) and fields by which the gateway sorts (`sorts`), under names of their own.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { graphql, parse, printType, validate } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withConditions } from '#gateway/conditions/conditions-engine.ts';
import { widenedFilters } from '#gateway/conditions/widen.ts';
import { remoteClient } from '#gateway/execute/clients/remote-client.ts';
import type { Engine } from '#gateway/execute/engine.ts';
import { CONDITIONS_LINK } from '#subgraphs/shared/conditions.ts';
import { federate, received, subgraphSchema, testContext, type Federation, type TestSubgraph } from './federation.ts';

interface Product {
  readonly sku: string;
  readonly name: string;
  readonly grams: number | null;
  readonly maker: string;
}
interface Filter {
  readonly and?: readonly Filter[];
  readonly or?: readonly Filter[];
  readonly not?: Filter;
  readonly sku?: { readonly in?: readonly string[]; readonly notIn?: readonly string[] };
  readonly makerId?: { readonly in?: readonly string[]; readonly notIn?: readonly string[] };
}
const COLUMNS = { sku: 'sku', makerId: 'maker' } as const;

const HEAD = `
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@composeDirective"])
  @link(url: "${CONDITIONS_LINK}", import: [{ name: "@lists", as: "@listed" }, { name: "@leads", as: "@way" }, { name: "@ranks", as: "@scored" }])
  @composeDirective(name: "@listed") @composeDirective(name: "@way") @composeDirective(name: "@scored")
directive @listed(filter: String! = "where", key: String, values: Int! = 500, page: Int! = 200, first: Int, most: Int, steady: [String!], sorts: [String!], through: [String!]) on FIELD_DEFINITION
directive @way(by: String, back: String, takes: [String!], turns: String, cut: String) on FIELD_DEFINITION
directive @scored(filter: String! = "where", by: String!, values: Int! = 500, condition: String!, takes: [String!]!, least: String!, order: String!, score: String! = "score", approximate: String, page: Int! = 200, most: Int) on FIELD_DEFINITION
type PageInfo @shareable { hasNextPage: Boolean! endCursor: String }
input Keys { in: [ID!] notIn: [ID!] }
`;

const NAMES = ['pan', 'pot', 'lid', 'cup', 'jar', 'jug', 'tin', 'mug', 'vat', 'urn', 'can', 'keg'];
const products: readonly Product[] = NAMES.map((name, index) => ({
  sku: `p${String(index).padStart(2, '0')}`,
  name,
  grams: index % 5 === 4 ? null : ((index * 37) % 11) * 100,
  maker: `m${index % 3}`,
}));
const makers = ['m0', 'm1', 'm2'].map((id, index) => ({ id, country: index === 1 ? 'PT' : 'NO' }));
/** Equal scores among them; some are near to nothing. */
const scoreOf = ({ sku }: Pick<Product, 'sku'>, text: string): number =>
  ((Number(sku.slice(1)) * text.length) % 7) / 10;

const holds = (row: Product, { and, or, not, ...columns }: Filter): boolean =>
  (and ?? []).every((each) => holds(row, each)) &&
  (or === undefined || or.some((each) => holds(row, each))) &&
  (not === undefined || !holds(row, not)) &&
  (Object.entries(columns) as [keyof typeof COLUMNS, { in?: string[]; notIn?: string[] }][]).every(
    ([column, { in: within, notIn }]) =>
      (within?.includes(row[COLUMNS[column]]) ?? true) && !(notIn?.includes(row[COLUMNS[column]]) ?? false),
  );

interface Paging {
  readonly first?: number;
  readonly after?: string;
}
/** A page of three at most, whatever is asked for: cursors are places. */
function page<T>(rows: readonly T[], { first, after }: Paging) {
  const from = after === undefined ? 0 : Number(after);
  const nodes = rows.slice(from, from + Math.min(first ?? 3, 3));
  const edges = nodes.map((node, index) => ({ node, cursor: String(from + index + 1) }));
  const hasNextPage = rows.length > from + nodes.length;
  return { nodes, edges, pageInfo: { hasNextPage, endCursor: edges.at(-1)?.cursor ?? after ?? null } };
}

interface Ranking extends Paging {
  readonly text: string;
  readonly least?: number;
  readonly among?: { readonly product?: { readonly in?: readonly string[] } };
}
function ranked({ text, least, among }: Ranking) {
  return products
    .map((product) => ({ product, nearness: scoreOf(product, text) }))
    .filter(({ nearness }) => nearness >= (least ?? 0))
    .filter(({ product }) => among?.product?.in?.includes(product.sku) ?? true)
    .sort((one, other) => other.nearness - one.nearness || (one.product.sku < other.product.sku ? -1 : 1));
}

const SUBGRAPHS: Readonly<Record<string, TestSubgraph>> = {
  shop: {
    isFederation1: true,
    typeDefs: `${HEAD}
      type Query { products(where: ProductInput, orderBy: [ProductOrder!], first: Int, after: String): Products @listed(key: "sku", page: 3, values: 4) }
      type Products { nodes: [Product!]! pageInfo: PageInfo! }
      type Product @key(fields: "sku") { sku: ID! name: String! grams: Int maker: Maker! @way(by: "makerId") }
      type Maker @key(fields: "id") { id: ID! }
      input ProductInput { and: [ProductInput!] or: [ProductInput!] not: ProductInput sku: Keys makerId: Keys }
      input ProductOrder { field: ProductOrderField! direction: Direction }
      enum ProductOrderField { NAME }
      enum Direction { ASC DESC }`,
    resolvers: {
      Query: {
        products: (_: unknown, args: Paging & { where?: Filter; orderBy?: readonly { direction?: string }[] }) => {
          const found = products.filter((each) => holds(each, args.where ?? {}));
          const [order] = args.orderBy ?? [];
          if (order !== undefined) {
            found.sort((one, other) => (one.name < other.name ? -1 : 1));
            if (order.direction === 'DESC') found.reverse();
          }
          return page(found, args);
        },
      },
      Product: {
        __resolveReference: ({ sku }: Product) => products.find((each) => each.sku === sku),
        maker: ({ maker }: Product) => ({ id: maker }),
      },
    },
  },
  registry: {
    isFederation1: true,
    typeDefs: `${HEAD}
      type Query { makers(where: MakerInput, first: Int, after: String): Makers @listed(key: "id", page: 3, values: 4, sorts: ["country", "id"]) }
      type Makers { nodes: [Maker!]! pageInfo: PageInfo! }
      type Maker @key(fields: "id") { id: ID! country: String! }
      input MakerInput { and: [MakerInput!] or: [MakerInput!] not: MakerInput id: Keys country: Keys }`,
    resolvers: {
      Query: {
        makers: (_: unknown, args: Paging & { where?: { id?: { in?: string[] }; country?: { in?: string[] } } }) =>
          page(
            makers.filter(
              ({ id, country }) =>
                (args.where?.id?.in?.includes(id) ?? true) && (args.where?.country?.in?.includes(country) ?? true),
            ),
            args,
          ),
      },
      Maker: { __resolveReference: ({ id }: { id: string }) => makers.find((each) => each.id === id) },
    },
  },
  finder: {
    isFederation1: true,
    typeDefs: `${HEAD}
      type Query {
        nearProducts(text: String!, least: Float, among: NearInput, first: Int, after: String): NearProducts
          @scored(filter: "among", by: "product", values: 4, condition: "near", takes: ["text", "least"], least: "least", order: "NEARNESS", score: "nearness", page: 3)
      }
      type NearProducts { edges: [NearProduct!]! pageInfo: PageInfo! }
      type NearProduct { cursor: String! nearness: Float! node: Product! }
      type Product @key(fields: "sku") { sku: ID! }
      input NearInput { product: Among }
      input Among { in: [ID!] }`,
    resolvers: {
      Query: {
        nearProducts: (_: unknown, args: Ranking) => {
          // A server at fault: nothing more, and yet another page.
          if (args.text === 'endless') return { edges: [], pageInfo: { hasNextPage: true, endCursor: 'same' } };
          const { edges, pageInfo } = page(ranked(args), args);
          return {
            edges: edges.map(({ node, cursor }) => ({ cursor, nearness: node.nearness, node: node.product })),
            pageInfo,
          };
        },
      },
    },
  },
};

let federation: Federation;
let engine: Engine;
const servers: Server[] = [];

/** @returns where a subgraph listens */
async function serve(subgraph: TestSubgraph): Promise<string> {
  const schema = subgraphSchema(subgraph);
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const { query, variables } = JSON.parse(text) as { query: string; variables?: Record<string, unknown> };
      void graphql({ schema, source: query, variableValues: variables }).then((answer) => {
        response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
      });
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
}

beforeAll(async () => {
  const urls = new Map<string, string>();
  for (const [name, subgraph] of Object.entries(SUBGRAPHS)) urls.set(name, await serve(subgraph));
  federation = await federate(SUBGRAPHS, {
    widen: widenedFilters,
    wrap: ({ name }) => remoteClient(name, { url: urls.get(name)! }),
  });
  engine = withConditions(federation.engine);
});
afterAll(async () => {
  await federation?.[Symbol.asyncDispose]();
  for (const server of servers) await new Promise((resolve) => server.close(resolve).closeAllConnections());
});

interface Listed {
  readonly products: { readonly nodes: readonly { readonly sku: string }[]; readonly pageInfo: { endCursor: string } };
}
async function run(query: string): Promise<unknown> {
  const document = parse(query);
  expect(validate(engine.schema, document)).toEqual([]);
  const { data, errors } = received(await engine.execute({ document, context: testContext() }));
  expect(errors).toBeUndefined();
  return data;
}
const skus = async (args: string): Promise<string[]> =>
  ((await run(`{ products(${args}) { nodes { sku } } }`)) as Listed).products.nodes.map(({ sku }) => sku);

test('filters and orders gain what they declare', () => {
  expect(printType(engine.schema.getType('ProductInput')!)).toMatch(/near: ProductNear$/m);
  expect(printType(engine.schema.getType('ProductInput')!)).toMatch(/maker: \w+$/m);
  expect(printType(engine.schema.getType('ProductNear')!)).toMatch(/text: String!/);
  expect(printType(engine.schema.getType('ProductOrderField')!)).toMatch(/NEARNESS/);
  expect(printType(engine.schema.getType('MakerOrderField')!)).toMatch(/ID[^]*COUNTRY/);
});

test.each(['lids', 'a longer text', 'xy'])('products near to %j are those that a loop over all finds', async (text) => {
  const expected = (least: number): string[] =>
    products.filter((each) => scoreOf(each, text) >= least).map(({ sku }) => sku);
  for (const least of [0, 0.2, 0.5, 0.9])
    expect((await skus(`where: { near: { text: "${text}", least: ${least} } }, first: 3`)).sort()).toEqual(
      expected(least).slice(0, 3),
    );
});

test.each(['lids', 'a longer text', 'xy'])(
  'they come nearest to %j first, page by page, among those that match',
  async (text) => {
    for (const country of ['NO', 'PT', 'none']) {
      const expected = ranked({ text }).filter(
        ({ product }) => makers.find(({ id }) => id === product.maker)!.country === country,
      );
      const found: string[] = [];
      let after = '';
      for (let pages = 0; pages < 10; pages++) {
        const { products: listed } = (await run(
          `{ products(where: { maker: { country: { in: ["${country}"] } }, near: { text: "${text}" } }, orderBy: [{ field: NEARNESS }], first: 2${after}) {
          nodes { sku } pageInfo { hasNextPage endCursor } } }`,
        )) as { products: Listed['products'] & { pageInfo: { hasNextPage: boolean } } };
        found.push(...listed.nodes.map(({ sku }) => sku));
        if (!listed.pageInfo.hasNextPage) break;
        after = `, after: "${listed.pageInfo.endCursor}"`;
      }
      expect(found).toEqual(expected.map(({ product }) => product.sku));
    }
  },
);

test('makers are sorted by what their list does not sort by, and products by it too', async () => {
  expect(
    await run(
      '{ makers(orderBy: [{ field: COUNTRY, direction: DESC }, { field: ID, direction: DESC }]) { nodes { id } } }',
    ),
  ).toEqual({
    makers: { nodes: [{ id: 'm1' }, { id: 'm2' }, { id: 'm0' }] },
  });
  const countryOf = ({ maker }: Product): string => makers.find(({ id }) => id === maker)!.country;
  const expected = [...products].sort(
    (one, other) => countryOf(other).localeCompare(countryOf(one)) || (one.name < other.name ? -1 : 1),
  );
  const found: string[] = [];
  let after = '';
  for (let pages = 0; pages < 10; pages++) {
    const { products: listed } = (await run(
      `{ products(orderBy: [{ maker: { field: COUNTRY, direction: DESC } }, { field: NAME }], first: 3${after}) { nodes { sku } pageInfo { hasNextPage endCursor } } }`,
    )) as { products: Listed['products'] & { pageInfo: { hasNextPage: boolean } } };
    found.push(...listed.nodes.map(({ sku }) => sku));
    if (!listed.pageInfo.hasNextPage) break;
    after = `, after: "${listed.pageInfo.endCursor}"`;
  }
  expect(found).toEqual(expected.map(({ sku }) => sku));
});

test('a ranking that never ends fails, and not for ever', async () => {
  const document = parse('{ products(where: { near: { text: "endless", least: 0.1 } }) { nodes { sku } } }');
  const began = federation.calls.length;
  const { errors } = received(await engine.execute({ document, context: testContext() }));
  expect(errors).toMatchObject([{ path: ['products'], extensions: { code: 'SUBGRAPH_ERROR' } }]);
  expect(federation.calls.length - began).toBeLessThan(10);
});
