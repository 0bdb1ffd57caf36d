/** Plans by the text of the normalised operation: kept by recent use, and planned once when asked for many times at once. */
import { LRUCache } from 'lru-cache';
import type { Planned, Planner } from './planner.ts';

export interface PlanCacheOptions {
  /** @default 2000 */
  entries?: number;
  /** Estimated memory of the plans. @default 32 MiB */
  bytes?: number;
}

/** Memory of a ready plan for each byte of its JSON: mostly the parsed documents. */
const MEMORY_PER_BYTE = 10;

/** A cache of what `compile` makes of plans. */
export class PlanCache<Compiled extends object> {
  readonly #planner: Planner;
  readonly #compile: (planned: Planned) => Compiled;
  readonly #plans: LRUCache<string, Compiled>;
  readonly #planning = new Map<string, Promise<Compiled>>();

  constructor(planner: Planner, compile: (planned: Planned) => Compiled, options: PlanCacheOptions = {}) {
    this.#planner = planner;
    this.#compile = compile;
    this.#plans = new LRUCache({ max: options.entries ?? 2_000, maxSize: options.bytes ?? 32 * 1024 * 1024 });
  }

  /** What is at hand, so that the common case need not wait. */
  peek(operation: string): Compiled | undefined {
    return this.#plans.get(operation);
  }

  /** @throws CodedError as {@link Planner.plan} */
  get(operation: string): Promise<Compiled> {
    const kept = this.#plans.get(operation);
    if (kept !== undefined) return Promise.resolve(kept);
    const underWay = this.#planning.get(operation);
    if (underWay !== undefined) return underWay;
    const planning = this.#planner
      .plan(operation)
      .then((planned) => {
        const compiled = this.#compile(planned);
        this.#plans.set(operation, compiled, { size: (planned.bytes + operation.length) * MEMORY_PER_BYTE });
        return compiled;
      })
      .finally(() => this.#planning.delete(operation));
    planning.catch(() => undefined); // Reported to whoever waits, if anyone still does.
    this.#planning.set(operation, planning);
    return planning;
  }

  /** The operations kept, most recently used first. */
  operations(): string[] {
    return [...this.#plans.keys()];
  }
}
