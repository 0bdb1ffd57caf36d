/** Fills PostgreSQL as the drivers would have, without going through them one document at a time. */
import type { Client } from 'pg';
import { keywordsOf } from '#subgraphs/vector/drivers/postgres/keywords.ts';
import { TERMS_VERSION } from '#subgraphs/shared/terms/terms.ts';
import { DIMENSIONS, KINDS, MENTIONS, MODEL, SMALL, BIG, tenantOf, vectorOf, type Sizes } from './sizes.ts';

const TENANT = `CASE WHEN i % 100 = 0 THEN '${SMALL}' ELSE '${BIG}' END`;
const WORDS = `'the quick retry of backoff number ' || i || ' joins a stream of events, token ' || (i % 997) || ' and topic ' || (i % 5003)`;
const VECTOR_BATCH = 500;

export async function loadPostgres(
  admin: Client,
  sizes: Sizes,
  home: string,
  say: (line: string) => void,
): Promise<void> {
  const run = async (what: string, statement: string): Promise<void> => {
    const began = performance.now();
    const { rowCount } = await admin.query(statement);
    say(`postgres: ${what}: ${rowCount ?? 0} rows in ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  };
  const { documents, chunksPerDocument, entities, relationsPerEntity, mentioning } = sizes;
  await admin.query(
    `SET session_replication_role = replica; SET statement_timeout = 0; SET maintenance_work_mem = '512MB'`,
  );
  await run(
    'documents',
    `INSERT INTO relational.documents (tenant_id, id, title, source, media_type, content_hash, metadata, digest, created_at)
    SELECT ${TENANT}, 'doc_' || i, 'Document ' || i, 'docs/' || i || '.md', CASE WHEN i % 10 = 0 THEN 'text/plain' ELSE 'text/markdown' END, md5(i::text), jsonb_build_object('n', i), md5(i::text), now() - i * interval '1 second'
    FROM generate_series(1, ${documents}) AS i`,
  );
  await run(
    'chunks',
    `INSERT INTO relational.chunks (tenant_id, id, document_id, index, text)
    SELECT ${TENANT}, 'chk_' || i || '_' || n, 'doc_' || i, n, ${WORDS} FROM generate_series(1, ${documents}) AS i, generate_series(0, ${chunksPerDocument - 1}) AS n`,
  );
  await run(
    'entities',
    `INSERT INTO graph.entities (tenant_id, id, name, kind, properties)
    SELECT ${TENANT}, 'ent_' || i, 'name ' || i, 'kind' || i % ${KINDS}, '{}' FROM generate_series(1, ${entities}) AS i`,
  );
  // Both ends of a relation are of one tenant: numbers that are equal modulo a hundred.
  await run(
    'relations',
    `INSERT INTO graph.relations (tenant_id, id, type, from_id, from_name, to_id, to_name)
    SELECT ${TENANT}, 'rel_' || i || '_' || k, 'TYPE_' || k % 3, 'ent_' || i, 'name ' || i, 'ent_' || other, 'name ' || other
    FROM generate_series(1, ${entities}) AS i, generate_series(1, ${relationsPerEntity}) AS k, LATERAL (SELECT ((i + k * k * 700 - 1) % ${entities}) + 1 AS other) AS o ON CONFLICT DO NOTHING`,
  );
  await run(
    'mentions',
    `INSERT INTO graph.mentions (tenant_id, document_id, entity_id, position)
    SELECT ${TENANT}, 'doc_' || i, 'ent_' || (((i + n * 700 - 1) % ${entities}) + 1), n FROM generate_series(1, ${mentioning}) AS i, generate_series(0, ${MENTIONS - 1}) AS n`,
  );
  await admin.query('DROP INDEX IF EXISTS vector.chunks_ann_384');
  const began = performance.now();
  for (let from = 1; from <= sizes.vectors; from += VECTOR_BATCH) {
    const numbers = Array.from({ length: Math.min(VECTOR_BATCH, sizes.vectors - from + 1) }, (_, i) => from + i);
    const { rows: texts } = await admin.query<{ text: string }>(`SELECT ${WORDS} AS text FROM unnest($1::int[]) AS i`, [
      numbers,
    ]);
    const keywords = texts.map(({ text }, at) => keywordsOf(`Document ${numbers[at]}`, text));
    await admin.query(
      `INSERT INTO vector.chunks (tenant_id, collection, chunk_id, document_id, revision, title, text, source, media_type, metadata, content_hash, dimensions, embedding, keywords_version, keywords, words)
       SELECT tenant, 'chunks', 'chk_' || i || '_0', 'doc_' || i, 1, 'Document ' || i, ${WORDS}, 'docs/' || i || '.md', CASE WHEN i % 10 = 0 THEN 'text/plain' ELSE 'text/markdown' END, '{}', md5(i::text), ${DIMENSIONS}, embedding::real[],
              ${TERMS_VERSION}, keywords::tsvector || array_to_tsvector(ARRAY[vector.tenant_word(tenant)]), words
       FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::int[]) AS v (i, tenant, embedding, keywords, words)`,
      [
        numbers,
        numbers.map(tenantOf),
        numbers.map((i) => `{${Array.from(vectorOf(i), (value) => value.toFixed(6)).join(',')}}`),
        keywords.map(({ vector }) => vector),
        keywords.map(({ words }) => words),
      ],
    );
  }
  say(`postgres: ${sizes.vectors} vectors in ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  for (const tenant of [BIG, SMALL])
    await admin.query(
      `INSERT INTO vector.collections (tenant_id, name, model, dimensions, revision, chunks, words)
       SELECT $1, 'chunks', $2, $3, 1, count(*), coalesce(sum(words), 0) FROM vector.chunks WHERE tenant_id = $1`,
      [tenant, MODEL.model, DIMENSIONS],
    );
  await run(
    'HNSW index',
    `CREATE INDEX chunks_ann_384 ON vector.chunks USING hnsw ((embedding::${home}.vector(384)) ${home}.vector_cosine_ops) WHERE dimensions = 384`,
  );
  await run('statistics', 'VACUUM ANALYZE');
  await admin.query('RESET session_replication_role; RESET maintenance_work_mem');
}
