/** The planner re-enters a subgraph by a type's first key, though it be `resolvable: false`. */
import { conformance } from '../case.ts';

interface Product {
  id?: string;
  upc?: string;
  weight?: number;
}

export default conformance({
  subgraphs: {
    shop: {
      typeDefs: `
        type Query { bestseller: Product shelf: [Product] }
        type Product @key(fields: "upc", resolvable: false) @key(fields: "id") @key(fields: "upc name", resolvable: false) {
          id: ID!
          upc: String!
          name: String!
          weight: Int @external
          postage: Int @requires(fields: "weight")
        }`,
      resolvers: {
        Query: {
          bestseller: () => ({ id: '1', upc: 'u1', name: 'n1' }),
          shelf: () => ['1', '2'].map((id) => ({ id, upc: `u${id}`, name: `n${id}` })),
        },
        Product: {
          // By its `upc` alone this subgraph knows no product: it said so.
          __resolveReference: ({ id, weight }: Product) =>
            id === undefined ? null : { id, upc: `u${id}`, name: `n${id}`, weight },
          postage: ({ weight }: Product) => weight! * 2,
        },
      },
    },
    stock: {
      typeDefs: `type Product @key(fields: "id") @key(fields: "upc") { id: ID! upc: String! weight: Int }`,
      resolvers: { Product: { weight: ({ id, upc }: Product) => Number(id ?? upc!.slice(1)) * 10 } },
    },
  },
  operations: {
    'a required field is waited for, and the subgraph re-entered by the key that it can resolve': {
      query: `{ bestseller { postage } }`,
      data: { bestseller: { postage: 20 } },
    },
    'in lists': {
      query: `{ shelf { upc postage name } }`,
      data: {
        shelf: [
          { upc: 'u1', postage: 20, name: 'n1' },
          { upc: 'u2', postage: 40, name: 'n2' },
        ],
      },
    },
  },
});
