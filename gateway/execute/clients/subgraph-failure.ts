/** Why a subgraph elsewhere gave no answer, and what follows from it. */
import { CodedError, type CodedErrorOptions } from '#subgraphs/shared/errors.ts';

export interface FailureMeaning {
  /**
   * Another attempt may mend it: the connection failed, or a proxy says that nobody is there just now. @default false
   */
  transient?: boolean;
  /** It says something about the subgraph's health, not only about this one request. @default true */
  unhealthy?: boolean;
}

/** A fetch without an answer. Its message names the subgraph. */
export class SubgraphFailure extends CodedError {
  readonly transient: boolean;
  readonly unhealthy: boolean;

  constructor(
    message: string,
    { transient = false, unhealthy = true, ...options }: FailureMeaning & CodedErrorOptions = {},
  ) {
    super('SUBGRAPH_UNAVAILABLE', message, options);
    this.transient = transient;
    this.unhealthy = unhealthy;
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

/** @param status of HTTP, where there was one */
export function notGraphQL(name: string, status: number | undefined, cause?: unknown): SubgraphFailure {
  const how = status === undefined ? '' : ` (HTTP status ${status})`;
  return new SubgraphFailure(`The subgraph ${name} gave an answer that is not GraphQL${how}.`, {
    transient: status === 502 || status === 503 || status === 504,
    // 401 or 429 are about who asks.
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
        hint: 'Subscribe again; from the last cursor, where the field takes one.',
        cause,
      })
    : new SubgraphFailure(`A subscription on the subgraph ${name} could not be opened${how}.`, { cause });
}
