/** `@interfaceObject`: a subgraph adds fields to all implementations of an interface that it knows only by its key. */
import { conformance } from '../case.ts';

interface Media {
  __typename: string;
  id: string;
  pages?: number;
}

const all: Record<string, Media> = { b: { __typename: 'Book', id: 'b', pages: 9 }, f: { __typename: 'Film', id: 'f' } };

export default conformance({
  subgraphs: {
    library: {
      typeDefs: `
        type Query { media: [Media!] book: Book things: [Thing] }
        interface Media @key(fields: "id") { id: ID! title: String }
        type Book implements Media @key(fields: "id") { id: ID! title: String pages: Int }
        type Film implements Media @key(fields: "id") { id: ID! title: String }
        union Thing = Book | Film`,
      resolvers: {
        Query: { media: () => [all.b, all.f], book: () => all.b, things: () => [all.f, all.b] },
        Media: { __resolveReference: ({ id }: Media) => all[id] ?? null },
        Book: { __resolveReference: ({ id }: Media) => all[id], title: () => 'A book' },
        Film: { __resolveReference: ({ id }: Media) => all[id], title: () => 'A film' },
      },
    },
    reviews: {
      typeDefs: `
        type Query { best: Media lost: Media ranked: [Media] }
        type Media @interfaceObject @key(fields: "id") { id: ID! stars: Int similar: [Media] title: String @external shout: String @requires(fields: "title") }`,
      resolvers: {
        Query: {
          best: () => ({ id: 'b' }),
          lost: () => ({ id: 'nobody' }),
          ranked: () => [{ id: 'f' }, null, { id: 'b' }],
        },
        Media: {
          stars: ({ id }: Media) => id.charCodeAt(0),
          similar: ({ id }: Media) => [{ id: id === 'b' ? 'f' : 'b' }],
          shout: ({ title }: { title: string }) => title.toUpperCase(),
        },
      },
    },
    languages: {
      typeDefs: `type Media @interfaceObject @key(fields: "id") { id: ID! language: String }`,
      resolvers: { Media: { language: ({ id }: Media) => `language of ${id}` } },
    },
  },
  operations: {
    'a field of all implementations': {
      query: `{ media { __typename id stars ... on Book { pages } } }`,
      data: {
        media: [
          { __typename: 'Book', id: 'b', stars: 98, pages: 9 },
          { __typename: 'Film', id: 'f', stars: 102 },
        ],
      },
    },
    'on one type, and through a union': {
      query: `{ book { stars language } things { ... on Film { stars } ... on Media { language } } }`,
      data: {
        book: { stars: 98, language: 'language of b' },
        things: [{ stars: 102, language: 'language of f' }, { language: 'language of b' }],
      },
    },
    'from the interface object to the types': {
      query: `{ best { __typename id stars title ... on Book { pages } ... on Film { id stars } } }`,
      data: { best: { __typename: 'Book', id: 'b', stars: 98, title: 'A book', pages: 9 } },
    },
    'no other subgraph is asked for what the interface object has': {
      query: `{ best { id stars } }`,
      data: { best: { id: 'b', stars: 98 } },
      requests: { library: 0, reviews: 1 },
    },
    'from one interface object to another': {
      query: `{ ranked { language similar { stars language } } }`,
      data: {
        ranked: [
          { language: 'language of f', similar: [{ stars: 98, language: 'language of b' }] },
          null,
          { language: 'language of b', similar: [{ stars: 102, language: 'language of f' }] },
        ],
      },
    },
    "@requires of the interface's fields": {
      query: `{ media { shout } best { shout } }`,
      data: { media: [{ shout: 'A BOOK' }, { shout: 'A FILM' }], best: { shout: 'A BOOK' } },
    },
    'fields of one type only': {
      query: `{ ranked { ... on Film { stars title } } }`,
      data: { ranked: [{ stars: 102, title: 'A film' }, null, {}] },
    },
  },
});
