/** Automatic persisted queries: over every transport, with the clients that have them. */
import { createHash } from 'node:crypto';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { Client, fetchExchange, gql as urqlGql } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KeptQueries } from '#gateway/admission/persisted/automatic.ts';
import { startTestServer, type TestServer } from './fixture.ts';
import { http, openSocket } from './ways-in.ts';

let it: TestServer;
let off: TestServer;
beforeAll(async () => {
  it = await startTestServer({ CORS_ORIGINS: 'https://app.example' });
  off = await startTestServer({ AUTOMATIC_PERSISTED_QUERIES: 'false' });
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
  await off[Symbol.asyncDispose]();
});

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const extensionsOf = (query: string) => ({ persistedQuery: { version: 1, sha256Hash: sha256(query) } });
const NOT_FOUND = { message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } };

/** What was sent, as it went out. */
function noting(sent: { method: string; query: boolean; status: number }[]): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const method = init?.method ?? 'GET';
    const said = method === 'GET' ? String(input as string) : String(init?.body as string);
    sent.push({ method, query: /[?&]query=|"query":/.test(said), status: response.status });
    return response;
  };
}

describe('clients', () => {
  const counted = (n: number) => `query Count${n} { reviewCount }`;

  test('Apollo Client sends the text once, by POST and by GET', async () => {
    for (const [useGETForHashedQueries, query] of [
      [false, counted(1)],
      [true, counted(2)],
    ] as const) {
      const sent: Parameters<typeof noting>[0] = [];
      const client = (): ApolloClient =>
        new ApolloClient({
          cache: new InMemoryCache(),
          link: new PersistedQueryLink({ sha256, useGETForHashedQueries }).concat(
            new HttpLink({ uri: `${it.url}/graphql`, fetch: noting(sent) }),
          ),
        });
      expect((await client().query({ query: gql(query) })).data).toEqual({ reviewCount: 3 });
      expect((await client().query({ query: gql(query) })).data).toEqual({ reviewCount: 3 });
      const hashed = useGETForHashedQueries ? 'GET' : 'POST';
      expect(sent).toEqual([
        { method: hashed, query: false, status: 200 },
        { method: 'POST', query: true, status: 200 },
        { method: hashed, query: false, status: 200 },
      ]);
    }
  });

  test('Apollo Client gives up where they are switched off', async () => {
    const sent: Parameters<typeof noting>[0] = [];
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: new PersistedQueryLink({ sha256 }).concat(new HttpLink({ uri: `${off.url}/graphql`, fetch: noting(sent) })),
    });
    for (const n of [3, 4]) {
      const result = await client.query({ query: gql(counted(n)), fetchPolicy: 'network-only' });
      expect(result.data).toEqual({ reviewCount: 3 });
    }
    expect(sent.map(({ query }) => query)).toEqual([false, true, true]);
  });

  test('urql sends the text once, and leaves it where they are switched off', async () => {
    const client = (url: string, sent: Parameters<typeof noting>[0]): Client =>
      new Client({
        url: `${url}/graphql`,
        fetch: noting(sent),
        preferGetMethod: false,
        exchanges: [
          persistedExchange({ enforcePersistedQueries: false, generateHash: (text) => Promise.resolve(sha256(text)) }),
          fetchExchange,
        ],
      });
    const query = urqlGql(counted(5));
    const sent: Parameters<typeof noting>[0] = [];
    for (let times = 0; times < 2; times++)
      expect((await client(it.url, sent).query(query, {}).toPromise()).data).toEqual({ reviewCount: 3 });
    expect(sent.filter(({ query: withText }) => withText)).toHaveLength(1);
    expect(sent.at(-1)).toMatchObject({ query: false, status: 200 });
    const without: Parameters<typeof noting>[0] = [];
    expect((await client(off.url, without).query(query, {}).toPromise()).data).toEqual({ reviewCount: 3 });
  });
});

describe('transports', () => {
  /** The first event or part, or the whole. */
  const over: Record<string, (parameters: object) => Promise<string>> = {
    POST: async (parameters) =>
      (await http(it.url, '/graphql', 'POST', { 'content-type': 'application/json' }, JSON.stringify(parameters))).text,
    GET: async (parameters) => {
      const search = new URLSearchParams(
        Object.entries(parameters).map(([name, value]) => [
          name,
          typeof value === 'string' ? value : JSON.stringify(value),
        ]),
      );
      return (await http(it.url, `/graphql?${search.toString()}`, 'GET', {})).text;
    },
    'server-sent events': async (parameters) =>
      (
        await http(
          it.url,
          '/graphql',
          'POST',
          { 'content-type': 'application/json', accept: 'text/event-stream' },
          JSON.stringify(parameters),
        )
      ).text,
    multipart: async (parameters) =>
      (
        await http(
          it.url,
          '/graphql',
          'POST',
          { 'content-type': 'application/json', accept: 'multipart/mixed' },
          JSON.stringify(parameters),
        )
      ).text,
  };

  test.each(Object.keys(over))('%s: not known, told with its text, known', async (transport) => {
    const query = `{ reviewCount as${transport.replace(/\W/g, '')}: reviewCount }`;
    const extensions = extensionsOf(query);
    const send = over[transport]!;
    expect(await send({ extensions })).toContain('"message":"PersistedQueryNotFound"');
    expect(await send({ query, extensions })).toContain('"reviewCount":3');
    expect(await send({ extensions })).toContain('"reviewCount":3');
    expect(await send({ query: '', extensions })).toContain('"reviewCount":3');
  });

  test('a WebSocket stays open for what else is on it', async () => {
    // graphql-ws' own client sends no message without a text; others do.
    await using socket = await openSocket(it.url);
    const seen = new Promise((resolve) =>
      socket.socket.on('message', (data: Buffer) => {
        const message = JSON.parse(String(data)) as { id?: string; payload?: unknown };
        if (message.id === 'stream') resolve(message.payload);
      }),
    );
    const stream = { query: 'subscription { bookAdded { title } }' };
    socket.socket.send(JSON.stringify({ id: 'stream', type: 'subscribe', payload: stream }));
    await it.library.until(() => it.library.listeners.size === 1);
    const query = '{ reviewCount overWebSocket: reviewCount }';
    const extensions = extensionsOf(query);
    expect((await socket.ask({ extensions } as never)).answer.errors).toEqual([
      { message: NOT_FOUND.message, extensions: expect.objectContaining(NOT_FOUND.extensions) as object },
    ]);
    for (const parameters of [{ query, extensions }, { extensions }, { query: '', extensions }])
      expect((await socket.ask(parameters as never)).answer).toEqual({ data: { reviewCount: 3, overWebSocket: 3 } });
    it.library.add('Still listening');
    expect(await seen).toEqual({ data: { bookAdded: { title: 'Still listening' } } });
    socket.socket.send(JSON.stringify({ id: 'stream', type: 'complete' }));
    await it.library.until(() => it.library.listeners.size === 0);
  });

  test('a stream is opened by its hash', async () => {
    const query = 'subscription Added { bookAdded { title } }';
    const extensions = extensionsOf(query);
    for (const parameters of [{ query, extensions }, { extensions }]) {
      const response = await fetch(`${it.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
        body: JSON.stringify(parameters),
      });
      await it.library.until(() => it.library.listeners.size === 1);
      it.library.add('By hash');
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      while (!text.includes('By hash')) text += (await reader.read()).value!;
      await reader.cancel();
      await it.library.until(() => it.library.listeners.size === 0);
    }
  });

  test('a mutation by its hash is refused by GET', async () => {
    const query = 'mutation { addBook(title: "by hash") { title } }';
    const extensions = extensionsOf(query);
    await it.post({ query, extensions });
    const before = it.library.books.length;
    const search = new URLSearchParams({ extensions: JSON.stringify(extensions) }).toString();
    expect((await http(it.url, `/graphql?${search}`, 'GET', {})).status).toBe(405);
    expect(it.library.books).toHaveLength(before);
    expect((await it.post({ extensions })).json.data).toEqual({ addBook: { title: 'by hash' } });
  });
});

describe('what is kept', () => {
  test('is no text of another hash, and nothing of it runs', async () => {
    const before = it.library.books.length;
    const extensions = extensionsOf('{ reviewCount }');
    const { status, json } = await it.post({ query: 'mutation { addBook(title: "smuggled") { id } }', extensions });
    expect([status, json.errors![0]!.extensions.code]).toEqual([400, 'BAD_USER_INPUT']);
    expect(it.library.books).toHaveLength(before);
    // Not even parsed: what is wrong with the text is not told.
    const other = await it.post({ query: '{ nonsense(', extensions });
    expect(other.json.errors![0]!.message).toContain('sha256Hash');
    expect((await it.post({ extensions })).json.errors).toEqual([
      expect.objectContaining({ message: NOT_FOUND.message }),
    ]);
    const offToo = await off.post({ query: '{ nonsense(', extensions });
    expect(offToo.json.errors![0]!.message).toContain('sha256Hash');
  });

  test('is nothing that is not valid', async () => {
    for (const query of ['{ nope }', '{ broken(', `{ ${'reviewCount '.repeat(60)} }`]) {
      const extensions = extensionsOf(query);
      await it.post({ query, extensions });
      expect((await it.post({ extensions })).json.errors).toEqual([
        expect.objectContaining({
          message: NOT_FOUND.message,
          extensions: expect.objectContaining(NOT_FOUND.extensions) as object,
        }),
      ]);
    }
  });

  test.each([
    ['no version', { sha256Hash: sha256('x') }],
    ['another version', { version: 2, sha256Hash: sha256('x') }],
    ['no hash', { version: 1 }],
    ['a hash that is too short', { version: 1, sha256Hash: 'abc' }],
    ['a hash that is no text', { version: 1, sha256Hash: { $ne: '' } }],
    ['a text', 'x'],
    ['a list', [1]],
  ])('is not looked for with %s', async (_, persistedQuery) => {
    const { status, json } = await it.post({ query: '{ reviewCount }', extensions: { persistedQuery } });
    expect([status, json.errors![0]!.extensions.code]).toEqual([400, 'BAD_USER_INPUT']);
  });

  test('null, and a hash in capitals, are as they are meant', async () => {
    expect((await it.post({ query: '{ reviewCount }', extensions: { persistedQuery: null } })).json.data).toBeDefined();
    const extensions = { persistedQuery: { version: 1, sha256Hash: sha256('{ reviewCount }').toUpperCase() } };
    expect((await it.post({ query: '{ reviewCount }', extensions })).json.data).toEqual({ reviewCount: 3 });
  });
});

describe('the bounds', () => {
  const text = (name: string, n: number): string => `query ${name}${n} { a }`.padEnd(700, ' ');
  const bring = (kept: KeptQueries, tenant: string, n: number): string => {
    const query = text(tenant, n);
    kept.keep(sha256(query), kept.textOf(sha256(query), query), tenant);
    return sha256(query);
  };
  const has = (kept: KeptQueries, hash: string): boolean => {
    try {
      return kept.textOf(hash, undefined) !== '';
    } catch {
      return false;
    }
  };

  test('of one tenant are its own', () => {
    const kept = new KeptQueries({ persistedCharacters: 100_000, persistedTenantCharacters: 5_000 });
    const others = [1, 2, 3].map((n) => bring(kept, 'quiet', n));
    const first = bring(kept, 'loud', 0);
    const second = bring(kept, 'loud', 1);
    // What is asked for, by whomever, stays longest.
    for (let n = 2; n < 2_000; n++) {
      expect(has(kept, first)).toBe(true);
      bring(kept, 'loud', n);
    }
    expect(has(kept, first)).toBe(true);
    expect(has(kept, second)).toBe(false);
    expect(others.every((hash) => has(kept, hash))).toBe(true);
    const own = Array.from({ length: 2_000 }, (_, n) => sha256(text('loud', n))).filter((hash) => has(kept, hash));
    expect(own).toHaveLength(5);
  });

  test('of all are taken from who has most', () => {
    const kept = new KeptQueries({ persistedCharacters: 10_000, persistedTenantCharacters: 10_000 });
    const loud = Array.from({ length: 10 }, (_, n) => bring(kept, 'loud', n));
    const quiet = Array.from({ length: 4 }, (_, n) => bring(kept, `quiet${n}`, n));
    expect(quiet.every((hash) => has(kept, hash))).toBe(true);
    expect(loud.filter((hash) => has(kept, hash))).toHaveLength(6);
    // One that is larger than all that may be kept pushes out nothing.
    const huge = `{ a }${' '.repeat(20_000)}`;
    kept.keep(sha256(huge), huge, 'loud');
    expect(has(kept, sha256(huge))).toBe(false);
    expect(quiet.every((hash) => has(kept, hash))).toBe(true);
  });
});
