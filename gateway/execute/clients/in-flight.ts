/** Equal fetches under way at the same time, sent once. */
import { onAbort } from './abort-hooks.ts';
import { cancelled } from '../run/fetch-errors.ts';

interface Flight<T> {
  readonly answer: Promise<T>;
  readonly ending: AbortController;
  waiters: number;
}

export class InFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * Takes part in the fetch of `key`, or starts it. Whoever leaves (by `signal`) leaves alone; with the last one the
   * fetch itself ends.
   * @param key must hold all that decides what the answer is, above all everything that authorisation depends on
   * @param start sends it, until its signal ends it
   * @returns the answer, and whether it was sent for this caller; the answer is shared, so nobody may change it
   * @throws what `start` throws, and the reason of `signal`
   */
  async join(
    key: string,
    signal: AbortSignal | undefined,
    start: (signal: AbortSignal) => Promise<T>,
  ): Promise<{ answer: T; first: boolean }> {
    if (signal?.aborted === true) throw cancelled(signal);
    let flight = this.#flights.get(key);
    const first = flight === undefined;
    flight ??= this.#begin(key, start);
    const mine = flight;
    mine.waiters += 1;
    return await new Promise((resolve, reject) => {
      const release = onAbort(signal, () => {
        mine.waiters -= 1;
        if (mine.waiters === 0) {
          // Nobody may join what is about to fail.
          this.#end(key, mine);
          mine.ending.abort(signal!.reason);
        }
        reject(cancelled(signal!));
      });
      mine.answer.then(
        (answer) => {
          release();
          resolve({ answer, first });
        },
        (error: unknown) => {
          release();
          reject(error as Error);
        },
      );
    });
  }

  /**
   * What is under way is finished for those who wait, and joined by nobody else: what it reads may be about to change.
   */
  forget(): void {
    this.#flights.clear();
  }

  #begin(key: string, start: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const ending = new AbortController();
    const flight: Flight<T> = { answer: start(ending.signal), ending, waiters: 0 };
    this.#flights.set(key, flight);
    const end = (): void => this.#end(key, flight);
    flight.answer.then(end, end);
    return flight;
  }

  #end(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}
