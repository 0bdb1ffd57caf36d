/**
 * Writes to the graph in PostgreSQL: each in one transaction, with a number of statements that does not depend on how
 * much is written. Writers of one tenant take turns (an advisory lock), because whether an entity is an orphan can only
 * be decided while nobody else relates to it.
 */
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { noSuch } from '#subgraphs/shared/ids.ts';
import type { Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import type { DocumentGraph, Entity, EntityWrite, Relation, RelationWrite, StoredItem } from '../../driver.ts';
import {
  changesOf,
  documentBatch,
  entityPatches,
  namedEnds,
  presentIds,
  relationPatches,
} from '../../writes/prepare.ts';

export async function upsertEntities(
  context: RequestContext,
  tx: Transaction,
  writes: readonly EntityWrite[],
): Promise<Entity[]> {
  await takeTurn(context, tx);
  const written = await writeEntities(context, tx, entityPatches(context.principal.tenantId, writes), true);
  return [...written.values()];
}

export async function upsertRelations(
  context: RequestContext,
  tx: Transaction,
  writes: readonly RelationWrite[],
): Promise<Relation[]> {
  const { tenantId } = context.principal;
  await takeTurn(context, tx);
  const byId = writes.flatMap(({ from, to }) => [from, to]).filter((end) => 'id' in end);
  const found = await names(
    tx,
    byId.map(({ id }) => id),
  );
  const missing = byId.find(({ id }) => !found.has(id));
  if (missing) throw noSuch('Entity', missing.id);
  const ends = await writeEntities(context, tx, entityPatches(tenantId, namedEnds(writes)), 'when new');
  for (const { id, name } of ends.values()) found.set(id, name);
  const written = await writeRelations(context, tx, relationPatches(tenantId, writes), found, true);
  return [...written.values()];
}

export async function deleteEntities(
  context: RequestContext,
  tx: Transaction,
  ids: readonly string[],
): Promise<string[]> {
  await takeTurn(context, tx);
  const others = await tx.query<{ id: string }>({
    sql: `SELECT to_id AS id FROM graph.relations WHERE from_id = ANY($1::text[])
          UNION SELECT from_id FROM graph.relations WHERE to_id = ANY($1::text[])`,
    parameters: [ids],
  });
  const deleted = await tx.query<{ id: string }>({
    sql: 'DELETE FROM graph.entities WHERE id = ANY($1::text[]) RETURNING id',
    parameters: [ids],
  });
  await deleteOrphans(
    tx,
    others.map(({ id }) => id),
  );
  return presentIds(ids, deleted);
}

export async function deleteRelations(
  context: RequestContext,
  tx: Transaction,
  ids: readonly string[],
): Promise<string[]> {
  await takeTurn(context, tx);
  const deleted = await tx.query<{ id: string; from_id: string; to_id: string }>({
    sql: 'DELETE FROM graph.relations WHERE id = ANY($1::text[]) RETURNING id, from_id, to_id',
    parameters: [ids],
  });
  await deleteOrphans(
    tx,
    deleted.flatMap((row) => [row.from_id, row.to_id]),
  );
  return presentIds(ids, deleted);
}

export async function indexDocuments(
  context: RequestContext,
  tx: Transaction,
  documents: readonly DocumentGraph[],
): Promise<void> {
  const { tenantId } = context.principal;
  const batch = documentBatch(tenantId, documents);
  await takeTurn(context, tx);

  const entities = await writeEntities(context, tx, batch.entities, false);
  await writeRelations(
    context,
    tx,
    batch.relations,
    new Map([...entities.values()].map(({ id, name }) => [id, name])),
    false,
  );

  const mentionColumns = [batch.mentions.map((m) => m.documentId), batch.mentions.map((m) => m.entityId)];
  const dropped = await tx.query<{ id: string }>({
    sql: `DELETE FROM graph.mentions m WHERE m.document_id = ANY($1::text[])
          AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[]) AS k(document_id, entity_id) WHERE k.document_id = m.document_id AND k.entity_id = m.entity_id)
          RETURNING m.entity_id AS id`,
    parameters: [batch.documentIds, ...mentionColumns],
  });
  if (batch.mentions.length > 0) {
    await tx.query({
      sql: `INSERT INTO graph.mentions AS m (tenant_id, document_id, entity_id, position)
            SELECT $1, k.* FROM unnest($2::text[], $3::text[], $4::int[]) AS k
            ON CONFLICT (tenant_id, document_id, entity_id) DO UPDATE SET position = EXCLUDED.position WHERE m.position <> EXCLUDED.position`,
      parameters: [tenantId, ...mentionColumns, batch.mentions.map((m) => m.position)],
    });
  }

  const assertionColumns = [batch.assertions.map((a) => a.documentId), batch.assertions.map((a) => a.relationId)];
  const withdrawn = await tx.query<{ id: string }>({
    sql: `DELETE FROM graph.assertions a WHERE a.document_id = ANY($1::text[])
          AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[]) AS k(document_id, relation_id) WHERE k.document_id = a.document_id AND k.relation_id = a.relation_id)
          RETURNING a.relation_id AS id`,
    parameters: [batch.documentIds, ...assertionColumns],
  });
  if (batch.assertions.length > 0) {
    await tx.query({
      sql: `INSERT INTO graph.assertions (tenant_id, document_id, relation_id)
            SELECT $1, k.* FROM unnest($2::text[], $3::text[]) AS k ON CONFLICT DO NOTHING`,
      parameters: [tenantId, ...assertionColumns],
    });
  }

  const gone = await deleteUnasserted(
    tx,
    withdrawn.map(({ id }) => id),
  );
  await deleteOrphans(tx, [...dropped.map(({ id }) => id), ...gone]);
}

async function takeTurn(context: RequestContext, tx: Transaction): Promise<void> {
  await tx.query({
    sql: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))',
    parameters: [`tributary:graph:${context.principal.tenantId}`],
  });
}

async function names(tx: Transaction, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await tx.query<{ id: string; name: string }>({
    sql: 'SELECT id, name FROM graph.entities WHERE id = ANY($1::text[])',
    parameters: [ids],
  });
  return new Map(rows.map((row) => [row.id, row.name]));
}

/**
 * Creates and changes entities; rows that would not change are left alone.
 * @param byHand see {@link changesOf}
 * @returns what is stored now, in the order of `patches`
 */
async function writeEntities(
  context: RequestContext,
  tx: Transaction,
  patches: ReadonlyMap<string, Entity>,
  byHand: boolean | 'when new',
): Promise<Map<string, Entity>> {
  if (patches.size === 0) return new Map();
  const { now, changed } = changesOf(patches, await storedRows(tx, 'entities', patches), byHand);
  if (changed.length > 0) {
    await tx.query({
      sql: `INSERT INTO graph.entities (tenant_id, id, name, kind, properties, by_hand)
            SELECT $1, k.* FROM unnest($2::text[], $3::text[], $4::text[], $5::jsonb[], $6::boolean[]) AS k
            ON CONFLICT (tenant_id, id) DO UPDATE SET properties = EXCLUDED.properties, by_hand = EXCLUDED.by_hand, updated_at = now()`,
      parameters: [
        context.principal.tenantId,
        changed.map((row) => row.id),
        changed.map((row) => row.name),
        changed.map((row) => row.kind),
        changed.map((row) => writeJson(row.properties)),
        changed.map((row) => row.byHand),
      ],
    });
  }
  return now;
}

/** As {@link writeEntities}. @param nameOf the names of all ends */
async function writeRelations(
  context: RequestContext,
  tx: Transaction,
  patches: ReadonlyMap<string, Relation>,
  nameOf: ReadonlyMap<string, string>,
  byHand: boolean,
): Promise<Map<string, Relation>> {
  if (patches.size === 0) return new Map();
  const { now, changed } = changesOf(patches, await storedRows(tx, 'relations', patches), byHand);
  if (changed.length > 0) {
    await tx.query({
      sql: `INSERT INTO graph.relations (tenant_id, id, type, from_id, from_name, to_id, to_name, properties, by_hand)
            SELECT $1, k.* FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::boolean[]) AS k
            ON CONFLICT (tenant_id, id) DO UPDATE SET properties = EXCLUDED.properties, by_hand = EXCLUDED.by_hand, updated_at = now()`,
      parameters: [
        context.principal.tenantId,
        changed.map((row) => row.id),
        changed.map((row) => row.type),
        changed.map((row) => row.from),
        changed.map((row) => nameOf.get(row.from)),
        changed.map((row) => row.to),
        changed.map((row) => nameOf.get(row.to)),
        changed.map((row) => writeJson(row.properties)),
        changed.map((row) => row.byHand),
      ],
    });
  }
  return now;
}

async function storedRows(
  tx: Transaction,
  table: 'entities' | 'relations',
  patches: ReadonlyMap<string, unknown>,
): Promise<Map<string, StoredItem>> {
  const rows = await tx.query<StoredItem & { id: string }>({
    sql: `SELECT id, properties, by_hand AS "byHand" FROM graph.${table} WHERE id = ANY($1::text[])`,
    parameters: [[...patches.keys()]],
  });
  return new Map(rows.map((row) => [row.id, row]));
}

/** Deletes those of the relations that no document asserts and no hand wrote. @returns the ends of the deleted ones */
async function deleteUnasserted(tx: Transaction, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await tx.query<{ from_id: string; to_id: string }>({
    sql: `DELETE FROM graph.relations r WHERE r.id = ANY($1::text[]) AND NOT r.by_hand
          AND NOT EXISTS (SELECT FROM graph.assertions a WHERE a.relation_id = r.id)
          RETURNING r.from_id, r.to_id`,
    parameters: [ids],
  });
  return rows.flatMap((row) => [row.from_id, row.to_id]);
}

/** Deletes those of the entities that nothing mentions or relates to and no hand wrote. */
async function deleteOrphans(tx: Transaction, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await tx.query({
    sql: `DELETE FROM graph.entities e WHERE e.id = ANY($1::text[]) AND NOT e.by_hand
          AND NOT EXISTS (SELECT FROM graph.mentions m WHERE m.entity_id = e.id)
          AND NOT EXISTS (SELECT FROM graph.relations r WHERE r.from_id = e.id)
          AND NOT EXISTS (SELECT FROM graph.relations r WHERE r.to_id = e.id)`,
    parameters: [[...new Set(ids)]],
  });
}
