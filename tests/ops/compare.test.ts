/** Comparing this engine with another gateway: on real subgraphs, whose answers are known. */
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { graphql, type GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { differencesOf } from '#ops/compare/differences.ts';
import { ExactNumber, parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import { readRecorded } from '#ops/compare/recorded.ts';
import type { Report } from '#ops/compare/report.ts';
import { addressesOf } from '#ops/compare/supergraph.ts';
import { composeTest, subgraphSchema } from '#tests/engine/federation.ts';
import { answering, bodyOf } from '#tests/setup/answering.ts';
import { startProgram } from './program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let now = 0;
let written = 0;
const SUBGRAPHS = {
  books: {
    typeDefs: `
      scalar Long
      type Query { book(id: ID!): Book, books: [Book!]!, clock: Int!, broken: String, long: Long, echo(long: Long): Long }
      type Mutation { write: Int! }
      type Subscription { clock: Int! }
      type Book @key(fields: "id") { id: ID! title: String! }
    `,
    resolvers: {
      Query: {
        book: (_: unknown, { id }: { id: string }) => ({ id, title: `Book ${id}` }),
        books: () => ['1', '2'].map((id) => ({ id, title: `Book ${id}` })),
        clock: () => ++now,
        long: () => new ExactNumber('9007199254740993'),
        echo: (_: unknown, { long }: { long: unknown }) => long,
        broken: () => {
          throw new Error('It is broken.');
        },
      },
      Mutation: { write: () => ++written },
    },
  },
  reviews: {
    typeDefs: 'type Book @key(fields: "id") { id: ID! stars: Int }',
    resolvers: { Book: { stars: ({ id }: { id: string }) => Number(id) + 3 } },
  },
};

let folder: string;
let supergraph: string;
let urls: string[];
const closing: (() => void)[] = [];
/** What each subgraph was sent in `x-caller`. */
const callers = new Set<unknown>();

async function serve(
  answer: (body: { query: string; variables?: Record<string, unknown>; operationName?: string }) => unknown,
): Promise<string> {
  const server = createServer(
    answering(async (request, response) => {
      callers.add(request.headers['x-caller']);
      const result = await answer(parseExactJson(await bodyOf(request)) as { query: string });
      response.writeHead(200, { 'content-type': 'application/json' }).end(writeJson(result));
    }),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
}
const serveSchema = (schema: GraphQLSchema) =>
  serve(({ query, variables, operationName }) =>
    graphql({ schema, source: query, variableValues: variables, operationName }),
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-test-'));
  supergraph = join(folder, 'supergraph.graphql');
  await writeFile(supergraph, composeTest(SUBGRAPHS));
  urls = await Promise.all(
    Object.entries(SUBGRAPHS).map(async ([name, subgraph]) => `${name}=${await serveSchema(subgraphSchema(subgraph))}`),
  );
});
afterAll(async () => {
  for (const close of closing) close();
  await rm(folder, { recursive: true, force: true });
});

let recorded: string;
beforeEach(async () => {
  recorded = await mkdtemp(join(folder, 'recorded-'));
});
const record = async (files: Record<string, string | object>): Promise<void> => {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(recorded, path)), { recursive: true });
    await writeFile(join(recorded, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
};

async function compare(...args: string[]): Promise<{ status: number | null; output: string; report: Report }> {
  const json = join(recorded, 'report.out');
  using program = startProgram(
    process.execPath,
    ['--import', 'tsx', 'ops/compare.ts', '--json', json, '--rounds', '2', ...args],
    { cwd: ROOT },
  );
  const status = await program.exited();
  const report = await readFile(json, 'utf8').then(
    (text) => JSON.parse(text) as Report,
    () => undefined as unknown as Report,
  );
  return { status, output: program.output, report };
}
const onSupergraph = (): string[] => [
  '--supergraph',
  supergraph,
  '--operations',
  recorded,
  ...urls.flatMap((url) => ['--subgraph', url]),
];

test('with @apollo/gateway: data, errors, fetches and CPU, with what changes by itself left out', async () => {
  await record({
    'book.graphql': 'query Book($id: ID!) { book(id: $id) { title stars } }',
    'book.json': [{ id: '1' }, { id: '2' }],
    'deep/books.gql': 'query A { books { stars id } } query B { clock books { id } }',
    'broken.graphql': '{ broken }',
    // The same number on both sides, of which one knows its digits.
    'echo.graphql': 'query Echo($long: Long) { echo(long: $long) }',
    'echo.json': '{ "long": 1.10 }',
    'write.graphql': 'mutation { write }',
    'watch.graphql': 'subscription { clock }',
    'wrong.graphql': '{ book(',
  });
  const { status, output, report } = await compare(...onSupergraph(), '--header', 'x-caller: somebody');
  expect(
    report?.operations.map(({ title, data, errors }) => ({ title, data, errors })),
    output,
  ).toEqual(
    [
      'book.graphql #1',
      'book.graphql #2',
      'broken.graphql',
      'deep/books.gql A',
      'deep/books.gql B',
      'echo.graphql',
    ].map((title) => ({
      title,
      data: [],
      errors: [],
    })),
  );
  expect(status).toBe(0);
  expect(report.sides).toEqual(['tributary', '@apollo/gateway']);
  expect(report.operations[0]).toMatchObject({
    ours: { fetches: { books: 1, reviews: 1 }, cpuMs: expect.any(Number) as number },
    theirs: { fetches: { books: 1, reviews: 1 }, cpuMs: expect.any(Number) as number },
  });
  // Both say that it is broken, each in its words.
  expect(report.operations[2]!.wording[0]).toMatch(/^ours: broken .*; theirs: broken .*It is broken/);
  expect(report.operations[4]!.unstable).toEqual(['clock']);
  expect(report.passedOver.map(({ title }) => title)).toEqual(['watch.graphql', 'write.graphql', 'wrong.graphql']);
  expect(report.total).toMatchObject({
    compared: 6,
    different: 0,
    worded: 1,
    ours: { fetches: 9 },
    theirs: { fetches: 9 },
  });
  expect(written).toBe(0);
  expect(callers).toEqual(new Set(['somebody']));
  expect(output).toMatch(
    /^6 operations on tributary and @apollo\/gateway: 0 different, 1 with errors in other words\.$/m,
  );
  expect(output).toMatch(/^CPU .* times\)\.$/m);
});

test('with a gateway that runs and answers otherwise: what differs is named, and the exit code says so', async () => {
  const book = { id: '1', title: 'Book 1', stars: 4 };
  const answers: Record<string, object> = {
    Same: { data: { books: [{ id: '1' }, { id: '2' }] } },
    Reordered: { data: { book: { stars: 4, title: 'Book 1', id: '1' } } },
    Other: { data: { book: { ...book, title: 'Another' } } },
    Fewer: { data: { books: [{ id: '1' }] } },
    Missing: { data: { book: { id: '1', title: 'Book 1' } } },
    Failing: { data: null, errors: [{ message: 'No.', extensions: { code: 'DOWN' } }] },
    // What it makes of the long number of the subgraph, and the one that it was sent.
    Long: { data: { long: new ExactNumber('9007199254740992') } },
    Echo: { data: { echo: new ExactNumber('0.10') } },
    Write: { data: { write: 1 } },
  };
  const sent: unknown[] = [];
  const against = await serve(({ operationName, variables }) => {
    if (operationName === 'Echo') sent.push(variables!.long);
    return answers[operationName!];
  });
  const ask = 'book(id: "1") { id title stars }';
  const sources = {
    Same: 'books { id }',
    Reordered: ask,
    Other: ask,
    Fewer: 'books { id }',
    Missing: ask,
    Failing: 'books { id }',
    Long: 'long',
  };
  await record({
    'all.jsonl': [
      ...Object.entries(sources).map(([name, source]) => ({
        query: `query ${name} { ${source} }`,
        operationName: name,
      })),
      {
        query: 'query Echo($long: Long) { echo(long: $long) }',
        operationName: 'Echo',
        variables: { long: new ExactNumber('9007199254740993') },
      },
      { request: { query: 'mutation Write { write }', operationName: 'Write' } },
    ]
      .map((line) => writeJson(line))
      .join('\n'),
  });
  const args = onSupergraph().map((arg) => (arg === recorded ? join(recorded, 'all.jsonl') : arg));
  const { status, output, report } = await compare(...args, '--against', against, '--mutations', '--quiet');
  expect(Object.fromEntries(report.operations.map(({ title, data, errors }) => [title, [...data, ...errors]]))).toEqual(
    {
      'all.jsonl:1': [],
      'all.jsonl:2': [],
      'all.jsonl:3': ['book.title: "Book 1", and "Another"'],
      'all.jsonl:4': ['books has 2 items, and 1'],
      'all.jsonl:5': ['book.stars: 4, and absent'],
      'all.jsonl:6': ['data: {"books":[{"id":"1"},{"id":"2"}]}, and null', 'ours: none; theirs: - DOWN "No."'],
      'all.jsonl:7': ['long: 9007199254740993, and 9007199254740992'],
      'all.jsonl:8': ['echo: 9007199254740993, and 0.10'],
      // It differs from round to round, here as there.
      'all.jsonl:9': [],
    },
  );
  expect(written).toBe(2);
  expect(sent.map(String)).toEqual(['9007199254740993', '9007199254740993']);
  expect(status).toBe(1);
  expect(output).toMatch(/^DIFFERENT all\.jsonl:3 /m);
  expect(output).not.toMatch(/^same/m);
});

test.each<[string, () => string[], RegExp]>([
  [
    'a supergraph that is none',
    () => ['--supergraph', join(ROOT, 'package.json'), '--operations', recorded],
    /Syntax Error/,
  ],
  ['nothing to compare', onSupergraph, /has no operation to compare/],
  ['neither', () => [], /^Usage: /],
])('nothing can be compared for %s', async (_, args, told) => {
  const { status, output } = await compare(...args());
  expect(output).toMatch(told);
  expect(output).not.toMatch(/\n\s+at /);
  expect(status).toBe(2);
});

describe('recorded operations', () => {
  test("are read of manifests of Apollo's clients and of Relay", async () => {
    await record({
      'apollo.json': {
        format: 'apollo-persisted-query-manifest',
        version: 1,
        operations: [
          { id: 'x', name: 'Books', type: 'query', body: 'query Books { books { id } }' },
          { id: 'y', name: 'Write', type: 'mutation', body: 'mutation Write { write }' },
        ],
      },
      'relay.json': { aa11: 'query Books { books { id } }' },
    });
    expect(await readRecorded(join(recorded, 'apollo.json'))).toEqual({
      operations: [{ title: 'Books', query: 'query Books { books { id } }', variables: {} }],
      passedOver: [{ title: 'Write', why: expect.stringMatching(/--mutations/) as string }],
    });
    expect((await readRecorded(join(recorded, 'relay.json'))).operations.map(({ title }) => title)).toEqual(['aa11']);
  });

  test('of a log are requests within other things as well; what is none is passed over by its line', async () => {
    await record({
      'log.ndjson': [
        '{"time":1,"body":"{\\"query\\":\\"{ books { id } }\\",\\"variables\\":{\\"a\\":1}}"}',
        '',
        '{"body":{"extensions":{"persistedQuery":{"sha256Hash":"ab"}}}}',
        '{"query":"{ clock }","variables":[1]}',
        '{"query":"query A { clock } query B { clock }"}',
      ].join('\n'),
    });
    const { operations, passedOver } = await readRecorded(join(recorded, 'log.ndjson'));
    expect(operations).toEqual([{ title: 'log.ndjson:1', query: '{ books { id } }', variables: { a: 1 } }]);
    expect(passedOver.map(({ title, why }) => `${title} ${why}`)).toEqual([
      expect.stringMatching(/^log\.ndjson:3 Syntax Error/),
      'log.ndjson:4 its variables are no object',
      'log.ndjson:5 it does not say which operation to run',
    ]);
    await record({ 'log.ndjson': '{"query":"{ clock }"}\nnot json' });
    await expect(readRecorded(join(recorded, 'log.ndjson'))).rejects.toThrow(/log\.ndjson, line 2 is not JSON/);
  });
});

test('a subgraph without an address, and a name that is none, are told', () => {
  const sdl = composeTest(SUBGRAPHS);
  expect(() => addressesOf(sdl, {}, {})).toThrow('Where do books, reviews answer?');
  expect(() => addressesOf(sdl, { bok: 'http://x/' }, {})).toThrow('no subgraph bok; it has books, reviews');
  expect(addressesOf(sdl, { books: 'http://a/' }, { SUBGRAPH_REVIEWS_URL: 'https://b/' })).toEqual({
    books: 'http://a/',
    reviews: 'https://b/',
  });
});

test('of many places the first are named', () => {
  const ours = { answer: { data: Array.from({ length: 50 }, (_, index) => index) }, ms: 0 };
  const theirs = { answer: { data: Array.from({ length: 50 }, () => -1) }, ms: 0 };
  expect(differencesOf(ours, theirs).data).toHaveLength(20);
});
