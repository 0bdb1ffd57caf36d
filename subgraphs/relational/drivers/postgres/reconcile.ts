/**
 * What comparing the other stores with this one needs: tenants, documents as they should be everywhere, and delivering
 * again.
 */
import { sql, type RawBuilder } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { derivedId } from '#subgraphs/shared/ids.ts';
import type { IndexedKind } from '#subgraphs/shared/indexed-kind.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { IndexedStore, IndexingState, Redelivery, ReferenceDocument, ReferencePage } from '../../driver.ts';
import { loadContents } from './outbox.ts';
import { statement } from './sql.ts';

/** Tenants that ever wrote, by name; each is found by one step down an index. */
export async function tenantIds(
  postgres: Postgres,
  context: RequestContext,
  { after, limit }: { after: string | null; limit: number },
): Promise<string[]> {
  return await postgres.systemTransaction(context, async (tx) => {
    const rows = await tx.query(
      statement(sql<{ id: string }>`
        WITH RECURSIVE found AS (
          SELECT min(tenant_id) AS id, 1 AS place FROM relational.audit_entries WHERE tenant_id > ${after ?? ''}
          UNION ALL
          SELECT (SELECT min(tenant_id) FROM relational.audit_entries WHERE tenant_id > found.id), place + 1
          FROM found WHERE found.id IS NOT NULL AND place < ${limit}
        )
        SELECT id FROM found WHERE id IS NOT NULL`),
    );
    return rows.map(({ id }) => id);
  });
}

/** A page of the tenant's documents, of its remembered facts or of the messages of its sessions, by id, in at most five statements. Messages do not change. */
export async function referenceDocuments(
  postgres: Postgres,
  context: RequestContext,
  { after, limit }: ReferencePage,
  of: IndexedKind,
  only?: readonly string[],
): Promise<ReferenceDocument[]> {
  return await postgres.transaction(context, async (tx) => {
    const page = await tx.query(
      statement(sql<{ id: string }>`
        SELECT id FROM ${TABLES[of]} WHERE id > ${after ?? ''} ${only === undefined ? sql`` : sql`AND id = ANY(${only}::text[])`}
        ${of === 'MESSAGE' ? sql`AND EXISTS (SELECT FROM relational.outbox WHERE document_id = message.id)` : sql``}
        ORDER BY id LIMIT ${limit} ${of === 'MESSAGE' ? sql`` : sql`FOR SHARE`}`),
    );
    const ids = page.map(({ id }) => id);
    if (ids.length === 0) return [];
    const contents = await loadContents(tx, ids, { text: true, graph: true, chunks: true });
    const states = await tx.query(outboxOf(ids));
    return ids.flatMap((id) => {
      const content = contents.get(id);
      if (content === undefined) return [];
      return [
        {
          ...content,
          delivered: states
            .filter(({ documentId, state }) => documentId === id && state === 'DONE')
            .map(({ store }) => store),
        },
      ];
    });
  });
}

const outboxOf = (ids: readonly string[]) =>
  statement(sql<{ documentId: string; store: IndexedStore; state: IndexingState }>`
    SELECT document_id AS "documentId", store, state FROM relational.outbox WHERE document_id = ANY(${ids}::text[])`);

const TABLES: Readonly<Record<IndexedKind, RawBuilder<unknown>>> = {
  DOCUMENT: sql`relational.documents`,
  MEMORY_FACT: sql`relational.memory_facts`,
  // Those that are followed: not all need be.
  MESSAGE: sql`relational.messages AS message`,
};

/** All that stores follow, with where its bytes are. */
const FOLLOWED = sql`(SELECT id, object_key FROM relational.documents UNION ALL SELECT id, NULL FROM relational.memory_facts
  UNION ALL SELECT id, NULL FROM relational.messages)`;

/**
 * Which of these ids are documents, remembered facts or messages, or are still being removed from the store: what it has of the others nobody looks
 * after.
 */
export async function knownDocuments(
  postgres: Postgres,
  context: RequestContext,
  store: IndexedStore,
  ids: readonly string[],
): Promise<string[]> {
  const rows = await postgres.read(
    context,
    statement(sql<{ id: string }>`
      SELECT id FROM ${FOLLOWED} AS followed WHERE id = ANY(${ids}::text[])
      UNION
      SELECT document_id FROM relational.outbox WHERE document_id = ANY(${ids}::text[]) AND store = ${store}`),
  );
  return rows.map(({ id }) => id);
}

/**
 * Makes entries due again at a new revision. Of what does not exist a tombstone is left, unless somebody
 * brings it back: then that writer's entry stays, whoever was first.
 */
export async function redeliver(
  postgres: Postgres,
  context: RequestContext,
  entries: readonly Redelivery[],
): Promise<number> {
  const rows = entries.map(({ documentId, store, objectKey }) => ({
    id: derivedId('OutboxEntry', documentId, store),
    document_id: documentId,
    store,
    object_key: objectKey,
  }));
  return await postgres.transaction(context, async (tx) => {
    const given = sql`json_to_recordset(${JSON.stringify(rows)}::json) AS given(id text, document_id text, store text, object_key text)`;
    const again = await tx.query(
      statement(sql<{ id: string }>`
        INSERT INTO relational.outbox AS entry (id, document_id, store, operation, object_key, revision)
        SELECT given.id, given.document_id, given.store, 'UPSERT', followed.object_key, nextval('relational.outbox_revision')
        FROM ${given} JOIN ${FOLLOWED} AS followed ON followed.id = given.document_id
        ORDER BY given.id
        ON CONFLICT (tenant_id, document_id, store) DO UPDATE
        SET revision = excluded.revision, state = 'PENDING', attempts = 0, error = NULL, next_attempt_at = now(), changed_at = now(), updated_at = now()
        WHERE entry.operation = 'UPSERT'
        RETURNING id`),
    );
    const tombstones = await tx.query(
      statement(sql<{ id: string }>`
        INSERT INTO relational.outbox (id, document_id, store, operation, object_key, revision)
        SELECT given.id, given.document_id, given.store, 'DELETE', given.object_key, nextval('relational.outbox_revision')
        FROM ${given} WHERE NOT EXISTS (SELECT FROM ${FOLLOWED} AS followed WHERE followed.id = given.document_id)
        ORDER BY given.id
        ON CONFLICT (tenant_id, document_id, store) DO NOTHING
        RETURNING id`),
    );
    return again.length + tombstones.length;
  });
}
