/** The processes that plan, on a program that never answers or takes all memory. */
import { getPriority } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { startPlanner, type Planner, type PlannerOptions } from '#gateway/plan/planner.ts';

const program = new URL('./endless-planner.mjs', import.meta.url);

/** The tests' clock is moved by hand, and no processor works while it moves. */
const cpuTimeOf = () => undefined;

const ask = (operation: string) => ({ operation, overrides: [] });

const failed = (error: unknown) => error as Error & { code?: string };

test('an operation that takes too long costs its own request only, and is refused at once the next time', async () => {
  const planner = await startPlanner('', { timeoutMs: 1_000, program, cpuTimeOf });
  // The clock of the planner's limit moves only when told to, so a slow machine cannot change what happens.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const slow = planner.plan(ask('endless')).catch(failed);
    while (vi.getTimerCount() === 0) await setImmediate();
    const behind = planner.plan(ask('{ a }'));
    vi.advanceTimersByTime(50);
    // It has had its share of being alone: another process plans what is behind it.
    expect((await behind).plan.kind).toBe('QueryPlan');
    vi.advanceTimersByTime(949);
    expect(await Promise.race([slow, setImmediate('still planning')])).toBe('still planning');
    vi.advanceTimersByTime(1);
    expect(await slow).toMatchObject({ code: 'PLANNING_TIMEOUT' });
    expect(await planner.plan(ask('endless')).catch(failed)).toMatchObject({ code: 'PLANNING_TIMEOUT' });
    expect(vi.getTimerCount()).toBeLessThan(3); // Nothing was begun for it.
    expect((await planner.plan(ask('{ b }'))).plan.kind).toBe('QueryPlan');
  } finally {
    vi.useRealTimers();
    await planner.close();
  }
});

test('where every process has a slow operation, the oldest makes room for others', async () => {
  const planner = await startPlanner('', { timeoutMs: 60_000, processes: 2, program, cpuTimeOf });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const first = planner.plan(ask('endless 1')).catch(failed);
    while (vi.getTimerCount() === 0) await setImmediate();
    vi.advanceTimersByTime(3_000);
    const second = planner.plan(ask('endless 2')).catch(failed);
    const clocks = vi.getTimerCount();
    while (vi.getTimerCount() === clocks) await setImmediate();
    vi.advanceTimersByTime(3_000);
    const behind = planner.plan(ask('{ a }'));
    vi.advanceTimersByTime(6_000);
    expect(await first).toMatchObject({ code: 'PLANNING_TIMEOUT' });
    expect((await behind).plan.kind).toBe('QueryPlan');
    expect(await Promise.race([second, setImmediate('still planning')])).toBe('still planning');
  } finally {
    vi.useRealTimers();
    await planner.close();
  }
});

test('what was given up early, for others or because nobody waited, is planned when it is asked again', async () => {
  const planner = await startPlanner('', { timeoutMs: 60_000, processes: 1, program, cpuTimeOf });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  /** Asks, and waits until the operation's clocks run. */
  const begin = async (operation: string, signal?: AbortSignal): Promise<{ answer: Promise<unknown> }> => {
    const clocks = vi.getTimerCount();
    const answer = planner.plan(ask(operation), { tenant: '', signal }).catch(failed);
    while (vi.getTimerCount() === clocks) await setImmediate();
    return { answer };
  };
  try {
    const forOthers = await begin('endless 1');
    const behind = planner.plan(ask('{ a }'));
    vi.advanceTimersByTime(12_000);
    expect(await forOthers.answer).toMatchObject({ code: 'PLANNING_TIMEOUT' });
    await behind;

    const leaving = new AbortController();
    const afterItsShare = await begin('endless 2', leaving.signal);
    vi.advanceTimersByTime(12_000);
    leaving.abort(new Error('Gone.'));
    expect(await afterItsShare.answer).toMatchObject({ message: 'Gone.' });
    await planner.plan(ask('{ b }'));

    const alreadyGone = new AbortController();
    const beforeItsShare = await begin('endless 3', alreadyGone.signal);
    alreadyGone.abort(new Error('Gone.'));
    vi.advanceTimersByTime(12_000);
    expect(await beforeItsShare.answer).toMatchObject({ message: 'Gone.' });
    await planner.plan(ask('{ c }'));

    for (const operation of ['endless 1', 'endless 2', 'endless 3']) {
      const { answer } = await begin(operation);
      expect(await Promise.race([answer, setImmediate('still planning')])).toBe('still planning');
      vi.advanceTimersByTime(60_000);
      expect(await answer).toMatchObject({ code: 'PLANNING_TIMEOUT' });
      // Now it has had all of its time.
      const again = planner.plan(ask(operation)).catch(failed);
      expect(await Promise.race([again, setImmediate('still planning')])).toMatchObject({ code: 'PLANNING_TIMEOUT' });
    }
  } finally {
    vi.useRealTimers();
    await planner.close();
  }
});

/** A clock that stands still unless it is moved: what is answered while it stands has waited for nothing that takes long. */
async function withPlanner(
  options: PlannerOptions,
  act: (planner: Planner, begin: (operation: string, signal?: AbortSignal) => Promise<void>) => Promise<void>,
): Promise<void> {
  const planner = await startPlanner('', { timeoutMs: 60_000, program, cpuTimeOf, ...options });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    await act(planner, async (operation, signal) => {
      const clocks = vi.getTimerCount();
      planner.plan(ask(operation), { tenant: 'hostile', signal }).catch(failed);
      while (vi.getTimerCount() === clocks) await setImmediate();
    });
  } finally {
    vi.useRealTimers();
    await planner.close();
  }
}

test('an operation waits for none of another tenant that takes long, however many there are', async () => {
  await withPlanner({ spareMs: 0 }, async (planner) => {
    const hostile = Array.from({ length: 100 }, (_, index) =>
      planner.plan(ask(`endless ${index}`), { tenant: 'hostile' }).catch(failed),
    );
    for (let index = 0; index < 20; index++)
      expect((await planner.plan(ask(`{ g${index} }`), { tenant: 'good' })).plan.kind).toBe('QueryPlan');
    expect(await Promise.race([...hostile, setImmediate('all waiting')])).toBe('all waiting');
    // Several of them have shown by now what the tenant asks.
    for (let index = 0; index < 5; index++) {
      vi.advanceTimersByTime(3_000);
      for (let more = 0; more < 5; more++)
        expect((await planner.plan(ask(`{ h${index} ${more} }`), { tenant: 'good' })).plan.kind).toBe('QueryPlan');
    }
  });
});

test('an operation waits for none of its own tenant that is like one that took long', async () => {
  await withPlanner({}, async (planner, begin) => {
    await begin('first: endless');
    const alike = Array.from({ length: 100 }, (_, index) =>
      planner.plan(ask(`again${index}: endless`), { tenant: 'hostile' }).catch(failed),
    );
    const behind = planner.plan(ask('{ a }'), { tenant: 'hostile' });
    vi.advanceTimersByTime(3_000);
    expect((await behind).plan.kind).toBe('QueryPlan');
    expect((await planner.plan(ask('{ b }'), { tenant: 'another' })).plan.kind).toBe('QueryPlan');
    expect(await Promise.race([...alike, setImmediate('all waiting')])).toBe('all waiting');
    // It has all of its time, since only its like wait for its process, and then speaks for them.
    vi.advanceTimersByTime(56_999);
    expect(await Promise.race([...alike, setImmediate('all waiting')])).toBe('all waiting');
    vi.advanceTimersByTime(1);
    for (const answer of await Promise.all(alike)) expect(answer).toMatchObject({ code: 'PLANNING_TIMEOUT' });
  });
});

test('what is like an operation that took long is planned at a lower priority, and nothing else is', async () => {
  await withPlanner({}, async (planner, begin) => {
    const normal = getPriority();
    const leaving = new AbortController();
    await begin('first: endless', leaving.signal);
    vi.advanceTimersByTime(12_000);
    leaving.abort(); // It has had its share, and nobody waits for it.
    const priorityOf = async (operation: string) =>
      (await planner.plan(ask(operation), { tenant: 'hostile' })).plan as unknown as { priority: number };
    expect(await priorityOf('{ a }')).toMatchObject({ priority: normal });
    expect(await priorityOf('short: endless')).toMatchObject({ priority: Math.min(normal + 10, 19) });
    // It was planned in good time after all.
    expect(await priorityOf('short: endless')).toMatchObject({ priority: normal });
  });
});

test('an operation that takes all memory ends the process that plans it, and nothing else', async () => {
  await using planner = Object.assign(await startPlanner('', { timeoutMs: 60_000, program }), {
    [Symbol.asyncDispose]: () => planner.close(),
  });
  const hungry = planner.plan(ask('hungry')).catch(failed);
  const behind = planner.plan(ask('{ a }'));
  expect(await hungry).toMatchObject({ code: 'INTERNAL_SERVER_ERROR' });
  expect((await behind).plan.kind).toBe('QueryPlan');
  expect(await planner.plan(ask('hungry')).catch(failed)).toMatchObject({ code: 'PLANNING_TIMEOUT' });
});

test('tenants take turns, one has only so many that wait, and what nobody waits for is dropped', async () => {
  // Of one process, since what is answered in turn by two is not told in turn.
  const planner = await startPlanner('', { timeoutMs: 60_000, waitingPerTenant: 3, processes: 1, program, cpuTimeOf });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const order: string[] = [];
  const leaving = new AbortController();
  const plan = (tenant: string, operation: string, signal?: AbortSignal) =>
    planner.plan(ask(operation), { tenant, signal }).then(
      () => order.push(operation),
      (error: unknown) => order.push(`${operation}: ${failed(error).code ?? failed(error).message}`),
    );
  try {
    const running = plan('a', 'endless', leaving.signal);
    while (vi.getTimerCount() === 0) await setImmediate();
    const all = [
      plan('a', 'a1'),
      plan('a', 'a2', leaving.signal),
      plan('a', 'a3'),
      plan('a', 'a4'), // One too many.
      plan('b', 'b1'),
    ];
    leaving.abort(new Error('Gone.'));
    await running;
    vi.advanceTimersByTime(12_000); // The endless one has had its share.
    await Promise.all(all);
    expect(order).toEqual(['a4: RATE_LIMITED', 'endless: Gone.', 'a2: Gone.', 'a1', 'b1', 'a3']);
  } finally {
    vi.useRealTimers();
    await planner.close();
  }
});

test('closing refuses what waits, whether or not anyone still does', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  try {
    const planner = await startPlanner('', { program });
    void planner.plan(ask('endless'));
    void planner.plan(ask('{ a }'));
    const awaited = planner.plan(ask('{ b }'));
    await planner.close();
    await expect(awaited).rejects.toThrow('The query planner has ended.');
    await expect(planner.plan(ask('{ c }'))).rejects.toThrow('The query planner has ended.');
    await setImmediate();
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
});
