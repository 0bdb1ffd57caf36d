/** Limits of callers, tenants and addresses, on every way in. Windows are so long that nothing is given back meanwhile. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { startTestServer, type GraphqlAnswer, type TestServer } from './fixture.ts';
import { startIssuer, type Issuer } from './issuer.ts';
import { http, LEAVING, mcp, mcpExecute, openEventStream, openSocket, WAYS_IN, type Says } from './ways-in.ts';

/** Everybody is who the proxy says, and comes from where it says. */
const PROXY = {
  TRUSTED_PROXIES: '127.0.0.1',
  FORWARD_AUTH_USER_HEADER: 'remote-user',
  FORWARD_AUTH_TENANT_HEADER: 'remote-tenant',
  MAX_BATCH_OPERATIONS: '10',
};
const QUERY = { query: '{ reviewCount }' };
const as = (user: string, tenant = user, address = '192.0.2.1'): Record<string, string> => ({
  'remote-user': user,
  'remote-tenant': tenant,
  'x-forwarded-for': address,
});

/** Ways that are one request for each operation. */
const OF_ONE_REQUEST = Object.entries(WAYS_IN).filter(([name]) => name !== 'WebSocket' && name !== 'one event stream');

/** What was told of the first error, wherever it was: an answer, or what was sent in the place of one. */
async function refusal(answer: Promise<{ answer: GraphqlAnswer }>): Promise<Record<string, unknown> | undefined> {
  try {
    return (await answer).answer.errors?.[0]?.extensions;
  } catch (error) {
    // MCP: the whole request was refused, with its own status.
    return (JSON.parse((error as Error).message) as GraphqlAnswer).errors![0]!.extensions;
  }
}

describe('of a caller', () => {
  let it: TestServer;
  beforeAll(async () => {
    it = await startTestServer({ ...PROXY, RATE_LIMIT_PRINCIPAL: '3/1d', RATE_LIMIT_TENANT: '1000/1d' });
  });
  afterAll(async () => await it[Symbol.asyncDispose]());

  test.each(Object.entries(WAYS_IN))('hold on %s', async (name, send) => {
    const says = as(`of ${name}`.replaceAll(' ', '-'), 'shared');
    for (let at = 0; at < 3; at++)
      expect((await send(it.url, QUERY, says)).answer).toEqual({ data: { reviewCount: 3 } });
    const refused = await refusal(send(it.url, QUERY, says));
    expect(refused).toMatchObject({ code: 'RATE_LIMITED', limit: 'principal' });
    expect(refused!['retryAfterSeconds']).toBeGreaterThan(28_000);
    // Nobody else of the tenant is.
    expect(
      (await send(it.url, QUERY, as(`beside ${name}`.replaceAll(' ', '-'), 'shared'))).answer.errors,
    ).toBeUndefined();
  });

  test('hold whichever way he comes', async () => {
    const says = as('many-ways');
    const codes = [];
    for (const send of Object.values(WAYS_IN)) codes.push((await refusal(send(it.url, QUERY, says)))?.['code']);
    expect(codes).toEqual(codes.map((_, at) => (at < 3 ? undefined : 'RATE_LIMITED')));
    expect(codes.length).toBeGreaterThan(5);
  });

  test('are told in headers, of what passes and of what does not', async () => {
    const says = as('headers');
    const answers = [];
    for (let at = 0; at < 4; at++) answers.push(await it.post(QUERY, says));
    const [first, , third, fourth] = answers;
    expect(first!.headers.get('ratelimit-policy')).toContain('"principal";q=3;w=86400, "tenant";q=1000;w=86400');
    expect(first!.headers.get('ratelimit')).toMatch(/"principal";r=2;t=28800, "tenant";r=999;t=\d+/);
    expect(third!.headers.get('ratelimit')).toContain('"principal";r=0;');
    expect(third!.headers.get('retry-after')).toBeNull();
    expect(fourth!.status).toBe(429);
    expect(Number(fourth!.headers.get('retry-after'))).toBeGreaterThan(28_000);
    expect(fourth!.json.errors![0]!.message).toBe('There are too many operations of this caller.');
    expect(JSON.stringify(fourth!.json)).not.toContain('"http"');
  });

  test('may be read by pages of other origins', async () => {
    await using other = await startTestServer({ ...PROXY, CORS_ORIGINS: 'https://app.example' });
    const { headers } = await other.post(QUERY, { ...as('page'), origin: 'https://app.example' });
    expect(headers.get('access-control-expose-headers')).toMatch(/retry-after, ratelimit, ratelimit-policy/);
    expect(headers.get('ratelimit')).toContain('"principal";');
  });

  test('count each operation of a batch, once', async () => {
    const says = as('batches');
    const batch = (size: number) =>
      it.post(
        Array.from({ length: size }, () => QUERY),
        says,
      );
    // More than ever pass at once: it would be told in vain when to come again. The one that came with it is counted.
    const four = await batch(4);
    expect({ status: four.status, error: four.json.errors![0] }).toMatchObject({
      status: 400,
      error: {
        message: expect.stringMatching(/^At most 3 operations of this caller pass at once/),
        extensions: { code: 'BAD_USER_INPUT' },
      },
    });
    const two = await batch(2);
    expect({ status: two.status, left: two.headers.get('ratelimit')!.match(/"principal";r=(\d+)/)![1] }).toEqual({
      status: 200,
      left: '0',
    });
    expect((await batch(2)).status).toBe(429);
  });

  test('count each message of an MCP batch', async () => {
    const batch = [1, 2, 3, 4].map((id) => mcpExecute(id, QUERY));
    expect((await mcp(it.url, batch, as('mcp-batches'))).status).toBe(400);
    expect((await mcp(it.url, batch.slice(2), as('mcp-batches'))).status).toBe(200);
    expect((await mcp(it.url, batch.slice(2), as('mcp-batches'))).status).toBe(429);
  });

  test('count what cannot be read, or is wrong', async () => {
    const says = as('wrong');
    for (const wrong of ['{', { query: '{' }, { query: '{ nope }' }])
      expect((await it.post(wrong, says)).status).toBe(400);
    expect((await it.post('{', says)).status).toBe(429);
  });

  test('refuse before a body has come', async () => {
    const says = as('slow');
    for (let at = 0; at < 3; at++) await it.post(QUERY, says);
    const request = httpRequest(`${it.url}/graphql`, {
      method: 'POST',
      headers: { ...says, 'content-type': 'application/json', 'content-length': '100' },
    });
    request.on('error', () => undefined);
    request.flushHeaders();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(429);
    request.destroy();
  });

  test('count a stream once, however much comes of it', async () => {
    const says = as('streams');
    await using socket = await openSocket(it.url, says);
    const events: unknown[] = [];
    const five = new Promise<void>((resolve) =>
      socket.socket.on('message', (data: Buffer) => {
        const message = JSON.parse(String(data)) as { id?: string; type: string };
        if (message.id === 's' && message.type === 'next' && events.push(message) === 5) resolve();
      }),
    );
    const payload = { query: 'subscription { bookAdded { title } }' };
    socket.socket.send(JSON.stringify({ id: 's', type: 'subscribe', payload }));
    await it.library.until(() => it.library.listeners.size > 0);
    for (let at = 0; at < 5; at++) it.library.add(`Book ${at}`);
    await five;
    const { headers } = await it.post(QUERY, says);
    expect(headers.get('ratelimit')).toContain('"principal";r=1;');
  });

  test('tell a WebSocket in a message, and leave it open', async () => {
    const says = as('told');
    await using socket = await openSocket(it.url, says);
    for (let at = 0; at < 3; at++) await socket.ask(QUERY);
    const refused = (await socket.ask(QUERY)).answer.errors![0]!.extensions;
    expect(Object.keys(refused).sort()).toEqual(['code', 'hint', 'limit', 'retryAfterSeconds']);
    expect(socket.socket.readyState).toBe(WebSocket.OPEN);
  });

  test('are counted where operators look, and logged once for many', async () => {
    await using other = await startTestServer({ ...PROXY, RATE_LIMIT_PRINCIPAL: '1/1d' });
    for (let at = 0; at < 6; at++) await other.post(QUERY, as('counted'));
    const { text } = await http(other.url, '/health/ready', 'GET', {});
    expect((JSON.parse(text) as { refused: object }).refused).toEqual({ principal: 5 });
    const lines = other.log.filter((line) => line.includes('A limit refuses'));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ limit: 'principal', tenant: 'counted', address: '192.0.2.1' });
  });
});

describe('of a tenant', () => {
  test('hold for all its callers, and for no other', async () => {
    const projects = { FORWARD_AUTH_PROJECT_HEADER: 'remote-project' };
    await using it = await startTestServer({ ...PROXY, ...projects, RATE_LIMIT_TENANT: '5/1d' });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, at) =>
        // Of as many projects, and of none: they share what their tenant has.
        it.post(QUERY, { ...as(`user-${at}`, 'flooding'), 'remote-project': at % 2 === 0 ? '' : `p${at}` }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
    expect(answers.find(({ status }) => status === 429)!.json.errors![0]!.extensions['limit']).toBe('tenant');
    for (let at = 0; at < 5; at++) expect((await it.post(QUERY, as('quiet'))).status).toBe(200);
    // Who is refused for his tenant has used up nothing of his own.
    const { headers } = await it.post(QUERY, as('late', 'flooding'));
    expect(headers.get('ratelimit')).toMatch(/"principal";r=6000;t=0, "tenant";r=0;/);
  });
});

describe('of an address', () => {
  let it: TestServer;
  beforeAll(async () => {
    it = await startTestServer({ ...PROXY, RATE_LIMIT_ADDRESS: '3/1d', RATE_LIMIT_PRINCIPAL: '0' });
  });
  afterAll(async () => await it[Symbol.asyncDispose]());

  test.each(OF_ONE_REQUEST)('hold on %s', async (name, send) => {
    const address = `198.51.100.${Object.keys(WAYS_IN).indexOf(name)}`;
    // Whoever it is.
    for (let at = 0; at < 3; at++)
      expect((await send(it.url, QUERY, as(`u${at}`, 't', address))).answer.errors).toBeUndefined();
    expect(await refusal(send(it.url, QUERY, as('u4', 't', address)))).toMatchObject({
      code: 'RATE_LIMITED',
      limit: 'address',
    });
  });

  test('hold for each request of one event stream', async () => {
    const says = as('u', 't', '198.51.100.201');
    const stream = await openEventStream(it.url, says);
    expect((await stream.ask(QUERY)).answer.errors).toBeUndefined();
    expect(await refusal(stream.ask(QUERY))).toMatchObject({ code: 'RATE_LIMITED', limit: 'address' });
    await stream[Symbol.asyncDispose]();
    await expect(openEventStream(it.url, says)).rejects.toThrow(/429.*RATE_LIMITED/);
  });

  test('hold for WebSockets that are opened', async () => {
    const says = as('u', 't', '198.51.100.200');
    for (let at = 0; at < 3; at++) await (await openSocket(it.url, says))[Symbol.asyncDispose]();
    const socket = new WebSocket(`${it.url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws', { headers: says });
    const [request, response] = (await once(socket, 'unexpected-response')) as [{ destroy(): void }, IncomingMessage];
    expect(response.statusCode).toBe(429);
    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
    request.destroy();
  });

  test.each([
    ['another path', 'graphql-transport-ws', '/nope', 404],
    ['another protocol', 'graphql-ws', '/graphql', 400],
  ])('hold for WebSockets that are refused: %s', async (name, protocol, path, status) => {
    const says = as('u', 't', `2001:db8:${name.length}::1`);
    const statuses = [];
    for (let at = 0; at < 4; at++) {
      const socket = new WebSocket(`${it.url.replace(/^http/, 'ws')}${path}`, protocol, { headers: says });
      const [request, response] = (await once(socket, 'unexpected-response')) as [{ destroy(): void }, IncomingMessage];
      statuses.push(response.statusCode);
      request.destroy();
    }
    expect(statuses).toEqual([status, status, status, 429]);
  });

  test('hold for all of an IPv6 network, and for nothing that a client writes itself', async () => {
    const from = async (forwarded: string): Promise<number> => (await it.post(QUERY, as('six', 't', forwarded))).status;
    expect(await from('2001:db8:5:5::1')).toBe(200);
    expect(await from('2001:db8:5:5:ffff::2')).toBe(200);
    expect(await from('203.0.113.9, 2001:db8:5:5::3')).toBe(200);
    expect(await from('203.0.113.10, 2001:db8:5:5::4')).toBe(429);
    expect(await from('2001:db8:5:6::1')).toBe(200);
  });

  test('hold for whoever has said nothing, and for paths that there are not', async () => {
    const from = { 'x-forwarded-for': '203.0.113.77' };
    const statuses = [];
    for (const path of ['/nope', '/graphql', '/mcp', '/nope'])
      statuses.push((await http(it.url, path, 'POST', { ...from, 'content-type': 'application/json' }, '{}')).status);
    expect(statuses).toEqual([404, 401, 401, 429]);
  });

  test('do not hold for probes', async () => {
    const from = { 'x-forwarded-for': '203.0.113.78' };
    for (let at = 0; at < 6; at++) expect((await http(it.url, '/health/ready', 'GET', from)).status).toBe(200);
  });

  test('X-Forwarded-For of anybody else is not read', async () => {
    await using direct = await startTestServer({
      ...PROXY,
      TRUSTED_PROXIES: '10.0.0.0/8',
      RATE_LIMIT_ADDRESS: '2/1d',
    });
    const statuses = [];
    for (let at = 0; at < 3; at++) statuses.push((await direct.post(QUERY, as('u', 't', `192.0.2.${at}`))).status);
    expect(statuses).toEqual([401, 401, 429]);
  });
});

describe('by what operations are', () => {
  let it: TestServer;
  beforeAll(async () => {
    it = await startTestServer({
      ...PROXY,
      RATE_LIMIT_PRINCIPAL_QUERIES: '3/1d',
      RATE_LIMIT_PRINCIPAL_MUTATIONS: '1/1d',
      RATE_LIMIT_PRINCIPAL_SUBSCRIPTIONS: '1/1d',
      RATE_LIMIT_TENANT_COST: '1000/1d',
    });
  });
  afterAll(async () => await it[Symbol.asyncDispose]());

  test.each(Object.entries(WAYS_IN))('queries: %s', async (name, send) => {
    const says = as(`queries-${name}`.replaceAll(' ', '-'));
    for (let at = 0; at < 3; at++) expect((await send(it.url, QUERY, says)).answer.errors).toBeUndefined();
    expect(await refusal(send(it.url, QUERY, says))).toMatchObject({
      code: 'RATE_LIMITED',
      limit: 'principal-queries',
    });
  });

  test('mutations, and nothing of a mutation that is refused is done', async () => {
    const mutation = { query: 'mutation { addBook(title: "One") { title } }' };
    const before = it.library.books.length;
    expect((await it.post(mutation, as('writer'))).status).toBe(200);
    const refused = await it.post(mutation, as('writer'));
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('ratelimit')).toContain('"principal-mutations";r=0;');
    expect(it.library.books).toHaveLength(before + 1);
    expect((await it.post(QUERY, as('writer'))).status).toBe(200);
  });

  test.each(['text/event-stream', 'multipart/mixed;subscriptionSpec=1.0'])(
    'a stream that is refused has the status 429: %s',
    async (accept) => {
      const says = as(`follower-${accept.length}`);
      const open = async (): Promise<{ status: number; headers: IncomingHttpHeaders; end: () => void }> => {
        const request = httpRequest(`${it.url}/graphql`, {
          method: 'POST',
          headers: { ...says, accept, 'content-type': 'application/json' },
        });
        request.on('error', () => undefined);
        request.end(JSON.stringify({ query: 'subscription { bookAdded { title } }' }));
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        response.on('error', () => undefined).resume();
        return { status: response.statusCode!, headers: response.headers, end: () => request.destroy() };
      };
      const first = await open();
      expect(first.status).toBe(200);
      const second = await open();
      expect({ status: second.status, type: second.headers['content-type'] }).toEqual({
        status: 429,
        type: 'application/json; charset=utf-8',
      });
      first.end();
      second.end();
    },
  );

  test('and by what they cost', async () => {
    const costly = { query: '{ books(first: 400) { title } }' };
    expect((await it.post(costly, as('a', 'spender'))).status).toBe(200);
    expect((await it.post(costly, as('b', 'spender'))).status).toBe(200);
    const refused = await it.post(costly, as('c', 'spender'));
    expect(refused.json.errors![0]!.extensions).toMatchObject({ code: 'RATE_LIMITED', limit: 'tenant-cost' });
    expect((await it.post({ query: '{ books(first: 2) { title } }' }, as('c', 'spender'))).status).toBe(200);
  });
});

describe('at once', () => {
  let it: TestServer;
  beforeAll(async () => {
    it = await startTestServer({
      ...PROXY,
      MAX_OPERATIONS_PER_PRINCIPAL: '2',
      MAX_STREAMS_PER_PRINCIPAL: '2',
      MAX_OPERATIONS_PER_TENANT: '4',
    });
  });
  afterAll(async () => await it[Symbol.asyncDispose]());
  const NEVER = { query: '{ never }' };

  test.each(Object.entries(WAYS_IN))(
    'operations under way are so many, and their places are given back: %s',
    async (name, send) => {
      const says = as(`busy-${name}`.replaceAll(' ', '-'));
      const leaves = [];
      for (let at = 1; at <= 2; at++) {
        leaves.push(await LEAVING[name]!(it.url, NEVER, says));
        await it.library.until(() => it.library.waiting.length === at);
      }
      expect(await refusal(send(it.url, QUERY, says))).toMatchObject({
        code: 'RATE_LIMITED',
        limit: 'principal-operations-at-once',
        retryAfterSeconds: 1,
      });
      expect((await send(it.url, QUERY, as('other'))).answer.errors).toBeUndefined();
      for (const leave of leaves) leave();
      await it.library.until(() => it.library.waiting.length === 0);
      await expect.poll(() => refusal(send(it.url, QUERY, says))).toBeUndefined();
    },
  );

  test('those of a tenant, by whomever', async () => {
    const leaves = [];
    for (let at = 1; at <= 4; at++) {
      leaves.push(await LEAVING['POST']!(it.url, NEVER, as(`one-${at}`, 'crowd')));
      await it.library.until(() => it.library.waiting.length === at);
    }
    const refused = await it.post(QUERY, as('one-5', 'crowd'));
    expect(refused).toMatchObject({ status: 429 });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.json.errors![0]!.extensions['limit']).toBe('tenant-operations-at-once');
    for (const leave of leaves) leave();
    await it.library.until(() => it.library.waiting.length === 0);
  });

  test('streams are counted apart, and come again once one has ended', async () => {
    const says = as('watcher');
    await using socket = await openSocket(it.url, says);
    const subscribe = (id: string): void =>
      socket.socket.send(
        JSON.stringify({ id, type: 'subscribe', payload: { query: 'subscription { bookAdded { title } }' } }),
      );
    const open = it.library.listeners.size;
    subscribe('a');
    subscribe('b');
    await it.library.until(() => it.library.listeners.size === open + 2);
    const told = new Promise<GraphqlAnswer>((resolve) =>
      socket.socket.on('message', (data: Buffer) => {
        const message = JSON.parse(String(data)) as { id?: string; type: string; payload: GraphqlAnswer };
        if (message.id === 'c' && message.type === 'next') resolve(message.payload);
      }),
    );
    subscribe('c');
    expect((await told).errors![0]!.extensions).toMatchObject({ limit: 'principal-streams-at-once' });
    // Queries have places of their own.
    expect((await it.post(QUERY, says)).status).toBe(200);
    socket.socket.send(JSON.stringify({ id: 'a', type: 'complete' }));
    await it.library.until(() => it.library.listeners.size === open + 1);
    subscribe('d');
    await it.library.until(() => it.library.listeners.size === open + 2);
  });
});

describe('of tokens that do not hold', () => {
  let issuer: Issuer;
  let it: TestServer;
  beforeAll(async () => {
    issuer = await startIssuer();
    it = await startTestServer({
      OIDC_ISSUER: issuer.url,
      OIDC_AUDIENCE: 'tributary',
      TRUSTED_PROXIES: '127.0.0.1',
      RATE_LIMIT_ADDRESS_SIGN_INS: '3/1d',
    });
  });
  afterAll(async () => {
    await it[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
  });

  const from = (address: string, token: string): Says => ({
    authorization: `Bearer ${token}`,
    'x-forwarded-for': address,
  });

  test.each(OF_ONE_REQUEST)('a flood of them is not looked at: %s', async (name, send) => {
    const address = `198.51.100.${Object.keys(WAYS_IN).indexOf(name)}`;
    const good = await issuer.token({ tenant: 'acme' });
    const codes = [];
    const code = async (token: string): Promise<unknown> =>
      (await refusal(send(it.url, QUERY, from(address, token))))?.['code'];
    codes.push(await code('wrong'), await code(good), await code('wrong'), await code('wrong'), await code('wrong'));
    expect(codes).toEqual(['UNAUTHENTICATED', undefined, 'UNAUTHENTICATED', 'UNAUTHENTICATED', 'RATE_LIMITED']);
    expect(await code(good)).toBeUndefined();
    expect(await code(await issuer.token({ tenant: 'acme', sub: 'new' }))).toBe('RATE_LIMITED');
    expect((await send(it.url, QUERY, from('192.0.2.250', good))).answer.errors).toBeUndefined();
  });

  test('nor of API keys', async () => {
    const says = { 'x-forwarded-for': '198.51.100.223', 'x-api-key': 'trk_wrong' };
    const statuses = [];
    for (let at = 0; at < 4; at++) statuses.push((await it.post(QUERY, says)).status);
    expect(statuses).toEqual([401, 401, 401, 429]);
  });

  test('nor for event streams', async () => {
    const says = { 'x-forwarded-for': '198.51.100.224', authorization: 'Bearer wrong' };
    for (let at = 0; at < 3; at++) await expect(openEventStream(it.url, says)).rejects.toThrow(/401.*UNAUTHENTICATED/);
    await expect(openEventStream(it.url, says)).rejects.toThrow(/429.*RATE_LIMITED/);
  });

  test('nor over WebSockets', async () => {
    const says = { 'x-forwarded-for': '198.51.100.222', authorization: 'Bearer wrong' };
    for (let at = 0; at < 3; at++) await expect(openSocket(it.url, says)).rejects.toThrow(/4403 UNAUTHENTICATED/);
    await expect(openSocket(it.url, says)).rejects.toThrow(/1013 RATE_LIMITED/);
  });
});

test('callers without a token count by their address', async () => {
  await using it = await startTestServer({
    ...PROXY,
    ANONYMOUS_TENANT: 'public',
    RATE_LIMIT_PRINCIPAL: '2/1d',
  });
  const from = async (address: string): Promise<number> =>
    (await it.post(QUERY, { 'x-forwarded-for': address })).status;
  expect([await from('192.0.2.1'), await from('192.0.2.1'), await from('192.0.2.1')]).toEqual([200, 200, 429]);
  expect(await from('192.0.2.2')).toBe(200);
});
