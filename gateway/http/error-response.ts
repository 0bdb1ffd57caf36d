/** An error as the whole answer to a request: its HTTP status and a body in GraphQL's form. */
import { CodedError } from '#subgraphs/shared/errors.ts';
import { headersOf, meaningOf } from '#gateway/errors.ts';

/** What an error says in `extensions.http` of the HTTP answer that it is; no client sees it there. */
export interface HttpMeaning {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ErrorResponse {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: { errors: { message: string; extensions: Record<string, unknown> }[] };
}

/**
 * What a client may see of `error`.
 * @param onFault told of everything that is not meant for clients
 */
export function errorResponse(error: unknown, requestId: string, onFault: (error: unknown) => void): ErrorResponse {
  if (!(error instanceof CodedError)) onFault(error);
  const known =
    error instanceof CodedError
      ? error
      : new CodedError('INTERNAL_SERVER_ERROR', 'Something went wrong in the gateway.');
  const { http, ...shown } = known.extensions as typeof known.extensions & { http?: HttpMeaning };
  return {
    status: http?.status ?? meaningOf(known.code).status,
    headers: {
      // RFC 9110, section 11.6.1: a 401 says how to authenticate.
      ...(known.code === 'UNAUTHENTICATED' ? { 'www-authenticate': 'Bearer' } : {}),
      ...(known.code === 'PAYLOAD_TOO_LARGE' ? { connection: 'close' } : {}),
      ...headersOf(shown),
      ...http?.headers,
    },
    body: { errors: [{ message: known.message, extensions: { ...shown, requestId } }] },
  };
}
