/** Why a subgraph elsewhere gave no answer, and what follows from it. */
import { nameInVariables } from '#gateway/bounds/remote.ts';
import { CodedError, type CodedErrorOptions, type ErrorCode } from '#subgraphs/shared/errors.ts';

export interface FailureMeaning {
  /**
   * Another attempt may mend it: the connection failed, or a proxy says that nobody is there just now. @default false
   */
  transient?: boolean;
  /** It says something about the subgraph's health, not only about this one request. @default true */
  unhealthy?: boolean;
  /** @default SUBGRAPH_UNAVAILABLE */
  code?: ErrorCode;
}

/** A fetch without an answer. Its message names the subgraph. */
export class SubgraphFailure extends CodedError {
  readonly transient: boolean;
  readonly unhealthy: boolean;

  constructor(
    message: string,
    {
      transient = false,
      unhealthy = true,
      code = 'SUBGRAPH_UNAVAILABLE',
      ...options
    }: FailureMeaning & CodedErrorOptions = {},
  ) {
    super(code, message, options);
    this.transient = transient;
    this.unhealthy = unhealthy;
  }
}

/** A WebSocket was asked for where there are none: another protocol may be spoken there. */
export class NoWebSocket extends SubgraphFailure {
  /** @param status of HTTP, with which the request for one was answered */
  constructor(name: string, status: number, cause: unknown) {
    super(`The subgraph ${name} takes no WebSocket for subscriptions at its address (HTTP status ${status}).`, {
      hint: `Set SUBGRAPH_${nameInVariables(name)}_SUBSCRIPTIONS to the address of its subscriptions, where ws:// means graphql-ws and http:// server-sent events.`,
      cause,
    });
  }
}

export const unreachable = (name: string, cause: unknown): SubgraphFailure =>
  new SubgraphFailure(`The subgraph ${name} cannot be reached.`, { transient: true, cause });

export const tooLate = (name: string, ms: number): SubgraphFailure =>
  new SubgraphFailure(`The subgraph ${name} did not answer within ${ms} ms.`);

/** One caller's greed must not close the subgraph to others, so this says nothing of its health. */
export const tooLarge = (name: string, limit: number): SubgraphFailure =>
  new SubgraphFailure(`The subgraph ${name} answered with more than ${limit} bytes.`, {
    unhealthy: false,
    hint: 'Ask for less at a time.',
  });

/** What an HTTP status says of who asks, and not of the subgraph; undefined where it says nothing of the kind. */
export function codeOfStatus(status: number | undefined): ErrorCode | undefined {
  if (status === 401) return 'UNAUTHENTICATED';
  if (status === 403) return 'FORBIDDEN';
  return status === 429 ? 'RATE_LIMITED' : undefined;
}

const REFUSALS: Partial<Record<ErrorCode, string>> = {
  UNAUTHENTICATED: 'does not know who asks',
  FORBIDDEN: 'does not allow it',
  RATE_LIMITED: 'is asked too often',
};

/** The seconds that a `Retry-After` says (RFC 9110, section 10.2.3), as a part of `extensions`. */
export function retryAfterOf(header: string | string[] | undefined): { retryAfterSeconds?: number } {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined) return {};
  const seconds = /^\d{1,9}$/.test(text.trim()) ? Number(text) : Math.ceil((Date.parse(text) - Date.now()) / 1000);
  return Number.isFinite(seconds) ? { retryAfterSeconds: Math.max(0, seconds) } : {};
}

/** What an HTTP status alone says of who asks; undefined where it says nothing of the kind. */
export function notAllowed(
  name: string,
  status: number | undefined,
  cause?: unknown,
  retryAfter?: string | string[],
): SubgraphFailure | undefined {
  const code = codeOfStatus(status);
  if (code === undefined) return undefined;
  return new SubgraphFailure(`The subgraph ${name} ${REFUSALS[code]} (HTTP status ${status}).`, {
    code,
    unhealthy: false,
    extensions: code === 'RATE_LIMITED' ? retryAfterOf(retryAfter) : {},
    cause,
  });
}

/**
 * @param status of HTTP, where there was one
 * @param retryAfter the answer's header
 */
export function notGraphQL(
  name: string,
  status: number | undefined,
  cause?: unknown,
  retryAfter?: string | string[],
): SubgraphFailure {
  const refused = notAllowed(name, status, cause, retryAfter);
  if (refused !== undefined) return refused;
  const how = status === undefined ? '' : ` (HTTP status ${status})`;
  return new SubgraphFailure(`The subgraph ${name} gave an answer that is not GraphQL${how}.`, {
    transient: status === 502 || status === 503 || status === 504,
    unhealthy: status === undefined || status < 400 || status >= 500,
    cause,
  });
}

/** @param closeCode of the WebSocket, where that is how it ended */
export function subscriptionBroke(
  name: string,
  { opened, closeCode, cause }: { opened: boolean; closeCode?: number; cause?: unknown },
): SubgraphFailure {
  const how = closeCode === undefined ? '' : ` (close code ${closeCode})`;
  return opened
    ? new SubgraphFailure(`The subscription on the subgraph ${name} broke${how}.`, {
        transient: true,
        hint: 'Subscribe again; from the last cursor, where the field takes one.',
        cause,
      })
    : new SubgraphFailure(`A subscription on the subgraph ${name} could not be opened${how}.`, { cause });
}

/** A reader on a connection that others share is not waited for. */
export const readerTooSlow = (name: string): SubgraphFailure =>
  new SubgraphFailure(`Too many events of the subscription on the subgraph ${name} wait to be read.`, {
    unhealthy: false,
    hint: 'Read faster and subscribe again, from the last cursor where the field takes one; whoever runs the server may raise SUBGRAPH_STREAM_BUFFER_BYTES.',
  });
