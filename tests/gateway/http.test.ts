import { connect } from 'node:net';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HTTP } from '#gateway/bounds/http.ts';
import { requestGuard } from '#gateway/http/request-guard.ts';
import { startTestServer, type GraphqlAnswer, type TestServer } from './fixture.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer({
    BODY_LIMIT_BYTES: '200000',
    REQUEST_TIMEOUT_MS: '2000',
    MAX_DEPTH: '8',
    MAX_TOKENS: '2000',
    MAX_ALIASES: '10',
    MAX_ROOT_FIELDS: '12',
  });
});
afterAll(async () => await it[Symbol.asyncDispose]());

/** fetch() sets Host and Origin itself, so these go by hand. */
function raw(
  path: string,
  headers: Record<string, string>,
  options: { method?: string; body?: string } = {},
): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${it.url}${path}`, { method: options.method ?? 'GET', headers }, (response) => {
      let body = '';
      response
        .setEncoding('utf8')
        .on('data', (chunk: string) => (body += chunk))
        .on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    });
    request.on('error', reject);
    request.end(options.body);
  });
}

const codes = (answer: GraphqlAnswer) => answer.errors?.map((error) => error.extensions['code'] as string);

test('connections are kept for longer than proxies keep theirs', async () => {
  const { headers } = await raw('/health/live', { host: 'localhost', connection: 'keep-alive' });
  expect(headers['keep-alive']).toBe(`timeout=${HTTP.keepAliveMs / 1_000}`);
});

describe('operations', () => {
  test('POST and GET answer the same', async () => {
    const query = 'query Book($id: ID!) { book(id: $id) { title stars } }';
    const posted = await it.post({ query, variables: { id: '1' } });
    expect(posted).toMatchObject({
      status: 200,
      json: { data: { book: { title: 'The Left Hand of Darkness', stars: 5 } } },
    });
    const got = await fetch(
      `${it.url}/graphql?${new URLSearchParams({ query, variables: '{"id":"1"}', operationName: 'Book' })}`,
    );
    expect(await got.json()).toEqual(posted.json);
  });

  test('answers in the media type of the specification when asked for it', async () => {
    const { headers } = await it.post({ query: '{ __typename }' }, { accept: 'application/graphql-response+json' });
    expect(headers.get('content-type')).toMatch(/^application\/graphql-response\+json/);
  });

  test('a mutation by GET is refused and does nothing', async () => {
    const before = it.library.books.length;
    const response = await fetch(
      `${it.url}/graphql?query=${encodeURIComponent('mutation { addBook(title: "x") { id } }')}`,
    );
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    expect(codes((await response.json()) as GraphqlAnswer)).toEqual(['FORBIDDEN']);
    expect(it.library.books).toHaveLength(before);
  });

  test("the tenant is the developer's whatever the headers say", async () => {
    const { json } = await it.post(
      { query: '{ whoAmI { tenantId subject } }' },
      { 'x-tenant-id': 'other', authorization: 'Bearer nonsense' },
    );
    expect(json.data).toEqual({ whoAmI: { tenantId: 'default', subject: 'developer' } });
  });

  test('introspection answers, within the limits on depth', async () => {
    const { json } = await it.post({
      query:
        '{ __schema { queryType { name } } __type(name: "Book") { fields { name type { kind ofType { name } } } } }',
    });
    expect(json.data.__type.fields.map(({ name }: { name: string }) => name)).toEqual([
      'id',
      'title',
      'stars',
      'similar',
    ]);
  });
});

describe('bad input', () => {
  const cases: [name: string, body: unknown, status: number, code: string, message: RegExp][] = [
    ['malformed JSON', '{"query": "{ __typename }', 400, 'BAD_USER_INPUT', /not valid JSON/],
    [
      'a line break inside a string of JSON',
      '{"query": "{\n __typename }"}',
      400,
      'BAD_USER_INPUT',
      /a line break inside a string at character 12; JSON writes it as \\n\./,
    ],
    ['an empty body', '', 400, 'BAD_USER_INPUT', /empty/],
    [
      'invalid UTF-8',
      Buffer.from([...Buffer.from('{"query":"{ echo(text: \\"'), 0xff, 0xfe, ...Buffer.from('\\") }"}')]),
      400,
      'BAD_USER_INPUT',
      /UTF-8/,
    ],
    ['a number as the body', '7', 400, 'BAD_USER_INPUT', /JSON object/],
    ['null as the body', 'null', 400, 'BAD_USER_INPUT', /JSON object/],
    ['a batch', [{ query: '{ __typename }' }], 400, 'BAD_USER_INPUT', /Batches/],
    ['no query', {}, 400, 'BAD_USER_INPUT', /no `query`/],
    ['a query that is no text', { query: 7 }, 400, 'BAD_USER_INPUT', /must be a string/],
    ['variables that are no object', { query: '{ __typename }', variables: [1] }, 400, 'BAD_USER_INPUT', /variables/],
    ['a syntax error', { query: '{ book(' }, 400, 'GRAPHQL_PARSE_FAILED', /Syntax Error/],
    ['an unknown field', { query: '{ nope }' }, 400, 'GRAPHQL_VALIDATION_FAILED', /nope/],
    ['a wrong argument type', { query: '{ books(first: "many") { id } }' }, 400, 'GRAPHQL_VALIDATION_FAILED', /Int/],
    [
      'a wrong variable type',
      { query: 'query ($n: Int) { books(first: $n) { id } }', variables: { n: 'many' } },
      400,
      'BAD_USER_INPUT',
      /\$n/,
    ],
    [
      'an integer that is too large',
      { query: 'query ($n: Int) { books(first: $n) { id } }', variables: { n: 9_999_999_999 } },
      400,
      'BAD_USER_INPUT',
      /32-bit/,
    ],
    ['a missing variable', { query: 'query ($id: ID!) { book(id: $id) { id } }' }, 400, 'BAD_USER_INPUT', /\$id/],
    [
      'an unknown operation',
      { query: 'query A { __typename }', operationName: 'B' },
      400,
      'GRAPHQL_VALIDATION_FAILED',
      /"B"/,
    ],
    [
      'two operations and no name',
      { query: 'query A { __typename } query B { __typename }' },
      400,
      'GRAPHQL_VALIDATION_FAILED',
      /operationName/,
    ],
    [
      'a subscription without a stream',
      { query: 'subscription { bookAdded { id } }' },
      406,
      'BAD_USER_INPUT',
      /stream/,
    ],
    [
      'too much depth',
      {
        query: `query { echo ${'... on Query { ... on Query { '.repeat(1)} whoAmI { tenantId } } } __schema { types { fields { type { ofType { ofType { ofType { ofType { name } } } } } } } } }`,
      },
      400,
      'QUERY_TOO_DEEP',
      /levels deep/,
    ],
    ['too many tokens', { query: `{ ${'echo '.repeat(3_000)} }` }, 400, 'QUERY_TOO_DEEP', /tokens/],
    [
      'too many aliases',
      { query: `{ ${Array.from({ length: 11 }, (_, i) => `a${i}: echo`).join(' ')} }` },
      400,
      'QUERY_TOO_DEEP',
      /aliases/,
    ],
    ['too many root fields', { query: `{ ${'echo '.repeat(13)} }` }, 400, 'QUERY_TOO_DEEP', /root fields/],
    [
      'fragments that double',
      {
        query: `{ books { ...f0 } } ${Array.from({ length: 30 }, (_, i) => `fragment f${i} on Book { ${i < 29 ? `...f${i + 1} ...f${i + 1}` : 'id'} }`).join(' ')}`,
      },
      400,
      'QUERY_TOO_DEEP',
      /fragments written out/,
    ],
    [
      'fragments in a circle',
      { query: '{ books { ...a } } fragment a on Book { ...b } fragment b on Book { ...a }' },
      400,
      'GRAPHQL_VALIDATION_FAILED',
      /spread/,
    ],
    [
      'brackets without end',
      { query: `{ echo(any: ${'['.repeat(900)}${']'.repeat(900)}) }` },
      400,
      'QUERY_TOO_DEEP',
      /nested/,
    ],
    [
      'variables nested without end',
      `{"query":"query ($a: [In!]) { echo(any: $a) }","variables":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`,
      400,
      'BAD_USER_INPUT',
      /levels deep/,
    ],
    [
      'NUL in a variable',
      { query: 'query ($t: String) { echo(text: $t) }', variables: { t: 'a\0b' } },
      400,
      'BAD_USER_INPUT',
      /NUL/,
    ],
    ['NUL in a literal', { query: '{ echo(text: "a\\u0000b") }' }, 400, 'BAD_USER_INPUT', /NUL/],
    [
      'NUL deep in a variable',
      { query: 'query ($a: [In!]) { echo(any: $a) }', variables: { a: [{ in: { text: '\0' } }] } },
      400,
      'BAD_USER_INPUT',
      /NUL/,
    ],
    [
      'a hash that nobody has sent a text for',
      { extensions: { persistedQuery: { version: 1, sha256Hash: '0'.repeat(64) } } },
      200,
      'PERSISTED_QUERY_NOT_FOUND',
      /^PersistedQueryNotFound$/,
    ],
    [
      'a hash that is none',
      { query: '{ __typename }', extensions: { persistedQuery: { version: 1, sha256Hash: 'x' } } },
      400,
      'BAD_USER_INPUT',
      /sha256Hash/,
    ],
  ];
  test.each(cases)('%s', async (_, body, status, code, message) => {
    const answer = await it.post(body);
    expect(answer.json.errors?.[0]?.message).toMatch(message);
    expect(answer.json.errors?.[0]?.extensions['code']).toBe(code);
    expect(answer.status).toBe(status);
    expect(answer.json.data).toBeUndefined();
  });

  test('a body over the limit is 413, with and without a length', async () => {
    const body = JSON.stringify({ query: '{ __typename }', variables: { pad: 'x'.repeat(250_000) } });
    const answer = await it.post(body);
    expect(answer).toMatchObject({ status: 413, json: { errors: [{ extensions: { code: 'PAYLOAD_TOO_LARGE' } }] } });
    const chunked = await fetch(`${it.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(body));
          controller.close();
        },
      }),
      duplex: 'half',
    } as RequestInit);
    expect(chunked.status).toBe(413);
    expect((await it.post({ query: '{ __typename }' })).status).toBe(200);
  });

  test('names from Object.prototype are ordinary names', async () => {
    const { json } = await it.post(
      '{"query":"query ($__proto__: Int, $constructor: String) { __proto__: books(first: $__proto__) { constructor: title toString: id } hasOwnProperty: echo(text: $constructor) }","variables":{"__proto__":1,"constructor":"c"}}',
    );
    expect(json.errors).toBeUndefined();
    expect(JSON.stringify(json)).toBe(
      '{"data":{"__proto__":[{"constructor":"The Left Hand of Darkness","toString":"1"}],"hasOwnProperty":"c"}}',
    );
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  test('a fault inside is masked, logged, and found by its request id', async () => {
    const { json, status } = await it.post({ query: '{ fail books { id } }' }, { 'x-request-id': 'find-me' });
    expect(status).toBe(200);
    expect(json.data).toMatchObject({ fail: null, books: [{ id: '1' }] });
    expect(json.errors).toEqual([
      expect.objectContaining({
        path: ['fail'],
        extensions: { code: 'INTERNAL_SERVER_ERROR', service: 'library', requestId: 'find-me' },
      }),
    ]);
    expect(JSON.stringify(json)).not.toContain('hunter2');
    const logged = it.log.filter((line) => line.includes('find-me')).join('');
    expect(logged).toContain('postgres://[redacted]@db:5432');
    expect(logged).not.toContain('hunter2');
    expect(JSON.parse(logged)).toMatchObject({ requestId: 'find-me', tenant: 'default', service: 'library' });
  });

  test('an error written for people arrives as it is', async () => {
    const { json } = await it.post({ query: '{ refuse }' });
    expect(json.errors).toEqual([
      expect.objectContaining({
        message: 'No.',
        path: ['refuse'],
        extensions: { code: 'BAD_USER_INPUT', hint: 'Ask otherwise.', service: 'library' },
      }),
    ]);
  });

  test('an operation that takes too long ends, and its subgraph is told', async () => {
    const { json } = await it.post({ query: '{ never }' });
    expect(codes(json)).toEqual(['REQUEST_TIMEOUT']);
    await it.library.until(() => it.library.waiting.length === 0);
  });

  test('a client that goes away ends its operation', async () => {
    const gone = new AbortController();
    const request = fetch(`${it.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"{ never }"}',
      signal: gone.signal,
    });
    request.catch(() => undefined);
    await it.library.until(() => it.library.waiting.length === 1);
    gone.abort();
    await it.library.until(() => it.library.waiting.length === 0);
  });

  test('what is not HTTP is answered and the server lives', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(it.server.port, '127.0.0.1', () => socket.write('\x16\x03\x01 nonsense\r\n\r\n'));
      let text = '';
      socket
        .setEncoding('utf8')
        .on('data', (chunk: string) => (text += chunk))
        .on('close', () => resolve(text))
        .on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1.1 400 .*BAD_USER_INPUT/s);
  });

  test.each(['/graphql?query={book(id:%22%ff%22){id}}', '/graphql?query=%', '/graphql?query={__typename}&variables={'])(
    'a GET that cannot be read: %s',
    async (path) => {
      const { status, body } = await raw(path, {});
      expect(status).toBe(400);
      expect(codes(JSON.parse(body) as GraphqlAnswer)).toEqual(['BAD_USER_INPUT']);
    },
  );

  test.each([
    ['PATCH', '/graphql', 405],
    ['GET', '/nothing/here', 404],
    ['GET', '//evil', 404],
  ])('%s %s is %i', async (method, path, status) => expect((await raw(path, {}, { method })).status).toBe(status));
});

describe('who may ask', () => {
  const query = '/graphql?query={__typename}';

  test.each([
    'evil.example',
    'evil.example:4000',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'localhost@evil.example',
  ])('Host %j is refused', async (host) => {
    const { status, body } = await raw(query, { host });
    expect([400, 403]).toContain(status);
    expect(body).not.toContain('"data"');
  });

  test.each(['localhost', 'LOCALHOST:1', '127.0.0.1:9', '[::1]:80'])('Host %j is ours', async (host) => {
    expect((await raw(query, { host })).status).toBe(200);
  });

  test.each(['https://evil.example', 'null', 'http://127.0.0.1.evil.example', 'file://', 'http://localhost.evil:1'])(
    'Origin %j is refused, and may read why',
    async (origin) => {
      for (const [path, options] of [
        [query, {}],
        ['/graphql', { method: 'POST', body: '{"query":"{ __typename }"}' }],
        ['/mcp', { method: 'POST', body: '{}' }],
        ['/graphql', { method: 'OPTIONS' }],
      ] as const) {
        const { status, headers, body } = await raw(path, { origin, 'content-type': 'application/json' }, options);
        expect(status).toBe(403);
        expect(headers['access-control-allow-origin']).toBe(origin);
        expect(headers['access-control-allow-credentials']).toBeUndefined();
        expect(JSON.parse(body)).toMatchObject({
          errors: [{ extensions: { code: 'FORBIDDEN', hint: expect.stringContaining('CORS_ORIGINS') as string } }],
        });
      }
      const preflight = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-a' };
      expect((await raw('/graphql', preflight, { method: 'OPTIONS' })).status).toBe(204);
      // A name that leads here by its own DNS learns nothing.
      expect((await raw('/graphql', { ...preflight, host: 'evil.example' }, { method: 'OPTIONS' })).status).toBe(403);
    },
  );

  test.each(['http://localhost:5173', 'http://127.0.0.1:3000', 'https://localhost', 'http://[::1]:8080'])(
    'a page of this machine at %s may ask in development mode',
    async (origin) => {
      const preflight = {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers':
          'apollographql-client-name,apollo-require-preflight,authorization,content-type,cookie,traceparent,x-own',
      };
      const { status, headers } = await raw('/graphql', preflight, { method: 'OPTIONS' });
      expect([status, headers['access-control-allow-origin']]).toEqual([204, origin]);
      expect(headers.vary).toBe('Origin, Access-Control-Request-Headers');
      const allowed = String(headers['access-control-allow-headers']).split(', ');
      expect(allowed).toEqual(
        expect.arrayContaining(['authorization', 'content-type', 'traceparent', 'apollo-require-preflight', 'x-own']),
      );
      expect(allowed).not.toContain('cookie');
      const asked = await it.post({ query: '{ __typename }' }, { origin });
      expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([200, origin]);
    },
  );

  // Viewers of PDFs and of large pictures give up ranges where they may not read these; callers that keep files ask by tag.
  test('a page of another origin may read a file in parts, and ask whether it has changed', async () => {
    const origin = 'http://localhost:5173';
    const asks = ['if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'range'];
    const preflight = {
      origin,
      'access-control-request-method': 'GET',
      'access-control-request-headers': asks.join(','),
    };
    const { headers } = await raw('/objects/x', preflight, { method: 'OPTIONS' });
    expect(String(headers['access-control-allow-headers']).split(', ')).toEqual(expect.arrayContaining(asks));
    const file = await raw('/objects/x', { origin });
    expect(String(file.headers['access-control-expose-headers']).split(', ')).toEqual(
      expect.arrayContaining(['accept-ranges', 'content-disposition', 'content-range', 'etag', 'last-modified']),
    );
  });

  test('outside of development mode such a page is as any other', () => {
    const options = { publicBaseUrl: undefined, allowedHosts: [], corsOrigins: ['https://app.example'] };
    const guard = requestGuard(options);
    const ask = (origin: string) => () =>
      guard.check({
        method: 'POST',
        rawHeaders: [],
        headers: { host: 'localhost:4000', origin },
        socket: { remoteAddress: '' },
      });
    expect(ask('http://localhost:5173')).toThrow(/may not call/);
    expect(ask('https://app.example')).not.toThrow();
    expect(guard.explainsRefusals).toBe(false);
    expect(requestGuard({ ...options, trustsLoopback: true }).explainsRefusals).toBe(true);
  });

  test('our own origin may ask, and so may those configured, after a preflight', async () => {
    expect((await raw(query, { origin: it.url })).status).toBe(200);
    await using open = await startTestServer({
      CORS_ORIGINS: 'https://app.example.com',
      ALLOWED_HOSTS: 'gateway.internal',
      CORS_HEADERS: 'Content-Type, x-app-*',
      CORS_CREDENTIALS: 'true',
    });
    const answer = await fetch(`${open.url}/graphql`, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example.com', 'access-control-request-method': 'POST' },
    });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([
      204,
      'https://app.example.com',
    ]);
    expect(answer.headers.get('access-control-allow-headers')).toBe('content-type');
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
    const { headers } = await open.post({ query: '{ __typename }' }, { origin: 'https://app.example.com' });
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example.com');
  });

  test.each(['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain', ''])(
    'a form or text of the type %j is refused',
    async (type) => {
      const { status, body } = await raw('/graphql', type === '' ? {} : { 'content-type': type }, {
        method: 'POST',
        body: '{"query":"mutation { addBook(title: \\"x\\") { id } }"}',
      });
      expect(status).toBe(415);
      expect(codes(JSON.parse(body) as GraphqlAnswer)).toEqual(['BAD_USER_INPUT']);
      expect(it.library.books).toHaveLength(1);
    },
  );

  test('what another site embeds is refused, but a link to the page works', async () => {
    expect(
      (await raw(query, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }))
        .status,
    ).toBe(403);
    expect(
      (
        await raw('/graphql', {
          'sec-fetch-site': 'cross-site',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-dest': 'document',
          accept: 'text/html',
        })
      ).status,
    ).toBe(200);
  });

  test('request ids are taken over when plain, and made otherwise', async () => {
    expect((await raw(query, { 'x-request-id': 'trace-7' })).headers['x-request-id']).toBe('trace-7');
    for (const forged of ['a b', 'x'.repeat(200), '{"level":"fatal"}']) {
      expect((await raw(query, { 'x-request-id': forged })).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});
