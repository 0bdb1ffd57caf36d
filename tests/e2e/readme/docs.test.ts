/**
 * docs/ as an operator reads it: every block of shell, GraphQL or HTTP is run or asked as it is printed, and what it
 * answers is what is printed; every `npm run` is there. Only addresses differ. A block that nothing here knows fails.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { graphql, parse, subscribe, validate } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '#gateway/config/config.ts';
import { Variables } from '#gateway/config/variables.ts';
import { buildSchema } from '#subgraphs/graph-model/index.ts';
import { parseModel } from '#subgraphs/graph-model/model/file.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { loggedTables } from '#ops/sources/logged.ts';
import { SOURCES } from '#subgraphs/sources/bounds.ts';
import type { SourceDriver } from '#subgraphs/sources/driver.ts';
import { changeLogSql } from '#subgraphs/sources/changes/postgres-log.ts';
import { createPostgresSource } from '#subgraphs/sources/drivers/postgres/index.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema as buildSourceSchema } from '#subgraphs/sources/schema/index.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { startTestServer as startLibrary, type TestServer as LibraryServer } from '#tests/gateway/fixture.ts';
import { startIssuer } from '#tests/gateway/issuer.ts';
import { cleanEnvironment } from '#tests/ops/program.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { createSqliteFile } from '#tests/setup/sqlite.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

let server: TestServer;
let library: LibraryServer;
let folder: string;
let shopDatabase: Promise<TestDatabase> | undefined;
let shopDriver: SourceDriver | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-docs-'));
  [server, library] = await Promise.all([startTestServer(), startLibrary({ MAX_UPLOAD_FILES: '2' })]);
}, 120_000);
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await library?.[Symbol.asyncDispose]();
  await shopDriver?.close();
  await (await shopDatabase)?.[Symbol.asyncDispose]();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

interface Block {
  readonly document: string;
  readonly language: string;
  readonly text: string;
  /** What is printed right below it as its answer. */
  readonly answer: string | undefined;
}

/** Its blocks are the files that tests/clients runs, and `tests/clients/page.test.ts` holds them to those. */
const OF_CLIENTS = 'clients.md';
const documents = (await readdir(join(ROOT, 'docs'))).filter((name) => name.endsWith('.md'));
const texts = new Map(
  await Promise.all(documents.map(async (name) => [name, await readFile(join(ROOT, 'docs', name), 'utf8')] as const)),
);
const blocks = [...texts].flatMap(([document, text]): Block[] => {
  const found = [...text.matchAll(/^ *```(\w*)\n([\s\S]*?)^ *```\n(\n(?= *```json))?/gm)];
  return found.flatMap(([, language, inner, answered], index) =>
    language === 'json' || document === OF_CLIENTS
      ? []
      : [
          {
            document,
            language: language!,
            text: inner!,
            answer: answered === undefined ? undefined : found[index + 1]![2]!,
          },
        ],
  );
});

/** Runs shell as printed, in an empty folder. */
const shell = (text: string, env: NodeJS.ProcessEnv = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(
      'bash',
      ['--norc', '-c', text],
      { cwd: folder, env: cleanEnvironment(env), timeout: 60_000 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${text}\n${stdout}${stderr}`, { cause: error }));
      },
    );
  });

const command = (text: string, env: NodeJS.ProcessEnv = {}): Promise<string> =>
  shell(`cd ${JSON.stringify(ROOT)} && ${text}`, {
    DATABASE_URL: server.databaseUrl,
    DATA_DIR: server.dataDir,
    ...env,
  });

/** What the server answers, without an error. */
async function asked(query: string, variables: object = {}): Promise<unknown> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: unknown; errors?: unknown };
  expect(errors).toBeUndefined();
  return data;
}

/** What an installation has besides what a block sets. */
const BESIDE: Readonly<Record<string, string>> = {
  OIDC_ISSUER: 'https://login.example.com',
  OIDC_AUDIENCE: 'tributary',
  PUBLIC_BASE_URL: 'https://tributary.example.com',
  OPENAI_BASE_URL: 'https://models.example.com/v1',
  CHAT_MODEL: 'gpt-x',
  EMBEDDING_MODEL: 'embed-y',
  EMBEDDING_DIMENSIONS: '8',
};

/** What files of secrets hold, where 32 letters are not what is asked. */
const HELD: Readonly<Record<string, string>> = {
  DATABASE_URL_FILE: 'postgres://user:password@db.example.com/tributary',
};

/** Variables as a shell reads them: each is one, and a server would start with them. */
async function configure({ document, text }: Block): Promise<void> {
  const names = [...text.matchAll(/^([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name!);
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !(name.replace(/_FILE$/, '') in Variables.shape))).toEqual([]);
  const here = text.replaceAll('/run/secrets', folder);
  const printed = execFileSync('bash', ['--norc', '-c', `set -a\n${here}\nenv -0`], {
    env: { PATH: process.env['PATH'] },
  });
  const env = Object.fromEntries(
    String(printed)
      .split('\0')
      .map((line) => line.split(/=(.*)/s).slice(0, 2)),
  );
  const set = Object.fromEntries(names.map((name) => [name, String(env[name])]));
  for (const [name, file] of Object.entries(set))
    if (file.startsWith(`${folder}/`)) await writeFile(file, HELD[name] ?? 'x'.repeat(32));
  loadConfig(document === 'production.md' ? set : { ...BESIDE, ...set });
}

/** The database of sources.md, as its own file has it. @param file @default the first of the page */
async function shop(file?: string) {
  const tables = blocks.find(({ document, language }) => document === 'sources.md' && language === 'sql');
  const first = blocks.find(({ document, language }) => document === 'sources.md' && language === 'yaml')!;
  shopDatabase ??= (async () => {
    const database = await createTestDatabase();
    const client = new pg.Client(database.url);
    await client.connect();
    await client.query(tables!.text);
    await client.end();
    return database;
  })();
  const { url } = await shopDatabase;
  const config = { ...SOURCES, name: 'shop', variable: 'SHOP_DATABASE_URL', url: () => url };
  shopDriver ??= createPostgresSource({ ...config, preparedStatements: true, onIdleError: () => undefined });
  const model = buildModel(
    'shop',
    parseSources(file ?? first.text, 'sources.yaml'),
    await shopDriver.introspect(['public']),
  );
  return { types: model.types, schema: buildSourceSchema(model, shopDriver) };
}

let linksTried: Promise<void> | undefined;
/** The links of sources.md: its second database and file, what is kept first, and what is answered then. */
function tryLinks(): Promise<void> {
  return (linksTried ??= (async () => {
    await shop();
    const blockOf = (form: RegExp): Block =>
      blocks.find(({ document, text }) => document === 'sources.md' && form.test(text))!;
    await using billing = await createTestDatabase();
    const client = new pg.Client(billing.url);
    await client.connect();
    await client.query(blockOf(/CREATE TABLE invoices/).text);
    await client.end();
    const file = join(folder, 'links.yaml');
    await writeFile(file, blockOf(/^sources:[^]*\nlinks:/).text);
    await using own = await startTestServer({
      SOURCES: file,
      SHOP_DATABASE_URL: (await shopDatabase)!.url,
      BILLING_DATABASE_URL: billing.url,
    });
    const ask = async (query: string) => {
      const response = await fetch(`${own.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      });
      return (await response.json()) as { errors?: unknown };
    };
    expect((await ask(blockOf(/bills\/2026-1.*contentType/).text)).errors).toBeUndefined();
    for (const form of [/^\{ invoices\(/, /^\{ documents\(where: \{ customer/]) {
      const { text, answer } = blockOf(form);
      expect(await ask(text)).toEqual(JSON.parse(answer!));
    }
  })());
}

let changesTried: Promise<void> | undefined;
/** The record of changes of sources.md, and what is told when somebody does what the page says. */
function tryChanges(): Promise<void> {
  return (changesTried ??= (async () => {
    await shop();
    const file = blocks.find(({ document, text }) => document === 'sources.md' && text.includes('changes:'))!.text;
    const { text, answer } = blocks.find((block) => /^subscription \{ customersChanged/.test(block.text))!;
    const settings = parseSources(file, 'sources.yaml').data.sources['shop']!;
    const { tables } = loggedTables(settings, await shopDriver!.introspect(['public']));
    const { url } = (await shopDatabase)!;
    const owner = new pg.Client(url);
    await owner.connect();
    try {
      await owner.query(changeLogSql(tables, { keep: '1 day', notify: true, reader: new URL(url).username }));
      const { schema } = await shop(file);
      const contextValue = createRequestContext({ tenantId: 'default', subject: 'docs', roles: [], scopes: [] });
      const told = (await subscribe({ schema, document: parse(text), contextValue })) as AsyncGenerator;
      await owner.query(`UPDATE customers SET balance = 11.00 WHERE name = 'Grace'`);
      expect(JSON.parse(writeJson((await told.next()).value))).toEqual(JSON.parse(answer!));
      await told.return(undefined);
      await owner.query(`UPDATE customers SET balance = 0.10 WHERE name = 'Grace'`);
    } finally {
      await owner.end();
    }
  })());
}

let sqliteTried: Promise<void> | undefined;
/** The file of SQLite of sources.md, and what is answered of it. */
function trySqlite(): Promise<void> {
  return (sqliteTried ??= (async () => {
    const blockOf = (form: RegExp): Block =>
      blocks.find(({ document, text }) => document === 'sources.md' && form.test(text))!;
    await using made = await createSqliteFile();
    made.client.exec(blockOf(/CREATE TABLE parts/).text);
    const file = join(folder, 'tools.yaml');
    await writeFile(file, blockOf(/kind: sqlite/).text);
    await using own = await startTestServer({ SOURCES: file, TOOLS_DATABASE_URL: made.url });
    const { text, answer } = blockOf(/^\{ parts\(/);
    const response = await fetch(`${own.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: text }),
    });
    expect(await response.json()).toEqual(JSON.parse(answer!));
  })());
}

/** The session of agents.md, which a later block goes on with. */
let sessionId: string | undefined;

/** How each kind of block is tried; the first that knows one tries it. */
const TRIES: readonly (readonly [RegExp, string, (block: Block) => Promise<void> | void])[] = [
  [
    /\/agents\/tools\/search/,
    'sh',
    async ({ text }) => {
      const output = await shell(text.replaceAll('http://127.0.0.1:4000', server.url));
      expect(JSON.parse(output)).toEqual({ data: { search: expect.any(Object) as object } });
    },
  ],
  [
    /\bask\(/,
    'graphql',
    async ({ text, answer }) => {
      expect({ data: await asked(text) }).toEqual(JSON.parse(answer!));
    },
  ],
  [/^[A-Z][A-Z0-9_]*=/, 'sh', (block) => configure(block)],
  [
    /-F map=/,
    'sh',
    async ({ text, answer }) => {
      await writeFile(join(folder, 'notes.txt'), 'Of quokkas.\n');
      const output = await shell(text.replaceAll('http://127.0.0.1:4000', library.url));
      expect(JSON.parse(output)).toEqual(JSON.parse(answer!));
    },
  ],
  [
    /Bearer \$KEY/,
    'sh',
    async ({ text, answer }) => {
      const [, make] = /`(npm run -s keys -- create --tenant acme --name "CI"[^`]*)`/.exec(texts.get('security.md')!)!;
      const key = (await command(make!)).trim();
      expect(key).toMatch(/^trk_/);
      const output = await shell(text.replaceAll('https://tributary.example.com', server.url), { KEY: key });
      expect(JSON.parse(output)).toEqual(JSON.parse(answer!));
    },
  ],
  [
    /AskForApproval/,
    'graphql',
    async ({ text }) => {
      // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are looked into, and a wrong shape fails the test
      const ask = async (operationName: string, variables: object): Promise<any> => {
        const response = await fetch(`${server.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query: text, operationName, variables }),
        });
        const { data, errors } = (await response.json()) as { data: unknown; errors?: unknown };
        expect(errors).toBeUndefined();
        return data;
      };
      const { createAgent } = (await asked('mutation { createAgent(input: { name: "approvals" }) { agent { id } } }')) as { createAgent: { agent: { id: string } } }; // prettier-ignore
      const agentId = createAgent.agent.id;
      const begun = await asked('mutation ($agentId: ID!) { startRun(input: { agentId: $agentId }) { run { id } } }', { agentId }); // prettier-ignore
      const runId = (begun as { startRun: { run: { id: string } } }).startRun.run.id;
      const { token } = (await ask('GoOn', { agentId })).claimRun.lease;
      const question = { name: 'approval', value: { question: 'Send it?' } };
      const waits = await ask('AskForApproval', { runId, token, asked: question });
      expect(waits.appendRunEvents.run.status).toBe('WAITING');
      expect((await ask('GoOn', { agentId })).claimRun.run).toBeNull();
      const [waiting] = (await ask('Waiting', { agentId })).runs.nodes;
      expect(waiting).toEqual({ id: runId, lastSequence: 2 });
      const decision = { name: 'decision', value: { approved: true } };
      expect((await ask('Decide', { runId, decision })).appendRunEvents.run.status).toBe('RUNNING');
      const { run, lease } = (await ask('GoOn', { agentId })).claimRun;
      expect(run).toMatchObject({ id: runId, status: 'RUNNING', events: { nodes: [{ payload: question }, { sequence: 3, payload: decision }] } }); // prettier-ignore
      expect(lease.token).not.toBe(token);
    },
  ],
  [
    /__search/,
    'graphql',
    async ({ text, answer }) => {
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: text, variables: JSON.parse(answer!) as object }),
      });
      const { data, errors } = (await response.json()) as {
        data: { __search: { coordinate: string }[]; __definitions: unknown[] };
        errors?: unknown;
      };
      expect(errors).toBeUndefined();
      expect(data.__search.map(({ coordinate }) => coordinate)).toContain('Query.search');
      expect(data.__definitions).toMatchObject([{ fieldName: 'search' }, { value: 'KEYWORD' }, { argument: 'label' }]);
    },
  ],
  [
    /@stream/,
    'graphql',
    async ({ text }) => {
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'multipart/mixed;incrementalSpec=v0.2' },
        body: JSON.stringify({ query: text }),
      });
      const answer = await response.text();
      expect(answer).toContain('"documents"');
      expect(answer).not.toContain('"errors"');
    },
  ],
  [
    /mediaType: "text\/csv"/,
    'graphql',
    async ({ text }) => {
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: text }),
      });
      const { data } = (await response.json()) as { data: { upsertDocument: { document: object } } };
      expect(data.upsertDocument.document).toMatchObject({
        text: '| Port | Range |\n| --- | --- |\n| Saint-Malo | 13.6 m |\n| Bristol | 12.2 m |',
        mediaType: 'text/markdown',
        metadata: { format: 'csv', properties: { rows: 2 } },
      });
    },
  ],
  [
    /notIndexed|documentFacets|documentsAggregate|relationsAggregate|objectsAggregate/,
    'graphql',
    async ({ text }) => {
      const note = {
        source: 'waits',
        title: 'Waits',
        mediaType: 'text/plain',
        text: 'Of quolls.',
        collection: 'notes',
      };
      const variables = { input: { ...note, waitFor: ['VECTOR', 'GRAPH'] } };
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: text, variables: text.includes('$input') ? variables : {} }),
      });
      const { data, errors } = (await response.json()) as { data: Record<string, object>; errors?: unknown };
      expect(errors).toBeUndefined();
      if (text.includes('objectsAggregate')) {
        const { groups } = data['objectsAggregate'] as { groups: object[] };
        expect(groups).toContainEqual(expect.objectContaining({ keys: { mediaType: 'text/plain' } }));
        return;
      }
      if (text.includes('relationsAggregate')) {
        const { groups } = data['relationsAggregate'] as { groups: { count: number }[] };
        for (const { count } of groups) expect(count).toBeGreaterThanOrEqual(3);
        return;
      }
      if (text.includes('documentsAggregate')) {
        const { groups, truncated } = data['documentsAggregate'] as { groups: object[]; truncated: boolean };
        expect(truncated).toBe(false);
        expect(groups).toContainEqual(expect.objectContaining({ keys: { collection: 'notes' }, count: 1 }));
        return;
      }
      expect([{ notIndexed: [] }, { documents: 1 }]).toContainEqual(
        Object.fromEntries(
          Object.entries(Object.values(data)[0]!).filter(([name]) => /^(notIndexed|documents)$/.test(name)),
        ),
      );
    },
  ],
  [
    /highlights\(/,
    'graphql',
    async ({ text }) => {
      const ask = async (query: string, variables?: object): Promise<Record<string, object>> => {
        const response = await fetch(`${server.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query, variables }),
        });
        const { data, errors } = (await response.json()) as { data: Record<string, object>; errors?: unknown };
        expect(errors).toBeUndefined();
        return data;
      };
      await ask('mutation ($input: UpsertDocumentInput!) { upsertDocument(input: $input) { notIndexed { store } } }', {
        input: {
          source: 'found',
          title: 'Found',
          mediaType: 'text/plain',
          text: 'Retries have jitter.',
          waitFor: ['VECTOR'],
        },
      });
      const { search } = (await ask(text)) as {
        search: { edges: { node: { document: object }; highlights: object[] }[] };
      };
      const found = search.edges.find(({ node }) => (node.document as { title: string }).title === 'Found');
      expect(found?.highlights).toMatchObject([
        {
          matches: [
            { start: 0, end: 7 },
            { start: 13, end: 19 },
          ],
        },
      ]);
    },
  ],
  [/^extend schema/, 'graphql', ({ text }) => void parse(text)],
  [
    /^\{\s+search\(/,
    'graphql',
    async ({ text }) => {
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: text }),
      });
      expect(await response.json()).toEqual({ data: { search: { edges: expect.any(Array) } } });
    },
  ],
  [
    /^mutation \{\s+rememberFact\(/,
    'graphql',
    async ({ text }) => {
      const { rememberFact } = (await asked(text)) as { rememberFact: { notIndexed: unknown[] } };
      expect(rememberFact.notIndexed).toEqual([]);
    },
  ],
  [
    /^query LastWeek/,
    'graphql',
    // Below it are its variables.
    async ({ text, answer }) => {
      expect(await asked(text, JSON.parse(answer!) as object)).toMatchObject({
        memoryFacts: { nodes: [{ key: 'editor', value: 'The user writes everything in vim.', source: 'user' }] },
      });
    },
  ],
  [
    /^mutation RememberMine/,
    'graphql',
    async ({ text }) => {
      const { rememberFact } = (await asked(text)) as { rememberFact: { fact: { userId: string } } };
      expect(rememberFact.fact.userId).toBe('developer');
    },
  ],
  [
    /^mutation BeginSession/,
    'graphql',
    async ({ text }) => {
      const begin = async () => ((await asked(text)) as { createSession: { session: { id: string } } }).createSession;
      const { session } = await begin();
      expect(session).toEqual({ id: expect.stringMatching(/^ses_/), messageCount: 0 });
      expect((await begin()).session.id).toBe(session.id);
      sessionId = session.id;
    },
  ],
  [
    /^mutation Say/,
    'graphql',
    async ({ text }) => {
      const said = { messages: [1, 2, 3, 4].map((sequence) => ({ sequence, tokens: expect.any(Number) as number })), session: { messageCount: 4 } }; // prettier-ignore
      for (let time = 0; time < 2; time += 1)
        expect(await asked(text, { sessionId })).toEqual({ appendMessages: said });
    },
  ],
  [
    /^query Said\(/,
    'graphql',
    async ({ text }) => {
      const told = (await asked(text, { sessionId })) as {
        session: { messages: { nodes: object[] } };
        messages: object;
      };
      expect(told.session.messages.nodes).toHaveLength(4);
      expect(told.messages).toEqual({
        nodes: [{ content: 'Which berth is free tonight?', session: { id: sessionId, title: 'Berths' } }],
      });
    },
  ],
  [
    /^query SaidLike/,
    'graphql',
    async ({ text }) => {
      await delivered(server);
      const { messages } = (await asked(text)) as { messages: { nodes: object[] } };
      expect(messages.nodes).toHaveLength(3);
      expect(messages.nodes[0]).toMatchObject({ session: { id: sessionId } });
    },
  ],
  [
    /^query Context/,
    'graphql',
    async ({ text }) => {
      const { session } = (await asked(text, { sessionId })) as { session: { context: { messages: object[] } } };
      expect(session.context).toMatchObject({ summary: null, omitted: 0 });
      expect(session.context.messages).toHaveLength(4);
    },
  ],
  [
    /^mutation SumUp/,
    'graphql',
    async ({ text }) => {
      expect(await asked(text, { sessionId })).toEqual({
        summarizeSession: { summary: { throughSequence: 4, tokens: expect.any(Number), model: null } },
      });
    },
  ],
  [
    /similarTo: /,
    'graphql',
    async ({ text }) => {
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: text }),
      });
      expect(await response.json()).toEqual({ data: { documents: { edges: expect.any(Array) } } });
    },
  ],
  [
    /entities: COUNT/,
    'graphql',
    async ({ text }) => {
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: text }),
      });
      expect(await response.json()).toEqual({
        data: { documents: { totalCount: expect.any(Number), nodes: expect.any(Array) } },
      });
    },
  ],
  [
    /^\{ objects\(/,
    'graphql',
    async ({ text }) => {
      const ask = async (query: string, variables?: object): Promise<unknown> => {
        const response = await fetch(`${server.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query, variables }),
        });
        return await response.json();
      };
      const put = 'mutation ($input: PutObjectInput!) { putObject(input: $input) { object { key } } }';
      const object = { key: 'documents/large.txt', mediaType: 'text/plain', encoding: 'UTF8' };
      await ask(put, { input: { ...object, content: 'x'.repeat(10_241) } });
      await ask(put, { input: { ...object, key: 'documents/small.txt', content: 'x' } });
      expect(await ask(text)).toMatchObject({
        data: { objects: { totalCount: 1, nodes: [{ key: 'documents/large.txt', size: 10_241 }] } },
      });
    },
  ],
  [
    /CREATE TABLE customers/,
    'sql',
    async () => expect((await shop()).types.map(({ list }) => list)).toContain('customers'),
  ],
  [/^sources:[^]*kind: qdrant/, 'yaml', ({ text }) => void parseSources(text, 'sources.yaml')],
  // tests/contract/sources-qdrant.test.ts asks it of a Qdrant.
  [/^\{ tickets\(/, 'graphql', ({ text }) => void parse(text)],
  [/^sources:[^]*kind: neo4j/, 'yaml', ({ text }) => void parseSources(text, 'sources.yaml')],
  // tests/contract/sources-neo4j.test.ts asks it of a Neo4j.
  [/Actress/, 'cypher', ({ text }) => expect(text).toContain('CREATE')],
  [/^\{ actresses\(/, 'graphql', ({ text }) => void parse(text)],
  // tests/contract/sources-mongodb.test.ts asks it of a MongoDB.
  [/^sources:[^]*kind: mongodb/, 'yaml', ({ text }) => void parseSources(text, 'sources.yaml')],
  [/^\{ tickets\([^]*assignee/, 'graphql', ({ text }) => void parse(text)],
  // tests/contract/sources-clickhouse.test.ts reads a ClickHouse.
  [/^sources:[^]*kind: clickhouse/, 'yaml', ({ text }) => void parseSources(text, 'sources.yaml')],
  [/^sources:[^]*kind: s3/, 'yaml', ({ text }) => void parseSources(text, 'sources.yaml')],
  // tests/contract/sources-s3.test.ts asks it of a bucket.
  [/CREATE TABLE letters/, 'sql', ({ text }) => expect(text).toContain('scan_key')],
  [/^\{ letters\(/, 'graphql', ({ text }) => void parse(text)],
  [/^sources:[^]*kind: sqlite/, 'yaml', trySqlite],
  [/CREATE TABLE parts/, 'sql', trySqlite],
  [/^\{ parts\(/, 'graphql', trySqlite],
  [/^sources:[^]*\nlinks:/, 'yaml', tryLinks],
  [/CREATE TABLE invoices/, 'sql', tryLinks],
  [/bills\/2026|^\{ invoices\(|^\{ documents\(where: \{ customer/, 'graphql', tryLinks],
  [/^sources:[^]*changes:/, 'yaml', tryChanges],
  [/^subscription \{ customersChanged/, 'graphql', tryChanges],
  [/^sources:/, 'yaml', async ({ text }) => expect((await shop(text)).types).toHaveLength(2)],
  [
    /customers\((where|orderBy)|^\{ ordersAggregate|insertCustomers/,
    'graphql',
    async ({ text, answer }) => {
      const contextValue = createRequestContext({ tenantId: 'default', subject: 'docs', roles: [], scopes: [] });
      const changing = blocks.find((block) => block.text.includes('mutations: {'))!.text;
      const { schema } = await shop(text.startsWith('mutation') ? changing : undefined);
      const result = await graphql({ schema, source: text, contextValue });
      expect(JSON.parse(writeJson(result))).toEqual(JSON.parse(answer!));
    },
  ],
  [/@node/, 'graphql', ({ text }) => void parseModel(text, 'model.graphql')],
  [
    /actorsConnection/,
    'graphql',
    async ({ document, text }) => {
      const model = blocks.find((block) => block.document === document && block.text.includes('@node'))!.text;
      const nothing = {
        read: () => Promise.reject(new Error('Nothing is asked.')),
        health: () => Promise.reject(new Error('')),
        close: () => Promise.resolve(),
      };
      const { schema } = await buildSchema(parseModel(model, 'model.graphql'), nothing, 'tenantId');
      // What the model's types refer to is another subgraph's; of it the query asks.
      const errors = validate(schema, parse(text)).filter(({ message }) => !message.includes('on type "Document"'));
      expect(errors).toEqual([]);
    },
  ],
  [
    /^RateLimit-Policy/,
    'http',
    async ({ text }) => {
      // In development mode nobody is limited.
      await using issuer = await startIssuer();
      await using limited = await startLibrary({ OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'tributary' });
      const authorization = `Bearer ${await issuer.token({ tenant: 'acme' })}`;
      const { headers } = await limited.post({ query: '{ reviewCount }' }, { authorization });
      const [policy, left] = text
        .trim()
        .split('\n')
        .map((line) => line.split(': ')[1]!);
      expect(headers.get('ratelimit-policy')).toBe(policy);
      const form = (value: string): string => value.replaceAll(/;([rt])=\d+/g, ';$1=N');
      expect(form(headers.get('ratelimit')!)).toBe(form(left!));
    },
  ],
];

describe('blocks', () => {
  test('are found', () => expect(blocks.length).toBeGreaterThan(8));

  test.each(blocks.map((block) => [`${block.document}: ${block.text.split('\n')[0]!.slice(0, 60)}`, block] as const))(
    '%s',
    async (_, block) => {
      const known = TRIES.find(([pattern, language]) => language === block.language && pattern.test(block.text));
      expect(known, 'Nothing tries this block.').toBeDefined();
      await known![2](block);
    },
    60_000,
  );
});

describe('commands', () => {
  const commands = new Map(
    [...texts].flatMap(([document, text]) =>
      [...text.matchAll(/(?:^ {4}|`)npm (?:run )?(?:-s )?([\w:-]+)([^`\n]*)/gm)].map(([, name, rest]) => [
        `${name} ${rest}`,
        document,
      ]),
    ),
  );
  test('are scripts of the project', async () => {
    const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    const names = [...commands.keys()].map((each) => each.split(' ')[0]!);
    expect(names.length).toBeGreaterThan(30);
    const known = { ...scripts, run: 'lists them', install: "is npm's own" };
    expect([...new Set(names)].filter((name) => !(name in known))).toEqual([]);
  });

  test('the options of `npm run ingest` are those that it says itself', async () => {
    const [synopsis] = /npm run ingest -- <folder>.*/.exec(texts.get('documents.md')!)!;
    const help = await command('npm run -s ingest -- --help');
    for (const [option] of synopsis!.matchAll(/--[a-z]+/g)) expect(help).toContain(option);
    for (const [option] of help.matchAll(/(?<= )--(?!help)[a-z]+/g)) expect(synopsis).toContain(option);
  });

  test('keys are listed and rotated as it is said', async () => {
    const key = (await command('npm run -s keys -- create --tenant acme --name Other')).trim();
    expect(await command('npm run -s keys -- list --tenant acme')).toContain('Other');
    const [prefix] = /^trk_[^_]+/.exec(key)!;
    const fresh = (await command(`npm run -s keys -- rotate ${prefix} --overlap 60`)).trim();
    expect(fresh).toMatch(/^trk_/);
    // Both are the same key's, until the overlap is over.
    for (const each of [key, fresh]) {
      const headers = { authorization: `Bearer ${each}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ query: '{ tenant { id } }' });
      const answer = await fetch(`${server.url}/graphql`, { method: 'POST', headers, body });
      expect(await answer.json()).toEqual({ data: { tenant: { id: 'acme' } } });
    }
  }, 120_000);
});
