/**
 * `node --import tsx tests/bench/streams/partitions.ts`: what the log's partitions cost appends and readers, and save
 * retention. The same work on one table (the schema before partitions), on one partition and on forty, in turns; the
 * best of several rounds, which other work on the machine disturbs least.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { postgresRetention } from '#subgraphs/runs/drivers/postgres/retention.ts';
import { postgresDriver } from '#subgraphs/runs/drivers/postgres/index.ts';
import type { RunsDriver } from '#subgraphs/runs/driver.ts';
import { LOG_START } from '#subgraphs/runs/streams/tenant-position.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';

const MIGRATIONS = new URL('../../../subgraphs/runs/migrations/', import.meta.url);
const context = () => createRequestContext({ tenantId: 'tenant-a', subject: 'bench', roles: [], scopes: [] });
const silent = { start: () => undefined, ready: () => Promise.resolve(), close: () => Promise.resolve() };
const events = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    type: 'TEXT_MESSAGE_CHUNK' as const,
    payload: { messageId: 'm', delta: `${index} ${'x'.repeat(200)}` },
  }));
const [ROUNDS, RUNS] = [12, 120];

interface Subject {
  name: string;
  postgres: Postgres;
  driver: RunsDriver;
  admin: pg.Client;
}

const folder = await mkdtemp(join(tmpdir(), 'tributary-partitions-'));
const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
const subjects: Subject[] = [];
try {
  await cp(MIGRATIONS, join(folder, 'before'), {
    recursive: true,
    filter: (source) => !source.endsWith('0008_partitions.sql'),
  });
  for (const [name, migrations, partitions] of [
    ['one table', pathToFileURL(`${join(folder, 'before')}/`), 0],
    ['1 partition', MIGRATIONS, 0],
    ['40 partitions', MIGRATIONS, 39],
  ] as const) {
    const root = new pg.Client(server.url);
    await root.connect();
    const database = `bench_${subjects.length}`;
    await root.query(`CREATE DATABASE ${database}`);
    await root.end();
    const url = new URL(server.url);
    url.pathname = `/${database}`;
    const postgres = new Postgres({ url: url.href });
    await postgres.migrate('runs', migrations);
    const admin = new pg.Client(url.href);
    await admin.connect();
    if (partitions > 0)
      await admin.query(`SELECT runs.add_event_partitions(now() + interval '${partitions} days', '1 day')`);
    subjects.push({ name, postgres, admin, driver: postgresDriver(postgres, silent) });
  }

  const figures = new Map<string, Map<string, number[]>>();
  const measure = async (
    what: string,
    subject: Subject,
    times: number,
    work: () => Promise<unknown>,
  ): Promise<void> => {
    const began = performance.now();
    for (let n = 0; n < times; n += 1) await work();
    const row = figures.get(what) ?? figures.set(what, new Map()).get(what)!;
    row.set(subject.name, [...(row.get(subject.name) ?? []), (performance.now() - began) / times]);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const subject of subjects) {
      const { driver } = subject;
      const { id } = await driver.start(context(), {});
      await measure('append of 1 event', subject, 100, () =>
        driver.append(context(), { runId: id, events: events(1) }),
      );
      await measure('append of 100 events', subject, 20, () =>
        driver.append(context(), { runId: id, events: events(100) }),
      );
      await measure('read of 200 events of a run', subject, 100, () => driver.log.read('tenant-a', id, 500, 200));
      await subject.admin.query('ANALYZE runs.runs');
      await subject.admin.query(`ANALYZE runs.${subject === subjects[0] ? 'run_events' : 'run_events_first'}`); // As autovacuum does within a minute.
      const { horizon } = await driver.log.horizon('tenant-a');
      const { upTo } = await driver.log.readTenant(
        'tenant-a',
        LOG_START,
        horizon,
        {},
        { events: 500, bytes: 1_000_000 },
      );
      await measure("look at the horizon of a tenant's log", subject, 100, () => driver.log.horizon('tenant-a'));
      await measure("read of 200 events of a tenant's log", subject, 100, () =>
        driver.log.readTenant('tenant-a', upTo, horizon, {}, { events: 200, bytes: 1_000_000 }),
      );
    }
  }
  console.log(`| ms, best of ${ROUNDS} | ${subjects.map(({ name }) => name).join(' | ')} |`);
  for (const [what, row] of figures) {
    const best = (values: number[]): string => Math.min(...values).toFixed(2);
    console.log(`| ${what} | ${subjects.map(({ name }) => best(row.get(name)!)).join(' | ')} |`);
  }

  // Runs that are past, in a partition of their own: removed event by event, and dropped.
  const { postgres, driver, admin } = subjects[1]!;
  for (const way of ['event by event', 'as a partition'] as const) {
    const ids: string[] = [];
    for (let n = 0; n < RUNS; n += 1) {
      const { id } = await driver.start(context(), {});
      await driver.append(context(), { runId: id, events: [...events(499), { type: 'RUN_FINISHED', payload: {} }] });
      ids.push(id);
    }
    // Read, as for the archive.
    for (const id of ids) await driver.log.read('tenant-a', id, 0, 1_000);
    await admin.query('CHECKPOINT');
    const wal = async (): Promise<number> =>
      Number((await admin.query(`SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS bytes`)).rows[0].bytes);
    const [before, began] = [await wal(), performance.now()];
    const store = postgresRetention(postgres);
    for (const runId of ids)
      await store.remove({ tenantId: 'tenant-a', runId, archiveKey: 'x' }, way === 'as a partition');
    if (way === 'as a partition') await admin.query('DROP TABLE runs.run_events_first, runs.run_appends_first');
    else await admin.query('VACUUM runs.run_events_first');
    console.log(
      `${RUNS} runs of 501 events removed ${way}: ${Math.round(performance.now() - began)} ms, ${((await wal()) - before).toLocaleString('en-US')} bytes of write-ahead log${way === 'event by event' ? ', vacuum included' : ''}`,
    );
  }
} finally {
  for (const { postgres, admin } of subjects) {
    await postgres.close();
    await admin.end();
  }
  await server.close();
  await rm(folder, { recursive: true, force: true });
}
