/**
 * The last step of an operation: errors as clients may see them. What they may not see is logged, with the request's id
 * and its tenant.
 */
import { GraphQLError } from 'graphql';
import { withoutSecrets, withoutSecretsIn } from '#subgraphs/shared/kept-secrets.ts';
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
      const { code } = error.extensions;
      logFailure(log, 'A field failed.', hidden, request, {
        level: code === 'INTERNAL_SERVER_ERROR' ? 'error' : 'debug',
        aboutInput: code === 'BAD_USER_INPUT',
        details: { path: error.path, service: error.extensions['service'] },
      });
    }
    return coded(error);
  });
  return { ...result, errors };
}

/**
 * graphql-js gives no code to values that do not fit their types; other people's subgraphs may tell back what they were
 * sent.
 */
function coded(error: GraphQLError): GraphQLError {
  const [message, extensions] = [withoutSecrets(error.message), withoutSecretsIn(error.extensions)];
  if (extensions['code'] !== undefined && message === error.message && extensions === error.extensions) return error;
  const { nodes, source, positions, path, originalError } = error;
  return new GraphQLError(message, {
    nodes,
    source,
    positions,
    path,
    originalError,
    extensions: { ...extensions, code: extensions['code'] ?? 'BAD_USER_INPUT' },
  });
}
