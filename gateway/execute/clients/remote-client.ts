/** A subgraph over HTTP, any vendor's. What it answers is not trusted to be GraphQL, JSON, small or soon. */
import {
  BrokenCircuitError,
  bulkhead,
  BulkheadRejectedError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleWhen,
  retry,
  wrap,
} from 'cockatiel';
import { print, type DocumentNode, type ExecutionResult } from 'graphql';
import { Pool } from 'undici';
import type { HeaderMerge, Principal, RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { REMOTE } from '#gateway/bounds/remote.ts';
import { ADMISSION } from '#gateway/bounds/admission.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { uploadsIn } from '#subgraphs/shared/upload.ts';
import { readResult } from './graphql-response.ts';
import { InFlight } from './in-flight.ts';
import { ACCEPTED_ENCODINGS, exchange, type AnswerHeaders, type RemoteAnswer } from './remote-exchange.ts';
import type { SubscriptionProtocol } from './remote-subscription.ts';
import { remoteSubscriptions } from './subscription-protocols.ts';
import { isRepeatable } from './repeatable.ts';
import { resubscribing } from './resubscription.ts';
import { uploadBody } from './remote-upload.ts';
import { SharedSubscriptions, type SubscriptionSharing } from './shared-subscription.ts';
import { tlsConnector, type SubgraphTls } from '#gateway/config/tls-connector.ts';
import type { SubgraphClient, SubgraphRequest } from './subgraph-client.ts';
import { SubgraphFailure } from './subgraph-failure.ts';

/** Bounds are said in `REMOTE` (gateway/bounds/remote.ts), with their defaults; `timeoutMs` is that of a request. */
export interface RemoteClientOptions extends Partial<BoundValues<typeof REMOTE>>, SubgraphTls {
  /** The subgraph's GraphQL endpoint, `http(s)://…`. */
  url: string;
  /**
   * Headers that the client's request gave and that go to the subgraph, in lower case. They are part of what makes two
   * fetches equal. @default none
   */
  forwarded?: (context: RequestContext) => Record<string, string>;
  /**
   * Further headers of each request: identity as the principal has it, tracing. They win over those forwarded, and are
   * no part of what makes two fetches equal. @default none
   */
  headers?: (context: RequestContext) => Record<string, string> | Promise<Record<string, string>>;
  /** Whether equal queries of equal callers that are under way at the same time are sent once. @default false */
  deduplicate?: boolean;
  /**
   * Names who asks, as far as the subgraph is told by `headers`; together with `forwarded` it decides who may share a
   * connection and a subscription. @default tenant, subject, roles and scopes
   */
  identity?: (principal: Principal) => string;
  /** How subscriptions are made. @default auto, at `url` */
  subscriptions?: { readonly protocol: SubscriptionProtocol; readonly url?: string };
  /** Who may join a subscription that is open. @default off */
  shareSubscriptions?: SubscriptionSharing;
  /** Parameters of `connection_init`, beneath the headers, asked for with each connection. @default none */
  connectionParameters?: () => Readonly<Record<string, unknown>> | undefined;
  /** Which headers of answers are told to {@link RequestContext.responseHeaders}, and how. @default none */
  responseHeaders?: Readonly<Record<string, HeaderMerge>>;
  /** See {@link Answering.redactErrors}. @default false */
  redactErrors?: boolean;
  /** How often in a row lost streams are asked for again. @default 0: a lost stream ends */
  resubscribeAttempts?: number;
}

/** What was received, with its text where others may need it. */
interface Answer extends RemoteAnswer {
  readonly result: ExecutionResult;
}

/** What is counted where somebody wants to know. */
interface Count {
  attempts: number;
  receivedBytes: number;
}

/** Makes a client of a subgraph elsewhere. Connections are opened when first needed. */
export function remoteClient(name: string, options: RemoteClientOptions): SubgraphClient {
  const {
    timeoutMs = ADMISSION.timeoutMs,
    maxResponseBytes = REMOTE.maxResponseBytes,
    concurrency = REMOTE.concurrency,
    forwarded,
    headers,
  } = options;
  const url = new URL(options.url);
  const path = `${url.pathname}${url.search}`;
  const {
    streamBufferBytes: bufferBytes = REMOTE.streamBufferBytes,
    operationsPerSocket = REMOTE.operationsPerSocket,
    pingMs = REMOTE.pingMs,
  } = options;
  const { redactErrors = false, tls, onTlsFault } = options;
  const connect = tlsConnector({ tls, onTlsFault });
  const bounds = {
    name,
    tls,
    onTlsFault,
    redactErrors,
    timeoutMs,
    maxResponseBytes,
    bufferBytes,
    operationsPerSocket,
    pingMs,
  };
  // The exchange has a time-out of its own, which covers undici's.
  const pool = new Pool(url.origin, {
    connect,
    connections: concurrency,
    keepAliveTimeout: options.keepAliveMs ?? REMOTE.keepAliveMs,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const subscriptions = remoteSubscriptions(
    bounds,
    options.subscriptions?.protocol ?? 'auto',
    new URL(options.subscriptions?.url ?? options.url),
    options.connectionParameters,
  );
  const { shareSubscriptions: sharing = 'off', identity = callerKey } = options;
  const resubscribePace = {
    attempts: options.resubscribeAttempts ?? 0,
    delayMs: options.resubscribeDelayMs ?? REMOTE.resubscribeDelayMs,
    longestDelayMs: options.longestResubscribeDelayMs ?? REMOTE.longestResubscribeDelayMs,
  };
  const streams = new SharedSubscriptions({ name, redactErrors, sharing, bufferBytes });
  const passedBack = Object.entries(options.responseHeaders ?? {});
  const inFlight = options.deduplicate === true ? new InFlight<Answer>() : undefined;

  // A full bulkhead says nothing about the subgraph's health, so the breaker is outside; every attempt takes a place of
  // its own.
  const breaker = circuitBreaker(
    handleWhen((error) => error instanceof SubgraphFailure && error.unhealthy),
    {
      breaker: new ConsecutiveBreaker(options.breakAfter ?? REMOTE.breakAfter),
      halfOpenAfter: options.breakForMs ?? REMOTE.breakForMs,
    },
  );
  const guarded = wrap(breaker, bulkhead(concurrency, options.queue ?? REMOTE.queue));
  const retrying = wrap(
    retry(
      handleWhen((error) => error instanceof SubgraphFailure && error.transient),
      {
        maxAttempts: options.retries ?? REMOTE.retries,
        backoff: new ExponentialBackoff({
          initialDelay: options.retryDelayMs ?? REMOTE.retryDelayMs,
          maxDelay: options.longestRetryDelayMs ?? REMOTE.longestRetryDelayMs,
        }),
      },
    ),
    guarded,
  );

  async function headersOf(
    context: RequestContext,
    passed: Record<string, string> | undefined,
  ): Promise<Record<string, string>> {
    const own = headers?.(context);
    return { ...passed, ...(own instanceof Promise ? await own : own) };
  }

  async function attempt(
    { context, keeps, operationType, variables }: SubgraphRequest,
    body: string,
    passed: Record<string, string> | undefined,
    signal: AbortSignal | undefined,
    count: Count | undefined,
  ): Promise<Answer> {
    if (count !== undefined) count.attempts += 1;
    // Only mutations have files, so that all others need not be looked through.
    const files = operationType === 'mutation' ? uploadsIn(variables, 'variables') : undefined;
    const upload = files === undefined || files.size === 0 ? undefined : uploadBody(body, files);
    const exchanged = exchange(
      pool,
      {
        path,
        method: 'POST',
        headers: {
          'accept-encoding': ACCEPTED_ENCODINGS,
          ...(await headersOf(context, passed)),
          'content-type': 'application/json',
          ...upload?.headers,
          accept: 'application/graphql-response+json, application/json',
        },
        body: upload?.body ?? body,
      },
      bounds,
      signal,
    );
    const {
      status,
      text,
      bytes,
      headers: answered,
    } = await (upload === undefined
      ? exchanged
      : exchanged.catch((error: unknown) => {
          const failure = upload.failure();
          // What the client sent says nothing of the subgraph's health.
          throw failure instanceof CodedError ? failure : error;
        }));
    if (count !== undefined) count.receivedBytes += bytes;
    return { result: readResult(bounds, status, text, answered, keeps), status, text, bytes, headers: answered };
  }

  async function send(
    request: SubgraphRequest,
    body: string,
    passed: Record<string, string> | undefined,
    signal: AbortSignal | undefined,
    count: Count | undefined,
  ): Promise<Answer> {
    try {
      return await (isRepeatable(request.document) ? retrying : guarded).execute(() =>
        attempt(request, body, passed, signal, count),
      );
    } catch (error) {
      throw clear(error);
    }
  }

  function clear(error: unknown): unknown {
    if (error instanceof BrokenCircuitError) {
      return new CodedError(
        'SUBGRAPH_UNAVAILABLE',
        `The subgraph ${name} has been failing and is left alone for a moment.`,
        { cause: error, hint: 'Try again in some seconds.' },
      );
    }
    if (error instanceof BulkheadRejectedError) {
      return new CodedError(
        'SUBGRAPH_UNAVAILABLE',
        `The subgraph ${name} has as many requests under way and waiting as it may have.`,
        { cause: error, hint: 'Try again later.' },
      );
    }
    return error;
  }

  async function answerTo(request: SubgraphRequest, body: string, count: Count | undefined): Promise<ExecutionResult> {
    const signal = request.signal ?? request.context.signal;
    const passed = forwarded?.(request.context);
    if (inFlight === undefined || !isRepeatable(request.document)) {
      try {
        const { result, headers: answered } = await send(request, body, passed, signal, count);
        tell(request.context, answered, true);
        return result;
      } finally {
        // Whoever reads after a write must see it: what was asked before the write ended is joined by nobody any more.
        if (request.operationType === 'mutation') inFlight?.forget();
      }
    }
    const key = keyOf(request.context.principal, passed, body);
    const { answer, first } = await inFlight.join(key, signal, (ending) => send(request, body, passed, ending, count));
    tell(request.context, answer.headers, first);
    // The first one's becomes part of its data, and changes there.
    return first ? answer.result : readResult(bounds, answer.status, answer.text, answer.headers, request.keeps);
  }

  /** @param mine whether it was asked for this caller: nobody is given another's cookies */
  function tell({ responseHeaders }: RequestContext, answered: AnswerHeaders, mine: boolean): void {
    if (responseHeaders === undefined) return;
    for (const [header, merge] of passedBack) {
      const value = answered[header];
      if (value !== undefined && (mine || header !== 'set-cookie')) responseHeaders.add(header, merge, value);
    }
  }

  return {
    name,
    async execute(request) {
      const body = bodyOf(request);
      if (request.report === undefined) return await answerTo(request, body, undefined);
      const count: Count = { attempts: 0, receivedBytes: 0 };
      try {
        return await answerTo(request, body, count);
      } finally {
        request.report({ sentBytes: Buffer.byteLength(body), ...count, breaker: BREAKER_STATES[breaker.state] });
      }
    },
    subscribe(request) {
      const { context } = request;
      const body = bodyOf(request);
      const passed = forwarded?.(context);
      const subscription = {
        body,
        identity: `${identity(context.principal)}\n${passed === undefined ? '' : JSON.stringify(passed)}`,
        headers: () => headersOf(context, passed),
      };
      return streams.follow(`${subscription.identity}\n${body}`, request.signal ?? context.signal, (signal) =>
        resubscribing(name, resubscribePace, signal, (ending) =>
          subscriptions.open({ ...subscription, signal: ending }),
        ),
      );
    },
    breaker: () => BREAKER_STATES[breaker.state],
    async close() {
      await Promise.all([pool.close(), subscriptions.close()]);
    },
  };
}

const BREAKER_STATES = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Open]: 'open',
  [CircuitState.Isolated]: 'open',
} as const;

/** The part of the body that is the same for every request of a document. */
const heads = new WeakMap<DocumentNode, { readonly operationName: string | undefined; readonly text: string }>();

function bodyOf({ document, query, operationName, variables }: SubgraphRequest): string {
  let head = heads.get(document);
  if (head === undefined || head.operationName !== operationName) {
    const named = operationName === undefined ? '' : `,"operationName":${JSON.stringify(operationName)}`;
    head = { operationName, text: `{"query":${JSON.stringify(query ?? print(document))}${named},"variables":` };
    heads.set(document, head);
  }
  return `${head.text}${writeJson(variables)}}`;
}

const callers = new WeakMap<Principal, string>();

/** Two callers with the same may see the same: same tenant, subject, roles and scopes, and both known or neither. */
function callerKey(principal: Principal): string {
  let caller = callers.get(principal);
  if (caller === undefined) {
    const { tenantId, subject, roles, scopes, system, anonymous } = principal;
    caller = JSON.stringify([tenantId, subject, roles, scopes, system === true, anonymous === true]);
    callers.set(principal, caller);
  }
  return caller;
}

/** Equal only for equal questions of callers who may see the same, with the same headers passed on. */
const keyOf = (principal: Principal, passed: Record<string, string> | undefined, body: string): string =>
  `${callerKey(principal)}\n${passed === undefined ? '' : JSON.stringify(passed)}\n${body}`;
