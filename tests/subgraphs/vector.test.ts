import { createRequire } from 'node:module';

import type { ExecutionResult } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { createInference } from '#subgraphs/inference/index.ts';
import { createVector } from '#subgraphs/vector/index.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';

// Answers are as the operation asks for; a wrong shape fails the expectation that reads it.
type Answer = any; // eslint-disable-line @typescript-eslint/no-explicit-any -- see above

// The same copy as the schema's: Vitest would load graphql's other one.
const { execute, parse } = createRequire(import.meta.url)('graphql') as typeof import('graphql');

const off: Embedder = {
  model: undefined,
  embed: () => Promise.reject(new Error('Nothing may be embedded here.')),
};

/** Counts the calls that reach the real embedder. */
function counting(embedder: Embedder): Embedder & { calls: number; texts: number } {
  return {
    calls: 0,
    texts: 0,
    model: embedder.model,
    embed(context, input) {
      this.calls += 1;
      this.texts += input.length;
      return embedder.embed(context, input);
    },
  };
}

let database: TestDatabase;
let postgres: Postgres;
let vector: Subgraph;
let embedder: ReturnType<typeof counting>;

const as = (tenantId: string, system = false): RequestContext =>
  createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [], system });

async function run(
  source: string,
  variables: Record<string, unknown> = {},
  context = as('a'),
  subgraph = vector,
): Promise<ExecutionResult<Answer>> {
  return await execute({
    schema: subgraph.schema,
    document: parse(source),
    variableValues: variables,
    contextValue: context,
  });
}
async function data(...args: Parameters<typeof run>): Promise<Answer> {
  const result = await run(...args);
  expect(result.errors).toBeUndefined();
  return result.data;
}
const codeOf = (result: ExecutionResult) => result.errors?.map((error) => error.extensions['code']);

const SEARCH = /* GraphQL */ `
  query ($query: String!, $mode: SearchMode, $where: SearchFilter, $collection: String, $first: Int, $after: String) {
    search(query: $query, mode: $mode, where: $where, collection: $collection, first: $first, after: $after) {
      approximate
      mode
      candidates
      edges {
        cursor
        score
        node {
          id
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`;
const INDEX = /* GraphQL */ `
  mutation ($documents: [IndexDocumentVectorsItem!]!) {
    indexDocumentVectors(input: { documents: $documents }) {
      embedded
      kept
      removed
      documents {
        id
      }
    }
  }
`;
const ids = (answer: Answer): string[] => answer.search.edges.map((edge: Answer) => edge.node.id);

const document = (n: number, texts: string[], more: Record<string, unknown> = {}) => ({
  documentId: `doc_${n}`,
  title: `Document ${n}`,
  source: `notes/${n}.md`,
  mediaType: 'text/markdown',
  metadata: { number: n, topic: n % 2 === 0 ? 'even' : 'odd' },
  chunks: texts.map((text, i) => ({ id: `chk_${n}_${i}`, text })),
  ...more,
});
const CORPUS = [
  document(1, ['Retries need jitter, or clients stampede.', 'Backoff grows exponentially between retries.']),
  document(2, ['A parser turns tokens into a tree.', 'The lexer reads characters and emits tokens.']),
  document(3, [
    'Retrying a request twice is harmless when it is idempotent.',
    'Timeouts bound how long a retry may take.',
  ]),
  document(4, ['Permission is hereby granted, free of charge, to any person.']),
  document(5, ['Permission is hereby granted, free of charge, to any person.'], { title: 'Document 4' }),
];

beforeAll(async () => {
  database = await createTestDatabase();
  postgres = new Postgres({ url: database.url });
  const inference = await createInference({ embeddings: 'hashing-384-v1' }, { usageSink: undefined });
  embedder = counting(inference.provides.embedder!);
  vector = await createVector({}, { postgres, embedder });
  await data(INDEX, { documents: CORPUS }, as('a', true));
  await data(
    INDEX,
    {
      documents: [
        {
          ...document(1, ['Jitter of another tenant.']),
          documentId: 'doc_b',
          chunks: [{ id: 'chk_b', text: 'Jitter of another tenant.' }],
        },
      ],
    },
    as('b', true),
  );
});
afterAll(async () => {
  await vector?.close();
  await postgres?.close();
  await database?.[Symbol.asyncDispose]();
});

describe('search', () => {
  test.each(['HYBRID', 'VECTOR', 'KEYWORD'])('finds the best chunks by %s, best first', async (mode) => {
    const answer = await data(SEARCH, { query: 'jitter stampede', mode, first: 3 });
    expect(answer.search).toMatchObject({ approximate: false, mode, candidates: 1000 });
    expect(ids(answer)[0]).toBe('chk_1_0');
    const scores = answer.search.edges.map((edge: Answer) => edge.score);
    expect(scores).toEqual([...scores].sort((x: number, y: number) => y - x));
  });

  test('is HYBRID by default: 0.4 of how near the meaning is, between the last and the best, and 0.6 of the words', async () => {
    const [hybrid, byVector, byKeyword] = await Promise.all(
      ['HYBRID', 'VECTOR', 'KEYWORD'].map((mode) =>
        data(SEARCH, { query: 'retries', mode: mode === 'HYBRID' ? undefined : mode, first: 100 }),
      ),
    );
    expect(hybrid.search.mode).toBe('HYBRID');
    const scoresOf = (answer: Answer): Map<string, number> =>
      new Map(answer.search.edges.map(({ score, node }: Answer) => [node.id, score]));
    const [vector, keyword] = [scoresOf(byVector), scoresOf(byKeyword)];
    const [nearest, farthest] = [Math.max(...vector.values()), Math.min(...vector.values())];
    const most = Math.max(...keyword.values());
    expect([vector.size, keyword.size].every((size) => size > 1 && size < 100)).toBe(true);
    const expected = [...vector].map(
      ([id, score]) =>
        [id, (0.4 * (score - farthest)) / (nearest - farthest) + (0.6 * (keyword.get(id) ?? 0)) / most] as const,
    );
    expect(hybrid.search.edges).toHaveLength(expected.length);
    const scores = scoresOf(hybrid);
    for (const [id, score] of expected) expect(scores.get(id)).toBeCloseTo(score, 10);
  });

  test('pages every result once, over ties, to the end', async () => {
    for (const mode of ['HYBRID', 'VECTOR', 'KEYWORD']) {
      const query = 'permission granted';
      const whole = ids(await data(SEARCH, { query, mode, first: 100 }));
      const seen: string[] = [];
      for (let after: string | null = null, more = true; more;) {
        const answer = await data(SEARCH, { query, mode, first: 1, after });
        seen.push(...ids(answer));
        ({ hasNextPage: more, endCursor: after } = answer.search.pageInfo);
      }
      expect(seen).toEqual(whole);
      expect(whole).toEqual(expect.arrayContaining(['chk_4_0', 'chk_5_0']));
    }
  });

  test('goes on behind a cursor whose chunk was written over or deleted meanwhile', async () => {
    const item = (n: number) => ({ chunkId: `chk_p_${n}`, documentId: 'doc_p', text: `pelican number ${n}` });
    await data(
      `mutation ($items: [UpsertVectorsItem!]!) { upsertVectors(input: { items: $items }) { collection { model } } }`,
      { items: [1, 2, 3, 4, 5, 6].map(item) },
    );
    const query = { query: 'pelican', mode: 'KEYWORD' };
    const first = await data(SEARCH, { ...query, first: 2 });
    expect(ids(first)).toEqual(['chk_p_1', 'chk_p_2']);
    await data(`mutation { deleteVectors(input: { chunkIds: ["chk_p_2"] }) { deletedChunkIds } }`);
    await data(
      `mutation ($items: [UpsertVectorsItem!]!) { upsertVectors(input: { items: $items }) { collection { model } } }`,
      { items: [item(0)] },
    );
    expect(ids(await data(SEARCH, { ...query, first: 9, after: first.search.pageInfo.endCursor }))).toEqual([
      'chk_p_3',
      'chk_p_4',
      'chk_p_5',
      'chk_p_6',
    ]);
    await data(
      `mutation { deleteVectors(input: { chunkIds: ["chk_p_0", "chk_p_1", "chk_p_3", "chk_p_4", "chk_p_5", "chk_p_6"] }) { deletedChunkIds } }`,
    );
  });

  test('a cursor belongs to its query, mode and filter', async () => {
    const { search } = await data(SEARCH, { query: 'retries', mode: 'VECTOR', first: 1 });
    const after = search.pageInfo.endCursor;
    for (const other of [
      { query: 'jitter', mode: 'VECTOR' },
      { query: 'retries', mode: 'HYBRID' },
      { query: 'retries', mode: 'VECTOR', where: { mediaType: { eq: 'text/markdown' } } },
      { query: 'retries', mode: 'VECTOR', after: 'rubbish' },
    ]) {
      expect(codeOf(await run(SEARCH, { after, ...other }))).toEqual(['BAD_USER_INPUT']);
    }
  });

  test('tells how many there are where somebody asks, in as many statements', async () => {
    const count = `query ($query: String!, $mode: SearchMode, $where: SearchFilter, $first: Int, $after: String) {
      search(query: $query, mode: $mode, where: $where, first: $first, after: $after) { ...counted nodes { id } pageInfo { hasNextPage endCursor } }
    } fragment counted on SearchConnection { ... { totalCount } }`;
    for (const [mode, wanted] of [
      ['KEYWORD', 2],
      ['VECTOR', 6],
      ['HYBRID', 6],
    ] as const) {
      const asked = { query: 'permission', mode, where: { documentId: { in: ['doc_1', 'doc_3', 'doc_4', 'doc_5'] } } };
      const whole = await data(count, { ...asked, first: 50 });
      expect(whole.search).toMatchObject({ totalCount: wanted, nodes: { length: wanted } });
      const page = (await data(count, { ...asked, first: 1 })).search;
      expect(page).toMatchObject({
        totalCount: wanted,
        nodes: whole.search.nodes.slice(0, 1),
        pageInfo: { hasNextPage: true },
      });
      expect((await data(count, { ...asked, first: 1, after: page.pageInfo.endCursor })).search).toMatchObject({
        totalCount: wanted,
        nodes: whole.search.nodes.slice(1, 2),
      });
      expect((await data(count, { ...asked, where: { or: [] } })).search).toMatchObject({ totalCount: 0, nodes: [] });
      const statements = async (query: string): Promise<number> => {
        const context = as('a');
        await data(query, { ...asked, first: 1 }, context);
        return context.statements.total;
      };
      expect(await statements(count)).toBe(await statements(count.replace('totalCount', '__typename')));
    }
    const similar = `query ($of: [_Any!]!) { _entities(representations: $of) {
      ... on Document { similar(first: 1) { totalCount nodes { id } } } ... on Chunk { similar(first: 1) { totalCount nodes { id } } } } }`;
    const of = [
      { __typename: 'Document', id: 'doc_1' },
      { __typename: 'Document', id: 'doc_2' },
      { __typename: 'Chunk', id: 'chk_1_0' },
    ];
    const { _entities: found } = await data(similar, { of });
    expect(found[0].similar.nodes).toHaveLength(1);
    expect(found[0].similar.totalCount).toBeGreaterThanOrEqual(CORPUS.length - 1);
    expect(found[1].similar.totalCount).toBe(found[0].similar.totalCount);
    expect(found[2].similar.totalCount).toBeGreaterThan(found[0].similar.totalCount);
  });

  test('filters by document, media type, source and metadata, as all lists do', async () => {
    const only = async (where: unknown, mode = 'VECTOR') =>
      [
        ...new Set(ids(await data(SEARCH, { query: 'retry', mode, where, first: 100 })).map((id) => id.split('_')[1])),
      ].sort();
    expect(await only({ documentId: { in: ['doc_1', 'doc_b', 'doc_9'] } })).toEqual(['1']);
    expect(await only({ source: { startsWith: 'notes/3' } })).toEqual(['3']);
    expect(await only({ metadata: [{ path: ['topic'], eq: 'even' }] })).toEqual(['2', '4']);
    expect(
      await only({
        metadata: [
          { path: ['topic'], eq: 'odd' },
          { path: ['number'], in: [3, 4] },
        ],
      }),
    ).toEqual(['3']);
    expect(await only({ metadata: [{ path: ['topic'], eq: 'odd' }] }, 'KEYWORD')).toEqual(['1', '3']);
    expect(await only({ documentId: { eq: 'doc_1', in: ['doc_2'] } })).toEqual([]);
    expect(await only({ mediaType: { in: [] } })).toEqual([]);
    for (const mode of ['VECTOR', 'KEYWORD', 'HYBRID']) {
      expect(await only({ source: { contains: 'ES/1.' } }, mode)).toEqual(['1']);
      expect(await only({ or: [{ source: { endsWith: '/1.md' } }, { source: { matches: '/3' } }] }, mode)).toEqual([
        '1',
        '3',
      ]);
      const even = { metadata: [{ path: ['topic'], eq: 'even' }] };
      expect(await only({ not: even, documentId: { ne: 'doc_1' }, source: { lt: 'notes/4' } }, mode)).toEqual(['3']);
      expect(
        await only({ metadata: [{ path: ['number'], gte: 2, lt: 4 }], mediaType: { isNull: false } }, mode),
      ).toContain('3');
      expect(await only({ metadata: [{ path: ['topic'], eq: { a: 1 } }] }, mode)).toEqual([]);
      expect(await only({ source: { eq: null } }, mode)).toEqual([]);
    }
    for (const where of [
      { metadata: [{ path: [], eq: 1 }] },
      { metadata: [{ path: ['topic'] }] },
      { source: { contains: null } },
      { source: { matches: '(a+)+$' } },
      { documentId: { in: Array.from({ length: 501 }, (_, i) => `doc_${i}`) } },
      { source: { startsWith: 'a\0b' } },
    ]) {
      expect(codeOf(await run(SEARCH, { query: 'retry', where }))).toEqual(['BAD_USER_INPUT']);
    }
  });

  test.each([
    ['empty', ''],
    ['blank', ' \n\t '],
    ['a million characters', 'x '.repeat(500_000)],
    ['with NUL', 'a\0b'],
    ['half of a surrogate pair', 'a\ud800b'],
  ])('refuses a query that is %s', async (_, query) => {
    for (const mode of ['HYBRID', 'VECTOR', 'KEYWORD'])
      expect(codeOf(await run(SEARCH, { query, mode }))).toEqual(['BAD_USER_INPUT']);
  });

  test('answers odd queries', async () => {
    const odd = [
      'the',
      '"',
      '-',
      '-jitter',
      '&|!()',
      ':*',
      "'; DROP TABLE chunks; --",
      '\\',
      '<->',
      '$1',
      'x'.repeat(8_000),
      'a b '.repeat(2_000),
      '"a b" or -c',
    ];
    for (const query of odd) {
      for (const mode of ['HYBRID', 'VECTOR', 'KEYWORD']) await data(SEARCH, { query, mode });
    }
  });

  test('refuses page sizes that are negative or huge', async () => {
    for (const first of [-1, 201])
      expect(codeOf(await run(SEARCH, { query: 'retry', first }))).toEqual(['BAD_USER_INPUT']);
    expect((await data(SEARCH, { query: 'retry', first: 0 })).search.edges).toEqual([]);
  });

  test('costs as many statements for fifty hits as for one, and one embedding for several searches', async () => {
    const cost = async (first: number) => {
      const context = as('a');
      await data(SEARCH, { query: 'retry', first }, context);
      return context.statements.counts()['postgres'];
    };
    await cost(1);
    expect(await cost(1)).toBe(2);
    expect(await cost(50)).toBe(2);
    const context = as('a');
    const before = { ...embedder };
    await data(
      `{ a: search(query: "retry") { mode } b: search(query: "parser", mode: VECTOR) { mode } c: search(query: "retry", mode: KEYWORD) { mode } }`,
      {},
      context,
    );
    expect(embedder.calls - before.calls).toBe(1);
    expect(embedder.texts - before.texts).toBe(2);
    expect(context.statements.counts()['postgres']).toBe(2);
  });

  test('shows nothing of another tenant', async () => {
    for (const mode of ['HYBRID', 'VECTOR', 'KEYWORD']) {
      expect(ids(await data(SEARCH, { query: 'jitter', mode, first: 100 }, as('b')))).toEqual(['chk_b']);
      expect(ids(await data(SEARCH, { query: 'jitter', mode, first: 100 }))).not.toContain('chk_b');
      expect(ids(await data(SEARCH, { query: 'jitter', mode, where: { documentId: { eq: 'doc_b' } } }))).toEqual([]);
    }
  });
});

describe('similar', () => {
  const ENTITIES = /* GraphQL */ `
    query ($of: [_Any!]!, $first: Int, $after: String) {
      _entities(representations: $of) {
        ... on Chunk {
          id
          similar(first: $first, after: $after) {
            approximate
            edges {
              cursor
              score
              node {
                id
              }
            }
            pageInfo {
              hasNextPage
              endCursor
            }
          }
        }
        ... on Document {
          id
          similar(first: $first) {
            edges {
              score
              node {
                id
              }
            }
          }
        }
      }
    }
  `;

  test('finds similar chunks and documents for many parents with one statement each', async () => {
    const context = as('a');
    const chunks = CORPUS.flatMap((each) => each.chunks.map(({ id }) => ({ __typename: 'Chunk', id })));
    const documents = CORPUS.map(({ documentId }) => ({ __typename: 'Document', id: documentId }));
    const { _entities } = await data(
      ENTITIES,
      { of: [...chunks, ...documents, { __typename: 'Chunk', id: 'chk_b' }], first: 2 },
      context,
    );
    expect(context.statements.counts()).toEqual({ postgres: 2 });
    const byId = new Map<string, Answer>(_entities.map((each: Answer) => [each.id, each.similar]));
    expect(byId.get('chk_4_0').edges[0]).toMatchObject({ node: { id: 'chk_5_0' }, score: expect.closeTo(1, 5) });
    expect(byId.get('doc_5').edges[0]).toMatchObject({ node: { id: 'doc_4' }, score: expect.closeTo(1, 5) });
    expect(byId.get('doc_1').edges[0].node.id).toBe('doc_3');
    for (const { id } of [...chunks, ...documents]) {
      expect(byId.get(id).edges).toHaveLength(2);
      expect(byId.get(id).edges.map((edge: Answer) => edge.node.id)).not.toContain(id);
    }
    // Another tenant's chunk has no vector here.
    expect(byId.get('chk_b')).toBeNull();
  });

  test('pages', async () => {
    const page = async (after: string | null) =>
      (await data(ENTITIES, { of: [{ __typename: 'Chunk', id: 'chk_1_0' }], first: 3, after }))._entities[0].similar;
    const seen: string[] = [];
    for (let after: string | null = null, more = true; more;) {
      const similar = await page(after);
      seen.push(...similar.edges.map((edge: Answer) => edge.node.id));
      ({ hasNextPage: more, endCursor: after } = similar.pageInfo);
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(7);
  });
});

describe('writes', () => {
  const UPSERT = `mutation ($input: UpsertVectorsInput!) { upsertVectors(input: $input) { chunks { id } collection { name model dimensions } } }`;
  const item = (more: Record<string, unknown> = {}) => ({
    chunkId: 'chk_w',
    documentId: 'doc_w',
    text: 'walrus',
    ...more,
  });
  const upsert = (items: unknown[], tenant = 'w', more: Record<string, unknown> = {}) =>
    run(UPSERT, { input: { items, ...more } }, as(tenant));

  test('a chunk is found as soon as it is stored, and not once it is deleted', async () => {
    const { upsertVectors } = await data(
      UPSERT,
      { input: { items: [item({ metadata: { kind: 'animal' } })] } },
      as('w'),
    );
    expect(upsertVectors).toEqual({
      chunks: [{ id: 'chk_w' }],
      collection: { name: 'chunks', model: embedder.model!.name, dimensions: 384 },
    });
    for (const mode of ['HYBRID', 'VECTOR', 'KEYWORD']) {
      expect(
        ids(
          await data(
            SEARCH,
            { query: 'walrus', mode, where: { metadata: [{ path: ['kind'], eq: 'animal' }] } },
            as('w'),
          ),
        ),
      ).toEqual(['chk_w']);
    }
    const gone = await data(
      `mutation { deleteVectors(input: { chunkIds: ["chk_w", "chk_1_0"] }) { deletedChunkIds } }`,
      {},
      as('w'),
    );
    expect(gone.deleteVectors.deletedChunkIds).toEqual(['chk_w']);
    expect(ids(await data(SEARCH, { query: 'walrus' }, as('w')))).toEqual([]);
    expect(ids(await data(SEARCH, { query: 'jitter', mode: 'KEYWORD' }))).toContain('chk_1_0');
  });

  test('refuses vectors that cannot be ranked', async () => {
    const own = (vector: unknown) => upsert([item({ vector })]);
    expect((await upsert([item({ chunkId: 'chk_first' })])).errors).toBeUndefined();
    expect(codeOf(await own([1, 2, 3]))).toEqual(['BAD_USER_INPUT']);
    expect(codeOf(await upsert([item({ vector: [1, 2, 3] })], 'w', { model: 'another' }))).toEqual(['CONFLICT']);
    expect(codeOf(await own([]))).toEqual(['BAD_USER_INPUT']);
    expect(codeOf(await own(new Array(384).fill(0)))).toEqual(['BAD_USER_INPUT']);
    expect(codeOf(await own(new Array(5_000).fill(1)))).toEqual(['BAD_USER_INPUT']);
    for (const number of [NaN, Infinity, -Infinity]) {
      // As variables GraphQL itself refuses them; the room's own check is behind that.
      expect((await own([number, ...new Array(383).fill(0)])).errors).toHaveLength(1);
    }
    expect(codeOf(await upsert([item({ vector: new Array(384).fill(1) })], 'w', { model: 'another' }))).toEqual([
      'CONFLICT',
    ]);
    expect(codeOf(await upsert([item({ vector: new Array(384).fill(1e300) })]))).toBeUndefined();
    expect(
      codeOf(
        await upsert([item({ vector: [1, 2] }), item({ chunkId: 'chk_w2', vector: [1] })], 'new', { model: 'another' }),
      ),
    ).toEqual(['BAD_USER_INPUT']);
  });

  test('refuses input that stores cannot hold, and writes nothing of it', async () => {
    for (const items of [
      [item(), item()],
      [item({ chunkId: '' })],
      [item({ text: 'a\0b' })],
      [item({ text: 'x'.repeat(65_537) })],
      [item({ documentId: 'x'.repeat(201) })],
      [item({ metadata: [1] })],
      Array.from({ length: 501 }, (_, i) => item({ chunkId: `chk_${i}` })),
    ]) {
      expect(codeOf(await upsert(items, 'untouched'))).toEqual(['BAD_USER_INPUT']);
    }
    expect(ids(await data(SEARCH, { query: 'walrus' }, as('untouched')))).toEqual([]);
    const keys = JSON.parse('{"__proto__": {"constructor": 1}}');
    expect((await upsert([item({ metadata: keys })], 'odd')).errors).toBeUndefined();
    expect(
      ids(
        await data(
          SEARCH,
          { query: 'walrus', where: { metadata: [{ path: ['__proto__', 'constructor'], eq: 1 }] } },
          as('odd'),
        ),
      ),
    ).toEqual(['chk_w']);
  });

  test('indexing embeds what is new in one call, keeps the rest and removes what is gone', async () => {
    const before = { ...embedder };
    const system = as('i', true);
    const documents = [document(1, ['one', 'two']), document(2, ['three'])];
    const index = async (input: unknown[]) => (await data(INDEX, { documents: input }, system)).indexDocumentVectors;
    expect(await index(documents)).toMatchObject({
      embedded: 3,
      kept: 0,
      removed: 0,
      documents: [{ id: 'doc_1' }, { id: 'doc_2' }],
    });
    expect(embedder.calls - before.calls).toBe(1);
    expect(await index(documents)).toMatchObject({ embedded: 0, kept: 3, removed: 0 });
    // Nor where only the collection is another.
    expect(await index([{ ...documents[0]!, collection: 'moved' }])).toMatchObject({ embedded: 0, kept: 2 });
    expect(embedder.calls - before.calls).toBe(1);
    for (const mode of ['KEYWORD', 'VECTOR', 'HYBRID'])
      for (const [collection, found] of [
        ['moved', ['chk_1_0', 'chk_1_1']],
        ['default', ['chk_2_0']],
      ] as const) {
        for (const narrowed of [
          { where: { collection: { eq: collection } } },
          { collection },
          { collection, where: { collection: { in: [collection, 'others'] } } },
        ]) {
          const asked = await data(SEARCH, { query: 'one or two or three', mode, ...narrowed }, as('i'));
          expect(ids(asked).sort()).toEqual(found);
        }
        const neither = { collection, where: { collection: { eq: 'others' } } };
        expect(ids(await data(SEARCH, { query: 'one or two', mode, ...neither }, as('i')))).toEqual([]);
      }
    expect(
      await index([{ ...documents[0]!, chunks: [documents[0]!.chunks[0], { id: 'chk_1_9', text: 'nine' }] }]),
    ).toMatchObject({ embedded: 1, kept: 1, removed: 1 });
    expect(ids(await data(SEARCH, { query: 'two', mode: 'KEYWORD' }, as('i')))).toEqual([]);
    // The title is embedded with the text.
    expect(await index([{ ...documents[1]!, title: 'Renamed' }])).toMatchObject({ embedded: 1, kept: 0, removed: 0 });
    expect(ids(await data(SEARCH, { query: 'renamed', mode: 'KEYWORD' }, as('i')))).toEqual(['chk_2_0']);
    const removed = await data(
      `mutation { removeDocumentVectors(input: { documentIds: ["doc_1", "doc_9"] }) { removed } }`,
      {},
      system,
    );
    expect(removed.removeDocumentVectors.removed).toBe(2);
    expect(await index([])).toMatchObject({ embedded: 0 });
  });

  test('indexing a hundred documents takes a handful of statements', async () => {
    const context = as('many', true);
    const documents = Array.from({ length: 100 }, (_, n) =>
      document(
        n,
        Array.from({ length: 20 }, (_, i) => `chunk ${i} of ${n}`),
      ),
    );
    await data(INDEX, { documents }, context);
    expect(context.statements.counts()['postgres']).toBeLessThanOrEqual(4);
  });

  test('only the gateway itself may index', async () => {
    expect(codeOf(await run(INDEX, { documents: [document(1, ['x'])] }))).toEqual(['FORBIDDEN']);
    expect(
      codeOf(await run(`mutation { removeDocumentVectors(input: { documentIds: ["doc_1"] }) { removed } }`)),
    ).toEqual(['FORBIDDEN']);
  });
});

describe('what is off says so', () => {
  test('without an embedder, KEYWORD works and the rest names what to set', async () => {
    const subgraph = await createVector({}, { postgres, embedder: off });
    expect(ids(await data(SEARCH, { query: 'jitter', mode: 'KEYWORD' }, as('a'), subgraph))).toEqual(['chk_1_0']);
    for (const mode of ['HYBRID', 'VECTOR']) {
      const result = await run(SEARCH, { query: 'jitter', mode }, as('a'), subgraph);
      expect(codeOf(result)).toEqual(['STORE_DISABLED']);
      expect(result.data).toEqual({ search: null });
      expect(result.errors?.[0]?.extensions['hint']).toMatch(/EMBEDDING_MODEL.*KEYWORD/);
    }
    await subgraph.close();
  });

  test("a model that is not the collection's is an error, never a ranking", async () => {
    const other: Embedder = {
      model: { name: 'other', dimensions: 384 },
      embed: async (_, input) => ({
        model: 'other',
        dimensions: 384,
        vectors: input.map(() => new Float32Array(384).fill(1 / Math.sqrt(384))),
      }),
    };
    const subgraph = await createVector({}, { postgres, embedder: other });
    for (const mode of ['HYBRID', 'VECTOR'])
      expect(codeOf(await run(SEARCH, { query: 'jitter', mode }, as('a'), subgraph))).toEqual(['CONFLICT']);
    expect(codeOf(await run(INDEX, { documents: CORPUS }, as('a', true), subgraph))).toEqual(['CONFLICT']);
    await subgraph.close();
    const elsewhere = await createVector({ collection: 'others' }, { postgres, embedder: other });
    await data(INDEX, { documents: CORPUS }, as('a', true), elsewhere);
    expect(ids(await data(SEARCH, { query: 'jitter' }, as('a'), elsewhere))).not.toHaveLength(0);
    await elsewhere.close();
  });

  test('without a store, every field is null with STORE_DISABLED and health says disabled', async () => {
    const subgraph = await createVector({}, { embedder });
    expect(await subgraph.health()).toMatchObject([{ state: 'disabled' }]);
    const result = await run(SEARCH, { query: 'jitter' }, as('a'), subgraph);
    expect(codeOf(result)).toEqual(['STORE_DISABLED']);
    expect(result.data).toEqual({ search: null });
    await subgraph.close();
  });

  test('a collection name that no store takes stops the start', async () => {
    await expect(createVector({ collection: '../chunks' }, { postgres, embedder })).rejects.toMatchObject({
      extensions: { code: 'BAD_USER_INPUT' },
    });
  });
});
