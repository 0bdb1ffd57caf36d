/** `Query.similarDocuments`. */
import type { InputRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { VECTOR } from '../bounds.ts';
import type { SearchFilterShape } from '../input.ts';
import type { VectorLoaders } from '../loaders.ts';
import { checkNearDocuments, type NearDocumentEdge } from '../search/nearest-documents.ts';
import { addNearRanking } from './near-ranking.ts';
import type { StubRef } from './similar.ts';

export function addSimilarDocuments(
  subgraph: SubgraphSchema,
  loaders: (context: RequestContext) => VectorLoaders,
  { Chunk, Document }: { readonly Chunk: StubRef; readonly Document: StubRef },
  Filter: InputRef<SearchFilterShape>,
): void {
  addNearRanking(subgraph, {
    field: 'similarDocuments',
    description: `The documents nearest to a query by meaning, the nearest first: each is as near as the nearest of its chunks. At most ${VECTOR.rankedDocuments.toLocaleString('en')} in all pages. \`documents\` has the same as \`where: { similarTo }\` and \`orderBy: [{ field: SIMILARITY }]\`, beside its other conditions.`,
    prefix: 'SimilarDocument',
    node: Document,
    item: 'document',
    items: 'documents',
    scored: 'its nearest chunk',
    phrases: 'the chunk',
    Filter,
    filtered: 'Which chunks take part; all when absent.',
    by: 'documentId',
    edgeFields: (t) => ({
      chunk: t.field({
        type: Chunk,
        nullable: false,
        description: 'Its nearest chunk.',
        resolve: (edge: NearDocumentEdge) => edge.chunk,
      }),
    }),
    page: (args, context) => loaders(context).nearDocuments.page(checkNearDocuments(args)),
  });
}
