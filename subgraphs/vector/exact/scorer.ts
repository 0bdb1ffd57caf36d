/** Scores rows where it is cheapest: here while that takes milliseconds, else in a thread of the pool. */
import { isStretchOver, nextTurn } from '#subgraphs/shared/turns.ts';
import type { WorkFor, WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import { VECTOR } from '../bounds.ts';
import { computeScores, type ScoringJob } from './scores.mjs';

const TASK = new URL('./score-task.mjs', import.meta.url);

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
   * @param take receives the scores of a query (by its index) before those of the next are made; see scores.mjs
   * @throws the reason of the signal, as soon as nobody waits
   */
  async each(
    job: ScoringJob,
    { tenantId, signal }: WorkFor,
    take: (query: number, scores: Float64Array) => void,
  ): Promise<void> {
    const { queries } = job;
    const rows = job.rows?.length ?? job.counts.reduce((sum, count) => sum + count, 0);
    const isSmall = rows * queries.length < this.#bound;
    const together = isSmall
      ? Math.max(queries.length, 1)
      : Math.max(Math.floor(VECTOR.exactPiecePairs / Math.max(rows, 1)), 1);
    for (let start = 0; start < queries.length; start += together) {
      const piece = { ...job, queries: queries.slice(start, start + together) };
      const scores = isSmall
        ? computeScores(piece)
        : await this.#work.run<Float64Array[]>(TASK, piece, { tenantId, signal });
      for (let index = 0; index < scores.length; index++) {
        take(start + index, scores[index]!);
        if (isStretchOver()) await nextTurn(tenantId);
        signal?.throwIfAborted();
      }
    }
  }
}
