/** What is logged of an error that clients do not see: whose request it was is said here, for every transport. */
import type { Principal } from '#subgraphs/shared/context.ts';
import type { Span } from '#subgraphs/shared/span.ts';
import type { Logger } from './logger.ts';
import { readTraceparent } from './traceparent.ts';

/** The request that failed. */
export interface FailedRequest {
  /** What the client is told with the error, and finds it by. */
  readonly requestId: string;
  /** Absent where the request failed before its caller was known. */
  readonly principal?: Pick<Principal, 'tenantId'> | undefined;
  /** What it is shown as in traces; absent where it is not. */
  readonly span?: Pick<Span, 'traceparent'> | undefined;
}

export interface FailureOptions {
  /** What else is known of it, such as the field's path. */
  readonly details?: Readonly<Record<string, unknown>>;
  /**
   * Whether it is about what the caller sent: its words may quote that, so that its kind and place alone are logged.
   * @default false
   */
  readonly aboutInput?: boolean;
  /** `debug` for what is no fault of ours, such as a store that is down. @default error */
  readonly level?: 'error' | 'debug';
}

/** Logs an error with the request's id and its tenant. */
export function logFailure(
  log: Logger,
  message: string,
  error: unknown,
  { requestId, principal, span }: FailedRequest,
  { details, aboutInput = false, level = 'error' }: FailureOptions = {},
): void {
  log[level](
    {
      err: aboutInput ? withoutWords(error) : error,
      requestId,
      ...(principal === undefined ? {} : { tenant: principal.tenantId }),
      ...(span === undefined ? {} : traceOf(span)),
      ...details,
    },
    message,
  );
}

/** Where it is found in traces. */
function traceOf({ traceparent }: Pick<Span, 'traceparent'>): object {
  const { traceId, spanId } = readTraceparent(traceparent)!;
  return { traceId, spanId };
}

function withoutWords(error: unknown): Error {
  const { name, code, stack = '' } = error as Error & { code?: unknown };
  const told = Object.assign(
    new Error('It is about what was sent, which is not logged.'),
    code === undefined ? {} : { code },
  );
  if (error instanceof Error) told.name = name;
  told.stack = stack;
  return told;
}
