/**
 * The requests behind an event stream that carries several operations (single connection mode of GraphQL over server-sent
 * events, https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md#single-connection-mode): `PUT` reserves one,
 * `GET` opens it, operations are accepted with 202 and answered on it, `DELETE` ends one of them.
 */
import type { IncomingMessage } from 'node:http';
import type { Operations } from '#gateway/admission/operations.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { logFailure } from '#gateway/telemetry/log-failure.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import type { EventStream, EventStreams } from '#gateway/subscribe/event-streams.ts';
import { jsonTypeOf, type AnswerForm } from './answer-forms.ts';
import type { BodyLimits } from './body.ts';
import type { Exchange } from './exchange.ts';
import { allowedBy } from './methods.ts';
import { requestParameters } from './parameters.ts';
import { sendResult } from './plain-answer.ts';
import { refusedOrFailed } from './refused-result.ts';
import { endWith } from './stream-end.ts';
import { isMultipart } from './uploads.ts';

/** What a request means to streams that carry several operations. */
export type StreamUse =
  /** Nothing: it is of no such stream. */
  | undefined
  /** It was about a stream itself, and has been answered. */
  | 'answered'
  /** It has an operation for this one. */
  | EventStream;

/**
 * Finds out which stream a request is of. Those about a stream itself are answered at once; like the opening of a WebSocket
 * they count for their address alone, and operations for their callers.
 * @throws CodedError `NOT_FOUND`, `CONFLICT`, `RATE_LIMITED` or `BAD_USER_INPUT`
 */
export function useOfStream(
  streams: EventStreams,
  { request, response }: Exchange,
  principal: Principal,
  forms: readonly AnswerForm[],
  stopping: AbortSignal,
): StreamUse {
  const { method } = request;
  if (method === 'HEAD') return undefined;
  if (method === 'PUT') {
    request.resume();
    const token = streams.reserve(principal);
    response.writeHead(201, { 'content-type': 'text/plain; charset=utf-8' }).end(token);
    return 'answered';
  }
  const token = tokenOf(request);
  if (token === undefined) {
    if (method !== 'DELETE') return undefined;
    throw badUserInput('A `DELETE` ends an operation on an event stream; this one names no stream.', {
      hint: 'Send the token of the stream as `X-GraphQL-Event-Stream-Token`, or as `token` in the query string.',
    });
  }
  const stream = streams.of(token, principal);
  if (method === 'DELETE') {
    request.resume();
    stream.end(parameterOf(request, 'operationId'));
    response.writeHead(200, { 'content-length': 0 }).end();
    return 'answered';
  }
  if (method !== 'GET' || forms[0]?.kind !== 'events') return stream;
  stream.open(response);
  endWith(stopping, principal, response);
  return 'answered';
}

/** @returns undefined where the request is of no stream */
function tokenOf(request: IncomingMessage): string | undefined {
  const header = request.headers['x-graphql-event-stream-token'];
  return typeof header === 'string' ? header : parameterOf(request, 'token');
}

function parameterOf({ url }: IncomingMessage, name: string): string | undefined {
  // Most requests have no query string, or none with this.
  if (url?.includes(`${name}=`) !== true) return undefined;
  return new URL(url, 'http://localhost').searchParams.get(name) ?? undefined;
}

/** Runs an operation whose results go to the stream: once it is admitted, the request itself is answered with 202. */
export async function runOnStream(
  stream: EventStream,
  { operations, body, log }: { operations: Operations; body: BodyLimits; log: Logger },
  exchange: Exchange,
  principal: Principal,
  forms: readonly AnswerForm[],
): Promise<void> {
  const { request, response, requestId, address } = exchange;
  try {
    const parameters = await readParameters(exchange, body);
    const place = stream.begin(parameters?.extensions?.operationId, principal);
    try {
      const operation = await operations.admit(parameters, {
        principal,
        address,
        requestId,
        signal: place.signal,
        headers: request.headers,
        incremental: true,
        asText: true,
        ...allowedBy(request.method),
      });
      // Not waited for: it may be a stream without an end.
      place.deliver(operation).catch((error: unknown) => {
        logFailure(log, 'An operation on an event stream failed.', error, exchange);
        stream.cut();
      });
    } catch (error) {
      place.leave();
      throw error;
    }
    response.writeHead(202, { 'content-length': 0 }).end();
  } catch (error) {
    const result = refusedOrFailed(error, log, 'A request failed.', exchange);
    await sendResult(exchange, result, jsonTypeOf(forms));
  }
}

/** What an operation says of its id, of which nothing is known yet. */
type MaybeIdentified = { readonly extensions?: { readonly operationId?: unknown } | null } | null;

async function readParameters({ request }: Exchange, limits: BodyLimits): Promise<MaybeIdentified> {
  if (isMultipart(request)) {
    request.resume();
    throw badUserInput('Files cannot be sent for an event stream that carries several operations.', {
      hint: 'Send the mutation by itself, without the token of the stream.',
    });
  }
  const parameters = await requestParameters(request, limits);
  if (Array.isArray(parameters)) throw badUserInput('A batch cannot be answered on an event stream.');
  return parameters as MaybeIdentified;
}
