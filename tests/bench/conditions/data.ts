/** Documents, their chunks, and entities that they name, of the tenant that every caller has in development. */
import type { Client } from 'pg';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { TERMS_VERSION } from '#subgraphs/shared/terms/terms.ts';
import { DIMENSIONS, vectorOf } from '#tests/bench/stores/sizes.ts';

export interface Sizes {
  readonly documents: number;
  readonly chunksPerDocument: number;
  readonly entities: number;
}

const BATCH = 500;
const { tenantId } = DEVELOPER;

/** A number of as many digits as all others, so that texts sort as numbers do. */
const padded = (number: string): string => `lpad((${number})::text, 8, '0')`;

/**
 * Each document names the entity of its own number, and two others. What is filtered by is spread over the list's order by multiplying
 * with a prime.
 */
export async function load(admin: Client, { documents, chunksPerDocument, entities }: Sizes): Promise<void> {
  await admin.query(`SET session_replication_role = replica; SET statement_timeout = 0`);
  await admin.query(
    `INSERT INTO relational.documents (tenant_id, id, title, source, collection, media_type, content_hash, metadata, digest, created_at)
     SELECT $1, 'doc_' || i, ${padded('i')}, ${padded(`(i * 7919::bigint) % ${documents}`)}, 'bench', 'text/markdown', md5(i::text), '{}', md5(i::text), now()
     FROM generate_series(0, ${documents - 1}) AS i`,
    [tenantId],
  );
  await admin.query(
    `INSERT INTO graph.entities (tenant_id, id, name, kind, properties)
     SELECT $1, 'ent_' || i, ${padded(`(i * 104729::bigint) % ${entities}`)}, 'thing', '{}' FROM generate_series(0, ${entities - 1}) AS i`,
    [tenantId],
  );
  await admin.query(
    `INSERT INTO graph.mentions (tenant_id, document_id, entity_id, position)
     SELECT $1, 'doc_' || i, 'ent_' || ((i + n * 701) % ${entities}), n FROM generate_series(0, ${documents - 1}) AS i, generate_series(0, 2) AS n`,
    [tenantId],
  );
  const chunks = documents * chunksPerDocument;
  for (let from = 0; from < chunks; from += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, chunks - from) }, (_, at) => from + at);
    await admin.query(
      `INSERT INTO vector.chunks (tenant_id, collection, chunk_id, document_id, revision, title, text, source, media_type, metadata, content_hash, dimensions, embedding, keywords_version, keywords, words)
       SELECT $1, 'chunks', 'chk_' || i, 'doc_' || i % ${documents}, 1, '', 'A passage.', i::text, 'text/markdown', '{}', md5(i::text), ${DIMENSIONS}, embedding::real[], ${TERMS_VERSION}, '', 0
       FROM unnest($2::int[], $3::text[]) AS v (i, embedding)`,
      [tenantId, numbers, numbers.map((i) => `{${Array.from(vectorOf(i), (value) => value.toFixed(6)).join(',')}}`)],
    );
    await admin.query(
      `INSERT INTO relational.chunks (tenant_id, id, document_id, index, text)
       SELECT $1, 'chk_' || i, 'doc_' || i % ${documents}, i / ${documents}, 'A passage.' FROM unnest($2::int[]) AS i`,
      [tenantId, numbers],
    );
  }
  await admin.query(
    `INSERT INTO vector.collections (tenant_id, name, model, dimensions, revision, chunks, words)
     VALUES ($1, 'chunks', 'static-384-v1', ${DIMENSIONS}, 1, ${chunks}, 0)`,
    [tenantId],
  );
  await admin.query('VACUUM ANALYZE');
  await admin.query('RESET session_replication_role');
}

/** The bound below which this share of `all` lies. */
export const below = (share: number, all: number): string =>
  String(Math.max(1, Math.round(share * all))).padStart(8, '0');
