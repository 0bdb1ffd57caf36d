/** Cutting long texts in threads: two megabytes take a good part of a second, and nobody else should wait for it. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { workInTurn } from '#subgraphs/shared/work/in-turn.ts';
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
  return await workInTurn(
    work,
    {
      isLong: task.text.length > RELATIONAL.cutHere,
      task: new URL('./task.ts', import.meta.url),
      input: task,
      here: () => chunkText(task.text, task.mediaType, task),
    },
    { tenantId: principal.tenantId, signal },
  );
}
