/** What the errors of an OpenAI-compatible server mean for the caller. */
import { APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai';
import { badUserInput, CodedError, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';

const STORE = 'The model server';

/** What was asked of whom, for messages and hints. */
export interface Asked {
  /** The model; undefined for a call without one. */
  readonly model?: string;
  /** The variable that names the model: `CHAT_MODEL`, `EMBEDDING_MODEL`. */
  readonly modelVariable?: string;
  /** The variable that names the server: `OPENAI_BASE_URL`, `EMBEDDING_BASE_URL`. */
  readonly urlVariable: string;
  /** The signal that the caller ends calls with. */
  readonly signal?: AbortSignal;
}

/** The error to raise for whatever the client library threw. */
export function openaiError(error: unknown, { model, modelVariable, urlVariable, signal }: Asked): unknown {
  if (error instanceof CodedError) return error;
  if (signal?.aborted && signal.reason instanceof CodedError) return signal.reason;
  if (signal?.aborted)
    return new CodedError('REQUEST_TIMEOUT', 'The request ended before the model had answered.', { cause: error });
  if (isTimeout(error)) return storeTimeout(STORE, error, `Check the server at ${urlVariable}, or ask for less.`);
  // Ended neither by the caller nor by a time-out that was recognised: what is left is the total time of the call.
  if (error instanceof APIUserAbortError)
    return storeTimeout(STORE, error, `Check the server at ${urlVariable}, or ask for less.`);
  if (!(error instanceof APIError) || error.status === undefined) {
    return storeUnavailable(
      STORE,
      error,
      `Check that the server at ${urlVariable} is running and speaks OpenAI's protocol.`,
    );
  }
  const status = error.status as number;
  switch (status) {
    case 401:
    case 403:
      return new CodedError('STORE_UNAVAILABLE', `${STORE} refused the key.`, {
        cause: error,
        hint: 'Set OPENAI_API_KEY to a key that it accepts.',
      });
    case 404:
      return new CodedError(
        'STORE_UNAVAILABLE',
        model === undefined
          ? `${STORE} does not serve this.`
          : `${STORE} does not serve the model ${JSON.stringify(model)}.`,
        {
          cause: error,
          hint: `Set ${modelVariable ? `${modelVariable} to a model that it serves, or ` : ''}${urlVariable} to a server that does (it often ends in /v1).`,
        },
      );
    case 408:
    case 504:
      return storeTimeout(STORE, error, `Check the server at ${urlVariable}, or ask for less.`);
    case 400:
    case 413:
    case 422:
      return badUserInput(`${STORE} refused the request: ${detailOf(error)}`, { cause: error });
    case 429: {
      const seconds = retryAfter(error.headers);
      return new CodedError('RATE_LIMITED', `${STORE} allows no more requests now.`, {
        cause: error,
        hint: seconds === undefined ? 'Try again later.' : `Try again in ${seconds} s.`,
        extensions: seconds === undefined ? {} : { retryAfterSeconds: seconds },
      });
    }
    default:
      return storeUnavailable(STORE, error, `The server at ${urlVariable} answered with HTTP status ${status}.`);
  }
}

const TIMEOUT_CODES = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'ETIMEDOUT',
]);

function isTimeout(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (
      at instanceof APIConnectionTimeoutError ||
      at.name === 'TimeoutError' ||
      TIMEOUT_CODES.has((at as NodeJS.ErrnoException).code ?? '')
    )
      return true;
  }
  return false;
}

/** What the server says is wrong with the request; it is about what the caller sent. */
function detailOf(error: APIError): string {
  const body = error.error as { message?: unknown } | undefined;
  const message = typeof body?.message === 'string' ? body.message : error.message;
  return message.replace(/\s+/g, ' ').slice(0, 300);
}

/** The header's seconds or date (RFC 9110, section 10.2.3), as whole seconds from now. */
function retryAfter(headers: Headers | undefined): number | undefined {
  const value = headers?.get('retry-after');
  if (!value) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - Date.now()) / 1_000);
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
