/** Workers on PostgreSQL: one run to one claim, fenced while the lease lives, left to the next when it ends. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Replica } from './runs-driver.ts';
import { as, cancelled, finished, piece, rejection, upTo } from './runs-driver.ts';
import { openPostgresStore } from './runs-postgres-store.ts';

let store: Awaited<ReturnType<typeof openPostgresStore>>;
let replicas: Replica[];
let admin: pg.Client;
const a = as('tenant-a', 'worker-1');
const b = as('tenant-b');
let agents = 0;

beforeAll(async () => {
  store = await openPostgresStore();
  replicas = [await store.replica(), await store.replica()];
  admin = new pg.Client(store.url);
  await admin.connect();
});
afterAll(async () => {
  await admin?.end();
  await store?.close();
});

const driver = () => replicas[0]!.driver;
const newAgent = () => `agt_w${(agents += 1)}`;
const start = async (agentId: string, options = {}) => (await driver().start(a, { agentId, ...options })).id;
const claim = async (agentId: string, leaseSeconds = 600) => await driver().claim(a, { agentId, leaseSeconds });
const expire = async (runId: string) =>
  await admin.query(`UPDATE runs.runs SET lease_expires_at = now() - interval '1 second' WHERE id = $1 AND lease_token IS NOT NULL`, [runId]);
const runOf = async (id: string) => (await driver().runsById(a, [id]))[0]!;
const types = async (runId: string) => (await driver().events(a, [{ runId, after: 0 }], { limit: 100 })).map(({ type }) => type);

describe('claiming', () => {
  test('gives an agent’s run with a token, and then none', async () => {
    const agentId = newAgent();
    const id = await start(agentId);
    await start(newAgent());
    const claimed = (await claim(agentId))!;
    expect(claimed.run).toMatchObject({ id, status: 'QUEUED', attempts: 1, claimedBy: 'worker-1', leaseExpiresAt: claimed.lease.expiresAt });
    expect(claimed.lease.token).toMatch(/^1-\S{16}$/);
    expect(await claim(agentId)).toBeNull();
    expect(await driver().claim(b, { agentId, leaseSeconds: 60 })).toBeNull();
  });

  test('goes by priority, then schedule, then age, and leaves what is not due', async () => {
    const agentId = newAgent();
    const old = await start(agentId);
    const scheduled = await start(agentId, { scheduledAt: new Date('2001-01-01T00:00:00Z') });
    const urgent = await start(agentId, { priority: 5 });
    await start(agentId, { priority: 9, scheduledAt: new Date('2999-01-01T00:00:00Z') });
    const young = await start(agentId);
    const low = await start(agentId, { priority: -1 });
    // Moments have milliseconds; those of a fast machine may be equal.
    await admin.query(`UPDATE runs.runs SET created_at = created_at - interval '1 hour' WHERE id = $1`, [old]);
    const order: (string | undefined)[] = [];
    for (const _ of upTo(6)) order.push((await claim(agentId))?.run.id);
    expect(order).toEqual([urgent, scheduled, old, young, low, undefined]);
  });

  test('by many at once, over two processes, gives each run to one', async () => {
    const agentId = newAgent();
    const started = await Promise.all(upTo(20).map(() => start(agentId)));
    const claims = await Promise.all(upTo(30).map((n) => replicas[n % 2]!.driver.claim(a, { agentId, leaseSeconds: 60 })));
    const claimed = claims.flatMap((answer) => (answer ? [answer.run.id] : []));
    // A claim passes over what another has in hand, so one may find nothing while runs are left.
    for (let next = await claim(agentId); next; next = await claim(agentId)) claimed.push(next.run.id);
    expect(claimed.sort()).toEqual(started.sort());
  });

  test('does not wait for a run that a transaction holds', async () => {
    const agentId = newAgent();
    const [held, free] = [await start(agentId, { priority: 1 }), await start(agentId)];
    await admin.query('BEGIN');
    await admin.query('SELECT 1 FROM runs.runs WHERE id = $1 FOR UPDATE', [held]);
    expect((await claim(agentId))?.run.id).toBe(free);
    await admin.query('ROLLBACK');
    expect((await claim(agentId))?.run.id).toBe(held);
  });
});

describe('while a lease lives', () => {
  test('only its token writes; cancelling is always possible', async () => {
    const agentId = newAgent();
    const id = await start(agentId);
    const { lease } = (await claim(agentId))!;
    const refused = await rejection(driver().append(a, { runId: id, events: [piece(1)] }));
    expect(refused).toMatchObject({ code: 'CONFLICT', status: 'QUEUED', leaseExpiresAt: lease.expiresAt.toISOString() });
    expect(await rejection(driver().append(a, { runId: id, events: [finished] }))).toMatchObject({ code: 'CONFLICT' });
    expect(await rejection(driver().append(a, { runId: id, events: [piece(1)], token: '1-x' }))).toMatchObject({ code: 'CONFLICT' });
    expect((await driver().append(a, { runId: id, events: [piece(1)], token: lease.token })).run).toMatchObject({ status: 'RUNNING', leaseExpiresAt: lease.expiresAt });
    await driver().append(a, { runId: id, events: [cancelled], regardless: true });
    expect(await runOf(id)).toMatchObject({ status: 'CANCELLED', leaseExpiresAt: null });
    expect(await rejection(driver().heartbeat(a, { runId: id, token: lease.token, leaseSeconds: 60 }))).toMatchObject({ code: 'CONFLICT', status: 'CANCELLED' });
  });

  test('the worker finishes, and nothing is left to claim', async () => {
    const agentId = newAgent();
    const id = await start(agentId);
    const { lease } = (await claim(agentId))!;
    await driver().append(a, { runId: id, events: [piece(1), finished], token: lease.token });
    expect(await runOf(id)).toMatchObject({ status: 'SUCCEEDED', leaseExpiresAt: null, attempts: 1 });
    expect(await claim(agentId)).toBeNull();
  });

  test('a heartbeat prolongs it, for this tenant and this token alone', async () => {
    const agentId = newAgent();
    const id = await start(agentId);
    const { lease } = (await claim(agentId, 10))!;
    const prolonged = await driver().heartbeat(a, { runId: id, token: lease.token, leaseSeconds: 1_000 });
    expect(prolonged.lease.token).toBe(lease.token);
    expect(prolonged.lease.expiresAt.getTime() - lease.expiresAt.getTime()).toBeGreaterThan(900_000);
    expect(await rejection(driver().heartbeat(a, { runId: id, token: '1-other', leaseSeconds: 60 }))).toMatchObject({ code: 'CONFLICT' });
    expect(await rejection(driver().heartbeat(b, { runId: id, token: lease.token, leaseSeconds: 60 }))).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('when a lease has expired', () => {
  test('the run goes to the next claim as it was left, and the late worker is fenced out', async () => {
    const agentId = newAgent();
    const id = await start(agentId);
    const first = (await claim(agentId))!;
    await driver().append(a, { runId: id, events: [piece(1)], token: first.lease.token });
    await expire(id);
    const second = (await replicas[1]!.driver.claim(a, { agentId, leaseSeconds: 600 }))!;
    expect(second.run).toMatchObject({ id, status: 'RUNNING', lastSequence: 2, attempts: 2 });
    expect(Number.parseInt(second.lease.token)).toBeGreaterThan(Number.parseInt(first.lease.token));
    const token = first.lease.token;
    for (const attempt of [
      () => driver().append(a, { runId: id, events: [piece(2)], token }),
      () => driver().append(a, { runId: id, events: [finished], token }),
      () => driver().heartbeat(a, { runId: id, token, leaseSeconds: 600 }),
    ]) expect(await rejection(attempt())).toMatchObject({ code: 'CONFLICT' });
    await driver().append(a, { runId: id, events: [finished], token: second.lease.token });
    expect(await types(id)).toEqual(['RUN_STARTED', 'TEXT_MESSAGE_CONTENT', 'RUN_FINISHED']);
  });

  test('its token is still good where nobody has claimed the run, and others may write too', async () => {
    const agentId = newAgent();
    const id = await start(agentId);
    const { lease } = (await claim(agentId))!;
    await expire(id);
    await driver().append(a, { runId: id, events: [piece(1)] });
    await driver().append(a, { runId: id, events: [piece(2)], token: lease.token });
    await driver().heartbeat(a, { runId: id, token: lease.token, leaseSeconds: 600 });
    expect(await claim(agentId)).toBeNull();
    expect(await rejection(driver().append(a, { runId: id, events: [piece(3)] }))).toMatchObject({ code: 'CONFLICT' });
  });

  test.each([['with an empty log', 0], ['with events', 1]])('too often, the run %s fails, with one terminal event', async (_name, events) => {
    const agentId = newAgent();
    const id = await start(agentId, { maxAttempts: 2, priority: 1 });
    const other = await start(agentId);
    for (const _ of upTo(2)) {
      const { run, lease } = (await claim(agentId))!;
      expect(run.id).toBe(id);
      if (events > 0) await driver().append(a, { runId: id, events: [piece(1)], token: lease.token });
      await expire(id);
    }
    const [third, fourth] = await Promise.all([claim(agentId), claim(agentId)]);
    expect([third?.run.id, fourth?.run.id].filter((claimed) => claimed !== undefined)).toEqual([other]);
    expect(await runOf(id)).toMatchObject({ status: 'FAILED', attempts: 2, error: { code: 'ATTEMPTS_EXHAUSTED' }, leaseExpiresAt: null });
    expect((await types(id)).filter((type) => type === 'RUN_ERROR')).toHaveLength(1);
  });

  test('a run that nobody ever claimed is not claimed once it runs', async () => {
    const agentId = newAgent();
    await driver().append(a, { runId: await start(agentId), events: [piece(1)] });
    expect(await claim(agentId)).toBeNull();
  });
});

test('waiting hands the run back; who resumes it makes it claimable, with all attempts', async () => {
  const agentId = newAgent();
  const id = await start(agentId, { maxAttempts: 1 });
  const { lease } = (await claim(agentId))!;
  await driver().append(a, { runId: id, events: [piece('question')], token: lease.token, waiting: true });
  expect(await runOf(id)).toMatchObject({ status: 'WAITING', leaseExpiresAt: null, attempts: 0 });
  expect(await claim(agentId)).toBeNull();
  await driver().append(as('tenant-a', 'human'), { runId: id, events: [piece('answer')] });
  const again = (await claim(agentId))!;
  expect(again.run).toMatchObject({ id, attempts: 1, lastSequence: 3 });
  expect(Number.parseInt(again.lease.token)).toBe(2);
});

test('a key starts a run once, whatever was asked for besides the input', async () => {
  const agentId = newAgent();
  const options = { agentId, idempotencyKey: 'k', priority: 3, scheduledAt: new Date('2999-01-01T00:00:00Z'), maxAttempts: 7 };
  const run = await driver().start(a, options);
  expect(run).toMatchObject({ priority: 3, scheduledAt: options.scheduledAt, maxAttempts: 7, attempts: 0 });
  expect((await driver().start(a, options)).id).toBe(run.id);
  expect(await rejection(driver().start(a, { ...options, priority: 4 }))).toMatchObject({ code: 'CONFLICT', runId: run.id });
});
