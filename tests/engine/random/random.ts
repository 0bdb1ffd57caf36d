import { random } from '#tests/setup/random.ts';

/** A small seeded generator of choices, so that a case is told by one number. */
export class Random {
  /** In [0, 1). */
  readonly next: () => number;

  constructor(seed: number) {
    this.next = random(seed);
  }

  /** An integer in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** Some of the items, at least `least`. */
  some<T>(items: readonly T[], least = 0): T[] {
    const chosen = items.filter(() => this.chance(0.5));
    while (chosen.length < least) {
      const item = this.pick(items);
      if (!chosen.includes(item)) chosen.push(item);
    }
    return chosen;
  }
}

/** A number that depends on all parts (FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/). */
export function hash(...parts: readonly unknown[]): number {
  const text = JSON.stringify(parts);
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value ^= value >>> 15;
  return Math.imul(value, 0x2c1b3c6d) >>> 0;
}
