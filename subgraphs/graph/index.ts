/** Entities and the relations between them: Neo4j where it is configured, else PostgreSQL, else switched off. */
import type { Neo4jOptions } from '#subgraphs/shared/neo4j/neo4j.ts';
import type { ShareLookup } from '#subgraphs/shared/ports.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import type { GraphDriver } from './driver.ts';
import { createDisabledGraph } from './drivers/disabled.ts';
import { createPostgresGraph } from './drivers/postgres/index.ts';
import { documentEntitiesWithShared } from './sharing/shared-documents.ts';
import { buildSchema } from './schema/index.ts';

export interface GraphConfig {
  /** Keeps the graph in Neo4j (5.x). */
  readonly neo4j?: Neo4jOptions;
  /** The most relations that are read for one level of a walk. @default `GRAPH.levelRelations` */
  readonly levelRelations?: number;
}

export interface GraphDeps {
  /** The process's pool; used where `neo4j` is not configured. It is not closed with the subgraph. */
  readonly postgres?: Postgres;
  /** What was shared with callers of projects. @default nothing was */
  readonly shares?: ShareLookup | undefined;
}

/**
 * Makes the subgraph and, on PostgreSQL, applies its migrations. Neo4j is first contacted when it is first used.
 * @throws CodedError `STORE_UNAVAILABLE` when migrations cannot run
 */
export async function createGraph(config: GraphConfig, deps: GraphDeps): Promise<Subgraph> {
  const driver = await chooseDriver(config, deps);
  return {
    name: 'graph',
    schema: buildSchema({
      driver,
      documentEntities: documentEntitiesWithShared(driver, deps.shares),
      levelRelations: config.levelRelations,
    }),
    routes: [],
    provides: {
      graphLookup: {
        existing: async (context, type, ids) =>
          new Set(
            (type === 'Entity'
              ? await driver.entitiesByIds(context, ids)
              : await driver.relationsByIds(context, ids)
            ).keys(),
          ),
        naming: (context, ids, { after, ...slice }) =>
          driver.entityDocuments(context, ids, { ...slice, after: after === null ? null : [after] }),
        namingCounts: (context, ids) => driver.countEntityDocuments(context, ids),
      },
    },
    erasure: driver.erasure,
    health: () => driver.health(),
    ...(driver.examine === undefined ? {} : { examine: () => driver.examine!() }),
    close: () => driver.close(),
  };
}

async function chooseDriver(config: GraphConfig, { postgres }: GraphDeps): Promise<GraphDriver> {
  // Its client takes long to load, and memory.
  if (config.neo4j) return (await import('./drivers/neo4j/index.ts')).createNeo4jGraph(config.neo4j);
  if (!postgres) return createDisabledGraph();
  await postgres.migrate('graph', new URL('./migrations/', import.meta.url));
  return createPostgresGraph(postgres);
}
