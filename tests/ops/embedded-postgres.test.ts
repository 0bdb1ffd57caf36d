import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { parentProcess } from '#ops/bootstrap/processes.mjs';
import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { waitForExit } from '#ops/embedded/processes.ts';

import { childrenOf, cleanEnvironment, fixturePath, startFixture, type Program } from './program.ts';

interface Started {
  url: string;
  pid: number;
  log: string[];
}

const isRoot = process.getuid?.() === 0;
const onLinux = process.platform === 'linux';
let dataDir: string;

beforeEach(async () => {
  // mkdtemp makes it 0700: nobody but its owner can enter, as with a checkout in a private home.
  dataDir = join(await mkdtemp(join(tmpdir(), 'tributary-test-')), 'postgres');
});

afterEach(async () => {
  await rm(join(dataDir, '..'), { recursive: true, force: true });
});

async function query<T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function kill(host: Program): Promise<void> {
  process.kill(host.pid, 'SIGKILL');
  await host.exited();
}

test('creates, serves, closes and finds its data again', async () => {
  const first = await startEmbeddedPostgres({ dataDir });
  await query(first.url, `CREATE TABLE kept AS SELECT 'bytes' AS value`);
  expect(await query(first.url, 'SHOW server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
  expect(await query(first.url, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
  expect(await query(first.url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
  expect(await query(first.url, `SELECT lower('ÉCOLE') AS lower`)).toEqual([{ lower: 'école' }]);
  await first.close();
  await first.close();
  expect(await waitForExit(first.pid, 1_000)).toBe(true);
  expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(dataDir, 'cluster'))).mode & 0o777).toBe(0o700);

  const log: string[] = [];
  const second = await startEmbeddedPostgres({ dataDir, log: (line) => log.push(line) });
  expect(log.join('\n')).toContain('database system was shut down at');
  expect(await query(second.url, 'SELECT value FROM kept')).toEqual([{ value: 'bytes' }]);
  await second.close();
});

test('its log says nothing of what is stored', async () => {
  const log: string[] = [];
  const postgres = await startEmbeddedPostgres({ dataDir, log: (line) => log.push(line) });
  await query(postgres.url, 'CREATE TABLE kept (value text PRIMARY KEY, number int CHECK (number > 0))');
  await query(postgres.url, "INSERT INTO kept VALUES ('personal', 1)");
  for (const sql of [
    "INSERT INTO kept VALUES ('personal', 1)",
    "INSERT INTO kept VALUES ('personal too', -1)",
    "SELECT 'personal'::int",
    "DO $$ BEGIN RAISE WARNING 'personal'; RAISE EXCEPTION 'personal'; END $$",
  ])
    await query(postgres.url, sql).catch(() => undefined);
  await postgres.close();
  expect(log.join('\n')).not.toContain('personal');
  expect(log.at(-1)).toContain('database system is shut down');
});

test('refuses a wrong password', async () => {
  const postgres = await startEmbeddedPostgres({ dataDir });
  const url = new URL(postgres.url);
  url.password = 'guess';
  await expect(new pg.Client(url.href).connect()).rejects.toThrow(/password authentication failed/);
  await postgres.close();
});

test('no server outlives its parent, and what was committed survives', async () => {
  using host = startFixture('postgres-host.ts', [dataDir]);
  const { url, pid } = await host.next<Started>();
  const supervisor = (await parentProcess(pid))!;
  const client = new pg.Client(url);
  await client.connect();
  client.on('error', () => {});
  await client.query('CREATE TABLE kept (value int)');
  await client.query('INSERT INTO kept VALUES (1)');
  await kill(host);
  expect(await waitForExit(pid, 20_000)).toBe(true);
  expect(await waitForExit(supervisor, 5_000)).toBe(true);

  const next = await startEmbeddedPostgres({ dataDir });
  expect(await query(next.url, 'SELECT value FROM kept')).toEqual([{ value: 1 }]);
  await next.close();
});

test('signals to the process group leave the server to the parent, which closes it', async () => {
  using host = startFixture('postgres-host.ts', [dataDir], { detached: true });
  const { pid } = await host.next<Started>();
  process.kill(-host.pid, 'SIGTERM');
  const { answer, log } = await host.next<{ answer: number; log: string[] }>();
  expect(answer).toBe(42);
  expect(log.at(-1)).toContain('database system is shut down');
  expect(await host.exited()).toBe(0);
  expect(await waitForExit(pid, 1_000)).toBe(true);
});

test.runIf(onLinux)('ends when its supervisor is killed, and says so', async () => {
  const postgres = await startEmbeddedPostgres({ dataDir });
  process.kill((await parentProcess(postgres.pid))!, 'SIGKILL');
  expect(await postgres.exited).toMatchObject({ signal: 'SIGKILL' });
  expect(await waitForExit(postgres.pid, 1_000)).toBe(true);
  await postgres.close();
});

test.runIf(onLinux)('stops the server of a previous life whose watchdog was killed too', async () => {
  using host = startFixture('postgres-host.ts', [dataDir]);
  const { url, pid } = await host.next<Started>();
  await query(url, 'CREATE TABLE kept AS SELECT 1 AS value');
  const supervisor = (await parentProcess(pid))!;
  const watchers = (await childrenOf(supervisor)).filter((child) => child !== pid);
  // A host that still runs would stop the server itself, once it sees its supervisor gone.
  process.kill(host.pid, 'SIGSTOP');
  while (!/^\d+ \(.*\) T /.test(await readFile(`/proc/${host.pid}/stat`, 'utf8'))) await setImmediate();
  for (const watchdog of [supervisor, ...watchers]) process.kill(watchdog, 'SIGKILL');
  await kill(host);
  expect(await parentProcess(pid)).toBeDefined();

  const log: string[] = [];
  const next = await startEmbeddedPostgres({ dataDir, log: (line) => log.push(line) });
  expect(log[0]).toContain(`process ${pid}`);
  expect(await waitForExit(pid, 1_000)).toBe(true);
  expect(await query(next.url, 'SELECT value FROM kept')).toEqual([{ value: 1 }]);
  await next.close();
});

test('recovers when the server and everything around it were killed at once', async () => {
  using host = startFixture('postgres-host.ts', [dataDir]);
  const { url, pid } = await host.next<Started>();
  await query(url, 'CREATE TABLE kept AS SELECT 1 AS value');
  process.kill(pid, 'SIGKILL');
  await kill(host);

  const log: string[] = [];
  const next = await startEmbeddedPostgres({ dataDir, log: (line) => log.push(line) });
  expect(log.join('\n')).toContain('was not properly shut down; automatic recovery in progress');
  expect(await query(next.url, 'SELECT value FROM kept')).toEqual([{ value: 1 }]);
  await next.close();
});

test('a second start on the same folder is refused and harms nothing', async () => {
  using host = startFixture('postgres-host.ts', [dataDir]);
  const { url } = await host.next<Started>();
  await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
    code: 'DATA_FOLDER_LOCKED',
    message: expect.stringMatching(new RegExp(`in use by process ${host.pid} .*DATA_DIR and PORT`)) as string,
  });
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  host.child.kill('SIGTERM');
  expect(await host.exited()).toBe(0);
});

test.each([
  ['a process that is gone', () => 2_147_483_646],
  ['a process that is not PostgreSQL', () => process.pid],
])("a lock file of %s is in nobody's way", async (_, stale) => {
  await (await startEmbeddedPostgres({ dataDir })).close();
  const lockFile = join(dataDir, 'cluster', 'postmaster.pid');
  await writeFile(lockFile, `${stale()}\n/elsewhere\n1\n5432\n\n127.0.0.1\n  0 0\nready   \n`);
  const { uid, gid } = await stat(join(dataDir, 'cluster'));
  chownSync(lockFile, uid, gid);
  chmodSync(lockFile, 0o600);
  const postgres = await startEmbeddedPostgres({ dataDir });
  expect(await query(postgres.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await postgres.close();
});

test('an interrupted creation leaves nothing in the way', async () => {
  await mkdir(join(dataDir, 'cluster.new-abc', 'base'), { recursive: true });
  const postgres = await startEmbeddedPostgres({ dataDir });
  await expect(stat(join(dataDir, 'cluster.new-abc'))).rejects.toThrow(/ENOENT/);
  await postgres.close();
});

test('data of another major version is left alone', async () => {
  await mkdir(join(dataDir, 'cluster'), { recursive: true });
  await writeFile(join(dataDir, 'cluster', 'PG_VERSION'), '17\n');
  await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
    code: 'EMBEDDED_STORE_DATA',
    message: expect.stringContaining('PostgreSQL 17') as string,
  });
  expect(await readFile(join(dataDir, 'cluster', 'PG_VERSION'), 'utf8')).toBe('17\n');
});

test('settings that the server does not take are reported with its words', async () => {
  await expect(startEmbeddedPostgres({ dataDir, settings: { shared_buffers: 'plenty' } })).rejects.toThrow(
    /invalid value.*shared_buffers/s,
  );
  // The failure let go of the folder.
  await (await startEmbeddedPostgres({ dataDir })).close();
});

test.runIf(isRoot)('works for an ordinary user', async ({ skip }) => {
  const nobody = {
    uid: Number(execFileSync('id', ['-u', 'nobody'])),
    gid: Number(execFileSync('id', ['-g', 'nobody'])),
  };
  try {
    execFileSync('cat', [fixturePath('postgres-host.ts')], { ...nobody, stdio: 'ignore' });
  } catch {
    skip('this checkout is in a folder that other users cannot enter');
  }
  const home = join(dataDir, '..');
  chownSync(home, nobody.uid, nobody.gid);
  // The temporary folder is its own, so that nothing of another user's is in its way there.
  using host = startFixture('postgres-host.ts', [dataDir], {
    ...nobody,
    env: cleanEnvironment({ HOME: home, TMPDIR: home }),
  });
  const { url } = await host.next<Started>();
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  host.child.kill('SIGTERM');
  expect(await host.exited()).toBe(0);
});
