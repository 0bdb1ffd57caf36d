/** Retention on PostgreSQL, archiving to files: whole runs, first written, then removed, and nobody skips the hole. */
import type pg from 'pg';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execute, parse } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createObject } from '#subgraphs/object/index.ts';
import { postgresRetention } from '#subgraphs/runs/drivers/postgres/retention.ts';
import { archiveKey, Retention, type RetentionOptions } from '#subgraphs/runs/retention/retention.ts';
import { LOG_START, parsePosition } from '#subgraphs/runs/streams/tenant-position.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { ArchiveSink } from '#subgraphs/shared/ports.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { as, drain, finished, hubOn, piece, rejection, sequences, upTo, type Replica } from './runs-driver.ts';
import { type ManualStore, openManualStore } from './runs-wake-ups.ts';

let store: ManualStore;
let postgres: Postgres;
let replica: Replica;
let admin: pg.Client;
let folder: string;
let objects: Subgraph;
let tenants = 0;
const newTenant = () => as(`tenant-${(tenants += 1)}`);

beforeAll(async () => {
  store = await openManualStore();
  ({ postgres, replica, admin } = store);
  folder = await mkdtemp(join(tmpdir(), 'tributary-archive-'));
  objects = await createObject({
    driver: {
      kind: 'files',
      dataDir: folder,
      signingKey: Buffer.alloc(32, 1),
      publicBaseUrl: () => 'http://localhost',
    },
  });
});
afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
  await objects?.close();
  await rm(folder, { recursive: true, force: true });
});

const retention = (options: RetentionOptions, sink: ArchiveSink = objects.provides.archiveSink!) =>
  new Retention(postgresRetention(postgres), replica.driver, sink, options);
async function endedRun(context: ReturnType<typeof as>, events = 3, daysAgo = 0): Promise<string> {
  const { id } = await replica.driver.start(context, { input: { n: events } });
  await replica.driver.append(context, {
    runId: id,
    events: upTo(events).map((n) => piece(`${n}é`)),
    idempotencyKey: 'k',
  });
  await replica.driver.append(context, { runId: id, events: [finished] });
  await admin.query(
    `UPDATE runs.runs SET created_at = created_at - make_interval(days => $2), started_at = started_at - make_interval(days => $2) WHERE id = $1`,
    [id, daysAgo],
  );
  // The end of an ended run cannot be changed, not even by an administrator's UPDATE.
  await admin.query('ALTER TABLE runs.runs DISABLE TRIGGER check_run');
  await admin.query(`UPDATE runs.runs SET finished_at = finished_at - make_interval(days => $2) WHERE id = $1`, [
    id,
    daysAgo,
  ]);
  await admin.query('ALTER TABLE runs.runs ENABLE TRIGGER check_run');
  return id;
}
const runOf = async (context: ReturnType<typeof as>, id: string) => (await replica.driver.runsById(context, [id]))[0]!;
const logOf = async (context: ReturnType<typeof as>, runId: string) =>
  await replica.driver.events(context, [{ runId, after: 0 }], { limit: 1_000 });
/** The lines of an archived object, read as clients read it. */
async function lines(context: ReturnType<typeof as>, key: string): Promise<Record<string, unknown>[] | null> {
  const { data } = (await execute({
    schema: objects.schema,
    document: parse(
      'query ($key: ID!) { object(key: $key) { text(maxBytes: 1000000) } }'.replace('$key: ID!', '$key: String!'),
    ),
    variableValues: { key },
    contextValue: createRequestContext(context.principal),
  })) as unknown as { data: { object: { text: string } | null } };
  return (
    data.object &&
    data.object.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  );
}

test('by age: the whole run is archived, then its events are removed; the run stays', async () => {
  const a = newTenant();
  const [old, young] = [await endedRun(a, 3, 31), await endedRun(a, 3, 29)];
  const { id: open } = await replica.driver.start(a, {});
  const [log, before] = [await logOf(a, old), await runOf(a, old)];
  expect(await retention({ days: 30 }).sweep()).toBe(1);
  expect(await logOf(a, old)).toEqual([]);
  expect(await logOf(a, young)).toHaveLength(5);
  expect(await runOf(a, old)).toEqual({ ...before, firstAvailable: 6, archiveKey: archiveKey(old) });
  expect(await runOf(a, open)).toMatchObject({ archiveKey: null });
  const [run, ...events] = (await lines(a, archiveKey(old)))!;
  expect(run).toEqual({ run: JSON.parse(JSON.stringify(before)) });
  expect(events).toEqual(
    JSON.parse(
      JSON.stringify(
        log.map(({ sequence, type, payload, actor, createdAt }) => ({ sequence, type, payload, actor, createdAt })),
      ),
    ),
  );
  expect(await lines(newTenant(), archiveKey(old))).toBeNull();
  expect(await retention({ days: 30 }).sweep()).toBe(0);
});

test('by number, for each tenant: those that ended first go', async () => {
  const [a, b] = [newTenant(), newTenant()];
  const runs: string[] = [];
  for (const days of [1, 5, 3, 2, 4]) runs.push(await endedRun(a, 1, days));
  const other = await endedRun(b, 1, 9);
  expect(await retention({ runs: 2 }).sweep()).toBeGreaterThanOrEqual(3);
  const kept = await Promise.all(runs.map(async (id) => (await runOf(a, id)).archiveKey === null));
  expect(kept).toEqual([true, false, false, true, false]);
  expect((await runOf(b, other)).archiveKey).toBeNull();
});

test('a long run takes several objects, none without its whole content', async () => {
  const a = newTenant();
  const id = await endedRun(a, 200, 400);
  await retention({ days: 365, partBytes: 4_000 }).sweep();
  const read: Record<string, unknown>[] = [];
  for (let part = 1; ; part += 1) {
    const found = await lines(a, archiveKey(id, part));
    if (found === null) break;
    read.push(...found);
  }
  expect(read.slice(1).map(({ sequence }) => sequence)).toEqual(upTo(202));
});

test('what cannot be archived is kept', async () => {
  const a = newTenant();
  const id = await endedRun(a, 3, 400);
  const logged: string[] = [];
  const broken: ArchiveSink = { put: () => Promise.reject(new Error('The disk is full.')) };
  expect(await retention({ days: 365, log: (message) => logged.push(message) }, broken).sweep()).toBe(0);
  expect(logged).toEqual([`The events of run ${id} could not be archived; they are kept.`]);
  expect(await logOf(a, id)).toHaveLength(5);
  expect(await retention({ days: 365 }).sweep()).toBe(1);
});

test('two processes at once archive a run once, and write nothing that is not whole', async () => {
  const a = newTenant();
  const ids: string[] = [];
  for (const n of upTo(4)) ids.push(await endedRun(a, 30 * n, 400));
  await Promise.all([retention({ days: 365 }).sweep(), retention({ days: 365 }).sweep()]);
  for (const [index, id] of ids.entries()) {
    expect((await lines(a, archiveKey(id)))!.slice(1).map(({ sequence }) => sequence)).toEqual(
      upTo(30 * (index + 1) + 2),
    );
    expect((await runOf(a, id)).archiveKey).toBe(archiveKey(id));
  }
});

test('a cursor into an archived log is CURSOR_EXPIRED and says where the events are; behind the end is the end', async () => {
  const a = newTenant();
  const id = await endedRun(a, 3, 400);
  await retention({ days: 365 }).sweep();
  const hub = hubOn(replica);
  for (const after of [0, 2, 4]) {
    expect(await rejection(hub.follow(a, id, { after }))).toMatchObject({
      code: 'CURSOR_EXPIRED',
      firstAvailable: '6',
      lastSequence: 5,
      archiveKey: archiveKey(id),
    });
  }
  expect(await drain(await hub.follow(a, id, { after: 5 }))).toEqual([]);
  expect(await rejection(replica.driver.append(a, { runId: id, events: [piece(1)] }))).toMatchObject({
    code: 'CONFLICT',
    status: 'SUCCEEDED',
  });
});

test('a follower who is in the middle when the events go is told, and skips nothing', async () => {
  const a = newTenant();
  const id = await endedRun(a, 50, 400);
  const stream = await hubOn(replica, { batch: 10, tail: 1 }).follow(a, id, { after: 0 });
  expect((await stream.next()).value).toMatchObject({ sequence: 1 });
  await retention({ days: 365 }).sweep();
  const seen = [1];
  const error = await rejection(
    (async () => {
      for await (const event of stream) seen.push(event.sequence);
    })(),
  );
  expect(error).toMatchObject({ code: 'CURSOR_EXPIRED', archiveKey: archiveKey(id) });
  expect(seen).toEqual(upTo(10));
});

test("a cursor of the tenant's log before the hole is CURSOR_EXPIRED; from the start and from `firstAvailable` the rest is read", async () => {
  const a = newTenant();
  const first = await endedRun(a, 2, 1);
  const removed = await endedRun(a, 2, 400);
  const last = await endedRun(a, 2, 1);
  const take = async (after: Parameters<ReturnType<typeof hubOn>['followTenant']>[1], count: number) => {
    const stream = await hubOn(replica).followTenant(a, after, {});
    const cursors: string[] = [];
    const events = [];
    for (let n = 0; n < count; n += 1) {
      const { value } = await stream.next();
      events.push(value!.event);
      cursors.push(value!.cursor);
    }
    await stream.return!();
    return { events, cursors };
  };
  const { cursors } = await take(LOG_START, 12);
  await retention({ days: 365 }).sweep();
  const kept = await take(LOG_START, 8);
  expect(kept.events.map(({ runId }) => runId)).toEqual([...Array(4).fill(first), ...Array(4).fill(last)]);
  for (const early of [cursors[0]!, cursors[3]!, cursors[5]!]) {
    expect(await rejection(take(parsePosition(early), 1))).toMatchObject({
      code: 'CURSOR_EXPIRED',
      firstAvailable: cursors[7],
    });
  }
  for (const late of [cursors[7]!, cursors[8]!]) {
    expect(sequences((await take(parsePosition(late), 2)).events).at(-1)).toBe(late === cursors[7] ? 2 : 3);
  }
  expect(removed).toBeDefined();
});

test('the system reads no payload, input or output', async () => {
  const query = async (sql: string) => {
    await admin.query('BEGIN; SET LOCAL ROLE tributary_system');
    try {
      await admin.query(sql);
    } finally {
      await admin.query('ROLLBACK');
    }
  };
  await query('SELECT id FROM runs.runs');
  for (const sql of [
    'SELECT payload FROM runs.run_events',
    'SELECT input FROM runs.runs',
    'SELECT lease_token FROM runs.runs',
    `UPDATE runs.runs SET status = 'FAILED'`,
  ]) {
    await expect(query(sql)).rejects.toThrow(/permission denied/);
  }
});
