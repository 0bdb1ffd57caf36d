/** A type with several keys: each subgraph is reached by one that it knows, if need be over a third. */
import { conformance } from '../case.ts';

export default conformance({
  subgraphs: {
    orders: {
      typeDefs: `type Query { product: Product } type Product @key(fields: "id") { id: ID! }`,
      resolvers: { Query: { product: () => ({ id: '1' }) } },
    },
    catalogue: {
      typeDefs: `type Product @key(fields: "id") @key(fields: "sku region") { id: ID! sku: String! region: String! title: String }`,
      resolvers: {
        Product: {
          id: ({ id, sku }: { id?: string; sku: string }) => id ?? sku.slice(1),
          sku: ({ id, sku }: { id: string; sku?: string }) => sku ?? `s${id}`,
          region: ({ region }: { region?: string }) => region ?? 'eu',
          title: () => 'Title',
        },
      },
    },
    stock: {
      typeDefs: `
        type Query { inStock: [Product] }
        type Product @key(fields: "sku region") { sku: String! region: String! stock: Int }`,
      resolvers: {
        Query: { inStock: () => [{ sku: 's7', region: 'us' }] },
        Product: { stock: ({ sku, region }: { sku: string; region: string }) => sku.length + region.length },
      },
    },
    prices: {
      typeDefs: `type Product @key(fields: "sku region") @key(fields: "id") { id: ID! sku: String! region: String! price: Int }`,
      resolvers: {
        Product: {
          id: ({ id, sku }: { id?: string; sku: string }) => id ?? sku.slice(1),
          sku: ({ id, sku }: { id: string; sku?: string }) => sku ?? `s${id}`,
          region: ({ region }: { region?: string }) => region ?? 'eu',
          price: ({ id, sku }: { id?: string; sku?: string }) =>
            (id === undefined ? Number(sku!.slice(1)) : Number(id)) * 100,
        },
      },
    },
  },
  operations: {
    'from one key to another, over a subgraph that knows both': {
      query: `{ product { stock } }`,
      data: { product: { stock: 4 } },
    },
    'the nearest way, where the key is at hand': {
      query: `{ inStock { stock price } }`,
      data: { inStock: [{ stock: 4, price: 700 }] },
      requests: { stock: 1, prices: 1, catalogue: 0 },
    },
    'and back': {
      query: `{ inStock { id price } product { price id title } }`,
      data: { inStock: [{ id: '7', price: 700 }], product: { price: 100, id: '1', title: 'Title' } },
    },
  },
});
