/**
 * GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/), answered in the form that the client prefers:
 * JSON, server-sent events (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md; here in distinct connections
 * mode, for several operations on one stream see `single-connection.ts`), or a multipart body.
 */
import { setMaxListeners } from 'node:events';
import type { ExecutionResult, OperationTypeNode } from 'graphql';
import type { BudgetLimits } from '#subgraphs/shared/budget.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { OperationRefused } from '#gateway/admission/documents.ts';
import { isStream, sharedAmong, type Caller, type Operations } from '#gateway/admission/operations.ts';
import type { Authenticator } from '#gateway/auth/authenticator.ts';
import { withoutSpending } from '#gateway/auth/role-scopes.ts';
import { HTTP } from '#gateway/bounds/http.ts';
import { SUBSCRIBE } from '#gateway/bounds/subscribe.ts';
import type { RequestLimits } from '#gateway/limits/request-limits.ts';
import { sendEventStream } from '#gateway/subscribe/event-stream.ts';
import { EventStreams, type EventStreamBounds } from '#gateway/subscribe/event-streams.ts';
import { sendMultipart } from '#gateway/subscribe/multipart.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { acceptedForms, formFor, jsonTypeOf, type AnswerForm } from './answer-forms.ts';
import type { BodyLimits } from './body.ts';
import type { Compression } from './compression.ts';
import type { Exchange, Handler } from './exchange.ts';
import { allowedBy } from './methods.ts';
import { requestParameters } from './parameters.ts';
import { sendResult, sendResults } from './plain-answer.ts';
import { refused, refusedOrFailed, withStatus } from './refused-result.ts';
import { ResponseHeaders } from './response-headers.ts';
import { runOnStream, useOfStream } from './single-connection.ts';
import { endWith } from './stream-end.ts';
import { isMultipart, readWithFiles, type UploadLimits } from './uploads.ts';

export interface GraphqlOptions {
  operations: Operations;
  /** @throws CodedError `UNAUTHENTICATED` */
  authenticate: Authenticator['authenticate'];
  body: BodyLimits;
  /** Of callers and their tenants. @default none */
  limits?: Pick<RequestLimits, 'operation' | 'further'> | undefined;
  log: Logger;
  /** What one answer may come to: what the operations of a batch share. */
  budget?: BudgetLimits;
  /** The most operations of one request. Default: `HTTP.batchOperations`. */
  batchOperations?: number;
  /** Files of requests. @default none are taken */
  uploads?: UploadLimits;
  /** Of answers. @default none */
  compression?: Compression;
  /** Whether headers of subgraphs' answers are passed back. @default false */
  passHeadersBack?: boolean;
  /** Of event streams that carry several operations. @default those of `SUBSCRIBE` */
  eventStreams?: EventStreamBounds;
  /** Aborted when the server stops: streams are cut, so that their clients resume elsewhere. */
  stopping: AbortSignal;
}

export const GRAPHQL_PATH = '/graphql';

const KNOWN: readonly (string | undefined)[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'];
const METHODS = [...KNOWN, 'OPTIONS'].join(', ');

/** What became of a request. */
interface Answer {
  readonly result: ExecutionResult | AsyncIterable<ExecutionResult>;
  /** What was admitted; undefined where nothing was. */
  readonly type?: `${OperationTypeNode}`;
  /**
   * Whether it says what is wrong with the operation, or came of it, so that a client of streams finds it in one; what is
   * wrong with the request has a status of its own.
   */
  readonly ofOperation: boolean;
}

/** Answers whatever is sent to `/graphql`. */
export function graphqlOverHttp(options: GraphqlOptions): Handler {
  setMaxListeners(0, options.stopping); // Every stream that is open listens.
  const streams = new EventStreams(options.eventStreams ?? SUBSCRIBE);
  return async (exchange) => {
    const { path, request, response } = exchange;
    if (path !== GRAPHQL_PATH) return false;
    if (!KNOWN.includes(request.method)) {
      response.writeHead(405, { allow: METHODS }).end();
      request.resume();
      return true;
    }
    const caller = await options.authenticate(request.headers.authorization, request);
    const principal = (exchange.principal = request.method === 'POST' ? caller : withoutSpending(caller));
    response.setHeader('cache-control', 'no-store');
    const forms = acceptedForms(request.headers.accept);
    const stream = useOfStream(streams, exchange, principal, forms, options.stopping);
    if (stream === 'answered') return true;
    // Before anything of it is read: who is refused costs little.
    await options.limits?.operation({ principal, address: exchange.address }, exchange.tellQuotas);
    if (stream !== undefined) {
      await runOnStream(stream, options, exchange, principal, forms);
      return true;
    }
    const answer = await answerTo(options, exchange, principal, forms);
    if ('results' in answer) await sendResults(exchange, answer.results, answer.form.type, options.compression);
    else await send(options, exchange, answer, forms);
    return true;
  };
}

async function answerTo(
  options: GraphqlOptions,
  exchange: Exchange,
  principal: Principal,
  forms: readonly AnswerForm[],
): Promise<Answer | BatchAnswer> {
  if (forms.length === 0) {
    exchange.request.resume();
    return { result: refused(notAcceptable('Nothing that `accept` names is given here.')), ofOperation: false };
  }
  if (isMultipart(exchange.request)) return await runWithFiles(options, exchange, principal, forms);
  let parameters: unknown;
  try {
    parameters = await requestParameters(exchange.request, options.body);
  } catch (error) {
    return { result: refused(error), ofOperation: false };
  }
  return Array.isArray(parameters)
    ? await runBatch(parameters, options, exchange, principal, forms)
    : await run(parameters, options, exchange, principal, forms);
}

const NO_FILES: UploadLimits = { files: 0, bytes: 0 };

/** Runs a mutation whose files come while it runs. */
async function runWithFiles(
  options: GraphqlOptions,
  exchange: Exchange,
  principal: Principal,
  forms: readonly AnswerForm[],
): Promise<Answer> {
  try {
    const { parameters, end } = await readWithFiles(exchange.request, options.uploads ?? NO_FILES, options.body);
    try {
      return await run(parameters, options, exchange, principal, forms, {
        allow: ['mutation'],
        notAllowed: () => badUserInput('Files can only be sent with a mutation.'),
      });
    } finally {
      end();
    }
  } catch (error) {
    return { result: refused(error), ofOperation: false };
  }
}

/** What became of the operations of one request, each with its own answer. */
interface BatchAnswer {
  readonly results: readonly ExecutionResult[];
  readonly form: Extract<AnswerForm, { kind: 'json' }>;
}

/**
 * Runs the operations of a batch side by side. They share what one operation may cost and answer, and each is admitted for
 * itself: what is wrong with one is nothing to the others.
 */
async function runBatch(
  batch: readonly unknown[],
  options: GraphqlOptions,
  exchange: Exchange,
  principal: Principal,
  forms: readonly AnswerForm[],
): Promise<Answer | BatchAnswer> {
  const { operations, budget, batchOperations = HTTP.batchOperations, passHeadersBack = false, log } = options;
  const refuse = (error: CodedError): Answer => ({ result: refused(error), ofOperation: false });
  if (batchOperations === 0)
    return refuse(
      badUserInput('Batches are not accepted; send one operation a request.', {
        hint: 'MAX_BATCH_OPERATIONS allows them.',
      }),
    );
  if (batch.length === 0) return refuse(badUserInput('The batch is empty.'));
  if (batch.length > batchOperations)
    return refuse(
      badUserInput(`A batch may have at most ${batchOperations} operations; this one has ${batch.length}.`, {
        hint: 'Send fewer; whoever runs the server may raise MAX_BATCH_OPERATIONS.',
      }),
    );
  const form = forms.find((each) => each.kind === 'json');
  if (form === undefined) return refuse(notAcceptable('A batch is answered with JSON.'));
  try {
    await options.limits?.further({ principal, address: exchange.address }, batch.length - 1, exchange.tellQuotas);
  } catch (error) {
    return { result: refused(error), ofOperation: false };
  }
  const share = budget === undefined ? { costShare: 1 / batch.length } : sharedAmong(batch.length, budget);
  const responseHeaders = passHeadersBack ? new ResponseHeaders() : undefined;
  const one = async (parameters: unknown, index: number): Promise<ExecutionResult> => {
    try {
      const operation = await operations.admit(parameters, {
        principal,
        address: exchange.address,
        span: exchange.span,
        tellQuotas: exchange.tellQuotas,
        responseHeaders,
        requestId: `${exchange.requestId}:${index + 1}`,
        signal: exchange.signal,
        headers: exchange.request.headers,
        asText: true,
        allow: ['query', 'mutation'],
        notAllowed: () => badUserInput('A subscription cannot be part of a batch.'),
        ...share,
      });
      return (await operation.run()) as ExecutionResult; // Without parts, since it takes none.
    } catch (error) {
      return refusedOrFailed(error, log, 'An operation of a batch failed.', exchange);
    }
  };
  const results = await Promise.all(batch.map(one));
  responseHeaders?.apply(
    exchange.response,
    results.every(({ errors }) => errors === undefined),
  );
  return { results, form };
}

const notAcceptable = (message: string): CodedError =>
  badUserInput(message, {
    hint: 'Send `accept: application/json`, or for subscriptions `text/event-stream`.',
    extensions: { http: { status: 406 } },
  });

/** Sends it in the form that the client prefers among those that can carry it. */
async function send(
  { compression }: GraphqlOptions,
  exchange: Exchange,
  { result, type, ofOperation }: Answer,
  forms: readonly AnswerForm[],
): Promise<void> {
  const { request, response } = exchange;
  if (!isStream(result)) {
    const form = ofOperation ? formFor('single', forms) : undefined;
    if (form === undefined || form.kind === 'json') {
      await sendResult(exchange, result, form?.type ?? jsonTypeOf(forms), compression);
    } else if (form.kind === 'events') await sendEventStream(response, result);
    else await sendMultipart(response, form.format, result);
    return;
  }
  // There is one, or the operation would have been refused, or run without parts.
  const form = formFor(type === 'subscription' ? 'events' : 'parts', forms)!;
  if (form.kind !== 'multipart') return await sendEventStream(response, result);
  const encoding = type === 'subscription' ? undefined : compression?.choose(request.headers['accept-encoding']);
  const encoder = encoding === undefined ? undefined : compression!.streamEncoder(response, encoding);
  await sendMultipart(response, form.format, result, encoder);
}

async function run(
  parameters: unknown,
  { operations, log, stopping, passHeadersBack = false }: GraphqlOptions,
  exchange: Exchange,
  principal: Principal,
  forms: readonly AnswerForm[],
  restriction?: Pick<Caller, 'allow' | 'notAllowed'>,
): Promise<Answer> {
  const { request } = exchange;
  const responseHeaders = passHeadersBack ? new ResponseHeaders() : undefined;
  let type: Answer['type'];
  try {
    const operation = await operations.admit(parameters, {
      principal,
      address: exchange.address,
      span: exchange.span,
      tellQuotas: exchange.tellQuotas,
      responseHeaders,
      requestId: exchange.requestId,
      signal: exchange.signal,
      headers: request.headers,
      incremental: formFor('parts', forms) !== undefined,
      // Whole answers are written as text by whatever sends them.
      asText: true,
      ...(allowedBy(request.method) ?? restriction),
    });
    type = operation.type;
    if (type === 'subscription' && formFor('events', forms) === undefined) {
      operation.discard();
      throw badUserInput('A subscription answers with a stream.', {
        hint: 'Send `accept: text/event-stream`, or use graphql-ws on the same path.',
        extensions: { http: { status: 406 } },
      });
    }
    const result = await operation.run();
    responseHeaders?.apply(exchange.response, !isStream(result) && result.errors === undefined);
    if (!isStream(result)) return { result: withStatus(result), type, ofOperation: !isRefusedByLimit(result) };
    endWith(stopping, principal, exchange.response);
    return { result, type, ofOperation: true };
  } catch (error) {
    const result = refusedOrFailed(error, log, 'A request failed.', exchange);
    return { result, type, ofOperation: !asksOtherwise(error) };
  }
}

/** Whether it refuses how the operation was sent, and not the operation. */
function asksOtherwise(error: unknown): boolean {
  const told = error instanceof OperationRefused ? error.errors[0] : error instanceof CodedError ? error : undefined;
  return told?.extensions['http'] !== undefined;
}

/** Whether nothing of it was done because there was too much: clients and proxies go by the status of that. */
const isRefusedByLimit = ({ data, errors }: ExecutionResult): boolean =>
  data === undefined && errors?.[0]?.extensions['code'] === 'RATE_LIMITED';
