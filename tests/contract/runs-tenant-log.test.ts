/** All runs of a tenant on one cursor: nothing lost although transactions commit out of order. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { runOfStreamed } from '#subgraphs/runs/streams/streamed-runs.ts';
import { StreamHub } from '#subgraphs/runs/streams/stream-hub.ts';
import { LOG_START, parsePosition, type TenantPosition } from '#subgraphs/runs/streams/tenant-position.ts';
import type { TenantEvent } from '#subgraphs/runs/streams/tenant-reader.ts';
import type { TenantFilter } from '#subgraphs/runs/driver.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { as, finished, hubOn, piece, rejection, upTo, type Replica } from './runs-driver.ts';
import { manualReplica, type ManualStore, type ManualWakeUps, openManualStore } from './runs-wake-ups.ts';

let store: ManualStore;
let replica: Replica & { wakeUps: ManualWakeUps };
let other: pg.Client;
let tenants = 0;
const newTenant = () => as(`tenant-${(tenants += 1)}`);

beforeAll(async () => {
  store = await openManualStore();
  ({ replica, admin: other } = store);
});
afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
});

const start = async (context: ReturnType<typeof as>, agentId: string | null = null) =>
  (await replica.driver.start(context, { agentId })).id;
const append = async (context: ReturnType<typeof as>, runId: string, ...texts: (string | number)[]) =>
  await replica.driver.append(context, { runId, events: texts.map(piece) });
const told = ({ event }: TenantEvent): string => `${event.runId}:${event.sequence}`;
async function take(stream: AsyncIterator<TenantEvent>, count: number): Promise<TenantEvent[]> {
  const events: TenantEvent[] = [];
  while (events.length < count) events.push((await stream.next()).value as TenantEvent);
  return events;
}
const follow = async (
  context: ReturnType<typeof as>,
  after: TenantPosition | 'now' = LOG_START,
  filter: TenantFilter = {},
  options = {},
) => {
  const hub = hubOn(replica, options);
  return { hub, stream: await hub.followTenant(context, after, filter) };
};

test('an append that is held open holds back what commits after it, and then comes first', async () => {
  const a = newTenant();
  const [slow, fast] = [await start(a), await start(a)];
  await append(a, slow, 's1');
  const { stream, hub } = await follow(a);
  expect((await take(stream, 2)).map(told)).toEqual([`${slow}:1`, `${slow}:2`]);
  // The slow append takes its transaction id, and does not commit.
  await other.query(`BEGIN; SELECT set_config('app.tenant_id', '${a.principal.tenantId}', false)`);
  await other.query('SELECT 1 FROM runs.runs WHERE id = $1 FOR UPDATE', [slow]);
  await other.query(
    `INSERT INTO runs.run_events (tenant_id, run_id, sequence, type, payload, actor, created_at) VALUES ($1, $2, 3, 'CUSTOM', '{}', 'x', now())`,
    [a.principal.tenantId, slow],
  );
  await other.query(`UPDATE runs.runs SET last_sequence = 3 WHERE id = $1`, [slow]);
  await append(a, fast, 'f1');
  replica.wakeUps.deliver();
  // A follower of the run itself has the event already: it is committed.
  const direct = await hub.follow(a, fast, { after: 0 });
  expect((await direct.next()).value).toMatchObject({ runId: fast, sequence: 1 });
  expect(await replica.driver.log.horizon(a.principal.tenantId)).toMatchObject({ pending: true });
  const next = take(stream, 3);
  await other.query('COMMIT');
  // Nobody notifies: events above the horizon are looked at again by themselves.
  expect((await next).map(told)).toEqual([`${slow}:3`, `${fast}:1`, `${fast}:2`]);
  await stream.return!();
  await direct.return();
  expect(hub.size).toEqual({ readers: 0, streams: 0 });
});

test('eight writers at once: every follower gets every event once, the events of a run in order', async () => {
  const a = newTenant();
  const replicas = [await store.another(), await store.another()];
  const hubs = replicas.map((each) => hubOn(each, { batch: 7, tail: 5 }));
  const runs = await Promise.all(upTo(8).map(() => start(a)));
  const total = 8 * (1 + 15);
  const live = await Promise.all(hubs.map((hub) => hub.followTenant(a, LOG_START, {})));
  const reading = live.map((stream) => take(stream, total));
  await Promise.all(
    runs.map(async (runId, writer) => {
      for (const n of upTo(15)) await replicas[(n + writer) % 2]!.driver.append(a, { runId, events: [piece(n)] });
    }),
  );
  const logs = await Promise.all(reading);
  const { stream: late } = await follow(a);
  logs.push(await take(late, total));
  for (const log of logs) {
    expect(log.map(told)).toEqual(logs[0]!.map(told));
    expect(new Set(log.map(told)).size).toBe(total);
    for (const runId of runs)
      expect(log.filter(({ event }) => event.runId === runId).map(({ event }) => event.sequence)).toEqual(upTo(16));
  }
  // Resuming behind any cursor gives exactly the rest.
  const middle = logs[0]![50]!;
  const { stream: resumed } = await follow(a, parsePosition(middle.cursor));
  expect((await take(resumed, total - 51)).map(told)).toEqual(logs[0]!.slice(51).map(told));
  for (const hub of hubs) await hub.close();
});

test('filters by type and agent, from the log and from memory', async () => {
  const a = newTenant();
  const [mine, yours] = [await start(a, 'agt_mine'), await start(a, 'agt_yours')];
  for (const n of upTo(30)) await append(a, n % 3 === 0 ? mine : yours, n);
  const filter = { agentId: 'agt_mine', types: ['TEXT_MESSAGE_CHUNK', 'RUN_FINISHED'] as const };
  const { stream } = await follow(a, LOG_START, filter, { batch: 4 });
  expect((await take(stream, 10)).map(({ event }) => event.payload['delta'])).toEqual(
    upTo(10).map((n) => String(3 * n)),
  );
  const next = take(stream, 1);
  await replica.driver.append(a, { runId: yours, events: [finished] });
  await replica.driver.append(a, { runId: mine, events: [finished] });
  replica.wakeUps.deliver();
  expect((await next).map(told)).toEqual([`${mine}:12`]);
});

test('from now on is not from the start, and other tenants are not seen', async () => {
  const [a, b] = [newTenant(), newTenant()];
  const [own, foreign] = [await start(a), await start(b)];
  await append(a, own, 1);
  // Tests of other databases have transactions too, and one horizon is everybody's.
  while ((await replica.driver.log.horizon(a.principal.tenantId)).pending);
  const { stream } = await follow(a, 'now');
  const next = take(stream, 1);
  await append(b, foreign, 'foreign');
  await append(a, own, 2);
  replica.wakeUps.deliver();
  expect((await next).map(told)).toEqual([`${own}:3`]);
  const { stream: whole } = await follow(b);
  expect((await take(whole, 2)).map(({ event }) => event.runId)).toEqual([foreign, foreign]);
});

test('a lost wake-up delays, and the poll catches up', async () => {
  const a = newTenant();
  const id = await start(a);
  const { stream } = await follow(a, 'now', {}, { pollMs: 5 });
  const next = take(stream, 2);
  await append(a, id, 1);
  replica.wakeUps.lose();
  expect((await next).map(told)).toEqual([`${id}:1`, `${id}:2`]);
});

test('all followers are given the same events, whose run is read once for all of them until the log grows', async () => {
  const a = newTenant();
  const id = await start(a);
  await append(a, id, 1);
  const { hub, stream } = await follow(a);
  const others = [await hub.followTenant(a, LOG_START, {}), await hub.followTenant(a, LOG_START, {})];
  const given = (await Promise.all([stream, ...others].map((each) => take(each, 2)))).map(([event]) => event!);
  for (const event of given) expect(event).toBe(given[0]);
  let reads = 0;
  const load = async () => (await replica.driver.runsById(a, [id]))[(reads += 1) && 0]!;
  const look = (event: TenantEvent) => Promise.all([1, 2, 3].map(async () => await runOfStreamed(event.event, load)));
  expect((await look(given[0]!)).map((run) => run?.lastSequence)).toEqual([2, 2, 2]);
  expect(reads).toBe(1);
  const live = Promise.all([stream, ...others].map((each) => take(each, 1)));
  await append(a, id, 2);
  replica.wakeUps.deliver();
  const next = (await live).map(([event]) => event!);
  for (const event of next) expect(event).toBe(next[0]);
  expect((await look(next[0]!)).map((run) => run?.lastSequence)).toEqual([3, 3, 3]);
  expect(reads).toBe(2);
  await hub.close();
});

test('payloads are read in batches of bounded bytes', async () => {
  const a = newTenant();
  const id = await start(a);
  await append(a, id, 'x'.repeat(60_000), 'y'.repeat(60_000), 'z'.repeat(10), 'z'.repeat(60_000));
  const reads: number[] = [];
  const log = replica.driver.log;
  const hub = new StreamHub(
    {
      ...log,
      read: async (...given) => {
        const events = await log.read(...given);
        reads.push(events.length);
        return events;
      },
    },
    replica.wakeUps,
    { batchBytes: 100_000, tail: 1, pollMs: 3_600_000 },
  );
  const stream = await hub.follow(a, id, { after: 0 });
  for (const sequence of upTo(5)) expect((await stream.next()).value).toMatchObject({ sequence });
  expect(reads).toEqual([2, 2, 1]);
  const first = await log.readTenant(
    a.principal.tenantId,
    LOG_START,
    { transactionId: 2n ** 62n, id: 0n },
    {},
    { events: 100, bytes: 1 },
  );
  expect(first).toMatchObject({ entries: [{ event: { sequence: 1 } }], more: true });
  await hub.close();
});

test('a cursor that the log has not reached, or that is none, is refused', async () => {
  const a = newTenant();
  const { horizon } = await replica.driver.log.horizon(a.principal.tenantId);
  const beyond = { transactionId: horizon.transactionId + 1_000_000n, id: 1n };
  expect(await rejection(hubOn(replica).followTenant(a, beyond, {}))).toMatchObject({ code: 'BAD_USER_INPUT' });
  for (const cursor of ['5', '1-2-3', '-1-1', '1-1\0', '99999999999999999999-1', '9999999999999999999-1']) {
    expect(() => parsePosition(cursor)).toThrow('is not a cursor');
  }
});

test('restored into another cluster, whose transactions count from the beginning, the log goes on behind itself', async () => {
  await using moved = await openManualStore(); // Whose rows and clock are made to look like those of another cluster.
  const [a, b] = [newTenant(), newTenant()];
  const run = async (tenant: ReturnType<typeof as>) => (await moved.replica.driver.start(tenant, {})).id;
  const add = async (tenant: ReturnType<typeof as>, runId: string, text: string) =>
    await moved.replica.driver.append(tenant, { runId, events: [piece(text)] });
  const followed = async (tenant: ReturnType<typeof as>, after: TenantPosition | 'now' = LOG_START) =>
    await hubOn(moved.replica).followTenant(tenant, after, {});
  const [own, foreign] = [await run(a), await run(b)];
  await add(a, own, 'one');
  await add(b, foreign, 'foreign');
  await add(a, own, 'two');
  // As if all of it came from a cluster that has seen a million million transactions.
  const far = 10n ** 12n;
  await moved.admin.query(
    `UPDATE runs.run_events SET transaction_id = (transaction_id::text::bigint + ${far})::text::xid8`,
  );
  await moved.admin.query(`UPDATE runs.log_clock SET cluster = 1`);
  // Before anything is written, what is there can be read.
  const stream = await followed(a);
  const before = await take(stream, 3);
  expect(before.map(told)).toEqual([`${own}:1`, `${own}:2`, `${own}:3`]);
  expect(parsePosition(before[2]!.cursor).transactionId).toBeGreaterThan(far);
  const next = take(stream, 1);
  await add(a, own, 'three');
  moved.replica.wakeUps.deliver();
  expect((await next).map(told)).toEqual([`${own}:4`]);
  // Cursors of the time before are good, and `now` is behind everything.
  expect((await take(await followed(a, parsePosition(before[1]!.cursor)), 2)).map(told)).toEqual([
    `${own}:3`,
    `${own}:4`,
  ]);
  const late = await followed(a, 'now');
  const last = take(late, 1);
  await add(a, own, 'four');
  moved.replica.wakeUps.deliver();
  expect((await last).map(told)).toEqual([`${own}:5`]);
  expect((await take(await followed(b), 2)).map(told)).toEqual([`${foreign}:1`, `${foreign}:2`]);

  // And on to a third one, in which an append is the first to come; and everything that was there has been archived.
  await moved.admin.query(
    `UPDATE runs.run_events SET transaction_id = (transaction_id::text::bigint + ${far})::text::xid8 WHERE tenant_id = '${b.principal.tenantId}'`,
  );
  await moved.admin.query(`UPDATE runs.log_clock SET cluster = 2`);
  const appended = await Promise.all(upTo(4).map(async () => await add(a, await run(a), 'after the second move')));
  expect(appended).toHaveLength(4);
  const positions = await moved.admin.query<{ first: string; last: string }>(
    `SELECT min(transaction_id::text::bigint) FILTER (WHERE run_id = ANY($1)) AS first, max(transaction_id::text::bigint) FILTER (WHERE run_id <> ALL($1)) AS last FROM runs.run_events`,
    [appended.map(({ run: { id } }) => id)],
  );
  expect(BigInt(positions.rows[0]!.first)).toBeGreaterThan(BigInt(positions.rows[0]!.last));
  expect((await take(await followed(a, parsePosition(before[0]!.cursor)), 12)).slice(0, 4).map(told)).toEqual(
    [2, 3, 4, 5].map((sequence) => `${own}:${sequence}`),
  );
});

test('copied into a cluster that is really another, young one, the log goes on and old cursors hold', async () => {
  await using moved = await openManualStore(); // Whose rows and clock are made to look like those of another cluster.
  const [a, b] = [newTenant(), newTenant()];
  const { id } = await moved.replica.driver.start(a, {});
  const foreign = await moved.replica.driver.start(b, {});
  // The old cluster has seen more transactions than the new one has.
  for (let burnt = 0; burnt < 3_000; burnt += 100)
    await moved.admin.query(`DO $$ BEGIN FOR n IN 1..100 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$`);
  await moved.replica.driver.append(a, { runId: id, events: [piece('one'), piece('two')] });
  await moved.replica.driver.append(b, { runId: foreign.id, events: [piece('foreign')] });
  const cursors = (await take(await hubOn(moved.replica).followTenant(a, LOG_START, {}), 3)).map(
    ({ cursor }) => cursor,
  );

  const folder = await mkdtemp(join(tmpdir(), 'tributary-cluster-'));
  const cluster = await startEmbeddedPostgres({ dataDir: folder });
  const pool = new Postgres({ url: cluster.url, poolSize: 4 });
  const target = new pg.Client(cluster.url);
  try {
    await pool.migrate('runs', new URL('../../subgraphs/runs/migrations/', import.meta.url));
    await target.connect();
    await target.query('SET session_replication_role = replica; DELETE FROM runs.log_clock'); // As pg_restore --disable-triggers has it.
    for (const table of ['runs', 'run_events', 'run_appends', 'tenant_logs', 'log_clock']) {
      const { rows } = await moved.admin.query<{ rows: unknown }>(
        `SELECT COALESCE(json_agg(t), '[]') AS rows FROM runs.${table} AS t`,
      );
      await target.query(
        `INSERT INTO runs.${table} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::runs.${table}, $1)`,
        [JSON.stringify(rows[0]!.rows)],
      );
    }
    const there = manualReplica(pool);
    const hub = hubOn(there);
    const stream = await hub.followTenant(a, LOG_START, {});
    expect((await take(stream, 3)).map(({ cursor }) => cursor)).toEqual(cursors);
    const next = take(stream, 1);
    const resumed = take(await hub.followTenant(a, parsePosition(cursors[1]!), {}), 2);
    await there.driver.append(a, { runId: id, events: [finished] });
    there.wakeUps.deliver();
    expect((await next).map(told)).toEqual([`${id}:4`]);
    expect((await resumed).map(told)).toEqual([`${id}:3`, `${id}:4`]);
    expect((await take(await hub.followTenant(b, LOG_START, {}), 2)).map(told)).toEqual([
      `${foreign.id}:1`,
      `${foreign.id}:2`,
    ]);
  } finally {
    await target.end();
    await pool.close();
    await cluster.close();
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);
