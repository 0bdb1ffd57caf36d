/** Cuts again behind a start what an older version cut, at the pace of the deliveries, so that new documents do not wait. */
import { setTimeout as pause } from 'node:timers/promises';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { INDEXING } from '#gateway/bounds/indexing.ts';
import { recut, type RecutOptions, type RecutReport } from './recut.ts';

export interface RecutBehindStartOptions extends Pick<RecutOptions, 'call' | 'batch'> {
  /** Resolves once nothing is due for delivery: the next batch waits for it. */
  readonly idle: (signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly log: Record<'info' | 'warn', (details: object, message: string) => void>;
  /** @default 300 */
  readonly longestRetrySeconds?: number;
}

/**
 * Walks through them once; where the store is away meanwhile, it goes on once it is back. Never rejects.
 * @returns what it did, or undefined when it was ended before
 */
export async function recutBehindStart(options: RecutBehindStartOptions): Promise<RecutReport | undefined> {
  const { call, batch = INDEXING.recut, idle, signal, log } = options;
  if (batch === 0) return undefined;
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      const report = await recut({
        call,
        mend: true,
        batch,
        delivered: () => idle(signal),
        onRefused: (refused) => log.warn(refused, 'A document could not be cut again and stays as it is.'),
      });
      if (report.otherwise > 0)
        log.info({ ...report }, 'Documents were cut again: an older version, or another limit, had cut them.');
      return report;
    } catch (error) {
      if (signal.aborted) return undefined;
      const again = error instanceof CodedError && PASSING.has(error.code);
      log.warn({ err: error }, `Documents cannot be cut again${again ? '; it is tried again' : ''}.`);
      if (!again) return undefined;
      const backoff = Math.min(2 ** attempt, options.longestRetrySeconds ?? INDEXING.longestRetrySeconds);
      await pause(backoff * 1_000, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}

/** Faults that pass. */
const PASSING: ReadonlySet<string> = new Set([
  'STORE_UNAVAILABLE',
  'STORE_TIMEOUT',
  'SUBGRAPH_UNAVAILABLE',
  'REQUEST_TIMEOUT',
  'RATE_LIMITED',
  'BUDGET_EXCEEDED',
]);
