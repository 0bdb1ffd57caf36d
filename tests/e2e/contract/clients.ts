/** The three ways in, as real clients use them. */
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import type { ExecutionResult } from 'graphql';
import WebSocket from 'ws';

export type Answer = ExecutionResult<Record<string, any>>; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers are checked by content

/** One query or mutation over HTTP POST. */
export async function post(url: string, query: string, variables: Record<string, unknown> = {}, operationName?: string): Promise<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables, operationName }),
  });
  return (await response.json()) as Answer;
}

/** Every event of a subscription over graphql-ws, until it completes. `onEvent` runs between events. */
export async function overWebSocket(
  url: string,
  query: string,
  variables: Record<string, unknown>,
  operationName: string,
  onEvent: (event: Answer, count: number) => Promise<void> | void = () => undefined,
): Promise<Answer[]> {
  const client = createSocketClient({ url: `${url.replace(/^http/, 'ws')}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0 });
  try {
    return await collect(client.iterate({ query, variables, operationName }) as AsyncIterable<Answer>, onEvent);
  } finally {
    await client.dispose();
  }
}

/** The same over server-sent events. */
export async function overEventStream(
  url: string,
  query: string,
  variables: Record<string, unknown>,
  operationName: string,
  onEvent: (event: Answer, count: number) => Promise<void> | void = () => undefined,
): Promise<Answer[]> {
  const client = createSseClient({ url: `${url}/graphql`, retryAttempts: 0 });
  try {
    return await collect(client.iterate({ query, variables, operationName }) as AsyncIterable<Answer>, onEvent);
  } finally {
    client.dispose();
  }
}

/** Every part of an answer over `multipart/mixed` (RFC 2046, section 5.1), with its boundary and lengths checked. */
export async function* overMultipart(url: string, query: string, variables: Record<string, unknown>, operationName: string): AsyncGenerator<Answer> {
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
      const length = Number(/content-length: (\d+)/i.exec(headers!)![1]);
      if (Buffer.byteLength(body!) !== length) throw new Error('A part is not as long as it says.');
      yield JSON.parse(body!) as Answer;
    }
  }
  if (text !== '--\r\n') throw new Error(`The answer does not end: ${text}`);
}

async function collect(events: AsyncIterable<Answer>, onEvent: (event: Answer, count: number) => Promise<void> | void): Promise<Answer[]> {
  const seen: Answer[] = [];
  for await (const event of events) {
    seen.push(event);
    await onEvent(event, seen.length);
  }
  return seen;
}
