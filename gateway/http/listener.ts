/**
 * The HTTP server: gives each request its id, sends it through the handlers in order, and answers whatever they throw.
 */
import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { logFailure } from '#gateway/telemetry/log-failure.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import type { Telemetry } from '#gateway/telemetry/telemetry.ts';
import { HTTP } from '#gateway/bounds/http.ts';
import type { CurrentTls } from '#gateway/config/tls.ts';
import { createTlsServer } from './tls-server.ts';
import { acceptedForms, jsonTypeOf } from './answer-forms.ts';
import { boundConnections, type ConnectionLimits } from './connections.ts';
import { errorResponse } from './error-response.ts';
import { sendJson, type Exchange, type Handler } from './exchange.ts';
import { requestIdOf } from './request-id.ts';

/** See `HTTP` (gateway/bounds/http.ts). */
export interface ListenerLimits extends ConnectionLimits {
  readonly headersTimeoutMs?: number;
  readonly keepAliveMs?: number;
  readonly arrivalTimeoutMs?: number;
  readonly backlog?: number;
}

export interface Listener {
  /** Of HTTP, or of HTTP over TLS. */
  readonly server: Server;
  /** Binds the socket; resolves with the port. */
  listen(host: string, port: number): Promise<number>;
  /** From now on answers ask for another connection (`connection: close`); those that come are accepted as before. */
  leave(): void;
  /**
   * Accepts no more, lets running requests end, and after `graceMs` cuts what still runs.
   */
  close(graceMs: number): Promise<void>;
}

/**
 * @param handlers tried in order until one returns true
 * @param tls what is shown and trusted, where it is served over TLS; with authorities, clients must show a certificate
 * @param telemetry told of every request
 */
export function createListener(
  handlers: readonly Handler[],
  limits: ListenerLimits,
  log: Logger,
  { tls, telemetry }: { tls?: CurrentTls | undefined; telemetry?: Pick<Telemetry, 'request'> | undefined } = {},
): Listener {
  const open = new Set<AbortController>();
  let leaving = false;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const requestId = requestIdOf(request.headers['x-request-id']);
    response.setHeader('x-request-id', requestId);
    if (leaving) response.setHeader('connection', 'close');
    const cancel = new AbortController();
    open.add(cancel);
    response.once('close', () => {
      open.delete(cancel);
      if (!response.writableFinished) cancel.abort(new DOMException('The client went away.', 'AbortError'));
    });
    const path = pathOf(request.url);
    const observed = telemetry?.request({
      method: request.method ?? '',
      route: routeOf(path),
      headers: request.headers,
    });
    if (observed !== undefined)
      response.once('close', () => observed.end(response.writableFinished ? response.statusCode : 0));
    const exchange: Exchange = {
      request,
      response,
      requestId,
      path,
      signal: cancel.signal,
      ...(observed?.span === undefined ? {} : { span: observed.span }),
    };
    const began = performance.now();
    if (log.isLevelEnabled('debug')) {
      response.once('finish', () => {
        log.debug(
          {
            requestId,
            method: request.method,
            path: loggedPath(path),
            status: response.statusCode,
            ms: Math.round((performance.now() - began) * 10) / 10,
          },
          'request',
        );
      });
    }
    try {
      for (const handler of handlers) if (await handler(exchange)) return;
      throw new CodedError('NOT_FOUND', 'There is nothing at this path.');
    } catch (error) {
      fail(exchange, error);
    }
  };

  const fail = (exchange: Exchange, error: unknown): void => {
    if (exchange.signal.aborted && exchange.response.destroyed) return; // Nobody is there to be told.
    const { status, headers, body } = errorResponse(error, exchange.requestId, (fault) =>
      logFailure(log, 'A request failed.', fault, exchange, { details: { path: loggedPath(exchange.path) } }),
    );
    if (exchange.response.headersSent)
      exchange.response.destroy(); // Half an answer must not look like a whole one.
    else {
      // Clients of GraphQL know a refusal by its type, not by its status.
      const type = jsonTypeOf(acceptedForms(exchange.request.headers.accept));
      sendJson(exchange, status, body, { ...headers, 'content-type': `${type}; charset=utf-8` });
    }
  };

  const headersTimeout = limits.headersTimeoutMs ?? HTTP.headersTimeoutMs;
  const options = {
    keepAlive: true,
    headersTimeout,
    // Node's own, five seconds, is shorter than what proxies keep.
    keepAliveTimeout: limits.keepAliveMs ?? HTTP.keepAliveMs,
    // Node's own, five minutes, would end the upload of a large file.
    requestTimeout: Math.max(headersTimeout, limits.arrivalTimeoutMs ?? HTTP.arrivalTimeoutMs),
    // Node's own, half a minute, is longer than what it looks for may be.
    connectionsCheckingInterval: HTTP.lookMs,
  };
  const server = (tls === undefined ? createServer(options) : createTlsServer(tls, options, log)).on(
    'request',
    (request: IncomingMessage, response: ServerResponse) => {
      answer(request, response).catch((error: unknown) => {
        // Telling the client failed: whatever the cause, it is this request's own.
        log.error({ err: error }, 'A request could not be answered.');
        response.destroy();
      });
    },
  );
  boundConnections(server, limits, log);
  // What cannot even be read as HTTP, or does not arrive.
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const { status, headers, body } = errorResponse(unreadable(error), requestIdOf(undefined), () => undefined);
    const text = JSON.stringify(body);
    const lines = Object.entries({
      ...headers,
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(text)),
      connection: 'close',
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${text}`);
  });

  return {
    server,
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port, host, backlog: limits.backlog ?? HTTP.backlog }, () => {
          server.off('error', reject);
          server.on('error', (error) => log.error({ err: error }, 'The listening socket failed.'));
          resolve((server.address() as { port: number }).port);
        });
      }),
    leave: () => {
      leaving = true;
    },
    close: async (graceMs) => {
      leaving = true;
      if (!server.listening) return;
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const late = setTimeout(() => {
        for (const cancel of open) cancel.abort(new DOMException('The server is stopping.', 'AbortError'));
        server.closeAllConnections();
      }, graceMs);
      // Connections that fall idle while closing hold no request.
      const idle = setInterval(() => server.closeIdleConnections(), HTTP.closingLookMs);
      await ended;
      clearTimeout(late);
      clearInterval(idle);
    },
  };
}

function unreadable({ code }: NodeJS.ErrnoException): CodedError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new CodedError('REQUEST_TIMEOUT', 'The request did not arrive in time.', {
        hint: 'Send it faster; whoever runs the server may raise HEADERS_TIMEOUT_MS or ARRIVAL_TIMEOUT_MS.',
        extensions: { http: { status: 408 } },
      });
    case 'HPE_HEADER_OVERFLOW':
      return new CodedError('PAYLOAD_TOO_LARGE', "The request's headers are too long.", {
        hint: 'Send a long query by POST, and less in headers and cookies.',
        extensions: { http: { status: 431 } },
      });
    default:
      return badUserInput('The request is not valid HTTP.');
  }
}

function pathOf(url: string | undefined): string {
  const text = url ?? '/';
  const end = text.search(/[?#]/);
  return end === -1 ? text : text.slice(0, end);
}

/** Paths of ours that have no names of people's in them. */
const PLAIN_PATH =
  /^\/(?:graphql|mcp|health(?:\/[a-z]+)?|runs\/[A-Za-z0-9_-]{1,80}\/events|agents\/[A-Za-z0-9_-]{1,80}\/run|ag-ui|\.well-known\/[a-z/-]{1,80})$/;

/** What metrics and traces call a path: one of a few, whatever is asked for. */
function routeOf(path: string): string {
  if (/^\/runs\/[^/]+\/events$/.test(path)) return '/runs/{id}/events';
  if (/^\/agents\/[^/]+\/run$/.test(path)) return '/agents/{name}/run';
  if (path.startsWith('/objects/')) return '/objects/{link}';
  if (path.startsWith('/.well-known/')) return '/.well-known/*';
  return PLAIN_ROUTES.has(path) ? path : '*';
}

const PLAIN_ROUTES: ReadonlySet<string> = new Set([
  '/',
  '/graphql',
  '/mcp',
  '/ag-ui',
  '/metrics',
  '/health/live',
  '/health/ready',
]);

/** What is logged of a path: of others than these its beginning, since names of files, and tokens, come in paths too. */
function loggedPath(path: string): string {
  if (path === '/' || PLAIN_PATH.test(path)) return path;
  const [first] = /^\/[A-Za-z0-9._-]{1,32}(?=\/|$)/.exec(path) ?? [''];
  return `${first}/…`;
}
