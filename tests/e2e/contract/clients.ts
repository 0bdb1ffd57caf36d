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

async function collect(events: AsyncIterable<Answer>, onEvent: (event: Answer, count: number) => Promise<void> | void): Promise<Answer[]> {
  const seen: Answer[] = [];
  for await (const event of events) {
    seen.push(event);
    await onEvent(event, seen.length);
  }
  return seen;
}
