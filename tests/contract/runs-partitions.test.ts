/**
 * The log's partitions on PostgreSQL: made ahead, dropped as a whole once archived, and nobody's but through the whole
 * table.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { addPartitions, postgresRetention } from '#subgraphs/runs/drivers/postgres/retention.ts';
import type { RunsDriver } from '#subgraphs/runs/driver.ts';
import { archiveKey, partitionDays, Retention } from '#subgraphs/runs/retention/retention.ts';
import { LOG_START } from '#subgraphs/runs/streams/tenant-position.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { as, finished, hubOn, piece, rejection, sequences, upTo } from './runs-driver.ts';
import { manualReplica } from './runs-wake-ups.ts';

const MIGRATIONS = new URL('../../subgraphs/runs/migrations/', import.meta.url);
const DAY = 86_400_000;
const [a, b] = [as('tenant-a'), as('tenant-b')];

let database: TestDatabase;
let postgres: Postgres;
let admin: pg.Client;
let driver: RunsDriver;

const open = async (url: string): Promise<void> => {
  postgres = new Postgres({ url, poolSize: 8 });
  driver = manualReplica(postgres).driver;
};
beforeEach(async () => {
  database = await createTestDatabase();
  admin = new pg.Client(database.url);
  await admin.connect();
  await open(database.url);
  await postgres.migrate('runs', MIGRATIONS);
});
afterEach(async () => {
  await postgres.close();
  await admin.end();
  await database[Symbol.asyncDispose]();
});

const rows = async <Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> =>
  (await admin.query(sql, parameters)).rows as Row[];
const partitions = async () =>
  (await rows<{ suffix: string }>('SELECT suffix FROM runs.event_partitions()')).map(({ suffix }) => suffix);
const startOf = (daysAgo: number): Date => new Date(Math.floor(Date.now() / DAY) * DAY - daysAgo * DAY);
const suffixOf = (moment: Date): string => moment.toISOString().slice(0, 10).replaceAll('-', '');
const idFrom = async (moment: Date): Promise<string> =>
  (await rows<{ id: string }>('SELECT runs.run_id_from($1) AS id', [moment]))[0]!.id;

/** Ends the first partition so many days ago, and puts partitions of `days` behind it, as time would have. */
async function history(daysAgo: number, days: number): Promise<void> {
  for (const table of ['run_events', 'run_appends']) {
    await admin.query(`DROP TABLE runs.${table}_first`);
    await admin.query(
      `CREATE TABLE runs.${table}_first PARTITION OF runs.${table} FOR VALUES FROM (MINVALUE) TO ('${await idFrom(startOf(daysAgo))}')`,
    );
    for (let at = daysAgo; at > 0; at -= days) {
      const [from, to] = [startOf(at), startOf(at - days)];
      await admin.query(
        `CREATE TABLE runs.${table}_${suffixOf(from)} PARTITION OF runs.${table} FOR VALUES FROM ('${await idFrom(from)}') TO ('${await idFrom(to)}')`,
      );
      await admin.query(`ALTER TABLE runs.${table}_${suffixOf(from)} ENABLE ROW LEVEL SECURITY`);
    }
  }
}
/** A run that was started so many days ago, with three events; `ended` where it has ended, and when. */
async function run(daysAgo: number, ended?: number, context = a): Promise<string> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - daysAgo * DAY });
  const { id } = await driver.start(context, {}).finally(() => vi.useRealTimers());
  await driver.append(context, { runId: id, events: [piece(1)], idempotencyKey: 'k' });
  if (ended !== undefined) await end(id, ended, context);
  return id;
}
async function end(id: string, daysAgo: number, context = a): Promise<void> {
  await driver.append(context, { runId: id, events: [finished] });
  // The end of an ended run cannot be changed, not even by an administrator's UPDATE.
  await admin.query('ALTER TABLE runs.runs DISABLE TRIGGER check_run');
  await admin.query('UPDATE runs.runs SET finished_at = now() - make_interval(secs => $2) WHERE id = $1', [
    id,
    daysAgo * 86_400,
  ]);
  await admin.query('ALTER TABLE runs.runs ENABLE TRIGGER check_run');
}
const partitionOf = async (id: string, table = 'run_events') =>
  (
    await rows<{ name: string }>(
      `SELECT DISTINCT tableoid::regclass::text AS name FROM runs.${table} WHERE run_id = $1`,
      [id],
    )
  ).map(({ name }) => name);
const logOf = async (id: string, context = a) =>
  sequences(await driver.events(context, [{ runId: id, after: 0 }], { limit: 100 }));
const runOf = async (id: string, context = a) => (await driver.runsById(context, [id]))[0]!;

/** What was archived, by key. */
let archive: Map<string, string>;
beforeEach(() => void (archive = new Map()));
const retention = (rules = { days: 90 }, options: { fails?: string; log?: (message: string) => void } = {}) =>
  new Retention(postgresRetention(postgres, options.log), driver, {
    put: (context, key, _type, body) => {
      if (options.fails !== undefined && key.includes(options.fails)) return Promise.reject(new Error('The object store is full.'));
      archive.set(`${context.principal.tenantId}/${key}`, Buffer.from(body).toString());
      return Promise.resolve();
    },
  }, rules); // prettier-ignore

describe('making partitions', () => {
  test("puts each run's events and keys where its start belongs", async () => {
    await history(60, 30);
    const [old, young] = [await run(40), await run(10)];
    const before = await run(200);
    expect(await partitionOf(old)).toEqual([`runs.run_events_${suffixOf(startOf(60))}`]);
    expect(await partitionOf(old, 'run_appends')).toEqual([`runs.run_appends_${suffixOf(startOf(60))}`]);
    expect(await partitionOf(young)).toEqual([`runs.run_events_${suffixOf(startOf(30))}`]);
    expect(await partitionOf(before)).toEqual(['runs.run_events_first']);
    for (const id of [old, young, before]) expect(await logOf(id)).toEqual([1, 2]);
  });

  test('ahead, without holes, once, by however many processes', async () => {
    await Promise.all(upTo(4).map(() => addPartitions(postgres, 3)));
    const made = await rows<{ suffix: string; lower_id: string; upper_id: string; upper_at: Date }>(
      'SELECT * FROM runs.event_partitions()',
    );
    expect(made.map(({ suffix }) => suffix)).toEqual(
      ['first', suffixOf(startOf(-1)), suffixOf(startOf(-4)), suffixOf(startOf(-7))].slice(0, made.length),
    );
    expect(made.length).toBeGreaterThan(2);
    for (const [index, { lower_id }] of made.slice(1).entries()) expect(lower_id).toBe(made[index]!.upper_id);
    expect(made.at(-1)!.upper_at.getTime()).toBeGreaterThan(Date.now() + 6 * DAY);
    await addPartitions(postgres, 3);
    expect(await partitions()).toHaveLength(made.length);
  });

  test('after a long absence fills the gap with one, and takes back what was put into the rest', async () => {
    await history(60, 30);
    for (const table of ['run_events', 'run_appends'])
      await admin.query(`DROP TABLE runs.${table}_${suffixOf(startOf(30))}`);
    const [gap, today] = [await run(20, 19), await run(0)];
    expect(await partitionOf(gap)).toEqual(['runs.run_events_rest']);
    expect(await partitionOf(today)).toEqual(['runs.run_events_rest']);
    const before = await rows('SELECT run_id, sequence, transaction_id, id FROM runs.run_events ORDER BY id');
    await addPartitions(postgres, 7);
    expect((await partitions()).slice(0, 4)).toEqual(['first', ...[60, 30, 0].map((days) => suffixOf(startOf(days)))]);
    expect(await partitionOf(gap)).toEqual([`runs.run_events_${suffixOf(startOf(30))}`]);
    expect(await partitionOf(today, 'run_appends')).toEqual([`runs.run_appends_${suffixOf(startOf(0))}`]);
    expect(await rows('SELECT run_id, sequence, transaction_id, id FROM runs.run_events ORDER BY id')).toEqual(before);
    expect(await rows('SELECT FROM runs.run_events_rest')).toEqual([]);
    await driver.append(a, { runId: today, events: [piece(2)] });
    expect(await logOf(today)).toEqual([1, 2, 3]);
  });

  test('waits for nobody: an append that is open leaves it to the next time', async () => {
    const id = await run(0);
    await admin.query('BEGIN; LOCK TABLE runs.run_events_rest IN ROW EXCLUSIVE MODE');
    await expect(addPartitions(postgres, 7)).rejects.toMatchObject({ name: 'CodedError' });
    await driver.append(a, { runId: id, events: [piece(2)] });
    await admin.query('ROLLBACK');
    await addPartitions(postgres, 7);
    expect(await partitions()).not.toHaveLength(1);
  });

  test.each([
    [1, 1],
    [30, 1],
    [90, 3],
    [365, 12],
    [10_000, 30],
    [undefined, 30],
  ])('for %s days of retention each holds %s days', (days, width) => {
    expect(partitionDays({ days })).toBe(width);
  });
});

describe('ids and moments', () => {
  test('are the same order, to the millisecond', async () => {
    for (const moment of [new Date(0), new Date('2026-11-21T02:03:04.567Z'), new Date('9999-12-31T23:59:59.999Z')]) {
      const id = await idFrom(moment);
      expect(id).toMatch(/^run_[0-9a-z]{27}$/);
      expect((await rows<{ at: Date }>('SELECT runs.run_id_moment($1) AS at', [id]))[0]!.at).toEqual(moment);
    }
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 });
    const { id } = await driver.start(a, {}).finally(() => vi.useRealTimers());
    expect(id >= (await idFrom(new Date(1_800_000_000_000)))).toBe(true);
    expect(id < (await idFrom(new Date(1_800_000_000_001)))).toBe(true);
    expect((await rows<{ at: Date | null }>(`SELECT runs.run_id_moment('run_x') AS at`))[0]!.at).toBeNull();
  });
});

describe('partitions themselves', () => {
  test("are nobody's: neither by grant nor, were one given, by row", async () => {
    await history(60, 30);
    const id = await run(40);
    const [name] = await partitionOf(id);
    const query = async (role: string, sql: string) => {
      await admin.query(`BEGIN; SET LOCAL ROLE ${role}; SELECT set_config('app.tenant_id', 'tenant-a', true)`);
      return await admin.query(sql).finally(() => admin.query('ROLLBACK'));
    };
    for (const role of ['tributary_tenant', 'tributary_system']) {
      for (const table of [name!, name!.replace('events', 'appends'), 'runs.run_events_rest']) {
        for (const sql of [
          `SELECT run_id FROM ${table}`,
          `DELETE FROM ${table}`,
          `INSERT INTO ${table} SELECT * FROM ${table}`,
          `DROP TABLE ${table}`,
        ]) {
          await expect(query(role, sql)).rejects.toThrow(/permission denied|must be owner/);
        }
      }
      await expect(query(role, `SELECT runs.add_event_partitions(now(), '1 day')`)).rejects.toThrow(
        /permission denied/,
      );
    }
    await expect(query('tributary_tenant', `SELECT runs.drop_event_partition('first')`)).rejects.toThrow(
      /permission denied/,
    );
    await admin.query(`GRANT SELECT ON ${name} TO tributary_tenant`);
    expect((await query('tributary_tenant', `SELECT * FROM ${name}`)).rows).toEqual([]);
    expect((await query('tributary_tenant', `SELECT sequence FROM runs.run_events`)).rows).toHaveLength(2);
    expect((await admin.query(`SELECT * FROM ${name}`)).rows).toHaveLength(2);
  });

  test('those made later as well', async () => {
    await addPartitions(postgres, 3);
    const unprotected = await rows(`SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
      WHERE i.inhparent IN ('runs.run_events'::regclass, 'runs.run_appends'::regclass) AND (NOT c.relrowsecurity OR c.relacl IS NOT NULL AND c.relacl::text ~ 'tributary_(tenant|system)')`);
    expect(unprotected).toEqual([]);
  });

  test('keep what the database holds of a log: dense, once, of a run, its positions its own', async () => {
    await history(60, 30);
    const id = await run(40);
    const insert = (values: string, columns = '') =>
      admin.query(
        `INSERT INTO runs.run_events (tenant_id, run_id, sequence, type, payload, actor, created_at${columns}) VALUES ${values}`,
      );
    await expect(insert(`('tenant-a', '${id}', 2, 'CUSTOM', '{}', 'x', now())`)).rejects.toThrow(
      /do not follow|duplicate key/,
    );
    await expect(insert(`('tenant-a', '${id}', 4, 'CUSTOM', '{}', 'x', now())`)).rejects.toThrow(/do not follow/);
    await expect(
      insert(`('tenant-a', '${await idFrom(startOf(40))}', 1, 'RUN_STARTED', '{}', 'x', now())`),
    ).rejects.toThrow(/do not follow/);
    await expect(
      insert(
        `('tenant-a', '${id}', 3, 'RUN_ERROR', '{}', 'x', now()), ('tenant-a', '${id}', 4, 'RUN_FINISHED', '{}', 'x', now())`,
      ),
    ).rejects.toThrow(/duplicate key/);
    await expect(
      admin.query(`INSERT INTO runs.run_appends VALUES ('tenant-a', 'run_none', 'k', 'h', 1, 1)`),
    ).rejects.toThrow(/of no run/);
    await expect(admin.query('DELETE FROM runs.runs WHERE id = $1', [id])).rejects.toThrow(/has a log/);
    await admin.query(`BEGIN; SET LOCAL ROLE tributary_tenant; SELECT set_config('app.tenant_id', 'tenant-a', true)`);
    await expect(insert(`('tenant-a', '${id}', 3, 'CUSTOM', '{}', 'x', now(), 1)`, ', id')).rejects.toThrow(
      /permission denied/,
    );
    await admin.query('ROLLBACK');
  });
});

describe('retention by age', () => {
  test("archives a past partition's runs, of every tenant, and then drops it", async () => {
    await history(150, 30);
    const old = [
      [a, await run(140, 139)],
      [a, await run(125, 121)],
      [b, await run(130, 130, b)],
    ] as const;
    const kept = await run(50, 49);
    expect(await retention().sweep()).toBe(3);
    expect(await partitions()).not.toContain(suffixOf(startOf(150)));
    expect(
      await rows(`SELECT FROM pg_class WHERE relname = ANY($1)`, [
        ['run_events', 'run_appends'].map((table) => `${table}_${suffixOf(startOf(150))}`),
      ]),
    ).toEqual([]);
    for (const [context, id] of old) {
      expect(await runOf(id, context)).toMatchObject({
        status: 'SUCCEEDED',
        firstAvailable: 4,
        lastSequence: 3,
        archiveKey: archiveKey(id),
      });
      expect(await logOf(id, context)).toEqual([]);
      const lines = archive
        .get(`${context.principal.tenantId}/${archiveKey(id)}`)!
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { sequence?: number });
      expect(lines.slice(1).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
      expect(
        await rejection(hubOn({ driver, wakeUps: manualReplica(postgres).wakeUps }).follow(context, id, { after: 1 })),
      ).toMatchObject({ code: 'CURSOR_EXPIRED', firstAvailable: '4', archiveKey: archiveKey(id) });
      // What retries an append of long ago is told, not served a second one.
      expect(
        await rejection(driver.append(context, { runId: id, events: [piece(1)], idempotencyKey: 'k' })),
      ).toMatchObject({ code: 'CONFLICT', status: 'SUCCEEDED' });
    }
    expect(await driver.log.expired('tenant-a')).not.toBeNull();
    const { entries } = await driver.log.readTenant(
      'tenant-a',
      LOG_START,
      (await driver.log.horizon('tenant-a')).horizon,
      {},
      { events: 100, bytes: 100_000 },
    );
    expect(entries.map(({ event }) => event.runId)).toEqual([kept, kept, kept]);
    expect(await retention().sweep()).toBe(0);
  });

  test("a run that is still open keeps its partition, not the others' events; with its end it goes", async () => {
    await history(150, 30);
    const [ended, straggler] = [await run(140, 139), await run(141)];
    expect(await retention().sweep()).toBe(1);
    expect(await logOf(ended)).toEqual([]);
    expect(await logOf(straggler)).toEqual([1, 2]);
    expect(await partitions()).toContain(suffixOf(startOf(150)));
    await driver.append(a, { runId: straggler, events: [piece(2)] });
    await end(straggler, 1);
    expect(await retention().sweep()).toBe(0);
    expect(await logOf(straggler)).toEqual([1, 2, 3, 4]);
    await admin.query('ALTER TABLE runs.runs DISABLE TRIGGER check_run');
    await admin.query(`UPDATE runs.runs SET finished_at = now() - interval '91 days' WHERE id = $1`, [straggler]);
    expect(await retention().sweep()).toBe(1);
    expect(await partitions()).not.toContain(suffixOf(startOf(150)));
  });

  test('what is due waits for its partition, for so long as a partition is wide and no longer', async () => {
    await history(99, 3);
    const [waits, past] = [await run(92, 91), await run(98, 97)];
    // The partition of the first ends less than 91 days ago.
    expect(await retention({ days: 91 }).sweep()).toBe(1);
    expect(await logOf(past)).toEqual([]);
    expect(await logOf(waits)).toEqual([1, 2, 3]);
    expect(await runOf(waits)).toMatchObject({ archiveKey: null });
    expect(await retention({ days: 90 }).sweep()).toBe(1);
    expect(await logOf(waits)).toEqual([]);
  });

  test('a partition that is wider than was chosen, as the first one, is not waited for', async () => {
    const [due, young] = [await run(92, 91), await run(92, 1)];
    expect(await retention({ days: 90 }).sweep()).toBe(1);
    expect([await logOf(due), await logOf(young)]).toEqual([[], [1, 2, 3]]);
  });

  test('what cannot be archived keeps its partition, and all that it still holds', async () => {
    await history(150, 30);
    const [good, bad] = [await run(140, 139), await run(130, 129)];
    expect(await retention({ days: 90 }, { fails: bad }).sweep()).toBe(1);
    expect(await partitions()).toContain(suffixOf(startOf(150)));
    expect(await logOf(bad)).toEqual([1, 2, 3]);
    expect(await runOf(bad)).toMatchObject({ archiveKey: null, firstAvailable: 1 });
    expect(await runOf(good)).toMatchObject({ archiveKey: archiveKey(good) });
    expect(await retention().sweep()).toBe(1);
    expect(await partitions()).not.toContain(suffixOf(startOf(150)));
  });

  test('a partition that somebody reads is not waited for; appends go on, and it is dropped later', async () => {
    await history(150, 30);
    await run(140, 139);
    const now = await run(0);
    await admin.query(`BEGIN; SELECT count(*) FROM runs.run_events`);
    const told: string[] = [];
    expect(await retention({ days: 90 }, { log: (message) => told.push(message) }).sweep()).toBe(1);
    expect(told).toEqual([expect.stringContaining('in use')]);
    await driver.append(a, { runId: now, events: [piece(2)] });
    await admin.query('COMMIT');
    await retention().sweep();
    expect(await partitions()).not.toContain(suffixOf(startOf(150)));
    expect(await logOf(now)).toEqual([1, 2, 3]);
  });

  test('a vacuum of another partition is not in the way', async () => {
    await history(150, 30);
    await run(140, 139);
    await admin.query(`BEGIN; LOCK TABLE runs.run_events_${suffixOf(startOf(30))} IN SHARE UPDATE EXCLUSIVE MODE`);
    expect(await retention().sweep()).toBe(1);
    await admin.query('COMMIT');
    expect(await partitions()).not.toContain(suffixOf(startOf(150)));
  });

  test('by two processes at once, beside appends: each run is archived once, and nothing of others is touched', async () => {
    await history(150, 30);
    const old: string[] = [];
    for (const n of upTo(12)) old.push(await run(121 + n * 2, 121));
    const live = await run(0);
    const appending = (async () => {
      for (const n of upTo(30)) await driver.append(a, { runId: live, events: [piece(n)], idempotencyKey: `n${n}` });
    })();
    await Promise.all([retention().sweep(), retention().sweep(), appending]);
    await retention().sweep();
    for (const id of old) expect(await runOf(id)).toMatchObject({ archiveKey: archiveKey(id) });
    expect(await partitions()).not.toContain(suffixOf(startOf(150)));
    expect(await logOf(live)).toEqual(upTo(32));
  });
});

describe('as an owner who is no superuser', () => {
  let owned: { url: string; end(): Promise<void> };
  beforeAll(async () => {
    const cluster = await createTestDatabase();
    const client = new pg.Client(cluster.url);
    await client.connect();
    const name = `owner_${process.pid}_${Date.now()}`;
    // Whatever runs first makes the roles; here they are the administrator's to give.
    for (const role of ['tributary_tenant', 'tributary_system']) {
      await client.query(
        `DO $$ BEGIN CREATE ROLE ${role} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
      );
    }
    await client.query(
      `CREATE ROLE ${name} LOGIN PASSWORD 'x' NOSUPERUSER; GRANT tributary_tenant, tributary_system TO ${name}`,
    );
    await client.query(`GRANT CREATE ON DATABASE ${new URL(cluster.url).pathname.slice(1)} TO ${name}`);
    const url = new URL(cluster.url);
    [url.username, url.password] = [name, 'x'];
    owned = {
      url: url.href,
      end: async () => {
        await client.query(`DROP OWNED BY ${name} CASCADE; DROP ROLE ${name}`);
        await client.end();
        await cluster[Symbol.asyncDispose]();
      },
    };
  });
  afterAll(async () => await owned?.end());

  test('the log is migrated with its rows, goes on, and only what is archived is dropped', async () => {
    await postgres.close();
    await admin.end();
    await open(owned.url);
    admin = new pg.Client(owned.url);
    await admin.connect();
    const folder = await mkdtemp(join(tmpdir(), 'tributary-migrations-'));
    try {
      await cp(MIGRATIONS, folder, {
        recursive: true,
        filter: (source) => !/\/(0008_|0009_|00[1-9]\d_).*\.sql$/.test(source),
      });
      await postgres.migrate('runs', pathToFileURL(`${folder}/`));
    } finally {
      await rm(folder, { recursive: true });
    }
    // The driver is today's: it writes columns that the tables of then have not.
    const later = ['open_parts json', 'asks boolean', 'ask_waits boolean', 'asker json'];
    await admin.query(`ALTER TABLE runs.runs ${later.map((column) => `ADD COLUMN ${column}`).join(', ')}`);
    const [before, elsewhere] = [await run(3), await run(2, undefined, b)];
    const log = await driver.events(a, [{ runId: before, after: 0 }], { limit: 10 });
    await admin.query(
      `ALTER TABLE runs.runs ${later.map((column) => `DROP COLUMN ${column.split(' ')[0]}`).join(', ')}`,
    );
    await postgres.migrate('runs', MIGRATIONS);
    await postgres.close();
    await open(owned.url); // As a new version is started.
    await addPartitions(postgres, 1);
    expect(await driver.events(a, [{ runId: before, after: 0 }], { limit: 10 })).toEqual(log);
    expect(
      (await driver.append(a, { runId: before, events: [piece(1)], idempotencyKey: 'k' })).events.map(
        ({ sequence }) => sequence,
      ),
    ).toEqual([2]); // Its key has been kept, too.
    await driver.append(a, { runId: before, events: [piece(2)] });
    await driver.append(b, { runId: elsewhere, events: [piece(2)] });
    // The horizon is that of the whole server: a transaction of another suite's database holds it back for a moment.
    const entries = await vi.waitFor(
      async () => {
        const { horizon } = await driver.log.horizon('tenant-a');
        const read = await driver.log.readTenant('tenant-a', LOG_START, horizon, {}, { events: 100, bytes: 100_000 });
        expect(read.entries.map(({ event }) => event.sequence)).toEqual([1, 2, 3]);
        return read.entries;
      },
      { timeout: 20_000 },
    );
    expect(entries.map(({ position }) => position.id)).toEqual(
      [...entries.map(({ position }) => position.id)].sort((left, right) => Number(left - right)),
    );

    // Whoever owns the tables sees no rows of forced policies; what is dropped must not be decided by that.
    const wide = new Postgres({ url: owned.url });
    try {
      const store = postgresRetention(wide);
      const cut = await idFrom(startOf(1));
      for (const table of ['run_events', 'run_appends']) {
        await admin.query(
          `ALTER TABLE runs.${table} DETACH PARTITION runs.${table}_first; ALTER TABLE runs.${table} ATTACH PARTITION runs.${table}_first FOR VALUES FROM (MINVALUE) TO ('${cut}')`,
        );
      }
      expect(await store.dropArchived()).toBe(0);
      expect(await logOf(before)).toEqual([1, 2, 3]);
      await driver.append(a, { runId: before, events: [finished] });
      await driver.append(b, { runId: elsewhere, events: [finished] });
      await store.remove({ tenantId: 'tenant-a', runId: before, archiveKey: 'x' }, true);
      expect(await store.dropArchived()).toBe(0);
      await store.remove({ tenantId: 'tenant-b', runId: elsewhere, archiveKey: 'y' }, true);
      expect(await store.dropArchived()).toBe(1);
      expect(await logOf(before)).toEqual([]);
    } finally {
      await wide.close();
    }
  });
});
