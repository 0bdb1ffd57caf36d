/**
 * Which runs are announced to workers, and when, on PostgreSQL, with a queue whose answers a test gives. RabbitMQ is in
 * runs-rabbitmq.test.ts, with real workers in tests/stacks/queues.
 */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  Announcer,
  QueueFault,
  type Announcement,
  type AnnouncerOptions,
  type RunQueue,
} from '#subgraphs/runs/dispatch/announcer.ts';
import { postgresAnnouncements } from '#subgraphs/runs/drivers/postgres/announcements.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import { as, cancelled, finished, upTo, type Replica } from './runs-driver.ts';
import { type ManualStore, openManualStore } from './runs-wake-ups.ts';

class Queue implements RunQueue {
  readonly taken: Announcement[] = [];
  asked = 0;
  /** Raised by what it is true of. */
  refuses: (announcement: Announcement) => boolean = () => false;
  /** Called when a message has been taken, before the answer. */
  took: (announcement: Announcement) => Promise<void> | void = () => undefined;

  async announce(announcement: Announcement): Promise<void> {
    this.asked += 1;
    if (this.refuses(announcement)) throw new QueueFault('RabbitMQ cannot be reached.', { hint: 'Look there.' });
    this.taken.push(announcement);
    await this.took(announcement);
  }
  health() {
    return Promise.resolve({ store: 'rabbitmq', state: 'ok' as const });
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

let store: ManualStore;
let postgres: Postgres;
let replica: Replica;
let admin: pg.Client;
let queue: Queue;
/** Each test has an agent of its own. */
let agentId = '';
let agents = 0;
const [a, b] = [as('tenant-a'), as('tenant-b')];

beforeAll(async () => {
  store = await openManualStore();
  ({ postgres, replica, admin } = store);
});
beforeEach(async () => {
  queue = new Queue();
  agentId = `agt_${(agents += 1)}`;
  // No run is left to the next test.
  await admin.query(`UPDATE runs.runs SET announce_after = 'infinity'`);
});
afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
});

const announcer = (options: AnnouncerOptions = {}, on: RunQueue = queue) =>
  new Announcer(postgresAnnouncements(postgres), on, { pauseMs: () => 0, ...options });
const start = async (context: RequestContext = a, options = {}) =>
  (await replica.driver.start(context, { agentId, input: { secret: 'why' }, ...options })).id;
const announced = () => queue.taken.map(({ runId }) => runId);
const claim = async () => (await replica.driver.claim(a, { agentId, leaseSeconds: 60 }))!;
/** As if so much time had passed. */
const later = async (id: string, seconds: number) =>
  await admin.query(
    `UPDATE runs.runs SET announce_after = announce_after - make_interval(secs => $2), created_at = created_at - make_interval(secs => $2),
            lease_expires_at = lease_expires_at - make_interval(secs => $2) WHERE id = $1`,
    [id, seconds],
  );
const waitsSeconds = async (id: string): Promise<number | null> =>
  (
    await admin.query<{ seconds: number | null }>(
      'SELECT extract(epoch FROM announce_after - now())::float8 AS seconds FROM runs.runs WHERE id = $1',
      [id],
    )
  ).rows[0]!.seconds;

describe('what is announced', () => {
  test('each run of each tenant, once, with whose it is and nothing that it says', async () => {
    const ids = [await start(a), await start(b), await start(as('tenant-a.proj'))];
    expect(await announcer().look()).toBe(3);
    expect(queue.taken).toHaveLength(3);
    expect(queue.taken).toEqual(
      expect.arrayContaining([
        { tenantId: 'tenant-a', project: undefined, runId: ids[0], agentId, claims: 0 },
        { tenantId: 'tenant-b', project: undefined, runId: ids[1], agentId, claims: 0 },
        { tenantId: 'tenant-a', project: 'proj', runId: ids[2], agentId, claims: 0 },
      ]),
    );
    expect(await announcer().look()).toBe(0);
  });

  test('only what a worker could claim now', async () => {
    await start(a, { webhook: 'http://127.0.0.1:1/' });
    await start(a, { workflow: true });
    await start(a, { agentId: null });
    await start(a, { scheduledAt: new Date('2999-01-01T00:00:00Z') });
    const ended = await start();
    await replica.driver.append(a, { runId: ended, events: [cancelled], regardless: true });
    const ownHand = await start();
    await replica.driver.append(a, { runId: ownHand, events: [{ type: 'RUN_STARTED', payload: {} }] });
    await start();
    await claim();
    expect(await announcer().look()).toBe(0);
  });

  test('one that is scheduled, when its time has come', async () => {
    const id = await start(a, { scheduledAt: new Date(Date.now() - 1_000) });
    await announcer().look();
    expect(announced()).toEqual([id]);
  });

  test('by many processes at once, each once', async () => {
    const ids = await Promise.all(upTo(60).map((n) => start(n % 2 ? a : b)));
    await Promise.all(upTo(4).map(() => announcer({ concurrency: 4 }).look()));
    expect(announced().sort()).toEqual(ids.sort());
  });

  test('a run whose worker is gone, when its lease has ended; one that has ended, never', async () => {
    const id = await start();
    await announcer().look();
    const { lease } = await claim();
    expect(await announcer().look()).toBe(0);
    await later(id, 3_600);
    expect(await announcer().look()).toBe(1);
    expect(queue.taken.map(({ runId, claims }) => `${runId} ${claims}`)).toEqual([`${id} 0`, `${id} 1`]);
    const again = await claim();
    expect(again.lease.token).not.toBe(lease.token);
    await replica.driver.append(a, { runId: id, events: [finished], token: again.lease.token });
    await later(id, 3_600);
    expect(await announcer().look()).toBe(0);
  });

  test('a worker that claims before the broker has answered is not announced again', async () => {
    const id = await start();
    queue.took = async () => void (await claim());
    expect(await announcer().look()).toBe(1);
    expect(await waitsSeconds(id)).toBeNull();
    expect(await announcer().look()).toBe(0);
  });

  test('what nobody claims, ever more rarely', async () => {
    const id = await start();
    await announcer({ againMs: 300_000 }).look();
    expect(await waitsSeconds(id)).toBeGreaterThan(299);
    await later(id, 290);
    expect(await announcer({ againMs: 300_000 }).look()).toBe(0);
    // The pause doubles with the age, up to six hours.
    let seconds = 290;
    for (let time = 2; time <= 13; time += 1) {
      const pause = (await waitsSeconds(id))! + 1;
      await later(id, pause);
      seconds += pause;
      expect(await announcer({ againMs: 300_000 }).look(), `time ${time}`).toBe(1);
      expect(await waitsSeconds(id)).toBeLessThanOrEqual(6 * 3_600);
    }
    expect(seconds).toBeGreaterThan(86_400);
    expect(announced()).toHaveLength(13);
  });

  test('found by an index, however many runs there are', async () => {
    const asked: { sql: string; parameters: readonly unknown[] }[] = [];
    const watched = {
      systemTransaction: (context: RequestContext, work: (tx: Transaction) => Promise<unknown>) =>
        postgres.systemTransaction(context, (tx) =>
          work({ ...tx, query: (statement) => (asked.push(statement), tx.query(statement)) }),
        ),
    } as unknown as Postgres;
    await postgresAnnouncements(watched).due(20, 1_000);
    await admin.query('SET enable_seqscan = off');
    const { rows } = await admin.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${asked[0]!.sql}`, [20, 1_000]);
    await admin.query('RESET enable_seqscan');
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toMatch(/Index Scan using runs_announceable/);
    expect(plan).not.toMatch(/Sort/);
  });
});

describe('a broker', () => {
  test('that is away is tried again for as long as it takes, and told of once', async () => {
    const id = await start();
    queue.refuses = () => true;
    const told: string[] = [];
    const process = announcer({ concurrency: 2, log: (message) => told.push(message) });
    for (const _ of upTo(20)) expect(await process.look()).toBe(0);
    expect(told).toEqual([
      'RabbitMQ cannot be reached. Look there. Runs wait until they are announced; workers that ask by themselves get them.',
    ]);
    expect((await replica.driver.runsById(a, [id]))[0]).toMatchObject({ status: 'QUEUED', attempts: 0 });
    queue.refuses = () => false;
    expect(await process.look()).toBe(1);
    queue.refuses = () => true;
    await start();
    await process.look();
    expect(told).toHaveLength(2);
  });

  test('is not asked again before the pause is over, however often something is queued', async () => {
    queue.refuses = () => true;
    const process = announcer({ pauseMs: () => 3_600_000 });
    await start();
    await process.look();
    for (const _ of upTo(5)) {
      await start();
      await process.look();
    }
    expect(queue.asked).toBe(1);
  });

  test('that refuses one message gets the others', async () => {
    const ids = [await start(), await start(), await start()];
    queue.refuses = ({ runId }) => runId === ids[1];
    expect(await announcer().look()).toBe(2);
    expect(announced().sort()).toEqual([ids[0], ids[2]].sort());
    queue.refuses = () => false;
    expect(await announcer().look()).toBe(1);
    expect(announced()).toHaveLength(3);
  });

  test('has what a process took that then died announced by another', async () => {
    const id = await start();
    const dying = { ...postgresAnnouncements(postgres), note: () => Promise.reject(new Error('killed')) };
    await expect(new Announcer(dying, queue, {}).look()).rejects.toThrow('killed');
    expect(await announcer().look()).toBe(0);
    await later(id, 120);
    expect(await announcer().look()).toBe(1);
    expect(announced()).toEqual([id, id]);
  });

  test('is told at once of what is queued', async () => {
    const process = announcer({ everyMs: 3_600_000 });
    process.start();
    try {
      const id = await start();
      process.nudge();
      await vi.waitFor(() => expect(announced()).toEqual([id]));
    } finally {
      await process.close();
    }
  });
});
