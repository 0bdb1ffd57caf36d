/** `Query.similarMemoryFacts`, and the remembered facts that it leads to, which another subgraph owns. */
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { VECTOR } from '../bounds.ts';
import type { FactFilterShape } from '../input.ts';
import type { VectorLoaders } from '../loaders.ts';
import { checkNearFacts } from '../search/nearest-documents.ts';
import { addNearById } from './near-ranking.ts';
import type { Stub } from './similar.ts';

export function addSimilarMemoryFacts(
  subgraph: SubgraphSchema,
  loaders: (context: RequestContext) => VectorLoaders,
): void {
  const { builder } = subgraph;
  const MemoryFact = builder.objectRef<Stub>('MemoryFact');
  MemoryFact.implement({
    // No description: relational owns the type, and two descriptions would differ.
    fields: (t) => ({ id: t.exposeID('id', { nullable: false, description: 'The id.' }) }),
  });
  addNearById<FactFilterShape>(subgraph, {
    type: 'MemoryFact',
    node: MemoryFact,
    field: 'similarMemoryFacts',
    description: `The remembered facts nearest to a query by meaning, by key and value together, the nearest first. At most ${VECTOR.rankedDocuments.toLocaleString('en')} in all pages. \`memoryFacts\` has the same as \`where: { similarTo }\` and \`orderBy: [{ field: SIMILARITY }]\`, beside its other conditions, such as whose memory and since when. Of what is one user's own, the caller's, or everybody's with the scope \`memory:all\`.`,
    item: 'fact',
    items: 'facts',
    called: 'remembered facts',
    scored: 'its key and value',
    phrases: 'key or value',
    page: (args, context) => loaders(context).nearFacts.page(checkNearFacts(context, args)),
  });
}
