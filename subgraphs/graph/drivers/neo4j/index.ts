/**
 * The graph in Neo4j 5. Every node pattern names the tenant, and relations are only ever made between two nodes that
 * were matched with it.
 *
 *     (:TributaryEntity {tenantId, id, name, nameOrder, kind, properties, byHand})
 *     (:TributaryEntity)-[:<TYPE> {tenantId, id, properties}]->(:TributaryEntity)
 *     (:TributaryRelation {tenantId, id, from, to, byHand})       finds a relation by its id, and who asserts it
 *     (:TributaryDocument {tenantId, id})-[:TRIBUTARY_MENTIONS {position}]->(:TributaryEntity)
 *     (:TributaryDocument)-[:TRIBUTARY_ASSERTS]->(:TributaryRelation)
 *
 * Properties are JSON text: Neo4j cannot hold nested values, and property names of callers would have to be quoted
 * into Cypher. Of what callers send only relation types ever are, after a check against a strict pattern.
 * `nameOrder` is what names sort by: Neo4j's index and its comparisons disagree about characters beyond U+FFFF.
 */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { Neo4jClient, type Neo4jOptions } from '#subgraphs/shared/neo4j/neo4j.ts';
import type { GraphDriver } from '../../driver.ts';
import { neo4jErasure } from './erase.ts';
import type { Query } from './query.ts';
import { neo4jReads } from './reads.ts';
import { deleteEntities, deleteRelations, indexDocuments, upsertEntities, upsertRelations } from './writes.ts';

const SCHEMA = [
  'CREATE CONSTRAINT tributary_entity IF NOT EXISTS FOR (e:TributaryEntity) REQUIRE (e.tenantId, e.id) IS UNIQUE',
  'CREATE CONSTRAINT tributary_relation IF NOT EXISTS FOR (r:TributaryRelation) REQUIRE (r.tenantId, r.id) IS UNIQUE',
  'CREATE CONSTRAINT tributary_document IF NOT EXISTS FOR (d:TributaryDocument) REQUIRE (d.tenantId, d.id) IS UNIQUE',
  'CREATE CONSTRAINT tributary_tenant IF NOT EXISTS FOR (t:TributaryTenant) REQUIRE t.tenantId IS UNIQUE',
  'CREATE INDEX tributary_entity_order IF NOT EXISTS FOR (e:TributaryEntity) ON (e.tenantId, e.nameOrder, e.id)',
  'CREATE INDEX tributary_entity_kind_order IF NOT EXISTS FOR (e:TributaryEntity) ON (e.tenantId, e.kind, e.nameOrder, e.id)',
  'CALL db.awaitIndexes(60)',
];

/** The client is made, and constraints and indexes are created, when the driver is first used (or first probed). */
export function createNeo4jGraph(options: Neo4jOptions): GraphDriver {
  const client = new Neo4jClient(options, { schema: SCHEMA });
  const transaction = <T>(
    context: RequestContext,
    mode: 'executeRead' | 'executeWrite',
    work: (query: Query) => Promise<T>,
  ): Promise<T> =>
    client.transaction(context, mode, (run) =>
      work(async <Row>(cypher: string, parameters: Record<string, unknown> = {}) => {
        const { records } = await run(cypher, { ...parameters, tenantId: context.principal.tenantId });
        return records.map((record) => record.toObject() as Row);
      }),
    );
  return {
    ...neo4jReads((context, work) => transaction(context, 'executeRead', work)),
    upsertEntities: (context, entities) =>
      transaction(context, 'executeWrite', (query) => upsertEntities(context, query, entities)),
    upsertRelations: (context, relations) =>
      transaction(context, 'executeWrite', (query) => upsertRelations(context, query, relations)),
    deleteEntities: (context, ids) => transaction(context, 'executeWrite', (query) => deleteEntities(query, ids)),
    deleteRelations: (context, ids) => transaction(context, 'executeWrite', (query) => deleteRelations(query, ids)),
    indexDocuments: (context, documents) =>
      transaction(context, 'executeWrite', (query) => indexDocuments(context, query, documents)),
    health: async () => [await client.health()],
    examine: () => client.examine(),
    erasure: neo4jErasure(client),
    close: () => client.close(),
  };
}
