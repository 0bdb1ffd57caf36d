/** The last step of an operation: errors as clients may see them. What went wrong inside is logged and not told. */
import { GraphQLError, type ExecutionResult } from 'graphql';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Logger } from '../telemetry/logger.ts';

const MASKED = 'Something went wrong in the gateway.';

/** Masks every error that is not written for clients. */
export function maskResult(result: ExecutionResult, { requestId, log }: { requestId: string; log: Logger }): ExecutionResult {
  if (result.errors === undefined) return result;
  return { ...result, errors: result.errors.map((error) => maskError(error, requestId, log)) };
}

function maskError(error: GraphQLError, requestId: string, log: Logger): GraphQLError {
  const code = error.extensions['code'];
  const original = innermost(error);
  if (original instanceof CodedError || (code !== undefined && code !== 'INTERNAL_SERVER_ERROR')) {
    if (original !== undefined && original.cause !== undefined) log.debug({ err: original, requestId, path: error.path }, 'A field failed.');
    return withExtensions(error, error.message, { code, ...error.extensions });
  }
  // graphql-js gives no code to values that do not fit their types; such errors have no origin but themselves.
  if (code === undefined && original === undefined) return withExtensions(error, error.message, { code: 'BAD_USER_INPUT', ...error.extensions });
  log.error({ err: original ?? error, requestId, path: error.path, service: error.extensions['service'] }, 'A field failed.');
  const service = error.extensions['service'];
  return withExtensions(error, MASKED, { code: 'INTERNAL_SERVER_ERROR', ...(service === undefined ? {} : { service }), requestId });
}

/** The error behind wrappers of graphql-js; `undefined` when there is none but the wrappers. */
function innermost(error: GraphQLError): Error | undefined {
  let origin: Error | undefined = error.originalError ?? undefined;
  while (origin instanceof GraphQLError) origin = origin.originalError ?? undefined;
  return origin;
}

const withExtensions = (error: GraphQLError, message: string, extensions: Record<string, unknown>): GraphQLError =>
  new GraphQLError(message, { nodes: error.nodes, source: error.source, positions: error.positions, path: error.path, extensions });
