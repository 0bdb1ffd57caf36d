/**
 * Full disks, real ones: a small file system in memory, which only root may mount, under the file driver and under
 * PostgreSQL.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { graphql } from 'graphql';
import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { createObject } from '#subgraphs/object/index.ts';
import { filesError } from '#subgraphs/object/drivers/files/errors.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { toStoreError } from '#subgraphs/shared/postgres/errors.ts';
import { startTestServer } from '#tests/setup/server.ts';
import { ask, figure } from './asking.ts';

const figures: string[] = [];
afterAll(() => console.log(['', ...figures, ''].join('\n')));

interface Disk extends Disposable {
  readonly folder: string;
  /** Fills what is free, to the last byte. */
  fill(): Promise<void>;
  free(): Promise<void>;
}

function smallDisk(megabytes: number): Disk {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tributary-test', folder]);
  const ballast = join(folder, 'ballast');
  return {
    folder,
    fill: async () => {
      const file = await open(ballast, 'a');
      for (const size of [1 << 20, 4_096, 1]) {
        for (;;)
          if (
            await file.write(Buffer.alloc(size)).then(
              () => false,
              () => true,
            )
          )
            break;
      }
      await file.close();
    },
    free: () => rm(ballast),
    [Symbol.dispose]: () => {
      // Lazily: a server that was ended a moment ago may still hold a file.
      execFileSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Has PostgreSQL keep write-ahead log files for what is written next. Where it is the log for which there is no space,
 * PostgreSQL stops as a whole and recovers, which is another fault than that tables cannot grow.
 */
async function spareWal(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    // New files, of which the checkpoint makes files to come.
    for (let n = 0; n < 4; n++) {
      await client.query('SELECT pg_current_xact_id()'); // An empty file is not switched.
      await client.query('SELECT pg_switch_wal()');
    }
    await client.query('CHECKPOINT');
    const { rows } = await client.query<{ ahead: number }>(
      `SELECT count(*)::int AS ahead FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' AND name > pg_walfile_name(pg_current_wal_lsn())`,
    );
    expect(rows[0]!.ahead).toBeGreaterThan(1);
  } finally {
    await client.end();
  }
}

function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    using _ = smallDisk(1);
    return true;
  } catch {
    return false;
  }
}

test('what systems say of a full disk is told as such', () => {
  const full = (code: string) => Object.assign(new Error('no space left on device'), { code });
  for (const error of [filesError(full('ENOSPC')), filesError(full('EDQUOT')), toStoreError(full('53100'))]) {
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', cause: expect.any(Error) as Error });
    expect(`${(error as Error).message} ${(error as { extensions: { hint: string } }).extensions.hint}`).toMatch(
      /full/,
    );
  }
});

describe.skipIf(!canMount())('on a full disk', () => {
  test('the file driver refuses, keeps what it has, leaves no remains, and goes on once there is space', async () => {
    using disk = smallDisk(8);
    const subgraph = await createObject({
      driver: {
        kind: 'files',
        dataDir: disk.folder,
        signingKey: randomBytes(32),
        publicBaseUrl: () => 'http://127.0.0.1',
      },
    });
    const run = async (tenantId: string, source: string) =>
      await graphql({
        schema: subgraph.schema,
        source,
        contextValue: createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [] }),
      });
    const text = 'x'.repeat(700_000);
    const put = (tenantId: string, key: string) =>
      run(
        tenantId,
        `mutation { putObject(input: { key: "${key}", contentType: "text/plain", content: "${text}", encoding: UTF8 }) { object { key } } }`,
      );
    const acknowledged: [string, string][] = [];
    let refused: unknown;
    for (let n = 0; refused === undefined && n < 50; n++) {
      const tenant = n % 2 === 0 ? 'a' : 'b';
      const { data, errors } = await put(tenant, `key-${n}`);
      if (data?.['putObject']) acknowledged.push([tenant, `key-${n}`]);
      else refused = errors?.[0]?.extensions;
    }
    expect(acknowledged.length).toBeGreaterThan(3);
    expect(refused).toMatchObject({ code: 'STORE_UNAVAILABLE', hint: expect.stringContaining('DATA_DIR') as string });
    const files = async () =>
      (await readdir(disk.folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length;
    const held = await files();
    for (let n = 0; n < 20; n++) expect((await put('a', `more-${n}`)).errors).toHaveLength(1);
    expect(await files()).toBe(held);
    const readAll = async () => {
      for (const [tenant, key] of acknowledged)
        expect((await run(tenant, `{ object(key: "${key}") { sizeBytes } }`)).data, key).toEqual({
          object: { sizeBytes: text.length },
        });
    };
    await readAll();
    expect((await run('a', 'mutation { deleteObject(input: { key: "key-0" }) { key } }')).errors).toBeUndefined();
    acknowledged.shift();
    expect((await put('b', 'after')).errors).toBeUndefined();
    await readAll();
    await subgraph.close();
    figures.push(
      figure(
        'files',
        `disk full (${acknowledged.length} objects, all kept)`,
        '–',
        ['STORE_UNAVAILABLE'],
        undefined,
        '–',
        'the first write after space was freed',
      ),
    );
  }, 60_000);

  test('PostgreSQL refuses writes, goes on reading, and writes again once there is space', async () => {
    using disk = smallDisk(200);
    const postgres = await startEmbeddedPostgres({ dataDir: join(disk.folder, 'postgres') });
    try {
      await using server = await startTestServer({ DATABASE_URL: postgres.url, LOG_LEVEL: 'silent' });
      const upsert = (source: string) =>
        ask(
          server.url,
          'mutation ($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }',
          {
            // Random, so that it is as long when it is compressed.
            input: { title: source, source, mediaType: 'text/plain', text: randomBytes(150_000).toString('base64') },
          },
        );
      const sources = async () => {
        const { data, errors, ms } = await ask(
          server.url,
          '{ documents(first: 100) { edges { node { source } } } embed(input: ["a word"]) { dimensions } }',
        );
        expect(errors).toBeUndefined();
        return {
          ms,
          sources: (data!['documents'] as { edges: { node: { source: string } }[] }).edges.map(
            ({ node }) => node.source,
          ),
        };
      };
      const acknowledged: string[] = [];
      for (let n = 0; n < 5; n++) {
        expect((await upsert(`before-${n}`)).errors).toBeUndefined();
        acknowledged.push(`before-${n}`);
      }
      await spareWal(postgres.url);
      await disk.fill();
      let slowest = 0;
      const codes = new Set<string>();
      // What is free inside of PostgreSQL's own files may take a few.
      for (let n = 0; n < 25 && codes.size === 0; n++) {
        const { errors, ms } = await upsert(`full-${n}`);
        slowest = Math.max(slowest, ms);
        if (errors === undefined) acknowledged.push(`full-${n}`);
        for (const { extensions } of errors ?? []) codes.add(`${extensions.code}: ${extensions.hint}`);
      }
      expect([...codes]).toEqual([expect.stringMatching(/^STORE_UNAVAILABLE: .*disk is full/)]);
      for (let n = 0; n < 5; n++) expect((await sources()).sources.sort()).toEqual([...acknowledged].sort());
      await disk.free();
      expect((await upsert('after')).errors).toBeUndefined();
      acknowledged.push('after');
      expect((await sources()).sources.sort()).toEqual([...acknowledged].sort());
      figures.push(
        figure(
          'postgres',
          `disk full (${acknowledged.length} acknowledged writes, all kept)`,
          'reads whole',
          ['STORE_UNAVAILABLE'],
          slowest,
          '–',
          'the first write after space was freed',
        ),
      );
    } finally {
      await postgres.close();
    }
  }, 90_000);
});
