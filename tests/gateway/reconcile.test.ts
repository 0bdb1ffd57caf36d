/** Differences between the stores, planted one by one in a whole server's own stores, found, mended, and gone. */
import { rm, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { parse } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recutBehindStart } from '#gateway/indexing/recut-behind-start.ts';
import { reconcile, type Difference } from '#gateway/indexing/reconcile.ts';
import { systemCalls, type SubgraphCall } from '#gateway/indexing/subgraph-call.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { documentId } from '#subgraphs/shared/ids.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const DOCUMENTS = 12;
const TENANTS = ['acme', 'globex'];
const UPSERT = parse('mutation ($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }');

let server: TestServer;
let call: SubgraphCall;
const stop = new AbortController();

async function sql(text: string, values: unknown[] = []): Promise<number> {
  const client = new pg.Client(server.databaseUrl);
  await client.connect();
  const { rowCount } = await client.query(text, values).finally(() => client.end());
  return rowCount ?? 0;
}
const upsert = async (tenantId: string, n: number): Promise<void> => {
  const self = { name: `topic-${n}`, kind: 'topic' };
  const input = {
    title: `Document ${n}`,
    source: `made/${n}.md`,
    mediaType: 'text/markdown',
    text: `Text number ${n} of ${tenantId}.`,
    entities: [self],
    relations: [{ from: self, to: { name: 'all', kind: 'topic' }, type: 'PART_OF' }],
  };
  const context = createRequestContext({ tenantId, subject: 'somebody', roles: [], scopes: [] });
  const { errors } = await server.services.clients
    .get('relational')!
    .execute({ document: UPSERT, operationType: 'mutation', variables: { input }, context });
  expect(errors).toBeUndefined();
};
const idOf = (tenantId: string, n: number): string => documentId(tenantId, `made/${n}.md`);
const run = async (mend = false) => {
  const found: Difference[] = [];
  const report = await reconcile({ call, mend, pageSize: 5, onDifference: (difference) => found.push(difference) });
  return {
    report,
    found: found.map(({ tenantId, store, kind, documentId: id }) => `${tenantId} ${store} ${kind} ${id}`).sort(),
  };
};
/** The file that keeps a document's bytes. */
async function fileOf(id: string): Promise<string> {
  const files = await readdir(join(server.dataDir, 'objects'), { recursive: true, withFileTypes: true });
  const found = files.find((file) => file.isFile() && join(file.parentPath, file.name).includes(id));
  return join(found!.parentPath, found!.name);
}

beforeAll(async () => {
  server = await startTestServer();
  call = systemCalls(server.services.clients, stop.signal);
  for (const tenantId of TENANTS) for (let n = 0; n < DOCUMENTS; n++) await upsert(tenantId, n);
  await delivered(server);
});
afterAll(async () => {
  stop.abort();
  await server?.[Symbol.asyncDispose]();
});

test('finds nothing where everything was delivered', async () => {
  const { report, found } = await run();
  expect(found).toEqual([]);
  expect(report).toMatchObject({
    tenants: 2,
    documents: 2 * DOCUMENTS,
    facts: 0,
    messages: 0,
    found: 0,
    redelivered: 0,
    skipped: {},
  });
});

test('finds what is missing, stale and orphaned in each store, mends it, and finds nothing more', async () => {
  const ids = Array.from({ length: DOCUMENTS }, (_, n) => idOf('acme', n));
  // Missing.
  await rm(await fileOf(ids[0]!), { force: true });
  expect(await sql('DELETE FROM vector.chunks WHERE document_id = $1', [ids[1]])).toBeGreaterThan(0);
  expect(await sql('DELETE FROM graph.mentions WHERE document_id = $1', [ids[2]])).toBeGreaterThan(0);
  expect(await sql('DELETE FROM graph.assertions WHERE document_id = $1', [ids[3]])).toBeGreaterThan(0);
  // Stale: the bytes of another text, the vector of another text, a mention too many.
  await call(
    'object',
    parse('mutation ($input: PutObjectInput!) { putObject(input: $input) { object { key } } }'),
    {
      input: {
        key: `documents/${ids[4]}/4.md`,
        contentType: 'text/markdown',
        content: 'Something else.',
        encoding: 'UTF8',
      },
    },
    'acme',
  );
  expect(
    await sql(`UPDATE vector.chunks SET content_hash = 'of another text' WHERE document_id = $1`, [ids[5]]),
  ).toBeGreaterThan(0);
  expect(
    await sql(
      `INSERT INTO graph.mentions SELECT tenant_id, $1, entity_id, 9 FROM graph.mentions WHERE document_id = $2`,
      [ids[6], ids[7]],
    ),
  ).toBe(1);
  // Orphaned: a document that went while nobody looked.
  for (const table of ['outbox', 'documents'])
    await sql(`DELETE FROM relational.${table} WHERE ${table === 'outbox' ? 'document_id' : 'id'} = $1`, [ids[8]]);
  // Pending, and so no difference.
  await sql(`DELETE FROM vector.chunks WHERE document_id = $1`, [ids[9]]);
  await sql(
    `UPDATE relational.outbox SET state = 'FAILED', next_attempt_at = now() + interval '1 hour' WHERE document_id = $1`,
    [ids[9]],
  );
  // What people keep beside documents is theirs.
  await call(
    'object',
    parse('mutation ($input: PutObjectInput!) { putObject(input: $input) { object { key } } }'),
    { input: { key: 'documents/by-hand.md', contentType: 'text/markdown', content: 'Mine.', encoding: 'UTF8' } },
    'acme',
  );

  const planted = [
    `acme OBJECT DIFFERS ${ids[0]}`,
    `acme VECTOR DIFFERS ${ids[1]}`,
    `acme GRAPH DIFFERS ${ids[2]}`,
    `acme GRAPH DIFFERS ${ids[3]}`,
    `acme OBJECT DIFFERS ${ids[4]}`,
    `acme VECTOR DIFFERS ${ids[5]}`,
    `acme GRAPH DIFFERS ${ids[6]}`,
    `acme OBJECT ORPHAN ${ids[8]}`,
    `acme VECTOR ORPHAN ${ids[8]}`,
    `acme GRAPH ORPHAN ${ids[8]}`,
  ].sort();
  expect((await run()).found).toEqual(planted);
  const mended = await run(true);
  expect(mended.found).toEqual(planted);
  expect(mended.report).toMatchObject({ found: 10, redelivered: 10 });
  await delivered(server, 3);
  expect((await run()).found).toEqual([]);
  expect(await sql('SELECT FROM vector.chunks WHERE document_id = $1', [ids[8]])).toBe(0);
  expect(await sql('SELECT FROM graph.mentions WHERE document_id = $1', [ids[8]])).toBe(0);
  expect(await sql('SELECT FROM relational.outbox WHERE document_id = $1', [ids[8]])).toBe(0);
  const { object } = await call<{ object: unknown }>(
    'object',
    parse('{ object(key: "documents/by-hand.md") { key } }'),
    {},
    'acme',
  );
  expect(object).not.toBeNull();
  await sql(`UPDATE relational.outbox SET next_attempt_at = now() WHERE document_id = $1`, [ids[9]]);
  await delivered(server);
});

test('finds properties, attributes of chunks and nothing that is right, whichever document gave it last', async () => {
  const [a, b, c] = [idOf('acme', 20), idOf('acme', 21), idOf('acme', 22)];
  const shared = { name: 'shared', kind: 'topic' };
  const write = async (n: number, weight: number, metadata: unknown) => {
    const self = {
      name: `topic-${n}`,
      kind: 'topic',
      properties: { weight: n, nested: { list: [n, 'x'], none: null } },
    };
    const input = {
      title: `Document ${n}`,
      source: `made/${n}.md`,
      mediaType: 'text/markdown',
      text: `Text number ${n}.`,
      metadata,
      entities: [self, { ...shared, properties: { weight } }],
      relations: [{ from: { name: self.name, kind: 'topic' }, to: shared, type: 'PART_OF', properties: { since: n } }],
    };
    const context = createRequestContext({ tenantId: 'acme', subject: 'somebody', roles: [], scopes: [] });
    const { errors } = await server.services.clients
      .get('relational')!
      .execute({ document: UPSERT, operationType: 'mutation', variables: { input }, context });
    expect(errors).toBeUndefined();
    await delivered(server);
  };
  // Two documents disagree about a property: the one that was delivered last is right, and neither differs.
  await write(20, 1, { tags: ['a', { b: 1.5 }], none: null });
  await write(21, 2, {});
  await write(22, 2, { x: 1 });
  expect((await run()).found).toEqual([]);
  // What a hand has written since is right as well.
  await call(
    'graph',
    parse('mutation ($input: UpsertEntitiesInput!) { upsertEntities(input: $input) { entities { id } } }'),
    { input: { entities: [{ name: 'topic-22', kind: 'topic', properties: { weight: 99 } }] } },
    'acme',
  );
  expect((await run()).found).toEqual([]);

  const graph = (table: string, set: string, where: string, values: unknown[]) =>
    sql(`UPDATE graph.${table} SET properties = ${set} WHERE tenant_id = 'acme' AND ${where}`, values);
  expect(
    await graph('entities', `jsonb_set(properties, '{nested,list}', '["other"]')`, 'name = $1', ['topic-20']),
  ).toBe(1);
  expect(await graph('relations', `properties - 'since'`, `from_name = $1 AND type = 'PART_OF'`, ['topic-21'])).toBe(1);
  expect(await sql(`UPDATE vector.chunks SET metadata = '{"x": 2}' WHERE document_id = $1`, [c])).toBe(1);
  expect(await sql(`UPDATE vector.chunks SET source = 'elsewhere' WHERE document_id = $1`, [a])).toBe(1);
  expect(await sql(`UPDATE vector.chunks SET media_type = 'text/plain' WHERE document_id = $1`, [b])).toBe(1);
  const planted = [
    `acme GRAPH DIFFERS ${a}`,
    `acme GRAPH DIFFERS ${b}`,
    ...[a, b, c].map((id) => `acme VECTOR DIFFERS ${id}`),
  ].sort();
  expect((await run()).found).toEqual(planted);
  // A value that no document gives: all that give another are delivered again, and whichever comes last is right.
  expect(await graph('entities', `jsonb_set(properties, '{weight}', '3')`, 'name = $1', ['shared'])).toBe(1);
  expect((await run()).found).toEqual([...planted, `acme GRAPH DIFFERS ${c}`].sort());
  expect((await run(true)).report).toMatchObject({ found: 6, redelivered: 6 });
  await delivered(server);
  expect((await run()).found).toEqual([]);
  const client = new pg.Client(server.databaseUrl);
  await client.connect();
  const { rows } = await client.query(
    `SELECT source, media_type, metadata FROM vector.chunks WHERE document_id = ANY($1) ORDER BY source`,
    [[a, b, c]],
  );
  await client.end();
  expect(rows).toEqual([
    { source: 'made/20.md', media_type: 'text/markdown', metadata: { tags: ['a', { b: 1.5 }], none: null } },
    { source: 'made/21.md', media_type: 'text/markdown', metadata: {} },
    { source: 'made/22.md', media_type: 'text/markdown', metadata: { x: 1 } },
  ]);
});

test('a tombstone yields to a writer who brings the document back', async () => {
  const id = idOf('globex', 99);
  await call(
    'relational',
    parse('mutation ($input: RedeliverDocumentsInput!) { redeliverDocuments(input: $input) { redelivered } }'),
    {
      input: {
        entries: [
          { documentId: id, store: 'VECTOR' },
          { documentId: id, store: 'VECTOR' },
        ],
      },
    },
    'globex',
  );
  await upsert('globex', 99);
  await delivered(server);
  expect((await run()).found).toEqual([]);
  expect(await sql('SELECT FROM vector.chunks WHERE document_id = $1', [id])).toBe(1);
});

test('finds and mends what the vector store has otherwise of remembered facts', async () => {
  const remember = async (tenantId: string, key: string, userId: string | null = null): Promise<string> => {
    const { rememberFact } = await call<{ rememberFact: { fact: { id: string } } }>(
      'relational',
      parse('mutation ($input: RememberFactInput!) { rememberFact(input: $input) { fact { id } } }'),
      { input: { key, value: `What ${tenantId} knows of ${key}.`, userId } },
      tenantId,
    );
    return rememberFact.fact.id;
  };
  const facts: string[] = [];
  for (const tenantId of TENANTS)
    for (const key of ['missing', 'stale', 'gone', 'pending', 'kept']) facts.push(await remember(tenantId, key));
  const whose = await remember('acme', 'whose', 'ann');
  await delivered(server);
  const [missing, stale, gone, pending] = facts as [string, string, string, string];
  expect(await run()).toMatchObject({ report: { facts: 11, found: 0 }, found: [] });

  expect(await sql('DELETE FROM vector.chunks WHERE document_id = $1', [missing])).toBe(1);
  expect(await sql(`UPDATE vector.chunks SET content_hash = 'older' WHERE document_id = $1`, [stale])).toBe(1);
  // Lost behind the outbox's back, as by a copy of before that was put back.
  expect(await sql('DELETE FROM relational.outbox WHERE document_id = $1', [gone])).toBe(1);
  expect(await sql('DELETE FROM relational.memory_facts WHERE id = $1', [gone])).toBe(1);
  // A user's, which is everybody's there.
  expect(await sql(`UPDATE vector.chunks SET source = '' WHERE document_id = $1 AND source = 'ann'`, [whose])).toBe(1);
  // No difference: it is on its way.
  await sql('DELETE FROM vector.chunks WHERE document_id = $1', [pending]);
  await sql(`UPDATE relational.outbox SET state = 'FAILED', next_attempt_at = now() + interval '1 hour' WHERE document_id = $1`, [pending]); // prettier-ignore
  const planted = [
    `acme VECTOR DIFFERS ${missing}`,
    `acme VECTOR DIFFERS ${stale}`,
    `acme VECTOR DIFFERS ${whose}`,
    `acme VECTOR ORPHAN ${gone}`,
  ].sort();
  expect((await run()).found).toEqual(planted);
  expect(await run(true)).toMatchObject({ report: { facts: 10, found: 4, redelivered: 4 }, found: planted });
  await delivered(server, 1);
  expect((await run()).found).toEqual([]);
  expect(await sql('SELECT FROM vector.chunks WHERE document_id = $1', [gone])).toBe(0);
  await sql(`UPDATE relational.outbox SET next_attempt_at = now() WHERE document_id = $1`, [pending]);
  await delivered(server);
  expect(await sql('SELECT FROM vector.chunks WHERE document_id = ANY($1)', [facts])).toBe(9);
  expect(await sql(`SELECT FROM vector.chunks WHERE document_id = $1 AND source = 'ann'`, [whose])).toBe(1);
});

/** Makes a document one that an older version cut: in two chunks, the second of which is of a fence that took all behind it. */
async function cutByAnOlderVersion(tenantId: string, n: number): Promise<string> {
  const id = idOf(tenantId, n);
  expect(await sql(`UPDATE relational.documents SET cutting = '', digest = 'older' WHERE id = $1`, [id])).toBe(1);
  expect(await sql(`UPDATE relational.chunks SET id = 'chk_' || id, text = 'cut by an older version' WHERE document_id = $1`, [id])).toBe(1); // prettier-ignore
  await call(
    'relational',
    parse('mutation ($input: RedeliverDocumentsInput!) { redeliverDocuments(input: $input) { redelivered } }'),
    { input: { entries: [{ documentId: id, store: 'VECTOR' }] } },
    tenantId,
  );
  await delivered(server);
  return id;
}
async function vectorsOf(id: string): Promise<string[]> {
  const client = new pg.Client(server.databaseUrl);
  await client.connect();
  const { rows } = await client
    .query<{ id: string }>('SELECT chunk_id AS id FROM vector.chunks WHERE document_id = $1', [id])
    .finally(() => client.end());
  return rows.map((row) => row.id);
}

test('documents that an older version cut are counted, cut again and delivered, and a second look finds none', async () => {
  const old = [
    ...(await Promise.all([0, 1, 2, 3, 4, 5, 6].map((n) => vectorsOf(idOf('globex', n))))),
    await vectorsOf(idOf('acme', 10)),
  ].flat();
  const ids = [await cutByAnOlderVersion('acme', 10)];
  for (let n = 0; n < 7; n++) ids.push(await cutByAnOlderVersion('globex', n));
  // Of one more only the mark is missing: its chunks are right.
  expect(await sql(`UPDATE relational.documents SET cutting = '' WHERE id = $1`, [idOf('acme', 11)])).toBe(1);
  // One was accepted under other bounds once: it stays, and holds back nobody.
  expect(await sql(`UPDATE relational.documents SET cutting = '1', title = repeat('x', 600) WHERE id = $1`, [idOf('globex', 7)])).toBe(1); // prettier-ignore

  expect((await reconcile({ call, mend: false, tenantId: 'acme' })).cutting).toMatchObject({ otherwise: 2, recut: 0 });
  expect((await run()).report.cutting).toEqual({ otherwise: 10, recut: 0, unchanged: 0, refused: 0 });
  const refusals: string[] = [];
  const { cutting } = await reconcile({
    call,
    mend: true,
    onRefused: ({ id, reason }) => refusals.push(`${id} ${reason}`),
  });
  expect(cutting).toEqual({ otherwise: 10, recut: 8, unchanged: 1, refused: 1 });
  expect(refusals).toEqual([expect.stringMatching(`^${idOf('globex', 7)} .*title.*512`)]);
  await delivered(server);
  expect((await Promise.all(ids.map(vectorsOf))).flat().sort()).toEqual(old.sort());
  expect(await sql(`UPDATE relational.documents SET title = 'Document 7' WHERE id = $1`, [idOf('globex', 7)])).toBe(1);
  expect((await reconcile({ call, mend: true })).cutting).toEqual({ otherwise: 1, recut: 0, unchanged: 1, refused: 0 });
  const after = await run();
  expect(after.report.cutting.otherwise).toBe(0);
  // Writing the same again is no change.
  await upsert('globex', 3);
  expect(await sql(`SELECT FROM relational.outbox WHERE document_id = $1 AND state = 'DONE'`, [ids[4]])).toBe(3);
});

test("a start cuts again behind the requests, waits for each batch's delivery, and goes on after an end or a fault", async () => {
  const ids: string[] = [];
  for (let n = 0; n < 6; n++) ids.push(await cutByAnOlderVersion('globex', n));
  const told: string[] = [];
  const log = {
    info: (details: object, message: string) => told.push(`${message} ${JSON.stringify(details)}`),
    warn: (_: object, message: string) => told.push(message),
  };
  // The first server is ended behind its first batch.
  const first = new AbortController();
  const idle = (): Promise<void> => {
    first.abort(new Error('The server is stopping.'));
    return delivered(server);
  };
  expect(
    await recutBehindStart({
      call: systemCalls(server.services.clients, first.signal),
      batch: 2,
      idle,
      signal: first.signal,
      log,
    }),
  ).toBeUndefined();
  expect((await reconcile({ call, mend: false })).cutting.otherwise).toBe(4);
  // The store is away at the second one's first call; somebody writes a document between reading and writing.
  let calls = 0;
  const faulty: SubgraphCall = async (subgraph, document, variables, tenantId) => {
    if (++calls === 1) throw new CodedError('STORE_UNAVAILABLE', 'PostgreSQL cannot be reached.');
    return await call(subgraph, document, variables, tenantId);
  };
  const waits: number[] = [];
  const report = await recutBehindStart({
    call: faulty,
    batch: 2,
    idle: async () => {
      await delivered(server);
      waits.push((await Promise.all(ids.map(vectorsOf))).flat().filter((id) => id.startsWith('chk_chk_')).length);
    },
    signal: stop.signal,
    log,
    longestRetrySeconds: 0.01,
  });
  expect(report).toEqual({ otherwise: 4, recut: 4, unchanged: 0, refused: 0 });
  expect(waits).toEqual([2, 0]);
  expect(told).toEqual([
    'Documents cannot be cut again; it is tried again.',
    expect.stringMatching(/^Documents were cut again: .*"otherwise":4/),
  ]);
  // Nothing is left, and nothing is told; with 0 nothing is even asked.
  expect(await recutBehindStart({ call, idle, signal: stop.signal, log })).toMatchObject({ otherwise: 0 });
  expect(await recutBehindStart({ call: faulty, batch: 0, idle, signal: stop.signal, log })).toBeUndefined();
  expect(told).toHaveLength(2);
});

test("one tenant's comparison sees nothing of another's", async () => {
  const id = idOf('acme', 0);
  const { knownDocuments } = await call<{ knownDocuments: string[] }>(
    'relational',
    parse('query ($ids: [ID!]!) { knownDocuments(store: GRAPH, ids: $ids) }'),
    { ids: [id] },
    'globex',
  );
  const { referenceDocuments } = await call<{ referenceDocuments: { id: string }[] }>(
    'relational',
    parse('{ referenceDocuments(first: 200) { id } }'),
    {},
    'globex',
  );
  const { vectorDocuments } = await call<{ vectorDocuments: { ids: string[] } }>(
    'vector',
    parse('{ vectorDocuments(first: 200) { ids } }'),
    {},
    'globex',
  );
  const { graphDocuments } = await call<{ graphDocuments: string[] }>(
    'graph',
    parse('{ graphDocuments(first: 200) }'),
    {},
    'globex',
  );
  expect(knownDocuments).toEqual([]);
  const theirs = new Set(Array.from({ length: DOCUMENTS }, (_, n) => idOf('acme', n)));
  for (const found of [referenceDocuments.map((document) => document.id), vectorDocuments.ids, graphDocuments]) {
    expect(found.length).toBeGreaterThanOrEqual(DOCUMENTS);
    expect(found.filter((each) => theirs.has(each))).toEqual([]);
  }
});

test('nobody but the gateway itself may ask', async () => {
  const context = createRequestContext({ tenantId: 'acme', subject: 'somebody', roles: ['admin'], scopes: [] });
  for (const [name, field] of [
    ['relational', 'tenantIds(first: 1)'],
    ['relational', 'referenceDocuments(first: 1) { id }'],
    ['relational', 'knownDocuments(store: GRAPH, ids: [])'],
    ['relational', 'documentsCutOtherwise(first: 1) { next }'],
    ['vector', 'vectorDocuments(first: 1) { ids }'],
    ['graph', 'graphDocuments(first: 1)'],
    ['graph', 'documentGraphProperties(input: { documents: [] }) { key }'],
  ] as const) {
    const { errors } = await server.services.clients
      .get(name)!
      .execute({ document: parse(`{ ${field} }`), operationType: 'query', variables: {}, context });
    expect(errors?.[0]?.extensions?.code, field).toBe('FORBIDDEN');
  }
});
