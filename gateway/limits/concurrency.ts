/** How much is under way at once: of a caller, a tenant, an address. */
import type { LIMITS } from '#gateway/bounds/limits.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import type { Whose } from './rate-names.ts';

/** What takes a place: a query or mutation, or what stays open. */
export type PlaceKind = 'operations' | 'streams';

export type ConcurrencyLimits = Omit<BoundValues<typeof LIMITS>, 'entries'>;

export class Concurrency {
  readonly #limits: Readonly<Record<PlaceKind, Readonly<Record<Whose, number>>>>;
  /** Those that have something under way. */
  readonly #counts = new Map<string, number>();

  constructor(limits: ConcurrencyLimits) {
    this.#limits = {
      operations: {
        principal: limits.principalOperations,
        tenant: limits.tenantOperations,
        address: limits.addressOperations,
      },
      streams: { principal: limits.principalStreams, tenant: limits.tenantStreams, address: limits.addressStreams },
    };
  }

  /**
   * Takes a place of each of `keys`, or of none.
   * @returns what gives them back (once, however often it is called), or whose places are all taken
   */
  enter(kind: PlaceKind, keys: Readonly<Partial<Record<Whose, string>>>): (() => void) | Whose {
    const taken: string[] = [];
    for (const whose of Object.keys(keys) as Whose[]) {
      const limit = this.#limits[kind][whose];
      if (limit === 0) continue;
      const key = `${kind} ${keys[whose]}`;
      if ((this.#counts.get(key) ?? 0) >= limit) return whose;
      taken.push(key);
    }
    for (const key of taken) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      for (const key of taken) {
        const left = this.#counts.get(key)! - 1;
        if (left === 0) this.#counts.delete(key);
        else this.#counts.set(key, left);
      }
    };
  }

  /** How many callers, tenants and addresses have something under way. */
  get size(): number {
    return this.#counts.size;
  }
}
