import pg from 'pg';
import { expect, test } from 'vitest';

import { createTestDatabase } from './postgres.ts';

test('each test database is empty, its own, and gone when disposed', async () => {
  let url: string;
  {
    await using first = await createTestDatabase();
    await using second = await createTestDatabase();
    url = first.url;
    expect(first.url).not.toBe(second.url);
    const client = new pg.Client(first.url);
    await client.connect();
    const { rows } = await client.query(`SELECT count(*)::int AS tables FROM pg_tables WHERE schemaname = 'public'`);
    expect(rows).toEqual([{ tables: 0 }]);
    await client.end();
  }
  await expect(new pg.Client(url).connect()).rejects.toThrow(/does not exist/);
});
