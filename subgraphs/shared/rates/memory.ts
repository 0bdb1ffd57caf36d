/** Rates of one process, in its memory. */
import type { Decision } from './gcra.ts';
import { decideTogether, isRefused, type Charge, type RateStore } from './rate-store.ts';

export interface MemoryRatesOptions {
  /** The most keys; past it the one that was taken of longest ago is forgotten. */
  readonly entries: number;
  /** In milliseconds. @default one that never goes back */
  readonly now?: () => number;
}

export class MemoryRates implements RateStore {
  readonly #entries: number;
  readonly #now: () => number;
  /** TATs; what was taken of last is last. */
  readonly #tats = new Map<string, number>();

  constructor({ entries, now = () => performance.now() }: MemoryRatesOptions) {
    this.#entries = entries;
    this.#now = now;
  }

  take(charges: readonly Charge[]): readonly Decision[] {
    const now = this.#now();
    const decisions = decideTogether(charges, now, ({ key }) => this.#tats.get(key));
    const refused = isRefused(charges, decisions);
    for (let at = 0; at < charges.length; at++) {
      const { key, weight } = charges[at]!;
      const { allowed, tat } = decisions[at]!;
      // Who is refused is kept as the latest too, or he would be forgotten before those who ask less.
      if (weight > 0 && allowed !== refused) this.#keep(key, tat);
    }
    return decisions;
  }

  /** How many keys are kept. */
  get size(): number {
    return this.#tats.size;
  }

  close(): Promise<void> {
    this.#tats.clear();
    return Promise.resolve();
  }

  #keep(key: string, tat: number): void {
    this.#tats.delete(key);
    this.#tats.set(key, tat);
    if (this.#tats.size <= this.#entries) return;
    for (const [oldest] of this.#tats) return void this.#tats.delete(oldest);
  }
}
