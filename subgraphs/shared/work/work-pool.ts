/**
 * Work that would keep the event loop busy, in threads: ranking, summaries, cutting documents. Tenants take turns, what
 * nobody waits for any longer is not begun, and what waits is bounded.
 */
import { availableParallelism } from 'node:os';
import { Worker, type ResourceLimits } from 'node:worker_threads';
import { CodedError } from '../errors.ts';
import { SHARED } from '../bounds.ts';
import { tenantOf } from '../tenant-id.ts';

export interface WorkPoolOptions {
  /** Most threads; each starts when it is first needed. Default: one for each core but one, at least 1, at most 4. */
  readonly threads?: number | undefined;
  /** Most pieces of work of one tenant that wait. Default: `SHARED.waiting` (../bounds.ts). */
  readonly waiting?: number;
  /** How long one piece may take, the start of its thread included; then its thread is ended. @default any time */
  readonly pieceMs?: number;
  /** Memory that a thread may take: of V8's heap, not of what is outside it, as bytes are. @default as much as the process */
  readonly resourceLimits?: ResourceLimits;
  /** How long a thread that has nothing to do stays. @default as long as the pool */
  readonly idleMs?: number;
}

/** What ends a piece of work that had begun. */
export class WorkEndedError extends Error {
  override readonly name = 'WorkEndedError';
  readonly because: 'TIME' | 'MEMORY';
  constructor(because: 'TIME' | 'MEMORY', message: string) {
    super(message);
    this.because = because;
  }
}

/** For whom work is done. */
export interface WorkFor {
  readonly tenantId: string;
  /** Takes it from the queue; what has begun goes on to its end, unseen. */
  readonly signal?: AbortSignal | undefined;
}

interface Job {
  readonly message: { readonly task: string; readonly input: unknown };
  readonly settle: (outcome: { result: unknown } | { error: unknown }) => void;
  /** Ends its thread. */
  timer?: NodeJS.Timeout;
}

export class WorkPool {
  readonly #limit: number;
  readonly #waitingLimit: number;
  readonly #pieceMs: number | undefined;
  readonly #idleMs: number | undefined;
  readonly #resourceLimits: ResourceLimits | undefined;
  /** Jobs that wait, by tenant; tenants in the order in which they come to their turns. */
  readonly #waiting = new Map<string, Job[]>();
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  /** What ends idle threads. */
  readonly #leaving = new Map<Worker, NodeJS.Timeout>();
  #closed = false;

  constructor({
    threads = Math.min(Math.max(availableParallelism() - 1, 1), 4),
    waiting = SHARED.waiting,
    pieceMs,
    resourceLimits,
    idleMs,
  }: WorkPoolOptions = {}) {
    this.#limit = threads;
    this.#waitingLimit = waiting;
    this.#pieceMs = pieceMs;
    this.#resourceLimits = resourceLimits;
    this.#idleMs = idleMs;
  }

  /**
   * Does a piece of work in a thread. Keep pieces short: a thread ends what it has begun.
   * @param task a module whose default export does it: TypeScript, or JavaScript, which starts sooner
   * @param input what it is called with; copied, but for shared memory
   * @throws what the task throws; {@link WorkEndedError} where it takes more than the pool gives; CodedError `RATE_LIMITED`
   *   when too much of the tenant's waits; the signal's reason
   */
  run<Result>(task: URL, input: unknown, { tenantId, signal }: WorkFor): Promise<Result> {
    const tenant = tenantOf(tenantId);
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error('The pool of threads was closed.'));
      if (signal?.aborted === true) return reject(signal.reason as Error);
      const queue = this.#waiting.get(tenant) ?? [];
      if (queue.length >= this.#waitingLimit)
        return reject(
          new CodedError('RATE_LIMITED', `More than ${this.#waitingLimit} texts and rankings of this tenant wait.`, {
            hint: 'Ask for fewer at once; whoever runs the server may raise MAX_WAITING_WORK.',
          }),
        );
      const leave = (): void => {
        const place = queue.indexOf(job);
        if (place === -1) return;
        queue.splice(place, 1);
        if (queue.length === 0) this.#waiting.delete(tenant);
        reject(signal!.reason as Error);
      };
      const job: Job = {
        message: { task: task.href, input },
        settle: (outcome) => {
          clearTimeout(job.timer);
          signal?.removeEventListener('abort', leave);
          if ('error' in outcome) reject(outcome.error as Error);
          else resolve(outcome.result as Result);
        },
      };
      signal?.addEventListener('abort', leave, { once: true });
      queue.push(job);
      this.#waiting.set(tenant, queue);
      this.#begin();
    });
  }

  /** Ends the threads; what runs and what waits rejects. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const error = new Error('The pool of threads was closed.');
    const jobs = [...this.#busy.values(), ...[...this.#waiting.values()].flat()];
    const threads = [...this.#idle.splice(0), ...this.#busy.keys()];
    this.#busy.clear();
    this.#waiting.clear();
    for (const { settle } of jobs) settle({ error });
    await Promise.all(threads.map((thread) => thread.terminate()));
  }

  #begin(): void {
    while (this.#waiting.size > 0 && (this.#idle.length > 0 || this.#busy.size < this.#limit)) {
      const [[tenant, queue]] = this.#waiting as unknown as [[string, Job[]]];
      const job = queue.shift()!;
      // To the end of the rotation.
      this.#waiting.delete(tenant);
      if (queue.length > 0) this.#waiting.set(tenant, queue);
      const thread = this.#idle.pop() ?? this.#start();
      clearTimeout(this.#leaving.get(thread));
      this.#busy.set(thread, job);
      thread.ref();
      thread.postMessage(job.message);
      if (this.#pieceMs !== undefined) job.timer = setTimeout(() => this.#endPiece(thread, job), this.#pieceMs);
    }
  }

  /** Ends what takes too long, with its thread. */
  #endPiece(thread: Worker, job: Job): void {
    if (this.#busy.get(thread) !== job) return;
    this.#busy.delete(thread);
    void thread.terminate();
    job.settle({ error: new WorkEndedError('TIME', `It was ended after ${this.#pieceMs} ms.`) });
    if (!this.#closed) this.#begin();
  }

  #rest(thread: Worker): void {
    // An idle thread must not keep the process alive.
    thread.unref();
    if (this.#closed) return;
    this.#idle.push(thread);
    if (this.#idleMs === undefined) return;
    const leave = setTimeout(() => {
      const place = this.#idle.indexOf(thread);
      if (place === -1) return;
      this.#idle.splice(place, 1);
      void thread.terminate();
    }, this.#idleMs);
    this.#leaving.set(thread, leave.unref());
  }

  #start(): Worker {
    const thread = new Worker(new URL('./thread.mjs', import.meta.url), {
      name: 'work',
      execArgv: [],
      ...(this.#resourceLimits && { resourceLimits: this.#resourceLimits }),
    });
    thread.on('message', (outcome: { result: unknown } | { error: unknown }) => {
      const job = this.#busy.get(thread);
      this.#busy.delete(thread);
      this.#rest(thread);
      job?.settle(outcome);
      this.#begin();
    });
    const lost = (error: unknown): void => {
      clearTimeout(this.#leaving.get(thread));
      this.#leaving.delete(thread);
      const place = this.#idle.indexOf(thread);
      if (place !== -1) this.#idle.splice(place, 1);
      const job = this.#busy.get(thread);
      this.#busy.delete(thread);
      job?.settle({ error });
      if (!this.#closed) this.#begin();
    };
    thread.on('error', (error: NodeJS.ErrnoException) =>
      lost(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? new WorkEndedError('MEMORY', error.message) : error),
    );
    thread.on('exit', (code) => lost(new Error(`A thread ended with code ${code}.`)));
    return thread;
  }
}
