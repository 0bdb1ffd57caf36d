/**
 * Every operation of tests/contract/operations.graphql, verbatim, against a started server over real HTTP, WebSocket
 * and server-sent events; the answers are compared with what the stores themselves hold.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'graphql';
import { UPSERT_DOCUMENT, type DocumentInput } from '#ops/ingest/document-input.ts';
import { installedPackages, packageDocuments } from '#ops/ingest/packages.ts';
import { documentId, entityId } from '#subgraphs/shared/ids.ts';
import { APART, startTestServer, type TestServer } from '#tests/setup/server.ts';
import { applyPatches } from '#tests/engine/patches.ts';
import { overEventStream, overMultipart, overWebSocket, post, type Answer } from './clients.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PACKAGES = [
  'graphql-yoga',
  'cockatiel',
  'undici',
  'pg',
  'graphql',
  '@graphql-yoga/render-graphiql',
  'tslib',
  'pg-pool',
];

let server: TestServer;
let database: pg.Client;
let operations: string;
let corpus: DocumentInput[];

/** Runs an operation of the contract by name. */
const run = (name: string, variables: Record<string, unknown> = {}): Promise<Answer> =>
  post(server.url, operations, variables, name);

/** Rows that PostgreSQL holds, read past every policy. */
const rows = async <Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> =>
  (await database.query(sql, values)).rows as Row[];

async function* streamOf(parts: readonly Answer[]): AsyncGenerator<Answer> {
  for (const part of parts) yield await Promise.resolve(part);
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  return { promise: new Promise<void>((done) => (resolve = done)), resolve };
}

function data(answer: Answer): NonNullable<Answer['data']> {
  expect(answer.errors).toBeUndefined();
  return answer.data!;
}

beforeAll(async () => {
  operations = await readFile(`${ROOT}/tests/contract/operations.graphql`, 'utf8');
  server = await startTestServer();
  database = new pg.Client(server.databaseUrl);
  await database.connect();
  corpus = [];
  const packages = (await installedPackages(ROOT)).filter(({ folder }) =>
    PACKAGES.some((name) => folder.endsWith(`node_modules/${name}`)),
  );
  for await (const item of packageDocuments(packages)) {
    if ('skipped' in item) throw new Error(item.reason);
    corpus.push(item);
    data(await post(server.url, UPSERT_DOCUMENT, { input: item }));
  }
  await indexed();
});
afterAll(async () => {
  await database?.end();
  await server?.[Symbol.asyncDispose]();
});

/** Waits until every store has followed every document. */
const indexed = (): Promise<void> =>
  vi.waitFor(
    async () =>
      expect(await rows(`SELECT store, state, error FROM relational.outbox WHERE state <> 'DONE'`)).toEqual([]),
    { timeout: 20_000 },
  );

test('the list of operations is complete', () => {
  const names = parse(operations).definitions.map((definition) =>
    definition.kind === 'OperationDefinition' ? definition.name?.value : undefined,
  );
  expect(names).toEqual([
    'Research', 'FromGraph', 'Path', 'Documents', 'Embed', 'Models', 'Generate', 'GenerateStream', 'UpsertDocument', 'CreateAgent', 'Remember', 'Recall',
    'StartRun', 'Append', 'Finish', 'Cancel', 'Follow', 'Events', 'Objects', 'Upload', 'Deferred',
  ]); // prettier-ignore
});

describe('reads across stores', () => {
  test('Research: chunks, documents, files and entities agree with the stores', async () => {
    const { search } = data(await run('Research', { question: 'retry with exponential backoff' }));
    expect(search.edges).toHaveLength(5);
    for (const { node } of search.edges) {
      const [chunk] = await rows<{ index: number; text: string; document_id: string }>(
        'SELECT * FROM relational.chunks WHERE id = $1',
        [node.id],
      );
      expect(node).toMatchObject({ index: chunk!.index, text: chunk!.text, document: { id: chunk!.document_id } });

      const input = corpus.find(({ source }) => source === node.document.source)!;
      expect(node.document).toMatchObject({
        id: documentId('default', input.source),
        title: input.title,
        mediaType: input.mediaType,
      });
      expect(node.document.file).toMatchObject({
        sizeBytes: Buffer.byteLength(input.text),
        contentType: input.mediaType,
        checksum: createHash('sha256').update(input.text).digest('hex'),
      });
      expect(Buffer.from(input.text).subarray(0, 400).toString()).toContain(node.document.file.text.slice(0, 300));
      const download = await fetch(node.document.file.downloadUrl as string);
      expect(await download.text()).toBe(input.text);
      expect(download.headers.get('content-disposition')).toMatch(/^attachment/);

      const mentioned = await rows<{ name: string }>(
        'SELECT e.name FROM graph.mentions m JOIN graph.entities e ON e.tenant_id = m.tenant_id AND e.id = m.entity_id WHERE m.document_id = $1',
        [node.document.id],
      );
      const names = node.document.entities.edges.map((edge: { node: { name: string } }) => edge.node.name);
      expect(mentioned.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
      expect(names).toHaveLength(Math.min(5, mentioned.length));
      expect(node.document.similar.edges).toHaveLength(3);
      expect(node.document.similar.edges.map((edge: { node: { title: string } }) => edge.node.title)).not.toContain(
        node.document.title,
      );
    }
    const titles = search.edges.map((edge: { node: { document: { title: string } } }) => edge.node.document.title);
    expect(titles).toContain('cockatiel README');
  });

  test('FromGraph: a package, its relations and its documents', async () => {
    const { entities } = data(await run('FromGraph', { name: 'graphql-yoga' }));
    const [{ node }] = entities.edges;
    expect(node).toMatchObject({
      id: entityId('default', 'package', 'graphql-yoga'),
      name: 'graphql-yoga',
      kind: 'package',
    });
    const input = corpus.find(({ title }) => title === 'graphql-yoga README')!;
    expect(node.properties).toEqual(input.entities[0]!.properties);
    const dependsOn = input.relations.filter(({ type }) => type === 'DEPENDS_ON').map(({ to }) => to.name);
    const related = node.relations.edges.map((edge: { node: { name: string } }) => edge.node.name);
    expect(related).toHaveLength(Math.min(10, dependsOn.length));
    expect(dependsOn).toEqual(expect.arrayContaining(related));
    expect(node.documents.edges.map((edge: { node: { title: string } }) => edge.node.title).sort()).toEqual(
      corpus
        .filter(({ entities: of }) => of.some(({ name, kind }) => name === 'graphql-yoga' && kind === 'package'))
        .map(({ title }) => title)
        .sort(),
    );
  });

  test('Path: the shortest way through the dependencies', async () => {
    const id = (name: string): string => entityId('default', 'package', name);
    const { shortestPath } = data(await run('Path', { from: id('pg'), to: id('pg-pool') }));
    expect(shortestPath).toEqual({
      length: 1,
      nodes: [
        { id: id('pg'), name: 'pg' },
        { id: id('pg-pool'), name: 'pg-pool' },
      ],
      relations: [{ type: 'DEPENDS_ON' }],
    });
    expect(data(await run('Path', { from: id('pg-pool'), to: id('cockatiel') })).shortestPath).toBeNull();
  });

  test('Deferred: answers in full, at once or in parts', async () => {
    const answer = await run('Deferred', { id: documentId('default', 'npm/pg/README.md') });
    expect(data(answer).document).toMatchObject({
      title: 'pg README',
      entities: { edges: expect.arrayContaining([{ node: { name: 'pg' } }]) as unknown },
    });
  });

  test.each(['multipart', 'event stream'])(
    'Deferred over %s: the document first, then the graph',
    async (transport) => {
      const variables = { id: documentId('default', 'npm/pg/README.md') };
      const whole = data(await run('Deferred', variables));
      const parts: Answer[] = [];
      if (transport === 'multipart')
        for await (const part of overMultipart(server.url, operations, variables, 'Deferred')) parts.push(part);
      else parts.push(...(await overEventStream(server.url, operations, variables, 'Deferred')));
      expect(parts[0]).toEqual({ data: { document: { id: variables.id, title: 'pg README' } }, hasNext: true });
      expect(parts[1]).toMatchObject({ incremental: [{ label: 'graph', path: ['document'] }], hasNext: false });
      expect(parts).toHaveLength(2);
      expect((await applyPatches(streamOf(parts))).data).toEqual(whole);
    },
  );

  const STREAMED = `query Streamed($first: Int!) { documents(first: $first) {
    edges @stream(initialCount: 2) { cursor node { id title file { sizeBytes } entities(first: 2) { edges { node { name } } } } }
    totalCount
  } }`;
  test.each(['multipart', 'multipart of graphql-js 17', 'event stream', 'WebSocket'])(
    `a page of documents over %s: ${APART ? 'whole, as lists of subgraphs elsewhere are' : 'the first two, then the others as they are read'}`,
    async (transport) => {
      const variables = { first: 50 };
      const whole = data(await post(server.url, STREAMED.replace('@stream(initialCount: 2)', ''), variables));
      const parts: Answer[] = [];
      if (transport === 'multipart' && APART) parts.push(await post(server.url, STREAMED, variables));
      else if (transport === 'multipart')
        for await (const part of overMultipart(server.url, STREAMED, variables, 'Streamed')) parts.push(part);
      else if (transport === 'event stream')
        parts.push(...(await overEventStream(server.url, STREAMED, variables, 'Streamed')));
      else if (transport === 'WebSocket')
        parts.push(...(await overWebSocket(server.url, STREAMED, variables, 'Streamed')));
      else {
        const response = await fetch(`${server.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'multipart/mixed;incrementalSpec=v0.2' },
          body: JSON.stringify({ query: STREAMED, variables }),
        });
        const received = [...(await response.text()).matchAll(/\r\n\r\n(\{.*\})\r\n/g)].map(
          ([, json]) => JSON.parse(json!) as Answer & { incremental?: { items: unknown[] }[]; completed?: unknown },
        );
        const [first, ...rest] = received;
        if (APART) return void expect(received).toMatchObject([{ data: whole }]);
        expect(first).toMatchObject({ pending: [{ id: '0', path: ['documents', 'edges'] }] });
        const items = rest.flatMap(({ incremental = [] }) => incremental.flatMap((patch) => patch.items));
        expect([...first!.data!['documents'].edges, ...items]).toEqual(whole['documents'].edges);
        expect(rest.at(-1)).toMatchObject({ completed: [{ id: '0' }], hasNext: false });
        return;
      }
      const ahead = whole['documents'].edges as unknown[];
      expect(parts[0]!.data!['documents'].edges).toEqual(APART ? ahead : ahead.slice(0, 2));
      expect((await applyPatches(streamOf(parts))).data).toEqual(whole);
    },
  );

  test('Deferred: what has no parts is answered whole, as JSON', async () => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'multipart/mixed, application/json' },
      body: JSON.stringify({ query: operations, operationName: 'Deferred', variables: { id: 'doc_none' } }),
    });
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(await response.json()).toEqual({ data: { document: null } });
  });
});

test('Documents: filter, order and every page, once', async () => {
  const expected = await rows<{ id: string }>(
    `SELECT id FROM relational.documents WHERE title ILIKE '%graphql%' ORDER BY title COLLATE "C", id COLLATE "C"`,
  );
  expect(expected.length).toBeGreaterThan(4);
  const seen: string[] = [];
  for (let after: string | null = null; ;) {
    // The contract asks for pages of 20; smaller ones show that pages join.
    const text = operations.replace('first: 20\n    after: $after', 'first: 2\n    after: $after');
    const { documents } = data(await post(server.url, text, { after }, 'Documents'));
    expect(documents.totalCount).toBe(expected.length);
    seen.push(...documents.edges.map((edge: { node: { id: string } }) => edge.node.id));
    if (!documents.pageInfo.hasNextPage) break;
    after = documents.pageInfo.endCursor as string;
  }
  expect(seen).toEqual(expected.map(({ id }) => id));
  const whole = data(await run('Documents')).documents;
  expect(whole.edges.map((edge: { node: { id: string } }) => edge.node.id)).toEqual(seen.slice(0, 20));
});

describe('inference', () => {
  test('Embed: one normalised vector for each input', async () => {
    const { embed } = data(await run('Embed'));
    expect(embed).toHaveLength(2);
    for (const { dimensions, vector } of embed) {
      expect(vector).toHaveLength(dimensions as number);
      expect(Math.hypot(...(vector as number[]))).toBeCloseTo(1, 4);
    }
    const [a, b] = embed.map(({ vector }: { vector: number[] }) => vector);
    expect(a.reduce((sum: number, x: number, i: number) => sum + x * b[i], 0)).toBeGreaterThan(0.2); // They share a word.
  });

  test('Models: the built-in embedder is there, a chat model is not', async () => {
    const { models } = data(await run('Models'));
    expect(models).toContainEqual(expect.objectContaining({ kind: 'EMBEDDING', available: true }));
    expect(
      models.filter((model: { kind: string; available: boolean }) => model.kind === 'CHAT' && model.available),
    ).toEqual([]);
  });

  test('Generate and GenerateStream without a model say what to set', async () => {
    const answer = await run('Generate', { prompt: 'Hello' });
    expect(answer.data).toEqual({ generate: null });
    expect(answer.errors).toEqual([
      expect.objectContaining({
        path: ['generate'],
        extensions: expect.objectContaining({
          code: 'STORE_DISABLED',
          service: 'inference',
          hint: expect.stringContaining('CHAT_MODEL') as string,
        }) as object,
      }),
    ]);

    for (const stream of [overWebSocket, overEventStream]) {
      const failure = await stream(server.url, operations, { prompt: 'Hello' }, 'GenerateStream').then(
        (events) => events.flatMap(({ errors }) => errors ?? []),
        (errors: unknown) => errors as { extensions: object }[],
      );
      expect(failure).toEqual([
        expect.objectContaining({ extensions: expect.objectContaining({ code: 'STORE_DISABLED' }) as object }),
      ]);
    }
  });
});

test('UpsertDocument: the row at once, the other stores soon, and twice is once', async () => {
  const { upsertDocument } = data(await run('UpsertDocument'));
  const { id, contentHash, indexing } = upsertDocument.document;
  expect(id).toBe(documentId('default', 'notes/field.md'));
  expect(contentHash).toBe(createHash('sha256').update('Retries need jitter, or clients stampede.').digest('hex'));
  expect(indexing.map(({ store }: { store: string }) => store).sort()).toEqual(['GRAPH', 'OBJECT', 'VECTOR']);
  await indexed();

  const again = data(await run('UpsertDocument')).upsertDocument.document;
  expect(again).toMatchObject({ id, contentHash });
  expect(again.indexing.map(({ state }: { state: string }) => state)).toEqual(['DONE', 'DONE', 'DONE']);
  expect(await rows('SELECT count(*)::int AS n FROM vector.chunks WHERE document_id = $1', [id])).toEqual([{ n: 1 }]);
  expect(
    await rows(
      'SELECT e.name, e.kind FROM graph.mentions m JOIN graph.entities e USING (tenant_id) WHERE e.id = m.entity_id AND m.document_id = $1',
      [id],
    ),
  ).toEqual([{ name: 'jitter', kind: 'concept' }]);
  const audited = await rows<{ action: string }>('SELECT action FROM relational.audit_entries WHERE subject_id = $1', [
    id,
  ]);
  expect(audited.length).toBeGreaterThanOrEqual(1);
});

test('Remember and Recall', async () => {
  const { fact } = data(await run('Remember')).rememberFact;
  expect(fact).toMatchObject({ key: 'preferred_license', value: 'MIT', source: 'user' });
  expect(await rows('SELECT key, value FROM relational.memory_facts WHERE id = $1', [fact.id])).toEqual([
    { key: 'preferred_license', value: 'MIT' },
  ]);
  expect(data(await run('Recall')).memoryFacts.edges).toEqual([{ node: { key: 'preferred_license', value: 'MIT' } }]);
});

describe('runs', () => {
  test("an agent's run, followed over both transports, resumed, and read as a query", async () => {
    const { agent } = data(await run('CreateAgent')).createAgent;
    expect(agent).toMatchObject({ name: 'librarian', currentVersion: { number: 1 } });

    const started = data(await run('StartRun', { agentId: agent.id })).startRun.run;
    expect(started).toMatchObject({ status: 'QUEUED', agent: { name: 'librarian' } });
    expect(data(await run('StartRun', { agentId: agent.id })).startRun.run.id).toBe(started.id);

    data(await run('Append', { runId: started.id }));
    const artifact = data(
      await post(
        server.url,
        `mutation($runId: ID!) {
          putObject(input: { key: "artifacts/answer.md", contentType: "text/markdown", content: "undici", encoding: UTF8 }) { object { key } }
          createArtifact(input: { runId: $runId, path: "answer.md", contentType: "text/markdown", fileKey: "artifacts/answer.md" }) { artifact { id } }
        }`,
        { runId: started.id },
      ),
    ).createArtifact.artifact;

    // Both readers have caught up before the rest is written, so that part of the log reaches them live.
    const caughtUp = [deferred(), deferred()] as const;
    const logged = (
      await rows<{ n: number }>('SELECT count(*)::int AS n FROM runs.run_events WHERE run_id = $1', [started.id])
    )[0]!.n;
    const follow = (stream: typeof overWebSocket, reader: 0 | 1): Promise<Answer[]> =>
      stream(server.url, operations, { runId: started.id }, 'Follow', (_, count) => {
        if (count === logged) caughtUp[reader].resolve();
      });
    const followed = [follow(overWebSocket, 0), follow(overEventStream, 1)];
    await Promise.race([Promise.all(caughtUp.map(({ promise }) => promise)), ...followed]);
    data(
      await post(
        server.url,
        `mutation($runId: ID!, $artifactId: ID!) { appendRunEvents(input: { runId: $runId, events: [{ type: ARTIFACT_CREATED, payload: { artifactId: $artifactId } }] }) { events { sequence } } }`,
        {
          runId: started.id,
          artifactId: artifact.id,
        },
      ),
    );
    const finished = data(await run('Finish', { runId: started.id })).finishRun.run;
    expect(finished).toEqual({ id: started.id, status: 'SUCCEEDED', output: { answer: 'undici' } });

    const log = await rows<{ sequence: number; type: string; payload: unknown }>(
      'SELECT sequence, type, payload FROM runs.run_events WHERE run_id = $1 ORDER BY sequence',
      [started.id],
    );
    expect(log.map(({ type }) => type)).toEqual([
      'RUN_STARTED',
      'STEP_STARTED',
      // The message is begun and ended, and the step ended, for clients of AG-UI: `Append` leaves that to the server.
      'TEXT_MESSAGE_START',
      'TEXT_MESSAGE_CONTENT',
      'ARTIFACT_CREATED',
      'TEXT_MESSAGE_END',
      'STEP_FINISHED',
      'RUN_FINISHED',
    ]);
    for (const events of await Promise.all(followed)) {
      const received = events.map((event) => data(event).runEvents);
      expect(received.map(({ sequence, type, payload }) => ({ sequence, type, payload }))).toEqual(log);
      expect(received.every(({ run: of }) => of.agent.name === 'librarian')).toBe(true);
      const [created] = received.filter(({ type }) => type === 'ARTIFACT_CREATED');
      expect(created.artifact).toMatchObject({ path: 'answer.md', file: { sizeBytes: 6 } });
      expect(await (await fetch(created.artifact.file.downloadUrl as string)).text()).toBe('undici');
    }

    const resumed = await overWebSocket(server.url, operations, { runId: started.id, after: '2' }, 'Follow');
    expect(resumed.map((event) => data(event).runEvents.sequence)).toEqual([3, 4, 5, 6, 7, 8]);

    const page = data(await run('Events', { runId: started.id, after: '1' })).run;
    expect(page).toMatchObject({ status: 'SUCCEEDED', lastSequence: 8 });
    expect(page.events.edges.map((edge: { node: object }) => edge.node)).toEqual(log.slice(1));

    const late = await run('Append', { runId: started.id });
    expect(late.errors?.[0]?.extensions).toMatchObject({ code: 'CONFLICT', service: 'runs' });
  });

  test('Cancel ends a run once', async () => {
    const { run: started } = data(
      await post(server.url, 'mutation { startRun(input: { input: {} }) { run { id } } }'),
    ).startRun;
    expect(data(await run('Cancel', { runId: started.id })).cancelRun.run).toEqual({
      id: started.id,
      status: 'CANCELLED',
    });
    expect((await run('Finish', { runId: started.id })).errors?.[0]?.extensions).toMatchObject({ code: 'CONFLICT' });
  });
});

describe('objects', () => {
  test('Objects: the bytes of the documents', async () => {
    const { objects } = data(await run('Objects'));
    expect(objects.edges).toHaveLength(10);
    const keys = (await rows<{ object_key: string }>('SELECT object_key FROM relational.documents')).map(
      ({ object_key }) => object_key,
    );
    for (const { node } of objects.edges) expect(keys).toContain(node.key);
    expect(objects.pageInfo).toMatchObject({ hasNextPage: true });
  });

  test('Upload: the signed link takes exactly what was agreed', async () => {
    const { url, method, headers, object } = data(await run('Upload')).requestUpload;
    expect(object.key).toBe('notes/today.md');
    const send = (body: string): Promise<Response> =>
      fetch(url as string, {
        method: method as string,
        headers: Object.fromEntries(headers.map(({ name, value }: Record<string, string>) => [name, value])) as Record<
          string,
          string
        >,
        body,
      });
    expect((await send('too long for twelve')).status).toBeGreaterThanOrEqual(400);
    expect((await send('twelve bytes')).status).toBeLessThan(300);
    const { object: stored } = data(
      await post(server.url, '{ object(key: "notes/today.md") { sizeBytes text checksum } }'),
    );
    expect(stored).toEqual({
      sizeBytes: 12,
      text: 'twelve bytes',
      checksum: createHash('sha256').update('twelve bytes').digest('hex'),
    });
  });
});

describe("GraphiQL's tabs", () => {
  interface Shown {
    query: string;
    variables: string;
  }
  const pageOptions = async (): Promise<{
    defaultTabs: Shown[];
    examples: { examples: (Shown & { name: string; operation: string })[] }[];
  }> => {
    const page = await (await fetch(`${server.url}/graphql`, { headers: { accept: 'text/html' } })).text();
    const [, options] = /<script type="application\/json" id="graphiql-options">(.*?)<\/script>/s.exec(page)!;
    return JSON.parse(options!) as Awaited<ReturnType<typeof pageOptions>>;
  };
  /** Below each field of the root: null, or a list or a page without anything in it. */
  const isEmpty = (value: unknown): boolean =>
    value === null ||
    (Array.isArray(value)
      ? value.length === 0
      : typeof value === 'object' && (value as { edges?: unknown[] }).edges?.length === 0);

  test('there are ten at most, and every operation answers as it stands, with something from the stores', async () => {
    const { agent } = data(await run('CreateAgent')).createAgent;
    const started = data(await post(server.url, 'mutation { startRun(input: { input: {} }) { run { id } } }')).startRun;
    data(await run('Cancel', { runId: started.run.id }));
    expect(agent.name).toBe('librarian');
    const { defaultTabs: tabs } = await pageOptions();
    expect(tabs.length).toBeGreaterThan(5);
    expect(tabs.length).toBeLessThanOrEqual(10);
    const answered: string[] = [];
    for (const { query, variables } of tabs) {
      expect(variables).not.toContain('paste');
      for (const definition of parse(query).definitions) {
        if (definition.kind !== 'OperationDefinition') continue;
        const name = definition.name!.value;
        const given = JSON.parse(variables) as Record<string, unknown>;
        if (name === 'Generate' || name === 'Stream') continue; // Without a chat model: tried above.
        const answers =
          definition.operation === 'subscription'
            ? await overWebSocket(server.url, query, given, name)
            : [await post(server.url, query, given, name)];
        expect(answers.length).toBeGreaterThan(0);
        for (const answer of answers) {
          const fields = Object.entries(data(answer));
          expect(fields.filter(([, value]) => isEmpty(value)).map(([field]) => `${name}.${field}`)).toEqual([]);
        }
        answered.push(name);
      }
    }
    expect(answered).toEqual(expect.arrayContaining(['Research', 'Path', 'StartRun', 'Follow', 'Upload', 'Deferred']));
  });

  test('every example of the menu answers as it stands, but those that say what to paste; they change nothing', async () => {
    const { examples } = await pageOptions();
    const answered: string[] = [];
    for (const { name, operation, query, variables } of examples.flatMap((topic) => topic.examples)) {
      expect([name, parse(query).definitions.map((each) => 'operation' in each && each.operation)]).toEqual([
        name,
        [operation],
      ]);
      if (operation === 'subscription') continue; // Of the tenant's events, which do not end.
      const answer = await post(server.url, query, JSON.parse(variables) as Record<string, unknown>, name);
      if (variables.includes('paste ')) {
        const [[, told] = []] = Object.entries(answer.data ?? {});
        expect([name, told === null || JSON.stringify(told) === '{"deletedIds":[]}']).toEqual([name, true]);
      } else {
        expect([name, answer.errors]).toEqual([name, undefined]);
        answered.push(name);
      }
    }
    expect(answered).toEqual(expect.arrayContaining(['ByMetadata', 'ChunkById', 'ObjectByKey', 'UpsertVectors']));
  });

  test('what is not found keeps its name, and says what to fill in', async () => {
    await using empty = await startTestServer();
    const page = await (await fetch(`${empty.url}/graphql`, { headers: { accept: 'text/html' } })).text();
    expect(page).toContain('paste an id: there is nothing yet for $runId');
  });
});
