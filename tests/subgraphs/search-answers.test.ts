/** What `search` says of its results besides their order: groups, reranking, parts of the score, places in the text. */
import { createRequire } from 'node:module';
import type { ExecutionResult } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createInference } from '#subgraphs/inference/index.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Reranker } from '#subgraphs/shared/ports.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { createVector } from '#subgraphs/vector/index.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';

// Answers are as the operation asks for; a wrong shape fails the expectation that reads it.
type Answer = any; // eslint-disable-line @typescript-eslint/no-explicit-any -- see above

// The same copy as the schema's: Vitest would load graphql's other one.
const { execute, parse } = createRequire(import.meta.url)('graphql') as typeof import('graphql');

let database: TestDatabase;
let postgres: Postgres;
let inference: Subgraph;
let vector: Subgraph;
/** What the reranker was given. */
let read: { query: string; texts: readonly string[] }[] = [];

const as = (tenantId: string, scopes: string[] = [], system = false): RequestContext =>
  createRequestContext({ tenantId, subject: 'test', roles: [], scopes, ...(system ? { system } : {}) });

async function ask(
  args: string,
  { fields = 'edges { score node { id } }', context = as('a'), subgraph = vector } = {},
): Promise<ExecutionResult<Answer>> {
  return await execute({
    schema: subgraph.schema,
    document: parse(`{ search(${args}) { ${fields} } }`),
    contextValue: context,
  });
}
const ids = (answer: ExecutionResult<Answer>): string[] => {
  expect(answer.errors).toBeUndefined();
  return answer.data.search.edges.map(({ node }: Answer) => node.id);
};

const document = (name: string, texts: string[]) => ({
  documentId: `doc_${name}`,
  title: `About ${name}`,
  source: `${name}.md`,
  mediaType: 'text/markdown',
  metadata: {},
  chunks: texts.map((text, at) => ({ id: `${name}_${at}`, text })),
});

beforeAll(async () => {
  database = await createTestDatabase();
  postgres = new Postgres({ url: database.url });
  inference = await createInference({ embeddings: 'hashing-384-v1' }, { usageSink: undefined });
  const { embedder, reranker } = inference.provides;
  const watched: Reranker = {
    rerank: async (context, query, texts) => {
      read.push({ query, texts });
      return await reranker!.rerank(context, query, texts);
    },
  };
  vector = await createVector({}, { postgres, embedder: embedder!, reranker: watched });
  const index = parse(
    'mutation ($documents: [IndexDocumentVectorsItem!]!) { indexDocumentVectors(input: { documents: $documents }) { embedded } }',
  );
  for (const [tenant, documents] of [
    [
      'a',
      [
        document('retries', ['Retries need jitter.', 'Jitter, jitter, jitter.', 'Backoff grows.']),
        document('queues', ['A queue with jitter in its name.', 'Nothing of the kind.']),
        document('trees', ['A tree has leaves.']),
        ...Array.from({ length: 30 }, (_, at) =>
          document(`many${at}`, Array<string>(5).fill(`Leaves of grass, ${at}.`)),
        ),
      ],
    ],
    ['b', [document('secret', ['Jitter of another tenant.'])]],
  ] as const) {
    const { errors } = await execute({
      schema: vector.schema,
      document: index,
      variableValues: { documents },
      contextValue: as(tenant, [], true),
    });
    expect(errors).toBeUndefined();
  }
});
afterAll(async () => {
  await vector?.close();
  await inference?.close();
  await postgres?.close();
  await database?.[Symbol.asyncDispose]();
});

describe('groupBy: DOCUMENT', () => {
  test.each(['KEYWORD', 'VECTOR', 'HYBRID'])('returns the best chunk of each document, by %s', async (mode) => {
    const all = ids(await ask(`query: "jitter leaves", mode: ${mode}, first: 200`));
    const best = all.filter((id, at) => all.findIndex((other) => other.split('_')[0] === id.split('_')[0]) === at);
    expect(best.length).toBeLessThan(all.length);
    expect(ids(await ask(`query: "jitter leaves", mode: ${mode}, first: 200, groupBy: DOCUMENT`))).toEqual(best);
  });

  test('as many come back as are asked for, and pages go on', async () => {
    const whole = ids(await ask('query: "leaves of grass", first: 100, groupBy: DOCUMENT'));
    expect(new Set(whole.map((id) => id.split('_')[0])).size).toBe(whole.length);
    const seen: string[] = [];
    for (let after = '', more = true; more;) {
      const answer = await ask(`query: "leaves of grass", first: 7, groupBy: DOCUMENT${after}`, {
        fields: 'totalCount edges { node { id } } pageInfo { hasNextPage endCursor }',
      });
      seen.push(...ids(answer));
      const { pageInfo, totalCount } = answer.data.search;
      expect(totalCount).toBe(whole.length);
      more = pageInfo.hasNextPage;
      after = `, after: "${pageInfo.endCursor}"`;
    }
    expect(seen).toEqual(whole);
    expect(seen.length).toBeGreaterThanOrEqual(30);
  });

  test('a cursor of another grouping is refused', async () => {
    const fields = 'edges { node { id } } pageInfo { endCursor }';
    const answer = await ask('query: "leaves", first: 1', { fields });
    const after = answer.data.search.pageInfo.endCursor;
    const { errors } = await ask(`query: "leaves", first: 1, groupBy: DOCUMENT, after: "${after}"`);
    expect(errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
  });
});

describe('rerank', () => {
  const spender = as('a', ['models:use']);

  test('puts the best in the order of what reads question and text together, and says what did', async () => {
    read = [];
    const answer = await ask('query: "jitter", mode: KEYWORD, rerank: true, first: 10', {
      context: spender,
      fields: 'reranker candidates edges { score node { id } explain { words { rank score } before { rank score } } }',
    });
    const found = ids(answer);
    expect([...found].sort()).toEqual(['queues_0', 'retries_0', 'retries_1']);
    expect(answer.data.search).toMatchObject({ reranker: 'hashing-384-v1', candidates: 100 });
    const { edges } = answer.data.search;
    expect(edges.map(({ score }: Answer) => score)).toEqual(
      edges.map(({ score }: Answer) => score).sort((a: number, b: number) => b - a),
    );
    // What they were ranked by before, each at its place there.
    const before = ids(await ask('query: "jitter", mode: KEYWORD, first: 10'));
    for (const { node, explain } of edges) {
      expect(explain.before.rank).toBe(before.indexOf(node.id) + 1);
      expect(explain.words).toEqual(explain.before);
    }
    expect(read).toEqual([
      { query: 'jitter', texts: before.map((id) => expect.stringContaining(`About ${id.split('_')[0]}\n`)) },
    ]);
  });

  test('reads no more than the best hundred, and pages of them go on', async () => {
    read = [];
    const seen: string[] = [];
    for (let after = '', more = true; more;) {
      const answer = await ask(`query: "leaves of grass", rerank: true, first: 40${after}`, {
        context: spender,
        fields: 'edges { node { id } } pageInfo { hasNextPage endCursor }',
      });
      seen.push(...ids(answer));
      more = answer.data.search.pageInfo.hasNextPage;
      after = `, after: "${answer.data.search.pageInfo.endCursor}"`;
    }
    expect(seen).toHaveLength(100);
    expect(new Set(seen).size).toBe(100);
    expect(read.map(({ texts }) => texts.length)).toEqual([100, 100, 100]);
  });

  test('is refused to who may not spend on models, before anything is asked of one', async () => {
    const { errors, data } = await ask('query: "jitter", rerank: true');
    expect(data).toEqual({ search: null });
    expect(errors![0]!.extensions['code']).toBe('FORBIDDEN');
    expect(errors![0]!.message).toBe('The caller may not have a model work for him.');
  });

  test('finds nothing without asking a model', async () => {
    read = [];
    expect(ids(await ask('query: "zyzzyva", mode: KEYWORD, rerank: true', { context: spender }))).toEqual([]);
    expect(read).toEqual([]);
  });

  test('says where nothing reranks', async () => {
    const bare = await createVector({}, { postgres, embedder: inference.provides.embedder! });
    const { errors } = await ask('query: "jitter", rerank: true', { context: spender, subgraph: bare });
    expect(errors![0]!.extensions['code']).toBe('STORE_DISABLED');
    await bare.close();
  });
});

test('explain tells the parts of a score', async () => {
  const fields = 'edges { score node { id } explain { meaning { score rank } words { score rank } before { rank } } }';
  const edgesOf = async (mode: string): Promise<Answer[]> => {
    const answer = await ask(`query: "jitter", mode: ${mode}, first: 5`, { fields });
    ids(answer);
    return answer.data.search.edges;
  };
  const [hybrid, byMeaning, byWords] = [await edgesOf('HYBRID'), await edgesOf('VECTOR'), await edgesOf('KEYWORD')];
  byMeaning.forEach(({ score, explain }, at) =>
    expect(explain).toEqual({ meaning: { score, rank: at + 1 }, words: null, before: null }),
  );
  byWords.forEach(({ score, explain }, at) =>
    expect(explain).toEqual({ words: { score, rank: at + 1 }, meaning: null, before: null }),
  );
  for (const ranked of byWords)
    expect(hybrid.find(({ node }) => node.id === ranked.node.id)?.explain.words).toEqual(ranked.explain.words);
});

test('highlights show where the words stand, of one statement for all chunks', async () => {
  const context = as('a');
  const answer = await ask('query: "jitter", mode: KEYWORD, first: 5', {
    context,
    fields: 'edges { node { id } highlights(first: 1, around: 9) { text start end matches { start end } } }',
  });
  ids(answer);
  const shown = Object.fromEntries(
    answer.data.search.edges.map(({ node, highlights }: Answer) => [node.id, highlights]),
  );
  expect(shown).toEqual({
    retries_0: [{ text: 'need jitter.', start: 8, end: 20, matches: [{ start: 13, end: 19 }] }],
    retries_1: [
      {
        text: 'Jitter, jitter, jitter.',
        start: 0,
        end: 23,
        matches: [
          { start: 0, end: 6 },
          { start: 8, end: 14 },
          { start: 16, end: 22 },
        ],
      },
    ],
    queues_0: [{ text: 'with jitter in its', start: 8, end: 26, matches: [{ start: 13, end: 19 }] }],
  });
  expect(context.statements.counts().postgres).toBe(2);
});

test.each([
  ['first: 0', 'BAD_USER_INPUT'],
  ['first: 11', 'BAD_USER_INPUT'],
  ['around: -1', 'BAD_USER_INPUT'],
  ['around: 1001', 'BAD_USER_INPUT'],
])('highlights(%s) is refused', async (args, code) => {
  const answer = await ask('query: "jitter", mode: KEYWORD', { fields: `edges { highlights(${args}) { text } }` });
  expect(answer.errors?.[0]?.extensions['code']).toBe(code);
});
