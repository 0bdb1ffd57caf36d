/** `Query.similarDocuments`. */
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { connectionType, pageArguments } from '#subgraphs/shared/connections.ts';
import type { InputRef } from '@pothos/core';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { VECTOR } from '../bounds.ts';
import type { SearchFilterShape } from '../input.ts';
import type { VectorLoaders } from '../loaders.ts';
import {
  checkNearDocuments,
  type NearDocumentEdge,
  type NearDocumentPage,
  type NearDocumentsArguments,
} from '../search/nearest-documents.ts';
import type { Stub, StubRef } from './similar.ts';

export function addSimilarDocuments(
  subgraph: SubgraphSchema,
  loaders: (context: RequestContext) => VectorLoaders,
  { Chunk, Document }: { readonly Chunk: StubRef; readonly Document: StubRef },
  Filter: InputRef<SearchFilterShape>,
): void {
  const { builder } = subgraph;
  const Connection = connectionType<Stub, NearDocumentEdge, NearDocumentPage>(subgraph, 'SimilarDocument', {
    node: Document,
    items: 'nearest documents',
    totalCount: `How many there are in all pages together, at most ${VECTOR.rankedDocuments.toLocaleString('en')}. Asking for it ranks that many.`,
    edgeFields: (t) => ({
      score: t.float({
        nullable: false,
        description: "How near it is: the cosine of the query's vector and that of its nearest chunk, -1 to 1.",
        resolve: (edge: NearDocumentEdge) => edge.score,
      }),
      chunk: t.field({
        type: Chunk,
        nullable: false,
        description: 'Its nearest chunk.',
        resolve: (edge: NearDocumentEdge) => edge.chunk,
      }),
    }),
    fields: (t) => ({
      approximate: t.boolean({
        nullable: false,
        description: 'Whether an approximate index ranked, which may have missed a document.',
        resolve: (page: NearDocumentPage) => page.approximate,
      }),
    }),
  });
  builder.queryField('similarDocuments', (t) =>
    t.field({
      directives: {
        cost: { weight: WEIGHT.search },
        ranks: {
          by: 'documentId',
          condition: 'similarTo',
          takes: ['query', 'minScore'],
          least: 'minScore',
          order: 'SIMILARITY',
          approximate: 'approximate',
          most: VECTOR.rankedDocuments,
        },
      },
      type: Connection,
      description: `The documents nearest to a query by meaning, the nearest first: each is as near as the nearest of its chunks. At most ${VECTOR.rankedDocuments.toLocaleString('en')} in all pages. \`documents\` has the same as \`where: { similarTo }\` and \`orderBy: [{ field: SIMILARITY }]\`, beside its other conditions.`,
      args: {
        query: t.arg.string({
          required: true,
          description:
            'What documents should be near to: words or a question, 1 to 8,000 characters. A `"phrase"` must stand in the chunk, and `-without` must not.',
        }),
        minScore: t.arg.float({ description: 'Only documents that are at least so near: -1 to 1.' }),
        where: t.arg({ type: Filter, description: 'Which chunks take part; all when absent.' }),
        ...pageArguments(t.arg as never),
      },
      resolve: async (_, args, context) =>
        await loaders(context).nearDocuments.page(checkNearDocuments(args as NearDocumentsArguments)),
    }),
  );
}
