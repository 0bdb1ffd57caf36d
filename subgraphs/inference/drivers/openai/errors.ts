/** What the errors of an OpenAI-compatible server mean for the caller. */
import { APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai';
import { badUserInput, CodedError, inputTooLong, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';
import { refusalOf, type Refusal } from './refusal.ts';

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
export function openaiError(error: unknown, asked: Asked): unknown {
  const { urlVariable, signal } = asked;
  if (error instanceof CodedError) return error;
  if (signal?.aborted && signal.reason instanceof CodedError) return signal.reason;
  if (signal?.aborted)
    return new CodedError('REQUEST_TIMEOUT', 'The request ended before the model had answered.', { cause: error });
  if (isTimeout(error)) return storeTimeout(STORE, error, `Check the server at ${urlVariable}, or ask for less.`);
  // Ended neither by the caller nor by a time-out that was recognised: what is left is the total time of the call.
  if (error instanceof APIUserAbortError)
    return storeTimeout(STORE, error, `Check the server at ${urlVariable}, or ask for less.`);
  const refusal = refusalIn(error);
  if (refusal === undefined) {
    return storeUnavailable(
      STORE,
      error,
      `Check that the server at ${urlVariable} is running and speaks OpenAI's protocol.`,
    );
  }
  return meaningOf(refusal, error as APIError, asked);
}

/** The refusal that the client library's error carries; undefined for an error of another kind. */
export function refusalIn(error: unknown): Refusal | undefined {
  if (error instanceof CodedError) return refusalIn(error.cause);
  return error instanceof APIError && error.status !== undefined ? (error.error as Refusal | undefined) : undefined;
}

/**
 * The client library's error for a refusal in a body whose HTTP status was 200, or in a stream.
 * @returns undefined where `body` is an answer
 */
export function refusalError(body: unknown, headers: Headers): APIError | undefined {
  const refusal = refusalOf(body, 200);
  return refusal && new APIError(refusal.status, refusal, undefined, headers);
}

function meaningOf(refusal: Refusal, error: APIError, asked: Asked): CodedError {
  const { model, modelVariable, urlVariable } = asked;
  const { message, status, excess } = refusal;
  const said = message === '' ? '' : `: ${message}`;
  const full = message === '' ? '.' : said;
  if (excess && excess.unit !== 'TEXTS') {
    const { limit, unit } = excess;
    return inputTooLong(
      `${STORE} takes no input as long as this${full}`,
      { ...(limit === undefined ? {} : { limit }), unit },
      { cause: error, hint: 'Send less text.' },
    );
  }
  const wait = retryAfter(error.headers as Headers | undefined);
  const waiting = wait === undefined ? {} : { retryAfterSeconds: wait };
  switch (status) {
    case 401:
      // What the server says may quote the key.
      return new CodedError('STORE_UNAVAILABLE', `${STORE} refused the key.`, {
        cause: error,
        hint: 'Set OPENAI_API_KEY to a key that it accepts.',
      });
    case 402:
      return new CodedError('STORE_UNAVAILABLE', `${STORE} asks to be paid first${full}`, {
        cause: error,
        hint: `Look at the account at ${urlVariable}: its balance or its budget is spent.`,
      });
    case 403:
      return new CodedError('STORE_UNAVAILABLE', `${STORE} refused the key${full}`, {
        cause: error,
        hint: 'Set OPENAI_API_KEY to a key that may use this model.',
      });
    case 404:
      return new CodedError(
        'STORE_UNAVAILABLE',
        model === undefined
          ? `${STORE} does not serve this.`
          : `${STORE} does not serve the model ${JSON.stringify(model)}${full}`,
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
      if (/budget_exceeded|insufficient_quota/.test(refusal.kind))
        return meaningOf({ ...refusal, status: 402 }, error, asked);
      return badUserInput(`${STORE} refused the request${full}`, { cause: error });
    case 429:
      return new CodedError('RATE_LIMITED', `${STORE} allows no more requests now${full}`, {
        cause: error,
        hint: wait === undefined ? 'Try again later.' : `Try again in ${wait} s.`,
        extensions: waiting,
      });
    default:
      return new CodedError('STORE_UNAVAILABLE', `${STORE} failed${full}`, {
        cause: error,
        hint: `The server at ${urlVariable} answered with status ${status}.${wait === undefined ? '' : ` Try again in ${wait} s.`}`,
        extensions: waiting,
      });
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

/** The header's seconds or date (RFC 9110, section 10.2.3), or Azure's milliseconds, as whole seconds from now. */
function retryAfter(headers: Headers | undefined): number | undefined {
  const milliseconds = headers?.get('retry-after-ms');
  if (milliseconds && /^\d+(?:\.\d+)?$/.test(milliseconds)) return Math.ceil(Number(milliseconds) / 1_000);
  const value = headers?.get('retry-after');
  if (!value) return undefined;
  const seconds = /^\d+(?:\.\d+)?$/.test(value)
    ? Math.ceil(Number(value))
    : Math.ceil((Date.parse(value) - Date.now()) / 1_000);
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
