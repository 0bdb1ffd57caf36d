/** Work of any length where it holds up nobody: long pieces in a thread, short ones here, in the tenant's turn. */
import { isStretchOver, nextTurn } from '../turns.ts';
import type { WorkFor, WorkPool } from './work-pool.ts';

/** One piece of work, for either place. */
export interface PieceOfWork<Result> {
  /** Whether it is worth a thread: sending it there costs about as much as a millisecond of work. */
  readonly isLong: boolean;
  /** The module that does it in a thread, and what its default export is called with: see {@link WorkPool.run}. */
  readonly task: URL;
  readonly input: unknown;
  /** Does it here. */
  readonly here: () => Result;
}

/**
 * Does a piece of work, in a thread or here.
 * @throws the reason of the signal; CodedError `RATE_LIMITED` when too much of the tenant's waits
 */
export async function workInTurn<Result>(
  work: WorkPool,
  { isLong, task, input, here }: PieceOfWork<Result>,
  { tenantId, signal }: WorkFor,
): Promise<Result> {
  if (isLong) return await work.run<Result>(task, input, { tenantId, signal });
  if (isStretchOver()) await nextTurn(tenantId);
  signal?.throwIfAborted();
  return here();
}
