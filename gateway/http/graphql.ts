/**
 * GraphQL over HTTP (the GraphQL-over-HTTP specification, and GraphQL over server-sent events in distinct connections
 * mode). Yoga negotiates content and writes answers, streams included; reading requests strictly and running operations
 * are ours, and so is the answer to a plain POST, which needs no more.
 */
import { setMaxListeners } from 'node:events';
import { createYoga, type GraphQLParams, type Plugin, type YogaLogger } from 'graphql-yoga';
import { GraphQLError, type ExecutionResult, type OperationTypeNode } from 'graphql';
import type { Principal } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { OperationRefused } from '#gateway/admission/documents.ts';
import { isStream, type Operations } from '#gateway/admission/operations.ts';
import { onExpiry } from '#gateway/auth/expiry.ts';
import { meaningOf } from '#gateway/errors.ts';
import { sendEventStream } from '#gateway/subscribe/event-stream.ts';
import { multipartSubscriptions } from '#gateway/subscribe/multipart.ts';
import { logFailure } from '#gateway/telemetry/failures.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { decodeUtf8, parseJson, readBody, type BodyLimits } from './body.ts';
import type { Exchange, Handler } from './exchange.ts';
import type { JsonLimits } from './json-bounds.ts';
import { ResponseHeaders } from './response-headers.ts';
import { plainMediaType, sendResult, statusOf as statusOfResult } from './plain-answer.ts';

export interface GraphqlOptions {
  operations: Operations;
  /** @throws CodedError `UNAUTHENTICATED` */
  authenticate(authorization: string | undefined): Promise<Principal>;
  body: BodyLimits;
  log: Logger;
  /** Whether headers of subgraphs' answers are passed back. @default false */
  passHeadersBack?: boolean;
  /** Aborted when the server stops: streams are cut, so that their clients resume elsewhere. */
  stopping: AbortSignal;
}

interface ServerContext {
  exchange: Exchange;
  principal: Principal;
  /** What was admitted. */
  type?: `${OperationTypeNode}`;
}

export const GRAPHQL_PATH = '/graphql';

/** Answers `GET` and `POST` at `/graphql`. */
export function graphqlOverHttp(options: GraphqlOptions): Handler {
  setMaxListeners(0, options.stopping); // Every stream that is open listens.
  const yoga = createYoga<ServerContext>({
    graphqlEndpoint: GRAPHQL_PATH,
    plugins: [
      strictRequests(options),
      throughOperations(options),
      multipartSubscriptions<ServerContext>(({ type }) => type === 'subscription'),
    ],
    // Each of these is done elsewhere: see server.ts.
    cors: false,
    graphiql: false,
    landingPage: false,
    multipart: false,
    parserAndValidationCache: false,
    maskedErrors: false,
    maxRequestBodySize: false,
    healthCheckEndpoint: '/.yoga-health',
    logging: quiet(options.log),
  });
  return async (exchange) => {
    const { path, request, response } = exchange;
    if (path !== GRAPHQL_PATH) return false;
    if (request.method !== 'GET' && request.method !== 'POST') {
      response.writeHead(405, { allow: 'GET, POST, OPTIONS' }).end();
      request.resume();
      return true;
    }
    const principal = (exchange.principal = await options.authenticate(request.headers.authorization));
    response.setHeader('cache-control', 'no-store');
    if (request.headers.accept === 'text/event-stream') {
      const result = await textResult(options, exchange, principal);
      await sendEventStream(response, result, isStream(result) ? 200 : statusOfResult(result));
      return true;
    }
    const mediaType = plainMediaType(request);
    if (mediaType === undefined) await yoga(request, response, { exchange, principal });
    // Such a request accepts no stream, so that none is given.
    else sendResult(exchange, (await textResult(options, exchange, principal)) as ExecutionResult, mediaType);
    return true;
  };
}

/** Reads requests; whatever Yoga would accept besides is refused. */
function strictRequests({ body }: GraphqlOptions): Plugin<object, ServerContext> {
  return {
    onRequestParse({ serverContext, setRequestParser }) {
      const { request } = serverContext!.exchange;
      setRequestParser(async () => {
        try {
          return (
            request.method === 'GET' ? queryParameters(request.url!, body) : await bodyParameters(request, body)
          ) as GraphQLParams;
        } catch (error) {
          throw toGraphQLError(error);
        }
      });
    },
  };
}

function queryParameters(url: string, limits: JsonLimits): Record<string, unknown> {
  const parameters = new URL(url, 'http://localhost').searchParams;
  // URLSearchParams puts U+FFFD in the place of bytes that are not UTF-8.
  if (/%(?![0-9a-f]{2})/i.test(url)) throw badUserInput('The query string is not well encoded.');
  try {
    decodeURIComponent(url.replaceAll('+', '%20'));
  } catch (cause) {
    throw badUserInput('The query string is not valid UTF-8.', { cause });
  }
  const json = (name: string): unknown => {
    const text = parameters.get(name);
    return text === null || text === '' ? undefined : parseJson(text, limits, `\`${name}\``);
  };
  return {
    query: parameters.get('query') ?? undefined,
    operationName: parameters.get('operationName') ?? undefined,
    variables: json('variables'),
    extensions: json('extensions'),
  };
}

async function bodyParameters(request: Exchange['request'], limits: BodyLimits): Promise<unknown> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
  if (type !== 'application/json' && type !== 'application/graphql+json' && type !== 'application/graphql') {
    // A form or a text is what a page of any origin may send without asking (no CORS preflight).
    request.resume();
    throw new CodedError(
      'BAD_USER_INPUT',
      `The content type ${type === '' ? '(none)' : JSON.stringify(type.slice(0, 100))} is not accepted.`,
      {
        hint: 'Send `content-type: application/json`.',
        extensions: { http: { status: 415 } },
      },
    );
  }
  const text = decodeUtf8(await readBody(request, limits));
  const body = type === 'application/graphql' ? { query: text } : parseJson(text, limits);
  if (Array.isArray(body)) throw badUserInput('Batches are not accepted; send one operation a request.');
  return body;
}

/** The answer to a request that Yoga need not see: a plain one, or one that takes server-sent events and nothing else. */
async function textResult(
  options: GraphqlOptions,
  exchange: Exchange,
  principal: Principal,
): Promise<ExecutionResult | AsyncIterable<ExecutionResult>> {
  const { request } = exchange;
  let parameters: unknown;
  try {
    parameters =
      request.method === 'GET'
        ? queryParameters(request.url!, options.body)
        : await bodyParameters(request, options.body);
  } catch (error) {
    return { errors: [toGraphQLError(error)] };
  }
  return await run(parameters, options, { exchange, principal }, true);
}

/** Runs what was read, in the place of Yoga's own parse, validate and execute. */
function throughOperations(options: GraphqlOptions): Plugin<object, ServerContext> {
  return {
    // The first parameters hook: Yoga's own checks after it have nothing left to find.
    onParams({ params, context, setResult, setParams }) {
      setParams({ query: '{ __typename }' });
      return run(params, options, context as unknown as ServerContext, false).then((result) =>
        setResult(written(result)),
      );
    },
  };
}

/** The result, and each part of one in parts, with the way in which Yoga writes it: numbers as they came. */
function written(
  result: ExecutionResult | AsyncIterable<ExecutionResult>,
): ExecutionResult | AsyncIterable<ExecutionResult> {
  const withWriter = (each: ExecutionResult): ExecutionResult => Object.assign({ ...each }, { stringify: writeJson });
  if (!isStream(result)) return withWriter(result);
  const source = result[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const next = await source.next();
        return next.done === true ? next : { done: false, value: withWriter(next.value) };
      },
      return: async () => (await source.return?.()) ?? { done: true, value: undefined },
    }),
  };
}

/** @param asText whether a whole answer is sent as text, and not by Yoga */
async function run(
  parameters: unknown,
  { operations, log, stopping, passHeadersBack = false }: GraphqlOptions,
  serverContext: ServerContext,
  asText: boolean,
): Promise<ExecutionResult | AsyncIterable<ExecutionResult>> {
  const { exchange, principal } = serverContext;
  const { request } = exchange;
  const accept = request.headers.accept ?? '*/*';
  const takesStreams = /text\/event-stream|multipart\/mixed/.test(accept);
  const responseHeaders = passHeadersBack ? new ResponseHeaders() : undefined;
  try {
    const operation = operations.admit(parameters, {
      principal,
      responseHeaders,
      requestId: exchange.requestId,
      signal: exchange.signal,
      headers: request.headers,
      incremental: takesStreams,
      asText,
      ...(request.method === 'GET' ? { allow: ['query', 'subscription'], allowHint: 'Send it with POST.' } : {}),
    });
    serverContext.type = operation.type;
    if (operation.type === 'subscription' && !takesStreams) {
      operation.discard();
      throw badUserInput('A subscription answers with a stream.', {
        hint: 'Send `accept: text/event-stream`, or use graphql-ws on the same path.',
        extensions: { http: { status: 406 } },
      });
    }
    const result = await operation.run();
    responseHeaders?.apply(exchange.response, !isStream(result) && result.errors === undefined);
    // An event stream carries errors as events: its client could not read another status' body.
    if (!isStream(result)) return withStatus(result, accept.includes('text/event-stream') ? 200 : undefined);
    endWith(stopping, principal, exchange.response);
    return result;
  } catch (error) {
    if (!(error instanceof OperationRefused) && !(error instanceof CodedError))
      logFailure(log, 'A request failed.', error, exchange);
    return withStatus({
      errors: (error instanceof OperationRefused ? error.errors : [toGraphQLError(error)]).map((refused) =>
        statusOf(refused),
      ),
    });
  }
}

/**
 * A whole answer that is only errors takes the status of the first (unless told which): there is no data to deliver
 * with a 200.
 */
function withStatus(result: ExecutionResult, status?: number): ExecutionResult {
  if (result.data !== undefined || result.errors === undefined) return result;
  return {
    ...result,
    errors: result.errors.map((error) => (error instanceof GraphQLError ? statusOf(error, status) : error)),
  };
}

function statusOf(error: GraphQLError, status = meaningOf(error.extensions['code']).status): GraphQLError {
  if (error.extensions.http !== undefined) return error;
  return new GraphQLError(error.message, {
    nodes: error.nodes,
    source: error.source,
    positions: error.positions,
    path: error.path,
    extensions: { ...error.extensions, http: { status } },
  });
}

/** A stream that is cut, and not completed, tells its client to come back. */
function endWith(stopping: AbortSignal, principal: Principal, response: Exchange['response']): void {
  const cut = (): void => void response.destroy();
  const forget = onExpiry(principal, cut);
  stopping.addEventListener('abort', cut, { once: true });
  response.once('close', () => {
    forget();
    stopping.removeEventListener('abort', cut);
  });
  if (stopping.aborted) cut();
}

function toGraphQLError(error: unknown): GraphQLError {
  if (error instanceof GraphQLError) return statusOf(error);
  const coded =
    error instanceof CodedError
      ? error
      : new CodedError('INTERNAL_SERVER_ERROR', 'Something went wrong in the gateway.', { cause: error });
  return statusOf(new GraphQLError(coded.message, { extensions: coded.extensions }));
}

/** What Yoga has to say is either about its own inner steps or already answered. */
function quiet(log: Logger): YogaLogger {
  const write =
    (level: 'debug' | 'warn' | 'error') =>
    (...parts: unknown[]) => {
      const [error] = parts.filter((part) => part instanceof Error);
      log[level](
        { ...(error === undefined ? {} : { err: error }), source: 'yoga' },
        parts.filter((part) => typeof part === 'string').join(' '),
      );
    };
  return { debug: () => undefined, info: () => undefined, warn: write('warn'), error: write('error') };
}
