/** A gateway that is killed under load, one with a thousand clients at once, and one whose pool is exhausted. */
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import pg from 'pg';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { reconcile } from '#gateway/indexing/reconcile.ts';
import { systemCalls } from '#gateway/indexing/subgraph-call.ts';
import { wireTo } from '#tests/e2e/wire.ts';
import { cleanEnvironment, startProgram, type Program } from '#tests/ops/program.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import { startTestServer } from '#tests/setup/server.ts';
import { ask, figure, startWriters, STORE_CODES } from './asking.ts';

const MAIN = fileURLToPath(new URL('../../ops/serve/main.ts', import.meta.url));
const LOADER = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const CLIENTS = 1_000;
const POOL = 6;

async function sql<Row>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query(text).finally(() => client.end());
  return rows as Row[];
}
/** Connections of the gateway to its database: the pool, and one that listens for runs. */
const connections = async (url: string): Promise<number> =>
  (
    await sql<{ count: number }>(
      url,
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'tributary' AND datname = current_database()`,
    )
  )[0]!.count;

// By hand in `npm test`: these take a minute together. The servers of `npm run test:stores` are not needed but for the
// database.
describe.skipIf(!process.env['TEST_PGVECTOR_URL'])('the gateway', () => {
  const figures: string[] = [];
  afterAll(() => console.log(['', ...figures, ''].join('\n')));

  test('killed with SIGKILL and restarted under load: every acknowledged write is there, and reaches the other stores', async () => {
    await using database = await createTestDatabase();
    const dataDir = await mkdtemp(join(tmpdir(), 'tributary-killed-'));
    const env = cleanEnvironment({
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      PORT: '0',
      LOG_LEVEL: 'error',
      INGEST_ON_START: 'false',
      RUN_LIBRARIAN: 'false',
    });
    const start = async (): Promise<Program & { port: number }> => {
      const program = startProgram(process.execPath, ['--import', LOADER, MAIN], { env });
      const port = await vi.waitUntil(
        () => {
          if (program.child.exitCode !== null) throw new Error(program.output);
          return /GraphiQL +http:\/\/[^:]+:(\d+)/.exec(program.output)?.[1];
        },
        { timeout: 60_000, interval: 50 },
      );
      return Object.assign(program, { port: Number(port) });
    };
    let gateway = await start();
    await using wire = await wireTo(gateway.port);
    const url = `http://127.0.0.1:${wire.port}`;
    const upsert = (source: string) =>
      ask(url, 'mutation ($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }', {
        input: {
          title: source,
          source,
          mediaType: 'text/plain',
          text: `The text of ${source}.`,
          entities: [{ name: source, kind: 'source' }],
        },
      });
    const load = startWriters(4, upsert);
    let [kills, recovered] = [0, 0];
    try {
      for (; kills < 3; kills++) {
        const before = load.acknowledged.length;
        await vi.waitFor(() => expect(load.acknowledged.length).toBeGreaterThan(before + 15), { timeout: 60_000 });
        gateway.child.kill('SIGKILL');
        await gateway.exited();
        const killed = performance.now();
        gateway = await start();
        wire.target = gateway.port;
        const restarted = load.acknowledged.length;
        await vi.waitFor(() => expect(load.acknowledged.length).toBeGreaterThan(restarted), { timeout: 60_000 });
        recovered = Math.max(recovered, performance.now() - killed);
      }
    } finally {
      await load.stop();
      gateway.child.kill('SIGTERM');
      await gateway.exited();
    }
    // Leases of those who were killed run out; here at once.
    await sql(database.url, 'UPDATE relational.outbox SET lease_until = now(), next_attempt_at = now()');
    await using server = await startTestServer({ DATABASE_URL: database.url, DATA_DIR: dataDir, LOG_LEVEL: 'silent' });
    await vi.waitFor(
      async () => {
        const pending = await sql(database.url, `SELECT 1 FROM relational.outbox WHERE state <> 'DONE'`);
        expect(pending.length).toBe(0);
      },
      { timeout: 60_000, interval: 100 },
    );
    const kept = new Set(
      (await sql<{ source: string }>(database.url, 'SELECT source FROM relational.documents')).map(
        ({ source }) => source,
      ),
    );
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
    expect(
      [...load.codes].filter(
        (code) => code !== 'UNREACHABLE' && !STORE_CODES.includes(code) && code !== 'SUBGRAPH_UNAVAILABLE',
      ),
    ).toEqual([]);
    figures.push(
      figure(
        'gateway',
        `\`kill -9\` three times, restarted (${load.acknowledged.length} acknowledged writes, all kept, and in every store)`,
        '–',
        [],
        undefined,
        '–',
        `${Math.round(recovered)} ms, starting included`,
      ),
    );
    await rm(dataDir, { recursive: true, force: true });
  }, 240_000);

  test(`with ${CLIENTS} clients over HTTP and ${CLIENTS} over WebSocket at once, everybody is answered, and what they took is given back`, async () => {
    await using server = await startTestServer({
      POSTGRES_POOL_SIZE: String(POOL),
      // All come from one address, those of the round before may still be open, and one more asks beside them.
      MAX_CONNECTIONS_PER_ADDRESS: String(CLIENTS * 4 + 1),
      REQUEST_TIMEOUT_MS: '60000',
      LOG_LEVEL: 'silent',
    });
    const remember = await ask(
      server.url,
      'mutation { rememberFact(input: { key: "k", value: "v" }) { fact { id } } }',
    );
    expect(remember.errors).toBeUndefined();
    const query = '{ memoryFacts(first: 1) { edges { node { value } } } }';
    const whole = JSON.stringify({ data: { memoryFacts: { edges: [{ node: { value: 'v' } }] } } });
    const round = async (): Promise<number> => {
      const began = performance.now();
      await using http = await httpClients(server.url, query, whole);
      await using sockets = await socketClients(server.url, query, whole);
      expect({ http: http.answered, sockets: sockets.answered }).toEqual({ http: CLIENTS, sockets: CLIENTS });
      // All are still connected: another client is served beside them.
      expect((await ask(server.url, query)).errors).toBeUndefined();
      expect(await connections(server.databaseUrl)).toBeLessThanOrEqual(POOL + 2);
      return performance.now() - began;
    };
    await round();
    const before = heap();
    let longest = 0;
    for (let n = 0; n < 2; n++) longest = Math.max(longest, await round());
    // Nothing of 4,000 clients stays: less than 2 kB of each, where one that is connected takes some 30 kB.
    const grown = await vi.waitFor(
      () => {
        const left = heap() - before;
        expect(left).toBeLessThan(CLIENTS * 4 * 2_048);
        return left;
      },
      { timeout: 20_000, interval: 250 },
    );
    figures.push(
      figure(
        'gateway',
        `${CLIENTS.toLocaleString('en')} HTTP and ${CLIENTS.toLocaleString('en')} WebSocket clients at once, pool of ${POOL}`,
        `${CLIENTS * 2} whole`,
        [],
        longest,
        '–',
        `${Math.round(grown / 1024)} KiB of heap left, ${await connections(server.databaseUrl)} connections`,
      ),
    );
  }, 300_000);

  test('with its pool exhausted by statements that wait, other stores answer, and it recovers by itself', async () => {
    await using server = await startTestServer({
      POSTGRES_POOL_SIZE: String(POOL),
      // Equal ones would be one request of a subgraph that runs apart.
      SUBGRAPH_DEDUPLICATE: 'false',
      REQUEST_TIMEOUT_MS: '20000',
      LOG_LEVEL: 'silent',
    });
    await ask(server.url, 'mutation { rememberFact(input: { key: "k", value: "v" }) { fact { id } } }');
    const sick = 'memoryFacts(first: 1) { edges { node { value } } }';
    const well = 'objects(first: 1) { edges { node { key } } } embed(input: ["a word"]) { dimensions }';
    const locking = new pg.Client(server.databaseUrl);
    await locking.connect();
    await locking.query('BEGIN; LOCK TABLE relational.memory_facts IN ACCESS EXCLUSIVE MODE');
    const asked = Array.from({ length: POOL * 4 }, () => ask(server.url, `{ ${sick} ${well} }`));
    await vi.waitFor(async () => expect(await waiting(server.databaseUrl)).toBe(POOL), {
      timeout: 30_000,
      interval: 50,
    });
    const beside = await Promise.all(Array.from({ length: 20 }, () => ask(server.url, `{ ${well} }`)));
    for (const { errors } of beside) expect(errors).toBeUndefined();
    const answers = await Promise.all(asked);
    for (const { data, errors = [] } of answers) {
      expect(data).toMatchObject({ memoryFacts: null, embed: [{ dimensions: 384 }], objects: { edges: [] } });
      expect(errors).toMatchObject([{ path: ['memoryFacts'], extensions: { code: 'STORE_TIMEOUT' } }]);
    }
    const hints = new Set(answers.flatMap(({ errors = [] }) => errors.map(({ extensions }) => extensions.hint ?? '')));
    expect([...hints].join()).toContain('POSTGRES_POOL_SIZE');
    await locking.query('COMMIT');
    await locking.end();
    await vi.waitFor(async () => expect((await ask(server.url, `{ ${sick} ${well} }`)).errors).toBeUndefined(), {
      timeout: 20_000,
      interval: 50,
    });
    expect(await connections(server.databaseUrl)).toBeLessThanOrEqual(POOL + 2);
    figures.push(
      figure(
        'postgres',
        `a pool of ${POOL} exhausted by statements that wait for a lock`,
        `0 whole, ${answers.length} partial`,
        ['STORE_TIMEOUT'],
        Math.max(...answers.map(({ ms }) => ms)),
        `${Math.max(...beside.map(({ ms }) => ms)).toFixed(1)} ms at most`,
        'at once',
      ),
    );
  }, 180_000);
});

/** What is in use, without what waits to be collected. */
function heap(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

const waiting = async (url: string): Promise<number> =>
  (
    await sql<{ count: number }>(
      url,
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'tributary' AND datname = current_database()`,
    )
  )[0]!.count;

interface Clients extends AsyncDisposable {
  readonly answered: number;
}

/** Each keeps its connection until it is disposed of. */
async function httpClients(url: string, query: string, whole: string): Promise<Clients> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS, maxFreeSockets: CLIENTS });
  const { port } = new URL(url);
  const one = async (): Promise<boolean> =>
    await new Promise((resolve, reject) => {
      const sent = request(
        {
          agent,
          port,
          host: '127.0.0.1',
          path: '/graphql',
          method: 'POST',
          headers: { 'content-type': 'application/json' },
        },
        (response) => {
          let text = '';
          response
            .setEncoding('utf8')
            .on('data', (data: string) => (text += data))
            .on('end', () => resolve(text === whole));
        },
      );
      sent.on('error', reject).end(JSON.stringify({ query }));
    });
  const answers = await Promise.all(Array.from({ length: CLIENTS }, one));
  return {
    answered: answers.filter(Boolean).length,
    [Symbol.asyncDispose]: async () => agent.destroy(),
  };
}

async function socketClients(url: string, query: string, whole: string): Promise<Clients> {
  const sockets: WebSocket[] = [];
  const one = async (): Promise<boolean> =>
    await new Promise((resolve, reject) => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
      sockets.push(socket);
      socket.on('error', reject);
      socket.on('close', (code) => reject(new Error(`closed with ${code}`)));
      socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init' })));
      socket.on('message', (data: Buffer) => {
        const message = JSON.parse(data.toString()) as { type: string; payload: unknown };
        if (message.type === 'connection_ack')
          socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query } }));
        if (message.type === 'next') resolve(JSON.stringify(message.payload) === whole);
        if (message.type === 'error') resolve(false);
      });
    });
  const answers = await Promise.all(Array.from({ length: CLIENTS }, one));
  return {
    answered: answers.filter(Boolean).length,
    [Symbol.asyncDispose]: async () =>
      void (await Promise.all(
        sockets.map(
          (socket) =>
            new Promise<void>((resolve) => {
              socket.removeAllListeners('close').on('close', () => resolve());
              socket.close();
            }),
        ),
      )),
  };
}
