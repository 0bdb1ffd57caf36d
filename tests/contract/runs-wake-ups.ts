/** Wake-ups that a test delivers, holds or loses by hand. */
import type { Replica } from './runs-driver.ts';
import { postgresDriver } from '#subgraphs/runs/drivers/postgres/index.ts';
import type { Wake, WakeListener, WakeUps } from '#subgraphs/runs/streams/wake-ups.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';

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
