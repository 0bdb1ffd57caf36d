/** A subgraph that is a process of its own: started later than its gateway, killed under load, and restarted. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pg from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { reconcile } from '#gateway/indexing/reconcile.ts';
import { systemCalls } from '#gateway/indexing/subgraph-call.ts';
import { wireTo } from '#tests/e2e/wire.ts';
import { cleanEnvironment, startProgram, type Program } from '#tests/ops/program.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import { APART, startTestServer } from '#tests/setup/server.ts';
import { ask, startWriters } from './asking.ts';

const SUBGRAPH = fileURLToPath(new URL('../../ops/subgraph.ts', import.meta.url));
const LOADER = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const KILLS = 3;

// Of `npm run test:apart`: it takes long.
describe.skipIf(!APART)('the subgraph of objects', () => {
  test('comes later, is killed with SIGKILL under load and comes again: its own fields wait, nothing acknowledged is lost, and all is delivered', async () => {
    await using database = await createTestDatabase();
    const dataDir = await mkdtemp(join(tmpdir(), 'tributary-apart-'));
    const shared = {
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      LOG_LEVEL: 'silent',
      INTERNAL_TOKEN_SECRET: 'k'.repeat(32),
    };
    const start = async (): Promise<Program & { port: number }> => {
      const program = startProgram(process.execPath, ['--import', LOADER, SUBGRAPH, 'object', '--port', '0'], {
        env: cleanEnvironment(shared),
      });
      const port = await vi.waitUntil(
        () => {
          if (program.child.exitCode !== null) throw new Error(program.output);
          return /answers at http:\/\/127\.0\.0\.1:(\d+)/.exec(program.output)?.[1];
        },
        { timeout: 60_000, interval: 50 },
      );
      return Object.assign(program, { port: Number(port) });
    };
    await using wire = await wireTo(0);
    await using server = await startTestServer({
      ...shared,
      SUBGRAPH_OBJECT_URL: `http://127.0.0.1:${wire.port}/graphql`,
      SUBGRAPH_BREAK_MS: '100',
      INDEXING_POLL_MS: '200',
    });
    const OBJECTS = 'objects(first: 1) { edges { node { key } } }';
    const OTHERS = 'documents(first: 1) { totalCount } embed(input: ["a"]) { dimensions }';
    const early = await ask(server.url, `{ ${OBJECTS} ${OTHERS} }`);
    expect(early.data).toMatchObject({ objects: null, documents: {}, embed: [{ dimensions: 384 }] });
    expect(early.errors).toMatchObject([{ path: ['objects'], extensions: { code: 'SUBGRAPH_UNAVAILABLE' } }]);
    const load = startWriters(3, (source) =>
      ask(server.url, 'mutation ($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }', {
        input: { title: source, source, mediaType: 'text/plain', text: `The text of ${source}.` },
      }),
    );
    let subgraph: Awaited<ReturnType<typeof start>> | undefined;
    try {
      for (let kills = 0; kills < KILLS; kills++) {
        subgraph = await start();
        wire.target = subgraph.port;
        await vi.waitFor(
          async () => expect((await ask(server.url, `{ ${OBJECTS} }`)).data!['objects']).toMatchObject({ edges: [{}] }),
          { timeout: 60_000, interval: 100 },
        );
        const before = load.acknowledged.length;
        await vi.waitFor(() => expect(load.acknowledged.length).toBeGreaterThan(before + 5), { timeout: 60_000 });
        subgraph.child.kill('SIGKILL');
        await subgraph.exited();
        // Documents go on being written, and other stores answer.
        const killed = load.acknowledged.length;
        await vi.waitFor(() => expect(load.acknowledged.length).toBeGreaterThan(killed + 5), { timeout: 60_000 });
        expect((await ask(server.url, `{ ${OTHERS} }`)).errors).toBeUndefined();
      }
      subgraph = await start();
      wire.target = subgraph.port;
      await load.stop();
      expect([...load.codes]).toEqual([]);
      const client = new pg.Client(database.url);
      await client.connect();
      await vi.waitFor(
        async () => {
          // As if all waits had run out.
          await client.query('UPDATE relational.outbox SET lease_until = now(), next_attempt_at = now()');
          const { rows } = await client.query(`SELECT 1 FROM relational.outbox WHERE state <> 'DONE'`);
          expect(rows).toEqual([]);
        },
        { timeout: 60_000, interval: 500 },
      );
      const { rows } = await client.query<{ source: string }>('SELECT source FROM relational.documents');
      await client.end();
      const kept = new Set(rows.map(({ source }) => source));
      expect(load.acknowledged.filter((source) => !kept.has(source))).toEqual([]);
      const differences: unknown[] = [];
      const report = await reconcile({
        call: systemCalls(server.services.clients, new AbortController().signal),
        mend: false,
        onDifference: (difference) => differences.push(difference),
      });
      expect({ differences, skipped: report.skipped, documents: report.documents }).toEqual({
        differences: [],
        skipped: {},
        documents: kept.size,
      });
    } finally {
      await load.stop();
      subgraph?.child.kill('SIGTERM');
      await subgraph?.exited();
      await rm(dataDir, { recursive: true, force: true });
    }
  }, 400_000);
});
