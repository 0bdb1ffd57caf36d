/** When an answer that is a stream is cut. */
import type { ServerResponse } from 'node:http';
import { onExpiry } from '#gateway/auth/expiry.ts';
import type { Principal } from '#subgraphs/shared/context.ts';

/** A stream that is cut, and not completed, tells its client to come back. */
export function endWith(stopping: AbortSignal, principal: Principal, response: ServerResponse): void {
  const cut = (): void => void response.destroy();
  const forget = onExpiry(principal, cut);
  stopping.addEventListener('abort', cut, { once: true });
  response.once('close', () => {
    forget();
    stopping.removeEventListener('abort', cut);
  });
  if (stopping.aborted) cut();
}
