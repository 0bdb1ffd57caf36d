/**
 * Dispatches due runs to their webhooks. The runs table is the outbox: any number of processes may work on it at once.
 */
import { RUNS } from '../bounds.ts';
import type { Lease, Run } from '../driver.ts';
import { Periodic } from '#subgraphs/shared/periodic.ts';
import type { WebhookSender } from './webhook.ts';

/** What the dispatcher needs of the store. It works across tenants. */
export interface DispatchStore {
  /** Runs with a webhook that are due and that nobody holds, the most urgent first. */
  due(limit: number): Promise<{ tenantId: string; runId: string }[]>;
  /**
   * As a worker claims, but this very run: null where another was faster, or where its attempts were used up and it was
   * ended.
   */
  claim(
    tenantId: string,
    runId: string,
    leaseSeconds: number,
  ): Promise<{ run: Run; lease: Lease; webhook: string } | null>;
  /**
   * Hands the run back after a failed dispatch, for another attempt in so many milliseconds; unless its log has grown
   * since it was claimed: then the receiver is at work, and only its answer was lost.
   */
  release(
    tenantId: string,
    claimed: { run: Run; lease: Lease },
    failure: { retryInMs: number; error: string },
  ): Promise<void>;
}

export interface DispatcherOptions {
  /** Time between two looks when nothing nudges, in milliseconds; random by half. @default 1000 */
  everyMs?: number;
  /** Dispatches at the same time. @default 20 */
  concurrency?: number;
  /**
   * The lease that goes to the receiver, in seconds: its first heartbeat, or the end of the run, is expected within.
   * @default 300
   */
  leaseSeconds?: number;
  /** The longest pause before the next attempt, in milliseconds. @default 300000 */
  longestRetryMs?: number;
  /**
   * The pause before the next attempt, by the number of attempts so far. @default 1 s, doubling to `longestRetryMs`,
   * random by half
   */
  backoffMs?: (attempts: number) => number;
  log?: (message: string, error?: unknown) => void;
}

const defaultBackoff = (attempts: number, longestMs: number): number =>
  Math.min(RUNS.firstDispatchRetryMs * 2 ** (attempts - 1), longestMs) * (0.5 + Math.random());

export class Dispatcher {
  readonly #store: DispatchStore;
  readonly #sender: WebhookSender;
  readonly #options: DispatcherOptions;
  readonly #periodic: Periodic;

  constructor(store: DispatchStore, sender: WebhookSender, options: DispatcherOptions = {}) {
    this.#store = store;
    this.#sender = sender;
    this.#options = options;
    const onError = (error: unknown): void =>
      options.log?.('The runs to dispatch could not be looked up; trying again.', error);
    this.#periodic = new Periodic(() => this.look(), { everyMs: options.everyMs ?? RUNS.dispatchPollMs, onError });
  }

  /** Looks at once, and from then on now and then. */
  start(): void {
    this.#periodic.start();
    this.#periodic.nudge();
  }

  /** A run to dispatch may be there: look now. */
  nudge(): void {
    this.#periodic.nudge();
  }

  /** Dispatches what is due; resolves with how many receivers have accepted. */
  async look(): Promise<number> {
    const { concurrency = RUNS.dispatchConcurrency } = this.#options;
    let accepted = 0;
    for (;;) {
      const due = await this.#store.due(concurrency);
      const results = await Promise.allSettled(due.map((run) => this.#dispatch(run)));
      let done = 0;
      for (const result of results) {
        if (result.status === 'fulfilled') done += Number(result.value);
        else this.#options.log?.('A run could not be dispatched; it is tried again.', result.reason);
      }
      accepted += done;
      if (due.length < concurrency || done === 0 || this.#periodic.closed) return accepted;
    }
  }

  /** Waits for what is on its way. */
  async close(): Promise<void> {
    await this.#periodic.close();
    await this.#sender.close();
  }

  async #dispatch({ tenantId, runId }: { tenantId: string; runId: string }): Promise<boolean> {
    const {
      leaseSeconds = RUNS.dispatchLeaseSeconds,
      longestRetryMs = RUNS.dispatchLongestRetryMs,
      backoffMs = (attempts: number) => defaultBackoff(attempts, longestRetryMs),
    } = this.#options;
    const claimed = await this.#store.claim(tenantId, runId, leaseSeconds);
    if (claimed === null) return false;
    const answer = await this.#sender.send(tenantId, claimed.run, claimed.lease, claimed.webhook);
    if (answer.accepted) return true;
    await this.#store.release(tenantId, claimed, {
      retryInMs: Math.ceil(backoffMs(claimed.run.attempts)),
      error: answer.why,
    });
    return false;
  }
}
