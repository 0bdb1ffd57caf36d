/**
 * GraphQL lets two object types use one response name for different things (section 5.3.2, FieldsInSetCanMerge: objects
 * of different types are never the same object). For a subgraph with an interface object all of them are one type, and
 * the planner takes them for one field.
 */
import { conformance } from '../case.ts';

const media = (id: string) => ({ __typename: id.startsWith('b') ? 'Book' : 'Film', id });

export default conformance({
  subgraphs: {
    library: {
      typeDefs: `
        type Query { media: [Media] }
        interface Media @key(fields: "id") { id: ID! }
        type Book implements Media @key(fields: "id") { id: ID! cover(width: Int = 1): String }
        type Film implements Media @key(fields: "id") { id: ID! cover(width: Int = 1): String }`,
      resolvers: {
        Query: { media: () => [media('b1'), media('f1')] },
        Book: { cover: (_: unknown, { width }: { width: number }) => `book ${width}` },
        Film: { cover: (_: unknown, { width }: { width: number }) => `film ${width}` },
        Media: { __resolveReference: ({ id }: { id: string }) => media(id) },
      },
    },
    reviews: {
      typeDefs: `
        type Media @interfaceObject @key(fields: "id") { id: ID! stars(of: Int! = 5, by: By): String review: Review }
        input By { role: String name: String }
        type Review { text(words: Int): String }`,
      resolvers: {
        Media: {
          stars: ({ id }: { id: string }, { of, by }: { of: number; by?: { role?: string; name?: string } }) =>
            `${id} of ${of} by ${by?.role ?? '-'}/${by?.name ?? '-'}`,
          review: () => ({}),
        },
        Review: { text: (_: unknown, { words }: { words?: number }) => 'word '.repeat(words ?? 1).trim() },
      },
    },
  },
  operations: {
    'each type with arguments of its own': {
      query: `query ($n: Int!) { media { ... on Book { stars(of: 3) } ... on Film { stars(of: $n) } } }`,
      variables: { n: 10 },
      data: { media: [{ stars: 'b1 of 3 by -/-' }, { stars: 'f1 of 10 by -/-' }] },
    },
    'one without, under an alias that every object has': {
      query: `{ media { ... on Book { constructor: stars } ... on Film { constructor: stars(of: 1) } } }`,
      data: { media: [{ constructor: 'b1 of 5 by -/-' }, { constructor: 'f1 of 1 by -/-' }] },
    },
    "one alias for two fields, one of them another subgraph's": {
      query: `{ media { ... on Book { it: cover(width: 2) } ... on Film { it: stars } } }`,
      data: { media: [{ it: 'book 2' }, { it: 'f1 of 5 by -/-' }] },
    },
    'further down': {
      query: `{ media { ... on Book { review { text(words: 2) } } ... on Film { review { text } } } }`,
      data: { media: [{ review: { text: 'word word' } }, { review: { text: 'word' } }] },
    },
    'what differs only in its order is the same': {
      query: `{ media { stars(of: 2, by: { role: "r", name: "n" }) ... on Book { stars(by: { name: "n", role: "r" }, of: 2) } } }`,
      data: { media: [{ stars: 'b1 of 2 by r/n' }, { stars: 'f1 of 2 by r/n' }] },
      requests: { library: 1, reviews: 1 },
    },
    "the engine's own names are the client's to use": {
      query: `{ media { _own_id: id _own_1_stars: stars(of: 1) stars(of: 2) __proto__: __typename _typename: id } }`,
      data: {
        media: [
          JSON.parse(
            '{"_own_id":"b1","_own_1_stars":"b1 of 1 by -/-","stars":"b1 of 2 by -/-","__proto__":"Book","_typename":"b1"}',
          ),
          JSON.parse(
            '{"_own_id":"f1","_own_1_stars":"f1 of 1 by -/-","stars":"f1 of 2 by -/-","__proto__":"Film","_typename":"f1"}',
          ),
        ],
      },
    },
  },
});
