/** What every store of runs must do: the same tests for any driver. */
import { parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { CodedError } from '#subgraphs/shared/errors.ts';
import {
  runCondition,
  type AppendEvents,
  type Run,
  type RunEvent,
  type RunLimits,
  type RunsDriver,
} from '#subgraphs/runs/driver.ts';
import { StreamHub, type StreamHubOptions } from '#subgraphs/runs/streams/stream-hub.ts';
import type { WakeUps } from '#subgraphs/runs/streams/wake-ups.ts';

/** One process's driver on a store that all replicas of a suite share. */
export interface Replica {
  driver: RunsDriver;
  wakeUps: WakeUps;
}

export interface Store {
  /** A further process on the same store, with its own connections. */
  replica(options?: { limits?: Partial<RunLimits> }): Promise<Replica>;
  close(): Promise<void>;
}

export const as = (tenantId: string, subject = 'tester'): RequestContext =>
  createRequestContext({ tenantId, subject, roles: [], scopes: [] });

/** A text event of a number, to be recognised when read. */
export const piece = (number: number | string): AppendEvents['events'][number] => ({
  type: 'TEXT_MESSAGE_CHUNK',
  payload: { messageId: 'm', delta: String(number) },
});
export const finished: AppendEvents['events'][number] = {
  type: 'RUN_FINISHED',
  payload: { outcome: { type: 'success' } },
};
export const failed: AppendEvents['events'][number] = {
  type: 'RUN_ERROR',
  payload: { message: 'no luck', code: 'E1' },
};
export const cancelled: AppendEvents['events'][number] = {
  type: 'RUN_FINISHED',
  payload: { outcome: { type: 'cancelled' } },
};

export const sequences = (events: readonly RunEvent[]) => events.map(({ sequence }) => sequence);
export const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** The code of the error that a promise rejects with. */
export const rejection = async (promise: Promise<unknown>): Promise<CodedError['extensions']> =>
  await promise.then(
    () => expect.fail('It should have been refused.'),
    (error: CodedError) => error.extensions,
  );

export function runsDriverContract(name: string, open: () => Promise<Store>): void {
  describe(name, () => {
    let store: Store;
    let driver: RunsDriver;
    const a = as('tenant-a');
    const b = as('tenant-a.project');
    beforeAll(async () => {
      store = await open();
      ({ driver } = await store.replica());
    });
    afterAll(async () => {
      await store?.close();
    });
    const wholeLog = (context: RequestContext, runId: string) =>
      driver.events(context, [{ runId, after: 0 }], { limit: 5_000 });
    const start = async (context = a) => (await driver.start(context, { input: { question: 'why' } })).id;

    describe('starting', () => {
      test('queues a run with an empty log', async () => {
        const run = await driver.start(a, { agentId: 'agt_1', input: { question: 'why' } });
        expect(run).toMatchObject({
          agentId: 'agt_1',
          status: 'QUEUED',
          lastSequence: 0,
          input: { question: 'why' },
          actor: 'tester',
          startedAt: null,
        });
        expect(run.threadId).toBe(run.id);
        expect(await driver.runsById(a, [run.id])).toEqual([run]);
        expect(await wholeLog(a, run.id)).toEqual([]);
      });

      test('with a key queues once, also when asked at once', async () => {
        const runs = await Promise.all(
          Array.from({ length: 8 }, () =>
            driver.start(a, { agentId: 'agt_2', input: { b: 1, a: [2] }, idempotencyKey: 'q-1' }),
          ),
        );
        expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
        // Keys in another order are the same input; another agent's or tenant's key is another key.
        const again = await driver.start(a, { agentId: 'agt_2', input: { a: [2], b: 1 }, idempotencyKey: 'q-1' });
        expect(again.id).toBe(runs[0]!.id);
        for (const [context, agentId] of [
          [a, 'agt_3'],
          [a, null],
          [b, 'agt_2'],
        ] as const) {
          expect(
            (await driver.start(context, { agentId, input: { b: 1, a: [2] }, idempotencyKey: 'q-1' })).id,
          ).not.toBe(again.id);
        }
      });

      test('with a used key and other input is a conflict', async () => {
        const run = await driver.start(a, { input: 1, idempotencyKey: 'q-2' });
        expect(await rejection(driver.start(a, { input: 2, idempotencyKey: 'q-2' }))).toMatchObject({
          code: 'CONFLICT',
          runId: run.id,
        });
        expect(await rejection(driver.start(a, { input: 1, threadId: 't', idempotencyKey: 'q-2' }))).toMatchObject({
          code: 'CONFLICT',
        });
      });
    });

    describe('appending', () => {
      test('starts a queued run with RUN_STARTED and returns what was given', async () => {
        const id = await start();
        const { run, events } = await driver.append(as('tenant-a', 'worker'), {
          runId: id,
          events: [piece('a'), piece('b')],
        });
        expect(run).toMatchObject({ status: 'RUNNING', lastSequence: 3 });
        expect(sequences(events)).toEqual([2, 3]);
        const log = await wholeLog(a, id);
        expect(log.map(({ type }) => type)).toEqual(['RUN_STARTED', 'TEXT_MESSAGE_CHUNK', 'TEXT_MESSAGE_CHUNK']);
        expect(log[0]).toMatchObject({
          payload: { runId: id, threadId: id },
          actor: 'worker',
          createdAt: run.startedAt,
        });
        expect(log.slice(1)).toEqual(events);
      });

      test('takes RUN_STARTED from the agent where it comes first, and only then', async () => {
        const id = await start();
        const { events } = await driver.append(a, {
          runId: id,
          events: [{ type: 'RUN_STARTED', payload: { extra: true } }, piece(1)],
        });
        expect(events[0]).toMatchObject({ sequence: 1, payload: { extra: true, runId: id, threadId: id } });
        expect(
          await rejection(driver.append(a, { runId: id, events: [{ type: 'RUN_STARTED', payload: {} }] })),
        ).toMatchObject({ code: 'CONFLICT' });
        expect(
          await rejection(
            driver.append(a, { runId: await start(), events: [piece(1), { type: 'RUN_STARTED', payload: {} }] }),
          ),
        ).toMatchObject({ code: 'CONFLICT' });
      });

      test('by eight at once gives a dense log in which each append is whole and in order', async () => {
        const id = await start();
        const writers = upTo(8).map(async (writer) => {
          for (const round of upTo(10))
            await driver.append(a, { runId: id, events: upTo(writer).map((n) => piece(`${writer}/${round}/${n}`)) });
        });
        await Promise.all(writers);
        const log = await wholeLog(a, id);
        expect(sequences(log)).toEqual(upTo(1 + 10 * 36));
        const pieces = log.slice(1).map(({ payload }) => payload['delta']);
        for (const writer of upTo(8)) {
          const own = pieces.filter((text) => String(text).startsWith(`${writer}/`));
          expect(own).toEqual(upTo(10).flatMap((round) => upTo(writer).map((n) => `${writer}/${round}/${n}`)));
          const first = pieces.indexOf(`${writer}/5/1`);
          expect(pieces.slice(first, first + writer)).toEqual(upTo(writer).map((n) => `${writer}/5/${n}`));
        }
        const moments = log.map(({ createdAt }) => createdAt.getTime());
        expect(moments).toEqual([...moments].sort((left, right) => left - right));
      });

      test('with a key appends once, also when sent at once and after the end', async () => {
        const id = await start();
        const append = { runId: id, events: [piece('x'), piece('y')], idempotencyKey: 'k-1' };
        const answers = await Promise.all(Array.from({ length: 8 }, () => driver.append(a, append)));
        for (const { events } of answers) expect(events).toEqual(answers[0]!.events);
        await driver.append(a, { runId: id, events: [finished] });
        expect((await driver.append(a, append)).events).toEqual(answers[0]!.events);
        expect((await driver.append(a, { ...append, expectedSequence: 77 })).events).toEqual(answers[0]!.events);
        expect(sequences(await wholeLog(a, id))).toEqual([1, 2, 3, 4]);
        expect(await rejection(driver.append(a, { ...append, events: [piece('z')] }))).toMatchObject({
          code: 'CONFLICT',
          firstSequence: 2,
          lastSequence: 3,
        });
        // The key is the run's own.
        expect((await driver.append(a, { ...append, runId: await start() })).run.lastSequence).toBe(3);
      });

      test('at an expected sequence is refused elsewhere, with the present one', async () => {
        const id = await start();
        const claims = await Promise.allSettled(
          upTo(5).map((n) => driver.append(a, { runId: id, events: [piece(n)], expectedSequence: 0 })),
        );
        expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        expect(await rejection(driver.append(a, { runId: id, events: [piece(9)], expectedSequence: 0 }))).toMatchObject(
          {
            code: 'CONFLICT',
            lastSequence: 2,
            status: 'RUNNING',
          },
        );
        expect((await driver.append(a, { runId: id, events: [piece(9)], expectedSequence: 2 })).run.lastSequence).toBe(
          3,
        );
      });

      test('keeps payloads as they came', async () => {
        const id = await start();
        const payload = JSON.parse(
          '{"name":"é\\u2028","value":{"__proto__":{"x":1},"constructor":2,"b":1,"a":1e-7,"list":[null,[],{}]}}',
        ) as Record<string, never>;
        await driver.append(a, { runId: id, events: [{ type: 'CUSTOM', payload }] });
        expect(JSON.stringify((await wholeLog(a, id))[1]!.payload)).toBe(JSON.stringify(payload));
      });

      test('keeps numbers that a double would change, in events and in the state', async () => {
        const id = await start();
        const text =
          '{"name":"n","value":{"big":9007199254740993,"long":0.1234567890123456789012,"price":1.10,"power":1e3}}';
        const state = '{"snapshot":{"big":9007199254740993,"price":1.10}}';
        const patch =
          '{"delta":[{"op":"test","path":"/price","value":1.1},{"op":"add","path":"/long","value":0.1234567890123456789012}]}';
        const event = (type: string, payload: string) =>
          ({ type, payload: parseExactJson(payload) }) as AppendEvents['events'][number];
        const { run } = await driver.append(a, {
          runId: id,
          events: [event('CUSTOM', text), event('STATE_SNAPSHOT', state), event('STATE_DELTA', patch)],
        });
        expect(writeJson((await wholeLog(a, id))[1]!.payload)).toBe(text);
        const written = writeJson(run.state);
        for (const number of ['"big":9007199254740993', '"long":0.1234567890123456789012', '"price":1.10'])
          expect(written).toContain(number);
      });

      test('can leave the run waiting; the next append takes it up', async () => {
        const id = await start();
        expect((await driver.append(a, { runId: id, events: [piece(1)], waiting: true })).run.status).toBe('WAITING');
        expect((await driver.append(a, { runId: id, events: [piece(2)] })).run.status).toBe('RUNNING');
      });

      test('brings the state up to date, or refuses all of it', async () => {
        const id = await start();
        const delta = (...operations: { op: string; path: string; value?: unknown; from?: string }[]) =>
          ({ type: 'STATE_DELTA', payload: { delta: operations } }) as unknown as AppendEvents['events'][number];
        expect((await driver.append(a, { runId: id, events: [piece(1)] })).run.state).toBeNull();
        await driver.append(a, { runId: id, events: [delta({ op: 'add', path: '/list', value: [1] })] });
        const { run } = await driver.append(a, {
          runId: id,
          events: [
            delta({ op: 'add', path: '/list/-', value: 2 }),
            piece(2),
            delta({ op: 'copy', from: '/list', path: '/again' }),
          ],
        });
        expect(run.state).toEqual({ list: [1, 2], again: [1, 2] });
        expect(
          await rejection(driver.append(a, { runId: id, events: [piece(3), delta({ op: 'remove', path: '/none' })] })),
        ).toMatchObject({ code: 'BAD_USER_INPUT' });
        const snapshot: AppendEvents['events'][number] = { type: 'STATE_SNAPSHOT', payload: { snapshot: { n: [] } } };
        const after = await driver.append(a, {
          runId: id,
          events: [snapshot, delta({ op: 'add', path: '/n/0', value: 1 })],
        });
        expect(after.run.state).toEqual({ n: [1] });
        expect(after.events[0]!.payload).toEqual({ snapshot: { n: [] } });
        expect(sequences(await wholeLog(a, id))).toEqual(upTo(8));
      });

      test('stops at the limit of a run, which can still be finished', async () => {
        const { driver: small } = await store.replica({ limits: { eventsPerRun: 5 } });
        const id = await start();
        await small.append(a, { runId: id, events: [piece(1), piece(2)] });
        expect(await rejection(small.append(a, { runId: id, events: [piece(3), piece(4), piece(5)] }))).toMatchObject({
          code: 'CONFLICT',
          lastSequence: 3,
        });
        await small.append(a, { runId: id, events: [piece(3), piece(4)] });
        expect((await small.append(a, { runId: id, events: [finished] })).run).toMatchObject({
          status: 'SUCCEEDED',
          lastSequence: 6,
        });
      });
    });

    describe('ending', () => {
      test.each([
        ['success', finished, { status: 'SUCCEEDED', error: null }],
        ['an error', failed, { status: 'FAILED', error: { message: 'no luck', code: 'E1' } }],
        ['cancellation', cancelled, { status: 'CANCELLED', error: null }],
      ] as const)('by %s, from the queue as well', async (_name, event, expected) => {
        const id = await start();
        const { run, events } = await driver.append(a, {
          runId: id,
          events: [{ ...event, payload: { ...event.payload, result: { ok: 1 } } }],
        });
        expect(run).toMatchObject({
          ...expected,
          output: { ok: 1 },
          lastSequence: 2,
          finishedAt: events[0]!.createdAt,
        });
        expect(await rejection(driver.append(a, { runId: id, events: [piece(1)] }))).toMatchObject({
          code: 'CONFLICT',
          status: expected.status,
          lastSequence: 2,
        });
        expect(await rejection(driver.append(a, { runId: id, events: [finished] }))).toMatchObject({
          code: 'CONFLICT',
        });
      });

      test('happens once, whoever races', async () => {
        for (const _round of upTo(10)) {
          const id = await start();
          const attempts = [finished, failed, cancelled, piece(1), piece(2), finished].map((event) =>
            driver.append(a, { runId: id, events: [event] }),
          );
          await Promise.allSettled(attempts);
          const log = await wholeLog(a, id);
          const ends = log.filter(({ type }) => type === 'RUN_FINISHED' || type === 'RUN_ERROR');
          expect(ends).toEqual([log.at(-1)]);
          expect(sequences(log)).toEqual(upTo(log.length));
          const [run] = await driver.runsById(a, [id]);
          expect(run).toMatchObject({ lastSequence: log.length, finishedAt: log.at(-1)!.createdAt });
        }
      });
    });

    describe('reading', () => {
      test('lists runs by filter, in order, page by page, stable under inserts', async () => {
        const c = as('tenant-c');
        const started: Run[] = [];
        for (const n of upTo(7)) started.push(await driver.start(c, { agentId: n % 2 ? 'agt_odd' : null, input: n }));
        await driver.append(c, { runId: started[0]!.id, events: [finished] });
        const seen: string[] = [];
        let after: [string, string] | null = null;
        for (;;) {
          const page = await driver.runs(c, { order: [{ field: 'createdAt', direction: 'ASC' }], after, limit: 3 });
          if (page.length === 0) break;
          seen.push(...page.map(({ id }) => id));
          after = [page.at(-1)!.createdAt.toISOString(), page.at(-1)!.id];
        }
        const expected = started.sort(
          (left, right) => left.createdAt.getTime() - right.createdAt.getTime() || (left.id < right.id ? -1 : 1),
        );
        expect(seen).toEqual(expected.map(({ id }) => id));
        expect(
          (await driver.runs(c, { order: [{ field: 'createdAt', direction: 'DESC' }], after: null, limit: 10 })).map(
            ({ id }) => id,
          ),
        ).toEqual([...seen].reverse());
        const count = (where: Parameters<typeof runCondition>[0]) => driver.countRuns(c, runCondition(where));
        expect(await count(null)).toBe(7);
        expect(await count({ status: { eq: 'SUCCEEDED' } })).toBe(1);
        expect(await count({ status: { in: ['QUEUED', 'SUCCEEDED'] }, agentId: { eq: 'agt_odd' } })).toBe(4);
        expect(await count({ agentId: { in: [] } })).toBe(0);
        expect(await count({ agentId: { not: { eq: 'agt_odd' } } })).toBe(3);
        expect(await count({ not: { agentId: { eq: 'agt_odd' } } })).toBe(3);
        expect(await count({ or: [{ status: { eq: 'SUCCEEDED' } }, { not: { agentId: { eq: 'agt_odd' } } }] })).toBe(4);
        expect(await count({ or: [] })).toBe(0);
        expect(await count({ and: [], createdAt: { gte: new Date(0), lt: new Date() } })).toBe(7);
        expect(await count({ createdAt: { gt: new Date() } })).toBe(0);
        const own = { threadId: 'thread', input: null } as const;
        const other = await driver.start(as('tenant-c', 'somebody'), own);
        expect(await count({ id: { in: [other.id, started[1]!.id] } })).toBe(2);
        expect(await count({ id: { ne: other.id } })).toBe(7);
        expect(await count({ threadId: { eq: 'thread' } })).toBe(1);
        expect(await count({ startedBy: { eq: 'somebody' } })).toBe(1);
        expect(await count({ startedBy: { startsWith: 'test' } })).toBe(7);
        expect(await count({ finishedAt: { isNull: true } })).toBe(7);
        expect(await count({ finishedAt: { gte: new Date(0) } })).toBe(1);
        expect(await count({ finishedAt: { gt: new Date('9999-01-01') } })).toBe(0);
      });

      test('lists runs by each moment, those without one as the latest, for all and for each agent', async () => {
        const of = as('tenant-orders');
        for (const n of upTo(9)) {
          const run = await driver.start(of, { agentId: ['agt_a', 'agt_b', null][n % 3]!, input: n });
          if (n % 4 > 0) await driver.append(of, { runId: run.id, events: [n % 4 > 1 ? finished : piece('x')] });
        }
        const all = await driver.runs(of, {
          order: [{ field: 'createdAt', direction: 'ASC' }],
          after: null,
          limit: 99,
        });
        const moment = (run: Run, field: 'createdAt' | 'startedAt' | 'finishedAt') =>
          run[field]?.getTime() ?? Number.MAX_SAFE_INTEGER;
        for (const field of ['createdAt', 'startedAt', 'finishedAt'] as const)
          for (const direction of ['ASC', 'DESC'] as const) {
            const sorted = [...all].sort((a, b) => moment(a, field) - moment(b, field) || (a.id < b.id ? -1 : 1));
            if (direction === 'DESC') sorted.reverse();
            const order = [{ field, direction }];
            const seen: string[] = [];
            for (let after: (string | null)[] | null = null; ;) {
              const page: Run[] = await driver.runs(of, { order, after, limit: 2 });
              if (page.length === 0) break;
              seen.push(...page.map(({ id }) => id));
              after = [page.at(-1)![field]?.toISOString() ?? null, page.at(-1)!.id];
            }
            expect(seen).toEqual(sorted.map(({ id }) => id));
            const counted = as('tenant-orders');
            const ofAgents = await driver.runsOfAgents(counted, ['agt_a', 'agt_b', 'agt_none'], {
              order,
              after: null,
              limit: 2,
            });
            expect(counted.statements.total).toBe(1);
            for (const agent of ['agt_a', 'agt_b', 'agt_none'])
              expect(ofAgents.filter(({ agentId }) => agentId === agent).map(({ id }) => id)).toEqual(
                sorted
                  .filter(({ agentId }) => agentId === agent)
                  .slice(0, 2)
                  .map(({ id }) => id),
              );
          }
        const where = runCondition({ finishedAt: { isNull: false } });
        const counts = await driver.countRunsOfAgents(of, ['agt_a', 'agt_b', 'agt_none'], where);
        for (const agent of ['agt_a', 'agt_b', 'agt_none'])
          expect(counts.get(agent) ?? 0).toBe(all.filter((run) => run.agentId === agent && run.finishedAt).length);
        const order = [{ field: 'createdAt', direction: 'ASC' }] as const;
        expect(await driver.runsOfAgents(b, ['agt_a', 'agt_b'], { order, after: null, limit: 9 })).toEqual([]);
        expect(await driver.countRunsOfAgents(b, ['agt_a'], undefined)).toEqual(new Map());
      });

      test("gives many runs' events in one statement", async () => {
        const ids = [await start(), await start(), await start()];
        for (const [index, runId] of ids.entries())
          await driver.append(a, { runId, events: upTo(index + 2).map(piece) });
        const counted = as('tenant-a');
        const events = await driver.events(
          counted,
          ids.map((runId, index) => ({ runId, after: index })),
          { limit: 2 },
        );
        expect(counted.statements.total).toBe(1);
        expect(ids.map((id) => sequences(events.filter(({ runId }) => runId === id)))).toEqual([
          [1, 2],
          [2, 3],
          [3, 4],
        ]);
        const started = await driver.events(
          a,
          ids.map((runId) => ({ runId, after: 0 })),
          { limit: 2, types: ['RUN_STARTED'] },
        );
        expect(started.map(({ sequence }) => sequence)).toEqual([1, 1, 1]);
      });
    });

    test("one tenant's runs do not exist for another", async () => {
      const id = await start(a);
      await driver.append(a, { runId: id, events: [piece('secret')] });
      expect(await driver.runsById(b, [id])).toEqual([]);
      expect(await driver.events(b, [{ runId: id, after: 0 }], { limit: 10 })).toEqual([]);
      expect(await rejection(driver.append(b, { runId: id, events: [finished] }))).toMatchObject({ code: 'NOT_FOUND' });
      expect(await driver.log.heads('tenant-a.project', [id])).toEqual([]);
      expect(await driver.log.read('tenant-a.project', id, 0, 10)).toEqual([]);
      expect(
        (await driver.runs(b, { order: [{ field: 'createdAt', direction: 'DESC' }], after: null, limit: 200 })).map(
          (run) => run.id,
        ),
      ).not.toContain(id);
      expect(sequences(await wholeLog(a, id))).toEqual([1, 2]);
    });
  });
}

/** Reads a stream to its end. */
export async function drain(stream: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** A hub that polls only when told to. */
export const hubOn = ({ driver, wakeUps }: Replica, options: StreamHubOptions = {}): StreamHub =>
  new StreamHub(driver.log, wakeUps, { pollMs: 3_600_000, ...options });
