/** Fills Neo4j as the driver would have, in batches that the server makes of ranges of numbers. */
import neo4j from 'neo4j-driver';
import type { Neo4jOptions } from '#subgraphs/shared/neo4j/neo4j.ts';
import { BIG, KINDS, MENTIONS, SMALL, type Sizes } from './sizes.ts';

const BATCH = 20_000;
const TENANT = `CASE WHEN i % 100 = 0 THEN '${SMALL}' ELSE '${BIG}' END`;

export async function loadNeo4j(
  { uri, username, password }: Neo4jOptions,
  sizes: Sizes,
  say: (line: string) => void,
): Promise<void> {
  const driver = neo4j.driver(uri, neo4j.auth.basic(username, password as string));
  const { entities, relationsPerEntity, mentioning } = sizes;
  const batches = async (what: string, count: number, batch: number, cypher: string): Promise<void> => {
    const began = performance.now();
    for (let from = 1; from <= count; from += batch) {
      await driver.executeQuery(`UNWIND range($from, $to) AS i ${cypher}`, {
        from: neo4j.int(from),
        to: neo4j.int(Math.min(from + batch - 1, count)),
        entities: neo4j.int(entities),
        each: neo4j.int(relationsPerEntity),
      });
    }
    say(`neo4j: ${what} of ${count} in ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  };
  try {
    await batches(
      'entities',
      entities,
      BATCH,
      `CREATE (:TributaryEntity {tenantId: ${TENANT}, id: 'ent_' + i, name: 'name ' + i, nameOrder: 'name ' + i, kind: 'kind' + (i % ${KINDS}), properties: '{}', byHand: false})`,
    );
    await driver.executeQuery('CALL db.awaitIndexes(600)');
    for (const type of [0, 1, 2]) {
      await batches(
        `relations TYPE_${type}`,
        entities,
        BATCH / 4,
        `
        UNWIND [k IN range(1, $each) WHERE k % 3 = ${type}] AS k
        WITH i, k, ${TENANT} AS tenant, ((i + k * k * 700 - 1) % $entities) + 1 AS other
        MATCH (a:TributaryEntity {tenantId: tenant, id: 'ent_' + i}), (b:TributaryEntity {tenantId: tenant, id: 'ent_' + other})
        CREATE (a)-[:TYPE_${type} {tenantId: tenant, id: 'rel_' + i + '_' + k, properties: '{}'}]->(b)
        CREATE (:TributaryRelation {tenantId: tenant, id: 'rel_' + i + '_' + k, from: a.id, to: b.id, byHand: false})`,
      );
    }
    await batches(
      'documents',
      mentioning,
      BATCH / 4,
      `
      WITH i, ${TENANT} AS tenant CREATE (d:TributaryDocument {tenantId: tenant, id: 'doc_' + i})
      WITH i, tenant, d UNWIND range(0, ${MENTIONS - 1}) AS n
      MATCH (e:TributaryEntity {tenantId: tenant, id: 'ent_' + (((i + n * 700 - 1) % $entities) + 1)}) CREATE (d)-[:TRIBUTARY_MENTIONS {position: n}]->(e)`,
    );
    await driver.executeQuery('CALL db.resampleOutdatedIndexes()');
    await driver.executeQuery('CALL db.awaitIndexes(600)');
  } finally {
    await driver.close();
  }
}
