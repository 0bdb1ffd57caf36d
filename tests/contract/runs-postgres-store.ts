import { postgresDriver } from '#subgraphs/runs/drivers/postgres/index.ts';
import { PostgresWakeUps } from '#subgraphs/runs/drivers/postgres/wake-ups.ts';
import { RUN_LIMITS } from '#subgraphs/runs/driver.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import type { Store } from './runs-driver.ts';

/** Runs on a database of their own; each replica has its own pool. */
export async function openPostgresStore(): Promise<Store & { url: string }> {
  const database = await createTestDatabase();
  const pools: Postgres[] = [];
  let migrated: Promise<void> | undefined;
  return {
    url: database.url,
    async replica({ limits } = {}) {
      const postgres = new Postgres({ url: database.url, poolSize: 8 });
      pools.push(postgres);
      await (migrated ??= postgres.migrate('runs', new URL('../../subgraphs/runs/migrations/', import.meta.url)));
      const wakeUps = new PostgresWakeUps(postgres, { backoffMs: 5 });
      return { wakeUps, driver: postgresDriver(postgres, wakeUps, { ...RUN_LIMITS, ...limits }) };
    },
    async close() {
      for (const postgres of pools) await postgres.close();
      await database[Symbol.asyncDispose]();
    },
  };
}
