/** What outlives a request ends with the token that opened it. */
import type { Principal } from '#subgraphs/shared/context.ts';
import { AUTH } from '#gateway/bounds/auth.ts';

/**
 * Calls `act` once the caller's token has expired; never for callers whose token does not.
 * @returns to be called when it no longer matters
 */
export function onExpiry({ expiresAt }: Principal, act: () => void): () => void {
  if (expiresAt === undefined) return () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    const left = expiresAt - Date.now();
    timer = setTimeout(left > AUTH.timerMs ? wait : act, Math.min(Math.max(left, 0), AUTH.timerMs)).unref();
  };
  wait();
  return () => clearTimeout(timer);
}
