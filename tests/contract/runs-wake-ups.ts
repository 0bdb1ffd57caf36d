/** Wake-ups that a test delivers, holds or loses by hand, and a store with them. */
import pg from 'pg';
import { postgresDriver } from '#subgraphs/runs/drivers/postgres/index.ts';
import type { Wake, WakeListener, WakeUps } from '#subgraphs/runs/streams/wake-ups.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Replica } from './runs-driver.ts';
import { openPostgresStore } from './runs-postgres-store.ts';

export class ManualWakeUps implements WakeUps {
  /** What has been sent and not yet delivered. */
  held: Wake[] = [];
  #listener: WakeListener | undefined;

  committed(wake: Wake): void {
    this.held.push(wake);
  }
  start(listener: WakeListener): void {
    this.#listener = listener;
  }
  ready(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }

  deliver(): void {
    for (const wake of this.held.splice(0)) this.#listener!.onWake(wake);
  }
  lose(): void {
    this.held = [];
  }
}

export function manualReplica(postgres: Postgres): Replica & { wakeUps: ManualWakeUps } {
  const wakeUps = new ManualWakeUps();
  return { wakeUps, driver: postgresDriver(postgres, wakeUps) };
}

/** One process on a database of its own, whose wake-ups a test has in hand. */
export interface ManualStore extends AsyncDisposable {
  readonly url: string;
  /** Its pool. */
  readonly postgres: Postgres;
  readonly replica: Replica & { wakeUps: ManualWakeUps };
  /** A further process on the database, whose wake-ups travel through PostgreSQL. */
  another(): Promise<Replica>;
  /** Past the driver, as the owner of the tables. */
  readonly admin: pg.Client;
}

export async function openManualStore(): Promise<ManualStore> {
  const store = await openPostgresStore();
  await store.replica(); // Migrates.
  const postgres = new Postgres({ url: store.url, poolSize: 8 });
  const admin = new pg.Client(store.url);
  await admin.connect();
  return {
    url: store.url,
    postgres,
    replica: manualReplica(postgres),
    another: () => store.replica(),
    admin,
    async [Symbol.asyncDispose]() {
      await admin.end();
      await postgres.close();
      await store.close();
    },
  };
}
