/**
 * Work that would keep the event loop busy, in threads: ranking, summaries, cutting documents. Tenants take turns, what
 * nobody waits for any longer is not begun, and what waits is bounded.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { CodedError } from '../errors.ts';
import { SHARED } from '../bounds.ts';
import { tenantOf } from '../tenant-id.ts';

export interface WorkPoolOptions {
  /** Most threads; each starts when it is first needed. Default: one for each core but one, at least 1, at most 4. */
  readonly threads?: number | undefined;
  /** Most pieces of work of one tenant that wait. Default: `SHARED.waiting` (../bounds.ts). */
  readonly waiting?: number;
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
}

export class WorkPool {
  readonly #limit: number;
  readonly #waitingLimit: number;
  /** Jobs that wait, by tenant; tenants in the order in which they come to their turns. */
  readonly #waiting = new Map<string, Job[]>();
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  #closed = false;

  constructor({
    threads = Math.min(Math.max(availableParallelism() - 1, 1), 4),
    waiting = SHARED.waiting,
  }: WorkPoolOptions = {}) {
    this.#limit = threads;
    this.#waitingLimit = waiting;
  }

  /**
   * Does a piece of work in a thread. Keep pieces short: a thread ends what it has begun.
   * @param task a module whose default export does it: TypeScript, or JavaScript, which starts sooner
   * @param input what it is called with; copied, but for shared memory
   * @throws what the task throws; CodedError `RATE_LIMITED` when too much of the tenant's waits; the signal's reason
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
      this.#busy.set(thread, job);
      thread.ref();
      thread.postMessage(job.message);
    }
  }

  #start(): Worker {
    const thread = new Worker(new URL('./thread.mjs', import.meta.url), { name: 'work', execArgv: [] });
    thread.on('message', (outcome: { result: unknown } | { error: unknown }) => {
      const job = this.#busy.get(thread);
      this.#busy.delete(thread);
      // An idle thread must not keep the process alive.
      thread.unref();
      if (!this.#closed) this.#idle.push(thread);
      job?.settle(outcome);
      this.#begin();
    });
    const lost = (error: unknown): void => {
      const place = this.#idle.indexOf(thread);
      if (place !== -1) this.#idle.splice(place, 1);
      const job = this.#busy.get(thread);
      this.#busy.delete(thread);
      job?.settle({ error });
      if (!this.#closed) this.#begin();
    };
    thread.on('error', lost);
    thread.on('exit', (code) => lost(new Error(`A thread ended with code ${code}.`)));
    return thread;
  }
}
