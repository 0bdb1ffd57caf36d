import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { checkDocument, withChunks } from '#subgraphs/relational/documents/input.ts';
import { columnsOf, MODELS, type Model } from '#subgraphs/relational/models/columns.ts';
import { createPostgresDriver } from '#subgraphs/relational/drivers/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { relationalDriverContract } from './relational-driver.ts';

async function start() {
  const database = await createTestDatabase();
  const postgres = new Postgres({ url: database.url });
  return {
    database,
    postgres,
    driver: await createPostgresDriver(postgres),
    [Symbol.asyncDispose]: async () => {
      await postgres.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

relationalDriverContract('PostgreSQL', start);

const as = (tenantId: string, isSystem = false): RequestContext =>
  createRequestContext({ tenantId, subject: 'user', roles: [], scopes: [], system: isSystem });

const MIGRATIONS = new URL('../../subgraphs/relational/migrations/', import.meta.url);

test('facts that were remembered before they were indexed are delivered, also where the owner of the tables is no superuser', async () => {
  await using database = await createTestDatabase();
  const admin = new pg.Client(database.url);
  await admin.connect();
  const name = `owner_${randomBytes(6).toString('hex')}`;
  const folder = await mkdtemp(join(tmpdir(), 'tributary-migrations-'));
  let postgres: Postgres | undefined;
  try {
    for (const role of ['tributary_tenant', 'tributary_system'])
      await admin.query(
        `DO $$ BEGIN CREATE ROLE ${role} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
      );
    await admin.query(
      `CREATE ROLE ${name} LOGIN PASSWORD 'x' NOSUPERUSER; GRANT tributary_tenant, tributary_system TO ${name}`,
    );
    const url = new URL(database.url);
    await admin.query(`GRANT CREATE ON DATABASE ${url.pathname.slice(1)} TO ${name}`);
    [url.username, url.password] = [name, 'x'];
    await cp(MIGRATIONS, folder, { recursive: true, filter: (source) => !/\/00(1[3-9]|[2-9]\d)_/.test(source) });
    postgres = new Postgres({ url: url.href });
    await postgres.migrate('relational', pathToFileURL(`${folder}/`));
    await admin.query(`
      INSERT INTO relational.memory_facts (tenant_id, id, key, value)
      SELECT tenant, 'mem_' || tenant || at, 'k' || at, 'v' FROM unnest(ARRAY['a', 'b']) AS tenant, generate_series(1, 3) AS at`);
    const driver = await createPostgresDriver(postgres);
    const claim = { limit: 100, leaseSeconds: 60, stores: ['VECTOR'] as const };
    const entries = await driver.claimOutbox(as('a', true), { ...claim, content: { text: false, graph: false, chunks: true } }); // prettier-ignore
    expect(entries.map(({ tenantId, content }) => `${tenantId} ${content?.chunks[0]?.id}`).sort()).toEqual(
      ['a', 'b'].flatMap((tenant) => [1, 2, 3].map((at) => `${tenant} mem_${tenant}${at}`)),
    );
    expect(await driver.completeOutbox(as('a', true), entries)).toBe(6);
    // The policies hold as before, and what was there is told to be gone like all else.
    expect(await driver.count(as('a'), 'MemoryFact', undefined)).toBe(3);
    await driver.forgetFact(as('a'), 'mem_a1');
    await driver.rememberFact(as('b'), { agentId: null, key: 'k', value: 'v', source: null });
    const agent = await driver.createAgent(as('b'), { name: 'a', description: null, instructions: null, model: null, config: {} }); // prettier-ignore
    await driver.rememberFact(as('b'), { agentId: agent.id, key: 'k', value: 'v', source: null });
    await driver.deleteAgent(as('b'), agent.id);
    const later = await driver.claimOutbox(as('a', true), { ...claim, content: { text: false, graph: false, chunks: true } }); // prettier-ignore
    expect(later.map(({ tenantId, operation }) => `${tenantId} ${operation}`).sort()).toEqual(['a DELETE', 'b DELETE', 'b UPSERT']); // prettier-ignore
    const { rows } = await admin.query(
      `SELECT bool_and(relforcerowsecurity AND relrowsecurity) AS forced FROM pg_class WHERE oid IN ('relational.memory_facts'::regclass, 'relational.outbox'::regclass)`,
    );
    expect(rows).toEqual([{ forced: true }]);
  } finally {
    await postgres?.close();
    await rm(folder, { recursive: true });
    await admin.query(`DROP OWNED BY ${name} CASCADE; DROP ROLE ${name}`).finally(() => admin.end());
  }
});

describe('the tables', () => {
  let database: TestDatabase;
  let postgres: Postgres;
  let owner: pg.Client;
  let running: Awaited<ReturnType<typeof start>>;
  const TABLES = [
    'tenants',
    'agents',
    'agent_versions',
    'documents',
    'document_contents',
    'chunks',
    'outbox',
    'memory_facts',
    'sessions',
    'messages',
    'message_appends',
    'session_summaries',
    'artifacts',
    'usage_records',
    'audit_entries',
    'api_keys',
    'api_key_secrets',
    'shares',
  ];

  beforeAll(async () => {
    running = await start();
    ({ database, postgres } = running);
    owner = new pg.Client(database.url);
    await owner.connect();
    for (const tenant of ['a', 'b']) {
      const { driver } = running;
      await driver.upsertDocuments(as(tenant), [
        withChunks(
          checkDocument(tenant, { title: 't', source: 's', mediaType: 'text/plain', text: `Text of ${tenant}.` }),
          [`Text of ${tenant}.`],
        ),
      ]);
      const agent = await driver.createAgent(as(tenant), {
        name: 'n',
        description: null,
        instructions: null,
        model: null,
        config: {},
      });
      await driver.share(as(tenant), { kind: 'Agent', id: agent.id, toProject: null, expiresAt: null }, 1);
      await driver.rememberFact(as(tenant), { agentId: agent.id, key: 'k', value: 'v', source: null });
      const userId = as(tenant).principal.subject;
      const session = await driver.createSession(as(tenant), { agentId: agent.id, userId, title: null, metadata: {}, idempotencyKey: 'k' }); // prettier-ignore
      const message = { role: 'USER', content: 'c', name: null, toolCalls: null, toolCallId: null, metadata: {}, tokens: 1 } as const; // prettier-ignore
      await driver.appendMessages(as(tenant), { sessionId: session.id, runId: null, messages: [message], idempotencyKey: 'k', expectedSequence: 0 }); // prettier-ignore
      await driver.summarizeSession(as(tenant), { sessionId: session.id, throughSequence: 1, text: 's', tokens: 1, model: null, runId: null }, 9); // prettier-ignore
      await driver.createArtifact(as(tenant), { runId: 'run_1', path: 'p', mediaType: 'text/plain', fileKey: null });
      await driver.recordUsage(
        as(tenant),
        { operation: 'EMBED', provider: 'p', model: 'm', inputTokens: 1, outputTokens: 0, estimated: false },
        { audit: true },
      );
      const { id } = await driver.createApiKey(
        as(tenant),
        {
          name: 'n',
          prefix: tenant,
          hash: Buffer.from('h'),
          scopes: [],
          expiresAt: new Date(Date.now() + 60_000),
          mayEndEarlier: false,
        },
        1,
      );
      const secret = { prefix: `${tenant}2`, hash: Buffer.from('i'), overlapSeconds: 60 };
      await driver.rotateApiKey(as(tenant), id, secret);
    }
  });
  afterAll(async () => {
    await owner.end();
    await running[Symbol.asyncDispose]();
  });

  test("have null in the columns that may, and in no other: the schema's non-null fields stand on it", async () => {
    const { rows } = await owner.query<{ table: string; column: string; nullable: boolean }>(
      `SELECT table_name AS table, column_name AS column, is_nullable = 'YES' AS nullable
       FROM information_schema.columns WHERE table_schema = 'relational'`,
    );
    const nullable = new Map(rows.map((row) => [`${row.table}.${row.column}`, row.nullable]));
    for (const model of Object.values(MODELS) as Model[])
      for (const [field, column] of columnsOf(model))
        expect([model.name, field, nullable.get(`${model.table}.${column.column}`)]).toEqual([
          model.name,
          field,
          column.nullable === true,
        ]);
  });

  test('are all known to this test', async () => {
    const { rows } = await owner.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'relational' AND tablename <> 'migrations'`,
    );
    expect(rows.map(({ name }) => name).sort()).toEqual([...TABLES].sort());
  });

  test.each(TABLES)("%s: a SELECT that names no tenant returns the caller's rows alone", async (table) => {
    const everything = await owner.query<{ tenant_id: string }>(
      `SELECT DISTINCT tenant_id FROM relational.${table} ORDER BY 1`,
    );
    expect(everything.rows.map((row) => row.tenant_id)).toEqual(['a', 'b']);
    for (const tenant of ['a', 'b']) {
      const rows = await postgres.read<{ tenant_id: string }>(as(tenant), {
        sql: `SELECT DISTINCT tenant_id FROM relational.${table}`,
        parameters: [],
      });
      expect(rows).toEqual([{ tenant_id: tenant }]);
    }
  });

  test.each(TABLES)('%s: nothing can be written for another tenant', async (table) => {
    const { rows } = await owner.query<{ name: string }>(
      `SELECT column_name AS name FROM information_schema.columns WHERE table_schema = 'relational' AND table_name = $1 AND column_name <> 'tenant_id'
         AND is_generated = 'NEVER'`,
      [table],
    );
    const columns = rows.map(({ name }) => `"${name}"`).join();
    const copy = {
      sql: `INSERT INTO relational.${table} (tenant_id, ${columns}) SELECT 'c', ${columns} FROM relational.${table}`,
      parameters: [],
    };
    await expect(postgres.transaction(as('a'), (tx) => tx.query(copy))).rejects.toThrow(
      /row-level security|permission denied/,
    );
    const move = { sql: `UPDATE relational.${table} SET tenant_id = 'b'`, parameters: [] };
    await expect(postgres.transaction(as('a'), (tx) => tx.query(move))).rejects.toThrow(
      /row-level security|permission denied/,
    );
  });

  test('the system reads what it delivers and nothing else', async () => {
    for (const table of TABLES) {
      const count = postgres.systemTransaction(as('a', true), (tx) =>
        tx.query({ sql: `SELECT DISTINCT tenant_id FROM relational.${table} ORDER BY 1`, parameters: [] }),
      );
      if (['outbox', 'documents', 'document_contents', 'chunks', 'memory_facts'].includes(table))
        expect(await count).toEqual([{ tenant_id: 'a' }, { tenant_id: 'b' }]);
      // Of the audit log it may know who wrote, for the tenants' names, and nothing of what.
      else if (table === 'audit_entries') expect(await count).toEqual([{ tenant_id: 'a' }, { tenant_id: 'b' }]);
      // What may be shared, for the functions that show it to those with whom it was.
      else if (['agents', 'agent_versions', 'shares'].includes(table))
        expect(await count).toEqual([{ tenant_id: 'a' }, { tenant_id: 'b' }]);
      // What is found by meaning where messages are followed, and whose it is.
      else if (table === 'messages') expect(await count).toEqual([{ tenant_id: 'a' }, { tenant_id: 'b' }]);
      // When sessions changed last, for retention, and nothing of what.
      else if (table === 'sessions') expect(await count).toEqual([{ tenant_id: 'a' }, { tenant_id: 'b' }]);
      // Of API keys it reads what it verifies them by.
      else if (['api_keys', 'api_key_secrets'].includes(table))
        expect(await count).toEqual([{ tenant_id: 'a' }, { tenant_id: 'b' }]);
      // Of everything else it sees that there is something of a tenant which is being erased, and of no other.
      else expect(await count).toEqual([]);
    }
    for (const sql of [
      'SELECT name FROM relational.tenants',
      'SELECT model FROM relational.usage_records',
      'SELECT actor FROM relational.audit_entries',
      'SELECT created_by FROM relational.api_keys',
      'SELECT user_id FROM relational.sessions',
      'SELECT tool_calls FROM relational.messages',
      'SELECT text FROM relational.session_summaries',
    ]) {
      const more = postgres.systemTransaction(as('a', true), (tx) => tx.query({ sql, parameters: [] }));
      await expect(more).rejects.toThrow(/permission denied/);
    }
  });

  test.each([
    `UPDATE relational.audit_entries SET actor = 'nobody'`,
    `UPDATE relational.audit_entries SET actor = 'nobody' WHERE false`,
    `DELETE FROM relational.audit_entries`,
    `TRUNCATE relational.audit_entries`,
  ])('%s is refused to the tenant, and to the superuser who owns the table', async (change) => {
    const before = await owner.query('SELECT * FROM relational.audit_entries ORDER BY id');
    expect(before.rows.length).toBeGreaterThan(0);
    await expect(postgres.transaction(as('a'), (tx) => tx.query({ sql: change, parameters: [] }))).rejects.toThrow(
      /permission denied/,
    );
    await expect(owner.query(change)).rejects.toThrow(/cannot be changed or removed/);
    await owner.query(`SET session_replication_role = replica`);
    await expect(owner.query(change)).rejects.toThrow(/cannot be changed or removed/);
    await owner.query(`SET session_replication_role = DEFAULT`);
    expect((await owner.query('SELECT * FROM relational.audit_entries ORDER BY id')).rows).toEqual(before.rows);
  });

  test('an audit entry cannot be dated by who writes it', async () => {
    const forged = {
      sql: `INSERT INTO relational.audit_entries (id, actor, action, subject_type, subject_id, request_id, details, created_at)
            VALUES ('aud_x', 'x', 'x', 'x', 'x', 'x', '{}', '2000-01-01')`,
      parameters: [],
    };
    await expect(postgres.transaction(as('a'), (tx) => tx.query(forged))).rejects.toThrow(/permission denied/);
  });

  test('lists seek in an index instead of sorting everything', async () => {
    await owner.query(`
      INSERT INTO relational.documents (tenant_id, id, title, source, media_type, content_hash, metadata, digest, created_at)
      SELECT CASE WHEN n % 10 = 0 THEN 'a' ELSE 'z' END, 'doc_' || n, 'title ' || n % 100, 'source ' || n, 'text/plain', md5(n::text), '{}', '', now() - make_interval(secs => n)
      FROM generate_series(1, 20000) AS n`);
    await owner.query('ANALYZE relational.documents');
    const plan = async (query: string): Promise<string> =>
      (await postgres.read<{ 'QUERY PLAN': string }>(as('a'), { sql: `EXPLAIN ${query}`, parameters: [] }))
        .map((row) => row['QUERY PLAN'])
        .join('\n');
    const keyset = await plan(
      `SELECT id FROM relational.documents WHERE title >= 'title 50' AND ((title > 'title 50') OR (title = 'title 50' AND id > 'doc_5')) ORDER BY title, id LIMIT 21`,
    );
    expect(keyset).toMatch(/Index.*documents_tenant_id_title_id_idx[\s\S]*Index Cond: .*title >= /);
    expect(keyset).not.toContain('Sort');
    const prefix = await plan(
      `SELECT id FROM relational.documents WHERE (source >= 'source 777' AND source < 'source 778' AND starts_with(source, 'source 777'))`,
    );
    expect(prefix).toMatch(/Index Cond: .*source >= /);
    expect(await plan(`SELECT id FROM relational.documents ORDER BY created_at DESC, id DESC LIMIT 21`)).toMatch(
      /Index.*Backward.*created_at_id_idx/,
    );
  });
});
