/**
 * Writes that span stores, on real ones: killed at every step, delivered twice, and with a store that is down for long.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parse } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '#gateway/config/config.ts';
import { startIndexer } from '#gateway/indexing/indexer.ts';
import { reconcile } from '#gateway/indexing/reconcile.ts';
import { systemCalls } from '#gateway/indexing/subgraph-call.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { openStores, type OpenStores } from '#ops/reconcile/open-stores.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { documentId } from '#subgraphs/shared/ids.ts';
import { cleanEnvironment, startProgram } from '#tests/ops/program.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { createBucket } from '#tests/setup/bucket.ts';
import { NEO4J, S3, neo4jVariables, s3Variables } from '#tests/setup/given-stores.ts';
import { startProxy, type Proxy } from './toxiproxy.ts';

const { TEST_PGVECTOR_URL, TEST_TOXIPROXY_URL } = process.env;
const CHILD = fileURLToPath(new URL('delivering-child.ts', import.meta.url));
const LOADER = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const UPSERT = parse('mutation ($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }');
const DELETE = parse('mutation ($id: ID!) { deleteDocument(input: { id: $id }) { document { id } } }');

describe.skipIf(!TEST_PGVECTOR_URL || !NEO4J.uri || !S3.endpoint || !TEST_TOXIPROXY_URL)(
  'the outbox on PostgreSQL, Neo4j and S3',
  () => {
    const run = randomBytes(4).toString('hex');
    const tenants = [`fault-a-${run}`, `fault-b-${run}`];
    let database: TestDatabase;
    let dataDir: string;
    let proxy: Proxy;
    let env: Record<string, string>;
    let stores: OpenStores;
    const stop = new AbortController();

    beforeAll(async () => {
      database = await createTestDatabase();
      dataDir = await mkdtemp(join(tmpdir(), 'tributary-faults-'));
      proxy = await startProxy(TEST_TOXIPROXY_URL!, new URL(NEO4J.uri!).host);
      await createBucket({ ...S3, endpoint: S3.endpoint! }, `outbox-${run}`);
      env = {
        DATABASE_URL: database.url,
        DATA_DIR: dataDir,
        LOG_LEVEL: 'fatal',
        ...neo4jVariables(`bolt://${proxy.host}:${proxy.port}`),
        ...s3Variables(S3.endpoint!, `outbox-${run}`),
      };
      const config = loadConfig(env);
      stores = await openStores(config, createLogger({ level: 'fatal' }));
    });
    afterAll(async () => {
      stop.abort();
      await stores?.[Symbol.asyncDispose]();
      await proxy?.[Symbol.asyncDispose]();
      await database?.[Symbol.asyncDispose]();
      if (dataDir) await rm(dataDir, { recursive: true, force: true });
    });

    const write = async (
      document: typeof UPSERT,
      tenantId: string,
      variables: Record<string, unknown>,
    ): Promise<void> => {
      const context = createRequestContext({ tenantId, subject: 'somebody', roles: [], scopes: [] });
      const { errors } = await stores.clients
        .get('relational')!
        .execute({ document, operationType: 'mutation', variables, context });
      expect(errors).toBeUndefined();
    };
    const upsert = (tenantId: string, source: string, text: string) =>
      write(UPSERT, tenantId, {
        input: {
          title: source,
          source,
          mediaType: 'text/markdown',
          text,
          entities: [{ name: `${source} ${text}`, kind: 'topic' }],
          relations: [{ from: { name: source, kind: 'topic' }, to: { name: 'all', kind: 'topic' }, type: 'PART_OF' }],
        },
      });
    const sql = async (text: string): Promise<void> => {
      const client = new pg.Client(database.url);
      await client.connect();
      await client.query(text).finally(() => client.end());
    };
    const deliver = async (killAt?: string): Promise<number | null> => {
      using child = startProgram(process.execPath, ['--import', LOADER, CHILD], {
        env: cleanEnvironment({ ...env, ...(killAt === undefined ? {} : { KILL_AT: killAt }) }),
      });
      const status = await child.exited();
      if (killAt === undefined && status !== 0) throw new Error(child.output);
      return status;
    };
    /** As if the leases of those who were killed, and all waits, had run out. */
    const later = () => sql('UPDATE relational.outbox SET lease_until = now(), next_attempt_at = now()');
    const differences = async () => {
      const found: string[] = [];
      const call = systemCalls(stores.clients, stop.signal);
      const report = await reconcile({
        call,
        mend: false,
        onDifference: ({ tenantId, store, kind, documentId: id }) => found.push(`${tenantId} ${store} ${kind} ${id}`),
      });
      expect(report.skipped).toEqual({});
      return found;
    };
    /** Delivers what is due; `told` is what an operator reads of it in the log. */
    const here = async (): Promise<{ pending: number; failed: number; done: number; told: object[] }> => {
      const told: object[] = [];
      const indexer = startIndexer({ clients: stores.clients, log: { warn: (details) => told.push(details) } });
      await indexer.idle().finally(() => indexer.close());
      const { outboxStatus } = await systemCalls(stores.clients, stop.signal)<{
        outboxStatus: { pending: number; failed: number; done: number };
      }>('relational', parse('{ outboxStatus { pending failed done } }'), {});
      return { ...outboxStatus, told };
    };

    const STEPS = [
      'before ClaimOutbox',
      'after ClaimOutbox',
      'before PutObject',
      'after PutObject',
      'after IndexDocumentVectors',
      'after IndexDocumentGraph',
      'before CompleteOutbox',
      'after CompleteOutbox',
    ];
    test('killed at every step of an upsert: nothing is lost, nothing is orphaned, and the newest text is everywhere', async () => {
      for (const [round, step] of STEPS.entries()) {
        for (const tenantId of tenants)
          for (let n = 0; n < 3; n++) await upsert(tenantId, `${n}.md`, `Round ${round}.`);
        expect(await deliver(step), step).toBeNull();
        await later();
      }
      expect(await here()).toMatchObject({ pending: 0, failed: 0, done: 18, told: [] });
      expect(await differences()).toEqual([]);
    }, 180_000);

    test('killed at every step of a deletion', async () => {
      for (const [n, step] of [
        'after DeleteObject',
        'after RemoveDocumentVectors',
        'after RemoveDocumentGraph',
      ].entries()) {
        for (const tenantId of tenants) await write(DELETE, tenantId, { id: documentId(tenantId, `${n}.md`) });
        expect(await deliver(step), step).toBeNull();
        await later();
      }
      expect(await here()).toMatchObject({ pending: 0, failed: 0, done: 0, told: [] });
      expect(await differences()).toEqual([]);
    }, 120_000);

    test('delivered twice', async () => {
      for (const tenantId of tenants) await upsert(tenantId, 'twice.md', 'Twice.');
      await here();
      await sql(`UPDATE relational.outbox SET state = 'PENDING'`);
      expect(await here()).toMatchObject({ pending: 0, failed: 0, done: 6, told: [] });
      expect(await differences()).toEqual([]);
    });

    test('with a store down for long, the others follow, and it catches up', async () => {
      await proxy.down();
      for (const tenantId of tenants)
        for (let n = 0; n < 3; n++) await upsert(tenantId, `down-${n}.md`, 'Written while the graph was away.');
      await write(DELETE, tenants[0]!, { id: documentId(tenants[0]!, 'twice.md') });
      for (let hour = 0; hour < 2; hour++) {
        // The graph alone waits: six documents and one removal.
        expect(await here()).toMatchObject({
          pending: 0,
          failed: 7,
          told: [{ store: 'GRAPH', documents: 7, code: 'STORE_UNAVAILABLE' }],
        });
        await later();
      }
      await proxy.up();
      await later();
      expect(await here()).toMatchObject({ pending: 0, failed: 0, told: [] });
      expect(await differences()).toEqual([]);
    }, 120_000);
  },
);
