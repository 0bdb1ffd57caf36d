import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import pg from 'pg';
import { describe, expect, test } from 'vitest';

import { createInference } from '#subgraphs/inference/index.ts';
import type { BuiltInModel } from '#subgraphs/shared/built-in-models.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { AnnRanker, type VectorType } from '#subgraphs/vector/drivers/postgres/ann.ts';
import { ensureVectorExtension } from '#subgraphs/vector/drivers/postgres/extension.ts';
import { PostgresVectors, type PostgresVectorsOptions } from '#subgraphs/vector/drivers/postgres/index.ts';
import { aloneAt } from '#subgraphs/vector/drivers/model-renewer.ts';
import { upsertVectors } from '#subgraphs/vector/indexing/indexing.ts';
import { BackgroundRenewal } from '#subgraphs/vector/drivers/background-renewal.ts';
import { callersHash, contentHash } from '#subgraphs/vector/indexing/content-hash.ts';
import { createVector } from '#subgraphs/vector/index.ts';
import { checkFilter } from '#subgraphs/vector/input.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import { random } from '#tests/setup/random.ts';
import { testKeywordSearch } from './keyword-search.ts';
import { testSearchFilters } from './search-filters.ts';
import { testVectorFacts, type FactStoreUnderTest } from './vector-facts.ts';
import { as, corpus, MODEL, testVectorDriver, unitVector, WORDS, type VectorStoreUnderTest } from './vector-driver.ts';

const MIGRATIONS = new URL('../../subgraphs/vector/migrations/', import.meta.url);

type Store = VectorStoreUnderTest & { postgres: Postgres; url: string };

async function open(options: PostgresVectorsOptions = {}, server?: string, type?: VectorType): Promise<Store> {
  const database = await createTestDatabase(server);
  const postgres = new Postgres({ url: database.url });
  await postgres.migrate('vector', MIGRATIONS);
  const home = server === undefined ? undefined : await ensureVectorExtension(postgres);
  const create = (collection: string) =>
    new PostgresVectors(
      postgres,
      collection,
      home === undefined ? options : { ranker: new AnnRanker(postgres, collection, home, type) },
    );
  const [driver, replica] = [create('chunks'), create('chunks')];
  let collections = 0;
  return {
    postgres,
    url: database.url,
    driver,
    replica,
    // Without statistics the planner takes every table for tiny.
    settle: () => execute(database.url, 'ANALYZE vector.chunks'),
    fresh: async () => create(`fresh_${collections++}`),
    close: async () => {
      await Promise.all([driver.close(), replica.close()]);
      await postgres.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** @param server with pgvector; the embedded one where absent */
async function openForFacts(server?: string): Promise<FactStoreUnderTest> {
  const database = await createTestDatabase(server);
  const postgres = new Postgres({ url: database.url });
  const pgvector = server === undefined ? {} : ({ pgvector: 'vector' } as const);
  return {
    serve: (embedder) => createVector({ ...pgvector, reindex: 'OFF', messagesIndexed: true }, { postgres, embedder }),
    [Symbol.asyncDispose]: async () => {
      await postgres.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

testVectorDriver('PostgreSQL, exact', () => open());
testVectorDriver('PostgreSQL, exact, always in a worker thread', () => open({ workerBound: 0 }), {
  large: 500,
  small: 5 * 5,
});

testKeywordSearch('PostgreSQL', () => open());
testSearchFilters('PostgreSQL, exact', () => open());
testVectorFacts('PostgreSQL, exact', () => openForFacts());
// Where more match than are scored, filters narrow what is looked for.
testSearchFilters('PostgreSQL, few chunks scored', () => open({ keywordScored: 40 }));

// A PostgreSQL with pgvector, as a superuser: the embedded one has none.
const pgvector = process.env['TEST_PGVECTOR_URL'];
describe.skipIf(!pgvector)('with TEST_PGVECTOR_URL', () => {
  testVectorDriver('PostgreSQL, pgvector', () => open({}, pgvector), { large: 4_000, small: 40 });
  testSearchFilters('PostgreSQL, pgvector', () => open({}, pgvector));
  testVectorFacts('PostgreSQL, pgvector', () => openForFacts(pgvector));

  test.each(['vector', 'halfvec'] as const)(
    'the index orders (%s), also where the tenant owns one row of a hundred',
    async (type) => {
      await using store = disposable(await open({}, pgvector, type));
      for (let seed = 0; seed < 5; seed++) {
        const chunks = corpus('a', 2_000, seed).map((c) => ({
          ...c,
          chunkId: `${c.chunkId}_${seed}`,
          documentId: `${c.documentId}_${seed}`,
        }));
        await store.driver.upsert(as('a'), chunks, MODEL);
      }
      const theirs = corpus('b', 100, 9);
      await store.driver.upsert(as('b'), theirs, MODEL);
      // Nobody asked for statistics; the driver sees to them after large writes. Closing waits until it has.
      await store.driver.close();
      // A query in the middle of the other tenant's vectors.
      for (const limit of [1, 10, 100])
        expect(await nearest(store.driver as PostgresVectors, 'b', unitVector(random(3)), limit)).toHaveLength(limit);
      const [exact] = await new PostgresVectors(store.postgres, 'chunks').search(as('a'), [
        { kind: 'VECTOR', vector: unitVector(random(4)), model: MODEL.model, limit: 10 },
      ]);
      const [approximate] = await store.driver.search(as('a'), [
        { kind: 'VECTOR', vector: unitVector(random(4)), model: MODEL.model, limit: 10 },
      ]);
      expect(approximate!.approximate).toBe(true);
      const found = new Set(approximate!.items.map((item) => item.chunkId));
      expect(exact!.items.filter((item) => found.has(item.chunkId)).length).toBeGreaterThanOrEqual(9);
      const plan = await store.postgres.transaction(as('a'), async (tx) => {
        return await tx.query<{ 'QUERY PLAN': string }>({
          sql: `EXPLAIN SELECT chunk_id FROM vector.chunks WHERE collection = 'chunks' AND dimensions = 24
              ORDER BY (embedding::${type}(24)) <=> '[${unitVector(random(1)).join(',')}]'::${type}(24) LIMIT 10`,
          parameters: [],
        });
      });
      expect(plan.map((row) => row['QUERY PLAN']).join('\n')).toContain(
        type === 'halfvec' ? 'chunks_ann_half_24' : 'chunks_ann_24',
      );
      // Each row's place in the index is searched for when it is written: seconds alone, many times that on a busy
      // machine.
    },
    180_000,
  );
});

const nearest = async (driver: PostgresVectors, tenant: string, vector: Float32Array, limit = 5) =>
  (await driver.search(as(tenant), [{ kind: 'VECTOR', vector, model: MODEL.model, limit }]))[0]!.items;

test('a query reads only what changed since the one before', async () => {
  await using store = disposable(await open());
  const chunks = corpus('a', 300, 1);
  await store.driver.upsert(as('a'), chunks, MODEL);
  const statementsOf = async () => {
    const context = as('a');
    await store.driver.search(context, [{ kind: 'VECTOR', vector: chunks[0]!.vector, model: MODEL.model, limit: 3 }]);
    return context.statements.total;
  };
  expect(await statementsOf()).toBe(3); // State, count, rows.
  expect(await statementsOf()).toBe(1); // State alone.
  await store.driver.delete(as('a'), [chunks[0]!.chunkId]);
  expect(await statementsOf()).toBe(2); // State, changes.
  expect(await statementsOf()).toBe(1);
});

test('more rows than a scan may read are refused with what to do, without being loaded', async () => {
  await using store = disposable(await open({ cache: { rows: 20 } }));
  const chunks = corpus('a', 25, 1);
  await store.driver.upsert(as('a'), chunks.slice(0, 20), MODEL);
  expect(await nearest(store.driver as PostgresVectors, 'a', chunks[0]!.vector)).toHaveLength(5);
  await store.driver.upsert(as('a'), chunks.slice(20), MODEL);
  const refusal = { extensions: { code: 'QUERY_TOO_COSTLY', hint: expect.stringMatching(/pgvector.*QDRANT_URL/) } };
  await expect(nearest(store.driver as PostgresVectors, 'a', chunks[0]!.vector)).rejects.toMatchObject(refusal);
  await expect(nearest(store.replica as PostgresVectors, 'a', chunks[0]!.vector)).rejects.toMatchObject(refusal);
  await store.driver.delete(
    as('a'),
    chunks.slice(0, 6).map((chunk) => chunk.chunkId),
  );
  expect(await nearest(store.driver as PostgresVectors, 'a', chunks[7]!.vector)).toHaveLength(5);
});

test('memory for tenants that are not being asked is given up', async () => {
  // Room for about one tenant.
  await using store = disposable(await open({ cache: { bytes: 100_000 } }));
  for (const tenant of ['a', 'b', 'c']) await store.driver.upsert(as(tenant), corpus(tenant, 150, 1), MODEL);
  const query = unitVector(random(1));
  for (let round = 0; round < 2; round++) {
    for (const tenant of ['a', 'b', 'c']) {
      const items = await nearest(store.driver as PostgresVectors, tenant, query, 200);
      expect(items).toHaveLength(150);
      expect(items.every((item) => item.chunkId.startsWith(`chk_${tenant}_`))).toBe(true);
    }
  }
});

test('an empty collection takes on another model', async () => {
  await using store = disposable(await open());
  const [chunk] = corpus('a', 1, 1);
  await store.driver.upsert(as('a'), [chunk!], MODEL);
  expect(await nearest(store.replica as PostgresVectors, 'a', chunk!.vector)).toHaveLength(1);
  await store.driver.removeDocuments(as('a'), [chunk!.documentId]);
  const vector = unitVector(random(2), 8);
  await store.driver.upsert(as('a'), [{ ...chunk!, vector }], { model: 'next', dimensions: 8 });
  const [ranking] = await store.replica.search(as('a'), [{ kind: 'VECTOR', vector, model: 'next', limit: 5 }]);
  expect(ranking!.items).toHaveLength(1);
});

test("keyword search uses the full-text index, and only the caller's part of it", async () => {
  await using store = disposable(await open());
  await store.driver.upsert(as('a'), corpus('a', 2_000, 1), MODEL);
  await store.driver.upsert(as('b'), corpus('b', 2_000, 2), MODEL);
  await store.settle?.();
  const plan = await store.postgres.transaction(as('a'), async (tx) => {
    await tx.query({ sql: 'SET LOCAL ROLE tributary_system', parameters: [] });
    return await tx.query<{ 'QUERY PLAN': string }>({
      sql: `EXPLAIN SELECT chunk_id FROM vector.chunks
            WHERE tenant_id = 'a' AND keywords @@ (quote_literal(vector.tenant_word('a'))::tsquery && 'number7'::tsquery)`,
      parameters: [],
    });
  });
  expect(plan.map((row) => row['QUERY PLAN']).join('\n')).toContain('chunks_keywords');
});

/** What is kept of all chunks together, beside what it is of the rows as they are. */
const statistics = async (url: string) => {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client
    .query<Record<string, string>>(
      `SELECT s.tenant_id, s.chunks, s.words, count(c.words) AS rows, coalesce(sum(c.words), 0) AS of_rows
       FROM vector.collections s LEFT JOIN vector.chunks c ON c.tenant_id = s.tenant_id AND c.collection = s.name
       GROUP BY s.tenant_id, s.name, s.chunks, s.words ORDER BY 1`,
    )
    .finally(() => client.end());
  return rows;
};
const byKeyword = async (driver: PostgresVectors, tenant: string, text: string, limit = 5) =>
  (await driver.search(as(tenant), [{ kind: 'KEYWORD', text, limit }]))[0]!;

test('how many chunks and words there are is right after every write', async () => {
  await using store = disposable(await open());
  const next = random(8);
  const chunks = corpus('a', 60, 1);
  for (let round = 0; round < 30; round++) {
    const some = chunks
      .filter(() => next() < 0.3)
      .map((chunk) => ({ ...chunk, text: `${chunk.text} ${'more words '.repeat(Math.floor(next() * 5))}` }));
    const tenant = next() < 0.5 ? 'a' : 'b';
    const documentIds = [...new Set(some.map((chunk) => chunk.documentId))];
    const way = Math.floor(next() * 4);
    if (way === 0) await store.driver.upsert(as(tenant), some, MODEL);
    else if (way === 1)
      await store.driver.delete(
        as(tenant),
        some.slice(0, 5).map((chunk) => chunk.chunkId),
      );
    else if (way === 2) await store.driver.removeDocuments(as(tenant), documentIds.slice(0, 2));
    else await store.driver.indexDocuments(as(tenant), { documentIds, changed: some, kept: [] }, MODEL);
    for (const { chunks: counted, words, rows, of_rows: ofRows } of await statistics(store.url))
      expect([counted, words]).toEqual([rows, ofRows]);
  }
  expect((await statistics(store.url)).map(({ rows }) => Number(rows)).every((rows) => rows > 0)).toBe(true);
});

test('chunks of before are gone through in the background, and found meanwhile as far as they are', async () => {
  await using database = await createTestDatabase();
  await using folder = await earlierMigrations('0006');
  const postgres = new Postgres({ url: database.url });
  await postgres.migrate('vector', folder.url);
  await execute(
    database.url,
    `INSERT INTO vector.collections (tenant_id, name, model, dimensions, revision)
       SELECT t, 'chunks', '${MODEL.model}', ${MODEL.dimensions}, 7 FROM unnest(ARRAY['a', 'a.b']) AS t;
     INSERT INTO vector.chunks (tenant_id, collection, chunk_id, document_id, revision, title, text, source, media_type, metadata, content_hash, dimensions, embedding)
       SELECT t, 'chunks', 'chk_' || i, 'doc_' || i, 7, 'Old', 'npm install --no-cache number' || i, '', '', '{}', 'h', ${MODEL.dimensions}, array_fill(0.1::real, ARRAY[${MODEL.dimensions}])
       FROM unnest(ARRAY['a', 'a.b']) AS t, generate_series(1, 130) AS i`,
  );
  await postgres.migrate('vector', MIGRATIONS);
  const [driver, other] = [new PostgresVectors(postgres, 'chunks'), new PostgresVectors(postgres, 'chunks')];
  expect((await byKeyword(driver, 'a', 'number7')).items).toEqual([]);
  // What is written now is found at once; that there is more is said.
  await driver.upsert(as('a'), [{ ...corpus('a', 1, 1)[0]!, chunkId: 'chk_3', text: 'number7 anew' }], MODEL);
  expect(await byKeyword(driver, 'a', 'number7')).toMatchObject({ items: [{ chunkId: 'chk_3' }], approximate: true });
  const told: string[] = [];
  // Stopped in the middle, then two at once.
  driver.renewKeywords((message) => told.push(message));
  await driver.close();
  const [third] = [new PostgresVectors(postgres, 'chunks')];
  for (const each of [other, third]) each.renewKeywords((message) => told.push(message));
  await Promise.all([other.keywordsRenewed(), third.keywordsRenewed()]);
  expect((await byKeyword(other, 'a', 'number7')).items.map(({ chunkId }) => chunkId).sort()).toEqual([
    'chk_3',
    'chk_7',
  ]);
  for (const tenant of ['a', 'a.b'])
    expect(await byKeyword(other, tenant, '--no-cache number9')).toMatchObject({
      items: [{ chunkId: 'chk_9' }, {}, {}, {}, {}],
      approximate: false,
    });
  for (const { chunks, words, rows, of_rows: ofRows } of await statistics(database.url))
    expect([chunks, words, rows]).toEqual(['130', ofRows, '130']);
  // No vector is read again for it.
  const context = as('a.b');
  expect((await other.collectionInfo(context))?.model).toBe(MODEL.model);
  expect(told.join('\n')).toMatch(/gone through/);
  await Promise.all([other.close(), third.close()]);
  await postgres.close();
});

test('what another built-in embedder embedded is embedded again, a tenant at once, and nothing is paid for twice', async () => {
  await using store = disposable(await open({}));
  const driver = store.driver as PostgresVectors;
  const texts = corpus('a', 450, 1).map((chunk) => ({ ...chunk, text: `text ${chunk.chunkId}` }));
  const embedderOf = async (model: BuiltInModel) =>
    (await createInference({ embeddings: model }, { usageSink: undefined })).provides.embedder!;
  const [old, renewed] = [await embedderOf('hashing-384-v1'), await embedderOf('static-384-v1')];
  const embed = async (embedder: Embedder, text: string) => (await embedder.embed(as('a'), [text])).vectors[0]!;
  const hashed = await Promise.all(
    texts.map(async (chunk) => {
      const { title, text } = chunk;
      const vector = await embed(old, `${title}\n\n${text}`);
      return { ...chunk, vector, contentHash: contentHash('hashing-384-v1', title, text) };
    }),
  );
  const [first, ...others] = hashed;
  const before = { model: 'hashing-384-v1', dimensions: 384 };
  await driver.upsert(as('a'), [{ ...first!, contentHash: callersHash(first!.text) }, ...others], before);
  await driver.upsert(as('b'), hashed.slice(0, 3), before);
  await driver.upsert(as('served'), hashed.slice(0, 3), { ...before, model: 'text-embedding-3-small' });
  const search = async (vector: Float32Array, model: string) =>
    (await driver.search(as('a'), [{ kind: 'VECTOR', vector, model, limit: 1 }]))[0]!.items[0];
  // Fills the cache, which must not keep what it has.
  expect(await search(hashed[300]!.vector, 'hashing-384-v1')).toMatchObject({ chunkId: hashed[300]!.chunkId });

  const told: string[] = [];
  await new BackgroundRenewal(driver.renewer(renewed), { free: true, log: (message) => told.push(message) }).done;
  expect(told).toEqual([
    expect.stringMatching(/static-384-v1 now, and was hashing-384-v1: .* 2 tenants .* EMBEDDING_MODEL=hashing-384-v1/),
    '453 stored texts were embedded again.',
  ]);
  const vector = await embed(renewed, `${hashed[300]!.title}\n\n${hashed[300]!.text}`);
  const found = await search(vector, 'static-384-v1');
  expect(found).toMatchObject({ chunkId: hashed[300]!.chunkId });
  expect(found!.score).toBeCloseTo(1, 5);
  await expect(search(vector, 'hashing-384-v1')).rejects.toMatchObject({ extensions: { code: 'CONFLICT' } });
  const hashes = await driver.contentHashes(as('a'), [hashed[0]!.chunkId, hashed[1]!.chunkId]);
  expect(hashes.get(hashed[0]!.chunkId)).toBe(callersHash(hashed[0]!.text));
  expect(hashes.get(hashed[1]!.chunkId)).toBe(contentHash('static-384-v1', hashed[1]!.title, hashed[1]!.text));
  expect(await driver.collectionInfo(as('b'))).toMatchObject({ model: 'static-384-v1' });
  expect(await driver.collectionInfo(as('served'))).toMatchObject({ model: 'text-embedding-3-small' });
});

test('what is embedded already survives a stop, and what is written meanwhile is embedded as it is then', async () => {
  await using store = disposable(await open({}));
  const driver = store.driver as PostgresVectors;
  const inference = await createInference({ embeddings: 'hashing-384-v1' }, { usageSink: undefined });
  const hashing = inference.provides.embedder!;
  const table = await createInference({ embeddings: 'static-384-v1' }, { usageSink: undefined });
  const texts: string[] = [];
  /** Vectors of the table alone, cut, as those of a model that is served. */
  const served = (dimensions: number): Embedder => ({
    model: { name: 'served' },
    embed: async (context, input) => {
      if (input[0] !== '.') texts.push(...input);
      const { vectors } = await table.provides.embedder!.embed(context, input);
      const cut = vectors.map((vector) => vector.slice(0, dimensions));
      return {
        model: 'served',
        dimensions,
        vectors: cut.map((vector) => vector.map((value) => value / Math.hypot(...vector))),
      };
    },
  });
  const items = Array.from({ length: 450 }, (_, at) => ({ chunkId: `c${at}`, documentId: 'd', text: `text ${at}` }));
  await upsertVectors(as('a'), driver, hashing, items);
  await upsertVectors(as('b'), driver, hashing, items.slice(0, 3));
  const nearest = async (text: string, dimensions: number) => {
    const vector = (await served(dimensions).embed(as('a'), [text])).vectors[0]!;
    return (await driver.search(as('a'), [{ kind: 'VECTOR', vector, model: 'served', limit: 1 }]))[0]!.items[0];
  };

  const first = driver.renewer(served(128));
  const plan = (await first.plan(false))!;
  expect(plan).toMatchObject({ was: 'hashing-384-v1', to: { model: 'served', dimensions: 128 }, done: 0, total: 453 });
  expect(await first.piece(plan, () => false)).toBe('MORE');
  expect(await first.plan(false)).toMatchObject({ done: 200, total: 453 });
  // Of one that is ended in the middle nothing is kept but what was before.
  await expect(first.piece(plan, () => true)).rejects.toThrow('stopping');
  await expect(nearest('text 7', 128)).rejects.toMatchObject({ code: 'CONFLICT' });
  await upsertVectors(as('a'), driver, hashing, [{ chunkId: 'c7', documentId: 'd', text: 'written meanwhile' }]);
  await driver.delete(as('a'), ['c8']);
  texts.length = 0;

  const second = driver.renewer(served(128));
  for (let state = 'MORE'; state !== 'DONE'; state = await second.piece(plan, () => false));
  expect(await second.plan(false)).toBeUndefined();
  expect(texts).toHaveLength(450 - 200 + 1 + 3);
  expect(await nearest('written meanwhile', 128)).toMatchObject({ chunkId: 'c7' });
  expect((await nearest('text 449', 128))!.score).toBeCloseTo(1, 4);
  await execute(
    store.url,
    `DO $$ BEGIN IF EXISTS (SELECT FROM vector.renewed) THEN RAISE 'something is left'; END IF; END $$`,
  );

  // The same model, fewer dimensions: in turns with another process, which holds the lock.
  const narrow = (await driver.renewer(served(64)).plan(false))!;
  expect(narrow).toMatchObject({ was: 'served of 128 dimensions', to: { model: 'served', dimensions: 64 } });
  await aloneAt(store.postgres, async () => {
    expect(await driver.renewer(served(64)).piece(narrow, () => false)).toBe('ELSEWHERE');
    return 'MORE';
  });
  const third = driver.renewer(served(64));
  for (let state = 'MORE'; state !== 'DONE'; state = await third.piece(narrow, () => false));
  expect((await nearest('written meanwhile', 64))!.score).toBeCloseTo(1, 4);
  expect(await driver.collectionInfo(as('b'))).toMatchObject({ model: 'served', dimensions: 64 });
  await Promise.all([inference.close(), table.close()]);
});

test('a condition that the gateway would not send is refused, or lets nothing of another tenant through', async () => {
  await using store = disposable(await open());
  for (const tenant of ['a', 'b']) await store.driver.upsert(as(tenant), corpus(tenant, 5, 1), MODEL);
  // As who has got hold of a tenant's connection.
  const ask = async (filter: unknown): Promise<{ chunk_id: string }[]> =>
    await store.postgres.read(as('a'), {
      sql: 'SELECT * FROM vector.keyword_search($1, $2, $3, 100)',
      parameters: [
        'chunks',
        JSON.stringify({ terms: WORDS.map((query) => ({ query, weight: 1 })), k1: 1.2, b: 0.75, most: 100 }),
        JSON.stringify(filter),
      ],
    });
  const own = (await ask({})).length;
  expect(own).toBeGreaterThan(0);
  const escape = "true) OR c.tenant_id = 'b' OR (true";
  const source = { kind: 'compare', column: 'source', operator: '=', value: 'x' };
  const path = { kind: 'json', column: 'metadata', path: ['topic'], test: { kind: 'exists' } };
  let deep: object = source;
  for (let i = 0; i < 60; i++) deep = { kind: 'not', of: deep };
  for (const filter of [
    { ...source, column: 'tenant_id' },
    { ...source, column: escape },
    { ...source, column: null },
    { ...source, operator: `= 'x' OR ${escape} OR c.source =` },
    { ...source, operator: null },
    { ...source, kind: escape },
    { ...source, kind: null },
    { ...path, column: 'tenant_id' },
    { ...path, test: { kind: escape } },
    { ...path, test: { kind: 'compare', operator: `> '1' OR ${escape} OR '1' <`, value: 1 } },
    { ...path, test: { kind: 'compare', operator: '=', value: { a: 1 } } },
    { ...path, test: null },
    { kind: 'and', of: 'x' },
    { kind: 'and', of: [{}] },
    [escape],
    escape,
    deep,
  ])
    expect([filter, await ask(filter).catch(() => [])]).toEqual([filter, []]);
  for (const filter of [
    {
      kind: 'or',
      of: [
        { ...source, value: escape },
        { kind: 'not', of: source },
      ],
    },
    { kind: 'not', of: { kind: 'in', column: 'source', values: [escape, null, { a: "'" }] } },
    { kind: 'not', of: { ...path, path: [escape, "'}", '{,"'] } },
    { kind: 'not', of: { ...path, test: { kind: 'in', values: [escape, { "'": ["'"] }] } } },
    { kind: 'not', of: { kind: 'contains', column: 'source', text: escape } },
    { kind: 'not', of: { kind: 'matches', column: 'source', pattern: `***=${escape}` } },
  ]) {
    const found = await ask(filter);
    expect([filter, found.length]).toEqual([filter, own]);
    expect(found.every(({ chunk_id: id }) => id.startsWith('chk_a_'))).toBe(true);
  }
});

test('where more chunks match than are scored, those with the rarer words are, and the answer says so', async () => {
  await using store = disposable(await open({ keywordScored: 64 }));
  const chunks = corpus('a', 1_000, 1);
  await store.driver.upsert(
    as('a'),
    chunks.map((chunk) => ({ ...chunk, text: `${chunk.text} everywhere common` })),
    MODEL,
  );
  await store.settle?.();
  const search = (text: string, limit = 5) => byKeyword(store.driver as PostgresVectors, 'a', text, limit);
  const all = await search('everywhere number77');
  expect(all.approximate).toBe(true);
  expect(all.items[0]!.chunkId).toBe(chunks[77]!.chunkId);
  expect((await search('everywhere common')).items).toHaveLength(5);
  expect((await search('everywhere common', 60)).items).toHaveLength(60);
  expect((await search('everywhere nowhereatall')).items).toHaveLength(5);
  const [filtered] = await store.driver.search(as('a'), [
    {
      kind: 'KEYWORD',
      text: 'everywhere',
      limit: 9,
      filter: checkFilter({ documentId: { eq: chunks[500]!.documentId } }),
    },
  ]);
  expect(filtered!.items).toHaveLength(5);
  expect((await search('number77')).approximate).toBe(false);
});

/** The migrations before one of this number, in a folder of their own. */
async function earlierMigrations(before: string): Promise<AsyncDisposable & { url: URL }> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-migrations-'));
  for (const name of await readdir(MIGRATIONS))
    if (name < before) await copyFile(new URL(name, MIGRATIONS), join(folder, name));
  return {
    url: pathToFileURL(`${folder}/`),
    [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true, force: true }),
  };
}

function disposable<T extends VectorStoreUnderTest>(store: T): T & AsyncDisposable {
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}
