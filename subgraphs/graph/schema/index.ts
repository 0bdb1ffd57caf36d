/** The graph subgraph's schema: entities, the relations between them, and the documents that name them. */
import type { GraphQLSchema } from 'graphql';
import { createSubgraphSchema } from '#subgraphs/shared/builder.ts';
import { GRAPH } from '../bounds.ts';
import type { GraphDriver } from '../driver.ts';
import { createLoaders } from '../loaders.ts';
import type { DocumentEntities } from '../sharing/shared-documents.ts';
import { addAggregates } from './aggregates.ts';
import { addMutations } from './mutations.ts';
import { addQueries } from './queries.ts';
import { addEntityTypes } from './types.ts';
import { unknownNames } from './unknown-names.ts';

export interface GraphSchemaDeps {
  readonly driver: GraphDriver;
  /** The driver's, with what was shared with the caller's project. */
  readonly documentEntities: DocumentEntities;
  /** The most relations that are read for one level of a walk. @default {@link GRAPH} */
  readonly levelRelations?: number;
}

/** Builds the executable schema; `deps` is used by resolvers only, never while building. */
export function buildSchema(deps: GraphSchemaDeps): GraphQLSchema {
  const schema = createSubgraphSchema({ query: true, mutation: true });
  const { levelRelations = GRAPH.levelRelations } = deps;
  const reads = { driver: deps.driver, documentEntities: deps.documentEntities, levelRelations };
  const loaders = createLoaders(reads);
  const tell = unknownNames(loaders);
  const types = addEntityTypes(schema, loaders, tell);
  addQueries(schema, types, reads, loaders, tell);
  addAggregates(schema, types, deps.driver);
  addMutations(schema, types, deps, loaders);
  return schema.build();
}
