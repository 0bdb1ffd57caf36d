/** One HTTP request on its way through the handlers of `server.ts`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TellQuotas } from '#gateway/limits/quota-fields.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import type { Span } from '#subgraphs/shared/span.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** The request's path without its query, percent-encoded as sent. */
  readonly path: string;
  /**
   * Aborted when the client goes away before the answer is complete, and when the server's patience at shutdown ends.
   */
  readonly signal: AbortSignal;
  /** Who asks; set by the handler that authenticates, so that what fails later is logged with its tenant. */
  principal?: Principal;
  /** By which the client counts where there are limits. */
  address?: string;
  /** What it is shown as in traces; absent where it is not traced. */
  readonly span?: Span;
  /** Told what is left of the limits that the request meets. */
  tellQuotas?: TellQuotas;
}

/** Answers the request, or returns false to leave it to the next handler. */
export type Handler = (exchange: Exchange) => boolean | Promise<boolean>;

/** Sends a JSON body. */
export const sendJson = (
  exchange: Exchange,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void => sendJsonText(exchange, status, JSON.stringify(body), headers);

/** Sends a body that is JSON already. */
export function sendJsonText(
  { request, response }: Exchange,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}
