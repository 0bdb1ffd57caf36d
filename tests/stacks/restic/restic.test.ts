/** The lines of docs/stacks/restic.md, as they stand there: two nights of a server in use, a backup that is killed, and the drill. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backupCommand } from '#ops/backup/command.ts';
import { readBackup } from '#ops/backup/manifest.ts';
import { cleanEnvironment } from '#tests/ops/program.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { writeEverything } from '#tests/setup/tenant-data.ts';
import type { StackProgram } from '../provision/of-debian.ts';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const given = process.env['TEST_RESTIC'];
const run = promisify(execFile);

describe.skipIf(!given)('Restic (TEST_RESTIC)', () => {
  let place: string;
  let server: TestServer;
  let target: TestDatabase;
  let env: Record<string, string>;
  /** `restic init`, each night, the drill. */
  let [init, night, drill]: string[] = [];

  beforeAll(async () => {
    place = await mkdtemp(join(tmpdir(), 'restic-'));
    server = await startTestServer();
    target = await createTestDatabase();
    const program = JSON.parse(given!) as StackProgram;
    const password = join(place, 'password');
    await writeFile(password, 'of the repository', { mode: 0o600 });
    await mkdir(join(place, 'nights'));
    env = {
      ...cleanEnvironment(),
      ...program.env,
      PATH: `${dirname(program.command)}:${process.env['PATH']}`,
      HOME: place,
      RESTIC_REPOSITORY: join(place, 'repository'),
      RESTIC_PASSWORD_FILE: password,
      FOLDER: join(place, 'nights', 'backup'),
      RESTORED: join(place, 'restored'),
      DATABASE_URL: server.databaseUrl,
      DATA_DIR: server.dataDir,
      LOG_LEVEL: 'error',
    };
    const page = await readFile(join(PROJECT, 'docs/stacks/restic.md'), 'utf8');
    const blocks = [...page.matchAll(/```sh\n([^]*?)```/g)].map(([, lines]) => lines!);
    expect(blocks).toHaveLength(4);
    [, init, night, drill] = blocks;
  }, 120_000);
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await target?.[Symbol.asyncDispose]();
    await rm(place, { recursive: true, force: true });
  });

  const shell = async (lines: string, more: object = {}) =>
    (await run('sh', ['-c', lines], { cwd: PROJECT, env: { ...env, ...more }, timeout: 120_000 })).stdout;
  const snapshots = async () => JSON.parse(await shell('restic snapshots --json')) as { id: string; tags: string[] }[];

  test('what was kept on the second night is what the drill puts back', async () => {
    await writeEverything(server, 'acme', 'first');
    await delivered(server);
    await shell(init!);
    await shell(night!);
    const [first] = await snapshots();
    expect(first?.tags).toEqual(['tributary']);
    await expect(stat(env['FOLDER']!)).rejects.toThrow('ENOENT');

    // Killed as it begins to write into the repository: what was kept stays, and the next night goes on.
    await shell('npm run -s backup -- --to "$FOLDER"');
    const killed = spawn('restic', ['backup', '--tag', 'tributary', '--json', env['FOLDER']!], { env, cwd: PROJECT });
    await once(killed.stdout, 'data');
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    await shell('restic unlock && restic check --read-data');
    expect((await snapshots()).map(({ id }) => id)).toContain(first!.id);

    await writeEverything(server, 'globex', 'second');
    await delivered(server);
    await shell(night!);
    // One of a day is kept.
    const kept = await snapshots();
    expect(kept).toHaveLength(1);
    expect(kept[0]!.id).not.toBe(first!.id);

    const into = { DATABASE_URL: target.url, DATA_DIR: join(place, 'data') };
    await shell(drill!, into);
    const restored = await readBackup(join(`${env['RESTORED']}${env['FOLDER']}`));
    const again = join(place, 'again');
    const said: string[] = [];
    const output = { out: (line: string) => void said.push(line), err: (line: string) => void said.push(line) };
    expect(await backupCommand('backup', ['--to', again], { ...into, LOG_LEVEL: 'error' }, output), said.join()).toBe(
      0,
    );
    const after = await readBackup(again);
    expect(after.tables).toEqual(restored.tables);
    expect(after.sequences).toEqual(restored.sequences);
    expect(after.objects).toBe(restored.objects);
    expect(restored.objects).toBeGreaterThan(0);
    const { rows } = restored.tables['relational.documents'] as unknown as { rows: number };
    expect(rows).toBeGreaterThan(2);
  }, 300_000);

  test('a night that fails leaves what was kept, and says so', async () => {
    const before = await snapshots();
    await expect(shell(night!, { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })).rejects.toMatchObject({
      code: expect.any(Number) as number,
    });
    await expect(shell(night!, { RESTIC_PASSWORD_FILE: join(place, 'none') })).rejects.toMatchObject({ code: 1 });
    expect(await snapshots()).toEqual(before);
  }, 120_000);
});
