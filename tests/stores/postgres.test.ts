import pg from 'pg';
import { describe, expect, test } from 'vitest';

import { PGVECTOR } from './provision/versions.ts';

const url = process.env['TEST_PGVECTOR_URL'];

describe.skipIf(!url)('PostgreSQL with pgvector (TEST_PGVECTOR_URL)', () => {
  test("is the product's PostgreSQL 18, with the pinned extension", async () => {
    const client = new pg.Client(url);
    await client.connect();
    try {
      const { rows } = await client.query(
        `SELECT current_setting('server_version_num')::int / 10000 AS major, default_version
         FROM pg_available_extensions WHERE name = 'vector'`,
      );
      expect(rows).toEqual([{ major: 18, default_version: PGVECTOR.version }]);
      await client.query('BEGIN');
      await client.query('CREATE EXTENSION vector');
      const { rows: nearest } = await client.query(`SELECT '[1,2]'::vector <=> '[2,4]' AS distance`);
      expect(nearest).toEqual([{ distance: 0 }]);
      await client.query('ROLLBACK');
    } finally {
      await client.end();
    }
  });
});
