/** One small request must not bring the server down: what is made and sent for it is bounded, on every way in. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { loadConfig } from '#gateway/config/config.ts';
import { createListener } from '#gateway/http/listener.ts';
import { subgraphRoutes } from '#gateway/http/subgraph-routes.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import type { Route } from '#subgraphs/shared/subgraph.ts';
import { startTestServer, type GraphqlAnswer, type TestServer } from './fixture.ts';
import { AGENT_WAYS, http, mcp, mcpExecute, openSocket, WAYS_IN, type Send } from './ways-in.ts';

const MEBIBYTE = 1_048_576;
/** More than an error ever takes. */
const LITTLE = 5_000;

let it: TestServer;
/** The id of a book with a title of 2 MiB. */
let long: string;
beforeAll(async () => {
  // What an operation says beforehand is tried below: here nothing is said, as of a list whose length no schema knows.
  it = await startTestServer({ MAX_COST: '1000000000' });
  long = it.library.add('x'.repeat(2 * MEBIBYTE)).id;
  for (let count = it.library.books.length; count < 100; count++) it.library.add(`Book ${count}`);
});
afterAll(async () => await it[Symbol.asyncDispose]());

/** 936 bytes that were answered with 210 MB. */
const titlesOf = (id: string): string =>
  `{ book(id: "${id}") { ${Array.from({ length: 98 }, (_, index) => `a${index}:title`).join(' ')} } }`;

/** 115 bytes that were answered with 50 MB: a few objects that lead to one another are in very many places. */
const SIMILAR = '{ books(first: 100) { similar(first: 100) { similar(first: 100) { id stars } } } }';
/** The same, with what another subgraph knows of each. */
const SIMILAR_TITLES = '{ books(first: 100) { similar(first: 100) { similar(first: 100) { id title } } } }';

/** The attack, and a good request beside it. */
async function attack(send: Send, query: string): Promise<GraphqlAnswer> {
  const [{ bytes, answer }, good] = await Promise.all([
    send(it.url, { query }),
    WAYS_IN.POST!(it.url, { query: '{ book(id: "1") { title stars } }' }),
  ]);
  expect(good.answer).toEqual({ data: { book: { title: 'The Left Hand of Darkness', stars: 5 } } });
  expect(bytes).toBeLessThan(LITTLE);
  expect(answer.errors?.map(({ extensions }) => extensions.code)).toEqual(['QUERY_TOO_COSTLY']);
  expect(answer.data ?? null).toBeNull();
  return answer;
}

describe.each(Object.entries(WAYS_IN))('%s', (way, send) => {
  test('a stored text under many aliases is not multiplied without end', async () => {
    const { errors } = await attack(send, titlesOf(long));
    expect(errors![0]!.message).toMatch(/bytes/);
    expect(errors![0]!.extensions.hint).toMatch(/smaller pages/);
  });

  test('objects that lead to one another are not written without end', async () => {
    const { errors } = await attack(send, SIMILAR);
    expect(errors![0]!.message).toMatch(/more than \d+ objects/);
  });

  test('nor are they asked of another subgraph', async () => {
    await attack(send, SIMILAR_TITLES);
  });

  test('a large answer within the budget is whole', async () => {
    const { answer } = await send(it.url, { query: `{ book(id: "${long}") { title again: title } }` });
    expect(answer.errors).toBeUndefined();
    if (AGENT_WAYS.includes(way)) return expect(answer.data).toHaveLength(40_000); // A page of it.
    expect((answer.data as { book: { again: string } }).book.again).toHaveLength(2 * MEBIBYTE);
  });
});

test('an answer in characters of three bytes is measured in bytes', async () => {
  const wide = it.library.add('\u20ac'.repeat(MEBIBYTE)).id;
  const titles = (count: number): string =>
    `{ book(id: "${wide}") { ${Array.from({ length: count }, (_, index) => `a${index}:title`).join(' ')} } }`;
  expect((await it.post({ query: titles(7) })).json.errors).toBeUndefined();
  expect((await it.post({ query: titles(9) })).json.errors?.[0]?.extensions.code).toBe('QUERY_TOO_COSTLY');
});

test('a WebSocket goes on: what it runs beside is answered', async () => {
  await using socket = await openSocket(it.url);
  const [attacked, good] = await Promise.all([
    socket.ask({ query: titlesOf(long) }),
    socket.ask({ query: '{ book(id: "1") { title } }' }),
  ]);
  expect(attacked.answer.errors?.[0]?.extensions.code).toBe('QUERY_TOO_COSTLY');
  expect(good.answer).toEqual({ data: { book: { title: 'The Left Hand of Darkness' } } });
  expect((await socket.ask({ query: '{ __typename }' })).answer).toEqual({ data: { __typename: 'Query' } });
});

describe('before it is planned', () => {
  let usual: TestServer;
  beforeAll(async () => void (usual = await startTestServer()));
  afterAll(async () => await usual[Symbol.asyncDispose]());

  test.each(Object.entries(WAYS_IN))('%s: an operation is refused for what it says it may cost', async (_, send) => {
    const { bytes, answer } = await send(usual.url, {
      query:
        'query ($first: Int) { books(first: $first) { similar(first: $first) { similar(first: $first) { id } } } }',
      variables: { first: 100 },
    });
    expect(answer.errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COSTLY', cost: { estimated: 1_010_100 } } }]);
    expect(bytes).toBeLessThan(LITTLE);
    const { answer: less } = await send(usual.url, {
      query:
        'query ($first: Int) { books(first: $first) { similar(first: $first) { similar(first: $first) { id } } } }',
      variables: { first: 2 },
    });
    expect(less.errors).toBeUndefined();
  });

  test.each(['POST', 'GET', 'server-sent events', 'multipart', 'WebSocket'])(
    '%s: the cost is shown on request',
    async (way) => {
      const { answer } = await WAYS_IN[way]!(usual.url, {
        query: '{ books(first: 3) { similar(first: 2) { id } } }',
        extensions: { cost: true },
      });
      expect(answer.extensions).toMatchObject({ cost: { estimated: 9, limit: 250_000, nodes: 3 } });
    },
  );

  test('a batch of MCP messages shares one limit', async () => {
    const query = '{ books(first: 200) { similar(first: 200) { similar(first: 5) { id } } } }';
    expect((await mcp(usual.url, mcpExecute(1, { query }))).text).not.toMatch(/QUERY_TOO_COSTLY/);
    const { text } = await mcp(
      usual.url,
      [1, 2, 3].map((id) => mcpExecute(id, { query })),
    );
    expect(codesOf(text)).toEqual(Array(3).fill('QUERY_TOO_COSTLY'));
  });
});

/** Of each answer in a batch of MCP, the code of its error. */
const codesOf = (text: string): unknown[] =>
  (JSON.parse(text) as { result: { structuredContent: { errors: { extensions: { code: string } }[] } } }[]).map(
    ({ result }) => result.structuredContent.errors[0]?.extensions.code,
  );

test('a batch of MCP messages shares one budget', async () => {
  const batch = [1, 2, 3, 4].map((id) => mcpExecute(id, { query: `{ book(id: "${long}") { title } }` }));
  const { text } = await mcp(it.url, batch);
  expect(text.length).toBeLessThan(4 * LITTLE);
  expect(codesOf(text)).toEqual(Array(4).fill('QUERY_TOO_COSTLY'));
  expect((await mcp(it.url, [batch[0]])).text).not.toMatch(/QUERY_TOO_COSTLY/);
});

test('a batch of MCP messages is bounded in number', async () => {
  const { status, text } = await mcp(
    it.url,
    Array.from({ length: 11 }, (_, id) => mcpExecute(id, { query: '{ __typename }' })),
  );
  expect(status).toBe(400);
  expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
});

describe('in parts', () => {
  test.each(['server-sent events', 'multipart'])('%s: a deferred part has the budget of its answer', async (way) => {
    const query = `{ book(id: "${long}") { id ... @defer { ${titlesOf(long).slice(titlesOf(long).indexOf('a0'), -4)} } } }`;
    const { answer, bytes } = await WAYS_IN[way]!(it.url, { query });
    expect(answer.errors?.map(({ extensions }) => extensions.code)).toEqual(['QUERY_TOO_COSTLY']);
    expect(bytes).toBeLessThan(LITTLE);
  });

  test.each([
    [
      'WebSocket',
      (url: string) => createSocketClient({ url: `${url.replace(/^http/, 'ws')}/graphql`, webSocketImpl: WebSocket }),
    ],
    ['server-sent events', (url: string) => createSseClient({ url: `${url}/graphql` })],
  ])('%s: an event that is too large is an error, and the next comes', async (_, connectTo) => {
    const client = connectTo(it.url);
    const before = it.library.listeners.size;
    const query = `subscription { bookAdded ${titlesOf(long).slice(titlesOf(long).indexOf('{ a0'), -2)} }`;
    const events = client.iterate({ query }) as AsyncIterableIterator<GraphqlAnswer>;
    const first = events.next();
    await it.library.until(() => it.library.listeners.size > before);
    it.library.add('y'.repeat(MEBIBYTE));
    const { errors } = (await first).value as GraphqlAnswer;
    expect(errors?.[0]?.extensions.code).toBe('QUERY_TOO_COSTLY');
    const second = events.next();
    it.library.add('short');
    expect((await second).value).toMatchObject({ data: { bookAdded: { a0: 'short', a97: 'short' } } });
    await events.return?.();
    await client.dispose();
    await it.library.until(() => it.library.listeners.size === before);
  });
});

test('a client that does not read what it asked for is cut', async () => {
  await using impatient = await startTestServer({ READER_STALL_MS: '300' });
  const long = impatient.library.add('x'.repeat(2 * MEBIBYTE)).id;
  const socket = connect(impatient.server.port, '127.0.0.1');
  const query = JSON.stringify({
    query: `{ book(id: "${long}") { ${'abcdefgh'
      .split('')
      .map((name) => `${name}:title`)
      .join(' ')} } }`,
  });
  const closed = once(socket, 'close');
  socket.pause();
  socket.write(
    `POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${query.length}\r\n\r\n${query}`,
  );
  while (!impatient.log.some((line) => line.includes('A client that did not read was cut.')))
    await new Promise((resolve) => setTimeout(resolve, 100));
  socket.resume();
  await closed;
  expect((await impatient.post({ query: '{ __typename }' })).status).toBe(200);
});

describe('before anything is parsed', () => {
  const brackets = '['.repeat(200_000) + ']'.repeat(200_000);
  const manyValues = `[${'0,'.repeat(300_000)}0]`;
  const hiding = JSON.stringify({ query: `{ echo(text: ${JSON.stringify('[{'.repeat(1_000))}) }` });

  test.each(['variables', 'extensions', 'other'])('deep JSON in `%s` is refused', async (name) => {
    const { status, text } = await http(
      it.url,
      '/graphql',
      'POST',
      { 'content-type': 'application/json' },
      `{"query":"{ __typename }","${name}":${brackets}}`,
    );
    expect([status, JSON.parse(text).errors[0].message]).toEqual([
      400,
      'The body is nested more than 128 levels deep.',
    ]);
  });

  test('many values are refused', async () => {
    const { json, status } = await it.post(`{"query":"{ __typename }","extensions":{"x":${manyValues}}}`);
    expect([status, json.errors![0]!.message]).toEqual([400, 'The body has more than 200000 values.']);
  });

  test('brackets in texts are texts', async () => {
    expect((await it.post(hiding)).json).toEqual({ data: { echo: '[{'.repeat(1_000) } });
  });

  test('MCP: deep JSON is refused', async () => {
    const { status, text } = await mcp(it.url, `{"jsonrpc":"2.0","id":1,"method":"ping","params":${brackets}}`);
    expect([status, JSON.parse(text).error]).toMatchObject([400, { code: -32700, data: { code: 'BAD_USER_INPUT' } }]);
  });

  test('WebSocket: a deep message closes the socket', async () => {
    await using socket = await openSocket(it.url);
    const closed = once(socket.socket, 'close');
    socket.socket.send(`{"id":"1","type":"subscribe","payload":{"query":"{ __typename }","variables":${brackets}}}`);
    expect((await closed)[0]).toBe(4400);
  });
});

describe('connections', () => {
  test('a body that does not arrive is answered with 408', async () => {
    await using slow = await startTestServer({ BODY_TIMEOUT_MS: '300' });
    const socket = connect(slow.server.port, '127.0.0.1');
    socket.write(
      'POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"query":',
    );
    let text = '';
    for await (const chunk of socket.setEncoding('utf8')) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1.1 408 /);
    expect(text).toMatch(/REQUEST_TIMEOUT/);
  });

  /** What a server answers to bytes, until it closes the connection. */
  async function answerTo(port: number, bytes: string): Promise<{ head: string; code: unknown }> {
    const socket = connect(port, '127.0.0.1');
    socket.write(bytes);
    let text = '';
    for await (const chunk of socket.setEncoding('utf8')) text += String(chunk);
    const [head, body] = text.split('\r\n\r\n') as [string, string];
    return { head: head.split('\r\n')[0]!, code: (JSON.parse(body) as GraphqlAnswer).errors![0]!.extensions!['code'] };
  }

  test('headers that do not arrive, are too long or are none are answered each by its own code', async () => {
    await using slow = await startTestServer({ HEADERS_TIMEOUT_MS: '300' });
    expect(await answerTo(slow.server.port, 'POST /graphql HTTP/1.1\r\nhost: a\r\n')).toEqual({
      head: 'HTTP/1.1 408 Request Timeout',
      code: 'REQUEST_TIMEOUT',
    });
    expect(await answerTo(slow.server.port, `GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)).toEqual({
      head: 'HTTP/1.1 431 Request Header Fields Too Large',
      code: 'PAYLOAD_TOO_LARGE',
    });
    expect(await answerTo(slow.server.port, 'hello there\r\n\r\n')).toEqual({
      head: 'HTTP/1.1 400 Bad Request',
      code: 'BAD_USER_INPUT',
    });
  });

  test('an upload may take long, and may not stand still', async () => {
    const { bounds } = loadConfig({ SENDER_STALL_MS: '300' });
    const route: Route = {
      methods: ['PUT'],
      prefix: '/objects/',
      handle: async (request) => Response.json({ length: (await request.arrayBuffer()).byteLength }),
    };
    const listener = createListener(
      [
        subgraphRoutes([route], {
          authenticate: () => Promise.reject(new Error('The route asks for nobody.')),
          stopping: new AbortController().signal,
          senderStallMs: bounds.http.senderStallMs,
        }),
      ],
      bounds.http,
      createLogger({ level: 'silent' }),
    );
    expect(listener.server.requestTimeout).toBe(3_600_000);
    const port = await listener.listen('127.0.0.1', 0);
    const head = 'PUT /objects/a HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n';
    try {
      expect(await answerTo(port, `${head}12345`)).toEqual({
        head: 'HTTP/1.1 408 Request Timeout',
        code: 'REQUEST_TIMEOUT',
      });
      const { status, text } = await http(`http://127.0.0.1:${port}`, '/objects/a', 'PUT', {}, '0123456789');
      expect([status, JSON.parse(text)]).toEqual([200, { length: 10 }]);
    } finally {
      await listener.close(0);
    }
  });

  test('those of one address, and all, are capped', async () => {
    await using few = await startTestServer({ MAX_CONNECTIONS_PER_ADDRESS: '3' });
    const open = Array.from({ length: 3 }, () => connect(few.server.port, '127.0.0.1'));
    await Promise.all(open.map((socket) => once(socket, 'connect')));
    const refused = connect(few.server.port, '127.0.0.1');
    refused.on('error', () => undefined);
    await once(refused, 'close');
    for (const socket of open) {
      socket.destroy();
      await once(socket, 'close');
    }
    await expect
      .poll(async () => (await few.post({ query: '{ __typename }' }).catch(() => undefined))?.status)
      .toBe(200);
  });
});
