/** Workers on PostgreSQL: one run to one claim, fenced while the lease lives, left to the next when it ends. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresExhausted } from '#subgraphs/runs/drivers/postgres/leases.ts';
import { LeaseSweep } from '#subgraphs/runs/leases/sweep.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Replica } from './runs-driver.ts';
import { as, cancelled, finished, piece, rejection, upTo } from './runs-driver.ts';
import { openPostgresStore } from './runs-postgres-store.ts';

let store: Awaited<ReturnType<typeof openPostgresStore>>;
let replicas: Replica[];
let admin: pg.Client;
let pools: Postgres[];
const a = as('tenant-a', 'worker-1');
const b = as('tenant-b');
let agents = 0;

beforeAll(async () => {
  store = await openPostgresStore();
  replicas = [await store.replica(), await store.replica()];
  admin = new pg.Client(store.url);
  await admin.connect();
  pools = upTo(2).map(() => new Postgres({ url: store.url, poolSize: 4 }));
});
afterAll(async () => {
  for (const postgres of pools ?? []) await postgres.close();
  await admin?.end();
  await store?.close();
});

const driver = () => replicas[0]!.driver;
const newAgent = () => `agt_w${(agents += 1)}`;
const start = async (agentId: string, options = {}) => (await driver().start(a, { agentId, ...options })).id;
const claim = async (agentId: string, leaseSeconds = 600) => await driver().claim(a, { agentId, leaseSeconds });
const expire = async (runId: string) =>
  await admin.query(
    `UPDATE runs.runs SET lease_expires_at = now() - interval '1 second' WHERE id = $1 AND lease_token IS NOT NULL`,
    [runId],
  );
const runOf = async (id: string) => (await driver().runsById(a, [id]))[0]!;
const types = async (runId: string) =>
  (await driver().events(a, [{ runId, after: 0 }], { limit: 100 })).map(({ type }) => type);

describe('claiming', () => {
  test("gives an agent's run with a token, and then none", async () => {
    const agentId = newAgent();
    const id = await start(agentId);
    await start(newAgent());
    const claimed = (await claim(agentId))!;
    expect(claimed.run).toMatchObject({
      id,
      status: 'QUEUED',
      attempts: 1,
      claimedBy: 'worker-1',
      leaseExpiresAt: claimed.lease.expiresAt,
    });
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
    const claims = await Promise.all(
      upTo(30).map((n) => replicas[n % 2]!.driver.claim(a, { agentId, leaseSeconds: 60 })),
    );
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
    expect(refused).toMatchObject({
      code: 'CONFLICT',
      status: 'QUEUED',
      leaseExpiresAt: lease.expiresAt.toISOString(),
    });
    expect(await rejection(driver().append(a, { runId: id, events: [finished] }))).toMatchObject({ code: 'CONFLICT' });
    expect(await rejection(driver().append(a, { runId: id, events: [piece(1)], token: '1-x' }))).toMatchObject({
      code: 'CONFLICT',
    });
    expect((await driver().append(a, { runId: id, events: [piece(1)], token: lease.token })).run).toMatchObject({
      status: 'RUNNING',
      leaseExpiresAt: lease.expiresAt,
    });
    await driver().append(a, { runId: id, events: [cancelled], regardless: true });
    expect(await runOf(id)).toMatchObject({ status: 'CANCELLED', leaseExpiresAt: null });
    expect(await rejection(driver().heartbeat(a, { runId: id, token: lease.token, leaseSeconds: 60 }))).toMatchObject({
      code: 'CONFLICT',
      status: 'CANCELLED',
    });
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
    expect(await rejection(driver().heartbeat(a, { runId: id, token: '1-other', leaseSeconds: 60 }))).toMatchObject({
      code: 'CONFLICT',
    });
    expect(await rejection(driver().heartbeat(b, { runId: id, token: lease.token, leaseSeconds: 60 }))).toMatchObject({
      code: 'NOT_FOUND',
    });
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
    ])
      expect(await rejection(attempt())).toMatchObject({ code: 'CONFLICT' });
    await driver().append(a, { runId: id, events: [finished], token: second.lease.token });
    expect(await types(id)).toEqual(['RUN_STARTED', 'TEXT_MESSAGE_CHUNK', 'RUN_FINISHED']);
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

  test.each([
    ['with an empty log', 0],
    ['with events', 1],
  ])('too often, the run %s fails, with one terminal event', async (_name, events) => {
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
    expect(await runOf(id)).toMatchObject({
      status: 'FAILED',
      attempts: 2,
      error: { code: 'ATTEMPTS_EXHAUSTED' },
      leaseExpiresAt: null,
    });
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
  const options = {
    agentId,
    idempotencyKey: 'k',
    priority: 3,
    scheduledAt: new Date('2999-01-01T00:00:00Z'),
    maxAttempts: 7,
  };
  const run = await driver().start(a, options);
  expect(run).toMatchObject({ priority: 3, scheduledAt: options.scheduledAt, maxAttempts: 7, attempts: 0 });
  expect((await driver().start(a, options)).id).toBe(run.id);
  expect(await rejection(driver().start(a, { ...options, priority: 4 }))).toMatchObject({
    code: 'CONFLICT',
    runId: run.id,
  });
});

describe('the sweep of leases, where nobody claims any more', () => {
  const sweeps = () =>
    pools.map((postgres, index) => new LeaseSweep(postgresExhausted(postgres, replicas[index]!.wakeUps)));
  const used = async (context = a, options = {}): Promise<string> => {
    const agentId = newAgent();
    const { id } = await driver().start(context, { agentId, maxAttempts: 1, ...options });
    const claimed = (await driver().claim(context, { agentId, leaseSeconds: 600 }))!;
    await driver().append(context, { runId: id, events: [piece(1)], token: claimed.lease.token });
    return id;
  };

  test('ends runs of every tenant whose attempts are used up, once, however many processes sweep', async () => {
    const ids = [
      [a, await used()],
      [a, await used()],
      [b, await used(b)],
    ] as const;
    const [sweep] = sweeps();
    expect(await sweep!.sweep()).toBe(0); // Their leases live.
    for (const [, id] of ids) await expire(id);
    const ended = await Promise.all([...sweeps(), ...sweeps()].map((one) => one.sweep()));
    // One that comes upon a run that another has in hand leaves it.
    expect(ended.reduce((sum, count) => sum + count, 0)).toBe(3);
    for (const [context, id] of ids) {
      const [run] = await driver().runsById(context, [id]);
      expect(run).toMatchObject({
        status: 'FAILED',
        error: { code: 'ATTEMPTS_EXHAUSTED' },
        leaseExpiresAt: null,
        lastSequence: 3,
      });
      const log = await driver().events(context, [{ runId: id, after: 0 }], { limit: 10 });
      expect(log.map(({ type, actor }) => [type, actor]).slice(1)).toEqual([
        ['TEXT_MESSAGE_CHUNK', context.principal.subject],
        ['RUN_ERROR', 'system:leases'],
      ]);
    }
    expect(await sweep!.sweep()).toBe(0);
  });

  test('leaves runs that may be claimed again, that wait, or that a worker brings to an end at this moment', async () => {
    const agentId = newAgent();
    const again = await start(agentId, { maxAttempts: 2 });
    await claim(agentId);
    await expire(again);
    const waiting = await used();
    await driver().append(a, {
      runId: waiting,
      events: [piece(2)],
      token: (await admin.query('SELECT lease_token FROM runs.runs WHERE id = $1', [waiting])).rows[0].lease_token,
      waiting: true,
    });
    const ending = await used();
    await expire(ending);
    await admin.query('BEGIN');
    await admin.query('SELECT 1 FROM runs.runs WHERE id = $1 FOR UPDATE', [ending]);
    const [sweep] = sweeps();
    expect(await sweep!.sweep()).toBe(0);
    await admin.query('ROLLBACK');
    await driver().append(a, { runId: ending, events: [finished] });
    expect(await sweep!.sweep()).toBe(0);
    for (const [id, status] of [
      [again, 'QUEUED'],
      [waiting, 'WAITING'],
      [ending, 'SUCCEEDED'],
    ] as const)
      expect(await runOf(id)).toMatchObject({ status });
  });

  test('a worker that comes back late, before the sweep, may still finish; after it, it is told', async () => {
    const [early, late] = [await used(), await used()];
    const tokenOf = async (id: string): Promise<string> =>
      (await admin.query('SELECT lease_token FROM runs.runs WHERE id = $1', [id])).rows[0].lease_token as string;
    const tokens = [await tokenOf(early), await tokenOf(late)];
    await expire(early);
    await driver().append(a, { runId: early, events: [finished], token: tokens[0] });
    await expire(late);
    expect(await sweeps()[0]!.sweep()).toBe(1);
    expect(await rejection(driver().append(a, { runId: late, events: [finished], token: tokens[1] }))).toMatchObject({
      code: 'CONFLICT',
      status: 'FAILED',
    });
    expect(await runOf(early)).toMatchObject({ status: 'SUCCEEDED' });
  });

  test('goes on by itself until it is closed', async () => {
    const id = await used();
    await expire(id);
    const sweep = new LeaseSweep(postgresExhausted(pools[0]!, replicas[0]!.wakeUps), { everyMs: 1 });
    sweep.start();
    await expect.poll(async () => (await runOf(id)).status).toBe('FAILED');
    await sweep.close();
  });
});
