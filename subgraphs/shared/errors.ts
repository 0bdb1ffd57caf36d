/**
 * The errors that subgraphs and the gateway raise. Each carries a stable `extensions.code`; what a code means is
 * written once, in `gateway/errors.ts`, and printed in docs/errors.md.
 */

import { withoutSecrets } from './kept-secrets.ts';

/** Every value that `extensions.code` can take. */
export type ErrorCode =
  | 'BAD_USER_INPUT'
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'STORE_DISABLED'
  | 'STORE_UNAVAILABLE'
  | 'STORE_TIMEOUT'
  | 'SUBGRAPH_UNAVAILABLE'
  | 'SUBGRAPH_ERROR'
  | 'CURSOR_EXPIRED'
  | 'QUERY_TOO_COSTLY'
  | 'QUERY_TOO_DEEP'
  | 'TOO_MANY_ERRORS'
  | 'PAYLOAD_TOO_LARGE'
  | 'PLANNING_TIMEOUT'
  | 'REQUEST_TIMEOUT'
  | 'RATE_LIMITED'
  | 'BUDGET_EXCEEDED'
  | 'PERSISTED_QUERY_NOT_FOUND'
  | 'PERSISTED_QUERY_NOT_SUPPORTED'
  | 'PERSISTED_QUERY_NOT_IN_LIST'
  | 'PERSISTED_QUERY_ID_REQUIRED'
  | 'QUERY_NOT_IN_SAFELIST'
  | 'INTERNAL_SERVER_ERROR';

/** Optional parts of a {@link CodedError}. */
export interface CodedErrorOptions {
  /** What a person can do about it; shown to the client. Must not contain a secret. */
  hint?: string;
  /** What led here; logged, never shown to the client. */
  cause?: unknown;
  /** More machine-readable facts for `extensions` (such as `firstAvailable`). */
  extensions?: Record<string, unknown>;
}

/**
 * An error that a client may see as it is: message, code and hint are all written for people. Where the message has the
 * words of a store or a server, secrets of this process are taken out of them.
 */
export class CodedError extends Error {
  readonly extensions: Record<string, unknown> & { code: ErrorCode; hint?: string };

  constructor(code: ErrorCode, message: string, options: CodedErrorOptions = {}) {
    super(withoutSecrets(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CodedError';
    this.extensions = { ...options.extensions, code, ...(options.hint === undefined ? {} : { hint: options.hint }) };
  }

  get code(): ErrorCode {
    return this.extensions.code;
  }
}

/** Sentences in one line; what ends in none of its own, such as what another server said, is given its end. */
export function sentences(...all: readonly (string | undefined)[]): string {
  const said = all.filter((each): each is string => Boolean(each));
  return said
    .map((each, at) => (at < said.length - 1 && /[\p{L}\p{N})"'`]$/u.test(each) ? `${each}.` : each))
    .join(' ');
}

/** What went wrong and, where the error says so, what to do about it, in one line. */
export function messageWithHint(error: unknown): string {
  const { message, extensions } = error as Error & { extensions?: { hint?: string } };
  return sentences(message, extensions?.hint);
}

/** The caller sent something that cannot be meant; says what, and what is accepted. */
export const badUserInput = (message: string, options?: CodedErrorOptions): CodedError =>
  new CodedError('BAD_USER_INPUT', message, options);

/** A mutation named something that does not exist for this tenant. (Queries answer null instead.) */
export const notFound = (what: string, id: string): CodedError =>
  new CodedError('NOT_FOUND', `There is no ${what} with the id ${JSON.stringify(id)}.`);

/** The write contradicts the present state, such as appending to a finished run. */
export const conflict = (message: string, options?: CodedErrorOptions): CodedError =>
  new CodedError('CONFLICT', message, options);

/**
 * Callers who have not said who they are may not do this.
 * @param does what they would, as in "asks a model"
 */
export const anonymousRefused = (does: string): CodedError =>
  new CodedError('UNAUTHENTICATED', `Whoever ${does} must say who he is.`, { hint: 'Send a valid token.' });

/** The caller is known but may not do this. */
export const forbidden = (message: string, options?: CodedErrorOptions): CodedError =>
  new CodedError('FORBIDDEN', message, options);

/**
 * The field's store is switched off or was never configured.
 * @param what what is missing, as a person would say it ("The chat model")
 * @param variable the environment variable that switches it on
 */
export const storeDisabled = (what: string, variable: string): CodedError =>
  new CodedError('STORE_DISABLED', `${what} is not configured.`, {
    hint: `Set ${variable} (unset or off at present) and restart.`,
  });

/** The store refused, cut or lost the connection. */
export const storeUnavailable = (store: string, cause: unknown, hint?: string): CodedError =>
  new CodedError('STORE_UNAVAILABLE', `${store} cannot be reached.`, { cause, hint });

/**
 * A single value of a store is none that its field can have: the field is null, and all else is answered. `extensions.unreadable`
 * tells it from a store that is away.
 */
export const unreadableValue = (message: string, options: Pick<CodedErrorOptions, 'cause' | 'hint'> = {}): CodedError =>
  new CodedError('STORE_UNAVAILABLE', message, { ...options, extensions: { unreadable: true } });

/** Whether an error tells of such a value. */
export const isUnreadable = ({ extensions }: { readonly extensions: Readonly<Record<string, unknown>> }): boolean =>
  extensions['unreadable'] === true;

/** The store did not answer in time. */
export const storeTimeout = (store: string, cause: unknown, hint?: string): CodedError =>
  new CodedError('STORE_TIMEOUT', `${store} did not answer in time.`, { cause, hint });

/** What is known of a text that was refused for its length. */
export interface TooLong {
  /** The most that is accepted; absent where whoever refused it did not say. */
  readonly limit?: number;
  readonly unit: 'TOKENS' | 'CHARACTERS';
  /** Which of the texts of the call are too long, by their places from 0; the others would be accepted. */
  readonly inputs?: readonly number[];
}

/** A text is longer than what takes it accepts: `BAD_USER_INPUT`, with the {@link TooLong} in its extensions. */
export const inputTooLong = (
  message: string,
  { limit, unit, inputs }: TooLong,
  options: CodedErrorOptions = {},
): CodedError =>
  badUserInput(message, {
    ...options,
    extensions: {
      ...options.extensions,
      reason: 'INPUT_TOO_LONG',
      ...(limit === undefined ? {} : { limit }),
      limitUnit: unit,
      ...(inputs === undefined ? {} : { inputs }),
    },
  });

/** What `error` says of a text that is too long; undefined for any other error. */
export function tooLongOf(error: unknown): TooLong | undefined {
  if (!(error instanceof CodedError) || error.extensions.reason !== 'INPUT_TOO_LONG') return undefined;
  const { limit, limitUnit, inputs } = error.extensions;
  return {
    ...(typeof limit === 'number' ? { limit } : {}),
    unit: limitUnit === 'CHARACTERS' ? 'CHARACTERS' : 'TOKENS',
    ...(Array.isArray(inputs) ? { inputs: inputs.filter((at) => Number.isInteger(at)) as number[] } : {}),
  };
}
