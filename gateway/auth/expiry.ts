/** What outlives a request ends with the token that opened it. */
import type { Principal } from '#subgraphs/shared/context.ts';

/** The longest that a timer can wait, in milliseconds. */
const MOST_MS = 2 ** 31 - 1;

/**
 * Calls `act` once the caller's token has expired; never for callers whose token does not.
 * @returns to be called when it no longer matters
 */
export function onExpiry({ expiresAt }: Principal, act: () => void): () => void {
  if (expiresAt === undefined) return () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    const left = expiresAt - Date.now();
    timer = setTimeout(left > MOST_MS ? wait : act, Math.min(Math.max(left, 0), MOST_MS)).unref();
  };
  wait();
  return () => clearTimeout(timer);
}
