/** A drill from files into a bucket of a real S3 server, and back into a folder: the same rows and objects. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backupCommand } from '#ops/backup/command.ts';
import { readBackup } from '#ops/backup/manifest.ts';
import { createBucket } from '#tests/setup/bucket.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { S3, s3Variables } from '#tests/setup/given-stores.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import { startTestServer } from '#tests/setup/server.ts';
import { writeEverything } from '#tests/setup/tenant-data.ts';

describe.skipIf(!S3.endpoint)('backup and restore (TEST_S3_ENDPOINT)', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'backup-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('files into S3, and back: the same rows and objects', async () => {
    await using server = await startTestServer();
    await using database = await createTestDatabase();
    await writeEverything(server, 'acme', 'word');
    await delivered(server);
    const bucket = `backup-${randomBytes(6).toString('hex')}`;
    await createBucket({ ...S3, endpoint: S3.endpoint! }, bucket);
    const files = { DATABASE_URL: server.databaseUrl, DATA_DIR: server.dataDir, LOG_LEVEL: 'error' };
    const s3 = {
      DATABASE_URL: database.url,
      DATA_DIR: join(folder, 'data'),
      LOG_LEVEL: 'error',
      ...s3Variables(S3.endpoint!, bucket),
    };
    const said: string[] = [];
    const output = { out: (line: string) => void said.push(line), err: (line: string) => void said.push(line) };
    const [first, second] = [join(folder, 'first'), join(folder, 'second')];
    expect(await backupCommand('backup', ['--to', first], files, output), said.join('\n')).toBe(0);
    expect(await backupCommand('restore', ['--from', first], s3, output), said.join('\n')).toBe(0);
    expect(await backupCommand('backup', ['--to', second], s3, output), said.join('\n')).toBe(0);

    const [before, after] = [await readBackup(first), await readBackup(second)];
    expect(before.objects).toBeGreaterThan(0);
    expect(after.tables).toEqual(before.tables);
    expect(after.sequences).toEqual(before.sequences);
    const objects = async (of: string): Promise<string[]> =>
      (await readFile(join(of, 'objects.jsonl'), 'utf8')).split('\n').sort();
    expect(await objects(second)).toEqual(await objects(first));
  }, 60_000);
});
