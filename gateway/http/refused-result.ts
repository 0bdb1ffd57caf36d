/** Results of operations that are nothing but errors, with the HTTP status that such an answer takes. */
import { GraphQLError, type ExecutionResult } from 'graphql';
import { OperationRefused } from '#gateway/admission/documents.ts';
import { headersOf, meaningOf } from '#gateway/errors.ts';
import { logFailure, type FailedRequest } from '#gateway/telemetry/log-failure.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';

/** What a client is told of an operation that was refused. */
export function refused(error: unknown): ExecutionResult {
  const errors = error instanceof OperationRefused ? error.errors : [toGraphQLError(error)];
  return { errors: errors.map((each) => statusOf(each)) };
}

/**
 * The same of one that may have failed by a fault of ours, which is logged.
 * @param message what the log says of it
 */
export function refusedOrFailed(error: unknown, log: Logger, message: string, request: FailedRequest): ExecutionResult {
  if (!(error instanceof OperationRefused) && !(error instanceof CodedError)) logFailure(log, message, error, request);
  return refused(error);
}

/** A whole answer that is only errors takes their status: there is no data to deliver with a 200. */
export function withStatus(result: ExecutionResult): ExecutionResult {
  if (result.data !== undefined || result.errors === undefined) return result;
  return {
    ...result,
    errors: result.errors.map((error) => (error instanceof GraphQLError ? statusOf(error) : error)),
  };
}

function statusOf(error: GraphQLError): GraphQLError {
  if (error.extensions.http !== undefined) return error;
  const { status } = meaningOf(error.extensions['code']);
  return new GraphQLError(error.message, {
    nodes: error.nodes,
    source: error.source,
    positions: error.positions,
    path: error.path,
    extensions: { ...error.extensions, http: { status, headers: headersOf(error.extensions) } },
  });
}

function toGraphQLError(error: unknown): GraphQLError {
  if (error instanceof GraphQLError) return statusOf(error);
  const coded =
    error instanceof CodedError
      ? error
      : new CodedError('INTERNAL_SERVER_ERROR', 'Something went wrong in the gateway.', { cause: error });
  return statusOf(new GraphQLError(coded.message, { extensions: coded.extensions }));
}
