/* eslint-disable @typescript-eslint/no-explicit-any -- answers are looked into, and a wrong shape fails the test */
/** Lists of what belongs to an object: agents' memory, runs' artifacts, documents' chunks, against the lists of the whole. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRelationalFixture, note, UPSERT, type RelationalFixture } from './relational-fixture.ts';

let fixture: RelationalFixture;
const agents: string[] = [];
let document: string;
const WORDS = ['Zoë', 'ähnlich', '日本語', "O'Brien", '"quoted"', 'zebra', 'Alpha', '50%', 'under_score', '\u{1F600}'];

beforeAll(async () => {
  fixture = await createRelationalFixture();
  for (const name of ['one', 'two', 'none']) {
    const made = await fixture.get('a', `mutation { createAgent(input: { name: "${name}" }) { agent { id } } }`);
    agents.push(made.createAgent.agent.id);
  }
  for (const [at, key] of WORDS.entries())
    await fixture.get('a', 'mutation ($input: RememberFactInput!) { rememberFact(input: $input) { fact { id } } }', {
      input: { key, value: `value ${at}`, source: at % 3 === 0 ? null : `s${at % 2}`, agentId: agents[at % 2] },
    });
  for (const [run, path] of ['run_1', 'run_2'].flatMap((run) => WORDS.slice(0, 4).map((path) => [run, path] as const)))
    await fixture.get(
      'a',
      'mutation ($input: CreateArtifactInput!) { createArtifact(input: $input) { artifact { id } } }',
      {
        input: { runId: run, path, mediaType: 'text/plain' },
      },
    );
  const text = WORDS.map((word) => `# ${word}\n\n${'Something is said here. '.repeat(30)}`).join('\n\n');
  document = (await fixture.get('a', UPSERT, note('words', text, { mediaType: 'text/markdown' }))).upsertDocument
    .document.id;
}, 60_000);
afterAll(async () => await fixture[Symbol.asyncDispose]());

const ORDERS = [
  undefined,
  [{ field: 'KEY', direction: 'ASC' }],
  [{ field: 'SOURCE', direction: 'DESC' }],
  [
    { field: 'SOURCE', direction: 'ASC' },
    { field: 'KEY', direction: 'DESC' },
  ],
];

test.each(ORDERS)(
  "an agent's memory is that part of all memory, in each order, read from both ends (%#)",
  async (orderBy) => {
    const all = await fixture.get(
      'a',
      'query ($orderBy: [MemoryFactOrder!], $where: MemoryFactFilter) { memoryFacts(orderBy: $orderBy, where: $where) { nodes { id } } }',
      { orderBy, where: { agentId: { eq: agents[0] } } },
    );
    const expected = all.memoryFacts.nodes.map(({ id }: { id: string }) => id);
    expect(expected).toHaveLength(5);
    for (const way of ['first', 'last'] as const) {
      const found: string[] = [];
      let cursor: string | null = null;
      do {
        const { agents: list }: any = await fixture.get(
          'a',
          `query ($orderBy: [MemoryFactOrder!], $cursor: String) { agents { nodes { id memoryFacts(orderBy: $orderBy, ${way}: 2, ${way === 'first' ? 'after' : 'before'}: $cursor) { totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } }`,
          { orderBy, cursor },
        );
        const { memoryFacts: page } = list.nodes.find(({ id }: { id: string }) => id === agents[0]);
        expect(page.totalCount).toBe(5);
        expect(list.nodes.find(({ id }: { id: string }) => id === agents[2]).memoryFacts.totalCount).toBe(0);
        const ids = page.nodes.map(({ id }: { id: string }) => id);
        if (way === 'first') found.push(...ids);
        else found.unshift(...ids);
        const { hasNextPage, hasPreviousPage, startCursor, endCursor } = page.pageInfo;
        cursor = way === 'first' ? (hasNextPage ? endCursor : null) : hasPreviousPage ? startCursor : null;
      } while (cursor !== null);
      expect(found).toEqual(expected);
    }
  },
);

const OF_RUNS = `query ($of: [_Any!]!, $where: ArtifactFilter) { _entities(representations: $of) { ... on Run { id artifacts(where: $where, orderBy: [{ field: PATH }]) { totalCount nodes { path run { id } } } } } }`;
const run = (id: string) => ({ __typename: 'Run', id });

test("runs have their own artifacts, those that match, and no other tenant's", async () => {
  const ids = ['run_1', 'run_2', 'run_none', "run_' OR true --"];
  const { data, context } = await fixture.ask('a', OF_RUNS, { of: ids.map(run), where: { path: { ne: '日本語' } } });
  expect(data._entities.map((each: any) => each.artifacts.totalCount)).toEqual([3, 3, 0, 0]);
  expect(data._entities[1].artifacts.nodes).toEqual(
    ["O'Brien", 'Zoë', 'ähnlich'].map((path) => ({ path, run: { id: 'run_2' } })),
  );
  expect(context.statements.counts()).toEqual({ postgres: 2 });
  for (const stranger of ['b', 'a.project'])
    for (const each of (await fixture.get(stranger, OF_RUNS, { of: ids.map(run) }))._entities)
      expect(each.artifacts).toEqual({ totalCount: 0, nodes: [] });
});

test('a thousand runs are asked in two statements', async () => {
  const of = Array.from({ length: 1_000 }, (_, at) => run(`run_${at}`));
  const { data, codes, context } = await fixture.ask('a', OF_RUNS, { of });
  expect(codes).toEqual([]);
  expect(data._entities.filter((each: any) => each.artifacts.totalCount > 0)).toHaveLength(2);
  expect(context.statements.counts()).toEqual({ postgres: 2 });
});

const CHUNKS = `query ($id: ID!, $where: ChunkFilter, $first: Int, $last: Int, $before: String) { document(id: $id) { chunks(where: $where, first: $first, last: $last, before: $before) { totalCount nodes { index text } pageInfo { hasNextPage hasPreviousPage startCursor } } } }`;

test("a document's chunks are those that match, also where it was shared", async () => {
  await fixture.get(
    'a',
    `mutation ($id: ID!) { shareDocument(input: { id: $id, project: "blue" }) { share { id } } }`,
    {
      id: document,
    },
  );
  for (const tenant of ['a', 'a.blue']) {
    const chunks = async (given: object) =>
      (await fixture.get(tenant, CHUNKS, { id: document, ...given })).document.chunks;
    const all = (await chunks({})).nodes;
    expect(all.length).toBeGreaterThan(8);
    for (const word of WORDS)
      expect((await chunks({ where: { text: { contains: word } } })).nodes, word).toEqual(
        all.filter(({ text }: { text: string }) => text.toLowerCase().includes(word.toLowerCase())),
      );
    const odd = { or: [1, 3, 5, 7].map((index) => ({ index: { eq: index } })) };
    const page = await chunks({ where: odd, first: 2 });
    expect([page.nodes.map(({ index }: any) => index), page.pageInfo.hasNextPage]).toEqual([[1, 3], true]);
    expect(page.totalCount).toBe(4);
    expect((await chunks({ first: 0 })).totalCount).toBe(all.length);
    const end = await chunks({ where: odd, last: 2 });
    expect([end.nodes.map(({ index }: any) => index), end.pageInfo.hasPreviousPage]).toEqual([[5, 7], true]);
    const before = await chunks({ where: odd, last: 3, before: end.pageInfo.startCursor });
    expect(before.nodes.map(({ index }: any) => index)).toEqual([1, 3]);
    expect(await chunks({ where: { or: [] } })).toMatchObject({ nodes: [], totalCount: 0 });
  }
  await fixture.get('a', UPSERT, note('another', 'Another text.'));
  const { data, context } = await fixture.ask(
    'a',
    `{ documents(first: 50) { nodes { id chunks(first: 1) { totalCount nodes { id } } } } }`,
  );
  expect(data.documents.nodes.map(({ chunks }: any) => chunks.totalCount > 1).sort()).toEqual([false, true]);
  // The documents, their chunks, and how many there are.
  expect(context.statements.counts()).toEqual({ postgres: 3 });
  expect((await fixture.get('a.green', CHUNKS, { id: document })).document).toBeNull();
});
