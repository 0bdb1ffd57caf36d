/**
 * `npm run bench:sources`: lists, three levels of nesting and an aggregate of a PostgreSQL of the operator's own, beside PostGraphile 5 and
 * `pg` by hand, over HTTP, each in a process of its own, in one interleaved run. Prints CPU time for each request of the server and of
 * PostgreSQL, as medians of rounds, and the ratio to what is written by hand of the same round. Some minutes on two cores.
 *
 *     npm run bench:sources -- [--scale 10] [--rounds 7] [--seconds 2] [--connections 8] [--only nested]
 *
 * PostGraphile takes part once `npm install --ignore-scripts` has run in `peers/` (300 MB), or where `--peers` says that it has run.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { Pool } from 'undici';
import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { NODE_FLAGS } from '#ops/serve/node-flags.ts';
import { serverCpuMs } from '#tests/bench/process-cpu.ts';
import { provideNode } from '#tests/nodes/provide.ts';
import { QUERIES, SOURCES_FILE, tables, type Asked } from './data.ts';

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '8' },
    only: { type: 'string' },
    peers: { type: 'string', default: fileURLToPath(new URL('peers/', import.meta.url)) },
  },
});
const rounds = Number(values.rounds);
/** Requests of each kind that warm a contestant. */
const WARMED = 400;
/** PostGraphile needs Node 22, so that all run on it. */
const NODE_MAJOR = 22;
const node =
  Number(process.versions.node.split('.')[0]) >= NODE_MAJOR
    ? process.execPath
    : await provideNode(NODE_MAJOR, (line) => console.error(line));

interface Contestant {
  readonly name: string;
  readonly child: ChildProcess;
  readonly pool: Pool;
}

interface Cost {
  readonly server: number;
  readonly store: number;
  readonly perSecond: number;
}

const folder = await mkdtemp(join(tmpdir(), 'tributary-bench-'));
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
const contestants: Contestant[] = [];
try {
  const url = await fill();
  const own = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
  const file = join(folder, 'sources.yaml');
  await writeFile(file, SOURCES_FILE);
  contestants.push(
    await start('tributary', [...NODE_FLAGS, '--import', 'tsx', own('tributary.ts')], {
      ...{ DATABASE_URL: postgres.url, SOURCES: file, SHOP_DATABASE_URL: url },
      ...{ DATA_DIR: folder, PORT: '0', LOG_LEVEL: 'error', INGEST_ON_START: 'false' },
    }),
  );
  const peer = join(values.peers, 'postgraphile.mjs');
  if (existsSync(join(values.peers, 'node_modules')))
    contestants.push(await start('postgraphile', [...NODE_FLAGS, peer, url], { GRAPHILE_ENV: 'production' }));
  else console.error(`PostGraphile is not installed in ${values.peers}, and takes no part.`);
  contestants.push(await start('by hand', [...NODE_FLAGS, '--import', 'tsx', own('by-hand.ts'), url], {}));
  for (const asked of Object.keys(QUERIES['by hand']!) as Asked[])
    if (values.only === undefined || values.only === asked) await compare(asked);
} finally {
  for (const { child, pool } of contestants) {
    await pool.destroy();
    child.kill();
  }
  await postgres.close();
  await rm(folder, { recursive: true, force: true });
}

/** A database of its own, so that nobody reads what is the gateway's. @returns its URL */
async function fill(): Promise<string> {
  const admin = new pg.Client(postgres.url);
  await admin.connect();
  await admin.query('CREATE DATABASE shop');
  await admin.end();
  const url = new URL(postgres.url);
  url.pathname = '/shop';
  const client = new pg.Client(url.href);
  await client.connect();
  await client.query(tables(Number(values.scale)));
  await client.query('VACUUM ANALYZE');
  await client.end();
  return url.href;
}

async function start(name: string, args: readonly string[], env: Record<string, string>): Promise<Contestant> {
  const child = spawn(node, args, {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{')) continue;
    const { port } = JSON.parse(line) as { port: number };
    child.stdout.resume();
    return { name, child, pool: new Pool(`http://127.0.0.1:${port}`, { connections: Number(values.connections) }) };
  }
  throw new Error(`${name} ended before it listened.`);
}

async function compare(asked: Asked): Promise<void> {
  const expected = answerOf(asked, await request(contestants.at(-1)!, asked));
  for (const contestant of contestants)
    assert.deepEqual(
      answerOf(asked, await request(contestant, asked)),
      expected,
      `${contestant.name} answers otherwise`,
    );
  // What is compiled while it runs is compiled before.
  for (const contestant of contestants) await load(contestant, asked, WARMED);
  const costs = new Map(contestants.map(({ name }) => [name, [] as Cost[]]));
  for (let round = 0; round < rounds; round++)
    // Whoever is first in one round is last in another.
    for (const contestant of [...contestants.slice(round % 3), ...contestants.slice(0, round % 3)])
      costs.get(contestant.name)!.push(await load(contestant, asked));
  const hand = costs.get('by hand')!;
  console.log(`\n### ${asked}\n`);
  console.log(
    '| | server, CPU ms | PostgreSQL, CPU ms | both | by hand = 1 | requests/s |\n| --- | ---: | ---: | ---: | ---: | ---: |',
  );
  for (const [name, all] of costs) {
    const ratio = median(
      all.map(({ server, store }, index) => (server + store) / (hand[index]!.server + hand[index]!.store)),
    );
    const cells = [
      median(all.map(({ server }) => server)).toFixed(2),
      median(all.map(({ store }) => store)).toFixed(2),
      median(all.map(({ server, store }) => server + store)).toFixed(2),
      ratio.toFixed(2),
      median(all.map(({ perSecond }) => perSecond)).toFixed(0),
    ];
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
}

/** Keeps all connections busy for a while. @param least so many requests at least */
async function load(contestant: Contestant, asked: Asked, least = 0): Promise<Cost> {
  const before = { server: await serverCpuMs(contestant.child.pid!), store: await serverCpuMs(postgres.pid) };
  const began = performance.now();
  let answered = 0;
  await Promise.all(
    Array.from({ length: Number(values.connections) }, async () => {
      while (performance.now() - began < Number(values.seconds) * 1_000 || answered < least) {
        await request(contestant, asked);
        answered += 1;
      }
    }),
  );
  const perSecond = answered / ((performance.now() - began) / 1_000);
  return {
    server: ((await serverCpuMs(contestant.child.pid!)) - before.server) / answered,
    store: ((await serverCpuMs(postgres.pid)) - before.store) / answered,
    perSecond,
  };
}

async function request({ name, pool }: Contestant, asked: Asked): Promise<string> {
  const { body, statusCode } = await pool.request({
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query: QUERIES[name]![asked] }),
  });
  const text = await body.text();
  if (statusCode !== 200 || text.includes('"errors"')) throw new Error(`${name}: ${statusCode}: ${text.slice(0, 500)}`);
  return text;
}

/** What is answered, whatever its fields are called: values in their order, of groups in that of their keys. */
function answerOf(asked: Asked, text: string): unknown {
  const plain = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value === 'object' && value !== null) {
      const parts = Object.values(value).map(plain);
      return parts.length === 1 ? parts[0] : parts;
    }
    return typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : String(value);
  };
  const found = plain(JSON.parse(text));
  if (asked !== 'aggregate') return found;
  return (found as unknown[]).map((group) => JSON.stringify((group as unknown[]).flat().toSorted())).toSorted();
}

function median(all: readonly number[]): number {
  return all.toSorted((one, other) => one - other)[Math.floor(all.length / 2)]!;
}
