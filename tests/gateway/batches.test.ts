/** Several operations in one request, where the operator allows it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApolloClient, gql, InMemoryCache } from '@apollo/client';
import { BatchHttpLink } from '@apollo/client/link/batch-http';
import { startTestServer, type GraphqlAnswer, type TestServer } from './fixture.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer({ MAX_BATCH_OPERATIONS: '5', MAX_COST: '2000', MAX_ANSWER_NODES: '100' });
});
afterAll(async () => await it[Symbol.asyncDispose]());

async function send(batch: unknown, headers: Record<string, string> = {}) {
  const { status, json } = await it.post(batch, headers);
  return { status, answers: json as unknown as GraphqlAnswer[] };
}

test('are answered in their order, each for itself', async () => {
  const { status, answers } = await send([
    { query: '{ reviewCount }' },
    { query: '{ nope }' },
    { query: 'query Book($id: ID!) { book(id: $id) { title } }', variables: { id: '1' }, operationName: 'Book' },
    null,
    { query: '{ refuse }' },
  ]);
  expect(status).toBe(200);
  expect(answers.map(({ data }) => data as unknown)).toEqual([
    { reviewCount: 3 },
    undefined,
    { book: { title: 'The Left Hand of Darkness' } },
    undefined,
    { refuse: null },
  ]);
  expect(answers.map(({ errors }) => errors?.[0]?.extensions['code'] as unknown)).toEqual([
    undefined,
    'GRAPHQL_VALIDATION_FAILED',
    undefined,
    'BAD_USER_INPUT',
    'BAD_USER_INPUT',
  ]);
  expect(JSON.stringify(answers)).not.toContain('"http"');
});

test('Apollo Client sends and reads them', async () => {
  const sent: string[] = [];
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: new BatchHttpLink({
      uri: `${it.url}/graphql`,
      batchMax: 3,
      batchInterval: 5,
      fetch: (input, init) => {
        sent.push(String(init!.body as string));
        return fetch(input, init);
      },
    }),
  });
  const results = await Promise.all(
    ['a', 'b', 'c'].map((name) => client.query({ query: gql(`query ${name} { ${name}: reviewCount }`) })),
  );
  expect(results.map(({ data }) => data)).toEqual([{ a: 3 }, { b: 3 }, { c: 3 }]);
  expect(sent).toHaveLength(1);
  expect(JSON.parse(sent[0]!)).toHaveLength(3);
});

test.each([
  ['none at all', [], 400, /empty/],
  ['more than are allowed', Array.from({ length: 6 }, () => ({ query: '{ reviewCount }' })), 400, /at most 5/],
])('%s are refused', async (_, batch, status, message) => {
  const answer = await it.post(batch);
  expect([answer.status, answer.json.errors![0]!.message]).toEqual([status, expect.stringMatching(message)]);
});

test('are refused where nobody has allowed them, and to who takes no JSON', async () => {
  await using closed = await startTestServer();
  expect((await closed.post([{ query: '{ reviewCount }' }])).status).toBe(400);
  const streams = await it.post([{ query: '{ reviewCount }' }], { accept: 'text/event-stream' });
  expect(streams.status).toBe(406);
});

test('have no streams, and no parts', async () => {
  const { answers } = await send(
    [{ query: 'subscription { bookAdded { id } }' }, { query: '{ book(id: "1") { id ... @defer { stars } } }' }],
    { accept: 'multipart/mixed, application/json' },
  );
  expect(answers[0]!.errors![0]!.message).toContain('subscription');
  expect(answers[1]!.data).toEqual({ book: { id: '1', stars: 5 } });
  expect(it.library.listeners.size).toBe(0);
});

test('share what one operation may cost and answer', async () => {
  for (let n = 0; n < 80; n++) it.library.add(`Book ${n}`);
  const query = (first: number) => ({ query: `{ books(first: ${first}) { id } }` });
  const alone = await it.post(query(60));
  expect(alone.json.data.books).toHaveLength(60);
  const { answers: over } = await send([query(60), query(2)]);
  expect([over[0]!.errors![0]!.extensions['code'], over[1]!.data.books.length]).toEqual(['QUERY_TOO_COSTLY', 2]);
  // By what they say that they cost, before anything runs: five of what one may cost nearly.
  const costly = { query: '{ books(first: 500) { id } }' };
  const { answers: refused } = await send([costly, costly, costly, costly, costly]);
  expect(refused.map(({ errors, data }) => [errors![0]!.extensions['code'], data as unknown])).toEqual(
    Array.from({ length: 5 }, () => ['QUERY_TOO_COSTLY', undefined]),
  );
});
