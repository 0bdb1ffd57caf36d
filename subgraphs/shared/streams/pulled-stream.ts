/**
 * What streams are from outside that all who follow one thing share: async iterators that pull, whose calls answer in order and which end
 * at once.
 */
import { SHARED, type SharedEvents } from '../shared-events.ts';

export abstract class PulledStream<Event extends object> implements SharedEvents<Event> {
  readonly [SHARED] = true;
  /** Calls of `next` that are unanswered; they answer in order, as iterators must. */
  #calls = 0;
  #last: Promise<unknown> | undefined;

  abstract poll(): Event | undefined;
  abstract whenMore(resume: () => void): boolean;
  /** The next event, read or waited for; undefined at the end. */
  protected abstract pull(): Promise<Event | undefined>;
  /** Ends at once, also while a `pull` waits. Idempotent. */
  protected abstract readonly end: () => void;

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Event>> {
    const pull = (): Promise<IteratorResult<Event>> => this.#pull();
    const alone = this.#calls === 0;
    this.#calls += 1;
    const next = alone ? pull() : this.#last!.then(pull, pull);
    this.#last = next;
    return next;
  }

  return(): Promise<IteratorResult<Event>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error?: unknown): Promise<IteratorResult<Event>> {
    this.end();
    return Promise.reject(error as Error);
  }

  async #pull(): Promise<IteratorResult<Event>> {
    try {
      const event = await this.pull();
      return event === undefined ? { done: true, value: undefined } : { done: false, value: event };
    } catch (error) {
      this.end();
      throw error;
    } finally {
      this.#calls -= 1;
    }
  }
}
