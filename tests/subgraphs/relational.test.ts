import { readFileSync } from 'node:fs';
import { graphql, Kind, parse, print } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { documentId } from '#subgraphs/shared/ids.ts';
import { createRuns } from '#subgraphs/runs/index.ts';
import { createRelational } from '#subgraphs/relational/index.ts';
import { contextOf, createRelationalFixture, note, UPSERT, type RelationalFixture } from './relational-fixture.ts';

let fixture: RelationalFixture;
beforeAll(async () => {
  fixture = await createRelationalFixture();
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

/** An operation of the public contract, as it is written there. */
function operation(name: string): string {
  const document = parse(readFileSync(new URL('../contract/operations.graphql', import.meta.url), 'utf8'));
  const found = document.definitions.find((one) => one.kind === Kind.OPERATION_DEFINITION && one.name?.value === name);
  if (found === undefined) throw new Error(`No operation ${name}.`);
  return print(found);
}

describe("the contract's operations", () => {
  test('UpsertDocument', async () => {
    const data = await fixture.get('contract', operation('UpsertDocument'));
    expect(data.upsertDocument.document).toEqual({
      id: documentId('contract', 'notes/field.md'),
      contentHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      indexing: ['OBJECT', 'VECTOR', 'GRAPH'].map((store) => ({ store, state: 'PENDING', error: null })),
    });
  });

  test('Documents, filtered by title and date', async () => {
    for (const title of ['About GraphQL', 'graphql-js', 'Something else'])
      await fixture.get('contract-list', UPSERT, note(title, 'text'));
    const data = await fixture.get('contract-list', operation('Documents'));
    expect(data.documents.totalCount).toBe(2);
    expect(data.documents.edges.map((edge: { node: { title: string } }) => edge.node.title)).toEqual([
      'About GraphQL',
      'graphql-js',
    ]);
    expect(data.documents.pageInfo).toEqual({ hasNextPage: false, endCursor: data.documents.edges[1].cursor });
    expect(
      (await fixture.get('contract-list', operation('Documents'), { after: data.documents.edges[0].cursor })).documents
        .edges,
    ).toHaveLength(1);
  });

  test('CreateAgent, Remember and Recall', async () => {
    const created = await fixture.get('contract', operation('CreateAgent'));
    expect(created.createAgent.agent).toEqual({
      id: expect.stringMatching(/^agt_/),
      name: 'librarian',
      currentVersion: { number: 1 },
    });
    const remembered = await fixture.get('contract', operation('Remember'));
    expect(remembered.rememberFact.fact).toMatchObject({ key: 'preferred_license', value: 'MIT', source: 'user' });
    const recalled = await fixture.get('contract', operation('Recall'));
    expect(recalled.memoryFacts.edges).toEqual([{ node: { key: 'preferred_license', value: 'MIT' } }]);
  });
});

test("an agent's versions: each change adds one, no change adds none, a stale expectation is a conflict", async () => {
  const { createAgent } = await fixture.get(
    'agents',
    `mutation { createAgent(input: { name: "a", instructions: "One", config: { deep: { x: [1] } } }) { agent { id } } }`,
  );
  const id = createAgent.agent.id as string;
  const update = `mutation ($input: UpdateAgentInput!) { updateAgent(input: $input) { agent { name currentVersion { number name instructions model config } } } }`;
  const changed = await fixture.get('agents', update, { input: { id, model: 'm', expectedVersion: 1 } });
  expect(changed.updateAgent.agent.currentVersion).toEqual({
    number: 2,
    name: 'a',
    instructions: 'One',
    model: 'm',
    config: { deep: { x: [1] } },
  });
  await fixture.get('agents', update, { input: { id, config: { deep: { x: [1] } } } });
  expect((await fixture.ask('agents', update, { input: { id, name: 'b', expectedVersion: 1 } })).codes).toEqual([
    'CONFLICT',
  ]);
  await fixture.get('agents', update, { input: { id, name: 'b', instructions: null } });

  const list = `query ($id: ID!, $after: String) { agent(id: $id) { name versions(first: 2, after: $after) { edges { cursor node { number name instructions agent { name } } } pageInfo { hasNextPage endCursor } } } }`;
  const first = (await fixture.get('agents', list, { id })).agent;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as answered
  expect(first.versions.edges.map((edge: any) => edge.node)).toEqual([
    { number: 3, name: 'b', instructions: null, agent: { name: 'b' } },
    { number: 2, name: 'a', instructions: 'One', agent: { name: 'b' } },
  ]);
  const second = (await fixture.get('agents', list, { id, after: first.versions.pageInfo.endCursor })).agent;
  expect(second.versions.edges.map((edge: any) => edge.node.number)).toEqual([1]); // eslint-disable-line @typescript-eslint/no-explicit-any -- as answered
  expect(second.versions.pageInfo.hasNextPage).toBe(false);
});

test('removing an agent removes its memory and versions', async () => {
  const make = `mutation { createAgent(input: { name: "gone" }) { agent { id currentVersion { id } } } }`;
  const { id, currentVersion } = (await fixture.get('removal', make)).createAgent.agent;
  const { rememberFact } = await fixture.get(
    'removal',
    `mutation ($id: ID!) { rememberFact(input: { key: "k", value: "v", agentId: $id }) { fact { id agent { id } } } }`,
    { id },
  );
  expect(rememberFact.fact.agent.id).toBe(id);
  await fixture.get('removal', `mutation ($id: ID!) { deleteAgent(input: { id: $id }) { agent { name } } }`, { id });
  const left = await fixture.get(
    'removal',
    `query ($fact: ID!, $id: ID!, $representations: [_Any!]!) {
    agent(id: $id) { id } memoryFact(id: $fact) { id } _entities(representations: $representations) { __typename }
  }`,
    {
      fact: rememberFact.fact.id,
      id,
      representations: [{ __typename: 'AgentVersion', id: currentVersion.id }],
    },
  );
  expect(left).toEqual({ agent: null, memoryFact: null, _entities: [null] });
});

test('remembering a key again replaces its value and keeps its id; agents have memories of their own', async () => {
  const remember = `mutation ($input: RememberFactInput!) { rememberFact(input: $input) { fact { id value source createdAt } } }`;
  const first = (await fixture.get('memory', remember, { input: { key: 'k', value: '1', source: 'user' } }))
    .rememberFact.fact;
  const second = (await fixture.get('memory', remember, { input: { key: 'k', value: '2' } })).rememberFact.fact;
  expect(second).toEqual({ id: first.id, value: '2', source: null, createdAt: first.createdAt });
  const { createAgent } = await fixture.get(
    'memory',
    `mutation { createAgent(input: { name: "a" }) { agent { id } } }`,
  );
  const own = (
    await fixture.get('memory', remember, { input: { key: 'k', value: '3', agentId: createAgent.agent.id } })
  ).rememberFact.fact;
  expect(own.id).not.toBe(first.id);
  const forget = `mutation ($id: ID!) { forgetFact(input: { id: $id }) { fact { value } } }`;
  expect((await fixture.get('memory', forget, { id: first.id })).forgetFact.fact.value).toBe('2');
  expect((await fixture.ask('memory', forget, { id: first.id })).codes).toEqual(['NOT_FOUND']);
  expect(
    (await fixture.get('memory', `query { memoryFacts { totalCount edges { node { value } } } }`)).memoryFacts,
  ).toEqual({
    totalCount: 1,
    edges: [{ node: { value: '3' } }],
  });
});

test('an artifact is answered again as it is, and another one at its path is a conflict', async () => {
  const create = `mutation ($input: CreateArtifactInput!) { createArtifact(input: $input) { artifact { id path run { id } file { key } } } }`;
  const input = { runId: 'run_1', path: 'out/report.md', contentType: 'text/markdown', fileKey: 'artifacts/1' };
  const first = (await fixture.get('artifacts', create, { input })).createArtifact.artifact;
  expect(first).toMatchObject({ path: 'out/report.md', run: { id: 'run_1' }, file: { key: 'artifacts/1' } });
  expect((await fixture.get('artifacts', create, { input })).createArtifact.artifact).toEqual(first);
  expect((await fixture.ask('artifacts', create, { input: { ...input, fileKey: 'artifacts/2' } })).codes).toEqual([
    'CONFLICT',
  ]);
  expect(
    (await fixture.get('artifacts', create, { input: { ...input, runId: 'run_2', fileKey: null } })).createArtifact
      .artifact.file,
  ).toBeNull();
});

test("an artifact's media type goes by its former name too", async () => {
  const create = `mutation ($input: CreateArtifactInput!) { createArtifact(input: $input) { artifact { mediaType contentType } } }`;
  const make = async (path: string, type: object) =>
    await fixture.ask('types', create, { input: { runId: 'run_1', path, ...type } });
  for (const [path, type] of [
    ['a', { contentType: 'text/plain' }],
    ['b', { mediaType: 'text/markdown' }],
    ['c', { mediaType: 'text/markdown', contentType: 'text/markdown' }],
  ] as const)
    expect((await make(path, type)).codes).toEqual([]);
  for (const type of [{}, { mediaType: 'text/plain', contentType: 'text/html' }])
    expect((await make('d', type)).codes).toEqual(['BAD_USER_INPUT']);
  const listed = async (args: string): Promise<string[]> =>
    (await fixture.get('types', `{ artifacts(${args}) { nodes { path mediaType contentType } } }`)).artifacts.nodes.map(
      (node: { path: string; mediaType: string; contentType: string }) => {
        expect(node.contentType).toBe(node.mediaType);
        return node.path;
      },
    );
  expect(await listed('where: { contentType: { eq: "text/plain" } }')).toEqual(['a']);
  expect(await listed('where: { mediaType: { eq: "text/plain" } }')).toEqual(['a']);
  expect(await listed('where: { mediaType: { eq: "text/plain" }, contentType: { eq: "text/markdown" } }')).toEqual([]);
  const order = (field: string) => listed(`orderBy: [{ field: ${field}, direction: DESC }, { field: PATH }]`);
  expect(await order('MEDIA_TYPE')).toEqual(['a', 'b', 'c']);
  expect(await order('CONTENT_TYPE')).toEqual(['a', 'b', 'c']);
});

test('an artifact is of a run of its own tenant', async () => {
  const runs = await createRuns({}, { postgres: fixture.postgres });
  const subgraph = await createRelational({}, { postgres: fixture.postgres, runs: () => runs.provides.runLookup });
  const run = async (tenant: string, schema: typeof runs.schema, source: string) =>
    await graphql({ schema, source, contextValue: contextOf(tenant) });
  try {
    const started = await run('owner', runs.schema, 'mutation { startRun(input: { threadId: "t" }) { run { id } } }');
    const { id } = (started.data as { startRun: { run: { id: string } } }).startRun.run;
    const create = (runId: string): string =>
      `mutation { createArtifact(input: { runId: "${runId}", path: "p", contentType: "text/plain" }) { artifact { id } } }`;
    for (const [tenant, runId] of [
      ['other', id],
      ['owner', 'run_00000000000000000000000000'],
    ] as const) {
      const { data, errors } = await run(tenant, subgraph.schema, create(runId));
      expect([data, errors![0]!.extensions.code]).toEqual([{ createArtifact: null }, 'NOT_FOUND']);
    }
    expect((await run('owner', subgraph.schema, create(id))).errors).toBeUndefined();
  } finally {
    await subgraph.close();
    await runs.close();
  }
});

test('usage is recorded by the mutation and by the port', async () => {
  await fixture.get(
    'usage',
    `mutation { recordUsage(input: { operation: GENERATE, provider: "p", model: "m", inputTokens: 3, outputTokens: 4 }) { record { id } } }`,
  );
  await fixture.subgraph.provides.usageSink!.record(contextOf('usage'), {
    operation: 'EMBED',
    provider: 'builtin',
    model: 'hashing',
    inputTokens: 1.5,
    outputTokens: 0,
    estimated: true,
  });
  const { usageRecords } = await fixture.get(
    'usage',
    `{ usageRecords(where: { inputTokens: { gte: 1 } }, orderBy: [{ field: CREATED_AT }]) { totalCount edges { node { operation model inputTokens outputTokens estimated subject } } } }`,
  );
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as answered
  expect(usageRecords.edges.map((edge: any) => edge.node)).toEqual([
    { operation: 'GENERATE', model: 'm', inputTokens: 3, outputTokens: 4, estimated: false, subject: 'usage-user' },
    { operation: 'EMBED', model: 'hashing', inputTokens: 2, outputTokens: 0, estimated: true, subject: 'usage-user' },
  ]);
  const { auditEntries } = await fixture.get('usage', `{ auditEntries { edges { node { action } } } }`);
  expect(auditEntries.edges).toEqual([{ node: { action: 'usage.record' } }]);
});

test("the tenant's row is there once it has written", async () => {
  expect((await fixture.get('newcomer', `{ tenant { id name createdAt } }`)).tenant).toEqual({
    id: 'newcomer',
    name: 'newcomer',
    createdAt: null,
  });
  await fixture.get('newcomer', UPSERT, note('a', 'text'));
  expect((await fixture.get('newcomer', `{ tenant { id name createdAt } }`)).tenant.createdAt).toMatch(/^\d{4}-/);
  expect(
    (
      await fixture.ask(
        'newcomer',
        `query ($of: [_Any!]!) { _entities(representations: $of) { ... on Tenant { id } } }`,
        {
          of: [
            { __typename: 'Tenant', id: 'newcomer' },
            { __typename: 'Tenant', id: 'usage' },
          ],
        },
      )
    ).data._entities,
  ).toEqual([{ id: 'newcomer' }, null]);
});

test('switched off, every field says what to set', async () => {
  const { schema, health } = await createRelational({}, {});
  const { data, errors } = await graphql({
    schema,
    source: `{ documents { edges { node { id } } } document(id: "doc_1") { id } tenant { id } }`,
    contextValue: contextOf('a'),
  });
  expect(data).toEqual({ documents: null, document: null, tenant: null });
  expect(errors?.map((error) => [error.extensions['code'], error.extensions['hint']])).toEqual(
    Array.from({ length: 3 }, () => ['STORE_DISABLED', 'Set DATABASE_URL (unset or off at present) and restart.']),
  );
  expect(await health()).toEqual([{ store: 'postgres', state: 'disabled' }]);
});
