/** `@requires` into interfaces and unions, with fragments. */
import { conformance } from '../case.ts';

interface Content {
  __typename: string;
  words?: number;
  pixels?: number;
  title?: string;
}

const pages = [
  {
    id: 1,
    content: { __typename: 'Text', title: 'T', words: 5 },
    parts: [
      { __typename: 'Image', pixels: 7 },
      { __typename: 'Text', words: 2 },
    ],
  },
  { id: 2, content: { __typename: 'Image', title: 'I', pixels: 3 }, parts: [] },
  { id: 3, content: null, parts: null },
];

export default conformance({
  subgraphs: {
    pages: {
      typeDefs: `
        type Query { pages: [Page] }
        type Page @key(fields: "id") { id: ID! content: Content parts: [Part] }
        interface Content { title: String }
        type Text implements Content { title: String words: Int }
        type Image implements Content { title: String pixels: Int }
        union Part = Text | Image`,
      resolvers: {
        Query: {
          pages: () => pages,
        },
        Page: { __resolveReference: ({ id }: { id: string }) => pages.find((page) => String(page.id) === id) },
      },
    },
    sizes: {
      typeDefs: `
        type Page @key(fields: "id") {
          id: ID!
          content: Content @external
          parts: [Part] @external
          size: String @requires(fields: "content { __typename title ... on Text { words } ... on Image { pixels } }")
          sum: Int @requires(fields: "parts { ... on Text { words } ... on Image { pixels } }")
        }
        interface Content { title: String }
        type Text implements Content { title: String @external words: Int @external }
        type Image implements Content { title: String @external pixels: Int @external }
        union Part = Text | Image`,
      resolvers: {
        Page: {
          size: ({ content }: { content: Content | null }) =>
            content && `${content.title} ${content.__typename} ${content.words ?? content.pixels}`,
          sum: ({ parts }: { parts: Content[] | null }) =>
            parts && parts.reduce((sum, { words = 0, pixels = 0 }) => sum + words + pixels, 0),
        },
        Content: { __resolveType: ({ __typename }: Content) => __typename },
        Part: { __resolveType: ({ __typename }: Content) => __typename },
      },
    },
  },
  operations: {
    'each object sends what its type has': {
      query: `{ pages { size sum } }`,
      data: {
        pages: [
          { size: 'T Text 5', sum: 9 },
          { size: 'I Image 3', sum: 0 },
          { size: null, sum: null },
        ],
      },
    },
    "beside the client's own fragments": {
      query: `{ pages { content { ... on Text { title: words } ... on Image { words: title } } size } }`,
      data: {
        pages: [
          { content: { title: 5 }, size: 'T Text 5' },
          { content: { words: 'I' }, size: 'I Image 3' },
          { content: null, size: null },
        ],
      },
    },
  },
});
