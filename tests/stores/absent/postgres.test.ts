/** PostgreSQL in every way absent, on the real server of this run; only a missing extension needs one of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { createRelational } from '#subgraphs/relational/index.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { checkPostgresVersion } from '#subgraphs/shared/postgres/errors.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { createVector, type VectorConfig } from '#subgraphs/vector/index.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { absences, ask, SECRET, silence, type Absence } from './absent.ts';

const DOCUMENTS = '{ documents(first: 1) { edges { node { id } } } }';
const server = new URL(inject('postgresUrl'));
const user = `poor_${Date.now().toString(36)}`;
let database: TestDatabase;
let bare: { postgres: EmbeddedPostgres; folder: string };

beforeAll(async () => {
  database = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'tributary-absent-'));
  bare = {
    folder,
    postgres: await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), settings: { fsync: 'off' } }),
  };
  const client = new pg.Client(server.href);
  await client.connect();
  await client.query(`CREATE ROLE ${user} LOGIN PASSWORD '${SECRET}'`);
  await client.end();
});
afterAll(async () => {
  const client = new pg.Client(server.href);
  await client.connect();
  await client.query(`DROP ROLE IF EXISTS ${user}`);
  await client.end();
  await database?.[Symbol.asyncDispose]();
  await bare?.postgres.close();
  if (bare) await rm(bare.folder, { recursive: true, force: true });
});

/** The database's address with some parts of it exchanged. */
const at = (changes: Partial<Pick<URL, 'hostname' | 'port' | 'username' | 'password' | 'pathname'>>): string =>
  Object.assign(new URL(database.url), changes).href;

async function withPostgres<T>(url: string, work: (postgres: Postgres) => Promise<T>): Promise<T> {
  const postgres = new Postgres({ url, connectTimeoutMs: 1_000, statementTimeoutMs: 1_000 });
  try {
    return await work(postgres);
  } finally {
    await postgres.close();
  }
}
/** What starting does, and then reading. */
const start = (url: string) => withPostgres(url, (postgres) => ask(createRelational({}, { postgres }), DOCUMENTS));
/** Reading alone, as when the database was exchanged under a running server. */
const read = (url: string) =>
  withPostgres(url, (postgres) =>
    postgres.read(createRequestContext({ tenantId: 'a', subject: 'test', roles: [], scopes: [] }), {
      sql: 'SELECT id FROM relational.documents',
      parameters: [],
    }),
  );
const vectors = (url: string, pgvector: VectorConfig['pgvector']) =>
  withPostgres(url, (postgres) =>
    createVector(
      { pgvector },
      { postgres, embedder: { model: undefined, embed: () => Promise.reject(new Error('not needed')) } },
    ),
  );

const rows: Absence[] = [
  {
    how: 'off',
    attempt: () => ask(createRelational({}, {}), DOCUMENTS),
    code: 'STORE_DISABLED',
    names: /DATABASE_URL/,
  },
  {
    how: 'wrong host',
    attempt: () => start(at({ hostname: 'no-such-host.invalid', password: SECRET })),
    code: 'STORE_UNAVAILABLE',
    names: /DATABASE_URL/,
  },
  {
    how: 'refused',
    attempt: () => start(at({ port: '1', password: SECRET })),
    code: 'STORE_UNAVAILABLE',
    names: /DATABASE_URL/,
  },
  {
    how: 'refused while reading',
    attempt: () => read(at({ port: '1', password: SECRET })),
    code: 'STORE_UNAVAILABLE',
    names: /DATABASE_URL/,
  },
  {
    how: 'silent',
    attempt: async () => {
      await using nobody = await silence();
      return await read(at({ port: String(nobody.port), password: SECRET }));
    },
    code: 'STORE_TIMEOUT',
    names: /DATABASE_URL/,
  },
  {
    how: 'wrong password',
    attempt: () => start(at({ password: SECRET })),
    code: 'STORE_UNAVAILABLE',
    names: /DATABASE_URL.*PGPASSWORD/,
  },
  {
    how: 'unknown user',
    attempt: () => start(at({ username: 'nobody', password: SECRET })),
    code: 'STORE_UNAVAILABLE',
    names: /PGUSER/,
  },
  {
    how: 'missing database',
    attempt: () => start(at({ pathname: '/nowhere' })),
    code: 'STORE_UNAVAILABLE',
    names: /CREATE DATABASE/,
  },
  {
    how: 'migration pending',
    attempt: () => read(database.url),
    code: 'STORE_UNAVAILABLE',
    names: /migration is pending.*restart/,
  },
  {
    how: 'a user that may not migrate',
    attempt: () => start(at({ username: user, password: SECRET })),
    code: 'STORE_UNAVAILABLE',
    names: /GRANT CREATE ON DATABASE|CREATE ROLE/,
  },
  {
    how: 'missing extension',
    attempt: () => vectors(bare.postgres.url, 'vector'),
    code: 'STORE_UNAVAILABLE',
    names: /Install pgvector.*PGVECTOR/,
  },
  {
    how: 'missing extension for half precision',
    attempt: () => vectors(bare.postgres.url, 'halfvec'),
    code: 'STORE_UNAVAILABLE',
    names: /PGVECTOR/,
  },
  {
    how: 'too old',
    attempt: async () => checkPostgresVersion(140_012),
    code: 'STORE_UNAVAILABLE',
    names: /PostgreSQL 14 .*DATABASE_URL.*15/,
  },
];
absences(
  'PostgreSQL',
  rows,
  [decodeURIComponent(server.password)].filter((secret) => secret.length > 3),
);

describe('PostgreSQL, there', () => {
  test('without pgvector, vectors are compared one by one, and health says so', async () => {
    await withPostgres(bare.postgres.url, async (postgres) => {
      const vector = await createVector(
        {},
        { postgres, embedder: { model: undefined, embed: () => Promise.reject(new Error('not needed')) } },
      );
      expect(await vector.health()).toMatchObject([
        { state: 'ok', detail: expect.stringMatching(/^Every vector is compared.*pgvector/) as string },
      ]);
      await vector.close();
    });
  });
  test('a version that is new enough passes', () => {
    for (const version of [150_000, 180_001]) expect(() => checkPostgresVersion(version)).not.toThrow();
  });
});
