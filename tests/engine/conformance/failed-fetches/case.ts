/**
 * A fetch that fails as a whole is one error, at the path that leads to all it was for, and says how many places it left
 * without a value. A null that must not be moves up without an error of its own.
 */
import { conformance } from '../case.ts';

const products = ['1', '2', '3'].map((id) => ({ __typename: 'Product', id, name: `p${id}` }));

const book = { __typename: 'Book', id: 'b1', title: 'One' };

export default conformance({
  down: ['stock'],
  subgraphs: {
    shop: {
      typeDefs: `
        type Query { products: [Product!]! product: Product shelves: [Shelf!]! found: [Found] }
        type Mutation { add: Product }
        type Shelf { label: String! products: [Product] }
        type Product @key(fields: "id") { id: ID! name: String }
        type Book @key(fields: "id") { id: ID! title: String }
        union Found = Product | Book`,
      resolvers: {
        Query: {
          products: () => products,
          product: () => products[0],
          shelves: () => [
            { label: 'a', products: products.slice(0, 2) },
            { label: 'b', products: [products[2], null] },
          ],
          found: () => [products[0], book, products[1]],
        },
        Mutation: { add: () => products[1] },
        Product: { __resolveReference: ({ id }: { id: string }) => products.find((product) => product.id === id) },
        Book: { __resolveReference: () => book },
      },
    },
    stock: {
      typeDefs: `
        type Query { total: Int free: Int }
        type Product @key(fields: "id") { id: ID! price: Int count: Int! sizes: [Int!] }
        type Book @key(fields: "id") { id: ID! price: Int }`,
    },
    post: {
      typeDefs: `
        type Product @key(fields: "id") {
          id: ID!
          sizes: [Int!] @external
          weight: Int @external
          postage: Int @requires(fields: "sizes")
          freight: Int @requires(fields: "weight")
        }`,
      resolvers: { Product: { postage: () => 3, freight: ({ weight }: { weight: number }) => weight * 2 } },
    },
    office: {
      typeDefs: `
        type Product @key(fields: "id") { id: ID! postage: Int @external stamps: Int @requires(fields: "postage") }`,
      resolvers: { Product: { stamps: () => 4 } },
    },
    scales: {
      typeDefs: `type Product @key(fields: "id") { id: ID! weight: Int }`,
      resolvers: {
        Product: {
          __resolveReference(product: { id: string }) {
            if (product.id === '2') throw new Error('It is lost.');
            return product;
          },
          weight: ({ id }: { id: string }) => Number(id),
        },
      },
    },
  },
  operations: {
    'two fields of three entities': {
      query: '{ products { name price sizes } }',
      data: { products: products.map(({ name }) => ({ name, price: null, sizes: null })) },
      errors: [{ path: ['products'], code: 'SUBGRAPH_UNAVAILABLE', affected: 6 }],
    },
    'one field of one entity': {
      query: '{ one: product { cost: price } }',
      data: { one: { cost: null } },
      errors: [{ path: ['one', 'cost'], code: 'SUBGRAPH_UNAVAILABLE' }],
    },
    'two fields of one entity, under aliases': {
      query: '{ one: product { a: price b: price sizes } }',
      data: { one: { a: null, b: null, sizes: null } },
      errors: [{ path: ['one'], affected: 3 }],
    },
    'lists in lists': {
      query: '{ shelves { label products { price } } }',
      data: {
        shelves: [
          { label: 'a', products: [{ price: null }, { price: null }] },
          { label: 'b', products: [{ price: null }, null] },
        ],
      },
      errors: [{ path: ['shelves'], affected: 3 }],
    },
    'a field that must not be null': {
      query: '{ shelves { products { name count } } product { count } }',
      data: { shelves: [{ products: [null, null] }, { products: [null, null] }], product: null },
      errors: [{ path: ['shelves'], affected: 3 }, { path: ['product', 'count'] }],
    },
    'types of a union': {
      query: '{ found { ... on Product { name price } ... on Book { title price } } }',
      data: {
        found: [
          { name: 'p1', price: null },
          { title: 'One', price: null },
          { name: 'p2', price: null },
        ],
      },
      errors: [{ path: ['found'], affected: 3 }],
    },
    'root fields': {
      query: '{ total free product { name } }',
      data: { total: null, free: null, product: { name: 'p1' } },
      errors: [{ path: [], code: 'SUBGRAPH_UNAVAILABLE', affected: 2 }],
    },
    'after a mutation': {
      query: 'mutation { add { name price sizes } }',
      data: { add: { name: 'p2', price: null, sizes: null } },
      errors: [{ path: ['add'], affected: 2 }],
    },
    'what another subgraph requires': {
      query: '{ products { postage } }',
      data: { products: [{ postage: null }, { postage: null }, { postage: null }] },
      errors: [{ path: ['products'], affected: 3 }],
    },
    'what another subgraph requires of one': {
      query: '{ product { postage } }',
      data: { product: { postage: null } },
      errors: [{ path: ['product', 'postage'] }],
    },
    'what another subgraph requires, beside it': {
      query: '{ product { sizes postage name } products { postage sizes } }',
      data: {
        product: { sizes: null, postage: null, name: 'p1' },
        products: products.map(() => ({ postage: null, sizes: null })),
      },
      errors: [
        { path: ['product'], affected: 2 },
        { path: ['products'], affected: 6 },
      ],
    },
    'what another requires of what another requires': {
      query: '{ product { stamps sizes } }',
      data: { product: { stamps: null, sizes: null } },
      errors: [{ path: ['product'], affected: 2 }],
    },
    'what is required of one that is not found': {
      query: '{ products { weight freight } }',
      data: {
        products: [
          { weight: 1, freight: 2 },
          { weight: null, freight: null },
          { weight: 3, freight: 6 },
        ],
      },
      errors: [{ path: ['products', 1, 'weight'] }, { path: ['products', 1, 'freight'] }],
    },
  },
});
