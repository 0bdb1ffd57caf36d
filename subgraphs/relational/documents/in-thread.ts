/** Cutting long texts in threads: two megabytes take a good part of a second, and nobody else should wait for it. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { isStretchOver, nextTurn } from '#subgraphs/shared/turns.ts';
import type { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import { RELATIONAL } from '../bounds.ts';
import { chunkText, type ChunkingOptions } from './chunking.ts';

/** What {@link cut} sends to a thread. */
export interface ChunkingTask extends ChunkingOptions {
  readonly text: string;
  readonly mediaType: string;
}

/**
 * {@link chunkText}, where it holds up nobody.
 * @throws the reason of the request's signal; CodedError `RATE_LIMITED` when too much of the tenant's waits
 */
export async function cut(
  work: WorkPool,
  { principal, signal }: RequestContext,
  task: ChunkingTask,
): Promise<string[]> {
  const { tenantId } = principal;
  if (task.text.length > RELATIONAL.cutHere)
    return await work.run<string[]>(new URL('./task.ts', import.meta.url), task, { tenantId, signal });
  if (isStretchOver()) await nextTurn(tenantId);
  signal?.throwIfAborted();
  return chunkText(task.text, task.mediaType, task);
}
