/** All runs of a tenant on one cursor: nothing lost although transactions commit out of order. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { StreamHub } from '#subgraphs/runs/stream-hub.ts';
import { LOG_START, parsePosition, type TenantPosition } from '#subgraphs/runs/tenant-position.ts';
import type { TenantEvent } from '#subgraphs/runs/tenant-reader.ts';
import type { TenantFilter } from '#subgraphs/runs/driver.ts';
import { Postgres } from '#subgraphs/shared/postgres.ts';
import { as, finished, hubOn, piece, rejection, upTo, type Replica } from './runs-driver.ts';
import { openPostgresStore } from './runs-postgres-store.ts';
import { manualReplica, type ManualWakeUps } from './runs-wake-ups.ts';

let store: Awaited<ReturnType<typeof openPostgresStore>>;
let postgres: Postgres;
let replica: Replica & { wakeUps: ManualWakeUps };
let other: pg.Client;
let tenants = 0;
const newTenant = () => as(`tenant-${(tenants += 1)}`);

beforeAll(async () => {
  store = await openPostgresStore();
  await store.replica(); // Migrates.
  postgres = new Postgres({ url: store.url, poolSize: 8 });
  replica = manualReplica(postgres);
  other = new pg.Client(store.url);
  await other.connect();
});
afterAll(async () => {
  await other?.end();
  await postgres?.close();
  await store?.close();
});

const start = async (context: ReturnType<typeof as>, agentId: string | null = null) => (await replica.driver.start(context, { agentId })).id;
const append = async (context: ReturnType<typeof as>, runId: string, ...texts: (string | number)[]) =>
  await replica.driver.append(context, { runId, events: texts.map(piece) });
const told = ({ event }: TenantEvent): string => `${event.runId}:${event.sequence}`;
async function take(stream: AsyncIterator<TenantEvent>, count: number): Promise<TenantEvent[]> {
  const events: TenantEvent[] = [];
  while (events.length < count) events.push((await stream.next()).value as TenantEvent);
  return events;
}
const follow = async (context: ReturnType<typeof as>, after: TenantPosition | 'now' = LOG_START, filter: TenantFilter = {}, options = {}) => {
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
  await other.query(`INSERT INTO runs.run_events (tenant_id, run_id, sequence, type, payload, actor, created_at) VALUES ($1, $2, 3, 'CUSTOM', '{}', 'x', now())`, [a.principal.tenantId, slow]);
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
  const replicas = [await store.replica(), await store.replica()];
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
    for (const runId of runs) expect(log.filter(({ event }) => event.runId === runId).map(({ event }) => event.sequence)).toEqual(upTo(16));
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
  const filter = { agentId: 'agt_mine', types: ['TEXT_MESSAGE_CONTENT', 'RUN_FINISHED'] as const };
  const { stream } = await follow(a, LOG_START, filter, { batch: 4 });
  expect((await take(stream, 10)).map(({ event }) => event.payload['delta'])).toEqual(upTo(10).map((n) => String(3 * n)));
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
  const first = await log.readTenant(a.principal.tenantId, LOG_START, { transactionId: 2n ** 62n, id: 0n }, {}, { events: 100, bytes: 1 });
  expect(first).toMatchObject({ entries: [{ event: { sequence: 1 } }], more: true });
  await hub.close();
});

test('a cursor that the log has not reached, or that is none, is refused', async () => {
  const a = newTenant();
  const { horizon } = await replica.driver.log.horizon(a.principal.tenantId);
  const beyond = { transactionId: horizon.transactionId + 1_000_000n, id: 1n };
  expect(await rejection(hubOn(replica).followTenant(a, beyond, {}))).toMatchObject({ code: 'BAD_USER_INPUT' });
  for (const cursor of ['', '5', '1-2-3', '-1-1', '1-1\0', '99999999999999999999-1', '9999999999999999999-1']) {
    expect(() => parsePosition(cursor)).toThrow('is not a cursor');
  }
});
