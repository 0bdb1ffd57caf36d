/**
 * Which API keys hold: kept for a moment, so that a revoked one opens nothing soon after in any process, and asked for
 * together. However many keys are presented, the store is asked one question at a time.
 */
import { LRUCache } from 'lru-cache';
import type { PresentedKey } from '#subgraphs/shared/api-key.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { CodedError, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';
import type { KeyStore, KnownKey } from '#subgraphs/shared/ports.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import { unauthenticated } from './authenticator.ts';

/** Bounds are said in `AUTH` (gateway/bounds/auth.ts), with their defaults. */
export interface KeyVerdictsOptions extends Partial<BoundValues<typeof AUTH>> {
  /** Who knows keys; undefined while that is not there yet. */
  store(): Pick<KeyStore, 'verify'> | undefined;
}

/** What is known of a key; undefined for one that does not hold. */
type Verdict = KnownKey | undefined;

interface Kept {
  readonly verdict: Verdict;
  /** By `performance.now()`: a clock that is set back must not make it last. */
  readonly until: number;
}

interface Waiting {
  readonly key: PresentedKey;
  readonly answer: Promise<Verdict>;
  resolve(verdict: Verdict): void;
  reject(error: unknown): void;
}

const WHAT = 'The store of API keys';

/** Names a key by what opens nothing, so that nor does what is in memory, or in a dump of it. */
export const nameOf = ({ prefix, digest, seal }: PresentedKey): string => `${prefix} ${digest} ${seal}`;

export class KeyVerdicts {
  readonly #options: KeyVerdictsOptions;
  readonly #holding: LRUCache<string, Kept>;
  // Apart, so that made-up keys drive out none that hold.
  readonly #refused: LRUCache<string, Kept>;
  readonly #waiting = new Map<string, Waiting>();
  #asking = false;

  constructor(options: KeyVerdictsOptions) {
    const max = options.apiKeyEntries ?? AUTH.apiKeyEntries;
    this.#options = options;
    this.#holding = new LRUCache({ max });
    this.#refused = new LRUCache({ max });
  }

  /** What is known of a key, of this moment or a moment ago. @throws CodedError as {@link ask} */
  async verdict(key: PresentedKey): Promise<Verdict> {
    const name = nameOf(key);
    const kept = current(this.#holding.get(name)) ?? current(this.#refused.get(name));
    return kept === undefined ? await this.ask(key) : kept.verdict;
  }

  /**
   * What the store knows of a key from now on: never what it was asked before this was.
   * @throws CodedError `STORE_UNAVAILABLE`, `STORE_TIMEOUT` when it cannot be asked; `UNAUTHENTICATED` where there is none
   */
  async ask(key: PresentedKey): Promise<Verdict> {
    const name = nameOf(key);
    let waiting = this.#waiting.get(name);
    if (waiting === undefined) {
      const most = this.#options.apiKeyLookUps ?? AUTH.apiKeyLookUps;
      if (this.#waiting.size >= most)
        throw storeUnavailable(WHAT, new Error('Too many keys wait to be looked up.'), 'Try again in a moment.');
      this.#waiting.set(name, (waiting = waitingFor(key)));
      if (!this.#asking) void this.#askForAll();
    }
    return await waiting.answer;
  }

  /** Asks, one question after the other, for as long as anybody waits; never rejects. */
  async #askForAll(): Promise<void> {
    this.#asking = true;
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, AUTH.apiKeyBatch);
      for (const [name] of batch) this.#waiting.delete(name);
      const began = performance.now();
      try {
        const verdicts = await this.#lookUp(batch.map(([, { key }]) => key));
        for (const [index, [name, { resolve }]] of batch.entries()) {
          this.#keep(name, verdicts[index], began);
          resolve(verdicts[index]);
        }
      } catch (error) {
        // Each its own: whoever throws an error may add to it.
        for (const [, { reject }] of batch) reject(toRefusal(error));
      }
    }
    this.#asking = false;
  }

  async #lookUp(keys: readonly PresentedKey[]): Promise<Verdict[]> {
    const store = this.#options.store();
    if (store === undefined) throw storeUnavailable(WHAT, new Error('It is not there yet.'), 'Try again in a moment.');
    const signal = AbortSignal.timeout(this.#options.apiKeyTimeoutMs ?? AUTH.apiKeyTimeoutMs);
    const principal = { tenantId: 'system', subject: 'system:auth', roles: [], scopes: [], system: true };
    // A connection that hangs may not hear of the signal.
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(storeTimeout(WHAT, signal.reason)), { once: true });
    });
    return await Promise.race([store.verify(createRequestContext(principal, { signal }), keys), late]);
  }

  #keep(name: string, verdict: Verdict, began: number): void {
    const { apiKeyCacheMs = AUTH.apiKeyCacheMs, apiKeyNegativeMs = AUTH.apiKeyNegativeMs } = this.#options;
    (verdict === undefined ? this.#holding : this.#refused).delete(name);
    if (verdict === undefined) this.#refused.set(name, { verdict, until: began + apiKeyNegativeMs });
    else this.#holding.set(name, { verdict, until: began + apiKeyCacheMs });
  }
}

const current = (kept: Kept | undefined): Kept | undefined =>
  kept !== undefined && performance.now() < kept.until ? kept : undefined;

function waitingFor(key: PresentedKey): Waiting {
  let settle!: Pick<Waiting, 'resolve' | 'reject'>;
  const answer = new Promise<Verdict>((resolve, reject) => (settle = { resolve, reject }));
  return { key, answer, ...settle };
}

function toRefusal(error: unknown): CodedError {
  const code = error instanceof CodedError ? error.code : undefined;
  if (code === 'STORE_DISABLED')
    return unauthenticated(
      'API keys are not accepted here.',
      'They are kept in PostgreSQL, which is switched off.',
      error,
    );
  return code === 'STORE_TIMEOUT' ? storeTimeout(WHAT, error) : storeUnavailable(WHAT, error);
}
