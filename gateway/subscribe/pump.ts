/**
 * Sends the answers of a stream that many follow: pulled as fast as this client takes them, several in one write.
 * Without a promise where nothing need be waited for, since each step is taken once for every subscriber.
 */
import type { ExecutionResult } from 'graphql';
import type { Delivery, SharedAnswer } from '#gateway/execute/answers/shared-answers.ts';
import { SUBSCRIBE } from '#gateway/bounds/subscribe.ts';

/** Where one subscription's answers go. */
export interface Sink {
  /** Sends answers that are there, in order. Those with errors are this client's own: see {@link Delivery.fit}. */
  write(answers: readonly SharedAnswer[]): void;
  /** Whether the client has yet to take what was written. */
  readonly full: boolean;
  /** Calls `resume` later, once: when the client has taken it, or is gone. Call it where it is {@link full}. */
  drained(resume: () => void): void;
}

/**
 * Sends everything that comes, to its end.
 * @param ended whether the client no longer wants it
 * @returns the answer to send last where the stream failed
 */
export function pump(
  { events, answer, failed }: Delivery,
  sink: Sink,
  ended: () => boolean,
): Promise<ExecutionResult | undefined> {
  let queue: SharedAnswer[] = [];
  return new Promise((resolve) => {
    const fail = (error: unknown): void => resolve(failed(error));
    const take = (next: IteratorResult<object>): void => {
      if (next.done === true) return resolve(undefined);
      queue.push(answer(next.value));
      step();
    };
    /** Goes on until something must be waited for. Never throws: it is called by others' loops. */
    const step = (): void => {
      try {
        for (let more = true; !ended();) {
          for (let event; more && queue.length < SUBSCRIBE.ahead;) {
            event = events.poll();
            if (event === undefined) more = false;
            else queue.push(answer(event));
          }
          const first = queue[0];
          if (first === undefined) {
            if (!events.whenMore(step)) events.next().then(take).catch(fail);
            return;
          }
          if (sink.full) return sink.drained(step);
          if (first.result === undefined) return void first.ready().then(step, fail);
          const count = writable(queue);
          sink.write(count === queue.length ? queue : queue.slice(0, count));
          queue = count === queue.length ? [] : queue.slice(count);
        }
        resolve(undefined);
      } catch (error) {
        fail(error);
      }
    };
    step();
  });
}

/** How many go into the next write: an answer that waits, as for another subgraph, does not hold up those before it. */
function writable(queue: readonly SharedAnswer[]): number {
  if (queue.length === 1) return 1;
  let bytes = queue[0]!.size;
  for (let count = 1; count < queue.length; count += 1) {
    if (queue[count]!.result === undefined) return count;
    bytes += queue[count]!.size;
    if (bytes > SUBSCRIBE.writeBytes) return count;
  }
  return queue.length;
}
