/** Event streams that carry several operations: who may use them, what they may hold, and how they end. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from 'graphql-sse';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type GraphqlAnswer, type TestServer } from './fixture.ts';
import { startIssuer, type Issuer } from './issuer.ts';
import { http, openEventStream } from './ways-in.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer({ MAX_SUBSCRIPTIONS_PER_SOCKET: '3' });
});
afterAll(async () => await it[Symbol.asyncDispose]());

const TOKEN = 'x-graphql-event-stream-token';
const JSON_TYPE = { 'content-type': 'application/json' };
const SUBSCRIPTION = 'subscription { bookAdded { title } }';

const reserve = async (url = it.url, headers: Record<string, string> = {}): Promise<string> =>
  (await http(url, '/graphql', 'PUT', headers)).text;

/** Sends an operation for the stream. */
const send = (token: string, body: unknown, headers: Record<string, string> = {}) =>
  http(it.url, '/graphql', 'POST', { ...JSON_TYPE, [TOKEN]: token, ...headers }, JSON.stringify(body));

const operation = (operationId: unknown, query = SUBSCRIPTION) => ({ query, extensions: { operationId } });

const errorOf = (text: string) => (JSON.parse(text) as GraphqlAnswer).errors![0]!;

/** Reads a stream: all that came, and what comes next that fits. */
async function openStream(url: string, token: string, headers: Record<string, string> = {}) {
  const abort = new AbortController();
  const response = await fetch(`${url}/graphql?token=${token}`, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: abort.signal,
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    /** Reads on until something fits; gives all that came. */
    async until(pattern: RegExp): Promise<string> {
      while (!pattern.test(text)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`The stream ended: ${text}`);
        text += value;
      }
      return text;
    },
    /** Resolves with what makes it end before its time. */
    failed: async (): Promise<unknown> => {
      try {
        while (!(await reader.read()).done);
        return 'complete';
      } catch (error) {
        return error;
      }
    },
    leave: () => abort.abort(),
  };
}

describe('the protocol', () => {
  test('a stream is reserved, opened once, and carries what operations come to, by their ids', async () => {
    const reserved = await http(it.url, '/graphql', 'PUT', {});
    expect(reserved.status).toBe(201);
    expect(reserved.text).toMatch(/^[\w-]{32}$/);
    const stream = await openStream(it.url, reserved.text);
    expect(stream).toMatchObject({ status: 200, type: 'text/event-stream' });
    expect(await send(reserved.text, operation('one', '{ book(id: "1") { title } }'))).toEqual({
      status: 202,
      text: '',
    });
    expect(await stream.until(/complete/)).toBe(
      ':\n\nevent: next\ndata: {"id":"one","payload":{"data":{"book":{"title":"The Left Hand of Darkness"}}}}\n\n' +
        'event: complete\ndata: {"id":"one"}\n\n',
    );
    // An id can be used again.
    expect((await send(reserved.text, operation('one', '{ fail }'))).status).toBe(202);
    expect(await stream.until(/"errors"[\s\S]*complete\ndata/)).toContain('INTERNAL_SERVER_ERROR');
    stream.leave();
  });

  test('operations that come before it is opened wait for it', async () => {
    const token = await reserve();
    expect((await send(token, operation('early', 'mutation { addBook(title: "Early") { title } }'))).status).toBe(202);
    const stream = await openStream(it.url, token);
    expect(await stream.until(/complete/)).toContain('{"id":"early","payload":{"data":{"addBook":{"title":"Early"}}}}');
    stream.leave();
  });

  test('a deferred answer comes in parts', async () => {
    await using stream = await openEventStream(it.url);
    const { text } = await stream.ask({ query: '{ book(id: "1") { title ... @defer(label: "later") { stars } } }' });
    expect(text).toContain('"hasNext":true');
    expect(text).toContain('"label":"later"');
  });

  test('DELETE ends one operation, and the others go on', async () => {
    const token = await reserve();
    const stream = await openStream(it.url, token);
    for (const id of ['a', 'b']) await send(token, operation(id));
    await it.library.until(() => it.library.listeners.size === 2);
    expect(await http(it.url, '/graphql?operationId=a', 'DELETE', { [TOKEN]: token })).toEqual({
      status: 200,
      text: '',
    });
    await it.library.until(() => it.library.listeners.size === 1);
    it.library.add('Later');
    expect(await stream.until(/"id":"b"/)).not.toContain('"id":"a"');
    // One that has ended is no fault: the two may cross.
    expect((await http(it.url, `/graphql?operationId=a&token=${token}`, 'DELETE', {})).status).toBe(200);
    stream.leave();
    await it.library.until(() => it.library.listeners.size === 0);
  });

  test('a query that still runs ends with its stream, and by DELETE', async () => {
    const token = await reserve();
    const stream = await openStream(it.url, token);
    for (const id of ['x', 'y']) await send(token, operation(id, '{ never }'));
    await it.library.until(() => it.library.waiting.length === 2);
    await http(it.url, '/graphql?operationId=x', 'DELETE', { [TOKEN]: token });
    await it.library.until(() => it.library.waiting.length === 1);
    stream.leave();
    await it.library.until(() => it.library.waiting.length === 0);
  });

  test('what is wrong is told by the request that is wrong', async () => {
    const token = await reserve();
    const stream = await openStream(it.url, token);
    const refused = async (body: unknown, headers?: Record<string, string>) => {
      const { status, text } = await send(token, body, headers);
      const { message, extensions } = errorOf(text);
      return [status, extensions['code'], message];
    };
    expect(await refused(operation('v', '{ nothing }'))).toMatchObject([400, 'GRAPHQL_VALIDATION_FAILED', /nothing/]);
    expect(await refused(operation('v', '{'))).toMatchObject([400, 'GRAPHQL_PARSE_FAILED', expect.anything()]);
    for (const id of [undefined, null, '', 7, {}])
      expect(await refused(operation(id))).toMatchObject([400, 'BAD_USER_INPUT', /operationId/]);
    expect(await refused(operation('x'.repeat(257)))).toMatchObject([400, 'BAD_USER_INPUT', /256/]);
    for (const body of [null, 7, 'x', {}]) expect(await refused(body)).toMatchObject([400, 'BAD_USER_INPUT', /./]);
    expect(await refused([operation('a')])).toMatchObject([400, 'BAD_USER_INPUT', /batch/]);
    expect(await refused(operation('a'), { 'content-type': 'multipart/form-data; boundary=x' })).toMatchObject([
      400,
      'BAD_USER_INPUT',
      /Files/,
    ]);
    const query = new URLSearchParams({
      query: 'mutation { addBook(title: "x") { id } }',
      extensions: '{"operationId":"m"}',
    });
    expect((await http(it.url, `/graphql?${String(query)}`, 'GET', { [TOKEN]: token })).status).toBe(405);
    // None of them took a place.
    for (const id of ['1', '2', '3']) expect((await send(token, operation(id))).status).toBe(202);
    expect(await refused(operation('3'))).toMatchObject([409, 'CONFLICT', /operationId/]);
    expect(await refused(operation('4'))).toMatchObject([429, 'RATE_LIMITED', /at most 3 operations/]);
    const second = await fetch(`${it.url}/graphql?token=${token}`, { headers: { accept: 'text/event-stream' } });
    expect([second.status, ((await second.json()) as GraphqlAnswer).errors![0]!.extensions['code']]).toEqual([
      409,
      'CONFLICT',
    ]);
    stream.leave();
    await it.library.until(() => it.library.listeners.size === 0);
  });

  test('a token that is none is told so on every request', async () => {
    const headers = { [TOKEN]: 'x'.repeat(32) };
    for (const [method, path, more, body] of [
      ['GET', '/graphql', { accept: 'text/event-stream' }, undefined],
      ['GET', '/graphql?query={reviewCount}', {}, undefined],
      ['POST', '/graphql', JSON_TYPE, '{"query":"{ reviewCount }"}'],
      ['DELETE', '/graphql?operationId=1', {}, undefined],
    ] as const) {
      const { status, text } = await http(it.url, path, method, { ...headers, ...more }, body);
      expect([method, status, errorOf(text).extensions['code']]).toEqual([method, 404, 'NOT_FOUND']);
    }
    const { status, text } = await http(it.url, '/graphql?operationId=1', 'DELETE', {});
    expect([status, errorOf(text).message]).toMatchObject([400, /names no stream/]);
  });

  test('a page of another origin may use it', async () => {
    const elsewhere = createServer().listen(0);
    await once(elsewhere, 'listening');
    const origin = `http://localhost:${(elsewhere.address() as AddressInfo).port}`;
    const preflight = await fetch(`${it.url}/graphql`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': TOKEN },
    });
    expect(preflight.headers.get('access-control-allow-methods')).toMatch(/PUT, DELETE/);
    expect(preflight.headers.get('access-control-allow-headers')).toContain(TOKEN);
    const client = createClient({ url: `${it.url}/graphql`, singleConnection: true, headers: { origin } });
    const answers: unknown[] = [];
    for await (const answer of client.iterate({ query: '{ reviewCount }' })) answers.push(answer);
    expect(answers).toEqual([{ data: { reviewCount: 3 } }]);
    client.dispose();
    elsewhere.close();
  });
});

describe('bounds', () => {
  test('one that is not opened in time is given up, with what waits for it', async () => {
    await using server = await startTestServer({ EVENT_STREAM_RESERVATION_MS: '100' });
    const token = await reserve(server.url);
    const headers = { ...JSON_TYPE, [TOKEN]: token };
    const body = JSON.stringify(operation('a', 'mutation { addBook(title: "Never") { id } }'));
    expect((await http(server.url, '/graphql', 'POST', headers, body)).status).toBe(202);
    // Asked until it is gone, which is what is tested.
    let status: number;
    do ({ status } = await http(server.url, '/graphql?operationId=b', 'DELETE', { [TOKEN]: token }));
    while (status === 200);
    expect(status).toBe(404);
    expect(server.library.books).toHaveLength(1);
  });

  test('a caller may not keep more than a hundred that are not opened, nor all more than the server has', async () => {
    await using server = await startTestServer({ MAX_EVENT_STREAMS: '102', EVENT_STREAM_RESERVATION_MS: '60000' });
    const put = () => http(server.url, '/graphql', 'PUT', {});
    const open = await Promise.all([openEventStream(server.url), openEventStream(server.url)]);
    for (let count = 0; count < 100; count++) expect((await put()).status).toBe(201);
    const refused = await put();
    expect([refused.status, errorOf(refused.text).message]).toMatchObject([429, /too many event streams/]);
    await open[0]![Symbol.asyncDispose]();
    // Now there is room, but not for this caller.
    let answer = await put();
    while (errorOf(answer.text).message === 'There are too many event streams.') answer = await put();
    expect([answer.status, errorOf(answer.text).message]).toMatchObject([429, /without opening them/]);
    expect(errorOf(answer.text).extensions['retryAfterSeconds']).toBe(60);
    await open[1]![Symbol.asyncDispose]();
  });

  test('a client that reads nothing of many answers is cut, and nothing is kept for it', async () => {
    await using server = await startTestServer({ READER_STALL_MS: '1000', MAX_SUBSCRIPTIONS_PER_SOCKET: '50' });
    const stream = await openEventStream(server.url);
    stream.response.removeAllListeners('data').pause();
    const text = 'x'.repeat(900_000);
    const query = `query ($text: String) { ${Array.from({ length: 10 }, (_, at) => `a${at}: echo(text: $text)`).join(' ')} }`;
    const lost = Array.from({ length: 20 }, () => stream.ask({ query, variables: { text } }).catch(String));
    const end = () => http(server.url, '/graphql?operationId=-', 'DELETE', { [TOKEN]: stream.token });
    await expect.poll(async () => (await end()).status, { timeout: 20_000 }).toBe(404);
    stream.response.destroy();
    expect(new Set(await Promise.all(lost))).toEqual(new Set(['Error: The event stream was closed.']));
    expect((await server.post({ query: '{ reviewCount }' })).json).toEqual({ data: { reviewCount: 3 } });
  });

  test('all are cut when the server stops, so that their clients come back', async () => {
    const server = await startTestServer();
    const token = await reserve(server.url);
    const stream = await openStream(server.url, token);
    await http(server.url, '/graphql', 'POST', { ...JSON_TYPE, [TOKEN]: token }, JSON.stringify(operation('a')));
    await server.library.until(() => server.library.listeners.size === 1);
    const [failure] = await Promise.all([stream.failed(), server[Symbol.asyncDispose]()]);
    expect(failure).toBeInstanceOf(Error);
    expect(server.library.listeners.size).toBe(0);
  });
});

describe('whose it is', () => {
  let issuer: Issuer;
  let server: TestServer;
  beforeAll(async () => {
    issuer = await startIssuer();
    server = await startTestServer({
      OIDC_ISSUER: issuer.url,
      OIDC_AUDIENCE: 'tributary',
      OIDC_CLOCK_SKEW_SECONDS: '0',
      EVENT_STREAM_RESERVATION_MS: '600000',
    });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
  });

  test('somebody else, of another tenant or of the same, finds no such stream', async () => {
    const own = await issuer.token({ sub: 'ada', tenant: 'blue' });
    const others = [
      await issuer.token({ sub: 'bob', tenant: 'blue' }),
      await issuer.token({ sub: 'ada', tenant: 'red' }),
    ];
    await using stream = await openEventStream(server.url, `Bearer ${own}`);
    for (const token of others) {
      const headers = { ...JSON_TYPE, authorization: `Bearer ${token}`, [TOKEN]: stream.token };
      const body = JSON.stringify(operation('a', '{ reviewCount }'));
      expect((await http(server.url, '/graphql', 'POST', headers, body)).status).toBe(404);
      expect((await http(server.url, '/graphql?operationId=0', 'DELETE', headers)).status).toBe(404);
    }
    // The token of the stream is not enough.
    expect((await http(server.url, '/graphql', 'POST', { ...JSON_TYPE, [TOKEN]: stream.token }, '{}')).status).toBe(
      401,
    );
    // A token of the same caller that was renewed is.
    const { answer } = await stream.ask({ query: '{ whoAmI { subject tenantId } }' });
    expect(answer.data).toEqual({ whoAmI: { subject: 'ada', tenantId: 'blue' } });
  });

  test('it is cut when the token of whoever opened it expires, or that of an operation on it', async () => {
    const lasting = await issuer.token({ sub: 'ada', tenant: 'blue' });
    const ending = (): Promise<string> => issuer.token({ sub: 'ada', tenant: 'blue' }, { expiresInSeconds: 2 });
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

    const short = bearer(await ending());
    const first = await openStream(server.url, await reserve(server.url, short), short);
    const token = await reserve(server.url, bearer(lasting));
    const second = await openStream(server.url, token, bearer(lasting));
    const headers = { ...JSON_TYPE, ...bearer(await ending()), [TOKEN]: token };
    expect((await http(server.url, '/graphql', 'POST', headers, JSON.stringify(operation('a')))).status).toBe(202);
    expect(await first.failed()).toBeInstanceOf(Error);
    expect(await second.failed()).toBeInstanceOf(Error);
    await server.library.until(() => server.library.listeners.size === 0);
  });

  test('one that is not open is given up when the token of an operation that waits for it expires', async () => {
    const bearer = async (expiresInSeconds: number): Promise<Record<string, string>> => ({
      authorization: `Bearer ${await issuer.token({ sub: 'ada', tenant: 'blue' }, { expiresInSeconds })}`,
    });
    const lasting = await bearer(300);
    const token = await reserve(server.url, lasting);
    const waiting = { ...JSON_TYPE, ...(await bearer(2)), [TOKEN]: token };
    const body = JSON.stringify(operation('a', 'mutation { addBook(title: "Too late") { id } }'));
    expect((await http(server.url, '/graphql', 'POST', waiting, body)).status).toBe(202);
    const end = () => http(server.url, '/graphql?operationId=b', 'DELETE', { ...lasting, [TOKEN]: token });
    await expect.poll(async () => (await end()).status, { timeout: 20_000 }).toBe(404);
    expect(server.library.books.map(({ title }) => title)).not.toContain('Too late');
  });
});
