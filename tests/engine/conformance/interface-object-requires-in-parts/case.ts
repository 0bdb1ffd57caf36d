/**
 * A field of an interface object requires another, and is asked of one type in a part of its own: the planner merges it with
 * what is asked of another type, and what it requires of that one comes with the part, too late. Beside it such a field was
 * null without an error.
 */
import { conformance } from '../case.ts';

interface Media {
  __typename: string;
  id: string;
  price?: number;
}

const media = (id: string): Media => ({ __typename: id.startsWith('b') ? 'Book' : 'Film', id, price: id.length });

export default conformance({
  subgraphs: {
    library: {
      typeDefs: `
        type Query { found: Found founds: [Found] media: [Media] }
        union Found = Book | Film
        interface Media @key(fields: "id") { id: ID! price: Int }
        type Book implements Media @key(fields: "id") { id: ID! price: Int }
        type Film implements Media @key(fields: "id") { id: ID! price: Int }`,
      resolvers: {
        Query: {
          found: () => media('b'),
          founds: () => [media('film'), media('bo')],
          media: () => [media('fil'), media('b')],
        },
        Media: { __resolveReference: ({ id }: Media) => media(id) },
        Book: { __resolveReference: ({ id }: Media) => media(id) },
        Film: { __resolveReference: ({ id }: Media) => media(id) },
      },
    },
    reviews: {
      typeDefs: `
        type Media @interfaceObject @key(fields: "id") {
          id: ID! price: Int @external stars: Int rating: String @requires(fields: "price")
        }`,
      resolvers: { Media: { stars: ({ id }: Media) => id.length, rating: ({ price }: Media) => `rated ${price}` } },
    },
  },
  operations: {
    'an object of the other type': {
      query:
        '{ found { ... on Film { rating ... @defer { ... on Film { id price rating } } } ... on Book { stars } } }',
      data: { found: { stars: 1 } },
    },
    'all of it in a part': {
      query:
        '{ ... @defer { found { ... on Film { rating ... @defer { ... on Film { id price rating } } } ... on Book { stars } } } }',
      data: { found: { stars: 1 } },
    },
    'objects of both types': {
      query:
        '{ founds { ... on Film { id rating ... @defer { ... on Film { price rating } } } ... on Book { stars ... @defer { price } } } }',
      data: {
        founds: [
          { id: 'film', rating: 'rated 4', price: 4 },
          { stars: 2, price: 2 },
        ],
      },
    },
    'of the interface': {
      query:
        '{ media { ... on Film { rating } ... on Book { stars } ... @defer { ... on Film { rating } ... on Book { price } } } }',
      data: { media: [{ rating: 'rated 3' }, { stars: 1, price: 1 }] },
    },
  },
});
