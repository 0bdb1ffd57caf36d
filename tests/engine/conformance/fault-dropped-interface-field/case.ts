/**
 * Where a subgraph has an interface but no type that implements it, the planner drops what is selected of it, and the
 * objects around it, without a word. The client is owed the subgraph’s own null, or an error.
 */
import { conformance } from '../case.ts';

export default conformance({
  subgraphs: {
    boxes: {
      typeDefs: `
        type Query { item: Item nothing: Item items: [Item!]! box: Box boxes: [Box] count: Int }
        interface Item { id: ID! }
        type Box { item: Item inner: Box size: Int }`,
      resolvers: {
        Query: {
          // A type that this subgraph does not have: an error by GraphQL's specification (section 6.4.3,
          // ResolveAbstractType).
          item: () => ({ __typename: 'Book', id: '1' }),
          nothing: () => null,
          items: () => [],
          box: () => ({ size: 1, item: null, inner: { size: 2, item: { __typename: 'Book', id: '2' } } }),
          boxes: () => [{ size: 1, item: null }, null, { size: 3, item: { __typename: 'Book', id: '3' } }],
          count: () => 7,
        },
      },
    },
    books: {
      typeDefs: `
        type Query { book: Item }
        interface Item { id: ID! title: String sequel: Item }
        type Book implements Item @key(fields: "id") { id: ID! title: String sequel: Item }`,
      resolvers: {
        Query: { book: () => ({ __typename: 'Book', id: '9' }) },
        Book: {
          title: ({ id }: { id: string }) => `Book ${id}`,
          sequel: ({ id }: { id: string }) => (id === '9' ? { __typename: 'Book', id: '10' } : null),
        },
      },
    },
  },
  operations: {
    'the subgraph is asked, and its error told': {
      query: `{ count item { title } }`,
      data: { count: 7, item: null },
      errors: [{ path: ['item'] }],
    },
    "a null of the subgraph's is no error": {
      query: `{ nothing { title sequel { title } } items { title } }`,
      data: { nothing: null, items: [] },
    },
    'below other objects, which are not lost with it': {
      query: `{ box { it: item { sequel { title } } inner { it: item { title } } } }`,
      data: { box: { it: null, inner: { it: null } } },
      errors: [{ path: ['box', 'inner', 'it'] }],
    },
    'in lists': {
      query: `{ boxes { item { title } size } }`,
      data: { boxes: [{ item: null, size: 1 }, null, { item: null, size: 3 }] },
      errors: [{ path: ['boxes', 2, 'item'] }],
    },
    'in fragments, beside fields that are there': {
      query: `{ ...Boxed book { title sequel { id title } } } fragment Boxed on Query { box { item { ...Titled } } } fragment Titled on Item { title }`,
      data: { box: { item: null }, book: { title: 'Book 9', sequel: { id: '10', title: 'Book 10' } } },
    },
  },
});
