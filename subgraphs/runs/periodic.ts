/** Work that is done again and again behind requests, in every process, until it is closed. */
import { setTimeout as delay } from 'node:timers/promises';

export interface PeriodicOptions {
  /** Time between two turns, in milliseconds; random by half, so that processes spread. */
  everyMs: number;
  /** Told of a turn that failed; the next one comes as if nothing had been. */
  onError: (error: unknown) => void;
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
