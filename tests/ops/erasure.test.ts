/**
 * `npm run erase-tenant` on what is embedded: nothing of the tenant is left, everything of another is as it was. Writes meanwhile, and
 * other stores, are in tests/stores/erasure.test.ts.
 */
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eraseCommand } from '#ops/erasure/command.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { rowsOf, rowsWith, writeEverything } from '#tests/setup/tenant-data.ts';
import { cleanEnvironment } from './program.ts';

const PROGRAM = fileURLToPath(new URL('../../ops/erase-tenant.ts', import.meta.url));
const [GONE, KEPT] = ['canaryquetzal', 'canaryokapi'];

let server: TestServer;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'erasure-'));
  server = await startTestServer();
  env = { DATABASE_URL: server.databaseUrl, DATA_DIR: server.dataDir, LOG_LEVEL: 'error' };
  for (const tenantId of ['acme', 'acme.north']) await writeEverything(server, tenantId, GONE);
  // Names that begin alike are other tenants.
  for (const tenantId of ['globex', 'acme2', 'ac', 'ACME']) await writeEverything(server, tenantId, KEPT);
  await delivered(server);
}, 120_000);
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function run(...args: string[]) {
  const [lines, errors]: [string[], string[]] = [[], []];
  const output = { out: (line: string) => void lines.push(line), err: (line: string) => void errors.push(line) };
  const code = await eraseCommand(args, env, output);
  const told = lines.join('\n');
  return { code, told, errors: errors.join('\n'), json: <T>() => JSON.parse(told) as T };
}

interface Told {
  tenantIds: string[];
  found: Record<string, Record<string, number>>;
  erased: Record<string, Record<string, number>>;
  complete: boolean;
  report: string;
}

/** Files of the store of objects in which the word stands, in their names or bytes. */
async function filesWith(word: string): Promise<string[]> {
  const entries = await readdir(join(server.dataDir, 'objects'), { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (path.includes(word) || (entry.isFile() && (await readFile(path)).includes(word))) found.push(path);
  }
  return found.sort();
}

const untouched = async () => ({
  rows: await Promise.all(['globex', 'acme2', 'ac', 'ACME'].map((tenantId) => rowsOf(server.databaseUrl, tenantId))),
  files: await filesWith(KEPT),
});

test('without --yes it counts, and erases nothing', async () => {
  const before = await rowsOf(server.databaseUrl, 'acme');
  const { code, json, errors } = await run('--tenant', 'acme');
  expect(code).toBe(0);
  expect(errors).toMatch(/Nothing was erased/);
  const { tenantIds, found } = json<Told>();
  expect(tenantIds).toEqual(['acme', 'acme.north']);
  expect(found['postgres']).toMatchObject({ 'relational.documents': 6, 'runs.runs': 2, 'relational.messages': 2 });
  expect(found['files']!['objects']).toBeGreaterThanOrEqual(8);
  expect(await rowsOf(server.databaseUrl, 'acme')).toEqual(before);
});

test('killed at any moment, it goes on; a project alone may be erased', async () => {
  const before = await untouched();
  const killedAfter = [0, 1, 2];
  for (const steps of killedAfter) {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', PROGRAM, '--tenant', 'acme', '--project', 'north', '--yes'],
      {
        env: cleanEnvironment(env),
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let [seen, ended] = [0, false];
    await new Promise<void>((resolve) => {
      child.once('exit', () => ((ended = true), resolve()));
      child.stderr.on('data', () => {
        seen += 1;
        if (seen > steps) child.kill('SIGKILL');
      });
    });
    expect(ended).toBe(true);
  }
  const { code, json } = await run('--tenant', 'acme', '--project', 'north', '--yes');
  expect(code).toBe(0);
  const { erased, found, complete } = json<Told>();
  expect(complete).toBe(true);
  // What was found is what there was when it began, whoever was killed since.
  if (Object.keys(erased).length > 0) expect(found['postgres']).toMatchObject({ 'relational.documents': 3 });
  expect(await rowsWith(server.databaseUrl, 'acme.north')).toEqual({});
  expect((await rowsOf(server.databaseUrl, 'acme'))['relational.documents']).toHaveLength(3);
  expect(await untouched()).toEqual(before);
}, 120_000);

test('nothing is left, and everything of others is as it was', async () => {
  const before = await untouched();
  const { code, json, errors } = await run('--tenant', 'acme', '--yes', '--report', join(folder, 'report.json'));
  expect(errors).toMatch(/Everything of acme is erased/);
  expect(code).toBe(0);
  expect(json<Told>()).toMatchObject({ complete: true, tenantIds: expect.arrayContaining(['acme']) as string[] });

  expect(await rowsWith(server.databaseUrl, GONE)).toEqual({});
  expect(await rowsOf(server.databaseUrl, 'acme')).toEqual({});
  expect(await filesWith(GONE)).toEqual([]);
  expect(await readdir(join(server.dataDir, 'objects'))).not.toContain('t~acme');
  expect(await untouched()).toEqual(before);
  expect((await run('--tenant', 'acme')).json<Told>().found).toEqual({});
}, 120_000);

test('the report can be verified, and not be altered', async () => {
  const report = join(folder, 'report.json');
  expect(await run('--verify', report)).toMatchObject({ code: 0 });
  const publicKey = join(folder, 'public.pem');
  await writeFile(publicKey, (await run('--public-key')).told);
  expect(await run('--verify', report, '--key', publicKey)).toMatchObject({ code: 0 });
  const altered = join(folder, 'altered.json');
  const signed = JSON.parse(await readFile(report, 'utf8')) as Record<string, string>;
  for (const change of [
    { report: signed['report']!.replace('acme', 'acne') },
    { sha256: '0'.repeat(64) },
    { signature: Buffer.alloc(64).toString('base64') },
    { algorithm: 'none' },
  ]) {
    await writeFile(altered, JSON.stringify({ ...signed, ...change }));
    expect(await run('--verify', altered), JSON.stringify(change)).toMatchObject({ code: 1, told: '' });
  }
  const other = generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString();
  await writeFile(publicKey, other);
  expect(await run('--verify', report, '--key', publicKey)).toMatchObject({ code: 1 });
  await writeFile(altered, 'nonsense');
  expect((await run('--verify', altered)).code).toBe(2);
});

test('a configured key signs, and one of another kind is refused before anything is erased', async () => {
  const pem = (type: 'ed25519' | 'x25519'): string =>
    (type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519')).privateKey
      .export({ format: 'pem', type: 'pkcs8' })
      .toString();
  const given = env;
  try {
    env = { ...given, ERASURE_SIGNING_KEY: pem('x25519') };
    expect((await run('--tenant', 'nobody', '--yes')).code).toBe(2);
    env = { ...given, ERASURE_SIGNING_KEY: pem('ed25519') };
    const report = join(folder, 'configured.json');
    expect((await run('--tenant', 'nobody', '--yes', '--report', report)).code).toBe(0);
    expect((await run('--verify', report)).code).toBe(0);
    env = given;
    expect((await run('--verify', report)).code).toBe(1);
  } finally {
    env = given;
  }
});

test('it says how it is used, and takes names of tenants alone', async () => {
  for (const args of [
    [],
    ['--tenant', 'a.b'],
    ['--tenant', '%'],
    ['--tenant', 'a', '--project', '../b'],
    ['--nonsense'],
  ])
    expect(await run(...args), args.join(' ')).toMatchObject({ code: 2, told: '' });
});
