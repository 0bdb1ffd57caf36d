/**
 * Projects below tenants: what somebody of one project has in every store, asked for by everybody who is not of it, and by a
 * colleague who is.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { keysCommand } from '#ops/keys/command.ts';
import { ALL_SCOPES } from '#subgraphs/shared/scopes.ts';
import { http, WAYS_IN } from '#tests/gateway/ways-in.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

let server: TestServer;

type Who = Readonly<Record<string, string>>;
const who = (tenant: string, project?: string, user = 'ann'): Who => ({
  'remote-user': user,
  'x-tenant': tenant,
  ...(project === undefined ? {} : { 'x-project': project }),
});
const OWNER = who('acme', 'red');
const STRANGERS: Readonly<Record<string, Who>> = {
  'another project': who('acme', 'blue'),
  'the tenant itself': who('acme'),
  'a project of another tenant with the same name': who('globex', 'red'),
  'a project with the names the other way round': who('red', 'acme'),
  'a tenant whose name is that of the project': who('red'),
  'a project whose name goes on': who('acme', 'red2'),
  'a project in other case': who('acme', 'Red'),
};

const answer = async (says: Who, query: string, variables: Record<string, unknown> = {}, way = 'POST') =>
  (await WAYS_IN[way]!(server.url, { query, variables }, says)).answer;
/** Like `answer`, and fails on any error. */
async function ask(says: Who, query: string, variables: Record<string, unknown> = {}, way?: string) {
  const { data, errors } = await answer(says, query, variables, way);
  expect(errors).toBeUndefined();
  return data;
}

const UPSERT = `mutation ($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id chunks { edges { node { id } } } } } }`;
const note = (source: string, text: string) => ({
  input: {
    title: `About ${source}`,
    source,
    mediaType: 'text/markdown',
    text,
    entities: [
      { name: 'Zanzibar', kind: 'place', properties: { secret: source } },
      { name: 'Clove', kind: 'plant' },
    ],
    relations: [{ from: { name: 'Clove', kind: 'plant' }, to: { name: 'Zanzibar', kind: 'place' }, type: 'GROWS_ON' }],
  },
});
const MAKE = `mutation ($document: ID!) {
  createAgent(input: { name: "secret agent", instructions: "secret" }) { agent { id currentVersion { id } } }
  rememberFact(input: { key: "secret", value: "secret" }) { fact { id } }
  recordUsage(input: { operation: EMBED, provider: "secret", model: "secret", inputTokens: 1, outputTokens: 0 }) { record { id } }
  createApiKey(input: { name: "secret key", scopes: ["documents:write", "keys:write"] }) { key { id } secret }
  startRun(input: { threadId: "secret thread", input: { secret: true } }) { run { id } }
  putObject(input: { key: "secret/file.txt", contentType: "text/plain", content: "secret", encoding: UTF8 }) { object { key downloadUrl } }
  upsertVectors(input: { items: [{ chunkId: "chk_byhand", documentId: $document, text: "secret vanilla" }] }) { chunks { id } }
}`;

/** What somebody of a project has, and how it is called. */
interface Things {
  document: string;
  chunk: string;
  agent: string;
  version: string;
  fact: string;
  key: string;
  secret: string;
  run: string;
  artifact: string;
  url: string;
  entity: string;
  plant: string;
}
let things: Things;

async function makeThings(says: Who): Promise<Things> {
  const { upsertDocument } = await ask(
    says,
    UPSERT,
    note('notes/spice.md', 'Cloves of Zanzibar smell sweet. A secret.'),
  );
  const document = upsertDocument.document.id;
  const made = await ask(says, MAKE, { document });
  const run = made.startRun.run.id;
  await ask(
    says,
    `mutation ($run: ID!) {
      appendRunEvents(input: { runId: $run, events: [{ type: CUSTOM, payload: { name: "secret", value: 1 } }] }) { run { id } }
    }`,
    { run },
  );
  const { createArtifact } = await ask(
    says,
    `mutation ($run: ID!) {
      createArtifact(input: { runId: $run, path: "secret.txt", contentType: "text/plain", fileKey: "secret/file.txt" }) { artifact { id } }
    }`,
    { run },
  );
  const indexed = await vi.waitFor(
    async () => {
      const { document: found } = await ask(
        says,
        `query ($id: ID!) { document(id: $id) { indexing { store state } file { sizeBytes } entities { edges { node { id kind } } } } }`,
        { id: document },
      );
      expect(found.indexing.map(({ state }: { state: string }) => state)).toEqual(['DONE', 'DONE', 'DONE']);
      return found;
    },
    { timeout: 20_000 },
  );
  const nodes = indexed.entities.edges.map(({ node }: { node: { id: string; kind: string } }) => node);
  const ofKind = (kind: string) => nodes.find((node: { kind: string }) => node.kind === kind).id;
  return {
    document,
    chunk: upsertDocument.document.chunks.edges[0].node.id,
    agent: made.createAgent.agent.id,
    version: made.createAgent.agent.currentVersion.id,
    fact: made.rememberFact.fact.id,
    key: made.createApiKey.key.id,
    secret: made.createApiKey.secret,
    run,
    artifact: createArtifact.artifact.id,
    url: made.putObject.object.downloadUrl,
    entity: ofKind('place'),
    plant: ofKind('plant'),
  };
}

/** Everything that somebody sees, by lists and searches, that may be of the owner. */
const EVERYTHING = `query ($text: String!) {
  tenant { id project }
  agents { totalCount edges { node { id name } } }
  documents { totalCount edges { node { id title } } }
  memoryFacts { totalCount edges { node { id value } } }
  artifacts { totalCount edges { node { id path } } }
  usageRecords(where: { model: { eq: "secret" } }) { totalCount edges { node { id } } }
  auditEntries { edges { node { subjectId details } } }
  apiKeys { totalCount edges { node { id name } } }
  runs { totalCount edges { node { id } } }
  objects { edges { node { key } } }
  entities { totalCount edges { node { id name properties } } }
  meaning: search(query: $text, mode: VECTOR, first: 50) { edges { node { id text } } }
  words: search(query: $text, mode: KEYWORD, first: 50) { edges { node { id text } } }
  both: search(query: $text, first: 50) { edges { node { id text } } }
}`;
const everything = async (says: Who) => await ask(says, EVERYTHING, { text: 'cloves of Zanzibar' });

/** Everything of the owner, asked for by its id. */
const BY_ID = `query ($document: ID!, $chunk: ID!, $agent: ID!, $fact: ID!, $artifact: ID!, $run: ID!, $entity: ID!, $plant: ID!) {
  document(id: $document) { id text similar { edges { node { id } } } }
  chunk(id: $chunk) { id text }
  agent(id: $agent) { id }
  memoryFact(id: $fact) { id }
  artifact(id: $artifact) { id }
  run(id: $run) { id events { edges { node { sequence } } } }
  object(key: "secret/file.txt") { key text }
  entity(id: $entity) { id relations { edges { node { id } } } }
  shortestPath(from: $plant, to: $entity) { length }
}`;

beforeAll(async () => {
  server = await startTestServer({
    TRUSTED_PROXIES: 'loopback',
    FORWARD_AUTH_USER_HEADER: 'remote-user',
    FORWARD_AUTH_TENANT_HEADER: 'x-tenant',
    FORWARD_AUTH_PROJECT_HEADER: 'x-project',
    ROLE_SCOPES: `*=${ALL_SCOPES.join(' ')}`,
  });
  things = await makeThings(OWNER);
}, 60_000);
afterAll(async () => await server[Symbol.asyncDispose]());

describe('a colleague of the project', () => {
  const colleague = who('acme', 'red', 'bob');

  test('finds and reads all of it', async () => {
    const seen = await everything(colleague);
    expect(seen.tenant).toEqual({ id: 'acme', project: 'red' });
    for (const list of ['agents', 'documents', 'memoryFacts', 'artifacts', 'usageRecords', 'apiKeys', 'runs'])
      expect(seen[list].totalCount, list).toBe(1);
    expect(seen.entities.totalCount).toBe(2);
    for (const search of ['meaning', 'words', 'both'])
      expect(JSON.stringify(seen[search]), search).toContain(things.chunk);
    expect(JSON.stringify(seen.objects)).toContain('secret/file.txt');
    const read = await ask(colleague, BY_ID, { ...things });
    for (const [field, value] of Object.entries(read)) expect(value, field).not.toBeNull();
    expect(read.run.events.edges).toHaveLength(2);
    expect((await http(server.url, pathOf(things.url), 'GET', {})).text).toBe('secret');
  });
});

/** What decides is the same on every way in: all are tried where names differ least. */
const waysOf = (name: string): string[] => (name === 'another project' ? Object.keys(WAYS_IN) : ['POST']);

describe.each(Object.entries(STRANGERS))('%s', (name, stranger) => {
  test.each(waysOf(name))('finds nothing of it by %s', async (way) => {
    const { tenant, ...seen } = await ask(stranger, EVERYTHING, { text: 'cloves of Zanzibar' }, way);
    expect(tenant.id).toBe(stranger['x-tenant']);
    expect(tenant.project).toBe(stranger['x-project'] ?? null);
    const text = JSON.stringify(seen);
    for (const thing of [...Object.values(things), 'secret']) expect(text).not.toContain(thing);
  });

  test('reads nothing of it by its ids', async () => {
    const { data } = await answer(stranger, BY_ID, { ...things });
    for (const [field, value] of Object.entries(data)) expect(value, field).toBeNull();
  });

  test('changes nothing of it', async () => {
    const before = await everything(OWNER);
    for (const [mutation, code] of Object.entries({
      'deleteDocument(input: { id: $document }) { document { id } }': 'NOT_FOUND',
      'updateAgent(input: { id: $agent, name: "mine" }) { agent { id } }': 'NOT_FOUND',
      'deleteAgent(input: { id: $agent }) { agent { id } }': 'NOT_FOUND',
      'forgetFact(input: { id: $fact }) { fact { id } }': 'NOT_FOUND',
      'revokeApiKey(input: { id: $key }) { revokedIds }': 'NOT_FOUND',
      'cancelRun(input: { runId: $run }) { run { id } }': 'NOT_FOUND',
      'appendRunEvents(input: { runId: $run, events: [{ type: CUSTOM, payload: { name: "x", value: 1 } }] }) { run { id } }':
        'NOT_FOUND',
      'createArtifact(input: { runId: $run, path: "mine", contentType: "text/plain" }) { artifact { id } }':
        'NOT_FOUND',
      'upsertRelations(input: { relations: [{ from: { id: $entity }, to: { id: $plant }, type: "X" }] }) { relations { id } }':
        'NOT_FOUND',
    })) {
      const used = [...mutation.matchAll(/\$(\w+)/g)].map(([, name]) => name!);
      const given = [...new Set(used)].map((name) => `$${name}: ID!`).join(', ');
      const { errors } = await answer(stranger, `mutation (${given}) { ${mutation} }`, { ...things });
      expect(errors?.[0]?.extensions['code'], mutation).toBe(code);
    }
    const done = await ask(
      stranger,
      `mutation ($entity: ID!) {
        deleteObject(input: { key: "secret/file.txt" }) { deleted }
        deleteVectors(input: { chunkIds: ["chk_byhand"] }) { deletedChunkIds }
        deleteEntities(input: { ids: [$entity] }) { ids }
      }`,
      { ...things },
    );
    expect(done).toEqual({
      deleteObject: { deleted: false },
      deleteVectors: { deletedChunkIds: [] },
      deleteEntities: { ids: [] },
    });
    expect(await everything(OWNER)).toEqual(before);
  });

  test('hears nothing of it', async () => {
    const { errors } = await answer(
      stranger,
      'subscription ($run: ID!) { runEvents(runId: $run) { type } }',
      { ...things },
      'server-sent events',
    );
    expect(errors?.[0]?.extensions['code']).toBe('NOT_FOUND');
  });

  test('a signed link to it is not one to his own', async () => {
    const own = `${stranger['x-tenant']}${'x-project' in stranger ? `.${stranger['x-project']}` : ''}`;
    const url = pathOf(things.url).replace('/acme.red/', `/${own}/`);
    expect(url).not.toBe(pathOf(things.url));
    expect((await http(server.url, url, 'GET', {})).status).toBe(403);
  });
});

test('all strangers write under the same names, and each has his own', async () => {
  const ids = new Set([things.document]);
  const before = await everything(OWNER);
  for (const stranger of Object.values(STRANGERS)) {
    const own = await makeThings({ ...stranger, 'remote-user': 'eve' });
    ids.add(own.document);
    const { documents, entities } = await everything(stranger);
    expect(documents.totalCount).toBe(1);
    expect(entities.totalCount).toBe(2);
    expect(own.entity).not.toBe(things.entity);
  }
  expect(ids.size).toBe(Object.keys(STRANGERS).length + 1);
  expect(await everything(OWNER)).toEqual(before);
}, 90_000);

test('all events of the tenant are those of the project', async () => {
  const follow = 'subscription { tenantEvents { event { run { id } } } }';
  const heard: Record<string, string[]> = { red: [], blue: [] };
  const sockets = await Promise.all(
    Object.keys(heard).map(async (project) => {
      const socket = await eventsOf(who('acme', project), follow, (runId) => heard[project]!.push(runId));
      return socket;
    }),
  );
  const runs: Record<string, string> = {};
  for (const project of ['red', 'blue', 'red']) {
    const { startRun } = await ask(who('acme', project), `mutation { startRun(input: { input: 1 }) { run { id } } }`);
    runs[project] = startRun.run.id;
    await ask(
      who('acme', project),
      `mutation ($run: ID!) { appendRunEvents(input: { runId: $run, events: [{ type: CUSTOM, payload: { name: "x", value: 1 } }] }) { run { id } } }`,
      { run: runs[project] },
    );
  }
  await vi.waitFor(
    () => {
      for (const project of ['red', 'blue']) expect(heard[project]).toContain(runs[project]);
    },
    { timeout: 20_000 },
  );
  expect(heard['red']).not.toContain(runs['blue']);
  expect(heard['blue']).not.toContain(runs['red']);
  for (const end of sockets) end();
});

describe('API keys', () => {
  const key = (text: string): Who => ({ 'x-api-key': text });

  test('are of the project in which they were made, whatever comes beside them', async () => {
    for (const beside of [{}, who('acme', 'blue'), who('acme'), { 'x-project': 'blue' }]) {
      const { tenant, documents } = await ask(
        { ...beside, ...key(things.secret) },
        '{ tenant { id project } documents { edges { node { id } } } }',
      );
      expect(tenant).toEqual({ id: 'acme', project: 'red' });
      expect(documents.edges.map(({ node }: { node: { id: string } }) => node.id)).toEqual([things.document]);
    }
  });

  test('and so are those that they make', async () => {
    const { createApiKey } = await ask(
      key(things.secret),
      'mutation { createApiKey(input: { name: "child" }) { secret } }',
    );
    const { tenant } = await ask(key(createApiKey.secret), '{ tenant { id project } }');
    expect(tenant).toEqual({ id: 'acme', project: 'red' });
  });

  test('the operator makes, lists and revokes those of a project', async () => {
    const keys = async (...args: string[]) => {
      const lines: string[] = [];
      const env = { DATABASE_URL: server.databaseUrl, DATA_DIR: server.dataDir };
      const write = (line: string): void => void lines.push(line);
      const code = await keysCommand(args, env, { out: write, err: write });
      return { code, lines };
    };
    const of = ['--tenant', 'acme', '--project', 'green'];
    const made = await keys('create', ...of, '--name', 'CI');
    const secret = made.lines.find((line) => line.startsWith('trk_'))!;
    expect((await ask(key(secret), '{ tenant { id project } }')).tenant).toEqual({ id: 'acme', project: 'green' });
    expect((await keys('list', ...of)).lines).toEqual([expect.stringContaining('  acme.green  "CI"')]);
    expect((await keys('list', '--tenant', 'acme')).lines.join()).not.toContain('"CI"');
    expect((await keys('list')).lines.join()).toContain('  acme.green  "CI"');
    expect((await keys('revoke', secret, ...of)).lines).toEqual([
      expect.stringMatching(/^Revoked key_\w+ of acme.green/),
    ]);
    expect((await keys('list', '--project', 'green')).code).toBe(2);
    expect((await keys('list', '--tenant', 'acme.green')).code).toBe(2);
    expect((await keys('list', '--tenant', 'acme', '--project', '*')).code).toBe(2);
  });
});

describe('a project that is none is refused', () => {
  test.each([
    'a b',
    '*',
    '%',
    'red,blue',
    'red.blue',
    '../blue',
    '.',
    '-red',
    'r'.repeat(64),
    'réd',
    'acme/red',
    "red' OR '1'='1",
  ])('%j', async (project) => {
    const { errors } = await answer(
      { ...who('acme'), 'x-project': Buffer.from(project).toString('latin1') },
      '{ tenant { id } }',
    );
    expect(errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
  });

  test('so is a tenant that would name one', async () => {
    const { errors } = await answer(who('acme.red'), '{ tenant { id } }');
    expect(errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
  });

  test('an empty header is none, as proxies send it', async () => {
    expect((await ask({ ...who('acme'), 'x-project': '' }, '{ tenant { id project } }')).tenant).toEqual({
      id: 'acme',
      project: null,
    });
  });
});

const pathOf = (url: string): string => url.slice(new URL(url).origin.length);

/** Follows a subscription over server-sent events, told of the runs that it names. @returns what ends it */
async function eventsOf(says: Who, query: string, onRun: (runId: string) => void): Promise<() => void> {
  const stop = new AbortController();
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { ...says, 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query }),
    signal: stop.signal,
  });
  expect(response.status).toBe(200);
  const read = async (): Promise<void> => {
    let text = '';
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
      text += piece;
      for (const [, run] of text.matchAll(/"run":\{"id":"(run_\w+)"/g)) onRun(run!);
    }
  };
  read().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return () => stop.abort();
}
