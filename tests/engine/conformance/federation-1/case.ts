/** Schemas of Federation 1: no `@link`, `extend type`, `@extends`, `@external` keys, and everything shareable. */
import { conformance } from '../case.ts';

const product = { upc: 'u1', weight: 5, price: 10, dimensions: { width: 2 } };

export default conformance({
  subgraphs: {
    products: {
      isFederation1: true,
      typeDefs: `
        type Query { top: [Product] }
        type Product @key(fields: "upc") { upc: String! weight: Int price: Int dimensions: Size }
        type Size { width: Int }`,
      resolvers: { Query: { top: () => [product] }, Product: { __resolveReference: () => product } },
    },
    inventory: {
      isFederation1: true,
      typeDefs: `
        extend type Product @key(fields: "upc") {
          upc: String! @external
          weight: Int @external
          price: Int @external
          inStock: Boolean
          postage: Int @requires(fields: "weight price")
        }`,
      resolvers: {
        Product: {
          inStock: () => true,
          postage: ({ weight, price }: { weight: number; price: number }) => weight * price,
        },
      },
    },
    reviews: {
      isFederation1: true,
      typeDefs: `
        type Review { body: String product: Product author: User @provides(fields: "name") }
        type Product @extends @key(fields: "upc") { upc: String! @external reviews: [Review] }
        extend type User @key(fields: "id") { id: ID! @external name: String @external }
        extend type Query { review: Review }
        type Size { width: Int }`,
      resolvers: {
        Query: {
          review: () => ({ body: 'Nice', product: { upc: 'u1' }, author: { id: '1', name: 'told by reviews' } }),
        },
        Product: { reviews: () => [{ body: 'Nice', author: { id: '1', name: 'told by reviews' } }] },
      },
    },
    users: {
      typeDefs: `type User @key(fields: "id") { id: ID! name: String @shareable email: String }`,
      resolvers: { User: { name: () => 'told by users', email: ({ id }: { id: string }) => `${id}@x` } },
    },
  },
  operations: {
    'extended types': {
      query: `{ top { upc inStock postage dimensions { width } } }`,
      data: { top: [{ upc: 'u1', inStock: true, postage: 50, dimensions: { width: 2 } }] },
    },
    'with @provides, beside a schema of Federation 2': {
      inParts: false, // A part is asked of whoever owns the field, who tells another value here than the place provides.
      query: `{ review { product { price reviews { author { name email } } } } }`,
      data: { review: { product: { price: 10, reviews: [{ author: { name: 'told by reviews', email: '1@x' } }] } } },
    },
  },
});
