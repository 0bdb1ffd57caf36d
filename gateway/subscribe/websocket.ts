/**
 * GraphQL over WebSocket (the `graphql-transport-ws` protocol of graphql-ws) on the path of the HTTP endpoint, through
 * the same checks, limits and engine.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, handleProtocols, type Context } from 'graphql-ws';
import { useServer, type Extra } from 'graphql-ws/use/ws';
import { GraphQLError, type ExecutionArgs, type ExecutionResult } from 'graphql';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Principal } from '#subgraphs/shared/context.ts';
import { CodedError, messageWithHint } from '#subgraphs/shared/errors.ts';
import { mayBeExact, parseExactJson } from '#subgraphs/shared/exact-number.ts';
import { OperationRefused } from '#gateway/admission/documents.ts';
import { isStream, type AdmittedOperation, type Caller, type Operations } from '#gateway/admission/operations.ts';
import { isDeliverable } from '#gateway/execute/answers/shared-answers.ts';
import { isApiKey } from '#gateway/auth/api-keys.ts';
import { unauthenticated, type Authenticator } from '#gateway/auth/authenticator.ts';
import { onExpiry } from '#gateway/auth/expiry.ts';
import { headersOf, meaningOf } from '#gateway/errors.ts';
import type { RequestLimits } from '#gateway/limits/request-limits.ts';
import type { JsonLimits } from '#gateway/http/json-bounds.ts';
import { requestIdOf } from '#gateway/http/request-id.ts';
import type { RequestGuard } from '#gateway/http/request-guard.ts';
import { logFailure } from '#gateway/telemetry/log-failure.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { HTTP } from '#gateway/bounds/http.ts';
import { SUBSCRIBE } from '#gateway/bounds/subscribe.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { FrameWriter } from './socket-sink.ts';
import { boundBuffer, boundMessages } from './socket-bounds.ts';
import { attachments, type Running } from './attachment.ts';
import { isText, pumped, streamed, written } from './socket-answers.ts';

/**
 * Bounds are said in `SUBSCRIBE` (gateway/bounds/subscribe.ts), with their defaults. A client for whom too much waits is
 * closed with {@link RESUME}; one that misses a ping is cut.
 */
export interface WebSocketOptions extends Partial<BoundValues<typeof SUBSCRIBE>> {
  path: string;
  operations: Operations;
  guard: RequestGuard;
  /** @throws CodedError `UNAUTHENTICATED` */
  authenticate: Authenticator['authenticate'];
  log: Logger;
  /** Of addresses, callers and tenants: each socket counts for its address, each operation for the others. @default none */
  limits?: RequestLimits | undefined;
  /** Of messages. */
  message: JsonLimits & { readonly bytes: number };
  /**
   * How long a client may leave unread what waits for it before its socket is closed with {@link RESUME}, in
   * milliseconds. Default: `HTTP.stallMs`.
   */
  stallMs?: number;
}

/** Close code: nothing is wrong with the client; connect again and resume from the last cursor. */
export const RESUME = { code: 4499, reason: 'Resume from your last cursor' } as const;

/** Close code of RFC 6455's registry (1013), such as while the identity provider is away. */
const TRY_AGAIN_LATER = 1013;

interface Connection extends Extra {
  principal?: Principal;
  requestId?: string;
  /** Of the upgrade, with the token that counted. */
  headers?: Caller['headers'];
  count?: number;
  /** Set while the caller's token is waited for to expire. */
  forgetExpiry?: () => void;
}

export interface WebSocketEndpoint {
  /** How many sockets are open. */
  readonly open: number;
  /** Refuses new sockets and closes all with {@link RESUME}. */
  close(): Promise<void>;
}

/** Serves WebSockets on `server`. */
export function graphqlOverWebSocket(server: Server, options: WebSocketOptions): WebSocketEndpoint {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.message.bytes,
    handleProtocols,
    // Compression costs some 300 KB a socket and makes back-pressure hard to see.
    perMessageDeflate: false,
  });
  let closing = false;

  const onUpgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    socket.on('error', () => socket.destroy()); // A client that goes away during the handshake.
    // What is refused for its path, its protocol or the number of sockets counts for its address too, as over HTTP.
    const refusal =
      refusing(() => options.guard.check(request)) ?? (await arrive(request)) ?? refusing(() => checkUpgrade(request));
    if (refusal !== undefined) {
      // A browser tells its page nothing of it.
      options.log.debug({ code: refusal.code }, `A WebSocket was refused: ${messageWithHint(refusal)}`);
      return refuse(socket, refusal);
    }
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      const mayWrite = boundBuffer(accepted, socket, options.bufferBytes ?? SUBSCRIBE.bufferBytes, {
        underWay: () => attachments.get(accepted)?.writer.underWay ?? 0,
        giveUp: () => giveUp(accepted),
      });
      const running = new Map<string, Running>();
      // Before a missed ping cuts it without a word.
      const stall = { ms: options.stallMs ?? HTTP.stallMs, giveUp: () => giveUp(accepted) };
      attachments.set(accepted, { writer: new FrameWriter(accepted, socket, mayWrite, stall), running });
      keepMessages(accepted);
      // Around the former, which reads what this lets through.
      boundMessages(accepted, options.message);
      sockets.emit('connection', accepted, request);
      // graphql-ws ends streams by itself; of a query that still runs it only forgets that somebody waits.
      accepted.on('message', (data: Buffer) => {
        const id = completedId(data);
        if (id !== undefined) end(running, id);
      });
      // graphql-ws writes every fault of a client (a message that is too long, bytes that are not UTF-8) to the
      // console.
      accepted.removeAllListeners('error');
      accepted.on('error', (error) => options.log.debug({ err: error }, 'A WebSocket failed.'));
    });
  };

  const arrive = async (request: IncomingMessage): Promise<CodedError | undefined> => {
    try {
      await options.limits?.arrive(request);
      return undefined;
    } catch (error) {
      if (error instanceof CodedError) return error;
      options.log.error({ err: error }, 'A WebSocket could not be let in.');
      return new CodedError('INTERNAL_SERVER_ERROR', 'Something went wrong in the gateway.');
    }
  };

  const checkUpgrade = (request: IncomingMessage): void => {
    if (new URL(request.url ?? '/', 'http://localhost').pathname !== options.path)
      throw new CodedError('NOT_FOUND', 'There is nothing at this path.');
    const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
    if (!protocols.includes(GRAPHQL_TRANSPORT_WS_PROTOCOL))
      throw new CodedError('BAD_USER_INPUT', `The WebSocket's subprotocol must be ${GRAPHQL_TRANSPORT_WS_PROTOCOL}.`);
    if (closing || sockets.clients.size >= (options.sockets ?? SUBSCRIBE.sockets))
      throw new CodedError('RATE_LIMITED', 'There are too many open sockets.', {
        hint: 'Try again later; whoever runs the server may raise MAX_SOCKETS.',
      });
  };

  const refusing = (check: () => void): CodedError | undefined => {
    try {
      check();
      return undefined;
    } catch (error) {
      if (error instanceof CodedError) return error;
      return new CodedError('BAD_USER_INPUT', 'The request cannot be understood.', { cause: error });
    }
  };

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void =>
    void onUpgrade(request, socket, head).catch((error: unknown) => {
      options.log.error({ err: error }, 'A WebSocket could not be opened.');
      socket.destroy();
    });
  server.on('upgrade', upgrade);
  const protocol = useServer<Record<string, unknown> | undefined, Partial<Connection>>(
    protocolHandlers(options),
    sockets,
    options.pingMs ?? SUBSCRIBE.pingMs,
  );

  return {
    get open() {
      return sockets.clients.size;
    },
    async close() {
      closing = true;
      for (const socket of sockets.clients) socket.close(RESUME.code, RESUME.reason);
      // Sockets that do not answer the close within a moment are cut.
      const late = setTimeout(() => sockets.clients.forEach((socket) => socket.terminate()), SUBSCRIBE.closeMs);
      await Promise.all(
        [...sockets.clients].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))),
      );
      clearTimeout(late);
      await protocol.dispose();
      server.off('upgrade', upgrade);
    },
  };
}

type Handlers = Parameters<typeof useServer<Record<string, unknown> | undefined, Partial<Connection>>>[0];
type SocketContext = Context<Record<string, unknown> | undefined, Extra & Partial<Connection>>;

function protocolHandlers({
  operations,
  authenticate,
  operationsPerSocket = SUBSCRIBE.operationsPerSocket,
  initTimeoutMs = SUBSCRIBE.initTimeoutMs,
  limits,
  log,
}: WebSocketOptions): Handlers {
  return {
    isProd: true,
    connectionInitWaitTimeout: initTimeoutMs,
    async onConnect(context: SocketContext) {
      const { extra, connectionParams } = context;
      extra.requestId = requestIdOf(extra.request.headers['x-request-id']);
      try {
        const authorization = presentedIn(connectionParams) ?? extra.request.headers.authorization;
        extra.principal = await authenticate(authorization, extra.request);
        extra.headers = { ...extra.request.headers, authorization };
        closeOnExpiry(extra);
        return true;
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        extra.socket.close(
          error.code === 'UNAUTHENTICATED' ? CloseCode.Forbidden : TRY_AGAIN_LATER,
          `${error.code}: ${error.message}`.slice(0, 120),
        );
        return false;
      }
    },
    async onSubscribe(context: SocketContext, id, payload) {
      const { extra } = context;
      const { running, exactVariables } = attachments.get(extra.socket)!;
      const cancel = new AbortController();
      try {
        if (running.size >= operationsPerSocket) {
          throw new CodedError('RATE_LIMITED', `A socket may run at most ${operationsPerSocket} operations at once.`);
        }
        const count = (extra.count = (extra.count ?? 0) + 1);
        // Before it is admitted: while it waits for its turn it may be ended, and is one of those that a socket may have.
        running.set(id, { payload, cancel });
        const parameters = exactVariables === undefined ? payload : { ...payload, variables: exactVariables };
        const asking = { principal: extra.principal!, address: limits?.arrivalOf(extra.request)?.address };
        await limits?.operation(asking);
        const operation = await operations.admit(parameters, {
          ...asking,
          requestId: `${extra.requestId}:${count}`,
          signal: cancel.signal,
          headers: extra.headers,
          startsTrace: true,
          asText: true,
          incremental: true,
        });
        if (cancel.signal.aborted) {
          operation.discard();
          return await never();
        }
        // graphql-ws asks for arguments of graphql-js; what runs is in the root value.
        return {
          schema: undefined as never,
          document: operation.document,
          operationName: payload.operationName || undefined,
          rootValue: operation,
        } satisfies ExecutionArgs;
      } catch (error) {
        if (cancel.signal.aborted) return await never();
        if (running.get(id)?.payload === payload) running.delete(id);
        if (error instanceof OperationRefused) return error.errors;
        if (error instanceof CodedError) return [new GraphQLError(error.message, { extensions: error.extensions })];
        logFailure(log, 'A WebSocket message failed.', error, {
          requestId: extra.requestId!,
          principal: extra.principal,
        });
        return [
          new GraphQLError('Something went wrong in the gateway.', {
            extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: extra.requestId },
          }),
        ];
      }
    },
    execute: runAdmitted,
    subscribe: runAdmitted,
    onOperation({ extra }: SocketContext, id, _payload, _args, result) {
      if (isDeliverable(result)) return pumped(result, extra.socket, id);
      if (isStream(result)) return streamed(result, extra.socket, id);
      return isText(result) ? written(result, extra.socket, id) : undefined;
    },
    onComplete({ extra }: SocketContext, id, payload) {
      const { running } = attachments.get(extra.socket)!;
      if (running.get(id)?.payload === payload) end(running, id);
    },
    onClose({ extra }: SocketContext) {
      extra.forgetExpiry?.();
      endAll(attachments.get(extra.socket)!.running);
    },
  };
}

/**
 * What says who asks, as an `Authorization`: under the name of either header, in the cases that clients write.
 * @throws CodedError `UNAUTHENTICATED` where it says two things
 */
function presentedIn(parameters: Record<string, unknown> | undefined): string | undefined {
  const given = (...names: string[]): string[] =>
    names.map((name) => parameters?.[name]).filter((value): value is string => typeof value === 'string');
  const keys = given('x-api-key', 'X-API-Key', 'apiKey').filter((key) => isApiKey(key));
  const presented = new Set([...given('authorization', 'Authorization'), ...keys.map((key) => `Bearer ${key}`)]);
  if (presented.size > 1)
    throw unauthenticated(
      '`connectionParams` presents two tokens or API keys.',
      'Send one, as `authorization: Bearer <token or key>`.',
    );
  return [...presented][0];
}

/**
 * Ends a socket when its caller's token or API key does, as graphql-ws' own recipe has it: 4403, upon which its client connects
 * again with a new token (it would not after 4401), and resumes.
 */
function closeOnExpiry(extra: Extra & Partial<Connection>): void {
  extra.forgetExpiry = onExpiry(extra.principal!, (ended) =>
    extra.socket.close(
      CloseCode.Forbidden,
      `UNAUTHENTICATED: The access token or API key ${ended === 'expired' ? 'has expired' : 'was revoked'}.`,
    ),
  );
}

/** The id of a message that ends an operation; undefined for every other message. */
function completedId(data: Buffer): string | undefined {
  // An id is as long as its client wants; what is longer than this ends with its stream all the same.
  if (data.length > SUBSCRIBE.completeBytes || !data.includes('"complete"')) return undefined;
  try {
    const { type, id } = JSON.parse(data.toString()) as { type?: unknown; id?: unknown };
    return type === 'complete' && typeof id === 'string' ? id : undefined;
  } catch {
    return undefined; // graphql-ws closes the socket for it.
  }
}

/**
 * What an operation comes to that was ended before it was admitted: nothing. graphql-ws knows operations by their ids
 * alone, and the client may have given its id to another, which an answer would end. Made anew for each, so that it is
 * gone when nobody holds it.
 */
const never = (): Promise<never> => new Promise(() => undefined);

const runAdmitted = (args: ExecutionArgs): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> =>
  (args.rootValue as AdmittedOperation).run();

function endAll(running: Map<string, Running>): void {
  for (const id of [...running.keys()]) end(running, id);
}

function end(running: Map<string, Running>, id: string): void {
  const cancel = running.get(id)?.cancel;
  running.delete(id);
  cancel?.abort(new DOMException('The client ended the operation.', 'AbortError'));
}

function giveUp(socket: WebSocket): void {
  if (socket.readyState !== socket.OPEN) return;
  socket.close(RESUME.code, RESUME.reason);
  endAll(attachments.get(socket)!.running);
  // The close frame waits behind everything else; a client that reads nothing will not see it.
  setTimeout(() => socket.terminate(), SUBSCRIBE.giveUpMs).unref();
}

/**
 * Makes of each message what graphql-ws can read: variables with long numbers are read beside it, since it asks for an
 * operation while it reads one; and a hash or an id without a text, for which it would close the socket, is given an empty text.
 */
function keepMessages(socket: WebSocket): void {
  const emit = socket.emit.bind(socket) as (event: string, ...parts: unknown[]) => boolean;
  socket.emit = ((event: string, ...parts: unknown[]): boolean => {
    if (event !== 'message') return emit(event, ...parts);
    const attachment = attachments.get(socket)!;
    const text = String(parts[0]);
    attachment.exactVariables = exactVariables(text);
    const withQuery = /"(?:persistedQuery|documentId|doc_id)"/.test(text) ? withEmptyQuery(text) : undefined;
    try {
      return withQuery === undefined ? emit(event, ...parts) : emit(event, withQuery, ...parts.slice(1));
    } finally {
      attachment.exactVariables = undefined;
    }
  }) as typeof socket.emit;
}

/** @returns undefined for a message that is as graphql-ws expects it, or not JSON at all */
function withEmptyQuery(message: string): Buffer | undefined {
  try {
    const { payload, ...rest } = JSON.parse(message) as { payload?: { query?: unknown; extensions?: unknown } };
    if (typeof payload !== 'object' || payload === null || (payload.query ?? undefined) !== undefined) return undefined;
    return Buffer.from(JSON.stringify({ ...rest, payload: { ...payload, query: '' } }));
  } catch {
    return undefined; // graphql-ws closes the socket for it.
  }
}

function exactVariables(message: string): unknown {
  if (!mayBeExact(message)) return undefined;
  try {
    return (parseExactJson(message) as { payload?: { variables?: unknown } } | null)?.payload?.variables;
  } catch {
    return undefined; // graphql-ws closes the socket for it.
  }
}

function refuse(socket: Duplex, error: CodedError): void {
  const body = JSON.stringify({ errors: [{ message: error.message, extensions: error.extensions }] });
  const { status } = meaningOf(error.code);
  const headers = Object.entries(headersOf(error.extensions)).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers.join('')}connection: close\r\n\r\n${body}`,
  );
}
