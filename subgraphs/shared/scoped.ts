import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * What work that has been begun within it finds again, wherever it has got to. Node's own storage, used once, makes every promise of the process
 * dearer before Node 24 (a small request by a fifth); this one is switched off when nobody uses it.
 */
export class Scoped<T> {
  readonly #storage = new AsyncLocalStorage<T>();
  #users = 0;

  /** Runs `work`, which finds `value` until it has ended. */
  async run<Result>(value: T, work: () => Promise<Result>): Promise<Result> {
    this.#users += 1;
    try {
      return await this.#storage.run(value, work);
    } finally {
      this.#users -= 1;
      if (this.#users === 0) this.#storage.disable();
    }
  }

  /** What the work that runs was begun within; undefined where it was within nothing. */
  get current(): T | undefined {
    return this.#users === 0 ? undefined : this.#storage.getStore();
  }
}
