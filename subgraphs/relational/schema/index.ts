/** The relational subgraph's schema: agents, documents, memory, artifacts, and what is kept for the record. */
import type { GraphQLSchema } from 'graphql';
import { createSubgraphSchema } from '#subgraphs/shared/builder.ts';
import { STORES, type ModelName, type RelationalDriver } from '../driver.ts';
import type { IndexingHub } from '../indexing/hub.ts';
import { createLoaders } from '../loaders.ts';
import { MODELS } from '../models/columns.ts';
import { addAgents } from './agents.ts';
import { addApiKeys } from './api-keys.ts';
import { addArtifacts } from './artifacts.ts';
import { addCutting } from './cutting.ts';
import { addDocumentMutations } from './document-mutations.ts';
import { addDocuments } from './documents.ts';
import type { Cutting, KeyMaking, SchemaParts, Waits } from './entity.ts';
import { addEntityDocuments } from './entity-documents.ts';
import { addFacets } from './facets.ts';
import { addIndexing, indexingType } from './indexing.ts';
import { addMemory } from './memory.ts';
import { addNodeInterface, addNodes } from './node.ts';
import { addOutbox } from './outbox.ts';
import { addAudit, addTenant, addUsage } from './records.ts';
import { addSessions } from './sessions.ts';
import { addSummaries } from './session-summaries.ts';
import { addShares } from './shares.ts';
import { addStubs } from './stubs.ts';

export interface RelationalSchemaDeps {
  readonly driver: RelationalDriver;
  readonly cutting: Cutting;
  readonly keys: KeyMaking;
  readonly hub: IndexingHub;
  readonly waits: Waits;
  readonly runs?: SchemaParts['runs'] | undefined;
  readonly graph?: SchemaParts['graph'] | undefined;
  readonly chat?: SchemaParts['chat'] | undefined;
  /** @default false */
  readonly messagesIndexed?: boolean | undefined;
  /** The most documents that are looked through for entities. @default `RELATIONAL.naming` */
  readonly naming?: number | undefined;
}

/** Builds the executable schema; `deps` is used by resolvers only, never while building. */
export function buildSchema(deps: RelationalSchemaDeps): GraphQLSchema {
  const subgraph = createSubgraphSchema({ query: true, mutation: true, subscription: true });
  const { builder } = subgraph;
  const node = addNodeInterface(builder);
  let loaders: SchemaParts['loaders'] | undefined;
  const indexedStore = builder.enumType('IndexedStore', {
    description: 'A store that follows documents; the one of vectors follows remembered facts and messages too.',
    values: Object.fromEntries(STORES.map((store) => [store, { description: FOLLOWS[store] }])) as never,
  }) as unknown as SchemaParts['indexedStore'];
  const parts: SchemaParts = {
    subgraph,
    builder,
    driver: () => deps.driver,
    cutting: () => deps.cutting,
    keys: () => deps.keys,
    runs: () => deps.runs?.(),
    graph: () => deps.graph?.(),
    chat: () => deps.chat?.(),
    messagesIndexed: () => deps.messagesIndexed === true,
    inputs: new Map(),
    node,
    loaders: (context) => (loaders ??= createLoaders(deps.driver, parts.graph, deps.naming))(context),
    types: Object.fromEntries(
      (Object.keys(MODELS) as ModelName[]).map((name) => [name, builder.objectRef(name)]),
    ) as unknown as SchemaParts['types'],
    stubs: addStubs(builder, node),
    indexedStore,
    indexing: { type: indexingType(builder, indexedStore), hub: () => deps.hub, waits: () => deps.waits },
  };
  addTenant(parts);
  addAgents(parts);
  addDocuments(parts);
  addEntityDocuments(parts);
  addDocumentMutations(parts);
  addFacets(parts);
  addIndexing(parts);
  addMemory(parts);
  const { role } = addSessions(parts);
  addSummaries(parts, role);
  addArtifacts(parts);
  addUsage(parts);
  addAudit(parts);
  addOutbox(parts);
  addCutting(parts);
  addApiKeys(parts);
  addShares(parts);
  addNodes(parts);
  return subgraph.build();
}

const FOLLOWS = {
  OBJECT: 'The object store, which has the bytes.',
  VECTOR: 'The vector store, which finds the chunks, remembered facts and messages.',
  GRAPH: 'The graph, which has the entities and relations.',
} as const;
