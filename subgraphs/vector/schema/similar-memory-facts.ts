/** `Query.similarMemoryFacts`, and the remembered facts that it leads to, which another subgraph owns. */
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { connectionType, pageArguments } from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { VECTOR } from '../bounds.ts';
import type { FactFilterShape } from '../input.ts';
import type { VectorLoaders } from '../loaders.ts';
import {
  checkNearFacts,
  type NearDocumentEdge,
  type NearDocumentPage,
  type NearFactsArguments,
} from '../search/nearest-documents.ts';
import type { Stub } from './similar.ts';

export function addSimilarMemoryFacts(
  subgraph: SubgraphSchema,
  loaders: (context: RequestContext) => VectorLoaders,
): void {
  const { builder, shared } = subgraph;
  const MemoryFact = builder.objectRef<Stub>('MemoryFact');
  MemoryFact.implement({
    // No description: relational owns the type, and two descriptions would differ.
    fields: (t) => ({ id: t.exposeID('id', { nullable: false, description: 'The id.' }) }),
  });
  // Led to, and never asked for here.
  builder.asEntity(MemoryFact, {
    key: builder.keyDirective(builder.selection<Stub>('id'), false),
    resolveReference: ({ id }) => ({ id }),
  });
  const Filter = builder.inputRef<FactFilterShape>('SimilarMemoryFactFilter');
  Filter.implement({
    description: `Which remembered facts are ranked. All that is given must hold. At most ${VECTOR.conditionDepth} levels deep, with ${VECTOR.conditions} conditions.`,
    fields: (t) => ({
      and: t.field({ type: [Filter], description: 'All of these must match.' }),
      or: t.field({ type: [Filter], description: 'At least one of these must match; an empty list matches nothing.' }),
      not: t.field({ type: Filter, description: 'Must not match this.' }),
      id: t.field({ type: shared.IdFilter, description: "Conditions on the fact's id." }),
    }),
  });
  const Connection = connectionType<Stub, NearDocumentEdge, NearDocumentPage>(subgraph, 'SimilarMemoryFact', {
    node: MemoryFact,
    items: 'nearest remembered facts',
    totalCount: `How many there are in all pages together, at most ${VECTOR.rankedDocuments.toLocaleString('en')}. Asking for it ranks that many.`,
    edgeFields: (t) => ({
      score: t.float({
        nullable: false,
        description: "How near it is: the cosine of the query's vector and that of its key and value, -1 to 1.",
        resolve: (edge: NearDocumentEdge) => edge.score,
      }),
    }),
    fields: (t) => ({
      approximate: t.boolean({
        nullable: false,
        description: 'Whether an approximate index ranked, which may have missed a fact.',
        resolve: (page: NearDocumentPage) => page.approximate,
      }),
    }),
  });
  builder.queryField('similarMemoryFacts', (t) =>
    t.field({
      directives: {
        cost: { weight: WEIGHT.search },
        ranks: {
          by: 'id',
          condition: 'similarTo',
          takes: ['query', 'minScore'],
          least: 'minScore',
          order: 'SIMILARITY',
          approximate: 'approximate',
          most: VECTOR.rankedDocuments,
        },
      },
      type: Connection,
      description: `The remembered facts nearest to a query by meaning, by key and value together, the nearest first. At most ${VECTOR.rankedDocuments.toLocaleString('en')} in all pages. \`memoryFacts\` has the same as \`where: { similarTo }\` and \`orderBy: [{ field: SIMILARITY }]\`, beside its other conditions, such as whose memory and since when.`,
      args: {
        query: t.arg.string({
          required: true,
          description:
            'What facts should be near to: words or a question, 1 to 8,000 characters. A `"phrase"` must stand in key or value, and `-without` must not.',
        }),
        minScore: t.arg.float({ description: 'Only facts that are at least so near: -1 to 1.' }),
        where: t.arg({ type: Filter, description: 'Which facts are ranked; all when absent.' }),
        ...pageArguments(t.arg as never),
      },
      resolve: async (_, args, context) =>
        await loaders(context).nearFacts.page(checkNearFacts(args as NearFactsArguments)),
    }),
  );
}
