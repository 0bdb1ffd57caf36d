/** Ends what is open by an API key that no longer holds: all keys that are in use are looked up again and again, together. */
import type { PresentedKey } from '#subgraphs/shared/api-key.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import { nameOf, type KeyVerdicts } from './key-verdicts.ts';

interface Watched {
  readonly key: PresentedKey;
  readonly acts: Set<() => void>;
  /** When it was last known to hold, by `performance.now()`. */
  heldAt: number;
}

export class KeyWatch {
  readonly #verdicts: KeyVerdicts;
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(verdicts: KeyVerdicts) {
    this.#verdicts = verdicts;
  }

  /** Calls `act`, once, when `key` no longer holds, or could not be looked up for `AUTH.apiKeyUncheckedMs`. */
  onEnd(key: PresentedKey, act: () => void): () => void {
    const name = nameOf(key);
    // Each its own, so that one function may be given twice.
    const own = (): void => act();
    let watched = this.#watched.get(name);
    if (watched === undefined) this.#watched.set(name, (watched = { key, acts: new Set(), heldAt: performance.now() }));
    watched.acts.add(own);
    this.#wait();
    return () => {
      watched.acts.delete(own);
      if (watched.acts.size === 0 && this.#watched.get(name) === watched) this.#watched.delete(name);
    };
  }

  close(): void {
    this.#watched.clear();
    clearTimeout(this.#timer);
  }

  #wait(): void {
    if (this.#timer !== undefined || this.#watched.size === 0) return;
    this.#timer = setTimeout(() => {
      void this.#look().finally(() => {
        this.#timer = undefined;
        this.#wait();
      });
    }, AUTH.apiKeyWatchMs).unref();
  }

  async #look(): Promise<void> {
    const all = [...this.#watched];
    for (let start = 0; start < all.length; start += AUTH.apiKeyBatch)
      await Promise.all(
        all.slice(start, start + AUTH.apiKeyBatch).map(([name, watched]) => this.#check(name, watched)),
      );
  }

  async #check(name: string, watched: Watched): Promise<void> {
    const began = performance.now();
    try {
      if ((await this.#verdicts.ask(watched.key)) === undefined) this.#end(name, watched);
      else watched.heldAt = began;
    } catch {
      // Nothing is known of the key, and whoever asks anew is told why. It must not go on for ever.
      if (performance.now() - watched.heldAt > AUTH.apiKeyUncheckedMs) this.#end(name, watched);
    }
  }

  #end(name: string, watched: Watched): void {
    if (this.#watched.get(name) === watched) this.#watched.delete(name);
    for (const act of [...watched.acts]) act();
  }
}
