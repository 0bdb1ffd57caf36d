/** What waits, and whose it is. */
export interface Queued {
  readonly tenant: string;
  /** What of a tenant's is alike. */
  readonly shape: string;
}

/**
 * A queue that takes turns between those who wait in it, and between the shapes of what they wait for: a tenant with a
 * thousand operations delays another by one, and a thousand that are alike delay another of the same tenant by one.
 */
export class FairQueue<Item extends Queued> {
  /** By tenant and shape; what was served last is last. */
  readonly #waiting = new Map<string, Map<string, Set<Item>>>();
  readonly #sizes = new Map<string, number>();

  /** How many of a tenant's wait. */
  sizeOf(tenant: string): number {
    return this.#sizes.get(tenant) ?? 0;
  }

  push(item: Item): void {
    const { tenant, shape } = item;
    let own = this.#waiting.get(tenant);
    if (own === undefined) this.#waiting.set(tenant, (own = new Map<string, Set<Item>>()));
    const alike = own.get(shape);
    if (alike === undefined) own.set(shape, new Set([item]));
    else alike.add(item);
    this.#sizes.set(tenant, this.sizeOf(tenant) + 1);
  }

  /** The first in turn that `fits`, which must say the same of all of one tenant and shape; it stays. */
  find(fits: (item: Item) => boolean): Item | undefined {
    for (const own of this.#waiting.values()) {
      for (const [item] of own.values()) if (fits(item!)) return item;
    }
    return undefined;
  }

  /** The same, taken out: then it is the others' turn. */
  take(fits: (item: Item) => boolean): Item | undefined {
    const item = this.find(fits);
    if (item === undefined) return undefined;
    const { tenant, shape } = item;
    this.remove(item);
    const own = this.#waiting.get(tenant);
    const alike = own?.get(shape);
    if (own !== undefined) {
      this.#waiting.delete(tenant);
      this.#waiting.set(tenant, own);
    }
    if (alike !== undefined) {
      own!.delete(shape);
      own!.set(shape, alike);
    }
    return item;
  }

  /** @returns whether it still waited */
  remove(item: Item): boolean {
    const { tenant, shape } = item;
    const own = this.#waiting.get(tenant);
    const alike = own?.get(shape);
    if (alike?.delete(item) !== true) return false;
    if (alike.size === 0) own!.delete(shape);
    if (own!.size === 0) this.#waiting.delete(tenant);
    const left = this.sizeOf(tenant) - 1;
    if (left === 0) this.#sizes.delete(tenant);
    else this.#sizes.set(tenant, left);
    return true;
  }
}
