/** `npm run backup` and `npm run restore`: a drill that compares everything, while somebody writes; what is not whole is never taken for it. */
import { spawn } from 'node:child_process';
import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reconcile, type Difference } from '#gateway/indexing/reconcile.ts';
import { systemCalls } from '#gateway/indexing/subgraph-call.ts';
import type { Sources } from '#ops/backup/backup.ts';
import { restore } from '#ops/backup/restore.ts';
import { backupCommand } from '#ops/backup/command.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { rowsOf, writeDocument, writeEverything } from '#tests/setup/tenant-data.ts';
import { cleanEnvironment } from './program.ts';

const PROGRAM = fileURLToPath(new URL('../../ops/backup.ts', import.meta.url));
const TENANTS = ['acme', 'globex'];

let server: TestServer;
let target: TestDatabase;
let folder: string;
let env: Record<string, string>;
let into: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backup-'));
  server = await startTestServer();
  target = await createTestDatabase();
  env = { DATABASE_URL: server.databaseUrl, DATA_DIR: server.dataDir, LOG_LEVEL: 'error' };
  into = { DATABASE_URL: target.url, DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'error' };
  for (const tenantId of TENANTS) {
    await writeEverything(server, tenantId, `word-of-${tenantId}`);
    await writeDocument(server, tenantId, 'odd "quoted" \\ {1,NULL} (a,b) \' é 😀', `word-of-${tenantId}`);
  }
  await delivered(server);
}, 120_000);
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await target?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function run(does: 'backup' | 'restore', args: string[], given = does === 'backup' ? env : into) {
  const [lines, errors]: [string[], string[]] = [[], []];
  const output = { out: (line: string) => void lines.push(line), err: (line: string) => void errors.push(line) };
  return { code: await backupCommand(does, args, given, output), told: lines.join('\n'), errors: errors.join('\n') };
}
const at = (name: string): string => join(folder, name);
const everything = (url: string) => Promise.all(TENANTS.map((tenantId) => rowsOf(url, tenantId)));

/** Paths and bytes of all objects, where the bytes hold no times. */
async function objectsOf(dataDir: string): Promise<string[]> {
  const root = join(dataDir, 'objects');
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.parentPath.includes('t~'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort();
}

test('what is restored is what was there: every row, every sequence, every object', async () => {
  const before = await everything(server.databaseUrl);
  expect(await run('backup', ['--to', at('quiet')])).toMatchObject({ code: 0 });
  expect(await run('backup', ['--verify', at('quiet')])).toMatchObject({ code: 0 });
  const { code, errors, told } = await run('restore', ['--from', at('quiet')]);
  expect(errors).toMatch(/Restored from .*, and compared/);
  expect(code).toBe(0);
  expect(JSON.parse(told)).toMatchObject({ rows: { 'relational.documents': 8, 'runs.runs': 2 } });
  expect(await everything(target.url)).toEqual(before);
  expect(await objectsOf(into['DATA_DIR']!)).toEqual(await objectsOf(server.dataDir));
  // New rows go on behind those of the backup.
  const sequences = async (url: string): Promise<unknown> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client
      .query(
        `SELECT schemaname, sequencename, last_value FROM pg_sequences WHERE schemaname IN ('relational', 'vector', 'runs') ORDER BY 1, 2`,
      )
      .finally(() => client.end());
    return rows;
  };
  expect(await sequences(target.url)).toEqual(await sequences(server.databaseUrl));
}, 60_000);

test('a target that is not empty is left alone, unless it is to be replaced', async () => {
  const before = await everything(target.url);
  expect(await run('restore', ['--from', at('quiet')])).toMatchObject({
    code: 1,
    errors: expect.stringMatching(/not empty .*: name another one in DATABASE_URL, or say --replace/) as string,
  });
  const filled = { beginLoad: () => Promise.resolve({ filled: ['relational.documents'], servers: 0 }) };
  const embedded = { namedBy: 'DATA_DIR', postgres: filled } as unknown as Sources;
  const given = { replace: false, migrate: () => Promise.resolve(), signal: AbortSignal.timeout(60_000) };
  const objects = {} as unknown as Sources['objects'];
  await expect(restore({ ...embedded, objects }, at('quiet'), given)).rejects.toThrow(
    /name another one in DATA_DIR, or/,
  );
  expect(await everything(target.url)).toEqual(before);
  expect(await run('restore', ['--from', at('quiet'), '--replace'])).toMatchObject({ code: 0 });
  expect(await everything(target.url)).toEqual(before);
}, 60_000);

test('a database that a server uses is left alone', async () => {
  expect(await run('restore', ['--from', at('quiet'), '--replace'], env)).toMatchObject({
    code: 1,
    errors: expect.stringMatching(/A server is connected/) as string,
  });
}, 60_000);

test('made while somebody writes, a server on it has whatever its rows refer to', async () => {
  const writing = new AbortController();
  let written = 0;
  const writer = (async () => {
    while (!writing.signal.aborted) await writeDocument(server, 'acme', `meanwhile-${(written += 1)}`, 'meanwhile');
  })();
  const made = await run('backup', ['--to', at('busy')]);
  writing.abort();
  await writer;
  expect(made).toMatchObject({ code: 0 });
  expect(written).toBeGreaterThan(0);
  expect(await run('restore', ['--from', at('busy'), '--replace'])).toMatchObject({ code: 0 });
  const restored = await startTestServer(into);
  try {
    await delivered(restored);
    const call = systemCalls(restored.services.clients, new AbortController().signal);
    const differences: Difference[] = [];
    await reconcile({ call, mend: false, onDifference: (difference) => differences.push(difference) });
    // Nothing is missing. What was written behind the moment may have left bytes that no row speaks of, which `--mend` removes.
    expect(differences.filter(({ kind }) => kind !== 'ORPHAN')).toEqual([]);
    expect(differences.filter(({ store }) => store !== 'OBJECT')).toEqual([]);
  } finally {
    await restored[Symbol.asyncDispose]();
  }
}, 120_000);

test('one that was killed is no backup, and the next one clears it away', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, '--to', at('killed')], {
    env: cleanEnvironment(env),
    stdio: 'ignore',
  });
  const isBegun = async (): Promise<boolean> =>
    (await readdir(folder)).some((name) => name.startsWith('.killed.draft-'));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  while (child.exitCode === null && !(await isBegun())) await new Promise((resolve) => setImmediate(resolve));
  child.kill('SIGKILL');
  await ended;
  if (await isBegun()) {
    const draft = (await readdir(folder)).find((name) => name.startsWith('.killed.draft-'))!;
    expect(await run('restore', ['--from', at(draft), '--replace'])).toMatchObject({ code: 1 });
    expect(await readdir(folder)).not.toContain('killed');
    expect(await run('backup', ['--to', at('killed')])).toMatchObject({ code: 0 });
  }
  expect(await isBegun()).toBe(false);
}, 60_000);

test('what was altered, or is missing, is refused before anything is touched', async () => {
  const before = await everything(target.url);
  const alter = async (change: (copy: string) => Promise<unknown>): Promise<void> => {
    const copy = at(`altered-${Math.random()}`);
    await cp(at('quiet'), copy, { recursive: true });
    await change(copy);
    expect(await run('restore', ['--from', copy, '--replace'])).toMatchObject({ code: 1, told: '' });
    expect(await run('backup', ['--verify', copy])).toMatchObject({ code: 1, told: '' });
  };
  await alter((copy) => appendFile(join(copy, 'postgres/relational.documents.jsonl'), '\n'));
  await alter((copy) => rm(join(copy, 'objects.jsonl')));
  await alter((copy) => rm(join(copy, 'manifest.json')));
  await alter(async (copy) => {
    const text = await readFile(join(copy, 'manifest.json'), 'utf8');
    await writeFile(join(copy, 'manifest.json'), text.replace('relational.documents', 'relational.documentz'));
  });
  expect(await everything(target.url)).toEqual(before);
}, 60_000);

test('a user who may not see all rows is told so; an existing folder is not written into', async () => {
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  const role = `backup_${Date.now()}`;
  try {
    await client.query(
      `CREATE ROLE ${role} LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA relational, graph, vector, inference, runs TO ${role}`,
    );
    await client.query(`GRANT SELECT ON ALL TABLES IN SCHEMA relational, graph, vector, inference, runs TO ${role}`);
    const url = new URL(server.databaseUrl);
    [url.username, url.password] = [role, 'p'];
    expect(await run('backup', ['--to', at('refused')], { ...env, DATABASE_URL: url.href })).toMatchObject({
      code: 2,
      errors: expect.stringMatching(/may not copy all rows.*BYPASSRLS/s) as string,
    });
    expect(await readdir(folder)).not.toContain('refused');
  } finally {
    await client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    await client.end();
  }
  expect(await run('backup', ['--to', at('quiet')])).toMatchObject({ code: 1 });
  expect(await run('backup', [])).toMatchObject({ code: 2 });
}, 60_000);
