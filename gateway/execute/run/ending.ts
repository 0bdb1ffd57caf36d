import { setMaxListeners } from 'node:events';
import { CodedError } from '#subgraphs/shared/errors.ts';

/** A signal that the client's own ends, and `end()`. */
export function endingOf(
  signal: AbortSignal | undefined,
  message: string,
): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal); // Fetches that run side by side all listen.
  const abort = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted === true) abort();
  return {
    signal: controller.signal,
    end: () => {
      signal?.removeEventListener('abort', abort);
      controller.abort(new CodedError('REQUEST_TIMEOUT', message));
    },
  };
}
