/**
 * Scores rows where it is cheapest: here while that takes milliseconds, else in a worker thread that all requests
 * share.
 */
import { Worker } from 'node:worker_threads';

import { computeScores, type ScoringJob } from './scores.mjs';

/** Row and query pairs from which on a scan leaves the event loop: 50,000 rows of 384 dimensions take about 25 ms. */
export const WORKER_BOUND = 50_000;

export class Scorer {
  readonly #bound: number;
  readonly #waiting = new Map<number, { resolve(scores: Float64Array[]): void; reject(error: unknown): void }>();
  #worker: Worker | undefined;
  #next = 0;

  /** @param bound row and query pairs from which on the worker is used */
  constructor(bound = WORKER_BOUND) {
    this.#bound = bound;
  }

  /** For each query, the score of each row; see scores.mjs. */
  async scores(job: ScoringJob): Promise<Float64Array[]> {
    const rows = job.rows?.length ?? job.counts.reduce((sum, count) => sum + count, 0);
    if (rows * job.queries.length < this.#bound) return computeScores(job);
    const id = this.#next++;
    return await new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const worker = (this.#worker ??= this.#start());
      worker.ref();
      worker.postMessage({ id, job });
    });
  }

  /** Ends the thread; scans that are running reject. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#stop(new Error('The vector store was closed.'));
    await worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL('./scores-worker.mjs', import.meta.url), { name: 'vector-scores', execArgv: [] });
    worker.on('message', ({ id, scores, error }: { id: number; scores?: Float64Array[]; error?: unknown }) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      // An idle thread must not keep the process alive.
      if (this.#waiting.size === 0) worker.unref();
      if (scores === undefined) waiting?.reject(error);
      else waiting?.resolve(scores);
    });
    const lost = (error: unknown) => {
      if (this.#worker === worker) this.#stop(error);
    };
    worker.on('error', lost);
    worker.on('exit', (code) => lost(new Error(`The scoring thread ended with code ${code}.`)));
    return worker;
  }

  #stop(reason: unknown): void {
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }
}
