/** examples/ai-sdk/transport.mjs against servers that are not as they should be; with the right one, and the SDK: examples.test.ts. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';

// An example is JavaScript, for its packages are not installed here.
const { TributaryTransport } = (await import(new URL('../../examples/ai-sdk/transport.mjs', import.meta.url).href)) as {
  TributaryTransport: new (options: object) => {
    sendMessages(options: object): Promise<AsyncIterable<unknown>>;
  };
};

const STREAM = { 'content-type': 'text/event-stream', 'content-location': '/runs/run_1/events' };
const said = (id: number, event: object): string => `id: ${id}\r\ndata: ${JSON.stringify(event)}\r\n\r\n`;
const START = said(1, { type: 'RUN_STARTED', runId: 'run_1' });
const END = said(3, { type: 'RUN_FINISHED' });
const text = (delta: string): string => said(2, { type: 'TEXT_MESSAGE_CONTENT', messageId: 'm', delta });

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
/** Asks a server that answers so, the last answer again and again. */
async function asked(...answers: readonly Answer[]) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    request.resume();
    answers[Math.min(requests.length, answers.length) - 1]!(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const kept = new Map<string, string>();
  const transport = new TributaryTransport({
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    agent: 'a',
    attempts: 3,
    longestPauseMs: 1,
    storage: { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value), removeItem: (key: string) => void kept.delete(key) }, // prettier-ignore
  });
  const chunks: unknown[] = [];
  try {
    const stream = await transport.sendMessages({ chatId: 'c', messages: [], abortSignal: undefined });
    for await (const chunk of stream) chunks.push(chunk);
    return { chunks, requests, kept: kept.size };
  } catch (error) {
    return { chunks, requests, kept: kept.size, error: (error as Error).message };
  }
}
const events =
  (...frames: readonly string[]): Answer =>
  (_, response) => {
    response.writeHead(200, STREAM).end(frames.join(''));
  };
const refusing =
  (status: number, body: string, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };

test('goes on behind what arrived, over ends before the end and servers that cannot at the moment', async () => {
  const { chunks, requests, kept } = await asked(
    events(START),
    refusing(503, 'not JSON', { 'retry-after': '0' }),
    events(text('a')),
    events(text('a'), END),
  );
  expect(chunks).toEqual([
    { type: 'start', messageId: 'run_1' },
    { type: 'text-delta', id: 'm', delta: 'a' },
    { type: 'finish' },
  ]);
  expect(requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1', '1', '2']);
  expect(kept).toBe(0);
});

test('ends where nothing comes any more, and leaves the request where the run may go on', async () => {
  for (const answer of [events(), events(START), events(': nothing\n\n')]) {
    const { requests, kept, error } = await asked(answer);
    expect(error).toMatch(/before the run had ended/);
    expect(requests.length).toBeLessThanOrEqual(5);
    expect(kept).toBe(1);
  }
});

test('ends at once where asking again would not help', async () => {
  for (const [answer, told] of [
    [
      refusing(400, '{"errors":[{"message":"No such agent.","extensions":{"hint":"Make one."}}]}'),
      'No such agent. Make one.',
    ],
    [refusing(401, '{"errors":null}'), 'The server answered 401 (application/json).'],
    [refusing(200, '<html>', { 'content-type': 'text/html' }), 'The server answered 200 (text/html).'],
  ] as const) {
    const { requests, kept, error } = await asked(answer);
    expect([error, requests.length, kept]).toEqual([told, 1, 0]);
  }
  const unread = await asked(events(START, 'id: 2\ndata: {oops\n\n'));
  expect([unread.requests.length, unread.error]).toEqual([1, expect.stringContaining('JSON')]);
});
