/** The processes that plan, on a program that never answers or takes all memory. */
import { setImmediate } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { startPlanner } from '#gateway/plan/planner.ts';

const program = new URL('./endless-planner.mjs', import.meta.url);

const ask = (operation: string) => ({ operation, overrides: [] });

const failed = (error: unknown) => error as Error & { code?: string };

test('an operation that takes too long costs its own request only, and is refused at once the next time', async () => {
  const planner = await startPlanner('', { timeoutMs: 1_000, program });
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
  const planner = await startPlanner('', { timeoutMs: 60_000, program });
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
  const planner = await startPlanner('', { timeoutMs: 60_000, processes: 1, program });
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
  const planner = await startPlanner('', { timeoutMs: 60_000, waitingPerTenant: 3, program });
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
    vi.advanceTimersByTime(12_000); // The endless one has had its share.
    leaving.abort(new Error('Gone.'));
    await running;
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
