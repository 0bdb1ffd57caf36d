/**
 * The planner takes a field for the same whatever its arguments: those of one `@requires`, of another, and of the
 * client.
 */
import { conformance } from '../case.ts';

interface Chunk {
  n: number;
  size?: number;
}

interface Document {
  id: string;
  chunks: Chunk[];
  best?: { score: number };
}

const numbers = (count: number): Chunk[] => Array.from({ length: count }, (_, n) => ({ n }));

export default conformance({
  subgraphs: {
    documents: {
      typeDefs: `
        type Query { document: Document }
        type Document @key(fields: "id") { id: ID! chunks(first: Int = 1, order: Order = UP): [Chunk] best(by: [Int!]): Best related: [Media] }
        type Chunk @key(fields: "n") { n: Int! }
        type Best { score(scale: Float! = 1): Float }
        interface Media { id: ID! pages(format: String): Int }
        type Book implements Media @key(fields: "id") { id: ID! pages(format: String): Int }
        type Film implements Media @key(fields: "id") { id: ID! pages(format: String): Int }
        enum Order { UP DOWN }`,
      resolvers: {
        Query: { document: () => ({ id: '1' }) },
        Document: {
          chunks: (_: unknown, { first, order }: { first: number; order: string }) =>
            order === 'UP' ? numbers(first) : numbers(first).reverse(),
          best: (_: unknown, { by }: { by?: number[] }) => ({ by: by ?? [] }),
          related: () => [
            { __typename: 'Book', id: 'b' },
            { __typename: 'Film', id: 'f' },
          ],
        },
        Best: {
          score: ({ by }: { by: number[] }, { scale }: { scale: number }) =>
            by.reduce((sum, number) => sum + number, 0) * scale,
        },
        Book: { pages: (_: unknown, { format }: { format?: string }) => (format === 'A5' ? 200 : 100) },
        Film: { pages: (_: unknown, { format }: { format?: string }) => format?.length ?? 0 },
      },
    },
    measures: {
      typeDefs: `type Chunk @key(fields: "n") { n: Int! size(unit: String): Int }`,
      resolvers: { Chunk: { size: ({ n }: Chunk, { unit }: { unit?: string }) => (unit === 'bits' ? n * 8 : n) } },
    },
    reports: {
      typeDefs: `
        type Document @key(fields: "id") {
          id: ID!
          chunks(first: Int = 1, order: Order = UP): [Chunk] @external
          best(by: [Int!]): Best @external
          related: [Media] @external
          two: [Int] @requires(fields: "chunks(first: 2) { n }")
          three: [Int] @requires(fields: "chunks(order: DOWN, first: 3) { n }")
          again: [Int] @requires(fields: "chunks(first: 3, order: DOWN) { n }")
          usual(plus: Int): Int @requires(fields: "chunks { n size }")
          bits: Int @requires(fields: "chunks(first: 4) { size(unit: \\"bits\\") }")
          low: Float @requires(fields: "best(by: [1, 2]) { score }")
          high: Float @requires(fields: "best(by: [1, 2]) { score(scale: 10) }")
          pages: Int @requires(fields: "related { ... on Book { pages(format: \\"A5\\") } ... on Film { pages(format: \\"dvd\\") } }")
        }
        type Chunk @key(fields: "n") { n: Int! size(unit: String): Int @external }
        type Best { score(scale: Float! = 1): Float @external }
        interface Media { id: ID! pages(format: String): Int }
        type Book implements Media @key(fields: "id") { id: ID! @external pages(format: String): Int @external }
        type Film implements Media @key(fields: "id") { id: ID! @external pages(format: String): Int @external }
        enum Order { UP DOWN }`,
      resolvers: {
        Document: {
          two: ({ chunks }: Document) => chunks.map(({ n }) => n),
          three: ({ chunks }: Document) => chunks.map(({ n }) => n),
          again: ({ chunks }: Document) => chunks.map(({ n }) => n),
          usual: ({ chunks }: Document, { plus }: { plus?: number }) =>
            chunks.length * 100 + chunks[0]!.size! + (plus ?? 0),
          bits: ({ chunks }: Document) => chunks.reduce((sum, { size }) => sum + size!, 0),
          low: ({ best }: Document) => best!.score,
          high: ({ best }: Document) => best!.score,
          pages: ({ related }: { related: { pages: number }[] }) => related.reduce((sum, { pages }) => sum + pages, 0),
        },
        Media: { __resolveType: ({ __typename }: { __typename: string }) => __typename },
      },
    },
  },
  operations: {
    "the client's own arguments stay its own": {
      query: `query ($n: Int) { document { chunks(first: 2) { n } three many: chunks(first: $n) { n } } }`,
      variables: { n: 4 },
      data: {
        document: { chunks: [{ n: 0 }, { n: 1 }], three: [2, 1, 0], many: [{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }] },
      },
    },
    'two fields that require one field with different arguments each get their own': {
      query: `{ document { two three } }`,
      data: { document: { two: [0, 1], three: [2, 1, 0] } },
    },
    'arguments in another order are the same arguments': {
      query: `{ document { again three } }`,
      data: { document: { again: [2, 1, 0], three: [2, 1, 0] } },
      requests: { documents: 1, reports: 1 },
    },
    'without arguments a required field has its defaults, whatever the client gives it': {
      query: `query ($plus: Int) { document { usual(plus: $plus) chunks(first: 3) { size(unit: "bits") } two } }`,
      variables: { plus: 7 },
      data: { document: { usual: 107, chunks: [{ size: 0 }, { size: 8 }, { size: 16 }], two: [0, 1] } },
    },
    'arguments below arguments, over another subgraph': {
      query: `{ document { bits usual chunks { size } two } }`,
      data: { document: { bits: 48, usual: 100, chunks: [{ size: 0 }], two: [0, 1] } },
    },
    'different arguments below equal ones': {
      query: `{ document { high low best { score } } }`,
      data: { document: { high: 30, low: 3, best: { score: 0 } } },
    },
    'each type of an abstract field with arguments of its own': {
      query: `{ document { pages related { pages } } }`,
      data: { document: { pages: 203, related: [{ pages: 100 }, { pages: 0 }] } },
    },
    "all at once, under aliases that look like the engine's own names": {
      query: `{ document { _required_0_chunks: three chunks: two three: chunks { n } high low } }`,
      data: { document: { _required_0_chunks: [2, 1, 0], chunks: [0, 1], three: [{ n: 0 }], high: 30, low: 3 } },
    },
  },
});
