/**
 * What took long to plan: operations that hung, which are refused for a while, and those that merely took long lately,
 * with the tenants that ask many of them, whose operations are planned apart from those of others. All of it is known by
 * shape, and forgotten in time: it may have been the machine's fault.
 */
import { LRUCache } from 'lru-cache';
import { PLAN } from '#gateway/bounds/plan.ts';
import type { Queued } from './fair-queue.ts';

export class SlowOperations {
  readonly #hung = shapes(PLAN.rememberedMs);
  readonly #slow = shapes(PLAN.suspectMs);
  readonly #quick = shapes(PLAN.rememberedMs);
  /** How many different shapes of a tenant were slow. */
  readonly #ofTenant = new LRUCache<string, number>({ max: PLAN.remembered, ttl: PLAN.suspectMs });

  /** It took its whole time, or ended the process. */
  hangs({ shape }: Queued): void {
    this.#hung.set(shape, true);
  }

  /** Whether such an operation is to be refused. */
  isHung({ shape }: Queued): boolean {
    return this.#hung.has(shape);
  }

  /** It takes longer than operations should: once is no sign where such were planned in good time. */
  isSlow({ tenant, shape }: Queued): void {
    if (this.#quick.delete(shape)) return;
    if (!this.#slow.has(shape)) this.#ofTenant.set(tenant, (this.#ofTenant.get(tenant) ?? 0) + 1);
    this.#slow.set(shape, true);
  }

  /** It was planned in good time. */
  isQuick({ shape }: Queued): void {
    this.#slow.delete(shape);
    this.#quick.set(shape, true);
  }

  hasSlowShape({ shape }: Queued): boolean {
    return this.#slow.has(shape);
  }

  /** Whether it may well take long: such ones did, or whoever asks has asked many that did. */
  isSuspect(item: Queued): boolean {
    return this.hasSlowShape(item) || (this.#ofTenant.get(item.tenant) ?? 0) >= PLAN.suspectShapes;
  }
}

const shapes = (ttl: number) =>
  new LRUCache<string, true>({
    max: PLAN.remembered,
    maxSize: PLAN.rememberedCharacters,
    ttl,
    sizeCalculation: (_, shape) => shape.length + 1,
  });
