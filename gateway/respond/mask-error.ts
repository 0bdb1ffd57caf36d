/** Decides at the edge what a client may read of an error. */
import { GraphQLError } from 'graphql';
import { CodedError } from '#subgraphs/shared/errors.ts';

export interface MaskedError {
  /** For the client. */
  readonly error: GraphQLError;
  /** What the client does not see and a log must keep; undefined when the client sees it all. */
  readonly hidden: unknown;
}

/**
 * Passes errors that were written for people: coded ones, GraphQL's own, and those of foreign subgraphs, which answer
 * for their words. Anything else becomes `INTERNAL_SERVER_ERROR` with the request's id, at the same path; the caller
 * logs `hidden` under that id.
 */
export function maskError(error: unknown, requestId: string): MaskedError {
  const graphQLError = error instanceof GraphQLError ? error : undefined;
  const origin = originOf(error);
  if (origin instanceof CodedError && graphQLError === undefined) {
    return {
      error: new GraphQLError(origin.message, { originalError: origin, extensions: origin.extensions }),
      hidden: origin.cause,
    };
  }
  if (graphQLError !== undefined && (origin instanceof CodedError || origin instanceof GraphQLError)) {
    return { error: graphQLError, hidden: origin instanceof CodedError ? origin.cause : undefined };
  }
  const { service } = graphQLError?.extensions ?? {};
  const masked = new GraphQLError('Something went wrong. The log has the details under the request id.', {
    nodes: graphQLError?.nodes,
    path: graphQLError?.path,
    extensions: { code: 'INTERNAL_SERVER_ERROR', requestId, ...(service === undefined ? {} : { service }) },
  });
  return { error: masked, hidden: origin };
}

/** What was thrown first: GraphQL wraps errors as they pass. */
function originOf(error: unknown): unknown {
  let origin = error;
  while (origin instanceof GraphQLError && origin.originalError !== undefined && origin.originalError !== null)
    origin = origin.originalError;
  return origin;
}
