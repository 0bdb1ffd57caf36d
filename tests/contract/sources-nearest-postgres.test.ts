/** Rows near to something by the pgvector at TEST_PGVECTOR_URL; `npm run test:stores -- --only postgres` starts one. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { describe } from 'vitest';
import { createPostgresSource } from '#subgraphs/sources/drivers/postgres/index.ts';
import { shopOptions } from '#tests/setup/source-options.ts';
import { describeNearest, DIMENSIONS, ROWS } from './sources-nearest.ts';

const { TEST_PGVECTOR_URL: pgUrl } = process.env;

describe.skipIf(pgUrl === undefined)('rows near to something, by pgvector', () => {
  describeNearest('postgres', 'tickets', async () => {
    const name = `nearest_${randomBytes(6).toString('hex')}`;
    const admin = new pg.Client(pgUrl);
    await admin.connect();
    await admin.query(`CREATE DATABASE ${name}`);
    const url = new URL(pgUrl!);
    url.pathname = `/${name}`;
    const client = new pg.Client(url.href);
    await client.connect();
    await client.query(`
      CREATE SCHEMA "odd place"; CREATE EXTENSION vector SCHEMA "odd place";
      CREATE TABLE tickets (id text PRIMARY KEY, tenant text NOT NULL, state text, title text, size bigint, meaning "odd place".vector(${DIMENSIONS}), place "odd place".halfvec(2));
      CREATE INDEX ON tickets USING hnsw (meaning "odd place".vector_cosine_ops);
      CREATE INDEX ON tickets USING hnsw (place "odd place".halfvec_l2_ops)`);
    for (const { id, tenant, state, title, size, meaning, place } of ROWS)
      await client.query('INSERT INTO tickets VALUES ($1, $2, $3, $4, $5, $6, $7)', [id, tenant, state, title, size, `[${meaning.join()}]`, `[${place.join()}]`]); // prettier-ignore
    await client.query(
      `INSERT INTO tickets VALUES (1000, 'acme', 'open', 'No vector', 1, NULL, NULL), (1001, 'acme', 'open', 'Zeros', 1, '[0,0,0,0,0,0,0,0]', NULL)`,
    );
    await client.query('ANALYZE tickets');
    await client.end();
    const driver = createPostgresSource(shopOptions(url.href));
    return {
      driver,
      async [Symbol.asyncDispose]() {
        await driver.close();
        await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
        await admin.end();
      },
    };
  });
});
