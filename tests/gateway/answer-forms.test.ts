/** Which form an answer has, by `accept`; and what each says of an operation that is refused. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { Defer20220824Handler, GraphQL17Alpha9Handler } from '@apollo/client/incremental';
import { createEventSource } from 'eventsource-client';
import { createClient } from 'graphql-sse';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type GraphqlAnswer, type TestServer } from './fixture.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer();
});
afterAll(async () => await it[Symbol.asyncDispose]());

/** @returns the whole body, or its first event or part where the answer goes on */
async function ask(accept: string, query: string, method = 'POST', more: Record<string, string> = {}) {
  const path = method === 'POST' ? '/graphql' : `/graphql?${new URLSearchParams({ query }).toString()}`;
  const headers = { accept, ...(method === 'POST' ? { 'content-type': 'application/json' } : {}), ...more };
  const request = httpRequest(`${it.url}${path}`, { method, headers });
  request.end(method === 'POST' ? JSON.stringify({ query }) : undefined);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const { statusCode: status, headers: answered } = response;
  let text = '';
  if (query.includes('bookAdded') && status === 200) response.destroy();
  else for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  return { status, type: String(answered['content-type'] ?? ''), allow: answered.allow, text };
}

const JSON_TYPE = 'application/json; charset=utf-8';
const RESPONSE_TYPE = 'application/graphql-response+json; charset=utf-8';
const EVENTS = 'text/event-stream';
const PARTS = 'multipart/mixed; boundary="-"';
const SUBSCRIPTION = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0';
const DEFER = 'multipart/mixed;boundary="-";deferSpec=20220824';

/** What clients send, as they are released. */
const clients: [name: string, accept: string, query: string, subscription: string | 406, deferred: string][] = [
  ['curl', '*/*', JSON_TYPE, 406, JSON_TYPE],
  ["Relay's example, and fetch with JSON", 'application/json', JSON_TYPE, 406, JSON_TYPE],
  [
    'urql 4',
    'application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed',
    RESPONSE_TYPE,
    EVENTS,
    EVENTS,
  ],
  [
    'Apollo Client 3',
    'multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9',
    RESPONSE_TYPE,
    406,
    DEFER,
  ],
  [
    'Apollo Client 4 with the format of graphql-js 17',
    'multipart/mixed;incrementalSpec=v0.2,application/graphql-response+json,application/json;q=0.9',
    RESPONSE_TYPE,
    406,
    'multipart/mixed;boundary="-";incrementalSpec=v0.2',
  ],
  [
    'Apollo Client 3, subscribing',
    'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9',
    RESPONSE_TYPE,
    SUBSCRIPTION,
    RESPONSE_TYPE,
  ],
  ['graphql-sse', 'text/event-stream', EVENTS, EVENTS, EVENTS],
  [
    'graphql-request 7',
    'application/graphql-response+json; charset=utf-8, application/json; charset=utf-8',
    RESPONSE_TYPE,
    406,
    RESPONSE_TYPE,
  ],
  ["GraphiQL's fetcher", 'application/json, multipart/mixed', JSON_TYPE, PARTS, PARTS],
  ['who prefers events', 'application/json;q=0.5, text/event-stream', EVENTS, EVENTS, EVENTS],
  ['who refuses JSON', 'application/json;q=0, text/event-stream', EVENTS, EVENTS, EVENTS],
  ["a browser's fetch of everything", 'text/plain, */*;q=0.8', JSON_TYPE, 406, JSON_TYPE],
  ['who takes parts alone', 'multipart/mixed', PARTS, PARTS, PARTS],
];

test.each(clients)('%s', async (_, accept, query, subscription, deferred) => {
  expect((await ask(accept, '{ reviewCount }')).type).toBe(query);
  const subscribed = await ask(accept, 'subscription { bookAdded { id } }');
  if (subscription === 406)
    expect([subscribed.status, subscribed.text]).toEqual([406, expect.stringMatching(/text\/event-stream/)]);
  else expect([subscribed.status, subscribed.type]).toEqual([200, subscription]);
  const parts = await ask(accept, '{ book(id: "1") { id ... @defer { stars } } }');
  expect(parts.type).toBe(deferred);
  expect(parts.text).toContain('"stars":5');
  await it.library.until(() => it.library.listeners.size === 0);
});

test.each([
  'image/png',
  'text/html;q=0.9, image/*',
  'multipart/mixed;deferSpec=20990101',
  'multipart/mixed;subscriptionSpec=2.0',
  'multipart/mixed;incrementalSpec=v9',
  'multipart/mixed;deferSpec=20220824;subscriptionSpec=1.0',
  'application/json;charset=utf-16',
  'application/json;q=0',
])('nothing is given in the place of %s', async (accept) => {
  const before = it.library.books.length;
  for (const query of [
    '{ reviewCount }',
    'mutation { addBook(title: "x") { id } }',
    'subscription { bookAdded { id } }',
  ]) {
    const { status, type, text } = await ask(accept, query);
    expect([status, type]).toEqual([406, JSON_TYPE]);
    expect((JSON.parse(text) as GraphqlAnswer).errors![0]!.extensions.code).toBe('BAD_USER_INPUT');
  }
  expect(it.library.books).toHaveLength(before);
});

test('a subscription is not put into a format of deferred parts', async () => {
  expect((await ask('multipart/mixed;deferSpec=20220824', 'subscription { bookAdded { id } }')).status).toBe(406);
});

describe('deferred parts', () => {
  test('in the format of graphql-js 17 are announced, named and completed', async () => {
    const query = `{ ...Rest @defer(label: "all") book(id: "1") { id ... @defer(label: "stars") { stars } } }
      fragment Rest on Query { books(first: 1) { title ... @defer { similar(first: 1) { stars } } } }`;
    const { text } = await ask('multipart/mixed;incrementalSpec=v0.2', query);
    const messages = text.split('\r\n---').flatMap((part) => {
      const [, json] = part.split('\r\n\r\n');
      return json === undefined ? [] : [JSON.parse(json) as Message];
    });
    interface Message {
      data?: unknown;
      pending?: { id: string; path: unknown[]; label?: string }[];
      incremental?: { id: string; data: unknown }[];
      completed?: { id: string }[];
      hasNext: boolean;
    }
    expect(messages[0]).toMatchObject({ data: { book: { id: '1' } }, hasNext: true });
    const pending = messages.flatMap((message) => message.pending ?? []);
    expect(pending).toHaveLength(3);
    expect(messages[0]!.pending).toEqual(
      expect.arrayContaining([
        { id: expect.any(String) as string, path: [], label: 'all' },
        { id: expect.any(String) as string, path: ['book'], label: 'stars' },
      ]),
    );
    expect(pending.filter(({ label }) => label === undefined)).toEqual([
      { id: expect.any(String) as string, path: ['books', 0] },
    ]);
    const dataOf = (label: string | undefined) => {
      const { id } = pending.find((part) => part.label === label)!;
      return messages.flatMap(({ incremental = [] }) => incremental.filter((part) => part.id === id))[0]!.data;
    };
    expect(dataOf('stars')).toEqual({ stars: 5 });
    expect(dataOf('all')).toMatchObject({ books: [{ title: 'The Left Hand of Darkness' }] });
    expect(dataOf(undefined)).toEqual({ similar: [{ stars: 5 }] });
    const completed = messages.flatMap((message) => message.completed ?? []);
    expect(new Set(completed.map(({ id }) => id))).toEqual(new Set(pending.map(({ id }) => id)));
    expect(completed).toHaveLength(3);
    expect(messages.map(({ hasNext }) => hasNext)).toEqual([...messages.slice(1).map(() => true), false]);
  });

  test.each([
    ['of graphql-js 17', () => new GraphQL17Alpha9Handler()],
    ['of 2022', () => new Defer20220824Handler()],
  ])('are read by Apollo Client 4 in the format %s', async (_, handler) => {
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: new HttpLink({ uri: `${it.url}/graphql` }),
      incrementalHandler: handler(),
    });
    const query = gql`
      query {
        book(id: "1") {
          id
          title
          ... @defer {
            stars
          }
        }
      }
    `;
    const { data } = await client.query({ query });
    expect(data).toMatchObject({ book: { id: '1', title: 'The Left Hand of Darkness', stars: 5 } });
    client.stop();
  });
});

describe('an operation that is refused', () => {
  const bad: [name: string, query: string, code: string][] = [
    ['by validation', 'subscription { nope }', 'GRAPHQL_VALIDATION_FAILED'],
    ['by the parser', 'subscription {', 'GRAPHQL_PARSE_FAILED'],
    ['by a limit', `{ ${'echo '.repeat(60)} }`, 'QUERY_TOO_DEEP'],
    ['for a variable', 'query ($id: ID!) { book(id: $id) { id } }', 'BAD_USER_INPUT'],
  ];
  test.each(bad)('%s is an event for who takes events', async (_, query, code) => {
    for (const method of ['POST', 'GET']) {
      const { status, type, text } = await ask('text/event-stream', query, method);
      expect([status, type]).toEqual([200, EVENTS]);
      const [, json] = /^:\n\nevent: next\ndata: (.*)\n\nevent: complete\ndata:\n\n$/.exec(text)!;
      const answer = JSON.parse(json!) as GraphqlAnswer;
      expect(answer.errors![0]!.extensions).toEqual(expect.objectContaining({ code }));
      expect(answer.errors![0]!.extensions).not.toHaveProperty('http');
    }
    expect((await ask('application/json', query)).status).toBe(400);
  });

  test("reaches graphql-sse's client and EventSource as a result", async () => {
    const client = createClient({ url: `${it.url}/graphql`, retryAttempts: 0 });
    const results = [];
    for await (const result of client.iterate({ query: 'subscription { nope }' })) results.push(result);
    expect(results).toEqual([
      { errors: [expect.objectContaining({ message: expect.stringMatching(/nope/) as string })] },
    ]);
    client.dispose();
    const source = createEventSource(`${it.url}/graphql?query=${encodeURIComponent('subscription { nope }')}`);
    for await (const { event, data } of source) {
      expect(event).toBe('next');
      expect((JSON.parse(data) as GraphqlAnswer).errors![0]!.message).toMatch(/nope/);
      break;
    }
    source.close();
  });

  test('because it came by GET is told by the status, whatever is accepted', async () => {
    const before = it.library.books.length;
    for (const accept of ['application/json', 'text/event-stream', 'multipart/mixed', '*/*']) {
      for (const method of ['GET', 'HEAD']) {
        const { status, allow, type } = await ask(accept, 'mutation { addBook(title: "x") { id } }', method);
        expect([status, allow, type]).toEqual([405, 'POST', JSON_TYPE]);
      }
    }
    expect(it.library.books).toHaveLength(before);
  });

  test('because the request cannot be read has its own status', async () => {
    const { status, type } = await ask('text/event-stream', '{ reviewCount }', 'POST', {
      'content-type': 'text/plain',
    });
    expect([status, type]).toEqual([415, JSON_TYPE]);
  });

  test.each([
    ['by where it comes from', { origin: 'https://elsewhere.example' }, 403],
    ['by how it was sent', { 'content-type': 'text/plain' }, 415],
    [
      'by what stands twice',
      { 'x-api-key': `trk_${'a'.repeat(44)}`, authorization: `Bearer trk_${'b'.repeat(44)}` },
      401,
    ],
  ] as const)('%s is told in the type of a GraphQL answer to who takes that', async (_, more, status) => {
    for (const [accept, type] of [
      ['application/graphql-response+json, application/json;q=0.9', RESPONSE_TYPE],
      ['application/json, application/graphql-response+json;q=0.9', JSON_TYPE],
      ['text/event-stream', JSON_TYPE],
    ]) {
      const answer = await ask(accept!, '{ reviewCount }', 'POST', more);
      expect([answer.status, answer.type]).toEqual([status, type]);
      expect(JSON.parse(answer.text)).toEqual({
        errors: [expect.objectContaining({ message: expect.any(String) as string })],
      });
    }
  });
});
