/** Scores rows where it is cheapest: here while that takes milliseconds, else in a thread of the pool. */
import { isStretchOver, nextTurn } from '#subgraphs/shared/turns.ts';
import type { WorkFor, WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import { VECTOR } from '../bounds.ts';
import { scan, type ScanJob } from './kernel.mjs';

const TASK = new URL('./scan-task.mjs', import.meta.url);

export class Scorer {
  readonly #work: WorkPool;
  readonly #bound: number;

  /** @param bound row and query pairs from which on threads are used */
  constructor(work: WorkPool, bound: number = VECTOR.exactThreadPairs) {
    this.#work = work;
    this.#bound = bound;
  }

  /**
   * Scores the rows for each query, a few queries at a time: the scores of many are larger than the matrix.
   * @param take receives what is found for a query (by its index), in their order; see kernel.d.mts
   * @throws the reason of the signal, as soon as nobody waits
   */
  async each(
    job: ScanJob,
    { tenantId, signal }: WorkFor,
    take: (query: number, products: Float32Array) => void,
  ): Promise<void> {
    const { queries } = job;
    const rows = job.rows?.length ?? job.segments.reduce((sum, { count }) => sum + count, 0);
    const isSmall = rows * queries.length < this.#bound;
    const together = isSmall
      ? Math.max(queries.length, 1)
      : Math.max(Math.floor(VECTOR.exactPiecePairs / Math.max(rows, 1)), 1);
    for (let start = 0; start < queries.length; start += together) {
      const piece = { ...job, queries: queries.slice(start, start + together) };
      const found = isSmall ? scan(piece) : await this.#work.run<Float32Array[]>(TASK, piece, { tenantId, signal });
      for (let index = 0; index < found.length; index++) {
        take(start + index, found[index]!);
        if (isStretchOver()) await nextTurn(tenantId);
        signal?.throwIfAborted();
      }
    }
  }
}
