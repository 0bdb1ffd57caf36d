/** Threads: tenants take turns, what nobody waits for is not begun, and what waits is bounded. */
import { afterEach, expect, test, vi } from 'vitest';
import { WorkEndedError, WorkPool } from '#subgraphs/shared/work/work-pool.ts';

const COUNT = new URL('./work/count.mjs', import.meta.url);
let pool: WorkPool;
afterEach(() => pool.close());

/** A cell that tasks wait on, so that a test decides when each ends. */
const gate = (): Int32Array => new Int32Array(new SharedArrayBuffer(4));
const open = (cell: Int32Array): void => {
  Atomics.store(cell, 0, 1);
  Atomics.notify(cell, 0);
};

test('does what it is told, and rejects with what a task throws', async () => {
  pool = new WorkPool({ threads: 2 });
  expect(await pool.run(COUNT, { add: [1, 2] }, { tenantId: 'a' })).toBe(3);
  await expect(pool.run(COUNT, { fail: 'no' }, { tenantId: 'a' })).rejects.toThrow('no');
  expect(await pool.run(COUNT, { add: [2, 2] }, { tenantId: 'a' })).toBe(4);
});

test('tenants take turns, however much one of them asks for', async () => {
  pool = new WorkPool({ threads: 1 });
  const cell = gate();
  const order: string[] = [];
  const ask = (tenantId: string, input: unknown = { add: [0, 0] }) =>
    pool.run(COUNT, input, { tenantId }).then(() => void order.push(tenantId));
  const all = [
    ask('busy', { wait: cell }),
    ...Array.from({ length: 5 }, () => ask('busy')),
    ask('other'),
    ask('other'),
  ];
  open(cell);
  await Promise.all(all);
  expect(order).toEqual(['busy', 'busy', 'other', 'busy', 'other', 'busy', 'busy', 'busy']);
});

test('the projects of a tenant share its turns', async () => {
  pool = new WorkPool({ threads: 1 });
  const cell = gate();
  const order: string[] = [];
  const ask = (tenantId: string, input: unknown = { add: [0, 0] }) =>
    pool.run(COUNT, input, { tenantId }).then(() => void order.push(tenantId));
  const all = [ask('busy', { wait: cell }), ...['busy.a', 'busy.b', 'busy.c', 'busy', 'other'].map((id) => ask(id))];
  open(cell);
  await Promise.all(all);
  expect(order).toEqual(['busy', 'busy.a', 'other', 'busy.b', 'busy.c', 'busy']);
});

test('what nobody waits for is not begun', async () => {
  pool = new WorkPool({ threads: 1 });
  const cell = gate();
  const begun = gate();
  const first = pool.run(COUNT, { wait: cell }, { tenantId: 'a' });
  const leaving = new AbortController();
  const left = pool.run(COUNT, { mark: begun }, { tenantId: 'a', signal: leaving.signal });
  leaving.abort(new Error('gone'));
  await expect(left).rejects.toThrow('gone');
  open(cell);
  await first;
  await pool.run(COUNT, { add: [0, 0] }, { tenantId: 'a' });
  expect(begun[0]).toBe(0);
  await expect(pool.run(COUNT, { mark: begun }, { tenantId: 'a', signal: leaving.signal })).rejects.toThrow('gone');
});

test('what waits of one tenant is bounded, and costs the others nothing', async () => {
  pool = new WorkPool({ threads: 1, waiting: 2 });
  const cell = gate();
  const running = [1, 2, 3].map((input) =>
    pool.run(COUNT, input === 1 ? { wait: cell } : { add: [0, 0] }, { tenantId: 'a' }),
  );
  await expect(pool.run(COUNT, { add: [0, 0] }, { tenantId: 'a' })).rejects.toMatchObject({
    extensions: { code: 'RATE_LIMITED' },
  });
  const other = pool.run(COUNT, { add: [1, 1] }, { tenantId: 'b' });
  open(cell);
  expect(await other).toBe(2);
  await Promise.all(running);
});

test('a thread that is lost is replaced', async () => {
  pool = new WorkPool({ threads: 1 });
  await expect(pool.run(COUNT, { exit: 3 }, { tenantId: 'a' })).rejects.toThrow('ended with code 3');
  expect(await pool.run(COUNT, { add: [1, 1] }, { tenantId: 'a' })).toBe(2);
});

test('what takes longer than its pool gives is ended, though it never yields, and the next has a thread', async () => {
  pool = new WorkPool({ threads: 1, pieceMs: 500 });
  const endless = pool.run(COUNT, { loop: true }, { tenantId: 'a' });
  const next = pool.run(COUNT, { add: [1, 1] }, { tenantId: 'a' });
  await expect(endless).rejects.toMatchObject({ name: 'WorkEndedError', because: 'TIME' });
  expect(await next).toBe(2);
});

test('what takes more memory than its pool gives is ended, and the process lives', async () => {
  pool = new WorkPool({ threads: 1, resourceLimits: { maxOldGenerationSizeMb: 32 } });
  const greedy = pool.run(COUNT, { fill: true }, { tenantId: 'a' });
  await expect(greedy).rejects.toBeInstanceOf(WorkEndedError);
  await expect(greedy).rejects.toMatchObject({ because: 'MEMORY' });
  expect(await pool.run(COUNT, { add: [1, 1] }, { tenantId: 'a' })).toBe(2);
});

test('a thread that has had nothing to do for a while is ended, and another begins', async () => {
  pool = new WorkPool({ threads: 1, idleMs: 1 });
  const first = await pool.run<number>(COUNT, { thread: true }, { tenantId: 'a' });
  await vi.waitFor(async () => expect(await pool.run(COUNT, { thread: true }, { tenantId: 'a' })).not.toBe(first), {
    timeout: 10_000,
    interval: 50,
  });
});

test('closing ends what runs and what waits', async () => {
  pool = new WorkPool({ threads: 1 });
  const both = [1, 2].map(() => pool.run(COUNT, { wait: gate() }, { tenantId: 'a' }));
  const outcomes = Promise.allSettled(both);
  await pool.close();
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(pool.run(COUNT, { add: [1, 1] }, { tenantId: 'a' })).rejects.toThrow('closed');
});
