/**
 * Faults that others published, tried here by the names of their advisories, on every way in that they could come by.
 * Those of protected fields (GHSA-mx7m-j9xf-62hw, GHSA-m8jr-fxqx-8xx6, GHSA-x33c-7c2v-mrj9, GHSA-g8jh-vg5j-4h3f) are in
 * `tests/engine/authorization.test.ts`; equal fetches of remote subgraphs in `tests/engine/remote-client.test.ts`.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { federate, received, type TestSubgraph } from '#tests/engine/federation.ts';
import { startTestServer, type GraphqlAnswer, type TestServer } from './fixture.ts';
import { startIssuer, type Issuer } from './issuer.ts';
import { http, mcpExecute, openSocket, WAYS_IN } from './ways-in.ts';

let issuer: Issuer;
let it: TestServer;
const bearers: string[] = [];
beforeAll(async () => {
  issuer = await startIssuer();
  it = await startTestServer({ OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'tributary' });
  for (const tenant of ['acme', 'globex', 'initech'])
    bearers.push(`Bearer ${await issuer.token({ tenant, sub: `ann of ${tenant}` })}`);
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
});

const JSON_TYPE = { 'content-type': 'application/json' };
const codes = ({ errors }: GraphqlAnswer): unknown[] => [...new Set(errors?.map(({ extensions }) => extensions.code))];
const times = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');
/** What anybody could write to objects that everybody has. */
const polluted = (): unknown => ({}) as Record<string, unknown>['polluted'];
const expectClean = (): void => {
  expect((polluted() as { polluted?: unknown }).polluted).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
};

/** Each fragment spreads the one below it twice: written out, there are 2 to the power of `depth`. */
const doubling = (depth: number, spread: (below: string) => string, last: string): string =>
  `{ book(id: "1") { ...f0 } } ${times(depth, (index) => `fragment f${index} on Book { ${spread(`...f${index + 1}`)} }`)} fragment f${depth} on Book { ${last} }`;

/** Fragments that are nested and used again: what they come to is measured without writing it out. */
const FRAGMENTS: Readonly<Record<string, [code: string | undefined, query: string]>> = {
  'CVE-2025-32030 (gateway) and CVE-2025-32034 (router): expanded once for each spread while planning': [
    'QUERY_TOO_DEEP',
    doubling(20, (below) => `a: similar { ${below} } b: similar { ${below} }`, 'id'),
  ],
  "CVE-2025-32031 (gateway) and CVE-2025-32032 (router): selections that escape the planner's short cuts": [
    'QUERY_TOO_DEEP',
    doubling(40, (below) => `... on Book { ${below} } ... @include(if: true) { ${below} }`, 'id title'),
  ],
  'CVE-2025-32380: read once for each spread while validating': [
    'QUERY_TOO_DEEP',
    doubling(60, (below) => `${below} ${below}`, 'id'),
  ],
  'what they come to is little: it is answered': [undefined, doubling(5, (below) => `${below} ${below}`, 'id title')],
};

describe.each(Object.entries(WAYS_IN))('%s', (_, send) => {
  test.each(Object.entries(FRAGMENTS))('%s', async (__, [code, query]) => {
    const { answer } = await send(it.url, { query }, bearers[0]);
    if (code === undefined) expect(answer).toEqual({ data: { book: { id: '1', title: 'The Left Hand of Darkness' } } });
    else expect(codes(answer)).toEqual([code]);
  });

  test("CVE-2026-32621: names of Object.prototype as aliases and variables write to nobody's prototype", async () => {
    const { answer } = await send(
      it.url,
      {
        query: `query ($__proto__: Int, $constructor: ID!, $prototype: String) {
          __proto__: books(first: $__proto__) { __proto__: title polluted: title }
          constructor: book(id: $constructor) { prototype: title __proto__: stars similar(first: $__proto__) { polluted: stars } }
          hasOwnProperty: echo(text: $prototype)
        }`,
        variables: JSON.parse('{"__proto__": 1, "constructor": "1", "prototype": "polluted"}') as Record<
          string,
          unknown
        >,
      },
      bearers[0],
    );
    expectClean();
    expect(answer.errors).toBeUndefined();
    expect(JSON.stringify(answer.data)).toBe(
      '{"__proto__":[{"__proto__":"The Left Hand of Darkness","polluted":"The Left Hand of Darkness"}],' +
        '"constructor":{"prototype":"The Left Hand of Darkness","__proto__":5,"similar":[{"polluted":5}]},"hasOwnProperty":"polluted"}',
    );
  });

  test('keys of caches that miss the caller: equal operations of several tenants at once', async () => {
    const query = '{ whoAmI { tenantId subject } }';
    const answers = await Promise.all(
      [...bearers, ...bearers].map(async (bearer) => (await send(it.url, { query }, bearer)).answer.data as unknown),
    );
    expect(answers).toEqual(
      ['acme', 'globex', 'initech', 'acme', 'globex', 'initech'].map((tenantId) => ({
        whoAmI: { tenantId, subject: `ann of ${tenantId}` },
      })),
    );
  });
});

describe('CVE-2026-32621', () => {
  test("names of Object.prototype in the answers of a subgraph write to nobody's prototype", async () => {
    const subgraphs: Record<string, TestSubgraph> = {
      list: {
        typeDefs: 'type Query { item: Item } type Item @key(fields: "id") { id: ID! tags: Tags } type Tags { a: Int }',
        resolvers: { Query: { item: () => ({ id: '1', tags: { a: 1 } }) } },
      },
      names: { typeDefs: 'type Item @key(fields: "id") { id: ID! name: String }' },
    };
    const evil =
      '{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}},"name":"n","tags":{"__proto__":{"polluted":1},"a":2}}';
    await using federation = await federate(subgraphs, {
      inThread: true,
      wrap: (client) =>
        client.name === 'list'
          ? client
          : {
              ...client,
              execute: () =>
                Promise.resolve(
                  JSON.parse(`{"data":{"__proto__":{"polluted":true},"_entities":[${evil}]},"__proto__":{}}`),
                ),
            },
    });
    expect(received(await federation.run('{ item { id name tags { a } } }'))).toEqual({
      data: { item: { id: '1', name: 'n', tags: { a: 1 } } },
    });
    expectClean();
  });
});

test('CVE-2024-43414: fields that every subgraph can tell, so many that plans for them are past counting', async () => {
  // 6 to the power of 400 ways: more than a number holds.
  const names = Array.from({ length: 400 }, (_, index) => `f${index}`);
  const typeDefs = `type Query { node: Node @shareable } type Node @key(fields: "id") { id: ID! ${names.map((name) => `${name}: Int @shareable`).join(' ')} }`;
  const node = Object.fromEntries(names.map((name, index) => [name, index]));
  const subgraph: TestSubgraph = {
    typeDefs,
    resolvers: { Query: { node: () => ({ id: '1', ...node }) }, Node: { __resolveReference: () => node } },
  };
  await using federation = await federate(
    Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [name, subgraph])),
    { inThread: true },
  );
  const result = await federation.run(`{ node { ${names.join(' ')} } }`);
  expect(received(result)).toEqual({ data: { node } });
  expect(federation.calls).toHaveLength(1);
});

const deep = `subscription { bookAdded ${'{ similar '.repeat(30)}{ id }${' }'.repeat(30)} }`;

test.each(['WebSocket', 'server-sent events', 'multipart'])(
  'CVE-2026-30241: the limit on depth holds for subscriptions (%s)',
  async (way) => {
    const { answer } = await WAYS_IN[way]!(it.url, { query: deep }, bearers[0]);
    expect(codes(answer)).toEqual(['QUERY_TOO_DEEP']);
    expect(it.library.listeners.size).toBe(0);
  },
);

describe('CVE-2023-41317: a subscription without a name', () => {
  const query = 'subscription { bookAdded { title } }';
  const added = async (): Promise<void> => {
    await it.library.until(() => it.library.listeners.size === 1);
    it.library.add('Added');
  };
  const streamed = async (method: 'GET' | 'POST', accept: string): Promise<string> => {
    const path = method === 'GET' ? `/graphql?query=${encodeURIComponent(query)}` : '/graphql';
    const request = httpRequest(`${it.url}${path}`, {
      method,
      headers: { ...JSON_TYPE, accept, authorization: bearers[0]! },
    });
    request.end(method === 'GET' ? undefined : JSON.stringify({ query }));
    const [[response]] = (await Promise.all([once(request, 'response'), added()])) as [[IncomingMessage], void];
    let text = '';
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      text += chunk;
      if (text.includes('Added')) break;
    }
    request.destroy();
    return text;
  };

  test.each([
    ['GET', 'text/event-stream'],
    ['POST', 'text/event-stream'],
    ['POST', 'multipart/mixed;subscriptionSpec=1.0, application/json'],
  ] as const)('%s, accepting %s', async (method, accept) => {
    expect(await streamed(method, accept)).toContain('{"bookAdded":{"title":"Added"}}');
    await it.library.until(() => it.library.listeners.size === 0);
  });

  test('WebSocket', async () => {
    await using socket = await openSocket(it.url, bearers[0]);
    const message = once(socket.socket, 'message');
    socket.ask({ query }).catch(() => undefined);
    await added();
    expect(String((await message)[0])).toContain('"bookAdded":{"title":"Added"}');
    socket.socket.terminate();
    await it.library.until(() => it.library.listeners.size === 0);
  });
});

describe.each(['CVE-2026-35577', 'GHSA-89vp-x53w-74fx'])(
  '%s: a page that has its own name lead to this machine reaches no tool',
  () => {
    const body = JSON.stringify(mcpExecute(1, { query: '{ books { title } }' }));
    const headers = { ...JSON_TYPE, accept: 'application/json, text/event-stream' };

    test.each(['evil.example', 'evil.example:80', '127.0.0.1.evil.example', '169.254.169.254', '[::ffff:127.0.0.1]'])(
      'Host %s',
      async (host) => {
        const { status, text } = await http(
          it.url,
          '/mcp',
          'POST',
          { ...headers, host, authorization: bearers[0]! },
          body,
        );
        expect([status, codes(JSON.parse(text) as GraphqlAnswer)]).toEqual([403, ['FORBIDDEN']]);
      },
    );

    test('nor does one of another origin', async () => {
      const { status, text } = await http(
        it.url,
        '/mcp',
        'POST',
        { ...headers, origin: 'http://evil.example', authorization: bearers[0]! },
        body,
      );
      expect([status, codes(JSON.parse(text) as GraphqlAnswer)]).toEqual([403, ['FORBIDDEN']]);
    });

    test('with a positive control', async () => {
      const { text } = await http(it.url, '/mcp', 'POST', { ...headers, authorization: bearers[0]! }, body);
      expect(text).toContain('The Left Hand of Darkness');
    });
  },
);

describe("GHSA-hff2-gcpx-8f4p: a GET of a type that a browser's fault lets any page send", () => {
  const ask = (headers: Record<string, string>, method = 'GET') =>
    http(it.url, '/graphql?query={books{title}}', method, { ...headers, authorization: bearers[0]! });

  test.each([
    'message/http',
    'text/plain',
    'application/x-www-form-urlencoded',
    'Message/External-Body; x="application/json"',
    'application/json, message/http',
    'multipart/form-data; boundary=x',
  ])('%s is refused', async (type) => {
    const { status, text } = await ask({ 'content-type': type });
    expect([status, codes(JSON.parse(text) as GraphqlAnswer)]).toEqual([415, ['BAD_USER_INPUT']]);
    expect((await ask({ 'content-type': type }, 'HEAD')).status).toBe(415);
  });

  test.each([
    {},
    { 'content-type': '' },
    { 'content-type': 'application/json' },
    { 'content-type': 'Application/JSON; charset=utf-8' },
  ] as Record<string, string>[])('%j is answered', async (headers) => {
    expect(await ask(headers)).toMatchObject({ status: 200, text: expect.stringContaining('Left Hand') });
  });
});

describe('two of the same', () => {
  test.each([
    ['Host', 'host: 127.0.0.1\r\nHost: evil.example'],
    ['Host', 'host: evil.example\r\nhost: 127.0.0.1'],
    ['Host', 'host: 127.0.0.1\r\nhost: 127.0.0.1'],
    ['Authorization', 'host: 127.0.0.1\r\nauthorization: Bearer a\r\nauthorization: Bearer b'],
    ['Content-Type', 'host: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-type: text/plain'],
  ])('%s headers are refused on every path: %j', async (_, headers) => {
    for (const start of [
      'POST /graphql',
      'GET /graphql?query={__typename}',
      'POST /mcp',
      'GET /objects/x',
      'GET /graphql',
    ]) {
      const upgrade =
        start === 'GET /graphql'
          ? 'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: graphql-transport-ws'
          : 'connection: close\r\ncontent-length: 0';
      const socket = connect(it.server.port, '127.0.0.1');
      socket.write(`${start} HTTP/1.1\r\n${headers}\r\n${upgrade}\r\n\r\n`);
      let text = '';
      for await (const chunk of socket.setEncoding('utf8')) text += String(chunk);
      expect([start, text.slice(0, 12)]).toEqual([start, 'HTTP/1.1 400']);
    }
  });
});

test.each(['WebSocket', 'server-sent events', 'multipart'])(
  'a subscription whose event is skipped is none (%s)',
  async (way) => {
    for (const query of [
      'subscription { bookAdded @skip(if: true) { id } }',
      'subscription ($on: Boolean = true) { bookAdded @include(if: $on) { id } }',
      'subscription { ...F } fragment F on Subscription { ... @skip(if: false) { bookAdded { id } } }',
    ]) {
      const { answer } = await WAYS_IN[way]!(it.url, { query }, bearers[0]);
      expect(codes(answer)).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    }
    expect(it.library.listeners.size).toBe(0);
  },
);

test.each([
  '{"0":["__proto__.polluted"]}',
  '{"0":["variables.__proto__.polluted"]}',
  '{"0":["constructor.prototype.polluted"]}',
  '{"__proto__":["variables.file"]}',
])('multipart prototype pollution: the map %s', async (map) => {
  const form = new FormData();
  form.append('operations', '{"query":"query ($file: String) { echo(text: $file) }","variables":{"file":null}}');
  form.append('map', map);
  form.append('0', new Blob(['yes'], { type: 'text/plain' }), 'polluted.txt');
  const response = await fetch(`${it.url}/graphql`, {
    method: 'POST',
    headers: { authorization: bearers[0]!, 'x-apollo-operation-name': 'any' },
    body: form,
  });
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect(response.status).toBeLessThan(500);
  await response.text();
  expectClean();
});
