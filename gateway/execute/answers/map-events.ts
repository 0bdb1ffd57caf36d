/**
 * Subscriptions: the plan's primary gives events; what other subgraphs know of each is fetched before the client sees
 * it.
 */
import type { ExecutionResult } from 'graphql';

/**
 * Turns events into answers, in order and only as fast as they are taken.
 * @param events what the subgraph sends
 * @param answer makes the answer for one event; must not reject
 * @param end ends the subscription upstream, also while the next event is awaited
 * @param failed makes the last answer when the stream of events itself fails
 */
export function mapEvents<Event>(
  events: AsyncIterable<Event>,
  answer: (event: Event) => Promise<ExecutionResult>,
  end: () => void,
  failed: (error: unknown) => ExecutionResult,
): AsyncIterableIterator<ExecutionResult> {
  const source = events[Symbol.asyncIterator]();
  const done: IteratorReturnResult<undefined> = { done: true, value: undefined };
  let finished = false;
  let tail: Promise<unknown> = Promise.resolve();
  let wake: () => void = () => undefined;

  /**
   * Settles as the promise does, or to undefined at the end. (A race against one long-lived promise would keep a trace
   * of every event.)
   */
  const untilEnd = <T>(promise: Promise<T>): Promise<T | undefined> =>
    new Promise((resolve, reject) => {
      wake = () => resolve(undefined);
      promise.then(resolve, reject);
    });

  function finish(): void {
    if (finished) return;
    finished = true;
    wake();
    end();
    // A generator that waits for its next event answers only after it: nobody waits for that.
    source.return?.().then(undefined, () => undefined);
  }

  async function take(): Promise<IteratorResult<ExecutionResult>> {
    if (finished) return done;
    try {
      const next = await untilEnd(source.next());
      if (finished || next === undefined || next.done === true) {
        finish();
        return done;
      }
      const value = await untilEnd(answer(next.value));
      return value === undefined ? done : { done: false, value };
    } catch (error) {
      if (finished) return done;
      finish();
      return { done: false, value: failed(error) };
    }
  }

  return {
    next: () => {
      const result = tail.then(take);
      tail = result;
      return result;
    },
    return: () => {
      finish();
      return Promise.resolve(done);
    },
    throw: (error: unknown) => {
      finish();
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
