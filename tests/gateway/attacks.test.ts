/**
 * What one small request did to the server before it had bounds, each by name and on every way in: one server whose
 * bounds are small, so that an attack is small too.
 */
import { connect } from 'node:net';
import { once } from 'node:events';
import { pace } from '#subgraphs/shared/turns.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type GraphqlAnswer, type TestServer } from './fixture.ts';
import { startIssuer, type Issuer } from './issuer.ts';
import { http, LEAVING, mcp, mcpExecute, openSocket, WAYS_IN, type Parameters, type Send } from './ways-in.ts';

/** More than an error ever takes. */
const LITTLE = 5_000;

let issuer: Issuer;
let it: TestServer;
/** A caller who has said who he is. */
let known: string;
let long: string;
beforeAll(async () => {
  issuer = await startIssuer();
  it = await startTestServer({
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'tributary',
    ANONYMOUS_TENANT: 'public',
    MAX_COST: '20000',
    MAX_COST_MUTATION: '40',
    MAX_COST_SUBSCRIPTION: '60',
    MAX_COST_ANONYMOUS: '50',
    MAX_ANSWER_NODES: '2000',
    MAX_ANSWER_BYTES: '50000',
    MAX_MCP_ANSWER_BYTES: '50000',
    MAX_ANSWER_ERRORS: '5',
    MAX_DEPTH: '8',
    MAX_TOKENS: '1000',
    MAX_ROOT_FIELDS: '20',
    MAX_JSON_DEPTH: '16',
    MAX_JSON_VALUES: '500',
    BODY_TIMEOUT_MS: '400',
  });
  known = `Bearer ${await issuer.token({ tenant: 'acme' })}`;
  long = it.library.add('x'.repeat(4_000)).id;
  for (let count = it.library.books.length; count < 30; count++) it.library.add(`Book ${count}`);
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
});

const nested = (depth: number): unknown => (depth === 0 ? 0 : [nested(depth - 1)]);
const times = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');

/** What is sent, and the code that it is refused with. */
const ATTACKS: Readonly<Record<string, [code: string, parameters: () => Parameters]>> = {
  'a stored text under 98 aliases (936 bytes made 210 MB)': [
    'QUERY_TOO_COSTLY',
    () => ({ query: `{ book(id: "${long}") { ${times(98, (index) => `a${index}:title`)} } }` }),
  ],
  'objects that lead to one another (115 bytes made 50 MB), refused before they are planned': [
    'QUERY_TOO_COSTLY',
    () => ({ query: '{ books(first: 30) { similar(first: 30) { similar(first: 30) { id stars } } } }' }),
  ],
  'the same through lists of which nothing is said: refused while they are written': [
    'QUERY_TOO_COSTLY',
    () => ({ query: '{ books { similar { similar { id } } } }' }),
  ],
  'a query without end in its depth': [
    'QUERY_TOO_DEEP',
    () => ({ query: `{ books ${'{ similar '.repeat(9)}{ id }${' }'.repeat(9)} }` }),
  ],
  'fragments that double one another': [
    'QUERY_TOO_DEEP',
    () => ({
      query: `{ book(id: "1") { ...f0 } } ${times(20, (index) => `fragment f${index} on Book { ...f${index + 1} ...f${index + 1} }`)} fragment f20 on Book { id }`,
    }),
  ],
  'more root fields than anybody needs': [
    'QUERY_TOO_DEEP',
    () => ({ query: `{ ${times(21, (index) => `a${index}:reviewCount`)} }` }),
  ],
  'variables that are nested without end': [
    'BAD_USER_INPUT',
    () => ({ query: '{ reviewCount }', variables: { deep: nested(20) } }),
  ],
  'many small variables': [
    'BAD_USER_INPUT',
    () => ({ query: '{ reviewCount }', variables: { many: Array<number>(600).fill(0) } }),
  ],
};

/** The answer, and that of a good request beside it. */
async function beside(attacking: ReturnType<Send>): Promise<{ bytes: number; answer: GraphqlAnswer }> {
  const [{ bytes, answer }, good] = await Promise.all([
    attacking,
    WAYS_IN.POST!(it.url, { query: '{ book(id: "1") { title stars } }' }, known),
  ]);
  expect(good.answer).toEqual({ data: { book: { title: 'The Left Hand of Darkness', stars: 5 } } });
  return { bytes, answer };
}

const codes = ({ errors }: GraphqlAnswer): unknown[] => [...new Set(errors?.map(({ extensions }) => extensions.code))];

/** What no transport parses is refused in the transport's own form. */
async function refusalOf(way: string, send: Send, parameters: Parameters): Promise<GraphqlAnswer & { bytes: number }> {
  const unread = parameters.variables !== undefined;
  if (way === 'WebSocket' && unread) {
    const { socket, ask } = await openSocket(it.url, known);
    const closed = once(socket, 'close');
    ask(parameters).catch(() => undefined);
    expect((await closed)[0]).toBe(4400);
    return { bytes: 0, errors: [{ message: '', extensions: { code: 'BAD_USER_INPUT' } }] };
  }
  if (way === 'MCP' && unread) {
    const { status, text } = await mcp(it.url, mcpExecute(1, parameters), known);
    expect(status).toBe(400);
    const { error } = JSON.parse(text) as { error: { message: string; data: { code: string } } };
    return { bytes: text.length, errors: [{ message: error.message, extensions: error.data }] };
  }
  const { bytes, answer } = await beside(send(it.url, parameters, known));
  return { ...answer, bytes };
}

describe.each(Object.entries(WAYS_IN))('%s', (way, send) => {
  test.each(Object.entries(ATTACKS))('%s', async (_, [code, parameters]) => {
    const answer = await refusalOf(way, send, parameters());
    expect(codes(answer)).toEqual([code]);
    expect(answer.data ?? null).toBeNull();
    expect(answer.bytes).toBeLessThan(LITTLE);
  });

  test('a wrong value is not told back as a whole', async () => {
    const query = 'query($first: Int) { books(first: $first) { id } }';
    const { bytes, answer } = await send(it.url, { query, variables: { first: 'x'.repeat(12_000) } }, known);
    expect(codes(answer)).toEqual(['BAD_USER_INPUT']);
    expect(bytes).toBeLessThan(LITTLE);
  });

  test('a client that leaves ends what was done for it', async () => {
    const leave = await LEAVING[way]!(it.url, { query: '{ never }' }, known);
    await it.library.until(() => it.library.waiting.length === 1);
    leave();
    await it.library.until(() => it.library.waiting.length === 0);
  });

  test('what failed in many places is told of some', async () => {
    const { bytes, answer } = await send(it.url, { query: `{ ${times(15, (index) => `a${index}: fail`)} }` }, known);
    expect(answer.errors).toHaveLength(6);
    expect(codes(answer)).toEqual(['INTERNAL_SERVER_ERROR', 'TOO_MANY_ERRORS']);
    expect(bytes).toBeLessThan(LITTLE);
  });

  test('callers without a token may ask for less, and are told who may ask for more', async () => {
    const less = { query: '{ books(first: 10) { id title } }' };
    const more = { query: '{ books(first: 30) { id similar(first: 2) { id } } }' };
    expect((await send(it.url, less)).answer.errors).toBeUndefined();
    const { answer } = await send(it.url, more);
    expect(answer.errors).toMatchObject([
      { extensions: { code: 'QUERY_TOO_COSTLY', cost: { estimated: 90, limit: 50 } } },
    ]);
    expect((await send(it.url, more, known)).answer.errors).toBeUndefined();
  });

  test('they are nobody, of the public tenant', async () => {
    const who = { query: '{ whoAmI { tenantId subject scopes system } }' };
    expect((await send(it.url, who)).answer.data).toEqual({
      whoAmI: { tenantId: 'public', subject: 'system:anonymous', scopes: [], system: false },
    });
  });

  test('a token that does not hold makes nobody of its bearer', async () => {
    const token = `Bearer ${await issuer.token({ tenant: 'acme' }, { expiresInSeconds: -60 })}`;
    const asked = send(it.url, { query: '{ reviewCount }' }, token).then(
      ({ answer }) => String(codes(answer)),
      (error: Error) => error.message,
    );
    expect(await asked).toMatch(/UNAUTHENTICATED|The stream was cut: .*UNAUTHENTICATED/);
  });
});

describe.each(['POST', 'server-sent events', 'multipart', 'WebSocket'])('%s', (way) => {
  const send = WAYS_IN[way]!;

  test('mutations have a budget of their own', async () => {
    const adding = (count: number): Parameters => ({
      query: `mutation { ${times(count, (index) => `a${index}: addBook(title: "x") { id }`)} }`,
    });
    const { answer } = await send(it.url, adding(4), known);
    expect(answer.errors).toMatchObject([
      { extensions: { code: 'QUERY_TOO_COSTLY', cost: { estimated: 44, limit: 40 } } },
    ]);
    expect((await send(it.url, adding(1), known)).answer.errors).toBeUndefined();
  });

  test('callers without a token change nothing', async () => {
    const before = it.library.books.length;
    const { answer } = await send(it.url, { query: 'mutation { addBook(title: "x") { id } }' });
    expect(codes(answer)).toEqual(['UNAUTHENTICATED']);
    expect(it.library.books).toHaveLength(before);
  });

  test('events have a budget of their own', async () => {
    if (way === 'POST') return; // A plain POST carries no events.
    const before = it.library.listeners.size;
    const { answer } = await send(
      it.url,
      { query: 'subscription { bookAdded { similar(first: 8) { similar(first: 8) { id } } } }' },
      known,
    );
    expect(answer.errors).toMatchObject([
      { extensions: { code: 'QUERY_TOO_COSTLY', cost: { estimated: 73, limit: 60 } } },
    ]);
    expect(it.library.listeners.size).toBe(before);
  });
});

test('messages of one MCP request share the budget of their sender', async () => {
  const messages = [1, 2, 3].map((id) => mcpExecute(id, { query: '{ books(first: 20) { id } }' }));
  expect((await mcp(it.url, messages[0])).text).not.toMatch(/QUERY_TOO_COSTLY/);
  expect((await mcp(it.url, messages)).text.match(/\\"QUERY_TOO_COSTLY/g)).toHaveLength(3);
});

test.each([
  ['/graphql', 'application/json'],
  ['/graphql', 'text/event-stream'],
  ['/graphql', 'multipart/mixed, application/json'],
  ['/mcp', 'application/json, text/event-stream'],
])('a body that does not come: %s for %s', async (path, accept) => {
  const socket = connect(it.server.port, '127.0.0.1');
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: ${accept}\r\ncontent-length: 100\r\n\r\n{"query":`,
  );
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) {
    text += String(chunk);
    if (text.includes('REQUEST_TIMEOUT')) break;
  }
  expect(text).toMatch(/REQUEST_TIMEOUT/);
});

describe('bounds of JSON come before it is parsed', () => {
  // Over the bound and no JSON either: whoever parses it first tells the latter.
  const deep = `{"query": "{ reviewCount }", "variables": ${'['.repeat(20)}`;
  const wide = `{"query": "{ reviewCount }", "variables": [${'0,'.repeat(600)}`;
  const nested = /nested more than 16 levels deep/;
  const many = /more than 500 values/;

  test.each([
    ['a body that is too deep', '/graphql', deep, nested],
    ['a body of too many values', '/graphql', wide, many],
    ['a message of MCP that is too deep', '/mcp', deep, nested],
    ['a message of MCP of too many values', '/mcp', wide, many],
    [
      'arguments of a tool within a text',
      '/mcp',
      JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'execute', arguments: deep },
      }),
      nested,
    ],
    [
      'variables of a tool within a text',
      '/mcp',
      JSON.stringify(mcpExecute(1, { query: '{ reviewCount }', variables: '['.repeat(20) as never })),
      nested,
    ],
  ])('%s', async (_, path, body, told) => {
    const headers = { 'content-type': 'application/json', authorization: known, accept: 'application/json' };
    const { text } = await http(it.url, path, 'POST', headers, body);
    expect(text).toMatch(told);
    expect(text).not.toMatch(/not valid JSON/);
  });

  test.each(['variables', 'extensions'])('%s of a GET', async (name) => {
    const query = new URLSearchParams({ query: '{ reviewCount }', [name]: '['.repeat(20) });
    const { text } = await http(it.url, `/graphql?${query.toString()}`, 'GET', { authorization: known });
    expect(text).toMatch(nested);
  });

  test.each([deep, wide])('a message of a WebSocket', async (message) => {
    const { socket } = await openSocket(it.url, known);
    const closed = once(socket, 'close');
    socket.send(message);
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, String(reason)]).toEqual([4400, 'The message is nested too deeply, or has too many values']);
  });
});

test.each([
  ['a message that is too deep', '['.repeat(20)],
  ['a message that only a server sends', JSON.stringify({ type: 'next', id: '1', payload: {} })],
  ['a message that is no JSON', '{'],
  ['a second connection_init', JSON.stringify({ type: 'connection_init' })],
])('a WebSocket reads nothing after its end: %s', async (_, last) => {
  const query = 'mutation($title: String!) { addBook(title: $title) { id } }';
  const add = async (title: string): Promise<number> => {
    const { answer } = await WAYS_IN['POST']!(it.url, { query, variables: { title } }, known);
    return Number(answer.data!.addBook.id);
  };
  // From now on the operation is known, and would be carried out in the round in which it is read.
  const before = await add('before');
  const { socket } = await openSocket(it.url, known);
  const closed = once(socket, 'close');
  socket.send(last);
  for (let at = 0; at < 20; at++)
    socket.send(
      JSON.stringify({ type: 'subscribe', id: String(at), payload: { query, variables: { title: 'after' } } }),
    );
  // The server has read all of it by then: its end of the connection comes behind.
  expect(((await closed) as [number])[0]).toBeGreaterThanOrEqual(4400);
  expect(await add('then')).toBe(before + 1);
});

test('a batch is no operation', async () => {
  const { status, text } = await http(
    it.url,
    '/graphql',
    'POST',
    { 'content-type': 'application/json' },
    JSON.stringify(Array(3).fill({ query: '{ reviewCount }' })),
  );
  expect([status, codes(JSON.parse(text) as GraphqlAnswer)]).toEqual([400, ['BAD_USER_INPUT']]);
});

describe('a time-out fires in the middle of a write', () => {
  const usual = { ...pace };
  let hasty: TestServer;
  beforeAll(async () => {
    hasty = await startTestServer({ REQUEST_TIMEOUT_MS: '300' });
    // When everything has been fetched the time is up, but nothing can say so before the writer lets it.
    hasty.library.stalled = () => void Object.assign(pace, { stretchMs: -1, objects: 1 });
    for (let count = hasty.library.books.length; count < 20; count++) hasty.library.add(`Book ${count}`);
  });
  afterAll(async () => {
    Object.assign(pace, usual);
    await hasty[Symbol.asyncDispose]();
  });

  test.each(Object.entries(WAYS_IN))('%s', async (_, send) => {
    let answer: GraphqlAnswer;
    do {
      Object.assign(pace, usual);
      ({ answer } = await send(hasty.url, { query: '{ books(first: 20) { title } stall(ms: 400) }' }));
      expect(codes(answer)).toEqual(['REQUEST_TIMEOUT']);
      // On a busy machine it may be up before all is fetched: then the answer says what is missing.
    } while (answer.data != null);
    expect((await send(hasty.url, { query: '{ book(id: "1") { title } }' })).answer.errors).toBeUndefined();
  });
});
