import { createClient, type Client, type ExecutionResult } from 'graphql-ws';
import { createClient as createSseClient } from 'graphql-sse';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from './fixture.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer({
    BODY_LIMIT_BYTES: '20000',
    MAX_SUBSCRIPTIONS_PER_SOCKET: '2',
    REQUEST_TIMEOUT_MS: '2000',
  });
});
afterAll(async () => await it[Symbol.asyncDispose]());

const wsUrl = (server = it): string => `${server.url.replace('http', 'ws')}/graphql`;
const connectWs = (options: Partial<Parameters<typeof createClient>[0]> = {}): Client =>
  createClient({ url: wsUrl(), webSocketImpl: WebSocket, retryAttempts: 0, ...options });

interface Stream {
  next(): Promise<ExecutionResult>;
  end(): void;
}

/** A subscription as something to take events from. */
function follow(client: { subscribe: Client['subscribe'] }, query: string): Stream {
  const events: ExecutionResult[] = [];
  const waiting: ((event: ExecutionResult) => void)[] = [];
  const end = client.subscribe(
    { query },
    {
      next: (event) => {
        const first = waiting.shift();
        if (first === undefined) events.push(event as ExecutionResult);
        else first(event as ExecutionResult);
      },
      error: () => undefined,
      complete: () => undefined,
    },
  );
  return {
    next: () =>
      events.length > 0 ? Promise.resolve(events.shift()!) : new Promise((resolve) => waiting.push(resolve)),
    end,
  };
}

const once = (
  client: Client,
  payload: { query: string; variables?: Record<string, unknown> },
): Promise<ExecutionResult> =>
  new Promise((resolve, reject) => {
    let last: ExecutionResult | undefined;
    client.subscribe(payload, {
      next: (event) => (last = event as ExecutionResult),
      error: reject,
      complete: () => resolve(last!),
    });
  });

describe.each(['graphql-ws', 'server-sent events', 'one event stream'])('subscriptions over %s', (transport) => {
  const open = () => {
    if (transport === 'graphql-ws') return connectWs();
    const singleConnection = transport === 'one event stream';
    return createSseClient<boolean>({
      url: `${it.url}/graphql`,
      retryAttempts: 0,
      singleConnection,
    }) as unknown as Client;
  };

  test('events arrive in order, with fields of other subgraphs', async () => {
    const client = open();
    const stream = follow(client, 'subscription { bookAdded { title stars } }');
    await it.library.until(() => it.library.listeners.size === 1);
    for (const title of ['A', 'B', 'C']) it.library.add(title);
    for (const title of ['A', 'B', 'C'])
      expect(await stream.next()).toMatchObject({ data: { bookAdded: { title, stars: 5 } } });
    stream.end();
    await it.library.until(() => it.library.listeners.size === 0);
    await client.dispose();
  });

  test('a client that vanishes ends its subscription', async () => {
    const client = open();
    follow(client, 'subscription { bookAdded { title } }');
    await it.library.until(() => it.library.listeners.size === 1);
    await client.dispose();
    await it.library.until(() => it.library.listeners.size === 0);
  });
});

describe('WebSocket', () => {
  test('a deferred answer comes in parts, each as soon as it is there', async () => {
    const client = connectWs();
    const parts: unknown[] = [];
    await new Promise<void>((resolve, reject) => {
      client.subscribe(
        { query: '{ book(id: "1") { title ... @defer(label: "later") { stars } } }' },
        { next: (part) => parts.push(part), error: reject, complete: resolve },
      );
    });
    expect(parts).toEqual([
      { data: { book: { title: 'The Left Hand of Darkness' } }, hasNext: true },
      { incremental: [{ data: { stars: 5 }, path: ['book'], label: 'later' }], hasNext: false },
    ]);
    // What has nothing to defer is one answer.
    expect(await once(client, { query: '{ book(id: "1") { title ... @defer(if: false) { stars } } }' })).toEqual({
      data: { book: { title: 'The Left Hand of Darkness', stars: 5 } },
    });
    await client.dispose();
  });

  test('a client that does not want the rest ends it', async () => {
    const client = connectWs();
    const first = await new Promise((resolve) => {
      const end = client.subscribe(
        { query: '{ whoAmI { subject } ... @defer { never } }' },
        { next: (part) => (resolve(part), end()), error: () => undefined, complete: () => undefined },
      );
    });
    expect(first).toMatchObject({ hasNext: true });
    await it.library.until(() => it.library.waiting.length === 0);
    await client.dispose();
  });

  test('queries and mutations work on it too', async () => {
    const client = connectWs();
    expect(await once(client, { query: '{ whoAmI { tenantId } }' })).toEqual({
      data: { whoAmI: { tenantId: 'default' } },
    });
    expect(await once(client, { query: 'mutation { addBook(title: "By socket") { title } }' })).toEqual({
      data: { addBook: { title: 'By socket' } },
    });
    await client.dispose();
  });

  test.each([
    ['a syntax error', { query: '{ book(' }, 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', { query: 'subscription { nope }' }, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'two subscriptions in one',
      { query: 'subscription { bookAdded { id } b: bookAdded { id } }' },
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'too much depth',
      { query: `{ __type(name: "Book") { ${'ofType { '.repeat(30)}name${' }'.repeat(30)} } }` },
      'QUERY_TOO_DEEP',
    ],
    ['NUL in a variable', { query: 'query ($t: String) { echo(text: $t) }', variables: { t: '\0' } }, 'BAD_USER_INPUT'],
    ['an empty query', { query: '' }, 'BAD_USER_INPUT'],
  ])('%s is refused, and the socket goes on', async (_, payload, code) => {
    const client = connectWs();
    await expect(once(client, payload)).rejects.toEqual([
      expect.objectContaining({ extensions: expect.objectContaining({ code }) as unknown }),
    ]);
    expect(await once(client, { query: '{ __typename }' })).toEqual({ data: { __typename: 'Query' } });
    await client.dispose();
  });

  test('values that do not fit are told as an answer', async () => {
    const client = connectWs();
    expect(
      await once(client, { query: 'query ($n: Int) { books(first: $n) { id } }', variables: { n: 'x' } }),
    ).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
    expect(await once(client, { query: '{ never }' })).toMatchObject({
      errors: [{ extensions: { code: 'REQUEST_TIMEOUT' } }],
    });
    await client.dispose();
  });

  test('more operations at once than allowed are refused', async () => {
    const client = connectWs();
    const first = follow(client, 'subscription { bookAdded { id } }');
    const second = follow(client, 'subscription { bookAdded { id } }');
    await it.library.until(() => it.library.listeners.size === 2);
    await expect(once(client, { query: '{ __typename }' })).rejects.toMatchObject([
      { extensions: { code: 'RATE_LIMITED' } },
    ]);
    first.end();
    second.end();
    await it.library.until(() => it.library.listeners.size === 0);
    expect(await once(client, { query: '{ __typename }' })).toEqual({ data: { __typename: 'Query' } });
    await client.dispose();
  });

  /** Opens a bare socket, sends, and tells how it ended. */
  const bare = (
    sent: (string | Buffer)[],
    headers: Record<string, string> = {},
  ): Promise<{ code: number; reason: string } | { status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(wsUrl(), 'graphql-transport-ws', { headers });
      const send = (messages: (string | Buffer)[]): void =>
        messages.forEach((message) => socket.send(message, { binary: false }));
      const afterInit = sent[0] === INIT ? 1 : sent.length;
      socket.on('open', () => send(sent.slice(0, afterInit)));
      socket.once('message', () => send(sent.slice(afterInit)));
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
      socket.on('unexpected-response', (_, response) => {
        let body = '';
        response
          .on('data', (chunk: Buffer) => (body += chunk.toString()))
          .on('end', () => resolve({ status: response.statusCode!, body }));
      });
      socket.on('error', (error) =>
        /Unexpected server response|Opening handshake/.test(error.message) ? undefined : reject(error),
      );
    });
  const INIT = '{"type":"connection_init"}';

  test.each([
    ['malformed JSON', [INIT, '{"type"'], 4400],
    ['no protocol message', [INIT, '{"type":"nonsense"}'], 4400],
    ['what only a server sends', [INIT, '{"type":"connection_ack"}'], 4400],
    ['the same, written otherwise', [INIT, '{"id":"1","payload":[],"type":"n\\u0065xt"}'], 4400],
    ['an operation before the handshake', ['{"id":"1","type":"subscribe","payload":{"query":"{ __typename }"}}'], 4401],
    ['invalid UTF-8', [INIT, Buffer.from([0x22, 0xff, 0xfe, 0x22])], 1007],
    [
      'a message over the limit',
      [
        INIT,
        JSON.stringify({ id: '1', type: 'subscribe', payload: { query: `{ echo(text: "${'x'.repeat(30_000)}") }` } }),
      ],
      1009,
    ],
    [
      'a subscription whose id is in use',
      [
        INIT,
        ...Array<string>(2).fill(
          '{"id":"1","type":"subscribe","payload":{"query":"subscription { bookAdded { id } }"}}',
        ),
      ],
      4409,
    ],
  ])('%s closes the socket with its code', async (_, sent, code) => {
    expect(await bare(sent)).toMatchObject({ code });
    await it.library.until(() => it.library.listeners.size === 0);
  });

  test.each([
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ host: 'evil.example' }, 403],
  ])('an upgrade with %j is refused', async (headers, status) => {
    expect(await bare([], headers)).toMatchObject({ status, body: expect.stringContaining('FORBIDDEN') as unknown });
  });

  test('another subprotocol is refused', async () => {
    const refused = await new Promise<number>((resolve) => {
      const socket = new WebSocket(wsUrl(), 'graphql-ws');
      socket.on('unexpected-response', (_, response) => resolve(response.statusCode!));
      socket.on('error', () => undefined);
    });
    expect(refused).toBe(400);
  });

  test('sockets over the cap are refused', async () => {
    await using few = await startTestServer({ MAX_SOCKETS: '1' });
    const client = connectWs({ url: wsUrl(few), lazy: false, onNonLazyError: () => undefined });
    await new Promise<void>((resolve) => client.on('connected', () => resolve()));
    const status = await new Promise<number>((resolve) => {
      const socket = new WebSocket(wsUrl(few), 'graphql-transport-ws');
      socket.on('unexpected-response', (_, response) => resolve(response.statusCode!));
      socket.on('error', () => undefined);
    });
    expect(status).toBe(429);
    await client.dispose();
  });

  test('a client that reads nothing is closed, and the others go on', async () => {
    await using slow = await startTestServer({ SOCKET_BUFFER_BYTES: '16384' });
    const socket = new WebSocket(wsUrl(slow), 'graphql-transport-ws');
    await new Promise<void>((resolve) => socket.on('open', () => resolve()));
    socket.send(INIT);
    await new Promise<void>((resolve) => socket.once('message', () => resolve()));
    for (const id of [1, 2])
      socket.send(`{"id":"${id}","type":"subscribe","payload":{"query":"subscription { bookAdded { title } }"}}`);
    await slow.library.until(() => slow.library.listeners.size === 2);
    socket.pause();
    const client = connectWs({ url: wsUrl(slow) });
    const other = follow(client, 'subscription { bookAdded { title } }');
    await slow.library.until(() => slow.library.listeners.size === 3);
    // More than the system's own socket buffers hold, so that some of it has to wait here.
    for (let i = 0; i < 200 && slow.library.listeners.size === 3; i++) {
      slow.library.add(`${i} ${'x'.repeat(200_000)}`);
      expect(await other.next()).toMatchObject({
        data: { bookAdded: { title: expect.stringMatching(new RegExp(`^${i} `)) as unknown } },
      });
    }
    await slow.library.until(() => slow.library.listeners.size === 1);
    socket.terminate();
    other.end();
    await client.dispose();
  });
});

describe('shutdown', () => {
  test('sockets are closed with the code to resume, streams are cut, requests end', async () => {
    const stopping = await startTestServer();
    const client = connectWs({ url: wsUrl(stopping) });
    const closed = new Promise<CloseEvent>((resolve) => client.on('closed', (event) => resolve(event as CloseEvent)));
    follow(client, 'subscription { bookAdded { id } }');
    const sse = await fetch(
      `${stopping.url}/graphql?query=${encodeURIComponent('subscription { bookAdded { id } }')}`,
      { headers: { accept: 'text/event-stream' } },
    );
    await stopping.library.until(() => stopping.library.listeners.size === 2);
    const reading = sse.text();
    const running = stopping.post({ query: '{ never }' });
    for (const promise of [reading, running]) promise.catch(() => undefined); // Looked at below, after they have failed.
    await stopping.library.until(() => stopping.library.waiting.length === 1);
    const ended = stopping[Symbol.asyncDispose]();
    expect(await closed).toMatchObject({ code: 4499, reason: expect.stringContaining('Resume') as unknown });
    await expect(reading).rejects.toThrow();
    // Nothing but time ends this one; the grace does.
    await expect(running).rejects.toThrow();
    await ended;
    expect(stopping.library.listeners.size).toBe(0);
    await expect(fetch(stopping.url)).rejects.toThrow();
  });

  test('for a while it only says that it stops, so that nobody is sent to one that is gone', async () => {
    const stopping = await startTestServer({ SHUTDOWN_DELAY_MS: '3000' });
    const client = connectWs({ url: wsUrl(stopping) });
    const closed = new Promise<CloseEvent>((resolve) => client.on('closed', (event) => resolve(event as CloseEvent)));
    follow(client, 'subscription { bookAdded { id } }');
    await stopping.library.until(() => stopping.library.listeners.size === 1);
    const ended = stopping[Symbol.asyncDispose]();
    const [ready, answer] = await Promise.all([
      fetch(`${stopping.url}/health/ready`),
      fetch(`${stopping.url}/graphql?query=%7B__typename%7D`, { headers: { accept: 'application/json' } }),
    ]);
    expect([ready.status, answer.status]).toEqual([503, 200]);
    // Whoever keeps connections is to come by another one.
    expect([ready, answer].map(({ headers }) => headers.get('connection'))).toEqual(['close', 'close']);
    expect(stopping.library.listeners.size).toBe(1);
    expect(await closed).toMatchObject({ code: 4499 });
    await ended;
    await expect(fetch(stopping.url)).rejects.toThrow();
  });
});

interface CloseEvent {
  code: number;
  reason: string;
}
