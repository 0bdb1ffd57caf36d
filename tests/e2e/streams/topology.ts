/** Gateways as processes of their own on one PostgreSQL, each behind a wire, and all that can be done to them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import pg from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { startProxy } from '#tests/faults/toxiproxy.ts';
import { cleanEnvironment } from '#tests/ops/program.ts';
import { openTestRedis } from '#tests/setup/redis.ts';
import { wireTo, type Wire } from '../wire.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const START_TIMEOUT_MS = 120_000;

interface Gateway {
  readonly wire: Wire;
  readonly dataDir: string;
  process: ChildProcess | undefined;
  /** Where it listens itself; 0 before it has. */
  port: number;
  /** Whether its end is of our making. */
  killed: boolean;
  onDeath: (error: Error) => void;
  output: string;
}

export interface Topology extends AsyncDisposable {
  /** Where clients find the gateways; a URL stays the same when its gateway is another process. */
  readonly urls: readonly string[];
  /** Where the gateways listen themselves, without a wire. */
  readonly ports: readonly number[];
  /** For comparing at the end, past everything that is tested. */
  readonly databaseUrl: string;
  /** Rejects when a gateway ends that nobody killed, with what it had written; never resolves. */
  readonly died: Promise<never>;
  /** Ends a gateway with SIGKILL, and starts another in its place. Resolves when that one serves. */
  killGateway(index: number): Promise<void>;
  /**
   * Ends a gateway with SIGTERM, as orchestrators do, and starts another at the same port. Resolves when that one serves;
   * rejects when the first did not end in order.
   */
  replaceGateway(index: number): Promise<void>;
  /** Breaks every client's connection to a gateway. */
  snapClients(index: number): number;
  /** Stops PostgreSQL (`crash`: its main process with SIGKILL) and starts it again. */
  restartPostgres(how: 'fast' | 'crash'): Promise<void>;
  /** Breaks every gateway's connections to PostgreSQL. */
  snapStore(): Promise<void>;
  /** What Toxiproxy does to the connections to PostgreSQL for so long; only where the topology has it. */
  disturbStore(how: 'refused' | 'slow' | 'cut', forMs: number): Promise<void>;
  /**
   * Ends the sessions that listen for notifications (of PostgreSQL, or of Redis where there is one); those that come
   * before they are replaced are lost.
   */
  loseNotifications(): Promise<void>;
  /** Kills Redis with SIGKILL, and starts it again after so long; only where the topology has it. */
  restartRedis(awayMs: number): Promise<void>;
  /**
   * Breaks every gateway's connections to Redis, and refuses new ones for so long; only where the topology has
   * Toxiproxy and Redis.
   */
  cutRedis(forMs: number): Promise<void>;
  /** Changes the schema of a subgraph in its file, which every gateway watches. */
  reloadSupergraph(): Promise<void>;
}

export interface TopologyOptions {
  /** Further variables of every gateway. */
  env?: Readonly<Record<string, string>>;
  /** The HTTP interface of a Toxiproxy, to put between gateways and stores. @default a wire of this process */
  toxiproxy?: string;
  /** The program of Redis, which then carries the wake-ups. @default PostgreSQL's NOTIFY */
  redis?: { command: string; env: Readonly<Record<string, string>> };
}

/** What is between the gateways and a store. */
interface StoreWire {
  readonly port: number;
  /** Breaks all connections. */
  snap(): Promise<void>;
  /** The store is at another port now. */
  move(port: number): Promise<void>;
  disturb(how: 'refused' | 'slow' | 'cut', forMs: number): Promise<void>;
  close(): Promise<void>;
}

async function wireToStore(port: number, toxiproxy: string | undefined): Promise<StoreWire> {
  if (toxiproxy === undefined) {
    const wire = await wireTo(port);
    return {
      port: wire.port,
      snap: async () => void wire.snap(),
      move: async (moved) => void (wire.target = moved),
      disturb: () => Promise.reject(new Error('This fault needs Toxiproxy.')),
      close: async () => await wire[Symbol.asyncDispose](),
    };
  }
  const proxy = await startProxy(toxiproxy, `127.0.0.1:${port}`);
  const within = async (begin: () => Promise<void>, forMs: number, end: () => Promise<void>): Promise<void> => {
    await begin();
    await delay(forMs);
    await end();
  };
  return {
    port: proxy.port,
    snap: () => within(proxy.down, 0, () => proxy.up()),
    move: (moved) => proxy.up(`127.0.0.1:${moved}`),
    disturb: async (how, forMs) => {
      if (how === 'refused') return await within(proxy.down, forMs, () => proxy.up());
      await within(
        () =>
          proxy.poison(
            how === 'slow'
              ? { type: 'latency', attributes: { latency: 300, jitter: 200 } }
              : { type: 'limit_data', attributes: { bytes: 4_000 } },
          ),
        forMs,
        proxy.cure,
      );
    },
    close: async () => await proxy[Symbol.asyncDispose](),
  };
}

export async function startTopology(
  gatewayCount: number,
  { env: given = {}, toxiproxy, redis: program }: TopologyOptions = {},
): Promise<Topology> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-streams-'));
  const endings: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const end = async (): Promise<void> => {
    for (const step of endings.reverse()) await step();
  };
  try {
    let postgres: EmbeddedPostgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
    endings.push(() => postgres.close());
    const storeWire = await wireToStore(postgres.port, toxiproxy);
    endings.push(storeWire.close);
    const redis = program && (await openTestRedis(program));
    if (redis) endings.push(redis.close);
    const redisWire = redis && (await wireToStore(Number(new URL(redis.url).port), toxiproxy));
    if (redisWire) endings.push(redisWire.close);
    const env = { ...(redisWire && { REDIS_URL: `redis://127.0.0.1:${redisWire.port}` }), ...given };
    const direct = new URL(postgres.url);
    const throughWire = new URL(postgres.url);
    throughWire.port = String(storeWire.port);

    const supergraph = await copySupergraph(join(folder, 'supergraph'));
    const gateways: Gateway[] = [];
    let onDeath: (error: Error) => void = () => undefined;
    const died = new Promise<never>((_, reject) => (onDeath = reject));
    died.catch(() => undefined); // Whoever runs the suite looks at it.
    // Also when this process ends without ending the topology.
    const killAll = (): void => gateways.forEach((gateway) => gateway.process?.kill('SIGKILL'));
    process.once('exit', killAll);
    endings.push(async () => {
      for (const gateway of gateways) await kill(gateway);
      process.off('exit', killAll);
    });
    for (let index = 0; index < gatewayCount; index++) {
      const gateway: Gateway = {
        wire: await wireTo(0),
        dataDir: join(folder, `gateway-${index}`),
        process: undefined,
        port: 0,
        killed: false,
        output: '',
        onDeath,
      };
      endings.push(async () => await gateway.wire[Symbol.asyncDispose]());
      gateways.push(gateway);
      // One after the other: the first migrates.
      await start(gateway, throughWire.href, supergraph.file, env);
    }
    // Wires end before gateways would wait for their clients.
    return {
      died,
      urls: gateways.map(({ wire }) => `http://127.0.0.1:${wire.port}`),
      get ports() {
        return gateways.map(({ port }) => port);
      },
      get databaseUrl() {
        return direct.href;
      },
      async killGateway(index) {
        await kill(gateways[index]!);
        await start(gateways[index]!, throughWire.href, supergraph.file, env);
      },
      async replaceGateway(index) {
        const gateway = gateways[index]!;
        const gone = once(gateway.process!, 'exit');
        gateway.killed = true;
        gateway.process!.kill('SIGTERM');
        const [status] = (await gone) as [number | null];
        if (status !== 0) throw new Error(`A gateway did not end in order (${status}):\n${gateway.output}`);
        await start(gateway, throughWire.href, supergraph.file, env);
      },
      snapClients: (index) => gateways[index]!.wire.snap(),
      snapStore: () => storeWire.snap(),
      async restartPostgres(how) {
        if (how === 'crash') {
          process.kill(postgres.pid, 'SIGKILL');
          await postgres.exited;
        }
        await postgres.close();
        postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
        await storeWire.move(postgres.port);
        direct.port = String(postgres.port);
      },
      disturbStore: (how, forMs) => storeWire.disturb(how, forMs),
      async loseNotifications() {
        if (!redis)
          return void (await query(
            direct.href,
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'listen%' AND pid <> pg_backend_pid()`,
          ));
        const client = new Redis(redis.url);
        await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub').finally(() => client.disconnect());
      },
      async restartRedis(awayMs) {
        if (!redis) throw new Error('This fault needs Redis.');
        await redis.stop!();
        await delay(awayMs);
        await redis.start!();
      },
      async cutRedis(forMs) {
        if (!redisWire) throw new Error('This fault needs Redis.');
        await redisWire.disturb('refused', forMs);
      },
      reloadSupergraph: () => supergraph.change(),
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

export async function query(databaseUrl: string, sql: string): Promise<pg.QueryResult<Record<string, unknown>>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

async function start(
  gateway: Gateway,
  databaseUrl: string,
  supergraphFile: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  // One that comes in the place of another is where that was, for those who know it without a wire.
  const again = env['SHUTDOWN_DELAY_MS'] !== undefined && gateway.port > 0 ? { PORT: String(gateway.port) } : {};
  const child = spawn(process.execPath, ['ops/start.mjs'], {
    cwd: ROOT,
    env: cleanEnvironment({
      DATABASE_URL: databaseUrl, DATA_DIR: gateway.dataDir, PORT: '0', SUPERGRAPH: supergraphFile,
      INGEST_ON_START: 'false', RUN_LIBRARIAN: 'false', LOG_LEVEL: 'warn', ...env, ...again,
    }), // prettier-ignore
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  gateway.process = child;
  gateway.killed = false;
  gateway.output = '';
  const listening = new Promise<number>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        gateway.output = (gateway.output + String(data)).slice(-6_000);
        const port = /http:\/\/127\.0\.0\.1:(\d+)\/graphql/.exec(gateway.output)?.[1];
        if (port !== undefined) resolve(Number(port));
      });
    }
  });
  const patience = new AbortController();
  const port = await Promise.race([
    listening,
    once(child, 'exit').then(() => undefined),
    delay(START_TIMEOUT_MS, undefined, { signal: patience.signal }).catch(() => undefined),
  ]);
  patience.abort();
  if (port === undefined) throw new Error(`A gateway did not start:\n${gateway.output}`);
  gateway.wire.target = port;
  gateway.port = port;
  child.once('exit', (status, signal) => {
    if (!gateway.killed)
      gateway.onDeath(new Error(`A gateway ended by itself (${signal ?? status}):\n${gateway.output}`));
  });
}

async function kill(gateway: Gateway): Promise<void> {
  const { process: child } = gateway;
  gateway.killed = true;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** A copy of the supergraph's configuration and schemas, and a way to change it. */
async function copySupergraph(folder: string): Promise<{ file: string; change(): Promise<void> }> {
  const file = join(folder, 'supergraph.yaml');
  const text = await readFile(join(ROOT, 'supergraph.yaml'), 'utf8');
  await mkdir(folder, { recursive: true });
  const schemas = [...text.matchAll(/file: ([\w/.-]+)/g)].map(([, path]) => path!);
  for (const path of schemas) await cp(join(ROOT, path), join(folder, path));
  await writeFile(file, text);
  const changed = join(folder, schemas.at(-1)!);
  let changes = 0;
  return {
    file,
    change: async () => {
      const schema = await readFile(changed, 'utf8');
      await writeFile(
        changed,
        schema.replace(/"""Queues a run[^"]*"""/, `"""Queues a run. Schema number ${++changes}."""`),
      );
    },
  };
}
