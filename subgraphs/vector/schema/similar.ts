/** `Chunk.similar` and `Document.similar`, on entities that others own. */
import type { ObjectRef } from '@pothos/core';

import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import {
  connectionType,
  pageArguments,
  pageOf,
  pageRequest,
  type Edge,
  type Page,
  type PageArguments,
} from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { selects } from '#subgraphs/shared/selections.ts';
import { VECTOR } from '../bounds.ts';
import type { VectorLoaders } from '../loaders.ts';
import { partsIn } from '../indexing/content-hash.ts';
import { checkId } from '../input.ts';
import { cut, rankedFor, readCursor, writeCursor } from '../search/search.ts';

/** An entity as this subgraph knows it. */
export interface Stub {
  id: string;
}
export type StubRef = ObjectRef<any, Stub>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter

interface ScoredEdge extends Edge<Stub> {
  score: number;
}
interface SimilarPage extends Page<Stub, ScoredEdge> {
  approximate: boolean;
}

export function addSimilar(
  subgraph: SubgraphSchema,
  loaders: (context: RequestContext) => VectorLoaders,
): { Chunk: StubRef; Document: StubRef } {
  const { builder } = subgraph;
  const Chunk = builder.objectRef<Stub>('Chunk');
  const Document = builder.objectRef<Stub>('Document');

  const similarConnection = (name: string, node: StubRef, items: string, score: string) =>
    connectionType<Stub, ScoredEdge, SimilarPage>(subgraph, name, {
      node,
      items,
      totalCount: `How many ${items} there are in all pages together, at most ${VECTOR.window.toLocaleString('en')}. Asking for it ranks that many.`,
      edgeFields: (t) => ({
        score: t.float({ nullable: false, description: score, resolve: (edge: ScoredEdge) => edge.score }),
      }),
      fields: (t) => ({
        approximate: t.boolean({
          nullable: false,
          description:
            'Whether an approximate index ranked, which may have missed an item; false when everything was compared.',
          resolve: (page: SimilarPage) => page.approximate,
        }),
      }),
    });
  const ChunkSimilar = similarConnection(
    'ChunkSimilar',
    Chunk,
    'similar chunks',
    "Cosine of the two chunks' vectors: 1 is the same direction, 0 unrelated, -1 opposite. Comparable between chunks of one model.",
  );
  const DocumentSimilar = similarConnection(
    'DocumentSimilar',
    Document,
    'similar documents',
    "Cosine of the two documents' vectors, each the normalised mean of its chunks' vectors: 1 is the same direction, 0 unrelated, -1 opposite.",
  );

  Chunk.implement({
    // No description: relational owns the type, and two descriptions would differ.
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: 'The id.' }),
      embeddedParts: t.int({
        description:
          "In how many parts the text was embedded. 1 is the rule; more where the embedding model refused it as too long: its vector is then the mean of the parts', and says less of each. Null while this chunk has no vector, or where a caller gave it.",
        resolve: async ({ id }, _, context) => {
          const hash = await loaders(context).contentHash.load(id);
          return hash === null ? null : partsIn(hash);
        },
      }),
      similar: t.field({
        directives: { cost: { weight: WEIGHT.similar } },
        type: ChunkSimilar,
        description:
          "The chunks of all documents whose vectors are nearest to this one's, itself left out; at most 1,000 in all pages. Null while this chunk has no vector (see `Document.indexing`).",
        args: pageArguments(t.arg as never),
        resolve: async (chunk, args, context, info) => {
          const ranking = await loaders(context)
            .similarChunks(rankedFor(pageRequest(args), selects(info, ['totalCount'])))
            .load(chunk.id);
          return ranking && similarPage(`similarChunks:${chunk.id}`, args, ranking, (item) => item.chunkId);
        },
      }),
    }),
  });
  Document.implement({
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: 'The id.' }),
      similar: t.field({
        directives: { cost: { weight: WEIGHT.similar } },
        type: DocumentSimilar,
        description:
          "The documents nearest to this one, itself left out; at most 1,000 in all pages. A document's vector is the normalised mean of its chunks' vectors. Null while no chunk of this document has a vector (see `indexing`).",
        args: pageArguments(t.arg as never),
        resolve: async (document, args, context, info) => {
          const ranking = await loaders(context)
            .similarDocuments(rankedFor(pageRequest(args), selects(info, ['totalCount'])))
            .load(document.id);
          return ranking && similarPage(`similarDocuments:${document.id}`, args, ranking, (item) => item.documentId);
        },
      }),
    }),
  });
  for (const ref of [Chunk, Document]) {
    builder.asEntity(ref, {
      key: builder.selection<Stub>('id'),
      // The stub knows nothing that the store could deny: whether the thing exists is for its owner to say.
      resolveReference: ({ id }) => ({ id: checkId(id, '`id`') }),
    });
  }
  return { Chunk, Document };
}

function similarPage<Item extends { score: number }>(
  list: string,
  args: PageArguments,
  ranking: { items: readonly Item[]; approximate: boolean },
  idOf: (item: Item) => string,
): SimilarPage {
  const page = pageRequest(args);
  const items = cut(ranking.items, page, readCursor(list, page.from), { idOf, ofItself: true });
  return {
    approximate: ranking.approximate,
    totalCount: () => Promise.resolve(ranking.items.length),
    ...pageOf(items, page, (item): ScoredEdge => ({
      score: item.score,
      node: { id: idOf(item) },
      cursor: () => writeCursor(list, item.score, idOf(item)),
    })),
  };
}
