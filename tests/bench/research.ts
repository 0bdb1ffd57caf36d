/**
 * `npm run bench`: the contract's `Research` against its hand-written equivalent (see hand-written.ts), in one process
 * and one interleaved run over the first-run corpus. Prints CPU time of this process, CPU time of PostgreSQL, and wall
 * time, as medians of rounds, and the ratio of each pair.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { startServer, type BackgroundServices } from '#gateway/server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { startBackground } from '#ops/ingest/background.ts';
import { showProgress } from '#ops/bootstrap/progress.mjs';
import { handWritten } from './hand-written.ts';
import { serverCpuMs } from './process-cpu.ts';

const ROUNDS = 15;
const PER_ROUND = 20;
const SIGNING_KEY = 'bench-signing-key-of-32-characters';
const QUESTIONS = [
  'retry with exponential backoff',
  'parse a GraphQL document',
  'stream server-sent events',
  'connection pool time-out',
  'validate JSON schema',
];

interface Cost {
  cpu: number;
  storeCpu: number;
  wall: number;
}

const folder = await mkdtemp(join(tmpdir(), 'tributary-bench-'));
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
const config = loadConfig({
  DATABASE_URL: postgres.url,
  DATA_DIR: folder,
  PORT: '0',
  LOG_LEVEL: 'error',
  OBJECT_SIGNING_KEY: SIGNING_KEY,
});
let services: BackgroundServices | undefined;
let corpusDone = (): void => undefined;
const corpusIngested = new Promise<void>((resolve) => (corpusDone = resolve));
const background = startBackground({
  corpus: {
    root: fileURLToPath(new URL('../../', import.meta.url)),
    onProgress: ({ packages, packagesDone, state }) => {
      progress ??= showProgress('Ingesting the corpus', packages);
      progress.update(packagesDone);
      if (state !== 'running') corpusDone();
    },
  },
});
let progress: ReturnType<typeof showProgress> | undefined;
const server = await startServer(config, {
  log: createLogger({ level: 'error' }),
  background: (given) => background((services = given)),
});
const byHand = await handWritten({
  databaseUrl: postgres.url,
  dataDir: folder,
  signingKey: SIGNING_KEY,
  baseUrl: server.url,
  principal: DEVELOPER,
});
try {
  await corpusIngested;
  progress?.end();
  await compare();
} finally {
  await byHand.close();
  await server.close();
  await postgres.close();
  await rm(folder, { recursive: true, force: true });
}

async function compare(): Promise<void> {
  const query = await readFile(new URL('../contract/operations.graphql', import.meta.url), 'utf8');
  const federated = async (question: string): Promise<unknown> => {
    const operation = await services!.operations.admit(
      { query, operationName: 'Research', variables: { question } },
      { principal: DEVELOPER, requestId: 'bench', signal: new AbortController().signal },
    );
    return await operation.run();
  };
  const overHttp = async (question: string): Promise<unknown> => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, operationName: 'Research', variables: { question } }),
    });
    return await response.json();
  };
  const contestants = {
    'by hand': (question: string) => byHand.research(question),
    federated,
    'federated, over HTTP': overHttp,
  };

  for (const question of QUESTIONS)
    await mustAgree(question, await byHand.research(question), await federated(question));
  for (let i = 0; i < 20; i++)
    for (const ask of Object.values(contestants)) for (const question of QUESTIONS) await ask(question);

  const costs = new Map<string, Cost[]>(Object.keys(contestants).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, ask] of Object.entries(contestants)) costs.get(name)!.push(await measure(ask));
  }

  console.log(
    `\nResearch over ${QUESTIONS.length} questions; medians of ${ROUNDS} interleaved rounds of ${PER_ROUND}; ms per query\n`,
  );
  console.log(row('', 'CPU here', 'CPU PostgreSQL', 'CPU in all', 'wall', 'CPU ratio', 'wall ratio'));
  const base = costs.get('by hand')!;
  for (const [name, own] of costs) {
    const all = own.map(({ cpu, storeCpu }) => cpu + storeCpu);
    console.log(
      row(
        name,
        median(own.map(({ cpu }) => cpu)).toFixed(2),
        median(own.map(({ storeCpu }) => storeCpu)).toFixed(2),
        median(all).toFixed(2),
        median(own.map(({ wall }) => wall)).toFixed(2),
        median(all.map((cpu, i) => cpu / (base[i]!.cpu + base[i]!.storeCpu))).toFixed(2),
        median(own.map(({ wall }, i) => wall / base[i]!.wall)).toFixed(2),
      ),
    );
  }
}

async function measure(ask: (question: string) => Promise<unknown>): Promise<Cost> {
  const store = await serverCpuMs(postgres.pid);
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (let i = 0; i < PER_ROUND; i++) await ask(QUESTIONS[i % QUESTIONS.length]!);
  const wall = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  return {
    cpu: (user + system) / 1_000 / PER_ROUND,
    storeCpu: ((await serverCpuMs(postgres.pid)) - store) / PER_ROUND,
    wall: wall / PER_ROUND,
  };
}

/** A comparison of two programs that answer differently says nothing. */
async function mustAgree(question: string, hand: unknown, federatedAnswer: unknown): Promise<void> {
  const withoutUrls = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value, (key, inner: unknown) => (key === 'downloadUrl' ? typeof inner : inner)));
  const { data } = federatedAnswer as { data: { search: { edges: unknown } } };
  const [a, b] = [withoutUrls(hand), withoutUrls({ edges: data.search.edges })];
  if (!isDeepStrictEqual(a, b))
    throw new Error(
      `The answers to ${JSON.stringify(question)} differ:\n${JSON.stringify(a).slice(0, 2_000)}\n${JSON.stringify(b).slice(0, 2_000)}`,
    );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

function row(name: string, ...cells: string[]): string {
  return name.padEnd(24) + cells.map((cell) => cell.padStart(16)).join('');
}
