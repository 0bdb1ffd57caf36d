/**
 * Streams that many follow over WebSockets: every client is sent whole frames of its own around bytes that all share.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { createClient, type Client, type ExecutionResult } from 'graphql-ws';
import { parse } from 'graphql';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SharedAnswer, type DeliverableStream } from '#gateway/execute/answers/shared-answers.ts';
import { graphqlOverWebSocket } from '#gateway/subscribe/websocket.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { SHARED, type SharedEvents } from '#subgraphs/shared/shared-events.ts';
import { startIssuer, type Issuer } from './issuer.ts';
import { LIBRARY_SDL, Library, librarySubgraph, startTestServer, type TestServer } from './fixture.ts';

interface Added {
  bookAdded: { id: string; title: string };
}

/** A library whose listeners are given the same objects. */
class SharedLibrary extends Library {
  readonly added: Added[] = [];
  readonly #waiting = new Set<() => void>();
  /** What an event's title costs, and what it says; by default nothing, and the title. */
  title: (title: string) => string = (title) => title;

  /** Tells of books, all at once. */
  tell(...titles: string[]): void {
    for (const title of titles) this.added.push({ bookAdded: { id: `${this.added.length}`, title } });
    for (const wake of [...this.#waiting]) wake();
  }

  follow(): SharedEvents<Added> {
    let at = this.added.length;
    let ended = false;
    const wait = (resume: () => void): void => {
      const wake = (): void => (this.#waiting.delete(wake), resume());
      this.#waiting.add(wake);
    };
    const listener = (): void => undefined;
    this.listeners.add(listener);
    this.changed();
    const { added } = this;
    const poll = (): Added | undefined => (ended || at >= added.length ? undefined : added[at++]);
    return {
      [SHARED]: true,
      poll,
      whenMore: (resume) => !ended && (wait(resume), true),
      next: async () => {
        for (let event; !ended; await new Promise<void>((resolve) => wait(resolve))) {
          event = poll();
          if (event !== undefined) return { done: false, value: event };
        }
        return { done: true, value: undefined };
      },
      return: () => {
        ended = true;
        this.listeners.delete(listener);
        this.changed();
        for (const wake of [...this.#waiting]) wake();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

let it: TestServer;
let library: SharedLibrary;
let issuer: Issuer;

const startServer = async (
  env: Record<string, string> = {},
): Promise<{ server: TestServer; library: SharedLibrary }> => {
  const shared = new SharedLibrary();
  const schema = buildSubgraphSchema({
    typeDefs: parse(LIBRARY_SDL),
    resolvers: {
      Query: {
        never: (_: unknown, __: unknown, context: never) =>
          (
            librarySubgraph(shared).schema.getQueryType()!.getFields()['never']!.resolve as (
              ...given: unknown[]
            ) => unknown
          )(_, __, context, undefined),
      },
      Subscription: { bookAdded: { subscribe: () => shared.follow() } },
      Book: { title: ({ title }: { title: string }) => shared.title(title) },
    } as never,
  });
  const reviews = buildSubgraphSchema({
    typeDefs: parse(
      'type Query { reviewCount: Int } type Book @key(fields: "id") { id: ID! stars: Int } extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])',
    ),
    resolvers: { Book: { __resolveReference: ({ id }: { id: string }) => ({ id, stars: 5 }) } } as never,
  });
  const rest = { routes: [], provides: {}, health: async () => [], close: async () => undefined };
  const server = await startTestServer(env, {
    subgraphs: {
      library: async () => ({ name: 'library', schema, ...rest }),
      reviews: async () => ({ name: 'reviews', schema: reviews, ...rest }),
    },
  });
  return { server, library: shared };
};

beforeAll(async () => {
  ({ server: it, library } = await startServer({ REQUEST_TIMEOUT_MS: '60000', SOCKET_BUFFER_BYTES: '1000000' }));
  issuer = await startIssuer();
});
afterAll(async () => {
  await it?.[Symbol.asyncDispose]();
  await issuer?.[Symbol.asyncDispose]();
});

const urlOf = (server: TestServer): string => `${server.url.replace('http', 'ws')}/graphql`;
const connect = (generateID?: () => string): Client =>
  createClient({
    url: urlOf(it),
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...(generateID === undefined ? {} : { generateID }),
  });

/** Everything that comes, and a wait for so many. */
function collect(
  client: Client,
  query: string,
): { events: ExecutionResult[]; until(count: number): Promise<void>; end(): void } {
  const events: ExecutionResult[] = [];
  let wake: () => void = () => undefined;
  const end = client.subscribe(
    { query },
    {
      next: (event) => (events.push(event as ExecutionResult), wake()),
      error: (error) => events.push({ errors: [error as never] }),
      complete: () => undefined,
    },
  );
  return {
    events,
    end,
    async until(count) {
      while (events.length < count) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

test('every client gets every event under its own id, whatever the length of the message', async () => {
  const clients = [
    connect(),
    connect(() => '1'),
    connect(() => 'an id “with” signs\n'),
    connect(() => 'x'.repeat(300)),
  ];
  const followers = clients.map((client) => collect(client, 'subscription { bookAdded { title } }'));
  await library.until(() => library.listeners.size === 4);
  // Around the lengths at which a frame's header grows, of 7, 16 and 64 bits, for each id; and where payloads are no
  // longer copied.
  const around = (length: number, by: number): number[] =>
    Array.from({ length: 2 * by }, (_, index) => Math.max(length - by + index, 0));
  const titles = [
    ...around(60, 60),
    ...around(16_350, 40),
    ...around(65_100, 400).filter((length) => length % 5 === 0),
  ].map((length) => 'é'.repeat(length % 2) + 'x'.repeat(length));
  for (const title of titles) library.tell(title);
  library.tell(...titles);
  for (const follower of followers) {
    await follower.until(2 * titles.length);
    expect(
      follower.events.map(({ data }) => (data as { bookAdded: { title: string } }).bookAdded.title.length),
    ).toEqual([...titles, ...titles].map((title) => title.length));
    expect(follower.events.slice(0, 3)).toEqual(
      titles.slice(0, 3).map((title) => ({ data: { bookAdded: { title } } })),
    );
  }
  for (const follower of followers) follower.end();
  await library.until(() => library.listeners.size === 0);
  for (const client of clients) await client.dispose();
});

test('over server-sent events each client gets every event, and its own errors', async () => {
  library.title = (title) => {
    if (title === 'fault') throw new Error('hunter2');
    return title;
  };
  const leaving = new AbortController();
  const query = encodeURIComponent('subscription { bookAdded { title stars } }');
  const responses = await Promise.all(
    [1, 2, 3].map(() =>
      fetch(`${it.url}/graphql?query=${query}`, { headers: { accept: 'text/event-stream' }, signal: leaving.signal }),
    ),
  );
  await library.until(() => library.listeners.size === 3);
  expect(responses.map(({ status, headers }) => [status, headers.get('content-type')])).toEqual(
    responses.map(() => [200, 'text/event-stream']),
  );
  const titles = Array.from({ length: 60 }, (_, index) => `Book ${index} ${'é'.repeat(index % 7 === 0 ? 20_000 : 3)}`);
  library.tell('alone');
  library.tell(...titles, 'fault', 'last');
  const ids: unknown[] = [];
  for (const response of responses) {
    let text = '';
    const reader = response
      .body!.pipeThrough(new TextDecoderStream() as never)
      .getReader() as ReadableStreamDefaultReader<string>;
    while (!text.includes('"last"') || !text.endsWith('\n\n')) text += (await reader.read()).value ?? '';
    const events = text.split('\n\n').filter((event) => event !== '' && event !== ':');
    expect(events.every((event) => event.startsWith('event: next\ndata: {'))).toBe(true);
    const results = events.map((event) => JSON.parse(event.slice('event: next\ndata: '.length)) as ExecutionResult);
    const fault = results.splice(61, 1)[0]!;
    expect(results).toEqual(
      ['alone', ...titles, 'last'].map((title) => ({ data: { bookAdded: { title, stars: 5 } } })),
    );
    expect(fault).toMatchObject({
      data: { bookAdded: { title: null } },
      errors: [{ extensions: { code: 'INTERNAL_SERVER_ERROR' } }],
    });
    ids.push(fault.errors![0]!.extensions['requestId']);
  }
  expect(new Set(ids).size).toBe(3);
  leaving.abort();
  await library.until(() => library.listeners.size === 0);
  library.title = (title) => title;
});

test('several subscriptions and queries share one socket with them', async () => {
  const client = connect();
  const followers = [
    collect(client, 'subscription { bookAdded { title } }'),
    collect(client, 'subscription { a: bookAdded { id } }'),
    collect(client, 'subscription { bookAdded { title stars } }'),
  ];
  await library.until(() => library.listeners.size === 3);
  const titles = Array.from({ length: 100 }, (_, index) => `Book ${index}`);
  library.tell(...titles);
  const query = collect(client, '{ __typename }');
  await query.until(1);
  for (const [index, follower] of followers.entries()) {
    await follower.until(100);
    expect(follower.events.map(({ data }) => data)).toEqual(
      titles.map(
        (title, at) =>
          [
            { bookAdded: { title } },
            { a: { id: `${library.added.length - 100 + at}` } },
            { bookAdded: { title, stars: 5 } },
          ][index],
      ),
    );
  }
  followers[0]!.end();
  await library.until(() => library.listeners.size === 2);
  library.tell('after');
  await followers[1]!.until(101);
  expect(followers[0]!.events).toHaveLength(100);
  await client.dispose();
  await library.until(() => library.listeners.size === 0);
});

test("what a fault says stays hidden, and each client is told its own request's id", async () => {
  library.title = (title) => {
    if (title === 'fault') throw new Error('connect to postgres://admin:hunter2@db failed');
    return title;
  };
  const clients = [connect(), connect()];
  const followers = clients.map((client) => collect(client, 'subscription { bookAdded { title } }'));
  await library.until(() => library.listeners.size === 2);
  library.tell('before', 'fault', 'after');
  const ids = [];
  for (const follower of followers) {
    await follower.until(3);
    expect([follower.events[0], follower.events[2]]).toEqual([
      { data: { bookAdded: { title: 'before' } } },
      { data: { bookAdded: { title: 'after' } } },
    ]);
    const fault = follower.events[1]!;
    expect(fault).toMatchObject({
      data: { bookAdded: { title: null } },
      errors: [{ path: ['bookAdded', 'title'], extensions: { code: 'INTERNAL_SERVER_ERROR' } }],
    });
    expect(JSON.stringify(fault)).not.toContain('hunter2');
    ids.push(fault.errors![0]!.extensions['requestId']);
  }
  expect(new Set(ids).size).toBe(2);
  library.title = (title) => title;
  for (const client of clients) await client.dispose();
  await library.until(() => library.listeners.size === 0);
});

test('a client that does not read holds up nobody, and goes on where it stopped', async () => {
  const slow = new WebSocket(urlOf(it), 'graphql-transport-ws');
  await new Promise((resolve) => slow.on('open', resolve));
  slow.send('{"type":"connection_init"}');
  await new Promise((resolve) => slow.once('message', resolve));
  // Many on one socket, all waiting for the same drain.
  const got = new Map<string, number[]>(Array.from({ length: 20 }, (_, id) => [`${id}`, []]));
  for (const id of got.keys())
    slow.send(JSON.stringify({ id, type: 'subscribe', payload: { query: 'subscription { bookAdded { id title } }' } }));
  const client = connect();
  const fast = collect(client, 'subscription { bookAdded { title } }');
  await library.until(() => library.listeners.size === 21);
  slow.pause();
  const first = library.added.length;
  for (let told = 1; told <= 100; told++) {
    library.tell('x'.repeat(told % 10 === 0 ? 60_000 : 2_000));
    await fast.until(told);
  }
  const all = new Promise<void>((resolve) => {
    let left = 100 * got.size;
    slow.on('message', (data: Buffer) => {
      const { id, payload } = JSON.parse(data.toString()) as {
        id: string;
        payload: { data: { bookAdded: { id: string } } };
      };
      got.get(id)!.push(Number(payload.data.bookAdded.id));
      if (--left === 0) resolve();
    });
  });
  slow.resume();
  await all;
  const expected = Array.from({ length: 100 }, (_, index) => first + index);
  for (const ids of got.values()) expect(ids).toEqual(expected);
  slow.close();
  await client.dispose();
  await library.until(() => library.listeners.size === 0);
});

test('a client that leaves what it was sent unread for too long is closed with the code to resume', async () => {
  const http = createServer();
  const source = new SharedLibrary();
  const answers = new WeakMap<object, SharedAnswer>();
  let ended = 0;
  const run = async (signal: AbortSignal): Promise<DeliverableStream> => {
    const events = source.follow();
    signal.addEventListener('abort', () => void events.return!());
    const answer = (event: object): SharedAnswer =>
      answers.get(event) ?? answers.set(event, new SharedAnswer({ data: event as never })).get(event)!;
    const stream = {
      next: () => Promise.reject(new Error('Not read this way.')),
      return: () => ((ended += 1), events.return!() as never),
      [Symbol.asyncIterator]: () => stream,
    };
    return Object.assign(stream, {
      delivery: { events, answer, failed: () => ({}), fit: (result: ExecutionResult) => result },
    }) as never;
  };
  const sockets = graphqlOverWebSocket(http, {
    path: '/',
    operations: {
      admit: (_, { signal }) => ({
        type: 'subscription',
        document: parse('subscription { x }'),
        run: () => run(signal),
        cost: undefined,
        discard: () => undefined,
      }),
    },
    guard: { check: () => undefined } as never,
    authenticate: () => Promise.resolve({ tenantId: 'a', subject: 's', roles: [], scopes: [] }),
    log: createLogger({ level: 'silent' }),
    message: { bytes: 1_000, depth: 100, values: 100 },
    sockets: 2,
    operationsPerSocket: 2,
    bufferBytes: 100_000_000,
    stallMs: 200,
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const slow = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/`, 'graphql-transport-ws');
  const closed = new Promise<[number, string]>((resolve) =>
    slow.on('close', (code, reason) => resolve([code, reason.toString()])),
  );
  await new Promise((resolve) => slow.on('open', resolve));
  slow.send('{"type":"connection_init"}');
  await new Promise((resolve) => slow.once('message', resolve));
  slow.send('{"id":"1","type":"subscribe","payload":{"query":"subscription { x }"}}');
  await source.until(() => source.listeners.size === 1);
  slow.pause();
  for (let count = 0; count < 200; count++) source.tell('x'.repeat(100_000));
  await source.until(() => source.listeners.size === 0);
  slow.resume();
  expect(await closed).toEqual([4499, 'Resume from your last cursor']);
  expect(ended).toBeGreaterThan(0);
  await sockets.close();
  http.close();
});

test('completing a query that runs ends its work at once', async () => {
  const client = connect();
  const query = collect(client, '{ never }');
  await library.until(() => library.waiting.length === 1);
  query.end();
  await library.until(() => library.waiting.length === 0);
  // The socket goes on, and the id may be used again.
  const again = collect(client, '{ __typename }');
  await again.until(1);
  expect(again.events).toEqual([{ data: { __typename: 'Query' } }]);
  await client.dispose();
});

test('a token that expires ends its socket with the code upon which clients come back with a new one', async () => {
  const { server, library: own } = await startServer({
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'tributary',
    OIDC_CLOCK_SKEW_SECONDS: '0',
  });
  await using _ = server;
  const short = await issuer.token({ tenant: 'acme' }, { expiresInSeconds: 8 });
  const long = await issuer.token({ tenant: 'acme' });
  const opened: string[] = [];
  const closings: { code: number; reason: string }[] = [];
  const tokens = [short, long];
  const client = createClient({
    url: urlOf(server),
    webSocketImpl: WebSocket,
    retryAttempts: 3,
    connectionParams: () => (
      opened.push(tokens[0]!),
      { authorization: `Bearer ${tokens.length > 1 ? tokens.shift()! : tokens[0]!}` }
    ),
    on: { closed: (event) => closings.push(event as { code: number; reason: string }) },
  });
  const follower = collect(client, 'subscription { bookAdded { title } }');
  await own.until(() => own.listeners.size === 1);
  own.tell('while it holds');
  await own.until(() => own.listeners.size === 0);
  await own.until(() => own.listeners.size === 1);
  own.tell('with the next');
  await follower.until(2);
  expect(closings[0]).toMatchObject({ code: 4403, reason: expect.stringContaining('expired') as unknown });
  expect(opened).toHaveLength(2);
  expect(follower.events.map(({ data }) => data)).toEqual([
    { bookAdded: { title: 'while it holds' } },
    { bookAdded: { title: 'with the next' } },
  ]);
  await client.dispose();
}, 90_000);
