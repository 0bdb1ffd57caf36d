/** Work that is done again and again behind requests, in every process, until it is closed. */
import { setTimeout as delay } from 'node:timers/promises';

export interface PeriodicOptions {
  /** Time between two turns, in milliseconds; random by half, so that processes spread. */
  everyMs: number;
  /** Told of a turn that failed; the next one comes as if nothing had been. */
  onError: (error: unknown) => void;
}

/**
 * Does what is due, a batch at a time and in order, until few are left or none of a batch could be done: those would be
 * found again at once.
 * @param each false where another process was faster; what it raises goes to `failed`, and a later look tries again
 * @returns how many were done
 */
export async function doDue<Item>(
  due: () => Promise<readonly Item[]>,
  each: (item: Item) => Promise<boolean>,
  { batch, closed, failed }: { batch: number; closed: () => boolean; failed: (item: Item, error: unknown) => void },
): Promise<number> {
  let total = 0;
  for (;;) {
    const found = await due();
    let done = 0;
    for (const item of found) {
      if (closed()) return total + done;
      try {
        if (await each(item)) done += 1;
      } catch (error) {
        failed(item, error);
      }
    }
    total += done;
    if (found.length < batch || done === 0) return total;
  }
}

export class Periodic {
  readonly #turn: () => Promise<unknown>;
  readonly #options: PeriodicOptions;
  readonly #closing = new AbortController();
  #pause = new AbortController();
  #running: Promise<void> | undefined;

  constructor(turn: () => Promise<unknown>, options: PeriodicOptions) {
    this.#turn = turn;
    this.#options = options;
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Begins with a pause. Idempotent. */
  start(): void {
    this.#running ??= this.#loop();
  }

  /** Takes the next turn now; one that is under way is followed by another. */
  nudge(): void {
    this.#pause.abort();
  }

  /** Waits for the turn that is under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #loop(): Promise<void> {
    const { everyMs, onError } = this.#options;
    while (!this.closed) {
      const signal = AbortSignal.any([this.#closing.signal, this.#pause.signal]);
      await delay(everyMs * (0.5 + Math.random()), undefined, { signal, ref: false }).catch(() => undefined); // Nudged, or closed.
      if (this.closed) return;
      this.#pause = new AbortController();
      await this.#turn().catch(onError);
    }
  }
}
