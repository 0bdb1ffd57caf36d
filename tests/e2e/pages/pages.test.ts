/** Every connection of the API, read to its end and back: pages without a gap or a repetition, that say truly what is around them. */
import { buildSchema, isObjectType } from 'graphql';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { delivered } from '#tests/setup/delivered.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { post } from '../contract/clients.ts';

const SIZE = 3;

/** What leads to each list, with `ARGUMENTS` where its page is said; by the field of the schema. */
const LISTS: Record<string, readonly string[]> = {
  'Query.documents': [
    '{ documents(ARGUMENTS) { PAGE } }',
    '{ documents(orderBy: [{ field: TITLE, direction: DESC }], ARGUMENTS) { PAGE } }',
  ],
  // Some have no source: nulls are the largest, whichever way.
  'Query.memoryFacts': [
    '{ memoryFacts(orderBy: [{ field: SOURCE }], ARGUMENTS) { PAGE } }',
    '{ memoryFacts(orderBy: [{ field: SOURCE, direction: DESC }, { field: KEY }], ARGUMENTS) { PAGE } }',
  ],
  'Query.sessions': [
    '{ sessions(ARGUMENTS) { PAGE } }',
    '{ sessions(orderBy: [{ field: UPDATED_AT }], ARGUMENTS) { PAGE } }',
  ],
  'Query.messages': ['{ messages(ARGUMENTS) { PAGE } }'],
  'Session.messages': ['query($session: ID!) { session(id: $session) { messages(ARGUMENTS) { PAGE } } }'],
  'Agent.sessions': ['query($agent: ID!) { agent(id: $agent) { sessions(ARGUMENTS) { PAGE } } }'],
  'Query.agents': ['{ agents(ARGUMENTS) { PAGE } }'],
  'Query.artifacts': ['{ artifacts(ARGUMENTS) { PAGE } }'],
  'Query.auditEntries': ['{ auditEntries(ARGUMENTS) { PAGE } }'],
  'Query.usageRecords': ['{ usageRecords(ARGUMENTS) { PAGE } }'],
  'Query.apiKeys': ['{ apiKeys(ARGUMENTS) { PAGE } }'],
  'Query.shares': ['{ shares(ARGUMENTS) { PAGE } }'],
  'Session.summaries': ['query($session: ID!) { session(id: $session) { summaries(ARGUMENTS) { PAGE } } }'],
  'Agent.versions': ['query($agent: ID!) { agent(id: $agent) { versions(ARGUMENTS) { PAGE } } }'],
  'Agent.runs': ['query($agent: ID!) { agent(id: $agent) { runs(ARGUMENTS) { PAGE } } }'],
  'Agent.memoryFacts': ['query($agent: ID!) { agent(id: $agent) { memoryFacts(ARGUMENTS) { PAGE } } }'],
  'StoredObject.documents': ['query($file: String!) { object(key: $file) { documents(ARGUMENTS) { PAGE } } }'],
  'StoredObject.artifacts': ['query($file: String!) { object(key: $file) { artifacts(ARGUMENTS) { PAGE } } }'],
  'Run.artifacts': ['query($run: ID!) { run(id: $run) { artifacts(ARGUMENTS) { PAGE } } }'],
  'Document.chunks': ['query($document: ID!) { document(id: $document) { chunks(ARGUMENTS) { PAGE } } }'],
  'Document.entities': ['query($document: ID!) { document(id: $document) { entities(ARGUMENTS) { PAGE } } }'],
  'Document.similar': ['query($document: ID!) { document(id: $document) { similar(ARGUMENTS) { PAGE } } }'],
  'Chunk.similar': ['query($chunk: ID!) { chunk(id: $chunk) { similar(ARGUMENTS) { PAGE } } }'],
  'Query.entities': [
    '{ entities(ARGUMENTS) { PAGE } }',
    '{ entities(where: { kind: { eq: "topic" } }, ARGUMENTS) { PAGE } }',
  ],
  'Entity.relations': [
    'query($hub: ID!) { entity(id: $hub) { relations(ARGUMENTS) { PAGE } } }',
    'query($hub: ID!) { entity(id: $hub) { relations(direction: OUT, ARGUMENTS) { PAGE } } }',
  ],
  'Entity.neighbors': [
    'query($hub: ID!) { entity(id: $hub) { neighbors(depth: 3, direction: BOTH, ARGUMENTS) { PAGE } } }',
  ],
  'Entity.deepNeighbors': [
    'query($hub: ID!) { entity(id: $hub) { deepNeighbors(direction: BOTH, ARGUMENTS) { PAGE } } }',
  ],
  'Entity.documents': ['query($hub: ID!) { entity(id: $hub) { documents(ARGUMENTS) { PAGE } } }'],
  'Query.search': [
    '{ search(query: "pigeon", mode: HYBRID, ARGUMENTS) { PAGE } }',
    '{ search(query: "pigeon", mode: KEYWORD, ARGUMENTS) { PAGE } }',
  ],
  'Query.similarDocuments': ['{ similarDocuments(query: "pigeon", ARGUMENTS) { PAGE } }'],
  'Query.similarMemoryFacts': ['{ similarMemoryFacts(query: "pigeon", ARGUMENTS) { PAGE } }'],
  'Query.similarMessages': ['{ similarMessages(query: "pigeon", ARGUMENTS) { PAGE } }'],
  'Query.runs': [
    '{ runs(ARGUMENTS) { PAGE } }',
    '{ runs(orderBy: [{ field: CREATED_AT, direction: ASC }], ARGUMENTS) { PAGE } }',
  ],
  'Run.events': [
    'query($run: ID!) { run(id: $run) { events(ARGUMENTS) { PAGE } } }',
    'query($run: ID!) { run(id: $run) { events(types: [CUSTOM], ARGUMENTS) { PAGE } } }',
  ],
};

/** Those of which there may be none here. */
const EMPTY = ['Query.usageRecords', 'Query.apiKeys', 'Query.shares', 'StoredObject.documents'];

const PAGE =
  'edges { cursor node { __typename } } nodes { __typename } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';

interface Page {
  edges: { cursor: string; node: { __typename: string } }[];
  nodes: { __typename: string }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}

let server: TestServer;
const ids: Record<string, string> = {};

const ask = async (query: string, variables: Record<string, unknown> = {}) => {
  const answer = await post(server.url, query, variables);
  expect(answer.errors).toBeUndefined();
  return answer.data as any; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers of many shapes
};

async function pageOf(list: string, given: string): Promise<Page> {
  const query = list.replace('ARGUMENTS', given).replace('PAGE', PAGE);
  const used = Object.fromEntries(Object.entries(ids).filter(([name]) => query.includes(`$${name}:`)));
  let at: unknown = await ask(query, used);
  while (!Object.hasOwn(at as object, 'pageInfo')) [at] = Object.values(at as object);
  return at as Page;
}

const cursors = ({ edges }: Page): string[] => edges.map(({ cursor }) => cursor);

beforeAll(async () => {
  server = await startTestServer();
  const upsert =
    'mutation($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id chunks { nodes { id } } } } }';
  const hub = { name: 'hub', kind: 'topic' };
  for (let i = 0; i < 10; i++) {
    const spoke = { name: `spoke-${i}`, kind: i % 2 === 0 ? 'topic' : 'thing' };
    const { upsertDocument } = await ask(upsert, {
      input: {
        title: `Title ${(i * 7) % 10}`,
        source: `made/${i}.md`,
        mediaType: 'text/markdown',
        text: Array.from(
          { length: i === 0 ? 9 : 1 },
          (_, n) => `# Part ${n}\n\nPigeon ${i} ${n} ${'flies far. '.repeat(80)}`,
        ).join('\n\n'),
        entities: [
          hub,
          ...(i === 0
            ? Array.from({ length: 9 }, (_, n) => ({ name: `spoke-${n}`, kind: n % 2 === 0 ? 'topic' : 'thing' }))
            : [spoke]),
        ],
        relations: [
          { from: hub, to: spoke, type: i % 3 === 0 ? 'A' : 'B' },
          { from: spoke, to: hub, type: 'A' },
          { from: spoke, to: { name: `leaf-${i}`, kind: 'leaf' }, type: 'A' },
        ],
      },
    });
    if (i === 0) ids['document'] = upsertDocument.document.id;
    if (i === 0) ids['chunk'] = upsertDocument.document.chunks.nodes[0].id;
    await ask('mutation($input: RememberFactInput!) { rememberFact(input: $input) { fact { id } } }', {
      input: { key: `fact ${i}`, value: 'v', source: i % 3 === 0 ? null : `s${i % 2}` },
    });
  }
  for (let i = 0; i < 5; i++) {
    const { createAgent } = await ask(
      'mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } } }',
      {
        input: { name: `agent ${i}` },
      },
    );
    ids['agent'] = createAgent.agent.id;
  }
  for (let i = 0; i < 7; i++)
    await ask('mutation($input: UpdateAgentInput!) { updateAgent(input: $input) { agent { id } } }', {
      input: { id: ids['agent'], instructions: `version ${i}` },
    });
  for (let i = 0; i < 7; i++) {
    const { startRun } = await ask('mutation($agent: ID!) { startRun(input: { agentId: $agent }) { run { id } } }', {
      agent: ids['agent'],
    });
    ids['run'] = startRun.run.id;
    await ask('mutation($input: RememberFactInput!) { rememberFact(input: $input) { fact { id } } }', {
      input: { agentId: ids['agent'], key: `of the agent ${i}`, value: 'v' },
    });
  }
  for (let i = 0; i < 5; i++) {
    const { createSession } = await ask(
      'mutation($agent: ID!) { createSession(input: { agentId: $agent }) { session { id } } }',
      { agent: ids['agent'] },
    );
    ids['session'] = createSession.session.id;
  }
  await ask('mutation($input: AppendMessagesInput!) { appendMessages(input: $input) { session { id } } }', {
    input: {
      sessionId: ids['session'],
      messages: Array.from({ length: 8 }, (_, n) => ({ role: 'USER', content: `${n}` })),
    },
  });
  for (let through = 1; through <= 7; through++)
    await ask('mutation($input: SummarizeSessionInput!) { summarizeSession(input: $input) { session { id } } }', {
      input: { sessionId: ids['session'], text: `Through ${through}.`, throughSequence: through },
    });
  ids['file'] = 'made/all.md';
  await ask('mutation($input: PutObjectInput!) { putObject(input: $input) { object { key } } }', {
    input: { key: ids['file'], mediaType: 'text/markdown', content: 'All.', encoding: 'UTF8' },
  });
  for (let i = 0; i < 7; i++)
    await ask('mutation($input: CreateArtifactInput!) { createArtifact(input: $input) { artifact { id } } }', {
      input: { runId: ids['run'], path: `made/${i}.md`, mediaType: 'text/markdown', fileKey: ids['file'] },
    });
  await ask('mutation($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { run { id } } }', {
    input: {
      runId: ids['run'],
      events: Array.from({ length: 8 }, (_, n) =>
        n % 2 === 0
          ? { type: 'CUSTOM', payload: { name: 'n', value: n } }
          : { type: 'STATE_SNAPSHOT', payload: { snapshot: { n } } },
      ),
    },
  });
  await vi.waitFor(
    async () => {
      const { documents } = await ask('{ documents(first: 50) { nodes { indexing { state } } } }');
      expect(
        documents.nodes.every(({ indexing }: { indexing: { state: string }[] }) =>
          indexing.every(({ state }) => state === 'DONE'),
        ),
      ).toBe(true);
    },
    { timeout: 20_000 },
  );
  await delivered(server);
  const { entities } = await ask('{ entities(where: { name: { eq: "hub" } }) { nodes { id } } }');
  ids['hub'] = entities.nodes[0].id;
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

test('every connection that can be read backwards is tried here; only objects cannot', async () => {
  const api = buildSchema(await readFile(new URL('../../../gateway/supergraph/api.graphql', import.meta.url), 'utf8'));
  const found = Object.values(api.getTypeMap()).flatMap((type) =>
    isObjectType(type) && !type.name.startsWith('__')
      ? Object.values(type.getFields())
          .filter(({ type: of }) => String(of).endsWith('Connection'))
          .map((field) => ({ name: `${type.name}.${field.name}`, args: field.args.map(({ name }) => name) }))
      : [],
  );
  const both = found.filter(({ args }) => args.includes('last') && args.includes('before'));
  expect(both.map(({ name }) => name).sort()).toEqual(Object.keys(LISTS).sort());
  expect(found.filter((field) => !both.includes(field)).map(({ name }) => name)).toEqual(['Query.objects']);
});

describe.each(Object.entries(LISTS).flatMap(([field, lists]) => lists.map((list) => [field, list] as const)))(
  '%s: %s',
  (field, list) => {
    test('reads the same both ways, and says what is around each page', async () => {
      const whole = await pageOf(list, 'first: 200');
      const all = cursors(whole);
      if (!EMPTY.includes(field)) expect(all.length).toBeGreaterThan(SIZE);
      expect(new Set(all).size).toBe(all.length);
      expect(whole.pageInfo).toEqual({
        hasNextPage: false,
        hasPreviousPage: false,
        startCursor: all[0] ?? null,
        endCursor: all.at(-1) ?? null,
      });
      expect(await pageOf(list, 'last: 200')).toEqual(whole);

      for (let start = 0, after = ''; start < all.length; start += SIZE) {
        const page = await pageOf(list, `first: ${SIZE}${after}`);
        expect(cursors(page)).toEqual(all.slice(start, start + SIZE));
        expect(page.nodes).toEqual(page.edges.map(({ node }) => node));
        expect(page.pageInfo).toMatchObject({
          hasPreviousPage: start > 0,
          hasNextPage: start + SIZE < all.length,
          startCursor: all[start],
        });
        after = `, after: ${JSON.stringify(page.pageInfo.endCursor)}`;
      }
      for (let end = all.length, before = ''; end > 0; end -= SIZE) {
        const page = await pageOf(list, `last: ${SIZE}${before}`);
        expect(cursors(page)).toEqual(all.slice(Math.max(end - SIZE, 0), end));
        expect(page.nodes).toEqual(page.edges.map(({ node }) => node));
        expect(page.pageInfo).toMatchObject({
          hasPreviousPage: end > SIZE,
          hasNextPage: end < all.length,
          endCursor: all[end - 1],
        });
        before = `, before: ${JSON.stringify(page.pageInfo.startCursor)}`;
      }
    });

    test.each([
      ['first: 1, last: 1', 'cannot both'],
      ['first: 1, before: "x"', '`before` goes with `last`'],
      ['before: "x"', '`before` goes with `last`'],
      ['last: 1, after: "x"', '`after` goes with `first`'],
      ['last: -1', 'must not be negative'],
      ['last: 201', 'at most 200'],
      ['last: 1, before: "bm90IGEgY3Vyc29y"', 'not a cursor'],
    ])('refuses %s', async (given, why) => {
      const query = list.replace('ARGUMENTS', given).replace('PAGE', PAGE);
      const used = Object.fromEntries(Object.entries(ids).filter(([name]) => query.includes(`$${name}:`)));
      const { errors } = await post(server.url, query, used);
      expect(errors).toHaveLength(1);
      expect(errors![0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
      expect(errors![0]!.message).toContain(why);
    });

    test('takes the nulls that clients send for what they do not use', async () => {
      const forward = await pageOf(list, 'first: 2, after: null, last: null, before: null');
      const backward = await pageOf(list, 'last: 2, before: null, first: null, after: null');
      expect(forward.edges.length).toBe(backward.edges.length);
    });
  },
);
