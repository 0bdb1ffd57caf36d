/** The last step of an operation: errors as clients may see them. What they may not see is logged under the request's id. */
import { GraphQLError, type ExecutionResult } from 'graphql';
import { maskError } from '#gateway/respond/mask-error.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';

/** Masks every error that is not written for clients. */
export function maskResult(result: ExecutionResult, { requestId, log }: { requestId: string; log: Logger }): ExecutionResult {
  if (result.errors === undefined) return result;
  const errors = result.errors.map((each) => {
    const { error, hidden } = maskError(each, requestId);
    if (hidden !== undefined) {
      const fault = error.extensions['code'] === 'INTERNAL_SERVER_ERROR';
      log[fault ? 'error' : 'debug']({ err: hidden, requestId, path: error.path, service: error.extensions['service'] }, 'A field failed.');
    }
    return coded(error);
  });
  return { ...result, errors };
}

/** graphql-js gives no code to values that do not fit their types. */
function coded(error: GraphQLError): GraphQLError {
  if (error.extensions['code'] !== undefined) return error;
  const { nodes, source, positions, path, originalError, extensions } = error;
  return new GraphQLError(error.message, { nodes, source, positions, path, originalError, extensions: { ...extensions, code: 'BAD_USER_INPUT' } });
}
