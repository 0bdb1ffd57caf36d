import { randomBytes } from 'node:crypto';

import pg from 'pg';
import { describe, expect, test } from 'vitest';

import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { AnnRanker, type VectorType } from '#subgraphs/vector/drivers/postgres/ann.ts';
import { ensureVectorExtension } from '#subgraphs/vector/drivers/postgres/extension.ts';
import { PostgresVectors, type PostgresVectorsOptions } from '#subgraphs/vector/drivers/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { random } from '#tests/setup/random.ts';
import { as, corpus, MODEL, testVectorDriver, unitVector, type VectorStoreUnderTest } from './vector-driver.ts';

const MIGRATIONS = new URL('../../subgraphs/vector/migrations/', import.meta.url);

type Store = VectorStoreUnderTest & { postgres: Postgres; url: string };

async function open(options: PostgresVectorsOptions = {}, server?: string, type?: VectorType): Promise<Store> {
  const database = server === undefined ? await createTestDatabase() : await createDatabaseOn(server);
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

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

async function createDatabaseOn(server: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await execute(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => execute(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

testVectorDriver('PostgreSQL, exact', () => open());
testVectorDriver('PostgreSQL, exact, always in a worker thread', () => open({ workerBound: 0 }), {
  large: 500,
  small: 5 * 5,
});

// A PostgreSQL with pgvector, as a superuser: the embedded one has none.
const pgvector = process.env['TEST_PGVECTOR_URL'];
describe.skipIf(!pgvector)('with TEST_PGVECTOR_URL', () => {
  testVectorDriver('PostgreSQL, pgvector', () => open({}, pgvector), { large: 4_000, small: 40 });

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
        { kind: 'VECTOR', vector: unitVector(random(4)), model: MODEL.model, limit: 10, filter: {} },
      ]);
      const [approximate] = await store.driver.search(as('a'), [
        { kind: 'VECTOR', vector: unitVector(random(4)), model: MODEL.model, limit: 10, filter: {} },
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
  (await driver.search(as(tenant), [{ kind: 'VECTOR', vector, model: MODEL.model, limit, filter: {} }]))[0]!.items;

test('a query reads only what changed since the one before', async () => {
  await using store = disposable(await open());
  const chunks = corpus('a', 300, 1);
  await store.driver.upsert(as('a'), chunks, MODEL);
  const statementsOf = async () => {
    const context = as('a');
    await store.driver.search(context, [
      { kind: 'VECTOR', vector: chunks[0]!.vector, model: MODEL.model, limit: 3, filter: {} },
    ]);
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
  const [ranking] = await store.replica.search(as('a'), [
    { kind: 'VECTOR', vector, model: 'next', limit: 5, filter: {} },
  ]);
  expect(ranking!.items).toHaveLength(1);
});

test('keyword search uses the full-text index, and only the caller’s part of it', async () => {
  await using store = disposable(await open());
  await store.driver.upsert(as('a'), corpus('a', 2_000, 1), MODEL);
  await store.driver.upsert(as('b'), corpus('b', 2_000, 2), MODEL);
  await store.settle?.();
  const plan = await store.postgres.transaction(as('a'), async (tx) => {
    await tx.query({ sql: 'SET LOCAL ROLE tributary_system', parameters: [] });
    return await tx.query<{ 'QUERY PLAN': string }>({
      sql: `EXPLAIN SELECT chunk_id FROM vector.chunks
            WHERE tenant_id = 'a' AND terms @@ (quote_literal(vector.tenant_word('a'))::tsquery && websearch_to_tsquery('english', 'number7'))`,
      parameters: [],
    });
  });
  expect(plan.map((row) => row['QUERY PLAN']).join('\n')).toContain('chunks_terms');
});

function disposable<T extends VectorStoreUnderTest>(store: T): T & AsyncDisposable {
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}
