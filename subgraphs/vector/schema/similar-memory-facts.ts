/** `Query.similarMemoryFacts`, and the remembered facts that it leads to, which another subgraph owns. */
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { VECTOR } from '../bounds.ts';
import type { FactFilterShape } from '../input.ts';
import type { VectorLoaders } from '../loaders.ts';
import { checkNearFacts } from '../search/nearest-documents.ts';
import { addNearRanking } from './near-ranking.ts';
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
  addNearRanking(subgraph, {
    field: 'similarMemoryFacts',
    description: `The remembered facts nearest to a query by meaning, by key and value together, the nearest first. At most ${VECTOR.rankedDocuments.toLocaleString('en')} in all pages. \`memoryFacts\` has the same as \`where: { similarTo }\` and \`orderBy: [{ field: SIMILARITY }]\`, beside its other conditions, such as whose memory and since when. Of what is one user's own, the caller's, or everybody's with the scope \`memory:all\`.`,
    prefix: 'SimilarMemoryFact',
    node: MemoryFact,
    item: 'fact',
    items: 'facts',
    scored: 'its key and value',
    phrases: 'key or value',
    Filter,
    filtered: 'Which facts are ranked; all when absent.',
    by: 'id',
    page: (args, context) => loaders(context).nearFacts.page(checkNearFacts(context, args)),
  });
}
