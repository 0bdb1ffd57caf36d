/**
 * Ends runs whose attempts are used up: the last worker's lease has expired, and nobody may claim the run again. A
 * claim ends those that it meets on its way; the sweep ends them also where no worker asks any more.
 */
import { RUNS } from '../bounds.ts';
import { doDue, Periodic } from '#subgraphs/shared/periodic.ts';

/** What the sweep needs of the store. It works across tenants. */
export interface ExhaustedStore {
  /** Runs whose attempts are used up and that nobody holds, those that were left first first. */
  exhausted(limit: number): Promise<{ tenantId: string; runId: string }[]>;
  /**
   * Ends such a run (RUN_ERROR, `ATTEMPTS_EXHAUSTED` or `DISPATCH_FAILED`).
   * @returns false where somebody was faster, or is at it now
   */
  giveUp(tenantId: string, runId: string): Promise<boolean>;
}

export interface LeaseSweepOptions {
  /** Time between two looks, in milliseconds; random by half. @default 15000 */
  everyMs?: number;
  log?: (message: string, error?: unknown) => void;
}

export class LeaseSweep {
  readonly #store: ExhaustedStore;
  readonly #log: NonNullable<LeaseSweepOptions['log']>;
  readonly #periodic: Periodic;

  constructor(store: ExhaustedStore, { everyMs = RUNS.leaseSweepMs, log = () => undefined }: LeaseSweepOptions = {}) {
    this.#store = store;
    this.#log = log;
    const onError = (error: unknown): void =>
      log('Runs whose workers are gone could not be looked up; trying again.', error);
    this.#periodic = new Periodic(() => this.sweep(), { everyMs, onError });
  }

  /** Looks now and then, until {@link close}. */
  start(): void {
    this.#periodic.start();
  }

  /** @returns how many runs were ended; one that fails is logged, and tried again by a later look */
  async sweep(): Promise<number> {
    return await doDue(
      () => this.#store.exhausted(RUNS.sweepBatch),
      ({ tenantId, runId }) => this.#store.giveUp(tenantId, runId),
      {
        batch: RUNS.sweepBatch,
        closed: () => this.#periodic.closed,
        failed: ({ runId }, error) =>
          this.#log(`Run ${runId} could not be ended, though its attempts are used up; trying again.`, error),
      },
    );
  }

  async close(): Promise<void> {
    await this.#periodic.close();
  }
}
