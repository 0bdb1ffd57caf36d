/** The three ways in, as real clients use them. */
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import type { ExecutionResult } from 'graphql';
import WebSocket from 'ws';

export type Answer = ExecutionResult<Record<string, any>>; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers are checked by content

/** One query or mutation over HTTP POST. */
export async function post(
  url: string,
  query: string,
  variables: Record<string, unknown> = {},
  operationName?: string,
): Promise<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables, operationName }),
  });
  return (await response.json()) as Answer;
}

/** Runs a subscription until it completes and gives every event of it. `onEvent` runs between events. */
export type Subscribe = (
  url: string,
  query: string,
  variables: Record<string, unknown>,
  operationName: string,
  onEvent?: (event: Answer, count: number) => Promise<void> | void,
) => Promise<Answer[]>;

/** What both clients can do. */
interface StreamClient {
  iterate(request: {
    query: string;
    variables: Record<string, unknown>;
    operationName: string;
  }): AsyncIterable<unknown>;
  dispose(): void | Promise<void>;
}

const subscribeWith =
  (connect: (url: string) => StreamClient): Subscribe =>
  async (url, query, variables, operationName, onEvent = () => undefined) => {
    const client = connect(url);
    try {
      return await collect(client.iterate({ query, variables, operationName }) as AsyncIterable<Answer>, onEvent);
    } finally {
      await client.dispose();
    }
  };

/** Over graphql-ws. */
export const overWebSocket = subscribeWith((url) =>
  createSocketClient({ url: `${url.replace(/^http/, 'ws')}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0 }),
);

/** Over server-sent events. */
export const overEventStream = subscribeWith((url) => createSseClient({ url: `${url}/graphql`, retryAttempts: 0 }));

/** Every part of an answer over `multipart/mixed` (RFC 2046, section 5.1), with its boundary and types checked. */
export async function* overMultipart(
  url: string,
  query: string,
  variables: Record<string, unknown>,
  operationName: string,
): AsyncGenerator<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'multipart/mixed, application/json' },
    body: JSON.stringify({ query, variables, operationName }),
  });
  const [, boundary] = /^multipart\/mixed; boundary="(.+)"$/.exec(response.headers.get('content-type') ?? '') ?? [];
  if (boundary === undefined) throw new Error(`The answer is no multipart: ${await response.text()}`);
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of response.body!) {
    text += decoder.decode(bytes as Uint8Array, { stream: true });
    const parts = text.split(`\r\n--${boundary}`);
    text = parts.pop()!;
    for (const part of parts.filter((each) => each !== '')) {
      const [headers, body] = part.split('\r\n\r\n');
      if (headers !== '\r\ncontent-type: application/json; charset=utf-8')
        throw new Error(`Odd headers of a part: ${headers}`);
      yield JSON.parse(body!) as Answer;
    }
  }
  if (text !== '--\r\n') throw new Error(`The answer does not end: ${text}`);
}

async function collect(
  events: AsyncIterable<Answer>,
  onEvent: (event: Answer, count: number) => Promise<void> | void,
): Promise<Answer[]> {
  const seen: Answer[] = [];
  for await (const event of events) {
    seen.push(event);
    await onEvent(event, seen.length);
  }
  return seen;
}
