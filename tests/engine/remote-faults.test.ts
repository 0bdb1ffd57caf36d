/** What a remote subgraph's faults cost an operation: the fields that need it, each with an error that names it. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { execute, parse, type ExecutionResult } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEngine, type Engine } from '#gateway/execute/engine.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { remoteClient } from '#gateway/execute/clients/remote-client.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import { composeTest, received, subgraphSchema, testContext, type TestSubgraph } from './federation.ts';
import { answering, bodyOf } from '#tests/setup/answering.ts';

const subgraphs = {
  books: {
    typeDefs: `type Query { books: [Book!] } type Book @key(fields: "id") { id: ID! title: String }`,
    resolvers: {
      Query: {
        books: () => [
          { id: '1', title: 'One' },
          { id: '2', title: 'Two' },
        ],
      },
    },
  },
  reviews: {
    typeDefs: `type Query { latest: String } type Book @key(fields: "id") { id: ID! stars: Int }`,
    resolvers: {
      Query: { latest: () => 'Good' },
      Book: { __resolveReference: ({ id }: { id: string }) => ({ id, stars: 5 }) },
    },
  },
} satisfies Record<string, TestSubgraph>;

let answer: RequestListener;
let engine: Engine;
let far: SubgraphClient;
const server = createServer((request, response) => answer(request, response));

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  far = remoteClient('reviews', {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    retries: 0,
    breakAfter: 1_000,
    timeoutMs: 1_000,
    maxResponseBytes: 10_000,
  });
  const clients = new Map([
    ['books', inProcessClient('books', subgraphSchema(subgraphs.books))],
    ['reviews', far],
  ]);
  engine = await createEngine({ supergraphSdl: composeTest(subgraphs), clients });
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await engine.close();
  await far.close();
});

/** Runs the operation with `reviews` behind `listener`. */
async function run(source: string, listener: RequestListener, trace = false): Promise<ExecutionResult> {
  answer = listener;
  return received(await engine.execute({ document: parse(source), context: testContext(), trace }));
}

const VERY_MUCH = Buffer.alloc(200_000_000, ' ');
const json =
  (body: unknown): RequestListener =>
  (_, response) =>
    void response.end(JSON.stringify(body));

test.each<[string, RequestListener, RegExp]>([
  [
    'HTML',
    (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>'),
    /not GraphQL/,
  ],
  ['500', (_, response) => void response.writeHead(500).end('Internal error'), /HTTP status 500/],
  ['half a JSON', (_, response) => void response.end('{"data":{"_entities":[{"st'), /not GraphQL/],
  ['a list', json([{ data: {} }]), /not GraphQL/],
  ['a text as data', json({ data: 'yes' }), /not GraphQL/],
  ['neither data nor errors', json({}), /not GraphQL/],
  ['data of another question', json({ data: { other: 1 } }), /not one to its question/],
  ['entities that are no list', json({ data: { _entities: 7 } }), /not one to its question/],
  ['too few entities', json({ data: { _entities: [{ __typename: 'Book', stars: 5 }] } }), /not one to its question/],
  ['200 MB', (_, response) => void response.end(VERY_MUCH), /more than 10000 bytes/],
  ['nothing, ever', () => undefined, /within 1000 ms/],
  ['a cut connection', (request) => void request.socket.destroy(), /cannot be reached/],
])('%s costs the fields that need the subgraph', async (_, listener, message) => {
  const { data, errors } = await run('{ books { title stars } }', listener);
  expect(data).toEqual({
    books: [
      { title: 'One', stars: null },
      { title: 'Two', stars: null },
    ],
  });
  expect(errors).toEqual([
    {
      message: expect.stringMatching(message) as unknown,
      path: ['books'],
      extensions: expect.objectContaining({ code: 'SUBGRAPH_UNAVAILABLE', service: 'reviews', affected: 2 }) as unknown,
    },
  ]);
  for (const error of errors!) expect(error.message).toContain('reviews');
});

test('a root field is one of them', async () => {
  const { data, errors } = await run('{ books { title } latest }', (_, response) => void response.end('?'));
  expect(data).toEqual({ books: [{ title: 'One' }, { title: 'Two' }], latest: null });
  expect(errors).toMatchObject([{ path: ['latest'], extensions: { service: 'reviews' } }]);
});

test('a root field that is left out is an error of the subgraph, and one that is null is not', async () => {
  const { data, errors } = await run('{ latest }', json({ data: {} }));
  expect(data).toEqual({ latest: null });
  expect(errors).toMatchObject([
    {
      message: expect.stringMatching(/reviews left out/) as unknown,
      path: ['latest'],
      extensions: { code: 'SUBGRAPH_UNAVAILABLE', service: 'reviews' },
    },
  ]);
  expect(await run('{ latest }', json({ data: { latest: null } }))).toEqual({ data: { latest: null } });
});

test('an error at an entity that was not asked for is told', async () => {
  const { data, errors } = await run(
    '{ books { title stars } }',
    json({
      data: { _entities: [{ stars: 5 }, { stars: 4 }] },
      errors: [{ message: 'Lost count.', path: ['_entities', 99_999, 'stars'] }],
    }),
  );
  expect(data).toMatchObject({ books: [{ stars: 5 }, { stars: 4 }] });
  expect(errors!.map(({ message }) => message)).toContain('Lost count.');
});

test('values of the wrong type cost themselves', async () => {
  const { data, errors } = await run(
    '{ books { title stars } }',
    json({ data: { _entities: [{ stars: 'many' }, { stars: 4 }] } }),
  );
  expect(data).toEqual({
    books: [
      { title: 'One', stars: null },
      { title: 'Two', stars: 4 },
    ],
  });
  expect(errors).toMatchObject([{ path: ['books', 0, 'stars'] }]);
});

test('a healthy one costs nothing', async () => {
  const schema = subgraphSchema(subgraphs.reviews);
  const result = await run(
    '{ books { title stars } latest }',
    answering(async (request, response) => {
      const { query, variables } = JSON.parse(await bodyOf(request)) as {
        query: string;
        variables: Record<string, unknown>;
      };
      response.end(JSON.stringify(await execute({ schema, document: parse(query), variableValues: variables })));
    }),
  );
  expect(result).toEqual({
    data: {
      books: [
        { title: 'One', stars: 5 },
        { title: 'Two', stars: 5 },
      ],
      latest: 'Good',
    },
  });
});

test('the trace says how much went over the wire, how often, and how the breaker stands', async () => {
  const body = JSON.stringify({ data: { latest: 'é' } });
  let sent = 0;
  const listener: RequestListener = (request, response) => {
    sent = Number(request.headers['content-length']);
    response.end(body);
  };
  const { extensions } = await run('{ latest }', listener, true);
  expect(extensions!.trace).toMatchObject({
    plan: {
      service: 'reviews',
      calls: 1,
      attempts: 1,
      sentBytes: sent,
      receivedBytes: Buffer.byteLength(body),
      breaker: 'closed',
    },
  });
  const failed = await run('{ latest }', (request) => void request.socket.destroy(), true);
  expect(failed.extensions!.trace).toMatchObject({ plan: { calls: 1, attempts: 1, receivedBytes: 0, errors: 1 } });
  expect((await run('{ latest }', listener)).extensions).toBeUndefined();
});
