/** A queue that takes turns between those who wait in it: a tenant with a thousand operations delays another by one. */
export class FairQueue<Item> {
  /** By whose they are; who was served last is last. */
  readonly #waiting = new Map<string, Set<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** How many of `owner`'s wait. */
  sizeOf(owner: string): number {
    return this.#waiting.get(owner)?.size ?? 0;
  }

  push(owner: string, item: Item): void {
    const own = this.#waiting.get(owner);
    if (own === undefined) this.#waiting.set(owner, new Set([item]));
    else own.add(item);
    this.#size += 1;
  }

  /** The oldest of whoever's turn it is. */
  shift(): Item | undefined {
    for (const [owner, items] of this.#waiting) {
      this.#waiting.delete(owner);
      const [item] = items;
      items.delete(item!);
      if (items.size > 0) this.#waiting.set(owner, items);
      this.#size -= 1;
      return item;
    }
    return undefined;
  }

  /** @returns whether it still waited */
  remove(owner: string, item: Item): boolean {
    const items = this.#waiting.get(owner);
    if (items?.delete(item) !== true) return false;
    if (items.size === 0) this.#waiting.delete(owner);
    this.#size -= 1;
    return true;
  }
}
