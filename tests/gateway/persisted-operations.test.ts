/** Lists of persisted operations: on every transport, for whom they are, and when their files change. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { getOperationAST, parse, print } from 'graphql';
import { operationTexts, type LearnedOperation } from '#gateway/admission/persisted/operation-texts.ts';
import { noPersistedQueries } from '#gateway/admission/persisted/automatic.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMISSION } from '#gateway/bounds/admission.ts';
import { ListedOperations } from '#gateway/admission/persisted/listed-operations.ts';
import { readManifest } from '#gateway/admission/persisted/manifest.ts';
import { normalForm } from '#gateway/admission/persisted/normal-form.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { replaceFile, startTestServer, type TestServer } from './fixture.ts';
import { startIssuer, type Issuer } from './issuer.ts';
import { http, mcp, openSocket, WAYS_IN, type Says } from './ways-in.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const COUNT = 'query Count { reviewCount }';
const BOOK = 'query Book($id: ID!) {\n  book(id: $id) {\n    ...Title\n  }\n}\n\nfragment Title on Book {\n  title\n}';
/** As Apollo's tools write it: its clients' caches ask for the type of every object. */
const CACHED = 'query Cached($id: ID!) {\n  book(id: $id) {\n    title\n    __typename\n  }\n}';
const ADD = 'mutation Add($title: String!) {\n  addBook(title: $title) {\n    title\n  }\n}';
const TITLE = { data: { book: { title: 'The Left Hand of Darkness' } } };

const apollo = (operations: readonly { id: string; body: string; clientName?: string | null }[]): string =>
  JSON.stringify({
    format: 'apollo-persisted-query-manifest',
    version: 1,
    operations: operations.map((operation) => ({ name: 'A', type: 'query', ...operation })),
  });
const MANIFEST = apollo([
  { id: 'count-1', body: COUNT },
  { id: sha256(BOOK), body: BOOK },
  { id: 'add', body: ADD },
  { id: 'cached', body: CACHED },
]);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-lists-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function listFile(name: string, text = MANIFEST): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** The code of the one error, and nothing of the schema in all that was sent. */
async function refusalOf(send: (typeof WAYS_IN)[string], url: string, query: string, says?: Says): Promise<string> {
  const { text, answer } = await send(url, { query }, says);
  expect(text).not.toMatch(/reviewCount|whoAmI|Did you mean/);
  expect(answer.data).toBeUndefined();
  expect(answer.errors).toHaveLength(1);
  return answer.errors![0]!.extensions['code'] as string;
}

describe('only what is listed', () => {
  let it: TestServer;
  beforeAll(async () => {
    it = await startTestServer({
      PERSISTED_OPERATIONS: await listFile('only.json'),
      PERSISTED_OPERATIONS_MODE: 'only',
    });
  });
  afterAll(() => it[Symbol.asyncDispose]());

  test.each(Object.entries(WAYS_IN))('runs, and nothing else does: %s', async (_, send) => {
    const asOthersWriteIt = `# Cached\nfragment Title on Book { title, __typename }\nquery Book($id: ID!) { book(id: $id) { ...Title __typename } }`;
    for (const query of [BOOK, asOthersWriteIt])
      expect((await send(it.url, { query, variables: { id: '1' } })).answer).toMatchObject(TITLE);
    for (const query of [
      '{ books { title } }',
      'query Count { reviewCount again: reviewCount }',
      // What is wrong with it would tell of the schema.
      '{ reviewCuont }',
      '{ __schema { types { name } } }',
      'query Book($id: ID!) { book(id: "1") { ...Title } } fragment Title on Book { title }',
      'query Book($id: ID! = 1) { book(id: $id) { ...Title } } fragment Title on Book { title }',
    ])
      expect(await refusalOf(send, it.url, query), query).toBe('QUERY_NOT_IN_SAFELIST');
    expect(await refusalOf(send, it.url, '{ reviewCount')).toBe('GRAPHQL_PARSE_FAILED');
    expect(await refusalOf(send, it.url, `{ ${'a { '.repeat(60)}b${' }'.repeat(61)}`)).toBe('QUERY_TOO_DEEP');
  });

  test('a mutation that is listed is still none for GET', async () => {
    const path = `/graphql?${new URLSearchParams({ documentId: 'add', variables: '{"title":"X"}' }).toString()}`;
    const { status, text } = await http(it.url, path, 'GET', {});
    expect(status).toBe(405);
    expect(text).toContain('A mutation cannot be sent this way.');
  });

  test('automatic persisted queries bring nothing in', async () => {
    const query = '{ books { title } }';
    const extensions = { persistedQuery: { version: 1, sha256Hash: sha256(query) } };
    const codes = [];
    for (const body of [{ extensions }, { query, extensions }, { extensions }])
      codes.push((await it.post(body)).json.errors![0]!.extensions['code']);
    expect(codes).toEqual(['PERSISTED_QUERY_NOT_IN_LIST', 'QUERY_NOT_IN_SAFELIST', 'PERSISTED_QUERY_NOT_IN_LIST']);
  });

  test('each operation of a batch is looked at', async () => {
    await using batches = await startTestServer({
      MAX_BATCH_OPERATIONS: '5',
      PERSISTED_OPERATIONS: await listFile('batch.json'),
      PERSISTED_OPERATIONS_MODE: 'only',
    });
    const { json } = await batches.post([{ query: COUNT }, { query: '{ reviewCount }' }, { documentId: 'count-1' }]);
    expect(json).toMatchObject([
      { data: { reviewCount: 3 } },
      { errors: [{ extensions: { code: 'QUERY_NOT_IN_SAFELIST' } }] },
      { data: { reviewCount: 3 } },
    ]);
  });

  test('MCP tells nothing of the schema', async () => {
    const call = (name: string, args: object) =>
      mcp(it.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } });
    for (const [tool, args] of [
      ['search_schema', { query: 'count' }],
      ['describe', { name: 'Query' }],
      ['validate', { query: '{ reviewCountt }' }],
    ] as const) {
      const { text } = await call(tool, args);
      expect(text).toContain('QUERY_NOT_IN_SAFELIST');
      expect(text).not.toContain('reviewCount:');
    }
    const params = { uri: 'tributary://schema' };
    const { text } = await mcp(it.url, { jsonrpc: '2.0', id: 1, method: 'resources/read', params });
    expect(text).not.toContain('reviewCount');
    // What reads runs is not there, since there are none.
    expect((await mcp(it.url, { jsonrpc: '2.0', id: 1, method: 'tools/list' })).text).not.toContain('run_events');
  });

  test("the server's own questions are not bound", async () => {
    const { text } = await http(it.url, '/graphql', 'GET', { accept: 'text/html' });
    expect(text).toContain('<html');
  });
});

describe('only ids', () => {
  let it: TestServer;
  beforeAll(async () => {
    it = await startTestServer({
      PERSISTED_OPERATIONS: await listFile('ids.json'),
      PERSISTED_OPERATIONS_MODE: 'only-ids',
    });
  });
  afterAll(() => it[Symbol.asyncDispose]());

  test.each(Object.entries(WAYS_IN))('no text is taken: %s', async (_, send) => {
    for (const query of [COUNT, '{ nothing }'])
      expect(await refusalOf(send, it.url, query)).toBe('PERSISTED_QUERY_ID_REQUIRED');
  });

  const JSON_TYPE = { 'content-type': 'application/json' };
  test.each([
    ['documentId', { documentId: 'count-1' }],
    ['doc_id, as Relay has it', { doc_id: 'count-1' }],
    ['the hash of automatic ones', { extensions: { persistedQuery: { version: 1, sha256Hash: 'count-1' } } }],
  ])('%s is taken on every transport', async (_, given) => {
    const body = JSON.stringify(given);
    const search = new URLSearchParams(
      Object.entries(given).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
    );
    const over: [string, () => Promise<string>][] = [
      ['POST', async () => (await http(it.url, '/graphql', 'POST', JSON_TYPE, body)).text],
      ['GET', async () => (await http(it.url, `/graphql?${search.toString()}`, 'GET', {})).text],
      [
        'events',
        async () => (await http(it.url, '/graphql', 'POST', { ...JSON_TYPE, accept: 'text/event-stream' }, body)).text,
      ],
      [
        'multipart',
        async () => (await http(it.url, '/graphql', 'POST', { ...JSON_TYPE, accept: 'multipart/mixed' }, body)).text,
      ],
      [
        'WebSocket',
        async () => {
          await using socket = await openSocket(it.url);
          return (await socket.ask(given as never)).text;
        },
      ],
    ];
    for (const [name, send] of over) expect(await send(), name).toContain('"data":{"reviewCount":3}');
  });

  test('a hash with its text is the id of that text, in any case of its digits', async () => {
    const body = (sha256Hash: string, query?: string) => ({
      query,
      variables: { id: '1' },
      extensions: { persistedQuery: { version: 1, sha256Hash } },
    });
    expect((await it.post(body(sha256(BOOK), BOOK))).json).toEqual(TITLE);
    expect((await it.post({ documentId: `sha256:${sha256(BOOK)}`, variables: { id: '1' } })).json).toEqual(TITLE);
    const { status, json } = await it.post(body(sha256(BOOK), COUNT));
    expect([status, json.errors![0]!.extensions['code']]).toEqual([400, 'BAD_USER_INPUT']);
  });

  test.each([
    '',
    'count-2',
    '__proto__',
    'constructor',
    'toString',
    ' count-1',
    'COUNT-1',
    '\0count-1',
    'é'.repeat(200),
  ])('no operation is listed as %j', async (documentId) => {
    const { json } = await it.post({ documentId });
    expect(json.errors![0]!.extensions['code']).toBe(
      documentId === '' ? 'BAD_USER_INPUT' : 'PERSISTED_QUERY_NOT_IN_LIST',
    );
  });

  test.each([[7], [['count-1']], [{}], [true], ['x'.repeat(201)]])('%j is no id', async (documentId) => {
    const { status, json } = await it.post({ documentId });
    expect([status, json.errors![0]!.extensions['code']]).toEqual([400, 'BAD_USER_INPUT']);
  });

  test("an unknown id leaves a socket's other operations alone", async () => {
    await using socket = await openSocket(it.url);
    const { answer } = await socket.ask({ documentId: 'gone' } as never);
    expect(answer.errors![0]!.extensions['code']).toBe('PERSISTED_QUERY_NOT_IN_LIST');
    expect((await socket.ask({ documentId: 'count-1' } as never)).answer.data).toEqual({ reviewCount: 3 });
  });

  test('Apollo Client asks by the ids of its manifest', async () => {
    const sent: string[] = [];
    const ids: Record<string, string> = { Count: 'count-1', Cached: 'cached' };
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: new PersistedQueryLink({
        generateHash: (document) => ids[getOperationAST(document)!.name!.value]!,
      }).concat(
        new HttpLink({
          uri: `${it.url}/graphql`,
          fetch: (input, init) => (sent.push(init?.body as string), fetch(input, init)),
        }),
      ),
    });
    expect((await client.query({ query: gql(COUNT) })).data).toEqual({ reviewCount: 3 });
    expect((await client.query({ query: gql(CACHED), variables: { id: '1' } })).data).toMatchObject(TITLE.data);
    expect(sent.some((body) => body.includes('"query"'))).toBe(false);
  });
});

describe('for whom they are', () => {
  let issuer: Issuer;
  let it: TestServer;
  beforeAll(async () => {
    issuer = await startIssuer();
    it = await startTestServer({
      OIDC_ISSUER: issuer.url,
      OIDC_AUDIENCE: 'tributary',
      PERSISTED_OPERATIONS: await listFile(
        'clients.json',
        apollo([
          { id: 'count', body: COUNT, clientName: null },
          { id: 'book', body: BOOK, clientName: 'web' },
          { id: 'book', body: `${BOOK}\n# of another version`, clientName: 'phone' },
        ]),
      ),
      PERSISTED_OPERATIONS_MODE: 'only',
      PERSISTED_OPERATIONS_FREE_SCOPE: 'operations:any',
    });
  });
  afterAll(async () => {
    await it[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
  });
  const as = async (claims: Record<string, unknown>): Promise<string> =>
    `Bearer ${await issuer.token({ tenant: 'acme', ...claims })}`;

  test.each(Object.entries(WAYS_IN))("a client has its own and everybody's: %s", async (_, send) => {
    const claims = [{ azp: 'web' }, { client_id: 'phone' }, { azp: 'desk' }, {}, { azp: ['web'] }, { azp: 'web\0' }];
    const ran = [];
    for (const each of claims) {
      const says = await as(each);
      expect((await send(it.url, { query: COUNT }, says)).answer).toEqual({ data: { reviewCount: 3 } });
      const { answer } = await send(it.url, { query: BOOK, variables: { id: '1' } }, says);
      ran.push(answer.data != null);
    }
    expect(ran).toEqual([true, true, false, false, false, false]);
  });

  test('a header does not make another client of a caller', async () => {
    const headers = { authorization: await as({ azp: 'desk' }), 'apollographql-client-name': 'web' };
    const { json } = await it.post({ documentId: 'book', variables: { id: '1' } }, headers);
    expect(json.errors![0]!.extensions['code']).toBe('PERSISTED_QUERY_NOT_IN_LIST');
  });

  test('a header does where the operator takes its word', async () => {
    await using told = await startTestServer({
      PERSISTED_OPERATIONS: await listFile('header.json', apollo([{ id: 'c', body: COUNT, clientName: 'web' }])),
      PERSISTED_OPERATIONS_MODE: 'only',
      PERSISTED_OPERATIONS_CLIENT: 'header',
    });
    const ask = async (headers: Record<string, string>) => (await told.post({ documentId: 'c' }, headers)).json.data;
    expect(await ask({ 'apollographql-client-name': 'web' })).toEqual({ reviewCount: 3 });
    expect(await ask({ 'graphql-client-name': 'web' })).toEqual({ reviewCount: 3 });
    expect(await ask({ 'apollographql-client-name': 'phone' })).toBeUndefined();
    expect(await ask({})).toBeUndefined();
  });

  test.each(Object.entries(WAYS_IN))('who has the scope is not bound: %s', async (_, send) => {
    const query = '{ books { title } }';
    const free = await send(it.url, { query }, await as({ scope: 'operations:any' }));
    expect(free.answer).toMatchObject({ data: { books: [{ title: 'The Left Hand of Darkness' }] } });
    // What one may send who is free, another may not for that.
    expect(await refusalOf(send, it.url, query, await as({ scope: 'operations:some' }))).toBe('QUERY_NOT_IN_SAFELIST');
  });
});

/** Lines of a log, and those that wait for one. */
function logLines() {
  const lines: string[] = [];
  let wake = (): void => undefined;
  const log = createLogger({
    level: 'info',
    destination: {
      write: (line) => {
        lines.push(line);
        wake();
      },
    },
  });
  const until = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const found = lines.find((line) => pattern.test(line));
      if (found !== undefined) return lines.splice(lines.indexOf(found), 1)[0]!;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  return { lines, log, until };
}

test("in the learning mode one tenant cannot fill the log, nor keep another's from being learned", () => {
  const learned: LearnedOperation[] = [];
  const texts = operationTexts(noPersistedQueries, {
    listed: { current: new ListedOperations({ cacheEntries: 10, cacheCharacters: 1_000 }) },
    mode: 'learn',
    clientName: 'header',
    learned: (operation) => void learned.push(operation),
  });
  const send = (tenantId: string, text: string): void => {
    const principal = { tenantId, subject: 's', roles: [], scopes: [] };
    texts.check(text, { principal, headers: { 'graphql-client-name': 'c'.repeat(10_000) } }, (each) => parse(each));
  };
  const most = ADMISSION.learnedTenantOperations;
  for (let at = 0; at < most + 100; at++) send(at % 2 === 0 ? 'flood.red' : 'flood.blue', `{ a${at} }`);
  for (let at = 0; at < 5; at++) send('quiet', `{ b${at} }`);
  expect(learned.filter(({ tenantId }) => tenantId.startsWith('flood'))).toHaveLength(most);
  expect(learned.filter(({ tenantId }) => tenantId === 'quiet')).toHaveLength(5);
  expect(JSON.stringify(learned.at(-1)).length).toBeLessThan(1_000);
});

test('in the learning mode what is not listed is run, and logged once, without its literals', async () => {
  const { lines, log } = logLines();
  await using it = await startTestServer(
    { PERSISTED_OPERATIONS: await listFile('learn.json'), PERSISTED_OPERATIONS_MODE: 'learn' },
    { log },
  );
  const query =
    'query Echo { echo(text: "4111 1111 1111 1111", any: [{ text: """secret""" }]) books(first: 7) { title } }';
  for (let times = 0; times < 3; times++) expect((await it.post({ query })).json.errors).toBeUndefined();
  await it.post({ query: COUNT });
  await it.post({ documentId: 'count-1' });
  await it.post({ query: '{ reviewCuont }' });
  const learned = lines.filter((line) => line.includes('An operation is not listed.'));
  expect(learned.map((line) => (JSON.parse(line) as { operation: unknown }).operation)).toMatchObject([
    {
      id: sha256(query),
      type: 'query',
      name: 'Echo',
      tenantId: 'default',
      text: 'query Echo {\n  echo(text: "", any: [{text: ""}])\n  books(first: 0) {\n    title\n  }\n}',
    },
    { type: 'query' },
  ]);
  expect(lines.join('')).not.toMatch(/4111|secret/);
});

test('ids are taken beside everything else where that is accepted', async () => {
  await using it = await startTestServer({
    PERSISTED_OPERATIONS: await listFile('relay.json', JSON.stringify({ '0cc175b9': COUNT, ['__proto__']: BOOK })),
  });
  expect((await it.post({ doc_id: '0cc175b9' })).json).toEqual({ data: { reviewCount: 3 } });
  expect((await it.post({ query: '{ books { title } }' })).json.errors).toBeUndefined();
  const extensions = { persistedQuery: { version: 1, sha256Hash: sha256('{ reviewCount }') } };
  expect((await it.post({ extensions })).json.errors![0]!.message).toBe('PersistedQueryNotFound');
  expect((await it.post({ query: '{ reviewCount }', extensions })).json).toEqual({ data: { reviewCount: 3 } });
  expect((await it.post({ extensions })).json).toEqual({ data: { reviewCount: 3 } });
  const both = await it.post({ doc_id: '0cc175b9', query: COUNT });
  expect(both.json.errors![0]!.message).toContain('both a text and the id');
});

test('a server without lists says so to whoever sends an id', async () => {
  await using it = await startTestServer();
  const { json } = await it.post({ documentId: 'count-1' });
  expect(json.errors![0]).toMatchObject({
    message: 'PersistedQueryNotSupported',
    extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' },
  });
});

test('lists are read again when they change; one that is faulty changes nothing', async () => {
  const { log, until } = logLines();
  const lists = await mkdtemp(join(folder, 'lists-'));
  await writeFile(join(lists, 'a.json'), apollo([{ id: 'count', body: COUNT }]));
  await writeFile(join(lists, 'notes.txt'), 'no manifest');
  await using it = await startTestServer(
    { PERSISTED_OPERATIONS: lists, PERSISTED_OPERATIONS_MODE: 'only-ids' },
    { log, pollMs: 50 },
  );
  const runs = async (documentId: string): Promise<boolean> =>
    (await it.post({ documentId, variables: { id: '1' } })).json.data != null;
  const listed = async (): Promise<unknown> => {
    const response = await fetch(`${it.url}/health/ready`);
    const { persistedOperations, degraded } = (await response.json()) as Record<string, unknown>;
    return { ...(persistedOperations as object), degraded };
  };
  expect(await listed()).toMatchObject({ operations: 1, degraded: false });

  await replaceFile(join(lists, 'b.json'), JSON.stringify({ book: BOOK }));
  await until(/New lists of persisted operations hold/);
  expect([await runs('count'), await runs('book')]).toEqual([true, true]);

  await replaceFile(
    join(lists, 'a.json'),
    '{ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [',
  );
  expect(await until(/were not replaced/)).toContain('a.json: it is not JSON');
  expect([await runs('count'), await runs('book')]).toEqual([true, true]);
  expect(await listed()).toMatchObject({ operations: 2, degraded: true, failure: expect.stringContaining('a.json') });

  await rm(join(lists, 'b.json'));
  await replaceFile(join(lists, 'a.json'), apollo([{ id: 'count', body: COUNT }]));
  await until(/New lists of persisted operations hold/);
  expect([await runs('count'), await runs('book')]).toEqual([true, false]);
  expect(await listed()).toMatchObject({ operations: 1, degraded: false });
});

describe('a list that cannot be read', () => {
  test.each([
    ['no JSON', '{', /it is not JSON/],
    ['neither format', '[1]', /neither Apollo's manifest/],
    ['another version', MANIFEST.replace('"version":1', '"version":2'), /at version/],
    ['an operation without its text', MANIFEST.replace('"body"', '"text"'), /at operations\.0\.body/],
    ['no GraphQL', apollo([{ id: 'a', body: '{ a' }]), /the operation "a" is not GraphQL: Syntax Error/],
    [
      'one id for two texts',
      apollo([
        { id: 'a', body: '{ a }' },
        { id: 'a', body: '{ b }' },
      ]),
      /the id "a" stands for two/,
    ],
    ['nothing in it', '{}', /There is no operation in/],
    ['an id with a NUL', apollo([{ id: 'a\0b', body: '{ a }' }]), /at operations\.0\.id/],
  ])('is refused at the start: %s', async (name, text, message) => {
    const file = await listFile(`${name.replaceAll(' ', '-')}.json`, text);
    const start = startTestServer({ PERSISTED_OPERATIONS: file });
    await expect(start).rejects.toThrow(message);
    await expect(start).rejects.toThrow(file);
  });

  test.each([
    ['more operations than may be', { LISTED_OPERATIONS: '2' }, /There are 4 persisted operations; at most 2/],
    ['more bytes than may be', { LISTED_OPERATIONS_BYTES: '1000' }, /more than 1000 bytes at/],
  ])('is refused at the start: %s', async (_, env, message) => {
    const padded = MANIFEST + ' '.repeat(1_000);
    const start = startTestServer({ PERSISTED_OPERATIONS: await listFile('much.json', padded), ...env });
    await expect(start).rejects.toThrow(message);
  });

  test('is refused at the start: a device, whose size is no measure, and a pipe, which would be waited for', async () => {
    await symlink('/dev/zero', join(folder, 'zero.json'));
    execFileSync('mkfifo', [join(folder, 'pipe.json')]);
    for (const name of ['zero.json', 'pipe.json'])
      await expect(startTestServer({ PERSISTED_OPERATIONS: join(folder, name) })).rejects.toThrow(
        `${name} is neither a file nor a folder.`,
      );
  });

  test('may begin with a byte order mark', async () => {
    await using it = await startTestServer({ PERSISTED_OPERATIONS: await listFile('bom.json', `\ufeff${MANIFEST}`) });
    expect((await it.post({ documentId: 'count-1' })).json).toEqual({ data: { reviewCount: 3 } });
  });

  test('is refused at the start: it is not there', async () => {
    await expect(startTestServer({ PERSISTED_OPERATIONS: join(folder, 'none.json') })).rejects.toThrow(
      /none\.json cannot be read/,
    );
  });

  test('a mode without a list is a fault of the configuration', async () => {
    await expect(startTestServer({ PERSISTED_OPERATIONS_MODE: 'only' })).rejects.toThrow(
      'PERSISTED_OPERATIONS_MODE has no effect without PERSISTED_OPERATIONS.',
    );
  });
});

describe('what is the same operation', () => {
  const form = (text: string): string => normalForm(parse(text));
  test.each([
    ['{a{b}}', '# c\nquery { a { b __typename } __typename }'],
    ['{ a(x: "1") }', '{ a(x: """1""") }'],
    ['query Q{...F} fragment F on Query{a}', 'fragment F on Query { a }, query Q { ...F }'],
  ])('%s and %s', (one, other) => {
    // A block string is another literal of the same value; it is written as it was.
    if (other.includes('"""')) expect(form(one)).not.toBe(form(other));
    else expect(form(one)).toBe(form(other));
  });

  test.each([
    ['{ a { __typename } }', '{ a { b } }'],
    ['{ a b }', '{ b a }'],
    ['{ a }', 'query Q { a }'],
    ['{ a }', '{ a @skip(if: true) }'],
    ['{ a { x: __typename b } }', '{ a { b } }'],
    ['{ a { b __typename @include(if: false) } }', '{ a { b } }'],
    ['{ a(x: 1) }', '{ a(x: 1.0) }'],
  ])('not %s and %s', (one, other) => {
    expect(form(one)).not.toBe(form(other));
  });

  test('thousands are read while others are answered', async () => {
    const operations = Array.from({ length: 3_000 }, (_, n) => ({
      id: String(n),
      body: print(
        parse(`query Q${n} { ${Array.from({ length: 20 }, (_, field) => `f${field}: a(x: ${n})`).join(' ')} }`),
      ),
      clientName: undefined,
    }));
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    const listed = await ListedOperations.of(operations, ADMISSION);
    clearImmediate(next);
    expect(listed.size).toBe(3_000);
    expect(turns).toBeGreaterThan(1);
  });

  test('the prototype of objects is no operation', () => {
    expect(readManifest('{"__proto__": "{ a }"}')).toEqual([{ id: '__proto__', body: '{ a }', clientName: undefined }]);
  });
});
