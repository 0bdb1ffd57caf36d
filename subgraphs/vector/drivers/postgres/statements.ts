/** The SQL of the PostgreSQL driver. The tenant is never a parameter of a read: row-level security adds it. */
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { sql, type CompiledQuery, type RawBuilder } from 'kysely';

import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { toPostgres } from '#subgraphs/shared/filters/pattern.ts';
import { conditionSql, type FilteredColumn } from '#subgraphs/shared/postgres/conditions.ts';
import { queryBuilder } from '#subgraphs/shared/postgres/kysely.ts';
import type {
  ChunkColumn,
  ChunkText,
  ChunkVector,
  KeptChunk,
  KeywordQuery,
  StoredChunk,
  VectorModel,
  VectorQuery,
} from '../../driver.ts';
import type { Position } from '../../exact/matrix-cache.ts';
import { TERMS_VERSION } from '#subgraphs/shared/terms/terms.ts';
import { requiredQuery, wantedOf, type Keywords } from './keywords.ts';

const db = queryBuilder<Record<string, never>>('vector');
const compile = <Row>(query: RawBuilder<Row>): CompiledQuery<Row> => query.compile(db);

export interface CollectionRow {
  model: string;
  dimensions: number;
  revision: string;
}

/** As `vector.condition_sql` has them, for where the database makes the statement. */
const COLUMNS: Readonly<Record<ChunkColumn, FilteredColumn>> = {
  documentId: { ref: sql`c.document_id`, type: 'text' },
  mediaType: { ref: sql`c.media_type`, type: 'text' },
  source: { ref: sql`c.source`, type: 'text' },
  collection: { ref: sql`c.document_collection`, type: 'text' },
  metadata: { ref: sql`c.metadata`, type: 'jsonb' },
};

/** What a query by vectors asks of the row `c`; undefined where that is nothing. */
export function conditionOf({ filter, words }: VectorQuery): RawBuilder<unknown> | undefined {
  const asked = [
    ...(filter === undefined ? [] : [conditionSql((column) => COLUMNS[column as ChunkColumn], filter)]),
    ...(words === undefined ? [] : [sql`c.keywords @@ ${requiredQuery(words)}::tsquery`]),
  ];
  return asked.length === 0 ? undefined : sql.join(asked, sql` AND `);
}

/** A condition as `vector.condition_sql` takes it: patterns in the database's own dialect. */
function sentOf(condition: Condition): object {
  if (condition.kind === 'and' || condition.kind === 'or')
    return { kind: condition.kind, of: condition.of.map(sentOf) };
  if (condition.kind === 'not') return { kind: 'not', of: sentOf(condition.of) };
  if (condition.kind === 'matches') return { ...condition, pattern: toPostgres(condition.pattern) };
  if (condition.kind === 'json' && condition.test.kind === 'matches')
    return { ...condition, test: { kind: 'matches', pattern: toPostgres(condition.test.pattern) } };
  return condition;
}

/** The collection's state and, for each condition, the ordinals of the rows that match it, packed as 8 bytes each. */
export function readState(collection: string, conditions: readonly RawBuilder<unknown>[]) {
  const matching = conditions.map(
    (condition) =>
      sql`(SELECT string_agg(int8send(c.ordinal), ''::bytea) FROM vector.chunks c WHERE c.collection = ${collection} AND ${condition})`,
  );
  return compile<CollectionRow & { matching: (Buffer | null)[] }>(sql`
    SELECT model, dimensions, revision, ${matching.length === 0 ? sql`NULL` : sql`ARRAY[${sql.join(matching)}]::bytea[]`} AS matching
    FROM vector.collections WHERE name = ${collection}`);
}

export interface ChangeRow extends CollectionRow {
  tombstones_from: string;
  gone: boolean | null;
  row_revision: string;
  ordinal: string;
  chunk_id: string;
  document_id: string;
  embedding: Buffer;
}

/** What was written after a position and deleted after a revision, with the state that the same snapshot shows. */
export function readChanges(collection: string, after: Position, deletedAfter: number, limit: number) {
  return compile<ChangeRow>(sql`
    SELECT s.model, s.dimensions, s.revision, s.tombstones_from, d.*
    FROM vector.collections s
    LEFT JOIN LATERAL (
      (SELECT false AS gone, c.revision AS row_revision, c.ordinal, c.chunk_id, c.document_id, array_send(c.embedding) AS embedding
       FROM vector.chunks c
       WHERE c.collection = ${collection} AND (c.revision, c.ordinal) > (${after.revision}::bigint, ${after.ordinal}::bigint)
       ORDER BY c.revision, c.ordinal LIMIT ${limit})
      UNION ALL
      (SELECT true, t.revision, t.ordinal, NULL, NULL, NULL
       FROM vector.tombstones t WHERE t.collection = ${collection} AND t.revision > ${deletedAfter}::bigint)
    ) d ON true
    WHERE s.name = ${collection}`);
}

export const countRows = (collection: string, atMost: number) =>
  compile<{ rows: number }>(sql`
    SELECT count(*)::int AS rows FROM (SELECT 1 FROM vector.chunks c WHERE c.collection = ${collection} LIMIT ${atMost}) counted`);

/**
 * All keyword queries in one statement; see the migration for why a function answers them.
 * @param scored how many chunks each scores at most
 */
export function keywordSearch(collection: string, queries: readonly KeywordQuery[], scored: number) {
  const input = queries.map((query, position) => ({
    position,
    wanted: wantedOf(query.text, scored),
    take: query.limit,
    ...(query.filter === undefined ? {} : { filter: sentOf(query.filter) }),
  }));
  return compile<{ position: number; chunk_id: string; document_id: string; score: number; approximate: boolean }>(sql`
    SELECT q.position, k.chunk_id, k.document_id, k.score, k.approximate
    FROM jsonb_to_recordset(${writeJson(input)}::jsonb) AS q(position int, wanted jsonb, take int, filter jsonb)
    CROSS JOIN LATERAL vector.keyword_search(${collection}, q.wanted, q.filter, q.take) AS k
    ORDER BY q.position, k.score DESC, k.chunk_id COLLATE "C"`);
}

/**
 * Takes the collection's next revision, and the collection's row until the transaction ends; makes it where it is
 * missing.
 */
export const takeRevision = (tenant: string, collection: string, model: string, dimensions: number) =>
  compile<CollectionRow>(sql`
    INSERT INTO vector.collections AS c (tenant_id, name, model, dimensions, revision)
    VALUES (${tenant}, ${collection}, ${model}, ${dimensions}, 1)
    ON CONFLICT (tenant_id, name) DO UPDATE SET revision = c.revision + 1
    RETURNING model, dimensions, revision`);

/** As {@link takeRevision}, where there is nothing to write unless the collection exists. */
export const takeRevisionOfKnown = (collection: string) =>
  compile<CollectionRow>(sql`
    UPDATE vector.collections SET revision = revision + 1 WHERE name = ${collection} RETURNING model, dimensions, revision`);

/** Lets an empty collection take on another model. @returns a row where it was empty */
export const redefineEmpty = (collection: string, model: string, dimensions: number) =>
  compile<CollectionRow>(sql`
    UPDATE vector.collections SET model = ${model}, dimensions = ${dimensions}
    WHERE name = ${collection} AND NOT EXISTS (SELECT 1 FROM vector.chunks c WHERE c.collection = ${collection})
    RETURNING model, dimensions, revision`);

export function upsertChunks(
  tenant: string,
  collection: string,
  revision: string,
  dimensions: number,
  chunks: readonly ChunkVector[],
  keywords: readonly Keywords[],
) {
  const column = <T>(pick: (chunk: ChunkVector) => T): T[] => chunks.map(pick);
  const chunkIds = column((c) => c.chunkId);
  return compile(sql`
    WITH ${before(collection, chunkIds)}, written AS (
    INSERT INTO vector.chunks
      (tenant_id, collection, revision, dimensions, keywords_version, keywords, words,
       chunk_id, document_id, title, text, source, document_collection, media_type, metadata, content_hash, embedding)
    SELECT ${tenant}, ${collection}, ${revision}::bigint, ${dimensions}::int, ${sql.lit(TERMS_VERSION)}, ${stored(sql`${tenant}`)}, r.words,
           r.chunk_id, r.document_id, r.title, r.text, r.source, r.document_collection, r.media_type, r.metadata::jsonb, r.content_hash, r.embedding::real[]
    FROM unnest(
      ${chunkIds}::text[], ${column((c) => c.documentId)}::text[], ${column((c) => c.title)}::text[],
      ${column((c) => c.text)}::text[], ${column((c) => c.source)}::text[], ${column((c) => c.collection)}::text[], ${column((c) => c.mediaType)}::text[],
      ${column((c) => writeJson(c.metadata))}::text[], ${column((c) => c.contentHash)}::text[],
      ${column((c) => `{${c.vector.join(',')}}`)}::text[],
      ${keywords.map(({ vector }) => vector)}::text[], ${keywords.map(({ words }) => words)}::int[]
    ) AS r(chunk_id, document_id, title, text, source, document_collection, media_type, metadata, content_hash, embedding, keywords, words)
    ON CONFLICT (tenant_id, collection, chunk_id) DO UPDATE SET
      revision = excluded.revision, dimensions = excluded.dimensions, document_id = excluded.document_id, title = excluded.title,
      text = excluded.text, source = excluded.source, document_collection = excluded.document_collection, media_type = excluded.media_type, metadata = excluded.metadata,
      content_hash = excluded.content_hash, embedding = excluded.embedding,
      keywords = excluded.keywords, words = excluded.words, keywords_version = excluded.keywords_version
    ) ${counted(collection, keywords)}`);
}

/** A row's keywords as they are stored, of the `keywords` of `r`. */
const stored = (tenant: RawBuilder<unknown>) =>
  sql`r.keywords::tsvector || array_to_tsvector(ARRAY[vector.tenant_word(${tenant})])`;

/** What the rows that are written anew counted for, as they are before the statement. */
const before = (collection: string, chunkIds: readonly string[]) => sql`before AS (
      SELECT count(*) AS chunks, coalesce(sum(c.words), 0) AS words FROM vector.chunks c
      WHERE c.collection = ${collection} AND c.chunk_id = ANY (${chunkIds}::text[]) AND c.words IS NOT NULL
    )`;

/** Counts what is written instead of what was {@link before}. The transaction holds the collection's row. */
const counted = (collection: string, keywords: readonly Keywords[]) => sql`
    UPDATE vector.collections c SET
      chunks = c.chunks + ${keywords.length}::int - before.chunks,
      words = c.words + ${keywords.reduce((sum, { words }) => sum + words, 0)}::bigint - before.words
    FROM before WHERE c.name = ${collection}`;

/** Tenants’ collections that have chunks whose keywords are of an earlier version, or none. For the system’s role. */
export const collectionsWithoutKeywords = (limit: number) =>
  compile<{ tenant_id: string; collection: string }>(sql`
    SELECT DISTINCT c.tenant_id, c.collection FROM vector.chunks c WHERE c.keywords_version < ${sql.lit(TERMS_VERSION)} LIMIT ${limit}`);

/** Holds the collection’s row, as every write does, so that nobody writes a chunk that is being gone through. */
export const holdCollection = (collection: string) =>
  compile(sql`SELECT 1 FROM vector.collections WHERE name = ${collection} FOR UPDATE`);

export const chunksWithoutKeywords = (collection: string, limit: number) =>
  compile<{ chunk_id: string; title: string; text: string }>(sql`
    SELECT c.chunk_id, c.title, c.text FROM vector.chunks c
    WHERE c.collection = ${collection} AND c.keywords_version < ${sql.lit(TERMS_VERSION)} ORDER BY c.ordinal LIMIT ${limit}`);

/** Writes the keywords of stored chunks; nothing else of them changes, nor the collection’s revision. */
export const writeKeywords = (
  tenant: string,
  collection: string,
  chunkIds: readonly string[],
  keywords: readonly Keywords[],
) =>
  compile(sql`
    WITH ${before(collection, chunkIds)}, written AS (
      UPDATE vector.chunks c SET keywords = ${stored(sql`${tenant}`)}, words = r.words, keywords_version = ${sql.lit(TERMS_VERSION)}
      FROM unnest(${chunkIds}::text[], ${keywords.map(({ vector }) => vector)}::text[], ${keywords.map(({ words }) => words)}::int[])
        AS r(chunk_id, keywords, words)
      WHERE c.collection = ${collection} AND c.chunk_id = r.chunk_id
    ) ${counted(collection, keywords)}`);

/** Writes the attributes of chunks that stay. @returns how many of them are stored with the expected hash */
export function keepChunks(collection: string, chunks: readonly KeptChunk[]) {
  const column = <T>(pick: (chunk: KeptChunk) => T): T[] => chunks.map(pick);
  return compile<{ found: number }>(sql`
    WITH r AS (
      SELECT * FROM unnest(
        ${column((c) => c.chunkId)}::text[], ${column((c) => c.documentId)}::text[], ${column((c) => c.contentHash)}::text[],
        ${column((c) => c.source)}::text[], ${column((c) => c.collection)}::text[], ${column((c) => c.mediaType)}::text[], ${column((c) => writeJson(c.metadata))}::text[]
      ) AS r(chunk_id, document_id, content_hash, source, document_collection, media_type, metadata)
    ), written AS (
      UPDATE vector.chunks c SET source = r.source, document_collection = r.document_collection, media_type = r.media_type, metadata = r.metadata::jsonb
      FROM r
      WHERE c.collection = ${collection} AND c.chunk_id = r.chunk_id
        AND (c.source, c.document_collection, c.media_type, c.metadata) IS DISTINCT FROM (r.source, r.document_collection, r.media_type, r.metadata::jsonb)
    )
    SELECT count(*)::int AS found FROM r JOIN vector.chunks c
      ON c.collection = ${collection} AND c.chunk_id = r.chunk_id AND c.document_id = r.document_id AND c.content_hash = r.content_hash`);
}

/** Deletes rows and leaves a tombstone for each. */
export const deleteChunks = (tenant: string, collection: string, revision: string, which: RawBuilder<unknown>) =>
  compile<{ chunk_id: string }>(sql`
    WITH gone AS (
      DELETE FROM vector.chunks c WHERE c.collection = ${collection} AND ${which} RETURNING c.ordinal, c.chunk_id, c.words
    ), counted AS (
      UPDATE vector.collections c SET chunks = c.chunks - g.chunks, words = c.words - g.words
      FROM (SELECT count(words) AS chunks, coalesce(sum(words), 0) AS words FROM gone) g WHERE c.name = ${collection}
    ), marked AS (
      INSERT INTO vector.tombstones (tenant_id, collection, revision, ordinal)
      SELECT ${tenant}, ${collection}, ${revision}::bigint, ordinal FROM gone
    )
    SELECT chunk_id FROM gone`);

/** Forgets old deletions; caches that are as old load everything again. */
export const pruneTombstones = (collection: string, upTo: number) =>
  compile(sql`
    WITH pruned AS (
      DELETE FROM vector.tombstones WHERE collection = ${collection} AND revision <= ${upTo}::bigint
    )
    UPDATE vector.collections SET tombstones_from = ${upTo}::bigint WHERE name = ${collection}`);

export const storedHashes = (collection: string, documentIds: readonly string[]) =>
  compile<{ chunk_id: string; content_hash: string }>(sql`
    SELECT c.chunk_id, c.content_hash FROM vector.chunks c
    WHERE c.collection = ${collection} AND c.document_id = ANY (${documentIds}::text[])`);

export const contentHashes = (collection: string, chunkIds: readonly string[]) =>
  compile<{ chunk_id: string; content_hash: string }>(sql`
    SELECT c.chunk_id, c.content_hash FROM vector.chunks c
    WHERE c.collection = ${collection} AND c.chunk_id = ANY (${chunkIds}::text[])`);

export const texts = (collection: string, chunkIds: readonly string[]) =>
  compile<{ chunkId: string } & ChunkText>(sql`
    SELECT c.chunk_id AS "chunkId", c.document_id AS "documentId", c.title, c.text FROM vector.chunks c
    WHERE c.collection = ${collection} AND c.chunk_id = ANY (${chunkIds}::text[])`);

export const storedChunks = (collection: string, documentIds: readonly string[]) =>
  compile<{ chunkId: string } & StoredChunk>(sql`
    SELECT c.chunk_id AS "chunkId", c.document_id AS "documentId", c.content_hash AS "contentHash", c.source, c.document_collection AS collection, c.media_type AS "mediaType", c.metadata
    FROM vector.chunks c WHERE c.collection = ${collection} AND c.document_id = ANY (${documentIds}::text[])`);

/** Each document's id is one step down the index. */
export const documentIds = (collection: string, after: string, limit: number) =>
  compile<{ id: string }>(sql`
    WITH RECURSIVE found AS (
      SELECT min(document_id) AS id, 1 AS place FROM vector.chunks WHERE collection = ${collection} AND document_id > ${after}
      UNION ALL
      SELECT (SELECT min(c.document_id) FROM vector.chunks c WHERE c.collection = ${collection} AND c.document_id > found.id), place + 1
      FROM found WHERE found.id IS NOT NULL AND place < ${limit}::int
    )
    SELECT id FROM found WHERE id IS NOT NULL`);

export const metadataKeys = (collection: string, limit: number) =>
  compile<{ key: string }>(sql`
    SELECT DISTINCT jsonb_object_keys(c.metadata) AS key FROM vector.chunks c
    WHERE c.collection = ${collection} AND jsonb_typeof(c.metadata) = 'object' LIMIT ${limit}`);

export const documentCollections = (collection: string, limit: number) =>
  compile<{ name: string }>(sql`
    SELECT DISTINCT c.document_collection AS name FROM vector.chunks c WHERE c.collection = ${collection} LIMIT ${limit}`);

/**
 * Tenants that have this collection of another model, with chunks or without, and how far embedding it again is. For the system’s role.
 * @param models only of these. @default all
 */
export const collectionsOfOthers = (
  collection: string,
  { model, dimensions }: VectorModel,
  models: readonly string[] | undefined,
) =>
  compile<{ tenant_id: string; model: string; dimensions: number; chunks: string; renewed: string }>(sql`
    SELECT c.tenant_id, c.model, c.dimensions,
      (SELECT count(*) FROM vector.chunks k WHERE k.tenant_id = c.tenant_id AND k.collection = c.name) AS chunks,
      (SELECT count(*) FROM vector.renewed r WHERE r.tenant_id = c.tenant_id AND r.collection = c.name AND r.model = ${model} AND r.dimensions = ${dimensions}::int) AS renewed
    FROM vector.collections c
    WHERE c.name = ${collection} AND (c.model <> ${model} OR c.dimensions <> ${dimensions}::int)
      AND (${models ?? null}::text[] IS NULL OR c.model = ANY (${models ?? null}::text[])) ORDER BY 1`);

/** Takes the next revision for vectors of another model; caches of before load everything again. @returns no row where it is that model’s */
export const changeModel = (collection: string, { model, dimensions }: VectorModel) =>
  compile<CollectionRow>(sql`
    UPDATE vector.collections SET model = ${model}, dimensions = ${dimensions}::int, revision = revision + 1, tombstones_from = revision + 1
    WHERE name = ${collection} AND (model <> ${model} OR dimensions <> ${dimensions}::int) RETURNING model, dimensions, revision`);

/** A tenant that has this collection of one of these models, and of not so many dimensions. For the system’s role. */
export const collectionOfOthers = (collection: string, { model, dimensions }: VectorModel, models: readonly string[]) =>
  compile<{ tenant_id: string }>(sql`
    SELECT c.tenant_id FROM vector.collections c
    WHERE c.name = ${collection} AND (c.model <> ${model} OR c.dimensions <> ${dimensions}::int) AND c.model = ANY (${models}::text[]) ORDER BY 1 LIMIT 1`);

/** Chunks that have no vector of the model yet, or one of what they were before they were written again. */
export const chunksToRenew = (collection: string, { model, dimensions }: VectorModel, after: string, limit: number) =>
  compile<{ ordinal: string; chunk_id: string; title: string; text: string; content_hash: string }>(sql`
    SELECT c.ordinal, c.chunk_id, c.title, c.text, c.content_hash FROM vector.chunks c
    WHERE c.collection = ${collection} AND c.ordinal > ${after}::bigint AND NOT EXISTS (
      SELECT 1 FROM vector.renewed r WHERE r.collection = c.collection AND r.chunk_id = c.chunk_id AND r.tenant_id = c.tenant_id
        AND r.model = ${model} AND r.dimensions = ${dimensions}::int AND r.of_hash = c.content_hash)
    ORDER BY c.ordinal LIMIT ${limit}::int`);

/** Keeps vectors beside their chunks until all are there. */
export const writeRenewed = (
  collection: string,
  { model, dimensions }: VectorModel,
  chunks: readonly { chunkId: string; ofHash: string; contentHash: string; vector: Float32Array }[],
) =>
  compile(sql`
    INSERT INTO vector.renewed AS w (tenant_id, collection, chunk_id, model, dimensions, of_hash, content_hash, embedding)
    SELECT current_setting('app.tenant_id'), ${collection}, r.chunk_id, ${model}, ${dimensions}::int, r.of_hash, r.content_hash, r.embedding::real[]
    FROM unnest(
      ${chunks.map((c) => c.chunkId)}::text[], ${chunks.map((c) => c.ofHash)}::text[], ${chunks.map((c) => c.contentHash)}::text[],
      ${chunks.map((c) => `{${c.vector.join(',')}}`)}::text[]
    ) AS r(chunk_id, of_hash, content_hash, embedding)
    ON CONFLICT (tenant_id, collection, chunk_id) DO UPDATE SET
      model = EXCLUDED.model, dimensions = EXCLUDED.dimensions, of_hash = EXCLUDED.of_hash, content_hash = EXCLUDED.content_hash, embedding = EXCLUDED.embedding`);

/** Gives stored chunks the vectors that were kept beside them, and nothing else; no vectors are kept from then on. */
export const takeRenewed = (collection: string, revision: string) =>
  compile<{ chunk_id: string }>(sql`
    WITH taken AS (DELETE FROM vector.renewed WHERE collection = ${collection} RETURNING tenant_id, chunk_id, dimensions, content_hash, embedding)
    UPDATE vector.chunks c SET revision = ${revision}::bigint, dimensions = t.dimensions, content_hash = t.content_hash, embedding = t.embedding
    FROM taken t WHERE c.collection = ${collection} AND c.chunk_id = t.chunk_id AND c.tenant_id = t.tenant_id RETURNING c.chunk_id`);
