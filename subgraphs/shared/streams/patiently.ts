/** Reads of streams, whose followers need not be told of every moment in which a store is away. */
import { setTimeout as delay } from 'node:timers/promises';
import { SHARED } from '../bounds.ts';
import { CodedError } from '../errors.ts';

/**
 * A store that is away for a moment does not end a stream: the read is tried again for so long.
 * @param lasts whether no waiting mends what was raised. @default nothing is known to
 * @throws what the store raised last, or at once where that says anything else than that it is away for now
 */
export async function patiently<T>(
  read: () => Promise<T>,
  patienceMs: number,
  ended: AbortSignal,
  lasts: (error: CodedError) => boolean = () => false,
): Promise<T> {
  const until = performance.now() + patienceMs;
  for (let pause: number = SHARED.firstReadRetryMs; ; pause = Math.min(pause * 2, SHARED.longestReadRetryMs)) {
    try {
      return await read();
    } catch (error) {
      const away =
        error instanceof CodedError &&
        (error.code === 'STORE_UNAVAILABLE' || error.code === 'STORE_TIMEOUT') &&
        !lasts(error);
      if (!away || performance.now() + pause > until || ended.aborted) throw error;
      await delay(pause, undefined, { signal: ended, ref: false }).catch(() => undefined);
    }
  }
}
