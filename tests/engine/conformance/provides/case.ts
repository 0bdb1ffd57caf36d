/** `@provides`: at some places a subgraph can tell at once what another owns. */
import { conformance } from '../case.ts';

export default conformance({
  subgraphs: {
    posts: {
      typeDefs: `
        type Query { post: Post plain: Post feed: [Entry] latest: Media }
        type Post { author: User @provides(fields: "name address { city }") reader: User }
        type User @key(fields: "id") { id: ID! name: String @external address: Address @external }
        type Address { city: String @external }
        union Entry = Book | Film
        interface Media { id: ID! title: String }
        type Book implements Media @key(fields: "id") { id: ID! title: String @shareable }
        type Film implements Media @key(fields: "id") { id: ID! title: String @shareable }`,
      resolvers: {
        Query: {
          post: () => ({
            author: { id: 1, name: 'told by posts', address: { city: "posts' city" } },
            reader: { id: 1 },
          }),
          feed: () => [{ __typename: 'Book', id: 'b', title: 'B' }],
          latest: () => ({ __typename: 'Film', id: 'f', title: 'F' }),
        },
      },
    },
    users: {
      typeDefs: `
        type User @key(fields: "id") { id: ID! name: String @shareable address: Address @shareable age: Int }
        type Address @shareable { city: String street: String }`,
      resolvers: {
        User: {
          name: () => 'told by users',
          address: () => ({ city: "users' city", street: "users' street" }),
          age: () => 30,
        },
      },
    },
    catalogue: {
      typeDefs: `
        type Query { shelf: [Entry] @provides(fields: "... on Book { pages }") favourite: Media @provides(fields: "... on Film { minutes }") }
        union Entry = Book | Film
        interface Media { id: ID! title: String }
        type Book implements Media @key(fields: "id") { id: ID! title: String @shareable pages: Int @external }
        type Film implements Media @key(fields: "id") { id: ID! title: String @shareable minutes: Int @external }`,
      resolvers: {
        Query: {
          shelf: () => [
            { __typename: 'Book', id: 'b', title: 'B', pages: 1 },
            { __typename: 'Film', id: 'f', title: 'F' },
          ],
          favourite: () => ({ __typename: 'Film', id: 'f', title: 'F', minutes: 1 }),
        },
      },
    },
    details: {
      typeDefs: `
        type Book @key(fields: "id") { id: ID! pages: Int @shareable }
        type Film @key(fields: "id") { id: ID! minutes: Int @shareable }`,
      resolvers: { Book: { pages: () => 2 }, Film: { minutes: () => 2 } },
    },
  },
  operations: {
    'told at once, objects included': {
      query: `{ post { author { name address { city } } } }`,
      inParts: false, // A part is asked of whoever owns the field, who tells another value here than the place provides.
      data: { post: { author: { name: 'told by posts', address: { city: "posts' city" } } } },
      requests: { posts: 1, users: 0 },
    },
    'only what is provided': {
      query: `{ post { author { name age } } }`,
      inParts: false, // A part is asked of whoever owns the field, who tells another value here than the place provides.
      data: { post: { author: { name: 'told by posts', age: 30 } } },
    },
    'and only where': {
      query: `{ post { reader { name } } }`,
      data: { post: { reader: { name: 'told by users' } } },
      requests: { posts: 1, users: 1 },
    },
    'on members of unions': {
      inParts: false, // A part is asked of whoever owns the field, who tells another value here than the place provides.
      query: `{ shelf { ... on Book { pages } ... on Film { minutes } } }`,
      data: { shelf: [{ pages: 1 }, { minutes: 2 }] },
    },
    'on implementations of interfaces': {
      inParts: false, // A part is asked of whoever owns the field, who tells another value here than the place provides.
      query: `{ favourite { title ... on Film { minutes } ... on Book { pages } } latest { ... on Film { minutes } } }`,
      data: { favourite: { title: 'F', minutes: 1 }, latest: { minutes: 2 } },
    },
  },
});
