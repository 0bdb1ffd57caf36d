/**
 * Tells workers of runs that wait to be claimed, through a queue of messages. The runs table is the outbox: a run is
 * announced when it is queued or due, when the lease of a worker that is gone has ended, and again, ever more rarely, for as
 * long as nobody claims it. So a broker that is away, or loses what it was given, delays and never loses; and a message that
 * comes twice does no harm, since who gets it must still claim (`claimRun`), under a lease that one worker at a time has.
 * Any number of processes may announce at once.
 */
import { backoff } from '#subgraphs/shared/backoff.ts';
import { sentences } from '#subgraphs/shared/errors.ts';
import { Periodic } from '#subgraphs/shared/periodic.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import { projectOf, tenantOf } from '#subgraphs/shared/tenant-id.ts';
import { RUNS } from '../bounds.ts';

/** What a message says: that a run waits, and of whom it may be claimed. The rest is read from the API. */
export interface Announcement {
  readonly tenantId: string;
  /** Undefined where the run is of none. */
  readonly project: string | undefined;
  readonly runId: string;
  readonly agentId: string;
  /** How often the run was claimed before. */
  readonly claims: number;
}

/** A queue of messages on a broker. What goes wrong rejects with a {@link QueueFault}. */
export interface RunQueue {
  /** Resolves once the broker has taken the message to keep it. */
  announce(announcement: Announcement): Promise<void>;
  health(): Promise<StoreHealth>;
  close(): Promise<void>;
}

/** What it comes to that a broker is away. */
export const AWAY = 'Runs wait until they are announced; workers that ask by themselves get them.';

/** The broker cannot be reached, or does not take messages. Its message names neither address nor user. */
export class QueueFault extends Error {
  /** For the operator, who may do something about it. */
  readonly hint: string | undefined;
  constructor(message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'QueueFault';
    this.hint = options.hint;
  }
}

/** What a broker is asked, for so many milliseconds; past them it rejects with `late`, and whoever asked gives the connection up. */
export async function within<T>(ms: number, work: Promise<T>, late: () => QueueFault): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, fail) => {
        timer = setTimeout(() => fail(late()), ms);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}

/** A run that nobody holds. */
export interface WaitingRun {
  tenantId: string;
  runId: string;
  agentId: string;
  /** How often it was claimed. */
  claims: number;
  /** Seconds since the run was queued, or was to begin. */
  ageSeconds: number;
}

/** What is kept of announcements. It works across tenants. */
export interface AnnouncementStore {
  /** Takes what is to be announced; should this process die, it is due again after `againInMs`. */
  due(limit: number, againInMs: number): Promise<WaitingRun[]>;
  /** When each is due again, in milliseconds from now; not of those that were claimed since. */
  note(taken: readonly { run: WaitingRun; nextMs: number }[]): Promise<void>;
}

export interface AnnouncerOptions {
  /** Time between two looks when nothing nudges, in milliseconds; random by half. @default 1000 */
  everyMs?: number | undefined;
  /** Messages on their way at the same time. @default 20 */
  concurrency?: number | undefined;
  /** When a run that nobody claims is announced the second time, in milliseconds; later when it is that old. @default 300000 */
  againMs?: number | undefined;
  /** The pause after so many failures in a row, in milliseconds. @default 1 s, doubling to 30 s, random by half */
  pauseMs?: (failures: number) => number;
  log?: ((message: string, error?: unknown) => void) | undefined;
}

const defaultPause = (failures: number): number =>
  backoff(failures, { firstMs: RUNS.firstDispatchRetryMs, longestMs: RUNS.longestAnnouncePauseMs });

export class Announcer {
  readonly #store: AnnouncementStore;
  readonly #queue: RunQueue;
  readonly #options: AnnouncerOptions;
  readonly #periodic: Periodic;
  #failures = 0;
  /** No look before this moment, of `performance.now()`. */
  #pausedUntil = 0;
  /** What was logged last, so that an outage is told once. */
  #told = '';

  constructor(store: AnnouncementStore, queue: RunQueue, options: AnnouncerOptions = {}) {
    this.#store = store;
    this.#queue = queue;
    this.#options = options;
    const onError = (error: unknown): void =>
      options.log?.('The runs to announce could not be looked up; trying again.', error);
    this.#periodic = new Periodic(() => this.look(), { everyMs: options.everyMs ?? RUNS.dispatchPollMs, onError });
  }

  start(): void {
    this.#periodic.start();
    this.#periodic.nudge();
  }

  /** A run to announce may be there: look now, unless the broker has just failed. */
  nudge(): void {
    this.#periodic.nudge();
  }

  health(): Promise<StoreHealth> {
    return this.#queue.health();
  }

  /** Announces what waits. @returns how many messages the broker has taken */
  async look(): Promise<number> {
    const { concurrency = RUNS.dispatchConcurrency } = this.#options;
    let taken = 0;
    while (performance.now() >= this.#pausedUntil) {
      const due = await this.#store.due(concurrency, RUNS.stepMs);
      if (due.length === 0) break;
      const answers = await Promise.allSettled(due.map((run) => this.#announce(run)));
      const fault = answers.find((answer) => answer.status === 'rejected');
      // What was not taken is due at once: the pause is everybody's, not the run's.
      await this.#store.note(
        due.map((run, index) => ({
          run,
          nextMs: answers[index]!.status === 'fulfilled' ? this.#againMs(run) : 0,
        })),
      );
      taken += answers.filter(({ status }) => status === 'fulfilled').length;
      if (fault === undefined) {
        this.#failures = 0;
        this.#told = '';
      } else this.#failed(fault.reason);
      if (due.length < concurrency || this.#periodic.closed) break;
    }
    return taken;
  }

  /** Waits for what is on its way. */
  async close(): Promise<void> {
    await this.#periodic.close();
    await this.#queue.close();
  }

  async #announce({ tenantId, runId, agentId, claims }: WaitingRun): Promise<void> {
    await this.#queue.announce({ tenantId: tenantOf(tenantId), project: projectOf(tenantId), runId, agentId, claims });
  }

  /** As long again as it waits already: messages of a run that nobody wants grow with the logarithm of its age. */
  #againMs({ ageSeconds }: WaitingRun): number {
    const { againMs = RUNS.announceAgainMs } = this.#options;
    return Math.min(Math.max(againMs, ageSeconds * 1_000), Math.max(againMs, RUNS.longestAnnounceAgainMs));
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    this.#pausedUntil = performance.now() + (this.#options.pauseMs ?? defaultPause)(this.#failures);
    const told = error instanceof QueueFault ? sentences(error.message, error.hint) : 'A run was not announced.';
    if (told !== this.#told) this.#options.log?.(`${told} ${AWAY}`, error instanceof QueueFault ? error.cause : error);
    this.#told = told;
  }
}
