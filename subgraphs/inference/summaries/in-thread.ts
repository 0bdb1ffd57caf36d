/** Summaries of long texts, in threads: one takes tens of milliseconds, and one request may ask for hundreds. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { workInTurn } from '#subgraphs/shared/work/in-turn.ts';
import type { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import { INFERENCE } from '../bounds.ts';
import { summarizeExtractively } from './extractive.ts';

/** What {@link summarize} sends to a thread. */
export interface SummaryTask {
  readonly text: string;
  readonly maxSentences: number;
}

/**
 * {@link summarizeExtractively}, where it holds up nobody.
 * @throws the reason of the request's signal; CodedError `RATE_LIMITED` when too much of the tenant's waits
 */
export async function summarize(
  work: WorkPool,
  { principal, signal }: RequestContext,
  text: string,
  maxSentences: number,
): Promise<string> {
  const input: SummaryTask = { text: text.slice(0, INFERENCE.extractiveCharacters), maxSentences };
  return await workInTurn(
    work,
    {
      isLong: text.length > INFERENCE.threadlessCharacters,
      task: new URL('./task.ts', import.meta.url),
      input,
      here: () => summarizeExtractively(text, maxSentences),
    },
    { tenantId: principal.tenantId, signal },
  );
}
