/** Streams of runs on PostgreSQL: nothing lost, nothing twice, whatever happens between the log and its reader. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunEvent, RunsDriver } from '#subgraphs/runs/driver.ts';
import { PostgresWakeUps } from '#subgraphs/runs/drivers/postgres/wake-ups.ts';
import { StreamHub, type StreamHubOptions } from '#subgraphs/runs/streams/stream-hub.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { CodedError, storeUnavailable } from '#subgraphs/shared/errors.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { as, drain, finished, hubOn, piece, rejection, sequences, upTo, type Replica } from './runs-driver.ts';
import { type ManualStore, type ManualWakeUps, openManualStore } from './runs-wake-ups.ts';

let store: ManualStore;
let postgres: Postgres;
let replica: Replica & { wakeUps: ManualWakeUps };
let admin: pg.Client;
const a = as('tenant-a');
const EMPTY = { readers: 0, streams: 0 };

beforeAll(async () => {
  store = await openManualStore();
  ({ postgres, replica, admin } = store);
});
afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
});

/** A run with so many events (0, or 2 and more, since RUN_STARTED is one), and one more where it ends. */
async function runWith(events: number, { end = false } = {}): Promise<string> {
  const { id } = await replica.driver.start(a, {});
  for (let left = events - 1; left > 0; left -= 400)
    await replica.driver.append(a, { runId: id, events: upTo(Math.min(left, 400)).map(piece) });
  if (end) await replica.driver.append(a, { runId: id, events: [finished] });
  replica.wakeUps.lose();
  return id;
}
const table = async (runId: string): Promise<RunEvent[]> =>
  await replica.driver.events(a, [{ runId, after: 0 }], { limit: 100_000 });
async function take(stream: AsyncIterator<RunEvent>, count: number): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  while (events.length < count) {
    const { done, value } = await stream.next();
    if (done === true) break;
    events.push(value);
  }
  return events;
}

describe('a finished run', () => {
  test.each([0, 1, 200, 201, 449, 450])('replays behind cursor %i and completes', async (after) => {
    const id = await runWith(450, { end: true });
    const hub = hubOn(replica);
    const events = await drain(await hub.follow(a, id, { after }));
    expect(events).toEqual((await table(id)).slice(after));
    expect(hub.size).toEqual(EMPTY);
  });

  test('completes at once behind its terminal event', async () => {
    const hub = hubOn(replica);
    expect(await drain(await hub.follow(a, await runWith(2, { end: true }), { after: 3 }))).toEqual([]);
    expect(hub.size).toEqual(EMPTY);
  });

  test('gives the types asked for, and the end', async () => {
    const events = await drain(
      await hubOn(replica).follow(a, await runWith(300, { end: true }), { after: 0, types: ['RUN_STARTED'] }),
    );
    expect(sequences(events)).toEqual([1, 301]);
  });
});

describe('the hand-over from the log to live', () => {
  const seams = ['attached', 'caughtUp'] as const;
  test.each(
    seams.flatMap(
      (seam) =>
        [
          [seam, 'delivered'],
          [seam, 'lost, and polled'],
          [seam, 'delivered twice'],
        ] as const,
    ),
  )('loses and repeats nothing that is appended at the seam "%s", its wake-up %s', async (seam, fate) => {
    const id = await runWith(3);
    let crossings = 0;
    let witnessing = false;
    const cross = async () => {
      if (witnessing || crossings === 3) return;
      crossings += 1;
      const { run } = await replica.driver.append(a, {
        runId: id,
        events: [piece(1), crossings === 3 || seam === 'attached' ? finished : piece(2)],
      });
      if (fate === 'delivered twice') replica.wakeUps.held.push(...replica.wakeUps.held);
      if (fate === 'lost, and polled') {
        replica.wakeUps.lose();
        await hub.poll();
      } else {
        replica.wakeUps.deliver();
      }
      if (seam === 'attached') return;
      // Another follower has the events before this one starts to wait: the shared reader has moved, and will not be
      // woken again.
      witnessing = true;
      const witness = await hub.follow(a, id, { after: run.lastSequence - 2 });
      expect(sequences(await take(witness, 2))).toEqual([run.lastSequence - 1, run.lastSequence]);
      await witness.return();
      witnessing = false;
    };
    const hub = hubOn(replica, { seams: { [seam]: cross } });
    const events = await drain(await hub.follow(a, id, { after: 3 }));
    expect(events).toEqual((await table(id)).slice(3));
    expect(crossings).toBe(seam === 'attached' ? 1 : 3);
    expect(hub.size).toEqual(EMPTY);
  });

  test('a wake-up that comes while the head is read wakes the reader that it finds', async () => {
    const id = await runWith(2);
    const log: RunsDriver['log'] = {
      ...replica.driver.log,
      heads: async (tenantId, ids) => {
        const heads = await replica.driver.log.heads(tenantId, ids);
        await replica.driver.append(a, { runId: id, events: [finished] }); // After the look, before its answer is used.
        replica.wakeUps.deliver();
        return heads;
      },
    };
    const events = await drain(
      await new StreamHub(log, replica.wakeUps, { pollMs: 3_600_000 }).follow(a, id, { after: 2 }),
    );
    expect(sequences(events)).toEqual([3]);
  });
});

describe('following', () => {
  test('sends what is appended, in order, to its end, also when the log was empty', async () => {
    const id = await runWith(0);
    const hub = hubOn(replica);
    const stream = await hub.follow(a, id, { after: 0 });
    const all = drain(stream);
    for (const n of upTo(20)) {
      await replica.driver.append(a, { runId: id, events: [piece(n)] });
      replica.wakeUps.deliver();
    }
    await replica.driver.append(a, { runId: id, events: [finished] });
    replica.wakeUps.deliver();
    expect(await all).toEqual(await table(id));
    expect(hub.size).toEqual(EMPTY);
  });

  test('who polls, and is woken for more, is not woken again within his own step by the end that he takes', async () => {
    const id = await runWith(0);
    const stream = await hubOn(replica).follow(a, id, { after: 0 });
    const seen: RunEvent[] = [];
    let steps = 0;
    let nested = false;
    await new Promise<void>((ended) => {
      const step = (): void => {
        nested ||= steps > 0;
        steps += 1;
        for (let event = stream.poll(); event !== undefined; event = stream.poll()) seen.push(event);
        steps -= 1;
        if (!stream.whenMore(step)) ended();
      };
      step();
      void replica.driver.append(a, { runId: id, events: [piece(1), finished] }).then(() => replica.wakeUps.deliver());
    });
    expect(nested).toBe(false);
    expect(seen).toEqual(await table(id));
    expect((await stream.next()).done).toBe(true);
  });

  test('a wake-up that is lost delays, and the poll catches up', async () => {
    const id = await runWith(2);
    const hub = hubOn(replica);
    const stream = await hub.follow(a, id, { after: 0 });
    expect(sequences(await take(stream, 2))).toEqual([1, 2]);
    const next = stream.next();
    await replica.driver.append(a, { runId: id, events: [piece(1), finished] });
    replica.wakeUps.lose();
    await hub.poll();
    expect((await next).value).toMatchObject({ sequence: 3 });
    expect(sequences(await drain(stream))).toEqual([4]);
  });

  test('a wake-up that names what is not there does no harm', async () => {
    const id = await runWith(2);
    const hub = hubOn(replica);
    const stream = await hub.follow(a, id, { after: 2 });
    const next = stream.next();
    replica.wakeUps.held.push(
      { tenantId: 'tenant-a', runId: id, sequence: 999_999 },
      { tenantId: 'tenant-b', runId: id, sequence: 5 },
    );
    replica.wakeUps.deliver();
    await replica.driver.append(a, { runId: id, events: [finished] });
    replica.wakeUps.deliver();
    expect((await next).value).toMatchObject({ sequence: 3 });
    expect((await stream.next()).done).toBe(true);
  });

  test('costs one read a wake-up, however many follow', async () => {
    const id = await runWith(0);
    let reads = 0;
    const log: RunsDriver['log'] = {
      ...replica.driver.log,
      read: (...given) => ((reads += 1), replica.driver.log.read(...given)),
    };
    const hub = new StreamHub(log, replica.wakeUps, { pollMs: 3_600_000 });
    const streams = await Promise.all(upTo(50).map(() => hub.follow(a, id, { after: 0 })));
    expect(hub.size).toEqual({ readers: 1, streams: 50 });
    const logs = streams.map(drain);
    for (const event of [piece(1), piece(2), piece(3), finished]) {
      await replica.driver.append(a, { runId: id, events: [event] });
      replica.wakeUps.deliver();
    }
    const expected = await table(id);
    for (const log of logs) expect(await log).toEqual(expected);
    expect(reads).toBeLessThanOrEqual(4);
    expect(hub.size).toEqual(EMPTY);
  });

  test('a slow follower reads the log where the tail no longer reaches, and slows nobody', async () => {
    const id = await runWith(0);
    const hub = hubOn(replica, { tail: 10, batch: 7 });
    const [slow, fast] = [await hub.follow(a, id, { after: 0 }), await hub.follow(a, id, { after: 0 })];
    const early = slow.next();
    const all = drain(fast);
    for (const n of upTo(30)) {
      await replica.driver.append(a, { runId: id, events: [piece(n), piece(n), piece(n)] });
      replica.wakeUps.deliver();
    }
    await replica.driver.append(a, { runId: id, events: [finished] });
    replica.wakeUps.deliver();
    expect(await all).toEqual(await table(id));
    expect([(await early).value, ...(await drain(slow))]).toEqual(await table(id));
  });

  test('outlives a store that is away for a moment, and says so when it stays away', async () => {
    const id = await runWith(2);
    let failures = 0;
    const log: RunsDriver['log'] = {
      ...replica.driver.log,
      read: (...given) =>
        failures-- > 0
          ? Promise.reject(storeUnavailable('PostgreSQL', new Error('gone')))
          : replica.driver.log.read(...given),
    };
    const options: StreamHubOptions = { pollMs: 3_600_000, patienceMs: 400 };
    const hub = new StreamHub(log, replica.wakeUps, options);
    const stream = await hub.follow(a, id, { after: 2 });
    const follow = async (fails: number) => {
      const next = stream.next();
      failures = fails;
      await replica.driver.append(a, { runId: id, events: [piece('later')] });
      replica.wakeUps.deliver();
      return await next;
    };
    expect((await follow(2)).value).toMatchObject({ sequence: 3 });
    expect(await rejection(follow(1_000_000))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect((await stream.next()).done).toBe(true);
    expect(hub.size).toEqual(EMPTY);
    failures = 0;
    expect(sequences(await take(await hub.follow(a, id, { after: 3 }), 1))).toEqual([4]);
  });
});

describe('a cursor', () => {
  test("past the end is refused; of an unknown run or another tenant's, the run is not found", async () => {
    const id = await runWith(3);
    const hub = hubOn(replica);
    expect(await rejection(hub.follow(a, id, { after: 4 }))).toMatchObject({ code: 'BAD_USER_INPUT', lastSequence: 3 });
    expect(await rejection(hub.follow(a, 'run_nothing', { after: 0 }))).toMatchObject({ code: 'NOT_FOUND' });
    expect(await rejection(hub.follow(as('tenant-b'), id, { after: 0 }))).toMatchObject({ code: 'NOT_FOUND' });
    expect(hub.size).toEqual(EMPTY);
  });

  test('that retention has passed is expired, never a skip', async () => {
    const id = await runWith(500);
    const hub = hubOn(replica, { batch: 50 });
    const slow = await hub.follow(a, id, { after: 0 });
    expect(sequences(await take(slow, 50))).toEqual(upTo(50));
    await admin.query(`BEGIN`);
    await admin.query(`DELETE FROM runs.run_events WHERE run_id = $1 AND sequence < 120`, [id]);
    await admin.query(`UPDATE runs.runs SET first_available = 120 WHERE id = $1`, [id]);
    await admin.query(`COMMIT`);
    expect(await rejection(slow.next())).toMatchObject({
      code: 'CURSOR_EXPIRED',
      firstAvailable: '120',
      lastSequence: 500,
    });
    expect(await rejection(hub.follow(a, id, { after: 118 }))).toMatchObject({
      code: 'CURSOR_EXPIRED',
      firstAvailable: '120',
    });
    expect(await rejection(hub.follow(a, id, { after: 0 }))).toMatchObject({ code: 'CURSOR_EXPIRED' });
    const stream = await hub.follow(a, id, { after: 119 });
    expect(sequences(await take(stream, 381))).toEqual(upTo(500, 120));
    await stream.return();
    expect(hub.size).toEqual(EMPTY);
  });
});

describe('leaving', () => {
  test('ends at once, while waiting, while reading, before the first event, by signal, and on close', async () => {
    const id = await runWith(3);
    const hub = hubOn(replica);
    const waiting = await hub.follow(a, id, { after: 3 });
    const next = waiting.next();
    await waiting.return();
    expect((await next).done).toBe(true);
    expect(hub.size).toEqual(EMPTY);

    const reading = await hub.follow(a, id, { after: 0 });
    const read = reading.next();
    await reading.return();
    expect((await read).done).toBe(true);
    await (await hub.follow(a, id, { after: 0 })).return();
    expect(hub.size).toEqual(EMPTY);

    const controller = new AbortController();
    const context = createRequestContext(a.principal, { signal: controller.signal });
    const aborted = await hub.follow(context, id, { after: 3 });
    const pending = aborted.next();
    controller.abort();
    expect((await pending).done).toBe(true);
    expect(hub.size).toEqual(EMPTY);
    await expect(hub.follow(context, id, { after: 0 })).rejects.toThrow();
    expect(hub.size).toEqual(EMPTY);

    const closing = await hub.follow(a, id, { after: 3 });
    const last = closing.next();
    await hub.close();
    expect((await last).done).toBe(true);
    expect(hub.size).toEqual(EMPTY);
    await expect(hub.follow(a, id, { after: 0 })).rejects.toThrow(CodedError);
  });

  test('one of many leaves the others be', async () => {
    const id = await runWith(2);
    const hub = hubOn(replica);
    const [one, two] = [await hub.follow(a, id, { after: 2 }), await hub.follow(a, id, { after: 2 })];
    const [gone, kept] = [one.next(), two.next()];
    await one.return();
    await replica.driver.append(a, { runId: id, events: [finished] });
    replica.wakeUps.deliver();
    expect((await gone).done).toBe(true);
    expect((await kept).value).toMatchObject({ sequence: 3 });
    expect((await two.next()).done).toBe(true);
  });
});

describe('over LISTEN and NOTIFY', () => {
  test('what one process appends reaches followers on another; a third resumes', async () => {
    const [one, two, three] = await Promise.all([store.another(), store.another(), store.another()]);
    const { id } = await one.driver.start(a, {});
    const hubs = [hubOn(two), hubOn(three)] as const;
    const stream = await hubs[0].follow(a, id, { after: 0 });
    const first = take(stream, 3);
    await one.driver.append(a, { runId: id, events: [piece(1), piece(2)] });
    expect(sequences(await first)).toEqual([1, 2, 3]);
    await stream.return();
    const rest = drain(await hubs[1].follow(a, id, { after: 3 }));
    await one.driver.append(a, { runId: id, events: [piece(3)] });
    await two.driver.append(a, { runId: id, events: [finished] });
    expect(sequences(await rest)).toEqual([4, 5]);
    for (const hub of hubs) await hub.close();
  });

  test('what is appended while the listening connection is away arrives when it is back', async () => {
    let attempts = 0;
    let askedAgain: () => void;
    let letThrough: () => void;
    const again = new Promise<void>((resolve) => (askedAgain = resolve));
    const gate = new Promise<void>((resolve) => (letThrough = resolve));
    const listen: Postgres['listen'] = async (...given) => {
      attempts += 1;
      if (attempts === 2) {
        askedAgain();
        await gate;
        throw new Error('One more failure first.');
      }
      return await postgres.listen(...given);
    };
    const there = await store.another();
    const { id } = await there.driver.start(a, {});
    const hub = hubOn({ driver: there.driver, wakeUps: new PostgresWakeUps({ listen }, { backoffMs: 1 }) });
    const stream = await hub.follow(a, id, { after: 0 });
    const first = stream.next();
    await there.driver.append(a, { runId: id, events: [piece(1)] });
    expect((await first).value).toMatchObject({ sequence: 1 });
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`,
    );
    await again;
    await there.driver.append(a, { runId: id, events: [finished] });
    letThrough!();
    expect(sequences(await drain(stream))).toEqual([2, 3]);
    expect(attempts).toBe(3);
    await hub.close();
  });

  test('a listening connection that is killed comes back, and nothing is lost', async () => {
    const [here, there] = await Promise.all([store.another(), store.another()]);
    const { id } = await there.driver.start(a, {});
    const hub = hubOn(here);
    const all = drain(await hub.follow(a, id, { after: 0 }));
    for (const round of upTo(5)) {
      await there.driver.append(a, { runId: id, events: [piece(round)] });
      const { rows } = await admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`,
      );
      expect(rows.length).toBeLessThanOrEqual(1);
      if (round === 1) expect(rows).toHaveLength(1);
      await there.driver.append(a, { runId: id, events: [piece(`${round}, unheard`)] });
    }
    await there.driver.append(a, { runId: id, events: [finished] });
    expect(await all).toEqual(await table(id));
    await hub.close();
    const { rows } = await admin.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`,
    );
    expect(rows).toEqual([]);
  });

  test('other texts on the channel are ignored', async () => {
    const here = await store.another();
    const { id } = await here.driver.start(a, {});
    const hub = hubOn(here);
    const all = drain(await hub.follow(a, id, { after: 0 }));
    for (const text of ['', 'x', 'a b c d', `tenant-a ${id} -1`, `tenant-a ${id} 99999999999`])
      await admin.query(`SELECT pg_notify('tributary_runs', $1)`, [text]);
    await here.driver.append(a, { runId: id, events: [finished] });
    expect(sequences(await all)).toEqual([1, 2]);
    await hub.close();
  });
});
