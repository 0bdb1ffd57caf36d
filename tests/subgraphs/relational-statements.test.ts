import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRelationalFixture, note, UPSERT, type RelationalFixture } from './relational-fixture.ts';

let fixture: RelationalFixture;
beforeAll(async () => {
  fixture = await createRelationalFixture();
  for (const [tenant, count] of [
    ['few', 2],
    ['many', 120],
  ] as const) {
    const all = Array.from(
      { length: count },
      (_, index) => note(`s${index}`, `# One\n\n${`Text ${index}. `.repeat(80)}\n\n# Two\n\nMore.`).input,
    );
    for (let start = 0; start < all.length; start += 50) {
      await fixture.get(tenant, UPSERT_MANY, { input: { documents: all.slice(start, start + 50) } });
    }
    for (let index = 0; index < Math.min(count, 20); index++) {
      const { createAgent } = await fixture.get(
        tenant,
        `mutation { createAgent(input: { name: "a" }) { agent { id } } }`,
      );
      for (let version = 0; version < index % 3; version++) {
        await fixture.get(
          tenant,
          `mutation ($id: ID!, $model: String!) { updateAgent(input: { id: $id, model: $model }) { agent { id } } }`,
          {
            id: createAgent.agent.id,
            model: `m${version}`,
          },
        );
      }
    }
  }
}, 120_000);
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

const UPSERT_MANY = `mutation ($input: UpsertDocumentsInput!) { upsertDocuments(input: $input) { documents { id } } }`;

test.each<[string, string, number]>([
  [
    'documents with their chunks and files',
    `{ documents(first: 100) { edges { node { id title file { key } chunks(first: 5) { edges { node { id index text } } } } } } }`,
    2,
  ],
  [
    'all that hangs on documents',
    `{ documents(first: 100) { totalCount edges { node { text indexing { store state } chunks { edges { node { document { title } } } } } } } }`,
    // The list, the count, the texts, the outbox and the chunks; the chunks' documents are there already.
    5,
  ],
  [
    'chunks by two sets of arguments',
    `{ documents(first: 100) { edges { node { a: chunks(first: 1) { edges { node { id } } } b: chunks(first: 2) { edges { node { id } } } } } } }`,
    3,
  ],
  [
    'agents with their versions',
    `{ agents(first: 100) { edges { node { currentVersion { number agent { name } } versions(first: 2) { edges { node { number } } } } } } }`,
    3,
  ],
  [
    'agents with their memory, twice, and its count',
    `{ agents(first: 100) { edges { node { memoryFacts(first: 2) { totalCount nodes { key agent { name } } } last: memoryFacts(last: 1, where: { key: { ne: "x" } }) { nodes { key } } } } } }`,
    4,
  ],
  [
    'how many chunks and versions there are, in all and that match',
    `{ documents(first: 100) { edges { node { chunks(first: 1) { totalCount } two: chunks(first: 0, where: { text: { contains: "two" } }) { totalCount } } } } }`,
    // Documents, a page of chunks, and two counts.
    4,
  ],
  [
    'how many versions agents have, which they know',
    `{ agents(first: 100) { edges { node { versions(first: 0) { totalCount } } } } }`,
    1,
  ],
  [
    'chunks that match',
    `{ documents(first: 100) { edges { node { chunks(where: { text: { contains: "two" } }) { nodes { index } } } } } }`,
    2,
  ],
  ['a page without its count', `{ documents(first: 100) { edges { node { id } } } }`, 1],
])('%s: as many statements for many rows as for few', async (_, source, statements) => {
  const few = await fixture.ask('few', source);
  const many = await fixture.ask('many', source);
  expect([few.codes, many.codes]).toEqual([[], []]);
  const [list] = Object.values(many.data) as { edges: unknown[] }[];
  expect(list!.edges.length).toBeGreaterThanOrEqual(20);
  expect(few.context.statements.counts()).toEqual({ postgres: statements });
  expect(many.context.statements.counts()).toEqual({ postgres: statements });
});

test('facets take one statement, whatever there is', async () => {
  const source =
    '{ documentFacets { documents truncated collections { name count } metadataKeys { key values { value } } } }';
  for (const [tenant, documents] of [
    ['few', 2],
    ['many', 120],
  ] as const) {
    const { data, context } = await fixture.ask(tenant, source);
    expect(data.documentFacets).toMatchObject({ documents, truncated: false });
    expect(context.statements.counts()).toEqual({ postgres: 1 });
  }
  for (const args of ['first: -1', 'first: 101', 'values: -1', 'values: 101'])
    expect((await fixture.ask('few', `{ documentFacets(${args}) { documents } }`)).codes).toEqual(['BAD_USER_INPUT']);
});

test('entities of several types are loaded in one statement each', async () => {
  const { documents } = await fixture.get(
    'many',
    `{ documents(first: 100) { edges { node { id chunks(first: 1) { edges { node { id } } } } } } }`,
  );
  const representations = documents.edges.flatMap(
    ({ node }: { node: { id: string; chunks: { edges: { node: { id: string } }[] } } }) => [
      { __typename: 'Document', id: node.id },
      { __typename: 'Chunk', id: node.chunks.edges[0]!.node.id },
      { __typename: 'Document', id: node.id },
    ],
  );
  const { data, context } = await fixture.ask(
    'many',
    `query ($of: [_Any!]!) { _entities(representations: $of) { ... on Document { id title } ... on Chunk { id document { id title } } } }`,
    { of: representations },
  );
  expect(context.statements.counts()).toEqual({ postgres: 2 });
  expect(data._entities).toHaveLength(300);
  for (let index = 0; index < 300; index += 3) {
    expect(data._entities[index].id).toBe(representations[index].id);
    expect(data._entities[index + 1].document).toEqual(data._entities[index]);
  }
});

test('a document is written in three statements, and left alone in one, whatever it holds', async () => {
  const input = note('large', `${'A sentence. '.repeat(20_000)}`, {
    entities: Array.from({ length: 500 }, (_, index) => ({ name: `n${index}`, kind: 'k' })),
    relations: Array.from({ length: 2_000 }, (_, index) => ({
      from: { name: `n${index}`, kind: 'k' },
      to: { name: 'm', kind: 'k' },
      type: 'KNOWS',
    })),
  });
  const source = UPSERT.replace(/document \{[\s\S]*\}\s*\}\s*\}/, '__typename } }');
  expect((await fixture.ask('writes', source, input)).context.statements.counts()).toEqual({ postgres: 3 });
  expect((await fixture.ask('writes', source, input)).context.statements.counts()).toEqual({ postgres: 1 });
  const batch = { input: { documents: Array.from({ length: 50 }, (_, index) => note(`s${index}`, 'text').input) } };
  const written = await fixture.ask('writes', UPSERT_MANY.replace('documents { id }', '__typename'), batch);
  expect([written.codes, written.context.statements.counts()]).toEqual([[], { postgres: 3 }]);
});

test('mutations of one operation see what those before them wrote', async () => {
  const { data, codes } = await fixture.ask(
    'order',
    `mutation ($one: UpsertDocumentInput!, $two: UpsertDocumentInput!) {
      one: upsertDocument(input: $one) { document { id title text chunks { edges { node { text } } } } }
      two: upsertDocument(input: $two) { document { id title text chunks { edges { node { text } } } } }
    }`,
    { one: note('s', 'First.').input, two: note('s', 'Second.', { title: 'Changed' }).input },
  );
  expect(codes).toEqual([]);
  expect(data.one.document).toMatchObject({ title: 's', text: 'First.' });
  expect(data.two.document).toEqual({
    id: data.one.document.id,
    title: 'Changed',
    text: 'Second.',
    chunks: { edges: [{ node: { text: 'Second.' } }] },
  });
});

test('the gateway claims, completes and fails over GraphQL, and reads only what it selects', async () => {
  const { upsertDocument } = await fixture.get(
    'outbox',
    UPSERT,
    note('s', 'Text.', { entities: [{ name: 'n', kind: 'k' }] }),
  );
  const documentIds = [upsertDocument.document.id];
  const claim = (fields: string, stores: string[]) =>
    fixture.ask(
      'gateway',
      `mutation ($input: ClaimOutboxInput!) { claimOutbox(input: $input) { entries { id revision store ...More } } } fragment More on OutboxEntry { ${fields} }`,
      {
        input: { limit: 10, leaseSeconds: 60, stores, documentIds },
      },
      { system: true },
    );
  const vector = await claim('tenantId document { title } chunks { text }', ['VECTOR']);
  expect(vector.context.statements.counts()).toEqual({ postgres: 3 });
  expect(vector.data.claimOutbox.entries).toMatchObject([
    { tenantId: 'outbox', store: 'VECTOR', document: { title: 's' }, chunks: [{ text: 'Text.' }] },
  ]);
  const graph = await claim('entities { name } relations { type } objectKey operation attempts', ['GRAPH', 'OBJECT']);
  expect(graph.data.claimOutbox.entries).toHaveLength(2);
  expect(graph.data.claimOutbox.entries[0]).toMatchObject({
    entities: [{ name: 'n' }],
    relations: [],
    operation: 'UPSERT',
    attempts: 1,
  });

  const settle = (entries: { id: string; revision: number }[]) => entries.map(({ id, revision }) => ({ id, revision }));
  const completed = await fixture.get(
    'gateway',
    `mutation ($input: CompleteOutboxInput!) { completeOutbox(input: $input) { completed } }`,
    {
      input: { entries: settle(vector.data.claimOutbox.entries) },
    },
    { system: true },
  );
  expect(completed.completeOutbox).toEqual({ completed: 1 });
  const failed = await fixture.get(
    'gateway',
    `mutation ($input: FailOutboxInput!) { failOutbox(input: $input) { failed } }`,
    {
      input: {
        entries: settle(graph.data.claimOutbox.entries).map((entry) => ({
          ...entry,
          error: `bad \0 ${'x'.repeat(900)}`,
          retryInSeconds: 0.5,
        })),
      },
    },
    { system: true },
  );
  expect(failed.failOutbox).toEqual({ failed: 2 });
  const { document } = await fixture.get(
    'outbox',
    `query ($id: ID!) { document(id: $id) { indexing { store state error attempts } } }`,
    { id: documentIds[0] },
  );
  expect(document.indexing).toMatchObject([
    { store: 'OBJECT', state: 'FAILED', error: expect.stringMatching(/^bad \uFFFD x+$/) },
    { store: 'VECTOR', state: 'DONE', error: null, attempts: 1 },
    { store: 'GRAPH', state: 'FAILED' },
  ]);
  const { outboxStatus } = await fixture.get(
    'gateway',
    `{ outboxStatus { pending failed disabled done oldestPendingSeconds } }`,
    {},
    { system: true },
  );
  expect(outboxStatus).toMatchObject({ failed: 2, done: 1, disabled: 0 });
});
