/** Subscriptions to a subgraph elsewhere over server-sent events (graphql-sse, distinct connections mode). */
import { StringDecoder } from 'node:string_decoder';
import type { ExecutionResult } from 'graphql';
import { Pool, type Dispatcher } from 'undici';
import { parseExactJson } from '#subgraphs/shared/exact-number.ts';
import { onAbort } from './abort-hooks.ts';
import { EventQueue } from './event-queue.ts';
import { cancelled } from '../run/fetch-errors.ts';
import { readResult } from './graphql-response.ts';
import type { ExchangeBounds } from './remote-exchange.ts';
import {
  remoteEvent,
  sizeOfEvent,
  type RemoteEvent,
  type RemoteEvents,
  type RemoteSubscription,
  type RemoteSubscriptions,
  type StreamBounds,
} from './remote-subscription.ts';
import { tlsConnector } from '#gateway/config/tls-connector.ts';
import { notGraphQL, subscriptionBroke, SubgraphFailure, tooLarge, tooLate } from './subgraph-failure.ts';

export function remoteEventStreams(bounds: StreamBounds, url: URL): RemoteSubscriptions {
  // Apart from the pool of queries: a stream keeps its connection for as long as it lives. Silence is no fault of a
  // stream.
  const pool = new Pool(url.origin, {
    connect: tlsConnector(bounds),
    connections: null,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return {
    open: async (subscription) => openStream(bounds, pool, url, subscription, await subscription.headers()),
    close: () => pool.destroy(),
  };
}

async function openStream(
  bounds: StreamBounds,
  pool: Pool,
  url: URL,
  { body: sent, signal }: RemoteSubscription,
  headers: Record<string, string>,
): Promise<RemoteEvents | ExecutionResult> {
  const { name, timeoutMs } = bounds;
  const opening = new AbortController();
  const release = onAbort(signal, () => opening.abort(cancelled(signal!)));
  const timer = setTimeout(() => opening.abort(tooLate(name, timeoutMs)), timeoutMs);
  try {
    const response = await pool.request({
      path: `${url.pathname}${url.search}`,
      method: 'POST',
      // Exactly this: graphql-sse's own server understands no list.
      headers: { ...headers, 'content-type': 'application/json', accept: 'text/event-stream' },
      body: sent,
      signal: opening.signal,
    });
    const type = String(response.headers['content-type'] ?? '');
    const isEvents = type.startsWith('text/event-stream');
    if (response.statusCode === 200 && isEvents) return read(bounds, response.body);
    const body = await wholeBody(bounds, response.body);
    // Yoga sends its refusals as an event, with the status of an error.
    return readResult(bounds, response.statusCode, isEvents ? firstEvent(body) : body, response.headers);
  } catch (error) {
    if (opening.signal.aborted) throw opening.signal.reason as Error;
    throw error instanceof SubgraphFailure ? error : subscriptionBroke(name, { opened: false, cause: error });
  } finally {
    clearTimeout(timer);
    release();
  }
}

/** The data of the first event that has some. */
function firstEvent(text: string): string {
  let first: string | undefined;
  new EventStreamParser(Infinity, (event, data) => {
    if (event !== 'complete') first ??= data;
  }).write(Buffer.from(text));
  return first ?? '';
}

/** A refusal. */
async function wholeBody(
  { name, maxResponseBytes }: ExchangeBounds,
  body: Dispatcher.ResponseData['body'],
): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxResponseBytes) throw tooLarge(name, maxResponseBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function read(bounds: StreamBounds, body: Dispatcher.ResponseData['body']): RemoteEvents {
  const { name, maxResponseBytes, bufferBytes } = bounds;
  const events = new EventQueue<RemoteEvent>({
    sizeOf: sizeOfEvent,
    limitBytes: bufferBytes,
    pause: () => body.pause(),
    resume: () => body.resume(),
    end: () => body.destroy(),
  });
  const parser = new EventStreamParser(maxResponseBytes, (event, data) => {
    if (event === 'complete') events.finish();
    else if (event === 'next' || event === 'message')
      events.push(remoteEvent(bounds, parseEvent(name, data), data.length));
  });
  const broke = (cause?: unknown): void => events.finish(subscriptionBroke(name, { opened: true, cause }));
  body.on('data', (chunk: Buffer) => {
    try {
      if (!parser.write(chunk)) events.finish(tooLarge(name, maxResponseBytes));
    } catch (error) {
      events.finish(error as SubgraphFailure);
    }
  });
  body.on('error', broke);
  // A stream that ends without `complete` was cut, however politely.
  body.on('end', () => broke());
  return events;
}

function parseEvent(name: string, data: string): unknown {
  try {
    return parseExactJson(data);
  } catch (error) {
    throw notGraphQL(name, undefined, error);
  }
}

/**
 * The event stream format of HTML's specification:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export class EventStreamParser {
  readonly #limit: number;
  readonly #onEvent: (event: string, data: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #afterReturn = false;
  #event = '';
  #data: string[] = [];
  #size = 0;
  #over = false;

  /** @param limit most characters of one event */
  constructor(limit: number, onEvent: (event: string, data: string) => void) {
    this.#limit = limit;
    this.#onEvent = onEvent;
  }

  /** @returns false when an event is over the limit */
  write(chunk: Buffer): boolean {
    let text = this.#decoder.write(chunk);
    // A line may end with \n, \r or \r\n, and a chunk between the two.
    if (this.#afterReturn && text.startsWith('\n')) text = text.slice(1);
    if (text !== '') this.#afterReturn = text.endsWith('\r');
    // Only what is new is searched, or a long line would be searched again with every chunk.
    const lines = text.split(/\r\n|\n|\r/);
    lines[0] = this.#rest + lines[0]!;
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(line);
    return !this.#over && this.#size + this.#rest.length <= this.#limit;
  }

  #line(line: string): void {
    if (line === '') {
      const data = this.#data.join('\n');
      const event = this.#event === '' ? 'message' : this.#event;
      const has = this.#data.length > 0 || this.#event !== '';
      this.#data = [];
      this.#event = '';
      this.#size = 0;
      if (has && !this.#over) this.#onEvent(event, data);
      return;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') this.#event = value;
    if (field !== 'data') return;
    this.#data.push(value);
    this.#size += value.length;
    if (this.#size > this.#limit) this.#over = true;
  }
}
