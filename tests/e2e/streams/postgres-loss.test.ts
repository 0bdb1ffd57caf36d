/** What the fault suite found, alone: a connection that breaks while a transaction holds it and says nothing. */
import pg from 'pg';
import { expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';

test('a transaction whose connection breaks between two statements fails, and the process lives', async () => {
  await using database = await createTestDatabase();
  const postgres = new Postgres({ url: database.url });
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  try {
    await postgres.migrate('runs', new URL('../../../subgraphs/runs/migrations/', import.meta.url)); // Makes the roles, too.
    const context = createRequestContext({ tenantId: 'tenant', subject: 'test', roles: [], scopes: [] });
    const transaction = postgres.transaction(context, async (tx) => {
      const [own] = await tx.query<{ pid: number }>({ sql: 'SELECT pg_backend_pid() AS pid', parameters: [] });
      await other.query('SELECT pg_terminate_backend($1)', [own!.pid]);
      // Until it is gone, and the end of its connection has surely arrived here.
      const gone = async (): Promise<boolean> =>
        (await other.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [own!.pid])).rowCount === 0;
      while (!(await gone()));
      for (let turn = 0; turn < 20; turn++) await other.query('SELECT 1');
      await tx.query({ sql: 'SELECT 1', parameters: [] });
    });
    await expect(transaction).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    // An error that nobody listened for would have ended the process; vitest fails the run for it.
    expect(await postgres.health()).toMatchObject({ state: 'ok' });
  } finally {
    await other.end();
    await postgres.close();
  }
});
