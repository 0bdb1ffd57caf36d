/** Lists that come item by item (`@stream`), over every transport that has parts. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { Defer20220824Handler, GraphQL17Alpha9Handler } from '@apollo/client/incremental';
import { Client as UrqlClient, fetchExchange } from '@urql/core';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { startTestServer, type GraphqlAnswer, type TestServer } from './fixture.ts';

let it: TestServer;
beforeAll(async () => {
  // Long, so that a busy machine cuts no batch in two.
  it = await startTestServer({ STREAM_BATCH_WAIT_MS: '500' });
});
beforeEach(() => {
  it.library.coming = 0;
  it.library.asked.books = 0;
});
afterAll(async () => await it[Symbol.asyncDispose]());

const QUERY = '{ comingBooks @stream(initialCount: 1, label: "b") { id stars } }';
const BOOK = { id: '1', stars: 5 };

/** What is left of a message's parts. */
type Parts = AsyncIterator<GraphqlAnswer> & { leave: () => void };

async function multipart(accept: string): Promise<Parts> {
  const request = httpRequest(`${it.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
  });
  request.end(JSON.stringify({ query: QUERY }));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  async function* parts(): AsyncGenerator<GraphqlAnswer> {
    let text = '';
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      text += chunk;
      for (let end = text.indexOf('\r\n---'); end >= 0; end = text.indexOf('\r\n---')) {
        const [, json] = text.slice(0, end).split('\r\n\r\n');
        text = text.slice(end + 5);
        if (json !== undefined) yield JSON.parse(json) as GraphqlAnswer;
      }
    }
  }
  return Object.assign(parts(), { leave: () => void response.destroy() });
}

function events(): Promise<Parts> {
  const client = createSseClient({ url: `${it.url}/graphql`, retryAttempts: 0 });
  return Promise.resolve(Object.assign(client.iterate({ query: QUERY }), { leave: () => client.dispose() }) as Parts);
}

function socket(): Promise<Parts> {
  const client = createSocketClient({
    url: `${it.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    lazy: true,
  });
  return Promise.resolve(
    Object.assign(client.iterate({ query: QUERY }), { leave: () => void client.dispose() }) as Parts,
  );
}

const OF_2022 = [
  { data: { comingBooks: [BOOK] }, hasNext: true },
  { incremental: [{ items: [BOOK, BOOK], path: ['comingBooks', 1], label: 'b' }], hasNext: true },
  { incremental: [{ items: [BOOK], path: ['comingBooks', 3], label: 'b' }], hasNext: true },
  { hasNext: false },
];
const OF_17 = [
  {
    data: { comingBooks: [BOOK] },
    pending: [{ id: '0', path: ['comingBooks'], label: 'b' }],
    hasNext: true,
  },
  { incremental: [{ id: '0', items: [BOOK, BOOK] }], hasNext: true },
  { incremental: [{ id: '0', items: [BOOK] }], hasNext: true },
  { completed: [{ id: '0' }], hasNext: false },
];

describe.each([
  ['multipart of 2022', () => multipart('multipart/mixed;deferSpec=20220824'), OF_2022],
  ['multipart of graphql-js 17', () => multipart('multipart/mixed;incrementalSpec=v0.2'), OF_17],
  ['server-sent events', events, OF_2022],
  ['WebSocket', socket, OF_2022],
])('%s', (_, open, expected) => {
  test('each batch comes when its items are there', async () => {
    it.library.let(1);
    const parts = await open();
    const seen = [(await parts.next()).value];
    for (const more of [2, 1, Infinity]) {
      it.library.let(more);
      seen.push((await parts.next()).value);
    }
    expect(seen).toEqual(expected);
    expect((await parts.next()).done).toBe(true);
    parts.leave();
  });

  test('a client that leaves ends the list', async () => {
    it.library.let(2);
    const parts = await open();
    await parts.next();
    await it.library.until(() => it.library.asked.books === 3 && it.library.asked.readers === 1);
    parts.leave();
    await it.library.until(() => it.library.asked.readers === 0);
    expect(it.library.asked.books).toBe(3);
  });
});

test('without parts the list is whole', async () => {
  it.library.let(2);
  const answer = it.post({ query: QUERY });
  await it.library.until(() => it.library.asked.books === 3);
  it.library.let(Infinity);
  expect((await answer).json).toEqual({ data: { comingBooks: [BOOK, BOOK] } });
});

test.each([
  ['of graphql-js 17', () => new GraphQL17Alpha9Handler()],
  ['of 2022', () => new Defer20220824Handler()],
])('Apollo Client 4 reads items in the format %s', async (_, handler) => {
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: new HttpLink({ uri: `${it.url}/graphql` }),
    incrementalHandler: handler(),
  });
  it.library.let(3);
  const query = gql`
    query {
      comingBooks @stream(initialCount: 1) {
        id
        stars
      }
    }
  `;
  const answer = client.query({ query });
  await it.library.until(() => it.library.asked.books === 4);
  it.library.let(Infinity);
  expect((await answer).data).toMatchObject({ comingBooks: [BOOK, BOOK, BOOK] });
  client.stop();
});

test('urql reads items', async () => {
  const client = new UrqlClient({ url: `${it.url}/graphql`, exchanges: [fetchExchange], preferGetMethod: false });
  it.library.let(3);
  const seen = new Promise((resolve) => {
    client.query(QUERY, {}).subscribe(({ data, hasNext }) => {
      if (!hasNext) resolve(data);
    });
  });
  await it.library.until(() => it.library.asked.books === 4);
  it.library.let(Infinity);
  expect(await seen).toMatchObject({ comingBooks: [BOOK, BOOK, BOOK] });
});

describe('what is refused', () => {
  test.each([
    ['{ book(id: "1") @stream { id } }', /non-list field "Query.book"/],
    ['{ books @stream(initialCount: -1) { id } }', /must not be negative/],
    ['{ books @stream(label: "x") { id } ... @defer(label: "x") { reviewCount } }', /must be unique/],
    ['query ($l: String) { books @stream(label: $l) { id } }', /must be a static string/],
    ['{ books @stream { id } books { title } }', /differing stream directives/],
    [
      '{ ...A ...B } fragment A on Query { books @stream { id } } fragment B on Query { books @stream(initialCount: 1) { id } }',
      /differing stream directives/,
    ],
    ['mutation { store @stream { bytes } }', /root mutation type/],
    ['subscription { bookAdded { similar @stream { id } } }', /not supported on subscription/],
    [
      'subscription { bookAdded { ...F } } fragment F on Book { similar @stream { id } }',
      /not supported on subscription/,
    ],
    ['{ books @stream(initialCount: 1.5) { id } }', /Int/],
    ['{ books @stream @stream { id } }', /only be used once/],
    ['{ ... @stream { reviewCount } }', /may not be used on INLINE_FRAGMENT/],
  ])('%s', async (query, message) => {
    const { json } = await it.post({ query });
    expect(json.errors![0]!.message).toMatch(message);
    expect(json.errors![0]!.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
  });

  test('what says the same twice, or `if: false` in a subscription, is not', async () => {
    for (const query of [
      '{ books @stream(initialCount: 1, if: true) { id } ...F } fragment F on Query { books @stream(if: true, initialCount: 1) { title } }',
      'subscription { bookAdded { similar @stream(if: false) { id } } }',
    ]) {
      const { json } = await it.post({ query: `${query} query Other { reviewCount }`, operationName: 'Other' });
      expect(json.errors?.map(({ message }) => message).join() ?? '').not.toMatch(/stream/);
    }
  });
});
