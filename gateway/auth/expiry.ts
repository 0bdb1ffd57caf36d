/** What outlives a request ends with what opened it. */
import type { Principal } from '#subgraphs/shared/context.ts';
import { AUTH } from '#gateway/bounds/auth.ts';

/** Why what somebody came in with holds no longer. */
export type Ended = 'expired' | 'revoked';

/**
 * Calls `act`, once, when the caller's token or API key has expired or is taken back; never for callers of whom nothing ends.
 * @returns to be called when it no longer matters
 */
export function onExpiry({ expiresAt, session }: Principal, act: (ended: Ended) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const end = (ended: Ended): void => {
    forget();
    act(ended);
  };
  const forgetSession = session?.onEnd(() => end('revoked'));
  const forget = (): void => {
    clearTimeout(timer);
    forgetSession?.();
  };
  if (expiresAt === undefined) return forget;
  const wait = (): void => {
    const left = expiresAt - Date.now();
    timer = setTimeout(
      left > AUTH.timerMs ? wait : () => end('expired'),
      Math.min(Math.max(left, 0), AUTH.timerMs),
    ).unref();
  };
  wait();
  return forget;
}
