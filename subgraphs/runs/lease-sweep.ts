/**
 * Ends runs whose attempts are used up: the last worker's lease has expired, and nobody may claim the run again. A claim
 * ends those that it meets on its way; the sweep ends them also where no worker asks any more.
 */
import { Periodic } from './periodic.ts';

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

/** Runs of one look. */
const BATCH = 100;

export class LeaseSweep {
  readonly #store: ExhaustedStore;
  readonly #log: NonNullable<LeaseSweepOptions['log']>;
  readonly #periodic: Periodic;

  constructor(store: ExhaustedStore, { everyMs = 15_000, log = () => undefined }: LeaseSweepOptions = {}) {
    this.#store = store;
    this.#log = log;
    const onError = (error: unknown): void => log('Runs whose workers are gone could not be looked up; trying again.', error);
    this.#periodic = new Periodic(() => this.sweep(), { everyMs, onError });
  }

  /** Looks now and then, until {@link close}. */
  start(): void {
    this.#periodic.start();
  }

  /** @returns how many runs were ended; one that fails is logged, and tried again by a later look */
  async sweep(): Promise<number> {
    let ended = 0;
    for (;;) {
      const exhausted = await this.#store.exhausted(BATCH);
      let done = 0;
      for (const { tenantId, runId } of exhausted) {
        if (this.#periodic.closed) return ended + done;
        try {
          if (await this.#store.giveUp(tenantId, runId)) done += 1;
        } catch (error) {
          this.#log(`Run ${runId} could not be ended, though its attempts are used up; trying again.`, error);
        }
      }
      ended += done;
      // Those that fail would be found again at once.
      if (exhausted.length < BATCH || done === 0) return ended;
    }
  }

  async close(): Promise<void> {
    await this.#periodic.close();
  }
}
