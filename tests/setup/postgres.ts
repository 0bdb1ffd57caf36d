import { randomBytes } from 'node:crypto';

import pg from 'pg';
import { inject } from 'vitest';

/** A database of its own, empty; disposing it disconnects everybody and removes it. */
export interface TestDatabase extends AsyncDisposable {
  /** Connection string of a superuser; the data of other tests is out of its reach only by being in other databases. */
  url: string;
}

/**
 * Creates an empty database.
 *
 *     await using database = await createTestDatabase();
 *
 * @param server on which. @default that of this test run
 */
export async function createTestDatabase(server: string = inject('postgresUrl')): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  // FILE_COPY of the small template is several times faster than the default, which writes it to the log page by page.
  await execute(server, `CREATE DATABASE ${name} STRATEGY FILE_COPY`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => execute(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
