/**
 * Writes to Neo4j: each in one managed transaction, with a number of statements that depends only on how many types of
 * relation are written. Writers of one tenant take turns (a lock on the tenant's node), because whether an entity is an
 * orphan can only be decided while nobody else relates to it.
 */
import { parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import neo4j from 'neo4j-driver';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { noSuch } from '#subgraphs/shared/ids.ts';
import type {
  DocumentGraph,
  Entity,
  EntityWrite,
  Properties,
  Relation,
  RelationWrite,
  StoredItem,
} from '../../driver.ts';
import { groupedBy } from '../grouping.ts';
import {
  changesOf,
  documentBatch,
  entityPatches,
  namedEnds,
  presentIds,
  relationPatches,
} from '../../writes/prepare.ts';
import { quotedTypes } from './reads.ts';
import { nameOrder } from './find.ts';
import type { Query } from './query.ts';

export async function upsertEntities(
  context: RequestContext,
  query: Query,
  writes: readonly EntityWrite[],
): Promise<Entity[]> {
  await takeTurn(query);
  return [...(await writeEntities(query, entityPatches(context.principal.tenantId, writes), true)).values()];
}

export async function upsertRelations(
  context: RequestContext,
  query: Query,
  writes: readonly RelationWrite[],
): Promise<Relation[]> {
  const { tenantId } = context.principal;
  await takeTurn(query);
  const ids = writes.flatMap(({ from, to }) => [from, to]).flatMap((end) => ('id' in end ? [end.id] : []));
  if (ids.length > 0) {
    const found = await query<{ id: string }>(
      'MATCH (e:TributaryEntity {tenantId: $tenantId}) WHERE e.id IN $ids RETURN e.id AS id',
      {
        ids,
      },
    );
    const present = new Set(found.map(({ id }) => id));
    const missing = ids.find((id) => !present.has(id));
    if (missing !== undefined) throw noSuch('Entity', missing);
  }
  await writeEntities(query, entityPatches(tenantId, namedEnds(writes)), 'when new');
  return [...(await writeRelations(query, relationPatches(tenantId, writes), true)).values()];
}

export async function deleteEntities(query: Query, ids: readonly string[]): Promise<string[]> {
  await takeTurn(query);
  const [touched] = await query<{ relations: string[]; others: string[] }>(
    `MATCH (e:TributaryEntity {tenantId: $tenantId})-[r]-(o:TributaryEntity {tenantId: $tenantId}) WHERE e.id IN $ids
     RETURN collect(DISTINCT r.id) AS relations, collect(DISTINCT o.id) AS others`,
    { ids },
  );
  await query('MATCH (x:TributaryRelation {tenantId: $tenantId}) WHERE x.id IN $relations DETACH DELETE x', {
    relations: touched?.relations ?? [],
  });
  const deleted = await query<{ id: string }>(
    'MATCH (e:TributaryEntity {tenantId: $tenantId}) WHERE e.id IN $ids WITH e, e.id AS id DETACH DELETE e RETURN id',
    { ids },
  );
  await deleteOrphans(query, touched?.others ?? []);
  return presentIds(ids, deleted);
}

export async function deleteRelations(query: Query, ids: readonly string[]): Promise<string[]> {
  await takeTurn(query);
  const deleted = await deleteRelationsWhere(query, ids, 'true');
  await deleteOrphans(
    query,
    deleted.flatMap(({ from, to }) => [from, to]),
  );
  return presentIds(ids, deleted);
}

export async function indexDocuments(
  context: RequestContext,
  query: Query,
  documents: readonly DocumentGraph[],
): Promise<void> {
  const batch = documentBatch(context.principal.tenantId, documents);
  const { documentIds } = batch;
  await takeTurn(query);
  await writeEntities(query, batch.entities, false);
  await writeRelations(query, batch.relations, false);
  await query('UNWIND $documentIds AS id MERGE (:TributaryDocument {tenantId: $tenantId, id: id})', { documentIds });

  const dropped = await query<{ id: string }>(
    `MATCH (d:TributaryDocument {tenantId: $tenantId})-[m:TRIBUTARY_MENTIONS]->(e:TributaryEntity {tenantId: $tenantId})
     WHERE d.id IN $documentIds AND NOT e.id IN coalesce($kept[d.id], [])
     WITH m, e.id AS id DELETE m RETURN DISTINCT id`,
    { documentIds, kept: byDocument(batch.mentions, ({ entityId }) => entityId) },
  );
  await query(
    `UNWIND $mentions AS row
     MATCH (d:TributaryDocument {tenantId: $tenantId, id: row.documentId})
     MATCH (e:TributaryEntity {tenantId: $tenantId, id: row.entityId})
     MERGE (d)-[m:TRIBUTARY_MENTIONS]->(e) SET m.position = row.position`,
    { mentions: batch.mentions.map((mention) => ({ ...mention, position: neo4j.int(mention.position) })) },
  );

  const withdrawn = await query<{ id: string }>(
    `MATCH (d:TributaryDocument {tenantId: $tenantId})-[a:TRIBUTARY_ASSERTS]->(x:TributaryRelation {tenantId: $tenantId})
     WHERE d.id IN $documentIds AND NOT x.id IN coalesce($kept[d.id], [])
     WITH a, x.id AS id DELETE a RETURN DISTINCT id`,
    { documentIds, kept: byDocument(batch.assertions, ({ relationId }) => relationId) },
  );
  await query(
    `UNWIND $assertions AS row
     MATCH (d:TributaryDocument {tenantId: $tenantId, id: row.documentId})
     MATCH (x:TributaryRelation {tenantId: $tenantId, id: row.relationId})
     MERGE (d)-[:TRIBUTARY_ASSERTS]->(x)`,
    { assertions: batch.assertions },
  );

  const gone = await deleteRelationsWhere(
    query,
    withdrawn.map(({ id }) => id),
    'NOT x.byHand AND NOT (x)<-[:TRIBUTARY_ASSERTS]-()',
  );
  await deleteOrphans(query, [...dropped.map(({ id }) => id), ...gone.flatMap(({ from, to }) => [from, to])]);
  await query('MATCH (d:TributaryDocument {tenantId: $tenantId}) WHERE d.id IN $documentIds AND NOT (d)--() DELETE d', {
    documentIds,
  });
}

/** Writing to the tenant's node locks it until the transaction ends. */
async function takeTurn(query: Query): Promise<void> {
  await query('MERGE (t:TributaryTenant {tenantId: $tenantId}) SET t.writes = coalesce(t.writes, 0) + 1');
}

async function writeEntities(
  query: Query,
  patches: ReadonlyMap<string, Entity>,
  byHand: boolean | 'when new',
): Promise<Map<string, Entity>> {
  if (patches.size === 0) return new Map();
  const stored = await query<StoredRow>(
    'MATCH (e:TributaryEntity {tenantId: $tenantId}) WHERE e.id IN $ids RETURN e.id AS id, e.properties AS properties, e.byHand AS byHand',
    { ids: [...patches.keys()] },
  );
  const { now, changed } = changesOf(patches, parsed(stored), byHand);
  if (changed.length > 0) {
    await query(
      `UNWIND $rows AS row
       MERGE (e:TributaryEntity {tenantId: $tenantId, id: row.id})
       SET e.name = row.name, e.nameOrder = row.nameOrder, e.kind = row.kind, e.properties = row.properties, e.byHand = row.byHand`,
      {
        rows: changed.map((row) => ({
          ...row,
          nameOrder: nameOrder(row.name),
          properties: writeJson(row.properties),
        })),
      },
    );
  }
  return now;
}

async function writeRelations(
  query: Query,
  patches: ReadonlyMap<string, Relation>,
  byHand: boolean,
): Promise<Map<string, Relation>> {
  if (patches.size === 0) return new Map();
  const stored = await query<StoredRow>(
    `MATCH (x:TributaryRelation {tenantId: $tenantId}) WHERE x.id IN $ids
     MATCH (a:TributaryEntity {tenantId: $tenantId, id: x.from})
     MATCH (b:TributaryEntity {tenantId: $tenantId, id: x.to})
     MATCH (a)-[r]->(b) WHERE r.id = x.id
     RETURN x.id AS id, r.properties AS properties, x.byHand AS byHand`,
    { ids: [...patches.keys()] },
  );
  const { now, changed } = changesOf(patches, parsed(stored), byHand);
  // One statement for each type, since the type of a relation cannot be a parameter.
  for (const type of new Set(changed.map((row) => row.type))) {
    await query(
      `UNWIND $rows AS row
       MATCH (a:TributaryEntity {tenantId: $tenantId, id: row.from})
       MATCH (b:TributaryEntity {tenantId: $tenantId, id: row.to})
       MERGE (a)-[r:${quotedTypes([type])}]->(b)
       SET r.id = row.id, r.tenantId = $tenantId, r.properties = row.properties
       MERGE (x:TributaryRelation {tenantId: $tenantId, id: row.id})
       SET x.from = row.from, x.to = row.to, x.byHand = row.byHand`,
      {
        rows: changed
          .filter((row) => row.type === type)
          .map((row) => ({ ...row, properties: writeJson(row.properties) })),
      },
    );
  }
  return now;
}

/** Deletes those of the relations whose node `x` meets `condition`. */
async function deleteRelationsWhere(
  query: Query,
  ids: readonly string[],
  condition: string,
): Promise<{ id: string; from: string; to: string }[]> {
  if (ids.length === 0) return [];
  return await query<{ id: string; from: string; to: string }>(
    `MATCH (x:TributaryRelation {tenantId: $tenantId}) WHERE x.id IN $ids AND ${condition}
     MATCH (a:TributaryEntity {tenantId: $tenantId, id: x.from})
     MATCH (b:TributaryEntity {tenantId: $tenantId, id: x.to})
     MATCH (a)-[r]->(b) WHERE r.id = x.id
     WITH x, r, x.id AS id, x.from AS from, x.to AS to
     DELETE r DETACH DELETE x
     RETURN id, from, to`,
    { ids },
  );
}

/** Deletes those of the entities that nothing mentions or relates to and no hand wrote. */
async function deleteOrphans(query: Query, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await query(
    'MATCH (e:TributaryEntity {tenantId: $tenantId}) WHERE e.id IN $ids AND NOT e.byHand AND NOT (e)--() DELETE e',
    {
      ids: [...new Set(ids)],
    },
  );
}

type StoredRow = { id: string; properties: string; byHand: boolean };

const parsed = (rows: readonly StoredRow[]): Map<string, StoredItem> =>
  new Map(
    rows.map(({ id, properties, byHand }) => [id, { properties: parseExactJson(properties) as Properties, byHand }]),
  );

const byDocument = <Row extends { documentId: string }>(
  rows: readonly Row[],
  idOf: (row: Row) => string,
): Record<string, string[]> => Object.fromEntries(groupedBy(rows, ({ documentId }) => documentId, idOf));
