/** The vector subgraph's schema: search, similar chunks, documents, remembered facts and messages, and the writes that keep vectors. */
import type { GraphQLSchema } from 'graphql';

import { createSubgraphSchema } from '#subgraphs/shared/builder.ts';
import { createLoaders } from '../loaders.ts';
import type { VectorSchemaDeps } from './deps.ts';
import { addIndexing } from './indexing.ts';
import { addMutations } from './mutations.ts';
import { addRenewal } from './renewal.ts';
import { addSearch } from './search.ts';
import { addSimilar } from './similar.ts';
import { addSimilarDocuments } from './similar-documents.ts';
import { addSimilarMemoryFacts } from './similar-memory-facts.ts';
import { addSimilarMessages } from './similar-messages.ts';

/** Builds the schema. Does not touch `deps` while building. */
export function buildSchema(deps: VectorSchemaDeps): GraphQLSchema {
  const subgraph = createSubgraphSchema({ query: true, mutation: true });
  const loaders = createLoaders(() => deps);
  const { Chunk, Document } = addSimilar(subgraph, loaders);
  const filter = addSearch(subgraph, deps, loaders, Chunk);
  addSimilarDocuments(subgraph, loaders, { Chunk, Document }, filter);
  addSimilarMemoryFacts(subgraph, loaders);
  addSimilarMessages(subgraph, deps, loaders);
  addMutations(subgraph, deps, loaders, Chunk);
  addIndexing(subgraph, deps, loaders, Document);
  addRenewal(subgraph, deps);
  return subgraph.build();
}
