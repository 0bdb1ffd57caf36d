/**
 * Of one type a field of the interface object that requires another, of all types one that does not: the planner merges
 * both fetches, fetches what is required of the one type only, and so leaves out the others without a word.
 */
import { conformance } from '../case.ts';

interface Media {
  __typename: string;
  id: string;
  title?: string;
  isbn?: { code: string };
  secret?: string;
}

const media = (id: string): Media => ({ __typename: id.startsWith('b') ? 'Book' : 'Film', id });
const details = { title: ({ id }: Media) => `title ${id}`, isbn: ({ id }: Media) => ({ code: `code ${id}` }) };

export default conformance({
  subgraphs: {
    library: {
      typeDefs: `
        type Query { media: [Media!] shelf: Shelf }
        type Shelf { media: [Media!] }
        type Isbn { code: String prefix: String }
        interface Media @key(fields: "id") {
          id: ID! title: String isbn: Isbn secret: String @inaccessible part(at: Int): String
        }
        type Book implements Media @key(fields: "id") {
          id: ID! title: String isbn: Isbn secret: String @inaccessible part(at: Int): String
        }
        type Film implements Media @key(fields: "id") {
          id: ID! title: String isbn: Isbn secret: String @inaccessible part(at: Int): String
        }`,
      resolvers: {
        Query: { media: () => [media('b'), media('f')], shelf: () => ({ media: [media('f1'), media('b1')] }) },
        Media: { __resolveReference: ({ id }: Media) => media(id) },
        Book: { ...details, secret: () => 's', part: (_: unknown, { at }: { at: number }) => `part ${at}` },
        Film: { ...details, secret: () => 't', part: (_: unknown, { at }: { at: number }) => `part ${at}` },
      },
    },
    reviews: {
      typeDefs: `
        type Isbn @external { code: String }
        type Media @interfaceObject @key(fields: "id") {
          id: ID!
          title: String @external
          isbn: Isbn @external
          secret: String @external
          part(at: Int): String @external
          stars: Int
          shout: String @requires(fields: "title")
          bars: String @requires(fields: "isbn { code }")
          hush: String @requires(fields: "secret")
          first: String @requires(fields: "part(at: 1)")
        }`,
      resolvers: {
        Media: {
          stars: ({ id }: Media) => id.length,
          shout: ({ title }: Media) => title!.toUpperCase(),
          bars: ({ isbn }: Media) => `|${isbn!.code}|`,
          hush: ({ secret }: Media) => `${secret}…`,
          first: ({ part }: { part: string }) => `${part}!`,
        },
      },
    },
  },
  operations: {
    'a leaf': {
      query: `{ media { stars ... on Book { shout } } }`,
      data: { media: [{ stars: 1, shout: 'TITLE B' }, { stars: 1 }] },
      requests: { library: 1, reviews: 1 },
    },
    'the other way round': {
      query: `{ media { ... on Book { shout } stars } }`,
      data: { media: [{ shout: 'TITLE B', stars: 1 }, { stars: 1 }] },
    },
    'under another name than that of another field': {
      query: `{ media { stars title: id ... on Book { shout } } }`,
      data: {
        media: [
          { stars: 1, title: 'b', shout: 'TITLE B' },
          { stars: 1, title: 'f' },
        ],
      },
    },
    'a field of an object': {
      query: `{ media { stars isbn { prefix } ... on Film { bars } } }`,
      data: {
        media: [
          { stars: 1, isbn: { prefix: null } },
          { stars: 1, isbn: { prefix: null }, bars: '|code f|' },
        ],
      },
    },
    'a field with an argument': {
      query: `{ media { stars ... on Book { first } } }`,
      data: { media: [{ stars: 1, first: 'part 1!' }, { stars: 1 }] },
    },
    'a field that clients cannot ask for': {
      query: `{ media { stars ... on Book { hush } } }`,
      data: { media: [{ stars: 1, hush: 's…' }, { stars: 1 }] },
    },
    'with what it requires asked of all types': {
      query: `{ media { title ... on Book { shout } } }`,
      data: { media: [{ title: 'title b', shout: 'TITLE B' }, { title: 'title f' }] },
    },
    'with what it requires asked of all types, below an object': {
      query: `{ shelf { media { title ... on Film { shout } } } }`,
      data: { shelf: { media: [{ title: 'title f1', shout: 'TITLE F1' }, { title: 'title b1' }] } },
    },
    'below another object, and of each type another': {
      query: `{ shelf { media { stars ... on Book { shout } ... on Film { bars } } } }`,
      data: {
        shelf: {
          media: [
            { stars: 2, bars: '|code f1|' },
            { stars: 2, shout: 'TITLE B1' },
          ],
        },
      },
    },
  },
});
