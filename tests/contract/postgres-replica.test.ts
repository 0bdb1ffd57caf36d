/**
 * A read replica of PostgreSQL, real: reads go there while it has what the tenant wrote, and nowhere is anything stale
 * or lost.
 */
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { positionOf, type ReplicaState } from '#subgraphs/shared/postgres/replica.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { silence } from '#tests/stores/absent/absent.ts';

const as = (tenantId: string) => createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [] });
const system = createRequestContext({ tenantId: 'system', subject: 'test', roles: [], scopes: [], system: true });
const WHERE = { sql: 'SELECT pg_is_in_recovery() AS replica', parameters: [] };
const FACTS = {
  sql: 'SELECT pg_is_in_recovery() AS replica, (SELECT count(*)::int FROM relational.memory_facts) AS facts',
  parameters: [],
};
const SETTINGS = { fsync: 'off', wal_level: 'replica', max_wal_senders: '4', wal_keep_size: '64MB', hot_standby: 'on' };

let folder: string;
let primary: EmbeddedPostgres;
let standby: EmbeddedPostgres;
let postgres: Postgres;
let changes: ReplicaState[];
let facts = 0;

async function sql<Row>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query(text).finally(() => client.end());
  return rows as Row[];
}
const startStandby = () =>
  startEmbeddedPostgres({ dataDir: join(folder, 'standby'), settings: { ...SETTINGS, primary_conninfo: conninfo() } });
function conninfo(): string {
  const { username, password, port } = new URL(primary.url);
  return `host=127.0.0.1 port=${port} user=${username} password=${password}`;
}

/** What `pg_basebackup` does, which the embedded PostgreSQL comes without: PostgreSQL manual, 25.3.3. */
async function copyCluster(): Promise<void> {
  const client = new pg.Client(primary.url);
  await client.connect();
  await client.query(`SELECT pg_backup_start('test', fast => true)`);
  const [from, to] = [join(folder, 'primary'), join(folder, 'standby')];
  await mkdir(to);
  const left = new Set(['postmaster.pid', 'postmaster.opts', 'pg_wal']);
  await cp(join(from, 'cluster'), join(to, 'cluster'), {
    recursive: true,
    filter: (path) => !left.has(basename(path)),
  });
  await cp(join(from, 'password'), join(to, 'password'));
  const { rows } = await client.query<{ labelfile: string }>(
    'SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)',
  );
  await client.end();
  await mkdir(join(to, 'cluster', 'pg_wal'));
  await writeFile(join(to, 'cluster', 'backup_label'), rows[0]!.labelfile);
  await writeFile(join(to, 'cluster', 'standby.signal'), '');
  const { uid, gid } = await stat(join(from, 'cluster'));
  await own(join(to, 'cluster'), uid, gid);
}
async function own(path: string, uid: number, gid: number): Promise<void> {
  await chown(path, uid, gid);
  if (!(await stat(path)).isDirectory()) return;
  await chmod(path, 0o700);
  for (const name of await readdir(path)) await own(join(path, name), uid, gid);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-replica-'));
  primary = await startEmbeddedPostgres({ dataDir: join(folder, 'primary'), settings: SETTINGS });
  const migrating = new Postgres({ url: primary.url });
  await migrating.migrate('relational', new URL('../../subgraphs/relational/migrations/', import.meta.url));
  await migrating.close();
  await copyCluster();
  standby = await startStandby();
}, 60_000);
afterAll(async () => {
  await standby?.close();
  await primary?.close();
  await rm(folder, { recursive: true, force: true });
});

const open = (replicaUrl: string, replicaProbeMs = 600_000) =>
  new Postgres({
    url: primary.url,
    replicaUrl,
    replicaProbeMs,
    poolSize: 4,
    onReplica: (state) => changes.push(state),
  });
const place = async (tenantId: string) =>
  (await postgres.read<{ replica: boolean }>(as(tenantId), WHERE, { replica: true }))[0]!.replica;
const remember = async (tenantId: string) =>
  await postgres.transaction(as(tenantId), (tx) =>
    tx.query({
      sql: `INSERT INTO relational.memory_facts (id, key, value) VALUES ($1, 'k', 'v')`,
      parameters: [`fact_${tenantId}_${facts++}`],
    }),
  );
/** Looks until the replica is in use. */
const ready = async () =>
  await vi.waitFor(
    async () => {
      await postgres.health();
      expect(postgres.replicaState).toBe('ready');
    },
    { timeout: 20_000, interval: 50 },
  );
/** Until the replica has everything that is on the primary now. */
const caughtUp = async () => {
  const [{ at }] = (await sql<{ at: string }>(primary.url, 'SELECT pg_current_wal_flush_lsn()::text AS at')) as [
    { at: string },
  ];
  await vi.waitFor(
    async () => {
      const [{ replayed }] = (await sql<{ replayed: string }>(
        standby.url,
        'SELECT pg_last_wal_replay_lsn()::text AS replayed',
      )) as [{ replayed: string }];
      expect(positionOf(replayed) >= positionOf(at)).toBe(true);
    },
    { timeout: 20_000, interval: 20 },
  );
};

describe('a read replica', () => {
  beforeEach(async () => {
    changes = [];
    postgres = open(standby.url);
    await caughtUp();
    await ready();
    return async () => {
      await postgres.close();
      await sql(standby.url, 'SELECT pg_wal_replay_resume()').catch(() => undefined);
    };
  });

  test('answers reads that allow it, and no others', async () => {
    expect(await place('a')).toBe(true);
    expect(await postgres.read(as('a'), WHERE)).toEqual([{ replica: false }]);
    expect(await postgres.readAll(as('a'), [WHERE, WHERE], { replica: true })).toEqual([
      [{ replica: true }],
      [{ replica: true }],
    ]);
    await postgres.transaction(as('a'), async (tx) => expect(await tx.query(WHERE)).toEqual([{ replica: false }]));
    await postgres.systemTransaction(system, async (tx) => expect(await tx.query(WHERE)).toEqual([{ replica: false }]));
  });

  test('keeps tenants apart and takes no writes', async () => {
    await remember('a');
    await caughtUp();
    const own = { sql: 'SELECT DISTINCT tenant_id FROM relational.memory_facts', parameters: [] };
    expect(await place('a')).toBe(true);
    expect(await postgres.read(as('a'), own, { replica: true })).toEqual([{ tenant_id: 'a' }]);
    expect(await postgres.read(as('nobody'), own, { replica: true })).toEqual([]);
  });

  test('is not asked for what it lacks: a tenant sees its own writes, and only that tenant is moved', async () => {
    await sql(standby.url, 'SELECT pg_wal_replay_pause()');
    await remember('a');
    expect(await place('a')).toBe(false);
    expect(await place('b')).toBe(true);
    await sql(standby.url, 'SELECT pg_wal_replay_resume()');
    await vi.waitFor(async () => expect(await place('a')).toBe(true), { timeout: 10_000, interval: 20 });
  });

  test('is not asked by anybody for what the system has written', async () => {
    await sql(standby.url, 'SELECT pg_wal_replay_pause()');
    await postgres.systemTransaction(system, (tx) =>
      tx.query({ sql: 'UPDATE relational.outbox SET attempts = attempts WHERE false', parameters: [] }),
    );
    expect(await place('b'), 'nothing was written').toBe(true);
    await sql(
      primary.url,
      `INSERT INTO relational.outbox (tenant_id, id, document_id, store, operation, revision) VALUES ('a', 'o${facts}', 'd${facts++}', 'OBJECT', 'UPSERT', 1)`,
    );
    await postgres.systemTransaction(system, (tx) =>
      tx.query({ sql: 'UPDATE relational.outbox SET attempts = attempts + 1', parameters: [] }),
    );
    expect(await place('b')).toBe(false);
  });

  test('every write is seen by the read that follows it, under load', async () => {
    const places = new Set<boolean>();
    const writer = async (tenantId: string): Promise<void> => {
      const [first] = await postgres.read<{ facts: number }>(as(tenantId), FACTS);
      for (let n = 1; n <= 200; n++) {
        await remember(tenantId);
        // At once: what one read learns of the replica must not pass for what another one saw.
        const reads = Array.from({ length: 3 }, () =>
          postgres.read<{ facts: number; replica: boolean }>(as(tenantId), FACTS, { replica: true }),
        );
        for (const [row] of await Promise.all(reads)) {
          expect(row).toEqual({ replica: row!.replica, facts: first!.facts + n });
          places.add(row!.replica);
        }
      }
    };
    await Promise.all(['a', 'b', 'c'].map(writer));
    expect(places).toContain(true);
  });

  test('that is behind is left alone until it has caught up', async () => {
    await sql(standby.url, 'SELECT pg_wal_replay_pause()');
    await sql(
      primary.url,
      'CREATE TABLE IF NOT EXISTS other_processes_write (v int); INSERT INTO other_processes_write VALUES (1)',
    );
    // The first look sees where the primary is, the second that the replica has not come so far since.
    await postgres.health();
    const { state, detail } = await postgres.health();
    expect([state, detail]).toEqual(['ok', expect.stringContaining('behind')]);
    expect(postgres.replicaState).toBe('behind');
    expect(await place('b')).toBe(false);
    await sql(standby.url, 'SELECT pg_wal_replay_resume()');
    await ready();
    expect(await place('b')).toBe(true);
    expect(changes).toEqual(['behind', 'ready']);
  });

  test('that is killed costs no answer, and is used again once it is back', async () => {
    await postgres.close();
    let url = standby.url;
    postgres = new Postgres({
      url: primary.url,
      replicaUrl: () => url,
      replicaProbeMs: 50,
      poolSize: 4,
      onReplica: (state) => changes.push(state),
    });
    await ready();
    let going = true;
    const reader = async (): Promise<void> => {
      while (going) expect(await postgres.read(as('a'), WHERE, { replica: true })).toHaveLength(1);
    };
    const readers = Promise.all([reader(), reader(), reader()]);
    process.kill(standby.pid, 'SIGKILL');
    await standby.exited;
    await vi.waitFor(() => expect(changes).toContain('away'), { timeout: 10_000 });
    await standby.close();
    standby = await startStandby();
    url = standby.url;
    await vi.waitFor(() => expect(changes.at(-1)).toBe('ready'), { timeout: 20_000 });
    expect(await place('a')).toBe(true);
    going = false;
    await readers;
  }, 60_000);
});

describe('what is no replica', () => {
  const first = async (replicaUrl: string) => {
    changes = [];
    postgres = open(replicaUrl, 50);
    try {
      expect(await place('a')).toBe(false);
      await vi.waitFor(() => expect(changes).toContain('away'), { timeout: 10_000 });
      expect(await place('a')).toBe(false);
      return (await postgres.health()).detail;
    } finally {
      await postgres.close();
    }
  };

  test('a server that takes writes is not read', async () => {
    expect(await first(primary.url)).toMatch(/DATABASE_REPLICA_URL is no replica/);
  });

  test('one that is not there, or is silent, delays nobody', async () => {
    expect(await first('postgres://u:p@127.0.0.1:1/postgres')).toMatch(/cannot be reached.*DATABASE_REPLICA_URL/);
    await using nobody = await silence();
    expect(await first(`postgres://u:p@127.0.0.1:${nobody.port}/postgres`)).toMatch(/in time|within/);
  });
});
