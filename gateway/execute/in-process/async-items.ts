/** Reads an async iterable: a few items at a time, as fast as they are wanted, and no longer than anybody wants them. */
import { isStretchOver, nextTurn } from '#subgraphs/shared/turns.ts';
import { cancelled } from '../run/fetch-errors.ts';

/** What was there to take. */
export interface TakenItems {
  readonly values: readonly unknown[];
  /** Whether there will be no more. */
  readonly done: boolean;
  /** What ended it behind the values, where something did. */
  readonly failure?: { readonly error: unknown };
}

const LATE = Symbol('late');

export class AsyncItems {
  readonly #source: AsyncIterator<unknown>;
  readonly #signal: AbortSignal | undefined;
  readonly #tenant: string;
  /** Asked for, and not here yet: it is the next item, whoever takes it. */
  #next: Promise<IteratorResult<unknown>> | undefined;
  #ended = false;
  /** Called when it is ended from outside. */
  #leave: ((error: unknown) => void) | undefined;
  readonly #onAbort = (): void => {
    this.end(cancelled(this.#signal!));
  };

  /** @param tenant whose turn the reading takes, see `nextTurn` */
  constructor(source: AsyncIterable<unknown>, signal: AbortSignal | undefined, tenant: string) {
    this.#source = source[Symbol.asyncIterator]();
    this.#signal = signal;
    this.#tenant = tenant;
    if (signal?.aborted === true) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /**
   * Takes the next items; waits for the first of them as long as it takes.
   * @param most how many at most
   * @param waitMs how long further ones are waited for
   */
  async take(most: number, waitMs: number): Promise<TakenItems> {
    const values: unknown[] = [];
    let timer: NodeJS.Timeout | undefined;
    let late: Promise<typeof LATE> | undefined;
    try {
      while (values.length < most) {
        if (this.#ended) return { values, done: true };
        const asked = (this.#next ??= this.#ask());
        if (values.length > 0) late ??= new Promise((resolve) => (timer = setTimeout(() => resolve(LATE), waitMs)));
        const next = await (late === undefined ? asked : Promise.race([asked, late]));
        if (next === LATE) break;
        this.#next = undefined;
        if (next.done === true) {
          this.#finish();
          return { values, done: true };
        }
        values.push(next.value);
        if (isStretchOver()) await nextTurn(this.#tenant);
      }
      return { values, done: false };
    } catch (error) {
      this.#finish();
      return { values, done: true, failure: { error } };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the reading: nobody wants more. Whoever waits for an item is told `error`. */
  end(error: unknown = new Error('The list is no longer read.')): void {
    if (this.#ended) return;
    this.#finish();
    this.#leave?.(error);
    try {
      // A generator that waits for its next item answers only after it: nobody waits for that.
      this.#source.return?.().then(undefined, () => undefined);
    } catch {
      // Whatever it says: it is not read any more.
    }
  }

  #ask(): Promise<IteratorResult<unknown>> {
    const asked = new Promise<IteratorResult<unknown>>((resolve, reject) => {
      this.#leave = reject;
      // Promise.resolve: an iterator of someone's own may answer at once.
      Promise.resolve(this.#source.next()).then(resolve, reject);
    });
    asked.catch(() => undefined); // It may come when nobody waits any more.
    return asked;
  }

  #finish(): void {
    this.#ended = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}
