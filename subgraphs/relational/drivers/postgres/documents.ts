/** Documents: writing them with their chunks and outbox entries, and reading what hangs on them. */
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { sql, type RawBuilder } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { derivedId, noSuch } from '#subgraphs/shared/ids.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import { RELATIONAL } from '../../bounds.ts';
import {
  STORES,
  type ChildRequest,
  type ChunkPlaces,
  type ChunkRow,
  type DocumentRow,
  type IndexedStore,
  type IndexingRow,
  type OutboxOperation,
} from '../../driver.ts';
import type { PreparedDocument } from '../../driver.ts';
import { MODELS, type Model } from '../../models/columns.ts';
import { audit } from './audit.ts';
import { conditionSql } from './conditions.ts';
import { readingShared, withShared } from './shares.ts';
import { rowsOf, selection, statement } from './sql.ts';

/** Writes a batch in one transaction of three statements, however many documents it has. */
export async function upsertDocuments(
  postgres: Postgres,
  context: RequestContext,
  documents: readonly PreparedDocument[],
): Promise<void> {
  if (documents.length === 0) return;
  await postgres.transaction(context, async (tx) => {
    const changed = await writeRows(tx, documents);
    if (changed.length === 0) return;
    const created = new Map(changed.map((row) => [row.id, row.created]));
    const written = documents.filter(({ id }) => created.has(id));
    await writeContents(tx, written);
    await audit(
      tx,
      context,
      written.map(({ id, source, contentHash, chunks }) => ({
        action: 'document.upsert',
        subjectType: 'Document',
        subjectId: id,
        details: { source, contentHash, chunks: chunks.length, created: created.get(id) ?? false },
      })),
    );
  });
}

/**
 * Writes the rows that differ, which locks them until the transaction ends: what follows sees the outcome of any other
 * writer of the same document. Batches lock in the order of ids, so that two of them cannot wait for each other.
 */
async function writeRows(
  tx: Transaction,
  documents: readonly PreparedDocument[],
): Promise<{ id: string; created: boolean }[]> {
  const rows = documents.map(
    ({ id, title, source, collection, mediaType, contentHash, metadata, objectKey, digest, cutting }) => ({
      id,
      title,
      source,
      collection,
      media_type: mediaType,
      content_hash: contentHash,
      metadata,
      object_key: objectKey,
      digest,
      cutting,
    }),
  );
  return await tx.query(
    statement(sql<{ id: string; created: boolean }>`
      INSERT INTO relational.documents AS old (id, title, source, collection, media_type, content_hash, metadata, object_key, digest, cutting)
      SELECT id, title, source, collection, media_type, content_hash, metadata, object_key, digest, cutting
      FROM json_to_recordset(${writeJson(rows)}::json)
        AS new(id text, title text, source text, collection text, media_type text, content_hash text, metadata jsonb, object_key text, digest text,
               cutting text)
      ORDER BY id
      ON CONFLICT (tenant_id, id) DO UPDATE
      SET title = excluded.title, collection = excluded.collection, media_type = excluded.media_type, content_hash = excluded.content_hash,
          metadata = excluded.metadata, object_key = excluded.object_key, digest = excluded.digest, cutting = excluded.cutting,
          updated_at = now()
      WHERE old.digest <> excluded.digest
      RETURNING old.id, old.xmax = 0 AS created`),
  );
}

/** Chunks that stay keep their rows; entries of the outbox are made or bumped. One statement. */
async function writeContents(tx: Transaction, documents: readonly PreparedDocument[]): Promise<void> {
  const contents = documents.map(({ id, text, entities, relations }) => ({ id, text, entities, relations }));
  await tx.query(
    statement(sql`
      WITH new AS (
        SELECT * FROM json_to_recordset(${writeJson(contents)}::json) AS new(id text, text text, entities jsonb, relations jsonb)
      ), content AS (
        INSERT INTO relational.document_contents (document_id, text, entities, relations)
        SELECT id, text, entities, relations FROM new
        ON CONFLICT (tenant_id, document_id) DO UPDATE
        SET text = excluded.text, entities = excluded.entities, relations = excluded.relations
      ), ${chunkWrites(documents)}
      ${bumpOutbox('UPSERT', documents)}`),
  );
}

/** Parts of a `WITH` that make the chunks of documents what is given. */
export function chunkWrites(documents: readonly Pick<PreparedDocument, 'id' | 'chunks'>[]) {
  const chunks = documents.flatMap(({ id: documentId, chunks }) =>
    chunks.map(({ id, index, text }) => ({ id, document_id: documentId, index, text })),
  );
  return sql`new_chunk AS (
      SELECT * FROM json_to_recordset(${writeJson(chunks)}::json) AS chunk(id text, document_id text, index integer, text text)
    ), removed AS (
      DELETE FROM relational.chunks AS old
      WHERE old.document_id = ANY(${documents.map(({ id }) => id)}::text[]) AND NOT EXISTS (SELECT FROM new_chunk WHERE new_chunk.id = old.id)
    ), kept AS (
      INSERT INTO relational.chunks AS old (id, document_id, index, text)
      SELECT id, document_id, index, text FROM new_chunk
      ON CONFLICT (tenant_id, id) DO UPDATE SET index = excluded.index WHERE old.index <> excluded.index
    )`;
}

/**
 * Makes the entries of a document, or of a remembered fact, pending with a new revision. A lease that is running stays: until it ends, nobody
 * else delivers to that store, so an older revision cannot overtake a newer one.
 */
export function bumpOutbox(
  operation: OutboxOperation,
  documents: readonly { id: string; objectKey: string | null }[],
  stores: readonly IndexedStore[] = STORES,
) {
  const entries = documents.flatMap(({ id: documentId, objectKey }) =>
    stores.map((store) => ({
      id: derivedId('OutboxEntry', documentId, store),
      document_id: documentId,
      store,
      object_key: objectKey,
    })),
  );
  return sql`
    INSERT INTO relational.outbox (id, document_id, store, operation, object_key, revision)
    SELECT id, document_id, store, ${operation}::text, object_key, nextval('relational.outbox_revision')
    FROM json_to_recordset(${writeJson(entries)}::json) AS entry(id text, document_id text, store text, object_key text)
    ORDER BY id
    ON CONFLICT (tenant_id, document_id, store) DO UPDATE
    SET operation = excluded.operation, object_key = excluded.object_key, revision = excluded.revision, state = 'PENDING',
        attempts = 0, error = NULL, next_attempt_at = now(), changed_at = now(), updated_at = now()`;
}

/** What an entry is set to whose document, fact or message is gone. */
export const TO_REMOVE = sql`operation = 'DELETE', revision = nextval('relational.outbox_revision'), state = 'PENDING', attempts = 0, error = NULL,
  next_attempt_at = now(), changed_at = now(), updated_at = now()`;

/** Removes a document; its chunks and contents go with it, and the stores follow its tombstones. */
export async function deleteDocument(postgres: Postgres, context: RequestContext, id: string): Promise<DocumentRow> {
  return await postgres.transaction(context, async (tx) => {
    const [row] = await tx.query(
      rowsOf('Document', sql`DELETE FROM relational.documents WHERE id = ${id} RETURNING ${selection('Document')}`),
    );
    if (row === undefined) throw noSuch('Document', id);
    await tx.query(statement(bumpOutbox('DELETE', [row])));
    await audit(tx, context, [
      { action: 'document.delete', subjectType: 'Document', subjectId: id, details: { source: row.source } },
    ]);
    return row;
  });
}

export const documentTexts = async (
  postgres: Postgres,
  context: RequestContext,
  ids: readonly string[],
): Promise<{ id: string; text: string }[]> =>
  await postgres.read(
    context,
    statement(
      withShared(
        context,
        sql`SELECT document_id AS id, text FROM relational.document_contents WHERE document_id = ANY(${ids}::text[])`,
        sql`SELECT document_id, text FROM relational.shared_contents(${ids}::text[])`,
      ) as RawBuilder<{ id: string; text: string }>,
    ),
    readingShared(context),
  );

export const chunksOfDocuments = async (
  postgres: Postgres,
  context: RequestContext,
  ids: readonly string[],
  { after, backward = false, limit, where }: ChildRequest,
): Promise<ChunkRow[]> => {
  const way = sql.raw(backward ? 'DESC' : 'ASC');
  const behind = after === undefined ? sql`` : sql`AND index ${sql.raw(backward ? '<' : '>')} ${after}`;
  const matching = where === undefined ? sql`` : sql`AND ${conditionSql(MODELS.Chunk as Model, where)}`;
  const shared = sql.id('relational', backward ? 'shared_chunks_before' : 'shared_chunks_of');
  const from = after ?? (backward ? null : -1);
  // What is shared is counted off by a function that knows no condition: of all (no more than bytes), those that match are
  // counted off here.
  const received =
    where === undefined
      ? sql`SELECT ${selection('Chunk')} FROM ${shared}(${ids}::text[], ${from}, ${limit}) AS chunks`
      : sql`SELECT id, "documentId", index, text FROM (
              SELECT ${selection('Chunk')}, row_number() OVER (PARTITION BY document_id ORDER BY index ${way}) AS place
              FROM ${shared}(${ids}::text[], ${from}, ${RELATIONAL.textBytes}) AS chunks WHERE true ${matching}
            ) AS received WHERE place <= ${limit}`;
  return await postgres.read(
    context,
    rowsOf(
      'Chunk',
      sql`
        ${withShared(
          context,
          sql`SELECT chunk.* FROM unnest(${ids}::text[]) AS parent(id) CROSS JOIN LATERAL (
                SELECT ${selection('Chunk')} FROM relational.chunks
                WHERE document_id = parent.id ${behind} ${matching} ORDER BY index ${way} LIMIT ${limit}
              ) AS chunk`,
          received,
        )}
        ORDER BY "documentId", index ${way}`,
    ),
    readingShared(context),
  );
};

export const chunksAt = async (
  postgres: Postgres,
  context: RequestContext,
  places: readonly ChunkPlaces[],
): Promise<ChunkRow[]> => {
  const place = sql`unnest(${places.map(({ documentId }) => documentId)}::text[], ${places.map(({ first }) => first)}::int[],
    ${places.map(({ last }) => last)}::int[]) AS place(id, first, last)`;
  return await postgres.read(
    context,
    rowsOf(
      'Chunk',
      withShared(
        context,
        sql`SELECT DISTINCT ${selection('Chunk')} FROM ${place} JOIN relational.chunks AS chunks
              ON chunks.document_id = place.id AND chunks.index BETWEEN place.first AND place.last`,
        sql`SELECT DISTINCT ${selection('Chunk')} FROM ${place}
              CROSS JOIN LATERAL relational.shared_chunks_of(ARRAY[place.id], place.first - 1, place.last - place.first + 1) AS chunks`,
      ),
    ),
    readingShared(context),
  );
};

export const countChunksOfDocuments = async (
  postgres: Postgres,
  context: RequestContext,
  ids: readonly string[],
  where: Condition | undefined,
): Promise<Map<string, number>> => {
  const matching = where === undefined ? sql`` : sql`AND ${conditionSql(MODELS.Chunk as Model, where)}`;
  const rows = await postgres.read(
    context,
    statement(sql<{ id: string; count: number }>`
      SELECT document_id AS id, count(*)::int AS count FROM (${withShared(
        context,
        sql`SELECT document_id FROM relational.chunks WHERE document_id = ANY(${ids}::text[]) ${matching}`,
        sql`SELECT document_id FROM relational.shared_chunks_of(${ids}::text[], -1, ${RELATIONAL.textBytes}) AS chunks WHERE true ${matching}`,
      )}) AS counted GROUP BY document_id`),
    readingShared(context),
  );
  return new Map(rows.map(({ id, count }) => [id, count]));
};

export const indexing = async (
  postgres: Postgres,
  context: RequestContext,
  documentIds: readonly string[],
): Promise<IndexingRow[]> =>
  await postgres.read(
    context,
    statement(sql<IndexingRow>`
      SELECT document_id AS "documentId", store, state, error, attempts, updated_at AS "updatedAt", next_attempt_at AS "nextAttemptAt"
      FROM relational.outbox WHERE document_id = ANY(${documentIds}::text[])
      ORDER BY document_id, array_position(ARRAY['OBJECT', 'VECTOR', 'GRAPH'], store)`),
  );

export const metadataKeys = async (postgres: Postgres, context: RequestContext, limit: number): Promise<string[]> => {
  const rows = await postgres.read(
    context,
    statement(sql<{ key: string }>`
      SELECT DISTINCT jsonb_object_keys(metadata) AS key FROM relational.documents
      WHERE jsonb_typeof(metadata) = 'object' LIMIT ${limit}`),
    { replica: true },
  );
  return rows.map(({ key }) => key);
};

export const documentCollections = async (
  postgres: Postgres,
  context: RequestContext,
  limit: number,
): Promise<string[]> => {
  const rows = await postgres.read(
    context,
    statement(sql<{ name: string }>`SELECT DISTINCT collection AS name FROM relational.documents LIMIT ${limit}`),
    { replica: true },
  );
  return rows.map(({ name }) => name);
};
