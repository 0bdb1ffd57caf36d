/** The outbox, across tenants: leasing entries, and settling them at the revision that was delivered. */
import { sql } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { DEFAULT_COLLECTION } from '#subgraphs/shared/document-collection.ts';
import { grouped } from '#subgraphs/shared/grouped.ts';
import { indexedKindOf } from '#subgraphs/shared/indexed-kind.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import { RELATIONAL } from '../../bounds.ts';
import type {
  ChunkRow,
  DocumentRow,
  MemoryFactRow,
  MessageRow,
  OutboxClaim,
  OutboxContent,
  OutboxEntryRow,
  OutboxFailure,
  OutboxSettlement,
  OutboxStatus,
} from '../../driver.ts';
import { selection, statement } from './sql.ts';

/** Leases entries and loads what they deliver, in at most five statements. */
export async function claimOutbox(
  postgres: Postgres,
  context: RequestContext,
  claim: OutboxClaim,
): Promise<OutboxEntryRow[]> {
  return await postgres.systemTransaction(context, async (tx) => {
    const entries = await lease(tx, claim);
    const ids = [
      ...new Set(entries.filter(({ operation }) => operation === 'UPSERT').map(({ documentId }) => documentId)),
    ];
    // The entries are locked until this commits, so no writer can change a document between its revision and its
    // content.
    const contents = ids.length === 0 ? new Map<string, OutboxContent>() : await loadContents(tx, ids, claim.content);
    return entries.map((entry) => ({
      ...entry,
      content: entry.operation === 'UPSERT' ? (contents.get(entry.documentId) ?? null) : null,
    }));
  });
}

async function lease(
  tx: Transaction,
  { limit, leaseSeconds, stores, documentIds, disabledForSeconds }: OutboxClaim,
): Promise<Omit<OutboxEntryRow, 'content'>[]> {
  const only = documentIds === undefined ? sql`` : sql`AND document_id = ANY(${documentIds}::text[])`;
  const disabled =
    disabledForSeconds === undefined
      ? sql``
      : sql`OR state = 'DISABLED' AND updated_at <= now() - make_interval(secs => ${disabledForSeconds})`;
  return await tx.query(
    statement(sql<Omit<OutboxEntryRow, 'content'>>`
      WITH due AS (
        SELECT tenant_id, id FROM relational.outbox
        WHERE state <> 'DONE' AND store = ANY(${stores}::text[]) AND (next_attempt_at <= now() ${disabled})
          AND (lease_until IS NULL OR lease_until <= now()) ${only}
        ORDER BY next_attempt_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED
      ), leased AS (
        UPDATE relational.outbox AS entry
        SET lease_until = now() + make_interval(secs => ${leaseSeconds}), lease_revision = revision, attempts = attempts + 1, updated_at = now()
        -- An id says which document and store: two tenants have one alike where one was told of the other's document.
        FROM due WHERE entry.tenant_id = due.tenant_id AND entry.id = due.id
        RETURNING entry.*
      )
      SELECT id, tenant_id AS "tenantId", document_id AS "documentId", revision, store, operation, attempts, object_key AS "objectKey"
      FROM leased ORDER BY next_attempt_at, id`),
  );
}

const NOTHING = { text: '', entities: [], relations: [] };

/** The content of documents, of remembered facts and of messages, by id. */
export async function loadContents(
  tx: Transaction,
  ids: readonly string[],
  parts: OutboxClaim['content'],
): Promise<Map<string, OutboxContent>> {
  const {
    DOCUMENT: documents = [],
    MEMORY_FACT: facts = [],
    MESSAGE: messages = [],
  } = Object.fromEntries(grouped(ids, indexedKindOf));
  // Pipelined.
  const loaded = await Promise.all([
    documents.length === 0 ? [] : loadDocuments(tx, documents, parts),
    facts.length === 0 ? [] : loadFacts(tx, facts),
    messages.length === 0 ? [] : loadMessages(tx, messages),
  ]);
  return new Map(loaded.flat().map((content) => [content.id, content]));
}

async function loadFacts(tx: Transaction, ids: readonly string[]): Promise<OutboxContent[]> {
  const facts = await tx.query(
    statement(sql<MemoryFactRow & { tenantId: string }>`
      SELECT ${selection('MemoryFact')}, tenant_id AS "tenantId" FROM relational.memory_facts WHERE id = ANY(${ids}::text[])`),
  );
  return facts.map(({ id, tenantId, userId, key, value, createdAt }) => ({
    ...NOTHING,
    ...{ id, tenantId, title: key, createdAt },
    // Its source may change without the text, and is asked of this store alone. In its place is whose it is, which never does.
    ...{
      source: userId ?? '',
      collection: DEFAULT_COLLECTION,
      mediaType: '',
      contentHash: '',
      metadata: {},
      objectKey: null,
    },
    chunks: [{ id, documentId: id, index: 0, text: value }],
  }));
}

/** Their beginnings, as much as is found by meaning. */
async function loadMessages(tx: Transaction, ids: readonly string[]): Promise<OutboxContent[]> {
  const messages = await tx.query(
    statement(sql<Pick<MessageRow, 'id' | 'userId' | 'createdAt'> & { tenantId: string; text: string }>`
      SELECT id, tenant_id AS "tenantId", user_id AS "userId", left(content, ${RELATIONAL.indexedMessage}) AS text, created_at AS "createdAt"
      FROM relational.messages WHERE id = ANY(${ids}::text[])`),
  );
  return messages.map(({ id, tenantId, userId, text, createdAt }) => ({
    ...NOTHING,
    ...{ id, tenantId, title: '', createdAt },
    // As of facts.
    ...{
      source: userId,
      collection: DEFAULT_COLLECTION,
      mediaType: '',
      contentHash: '',
      metadata: {},
      objectKey: null,
    },
    chunks: [{ id, documentId: id, index: 0, text }],
  }));
}

async function loadDocuments(
  tx: Transaction,
  ids: readonly string[],
  parts: OutboxClaim['content'],
): Promise<OutboxContent[]> {
  // Pipelined. Parts that nobody asked for are not read.
  const [documents, contents, chunks] = await Promise.all([
    tx.query(
      statement(sql<DocumentRow & { tenantId: string }>`
        SELECT ${selection('Document')}, tenant_id AS "tenantId" FROM relational.documents WHERE id = ANY(${ids}::text[])`),
    ),
    parts.text || parts.graph
      ? tx.query(
          statement(sql<{ id: string } & Pick<OutboxContent, 'text' | 'entities' | 'relations'>>`
            SELECT document_id AS id, ${parts.text ? sql`text` : sql`'' AS text`}, ${
              parts.graph ? sql`entities, relations` : sql`'[]'::jsonb AS entities, '[]'::jsonb AS relations`
            } FROM relational.document_contents WHERE document_id = ANY(${ids}::text[])`),
        )
      : [],
    parts.chunks
      ? tx.query(
          statement(sql<ChunkRow>`
            SELECT ${selection('Chunk')} FROM relational.chunks WHERE document_id = ANY(${ids}::text[]) ORDER BY document_id, index`),
        )
      : [],
  ]);
  const contentOf = new Map(contents.map((content) => [content.id, content]));
  const chunksOf = new Map<string, ChunkRow[]>(ids.map((id) => [id, []]));
  for (const chunk of chunks) chunksOf.get(chunk.documentId)?.push(chunk);
  return documents.map((document) => ({
    ...(contentOf.get(document.id) ?? NOTHING),
    ...document,
    chunks: chunksOf.get(document.id) ?? [],
  }));
}

export const completeOutbox = async (
  postgres: Postgres,
  context: RequestContext,
  entries: readonly OutboxSettlement[],
): Promise<number> =>
  await settle(postgres, context, entries, async (tx, settled) => {
    const current = among(settled);
    // A tombstone that was followed has done its work; another writer may have brought the document back meanwhile.
    const removed = await tx.query(
      statement(
        sql<{
          id: string;
        }>`DELETE FROM relational.outbox AS entry WHERE ${current} AND operation = 'DELETE' RETURNING id`,
      ),
    );
    const done = await tx.query(
      statement(sql<{ id: string }>`
        UPDATE relational.outbox AS entry SET state = 'DONE', error = NULL, lease_until = NULL, lease_revision = NULL, updated_at = now()
        WHERE ${current} RETURNING id`),
    );
    return removed.length + done.length;
  });

export const failOutbox = async (
  postgres: Postgres,
  context: RequestContext,
  entries: readonly OutboxFailure[],
): Promise<number> =>
  await settle(postgres, context, entries, async (tx, settled) => {
    const failed = await tx.query(
      statement(sql<{ id: string }>`
        UPDATE relational.outbox AS entry
        SET state = CASE WHEN failure.disabled THEN 'DISABLED' ELSE 'FAILED' END, error = failure.error,
            next_attempt_at = now() + make_interval(secs => failure.retry_in_seconds),
            lease_until = NULL, lease_revision = NULL, updated_at = now()
        FROM json_to_recordset(${JSON.stringify(settled.map((failure) => ({ ...failure, retry_in_seconds: failure.retryInSeconds })))}::json)
          AS failure(id text, revision integer, error text, disabled boolean, retry_in_seconds double precision)
        WHERE entry.id = failure.id AND entry.revision = failure.revision
        RETURNING entry.id`),
    );
    return failed.length;
  });

/** These entries at these revisions, which no two entries have alike. */
const among = (settled: readonly OutboxSettlement[]) =>
  sql<boolean>`entry.id = ANY(${settled.map(({ id }) => id)}::text[]) AND entry.revision = ANY(${settled.map(({ revision }) => revision)}::integer[])`;

/**
 * Locks the entries in one order, settles those whose revision is the present one, and leaves the others to be
 * delivered again: the older revision may have reached the store last.
 */
async function settle<E extends OutboxSettlement>(
  postgres: Postgres,
  context: RequestContext,
  entries: readonly E[],
  work: (tx: Transaction, current: readonly E[]) => Promise<number>,
): Promise<number> {
  return await postgres.systemTransaction(context, async (tx) => {
    const locked = await tx.query(
      statement(sql<{ id: string; revision: number }>`
        SELECT id, revision FROM relational.outbox WHERE id = ANY(${entries.map(({ id }) => id)}::text[]) ORDER BY id FOR UPDATE`),
    );
    const there = grouped(locked, ({ id }) => id);
    const isCurrent = ({ id, revision }: E): boolean =>
      there.get(id)?.some((each) => each.revision === revision) === true;
    const current = entries.filter(isCurrent);
    const stale = entries.filter((entry) => there.has(entry.id) && !isCurrent(entry));
    const settled = current.length === 0 ? 0 : await work(tx, current);
    if (stale.length > 0) await reopen(tx, stale);
    return settled;
  });
}

async function reopen(tx: Transaction, stale: readonly OutboxSettlement[]): Promise<void> {
  await tx.query(
    statement(sql`
      UPDATE relational.outbox AS entry
      SET state = CASE WHEN entry.state = 'DONE' THEN 'PENDING' ELSE entry.state END,
          -- The lease of another worker is its own.
          lease_until = CASE WHEN entry.lease_revision = old.revision THEN NULL ELSE entry.lease_until END,
          lease_revision = CASE WHEN entry.lease_revision = old.revision THEN NULL ELSE entry.lease_revision END,
          updated_at = now()
      FROM json_to_recordset(${JSON.stringify(stale)}::json) AS old(id text, revision integer)
      WHERE entry.id = old.id`),
  );
}

export async function outboxStatus(postgres: Postgres, context: RequestContext): Promise<OutboxStatus> {
  return await postgres.systemTransaction(context, async (tx) => {
    const rows = await tx.query(
      statement(sql<{ state: string; count: string; oldest: number }>`
        SELECT state, count(*) AS count, GREATEST(extract(epoch FROM now() - min(changed_at)), 0)::double precision AS oldest
        FROM relational.outbox GROUP BY state`),
    );
    const byState = new Map(rows.map((row) => [row.state, row]));
    const count = (state: string): number => Number(byState.get(state)?.count ?? 0);
    const waiting = ['PENDING', 'FAILED'].flatMap((state) => byState.get(state)?.oldest ?? []);
    return {
      pending: count('PENDING'),
      failed: count('FAILED'),
      disabled: count('DISABLED'),
      done: count('DONE'),
      oldestPendingSeconds: waiting.length === 0 ? null : Math.max(...waiting),
    };
  });
}
