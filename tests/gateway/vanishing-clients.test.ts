/** Clients that go away in the middle of what they are sent: nobody's fault, and nothing that a server's log is full of. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { startTestServer, type TestServer } from './fixture.ts';
import { ACCEPT } from './multipart-parts.ts';

let it: TestServer;
beforeEach(async () => {
  it = await startTestServer();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await it[Symbol.asyncDispose]();
});

const QUERY = 'subscription { bookAdded { id title stars } }';

/** Subscribes and reads nothing; what it gives goes away without a word. */
const FOLLOWERS: Record<string, () => Promise<() => void>> = {
  async 'graphql-ws'() {
    const socket = new WebSocket(`${it.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    socket.send('{"type":"connection_init"}');
    await once(socket, 'message');
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: QUERY } }));
    await it.library.until(() => it.library.listeners.size === 1);
    socket.pause();
    return () => socket.terminate();
  },
  'server-sent events': () => stream('text/event-stream'),
  multipart: () => stream(ACCEPT),
};

async function stream(accept: string): Promise<() => void> {
  const request = httpRequest(`${it.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
  });
  request.end(JSON.stringify({ query: QUERY }));
  await it.library.until(() => it.library.listeners.size === 1);
  if (request.destroyed) throw new Error('The stream did not open.');
  request.on('error', () => undefined);
  void once(request, 'response').then(([response]) => (response as IncomingMessage).on('error', () => undefined));
  return () => request.destroy();
}

test.each(Object.keys(FOLLOWERS))('over %s', async (transport) => {
  const told = vi.spyOn(console, 'error');
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', onUnhandled);
  try {
    for (let round = 0; round < 2; round += 1) {
      const vanish = await FOLLOWERS[transport]!();
      // More than the system's own buffers take.
      for (let index = 0; index < 12; index += 1) it.library.add('x'.repeat(400_000));
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      vanish();
      await it.library.until(() => it.library.listeners.size === 0);
    }
    expect((await it.post({ query: '{ book(id: "1") { id } }' })).json).toEqual({ data: { book: { id: '1' } } });
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
  expect(unhandled).toEqual([]);
  expect(told.mock.calls).toEqual([]);
  expect(it.log.filter((line) => /"level":(50|40|"error"|"warn")/.test(line))).toEqual([]);
});

test('while it is told something over a WebSocket', async () => {
  const told = vi.spyOn(console, 'error');
  for (let round = 0; round < 20; round += 1) {
    const socket = new WebSocket(`${it.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    const { _socket: connection } = socket as unknown as { _socket: Socket };
    socket.send('{"type":"connection_init"}');
    for (let ping = 0; ping < 50; ping += 1) socket.send('{"type":"ping"}');
    // Its last bytes have left it, and the answers to them find nobody.
    await new Promise<void>((resolve) => socket.send('{"type":"ping"}', () => resolve()));
    connection.resetAndDestroy();
    await once(socket, 'close');
  }
  expect((await it.post({ query: '{ book(id: "1") { id } }' })).json).toEqual({ data: { book: { id: '1' } } });
  expect(told.mock.calls).toEqual([]);
});
