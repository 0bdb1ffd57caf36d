/** Types that several subgraphs have in full: each answers for its own objects. */
import { conformance } from '../case.ts';

const type = `
  type Money @shareable { amount: Int currency: Currency! range: Range }
  type Range @shareable { low: Int high: Int }
  enum Currency { EUR USD }
  input Filter { currency: Currency = EUR limits: [Int!] nested: Filter }
  interface Priced { price: Money }`;

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `${type} type Query { a(filter: Filter): Money item: Item } type Item implements Priced @key(fields: "id") { id: ID! price: Money }`,
      resolvers: {
        Query: {
          a: (_: unknown, { filter }: { filter?: { currency: string; limits?: number[] } }) => ({
            amount: filter?.limits?.length ?? 0,
            currency: filter?.currency ?? 'USD',
            range: { low: 0, high: 1 },
          }),
          item: () => ({ id: 1 }),
        },
        Item: { price: () => ({ amount: 1, currency: 'EUR' }) },
      },
    },
    b: {
      typeDefs: `${type} type Query { b(filter: Filter): Money } type Item implements Priced @key(fields: "id") { id: ID! price: Money @external was: Money full: String @requires(fields: "price { amount range { low } }") }`,
      resolvers: {
        Query: {
          b: (_: unknown, { filter }: { filter?: { nested?: { currency: string } } }) => ({
            amount: 2,
            currency: filter?.nested?.currency ?? 'USD',
            range: null,
          }),
        },
        Item: {
          was: () => ({ amount: 9, currency: 'USD', range: { low: 8, high: 10 } }),
          full: ({ price }: { price: unknown }) => JSON.stringify(price),
        },
      },
    },
  },
  operations: {
    'one fetch each': {
      query: `{ a { amount range { high } } b { amount currency range { low } } }`,
      data: { a: { amount: 0, range: { high: 1 } }, b: { amount: 2, currency: 'USD', range: null } },
      requests: { a: 1, b: 1 },
    },
    'inputs with defaults, nested, as literals and as variables': {
      query: `query ($filter: Filter, $limit: Int!) { a(filter: { limits: [1, $limit] }) { amount currency } b(filter: $filter) { currency } c: b(filter: { nested: {} }) { currency } }`,
      variables: { filter: { nested: { currency: 'EUR' } }, limit: 2 },
      data: { a: { amount: 2, currency: 'EUR' }, b: { currency: 'EUR' }, c: { currency: 'EUR' } },
    },
    'as parts of entities, of two subgraphs': {
      query: `{ item { price { amount } was { amount range { high } } full } }`,
      data: {
        item: { price: { amount: 1 }, was: { amount: 9, range: { high: 10 } }, full: '{"amount":1,"range":null}' },
      },
    },
  },
});
