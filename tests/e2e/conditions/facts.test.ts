/**
 * What agents remember, found by meaning among conditions of its own store and of others: exactly as many as asked for, the nearest
 * first, whoever delivers it; and gone from there with the fact, or with its agent.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import type { Engine } from '#gateway/execute/engine.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { givenQdrant } from '#tests/setup/given-stores.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { asking, engineOf } from './asking.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */

const FACTS = 30;
const QUERY = 'which editor does the user like';
const run = randomBytes(4).toString('hex');
const CALLER: Principal = { ...DEVELOPER, tenantId: `facts-${run}` };
const STRANGER: Principal = { ...DEVELOPER, tenantId: `facts-stranger-${run}`, subject: 'stranger' };
/** Qdrant where it is given; otherwise what is embedded. */
const QDRANT = givenQdrant();
const STORES = 'QDRANT_URL' in QDRANT ? { ...QDRANT, VECTOR_COLLECTION: `facts_${run}` } : QDRANT;

const WORDS = ['editor', 'vim', 'the user', 'likes', 'coffee', 'Tuesdays', 'retries', 'budget'];

let server: TestServer;
let engine: Engine;
let agents: string[];
let facts: { id: string; key: string; agent: { id: string } | null; updatedAt: string; score: number }[];

const { asked, dataOf } = asking(() => ({ on: engine, as: CALLER }));

const REMEMBER = `mutation($input: RememberFactInput!) {
  rememberFact(input: $input) { fact { id updatedAt } notIndexed { store state } }
}`;
const remember = async (input: object, as = CALLER): Promise<any> =>
  (await dataOf(REMEMBER, { input }, { as })).rememberFact;
const scored = async (): Promise<Map<string, number>> => {
  const { similarMemoryFacts: all } = await dataOf(
    'query($query: String!) { similarMemoryFacts(query: $query, first: 200) { edges { score node { id } } } }',
    { query: QUERY },
  );
  return new Map(all.edges.map(({ score, node }: any) => [node.id, score]));
};

beforeAll(async () => {
  server = await startTestServer(STORES);
  engine = await engineOf(server);
  agents = [];
  for (const name of ['Scout', 'Clerk']) {
    const { createAgent } = await dataOf('mutation($name: String!) { createAgent(input: { name: $name }) { agent { id } } }', { name }); // prettier-ignore
    agents.push(createAgent.agent.id);
  }
  for (let at = 0; at < FACTS; at++) {
    // Ties: two have the same words.
    const kind = Math.floor(at / 2) + 1;
    const value = WORDS.filter((_, bit) => (kind >> (bit % 4)) & 1 || bit === kind % 8).join(' ');
    await remember({ key: `fact ${kind} of`, value, agentId: [null, ...agents][at % 3], source: at % 4 ? 'user' : 'log' }); // prettier-ignore
  }
  await remember({ key: 'editor', value: 'Which editor does the user like? Emacs.' }, STRANGER);
  await delivered(server);
  const scores = await scored();
  const { memoryFacts } = await dataOf('{ memoryFacts(first: 200) { nodes { id key updatedAt agent { id } } } }');
  facts = memoryFacts.nodes.map((fact: any) => ({ ...fact, score: scores.get(fact.id) }));
}, 120_000);
afterAll(async () => {
  await engine?.close();
  await server?.[Symbol.asyncDispose]();
});

const PAGE = `query($where: MemoryFactFilter, $first: Int, $after: String) {
  memoryFacts(where: $where, orderBy: [{ field: SIMILARITY }], first: $first, after: $after) {
    nodes { id key value updatedAt } pageInfo { hasNextPage endCursor }
  }
}`;
const pagesOf = async (where: object, first: number): Promise<string[]> => {
  const ids: string[] = [];
  for (let after: string | null = null; ;) {
    const { memoryFacts: page } = await dataOf(PAGE, { where, first, after });
    ids.push(...page.nodes.map(({ id }: any) => id));
    if (!page.pageInfo.hasNextPage) return ids;
    expect(page.nodes).toHaveLength(first);
    after = page.pageInfo.endCursor;
  }
};
const nearest = (holds: (fact: (typeof facts)[number]) => boolean): string[] =>
  facts
    .filter(holds)
    .sort((one, other) => other.score - one.score || (one.id < other.id ? -1 : 1))
    .map(({ id }) => id);

describe('like whoever asks for each score, and sorts', () => {
  test('whose memory, since when, how near, in pages of any size', async () => {
    const middle = facts.map(({ updatedAt }) => updatedAt).sort()[FACTS / 2]!;
    const similarTo = { query: QUERY };
    const some = (where: object, holds: Parameters<typeof nearest>[0], first: number) =>
      expect(pagesOf({ similarTo, ...where }, first)).resolves.toEqual(nearest(holds));
    await some({ agentId: { eq: agents[0] } }, ({ agent }) => agent?.id === agents[0], 3);
    await some(
      { updatedAt: { gte: middle }, agentId: { in: agents } },
      ({ agent, updatedAt }) => updatedAt >= middle && agent !== null,
      4,
    );
    await some({ agent: { name: { eq: 'Clerk' } } }, ({ agent }) => agent?.id === agents[1], 50);
    await some({ key: { eq: 'nothing' } }, () => false, 3);
    await some({}, () => true, 7);
    const least = nearest(() => true)[9]!;
    const minScore = facts.find(({ id }) => id === least)!.score;
    await some({ and: [{ similarTo: { query: QUERY, minScore } }], similarTo: null }, ({ score }) => score >= minScore, 5); // prettier-ignore
    const { memoryFactsAggregate } = await dataOf(
      'query($where: MemoryFactFilter) { memoryFactsAggregate(where: $where) { groups { count } } }',
      { where: { similarTo: { query: QUERY, minScore } } },
    );
    expect(memoryFactsAggregate.groups[0].count).toBe(facts.filter(({ score }) => score >= minScore).length);
  });

  test('exactly three of last week, where there are three', async () => {
    const week = new Date(Date.now() - 7 * 86_400_000).toISOString();
    const where = { similarTo: { query: QUERY }, updatedAt: { gte: week } };
    const { memoryFacts } = await dataOf(PAGE, { where, first: 3 });
    expect(memoryFacts.nodes.map(({ id }: any) => id)).toEqual(nearest(() => true).slice(0, 3));
    const none = { ...where, updatedAt: { lt: week } };
    expect((await dataOf(PAGE, { where: none, first: 3 })).memoryFacts.nodes).toEqual([]);
  });

  test('of other tenants nothing is found', async () => {
    const where = { similarTo: { query: 'Emacs' } };
    for (const as of [CALLER, STRANGER]) {
      const { memoryFacts } = await dataOf(PAGE, { where, first: 200 }, { as });
      expect(memoryFacts.nodes.some(({ value }: any) => value.includes('Emacs'))).toBe(as === STRANGER);
      expect(memoryFacts.nodes).toHaveLength(as === STRANGER ? 1 : FACTS);
    }
  });
});

describe('a fact', () => {
  const found = async (query: string, first = 1): Promise<string[]> =>
    (await dataOf(PAGE, { where: { similarTo: { query } }, first })).memoryFacts.nodes.map(({ value }: any) => value);
  /** What the vector store has. */
  const ranked = async (query: string): Promise<number> =>
    (await dataOf('query($query: String!) { similarMemoryFacts(query: $query, first: 200) { totalCount } }', { query })).similarMemoryFacts.totalCount; // prettier-ignore

  test('is found as soon as it is remembered by whoever waits, by what it is now, and not once it is forgotten', async () => {
    const fact = { key: 'umbrella', value: 'The umbrella is in the attic.', waitFor: 'VECTOR', timeoutMs: 20_000 };
    const { fact: made, notIndexed } = await remember(fact);
    expect(notIndexed).toEqual([]);
    expect(await found('where is the umbrella')).toEqual([fact.value]);
    await remember({ ...fact, value: 'The umbrella is in the hall.' });
    expect(await found('"the umbrella"', 9)).toEqual(['The umbrella is in the hall.']);
    expect(await found('"in the attic"', 9)).toEqual([]);
    const { forgetFact } = await dataOf('mutation($id: ID!) { forgetFact(input: { id: $id }) { deletedIds } }', { id: made.id }); // prettier-ignore
    expect(forgetFact.deletedIds).toEqual([made.id]);
    // At once where lists are asked, and in the vector store once it was told.
    expect(await found('"the umbrella"', 9)).toEqual([]);
    await delivered(server);
    expect(await ranked('"the umbrella"')).toBe(0);
  });

  test('that holds no longer, or another took the place of, is found by what is asked of that', async () => {
    const waitFor = 'VECTOR';
    const { fact: old } = await remember({ key: 'harbour 1', value: 'The harbour closes at six.', waitFor });
    await remember({ key: 'harbour 2', value: 'The harbour closes at eight.', supersedes: old.id, waitFor });
    await remember({
      key: 'harbour 3',
      value: 'The harbour is closed today.',
      validUntil: '2026-01-01T00:00:00Z',
      waitFor,
    });
    const { memoryFacts, held } = await dataOf(
      `query($now: DateTime!) {
        memoryFacts(where: { similarTo: { query: "\\"the harbour\\"" }, validUntil: { lte: $now } }, orderBy: [{ field: SIMILARITY }], first: 9) { nodes { key } }
        held: memoryFacts(where: { similarTo: { query: "\\"the harbour\\"" }, or: [{ validUntil: { isNull: true } }, { validUntil: { gt: $now } }] }, orderBy: [{ field: SIMILARITY }], first: 9) { nodes { value } }
      }`,
      { now: new Date(Date.now() + 60_000).toISOString() },
    );
    expect(memoryFacts.nodes.map(({ key }: any) => key).sort()).toEqual(['harbour 1', 'harbour 3']);
    expect(held.nodes).toEqual([{ value: 'The harbour closes at eight.' }]);
    const after = await dataOf(
      `query($id: ID!) { memoryFacts(where: { supersedesId: { eq: $id } }) { nodes { key supersedes { key value validUntil } } } }`,
      { id: old.id },
    );
    expect(after.memoryFacts.nodes).toEqual([
      {
        key: 'harbour 2',
        supersedes: { key: 'harbour 1', value: 'The harbour closes at six.', validUntil: expect.any(String) },
      },
    ]);
    for (const [input, code] of [
      [{ key: 'harbour 1', value: '', supersedes: old.id }, 'BAD_USER_INPUT'],
      [{ key: 'x', value: '', supersedes: 'agt_1' }, 'BAD_USER_INPUT'],
      [{ key: 'x', value: '', supersedes: 'mem_1' }, 'NOT_FOUND'],
      [{ key: 'x', value: '', runId: 'run_1' }, 'NOT_FOUND'],
      [{ key: 'x', value: '', runId: 'x' }, 'BAD_USER_INPUT'],
      [{ key: 'x', value: '', validFrom: '2026-02-01', validUntil: '2026-02-01' }, 'BAD_USER_INPUT'],
    ] as const) {
      const { errors } = await asked(REMEMBER, { input });
      expect([input, errors?.[0]?.extensions['code']]).toEqual([input, code]);
    }
    const { errors } = await asked(REMEMBER, { input: { key: 'x', value: '', supersedes: old.id } }, { as: STRANGER });
    expect(errors?.[0]?.extensions['code']).toBe('NOT_FOUND');
  });

  test('goes with its agent, from the vector store too', async () => {
    const { createAgent } = await dataOf('mutation { createAgent(input: { name: "Gone" }) { agent { id } } }');
    for (const key of ['one', 'two', 'three'])
      await remember({ key, value: `A lighthouse, number ${key}.`, agentId: createAgent.agent.id });
    await remember({ key: 'mine', value: "A lighthouse of the tenant's own." });
    await delivered(server);
    expect(await ranked('"a lighthouse"')).toBe(4);
    await dataOf('mutation($id: ID!) { deleteAgent(input: { id: $id }) { deletedIds } }', { id: createAgent.agent.id });
    expect(await found('"a lighthouse"', 9)).toEqual(["A lighthouse of the tenant's own."]);
    await delivered(server);
    expect(await ranked('"a lighthouse"')).toBe(1);
  });

  test.each([
    ['an empty query', { query: ' ' }],
    ['a query with NUL', { query: 'a\0b' }],
    ['a query that is too long', { query: 'x'.repeat(8_001) }],
    ['a half of a surrogate pair', { query: '\ud800' }],
    ['a score out of range', { query: 'x', minScore: 2 }],
    ['too many ids', { query: 'x', where: { id: { in: Array.from({ length: 501 }, (_, at) => `mem_${at}`) } } }],
    ['a cursor of another list', { query: 'x', after: 'bm9uc2Vuc2U' }],
    ['a page that is too large', { query: 'x', first: 201 }],
  ])('is not looked for by %s', async (_, variables) => {
    const { errors } = await asked(
      `query($query: String!, $minScore: Float, $where: SimilarMemoryFactFilter, $first: Int, $after: String) {
        similarMemoryFacts(query: $query, minScore: $minScore, where: $where, first: $first, after: $after) { nodes { id } }
      }`,
      variables,
    );
    expect(errors?.map(({ extensions }) => extensions['code'])).toEqual(['BAD_USER_INPUT']);
  });

  test.each(['`', '日本語の事実', '"', '-', "'; DROP TABLE memory_facts; --", '\u202e', '-"a b"'])(
    'may be looked for by %j',
    async (query) => {
      expect((await asked(PAGE, { where: { similarTo: { query } }, first: 3 })).errors).toBeUndefined();
    },
  );
});
