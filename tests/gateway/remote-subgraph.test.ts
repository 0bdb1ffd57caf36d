/** A foreign subgraph behind the whole server: how it streams and what it is told is the deployment's choice. */
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { execute, parse, type ExecutionResult } from 'graphql';
import { createClient as createSseClient } from 'graphql-sse';
import { createHandler } from 'graphql-sse/lib/use/http';
import { createClient as createWsClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Library, replaceFile, startTestServer, supergraphYaml, type TestServer } from './fixture.ts';
import { ACCEPT, payloads } from './multipart-parts.ts';
import { answering, bodyOf } from '#tests/setup/answering.ts';

const SDL = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query { now: String }
  type Subscription { ticks: Book }
  type Book @key(fields: "id", resolvable: false) { id: ID! }`;

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Says what the time is, and ticks when it is told to; over every protocol on one port. */
class Clock {
  readonly #ticks = new Library();
  readonly headers: { now: IncomingHttpHeaders[]; ticks: IncomingHttpHeaders[] } = { now: [], ticks: [] };
  readonly sockets = new Set<Socket>();
  url = '';

  tick = (id: string): void => void this.#ticks.listeners.forEach((listener) => listener({ id, title: '' }));
  listening = (count: number): Promise<void> => this.#ticks.until(() => this.#ticks.listeners.size === count);

  async start(): Promise<void> {
    const subscribe = (): AsyncIterableIterator<unknown> => {
      const source = this.#ticks.subscribe();
      return {
        async next() {
          const { done, value } = await source.next();
          return done === true ? { done, value: undefined } : { done: false, value: { ticks: value.bookAdded } };
        },
        return: () => source.return!(),
        [Symbol.asyncIterator]() {
          return this;
        },
      };
    };
    const schema = buildSubgraphSchema({
      typeDefs: parse(SDL),
      resolvers: { Query: { now: () => 'noon' }, Subscription: { ticks: { subscribe } } } as never,
    });
    const sse = createHandler({ schema });
    const server = createServer(
      answering(async (request, response) => {
        if (request.headers.accept === 'text/event-stream') {
          this.headers.ticks.push(request.headers);
          return await sse(request, response);
        }
        this.headers.now.push(request.headers);
        const { query } = JSON.parse(await bodyOf(request)) as { query: string };
        response.end(JSON.stringify(await execute({ schema, document: parse(query) })));
      }),
    );
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (_, request) => this.headers.ticks.push(request.headers));
    const disposable = useServer({ schema }, sockets);
    server.on('connection', (socket) => this.sockets.add(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
    closing.push(async () => {
      await disposable.dispose();
      for (const socket of this.sockets) socket.destroy();
      server.close();
    });
  }
}

async function start(env: (clock: Clock) => Record<string, string>): Promise<{ clock: Clock; it: TestServer }> {
  const clock = new Clock();
  await clock.start();
  const it = await startTestServer(env(clock));
  closing.push(async () => await it[Symbol.asyncDispose]());
  await writeFile(join(it.folder, 'clock.graphql'), SDL);
  await replaceFile(
    join(it.folder, 'supergraph.yaml'),
    supergraphYaml(`  clock:\n    routing_url: ${clock.url}\n    schema: { file: clock.graphql }\n`),
  );
  await it.server.supergraph.reload();
  return { clock, it };
}

interface Following {
  events: AsyncIterator<ExecutionResult>;
  leave(): Promise<void> | void;
}

/** The clients of each transport. */
const TRANSPORTS: Record<string, (url: string, query: string, headers?: Record<string, string>) => Promise<Following>> =
  {
    'graphql-ws': (url, query, headers = {}) => {
      class Socket extends WebSocket {
        constructor(address: string, protocols?: string | string[]) {
          super(address, protocols, { headers });
        }
      }
      const client = createWsClient({
        url: `${url.replace('http', 'ws')}/graphql`,
        webSocketImpl: Socket,
        retryAttempts: 0,
      });
      return Promise.resolve({
        events: client.iterate({ query }) as AsyncIterator<ExecutionResult>,
        leave: () => client.dispose(),
      });
    },
    'server-sent events': (url, query, headers = {}) => {
      const client = createSseClient({ url: `${url}/graphql`, headers, retryAttempts: 0 });
      return Promise.resolve({
        events: client.iterate({ query }) as AsyncIterator<ExecutionResult>,
        leave: () => client.dispose(),
      });
    },
    multipart: async (url, query, headers = {}) => {
      const request = httpRequest(`${url}/graphql`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', accept: ACCEPT },
      });
      request.end(JSON.stringify({ query }));
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      return { events: payloads(response), leave: () => void response.destroy() };
    },
  };

const QUERY = 'subscription { ticks { id title stars } }';

describe.each([
  ['graphql-ws', () => ({})],
  ['SSE at an address of its own', ({ url }: Clock) => ({ SUBGRAPH_CLOCK_SUBSCRIPTIONS: `${url}/stream` })],
])('ticks over %s', (protocol, env: (clock: Clock) => Record<string, string>) => {
  test('reach clients of every transport, in order, with fields of other subgraphs; an error in one ends nothing', async () => {
    const { clock, it } = await start((made) => ({ ...env(made), SUBGRAPH_SHARE_SUBSCRIPTIONS: 'off' }));
    it.library.add('Second');
    const following = await Promise.all(Object.values(TRANSPORTS).map((follow) => follow(it.url, QUERY)));
    const first = following.map(({ events }) => events.next());
    await clock.listening(following.length);
    // All on one socket, where there are sockets.
    expect(clock.headers.ticks.map(({ upgrade }) => upgrade)).toEqual(
      protocol.startsWith('graphql-ws') ? ['websocket'] : following.map(() => undefined),
    );
    for (const id of ['1', '7', '2']) clock.tick(id);
    for (const [index, { events }] of following.entries()) {
      expect((await first[index]!).value).toMatchObject({
        data: { ticks: { id: '1', title: 'The Left Hand of Darkness', stars: 5 } },
      });
      // Nobody has that one.
      expect((await events.next()).value).toMatchObject({ data: { ticks: { id: '7', title: null, stars: 5 } } });
      expect((await events.next()).value).toMatchObject({ data: { ticks: { id: '2', title: 'Second', stars: 5 } } });
    }
    for (const { leave } of following) await leave();
    await clock.listening(0);
  });
});

describe.each(['graphql-ws', 'sse'])('a stream over %s', (protocol) => {
  test('that breaks is told to clients of every transport by a code, and ends', async () => {
    const { clock, it } = await start(() => ({
      SUBGRAPH_SUBSCRIPTIONS: protocol,
      SUBGRAPH_SHARE_SUBSCRIPTIONS: 'off',
    }));
    const following = await Promise.all(Object.values(TRANSPORTS).map((follow) => follow(it.url, QUERY)));
    const first = following.map(({ events }) => events.next());
    await clock.listening(following.length);
    clock.tick('1');
    await Promise.all(first);
    for (const socket of clock.sockets) socket.destroy();
    for (const { events, leave } of following) {
      expect((await events.next()).value).toMatchObject({
        errors: [
          {
            path: ['ticks'],
            message: expect.stringContaining('clock') as unknown,
            extensions: { code: 'SUBGRAPH_UNAVAILABLE', service: 'clock', hint: expect.any(String) as unknown },
          },
        ],
      });
      expect((await events.next()).done).toBe(true);
      await leave();
    }
  });

  test('that is asked for again goes on, and every client is told with the next event', async () => {
    const { clock, it } = await start(() => ({ SUBGRAPH_SUBSCRIPTIONS: protocol, SUBGRAPH_CLOCK_RESUBSCRIBE: 'true' }));
    for (const follow of Object.values(TRANSPORTS)) {
      const { events, leave } = await follow(it.url, QUERY);
      const first = events.next();
      await clock.listening(1);
      clock.tick('1');
      // Only a stream that had opened is asked for again.
      expect((await first).value).not.toHaveProperty('extensions');
      for (const socket of clock.sockets) socket.destroy();
      await clock.listening(0);
      await clock.listening(1);
      clock.tick('1');
      clock.tick('1');
      expect((await events.next()).value).toEqual({
        data: { ticks: { id: '1', title: 'The Left Hand of Darkness', stars: 5 } },
        extensions: {
          resubscribed: { service: 'clock', attempts: 1, lostAt: expect.stringMatching(/^\d{4}-/) as unknown },
        },
      });
      expect((await events.next()).value).not.toHaveProperty('extensions');
      await leave();
      await clock.listening(0);
    }
  });

  test('outlives a reload', async () => {
    const { clock, it } = await start(() => ({ SUBGRAPH_SUBSCRIPTIONS: protocol }));
    const { events, leave } = await TRANSPORTS['graphql-ws']!(it.url, QUERY);
    const first = events.next();
    await clock.listening(1);
    const before = it.server.supergraph.current.hash;
    await replaceFile(join(it.folder, 'clock.graphql'), SDL.replace('now: String', 'now: String later: String'));
    await it.server.supergraph.reload();
    expect(it.server.supergraph.current.hash).not.toBe(before);
    clock.tick('1');
    expect((await first).value).toMatchObject({ data: { ticks: { id: '1', stars: 5 } } });
    await leave();
    await clock.listening(0);
  });
});

test('only the headers on the list are passed on, with queries and subscriptions alike', async () => {
  const { clock, it } = await start(() => ({ SUBGRAPH_CLOCK_FORWARD_HEADERS: 'X-Caller, Accept-Language' }));
  const headers = {
    'x-caller': 'ann',
    'x-secret': 's3cret',
    authorization: 'Bearer t',
    cookie: 'a=b',
    'accept-language': 'de',
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  };
  expect((await it.post({ query: '{ now }' }, headers)).json).toEqual({ data: { now: 'noon' } });
  for (const [index, follow] of Object.values(TRANSPORTS).entries()) {
    const { events, leave } = await follow(it.url, QUERY, headers);
    const next = events.next();
    next.catch(() => undefined);
    await clock.listening(1);
    expect(clock.headers.ticks).toHaveLength(index + 1);
    await leave();
    await clock.listening(0);
  }
  for (const seen of [...clock.headers.now, ...clock.headers.ticks]) {
    expect(seen).toMatchObject({
      'x-caller': 'ann',
      'accept-language': 'de',
      'x-request-id': expect.any(String) as unknown,
    });
    for (const name of ['x-secret', 'authorization', 'cookie', 'traceparent']) expect(seen).not.toHaveProperty(name);
  }
});

test('the trace context is passed on unless the deployment says otherwise', async () => {
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const { clock, it } = await start(() => ({}));
  await it.post({ query: '{ now }' }, { traceparent });
  expect(clock.headers.now[0]).toMatchObject({ traceparent });
  const other = await start(() => ({ SUBGRAPH_FORWARD_HEADERS: 'none' }));
  await other.it.post({ query: '{ now }' }, { traceparent });
  expect(other.clock.headers.now[0]).not.toHaveProperty('traceparent');
});
