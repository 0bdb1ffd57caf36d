/**
 * One object type is at hand, its subgraph has the interface's key, and a field of the interface object requires a field
 * whose subgraph has no key on the interface: the planner asked it of every type, and refused its own fragments.
 */
import { conformance } from '../case.ts';

interface Media {
  __typename: string;
  id: string;
  title?: string;
}

const media = (id: string): Media => ({ __typename: id.startsWith('b') ? 'Book' : 'Film', id });

export default conformance({
  subgraphs: {
    library: {
      typeDefs: `
        type Query { book: Book books: [Book!] media: [Media] shelf: Shelf }
        type Shelf { first: Book }
        interface Media @key(fields: "id") { id: ID! }
        type Book implements Media @key(fields: "id") { id: ID! }
        type Film implements Media @key(fields: "id") { id: ID! }`,
      resolvers: {
        Query: {
          book: () => media('b'),
          books: () => [media('b1'), media('b2')],
          media: () => [media('f'), media('b')],
          shelf: () => ({ first: media('b3') }),
        },
        Media: { __resolveReference: ({ id }: Media) => media(id) },
      },
    },
    titles: {
      typeDefs: `
        interface Media { id: ID! title: String }
        type Book implements Media @key(fields: "id") { id: ID! title: String }
        type Film implements Media @key(fields: "id") { id: ID! title: String }`,
      resolvers: { Book: { title: ({ id }: Media) => `book ${id}` }, Film: { title: () => 'a film' } },
    },
    reviews: {
      typeDefs: `
        type Media @interfaceObject @key(fields: "id") {
          id: ID! title: String @external shout: String @requires(fields: "title")
        }`,
      resolvers: { Media: { shout: ({ title }: Media) => title!.toUpperCase() } },
    },
  },
  operations: {
    'one object': { query: `{ book { shout } }`, data: { book: { shout: 'BOOK B' } } },
    'with what it requires beside': {
      query: `{ book { title shout } }`,
      data: { book: { title: 'book b', shout: 'BOOK B' } },
    },
    'in a list': {
      query: `{ books { shout } }`,
      data: { books: [{ shout: 'BOOK B1' }, { shout: 'BOOK B2' }] },
    },
    'below another object': {
      query: `{ shelf { first { ... on Media { shout } } } }`,
      data: { shelf: { first: { shout: 'BOOK B3' } } },
    },
    'of the interface': {
      query: `{ media { __typename shout } }`,
      data: {
        media: [
          { __typename: 'Film', shout: 'A FILM' },
          { __typename: 'Book', shout: 'BOOK B' },
        ],
      },
    },
    'of one of its types': {
      query: `{ media { ... on Book { shout } } }`,
      data: { media: [{}, { shout: 'BOOK B' }] },
    },
  },
});
