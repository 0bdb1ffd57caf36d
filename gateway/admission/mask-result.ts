/**
 * The last step of an operation: errors as clients may see them. What they may not see is logged, with the request's id
 * and its tenant.
 */
import { GraphQLError } from 'graphql';
import { maskError } from '#gateway/respond/mask-error.ts';
import { logFailure, type FailedRequest } from '#gateway/telemetry/log-failure.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';

/** A result, a message of a deferred answer, or a part of one. */
interface Maskable {
  readonly errors?: readonly GraphQLError[];
  readonly incremental?: readonly { readonly errors?: readonly GraphQLError[] }[];
}

/** Masks every error that is not written for clients, those of deferred parts too. */
export function maskResult<Result extends Maskable>(result: Result, request: FailedRequest, log: Logger): Result {
  if (result.incremental !== undefined) {
    return { ...result, incremental: result.incremental.map((part) => maskResult(part, request, log)) };
  }
  if (result.errors === undefined) return result;
  const errors = result.errors.map((each) => {
    const { error, hidden } = maskError(each, request.requestId);
    if (hidden !== undefined) {
      const fault = error.extensions['code'] === 'INTERNAL_SERVER_ERROR';
      logFailure(log, 'A field failed.', hidden, request, {
        level: fault ? 'error' : 'debug',
        details: { path: error.path, service: error.extensions['service'] },
      });
    }
    return coded(error);
  });
  return { ...result, errors };
}

/** graphql-js gives no code to values that do not fit their types. */
function coded(error: GraphQLError): GraphQLError {
  if (error.extensions['code'] !== undefined) return error;
  const { nodes, source, positions, path, originalError, extensions } = error;
  return new GraphQLError(error.message, {
    nodes,
    source,
    positions,
    path,
    originalError,
    extensions: { ...extensions, code: 'BAD_USER_INPUT' },
  });
}
