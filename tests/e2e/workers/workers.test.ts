/** `--workers 2`: two processes on one port over one embedded store, streams across them, and the death of each. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { workerCount } from '#ops/serve/workers.ts';
import { readMetrics, valueOf } from '#tests/setup/prometheus-text.ts';
import { childrenOf, cleanEnvironment, startProgram, type Program } from '#tests/ops/program.ts';

const onLinux = process.platform === 'linux';

test.each([
  [[], 1],
  [['--workers', '4'], 4],
  [['--workers=64'], 64],
])('the command line %j means %i', (args, count) => {
  expect(workerCount(args)).toBe(count);
});

test.each([
  ['--workers'],
  ['--workers=0'],
  ['--workers=65'],
  ['--workers=-1'],
  ['--workers=two'],
  ['--workers=1.5'],
  ['--speed=9'],
  ['more'],
])('the argument %s is refused', (argument) => {
  expect(() => workerCount([argument])).toThrow(expect.objectContaining({ name: 'WorkerError' }));
});

// The processes are found and killed by what Linux tells of them.
test.runIf(onLinux)('two workers', { timeout: 60_000 }, async () => {
  const workers = await workersOf(server);
  expect(workers).toHaveLength(2);

  // Streams on several connections, which the workers accept as they come.
  const runId = await start();
  const streams = await Promise.all(Array.from({ length: 4 }, () => follow(runId)));
  await append(runId, 'a');
  await append(runId, 'b');
  for (const stream of streams) expect(await stream.until(3)).toBe('seen');
  expect(new Set(await Promise.all(Array.from({ length: 8 }, health)))).toEqual(new Set(['ready']));

  // Whichever worker is asked for metrics tells those of all.
  const counted = async (): Promise<Map<string, number>> => {
    const text = await (await fetch(`${url}/metrics`, { headers: { connection: 'close' } })).text();
    const labels = { http_route: '/health/ready' };
    return new Map(
      ['1', '2'].map((worker) => [
        worker,
        valueOf(readMetrics(text), 'http_server_request_duration_seconds_count', { ...labels, worker }) ?? 0,
      ]),
    );
  };
  for (let asked = 0; asked < 4; asked++) {
    const each = await counted();
    expect([...each.values()].reduce((sum, count) => sum + count)).toBe(8);
  }

  // A second server is kept from the data folder, though workers hold no lock.
  using other = startServer(['--workers', '2']);
  expect(await other.exited()).toBe(1);
  expect(other.output).toMatch(/in use by process/);

  // One worker dies: its streams are cut and resume, the other's go on, and another takes its place.
  process.kill(workers[0]!, 'SIGKILL');
  await append(runId, 'c');
  for (const stream of streams)
    if ((await stream.until(4)) === 'cut') expect(await (await follow(runId, stream.last())).until(4)).toBe('seen');
  await until(async () => (await workersOf(server)).filter((pid) => !workers.includes(pid)).length === 1);

  const all = [...(await workersOf(server)), server.pid];
  server.child.kill('SIGTERM');
  expect(await server.exited()).toBe(0);
  for (const pid of all) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

let dataDir: string;
let server: Program;
let url: string;

const startServer = (args: string[]): Program => {
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const main = fileURLToPath(new URL('../../../ops/serve/main.ts', import.meta.url));
  const env = cleanEnvironment({
    DATA_DIR: dataDir,
    PORT: '0',
    INGEST_ON_START: 'false',
    RUN_LIBRARIAN: 'false',
    LOG_LEVEL: 'warn',
    DATABASE_URL: '',
    METRICS: 'true',
    SHUTDOWN_TIMEOUT_MS: '2000',
  });
  return startProgram(process.execPath, ['--import', loader, main, ...args], { env });
};

beforeAll(async () => {
  if (!onLinux) return;
  dataDir = await mkdtemp(join(tmpdir(), 'tributary-workers-'));
  server = startServer(['--workers', '2']);
  await until(async () => {
    if (server.child.exitCode !== null) throw new Error(server.output);
    return /^ +GraphiQL +(\S+)\/graphql$/m.test(server.output);
  });
  url = /^ +GraphiQL +(\S+)\/graphql$/m.exec(server.output)![1]!;
}, 180_000);
afterAll(async () => {
  if (!onLinux) return;
  if (server.child.exitCode === null) {
    server.child.kill('SIGTERM');
    await server.exited();
  }
  await rm(dataDir, { recursive: true, force: true });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** The workers among a process's children, which include the embedded store's. */
async function workersOf({ pid }: Program): Promise<number[]> {
  const workers: number[] = [];
  for (const child of await childrenOf(pid)) {
    const environment = await readFile(`/proc/${child}/environ`, 'utf8').catch(() => '');
    if (/(^|\0)NODE_UNIQUE_ID=/.test(environment)) workers.push(child);
    // The embedded store's password is in no environment.
    expect(environment).not.toMatch(/postgres:\/\/\S+:\S+@/);
  }
  return workers;
}

async function ask<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
  // A connection of its own each time; one that the dying worker had is tried again.
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = (await response.json()) as { data: T; errors?: unknown };
      expect(errors).toBeUndefined();
      return data;
    } catch (error) {
      if (attempt === 5 || !(error instanceof TypeError)) throw error;
    }
  }
}
const start = async () =>
  (await ask<{ startRun: { run: { id: string } } }>('mutation { startRun(input: {}) { run { id } } }')).startRun.run.id;
const append = async (runId: string, key: string) =>
  await ask(
    'mutation ($runId: ID!, $key: String!) { appendRunEvents(input: { runId: $runId, idempotencyKey: $key, events: [{ type: CUSTOM, payload: { name: "n", value: 1 } }] }) { run { id } } }',
    { runId, key },
  );
const health = async () =>
  ((await (await fetch(`${url}/health/ready`, { headers: { connection: 'close' } })).json()) as { status: string })
    .status;

async function follow(runId: string, after = 0) {
  const response = await fetch(`${url}/runs/${runId}/events?after=${after}`);
  expect(response.status).toBe(200);
  const reader = response
    .body!.pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>;
  let body = '';
  const last = () => Number([...body.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1] ?? after);
  return {
    last,
    /** Reads until this event has come, or the stream is cut. */
    until: async (id: number): Promise<'seen' | 'cut'> => {
      try {
        while (last() < id) {
          const { done, value } = await reader.read();
          if (done) return 'cut';
          body += value;
        }
        return 'seen';
      } catch {
        return 'cut';
      }
    },
  };
}
