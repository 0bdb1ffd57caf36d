/**
 * Plans by the text of the normalised operation and its overrides: kept by recent use, and planned once when asked for
 * many times at once.
 */
import { LRUCache } from 'lru-cache';
import type { Planned, Planner, PlanRequest } from './planner.ts';

export interface PlanCacheOptions {
  /** @default 2000 */
  entries?: number;
  /** Estimated memory of the plans. @default 32 MiB */
  bytes?: number;
}

/** Memory of a ready plan for each byte of its JSON: mostly the parsed documents. */
const MEMORY_PER_BYTE = 10;

interface Kept<Compiled> {
  readonly request: PlanRequest;
  readonly compiled: Compiled;
}

const keyOf = ({ operation, overrides }: PlanRequest): string =>
  overrides.length === 0 ? operation : `${overrides.join()}\n${operation}`;

/** A cache of what `compile` makes of plans. */
export class PlanCache<Compiled extends object> {
  readonly #planner: Planner;
  readonly #compile: (planned: Planned) => Compiled;
  readonly #plans: LRUCache<string, Kept<Compiled>>;
  readonly #planning = new Map<string, Promise<Compiled>>();

  constructor(planner: Planner, compile: (planned: Planned) => Compiled, options: PlanCacheOptions = {}) {
    this.#planner = planner;
    this.#compile = compile;
    this.#plans = new LRUCache({ max: options.entries ?? 2_000, maxSize: options.bytes ?? 32 * 1024 * 1024 });
  }

  /** What is at hand, so that the common case need not wait. */
  peek(request: PlanRequest): Compiled | undefined {
    return this.#plans.get(keyOf(request))?.compiled;
  }

  /** @throws CodedError as {@link Planner.plan} */
  get(request: PlanRequest): Promise<Compiled> {
    const key = keyOf(request);
    const kept = this.#plans.get(key);
    if (kept !== undefined) return Promise.resolve(kept.compiled);
    const underWay = this.#planning.get(key);
    if (underWay !== undefined) return underWay;
    const planning = this.#planner
      .plan(request)
      .then((planned) => {
        const compiled = this.#compile(planned);
        this.#plans.set(key, { request, compiled }, { size: (planned.bytes + key.length) * MEMORY_PER_BYTE });
        return compiled;
      })
      .finally(() => this.#planning.delete(key));
    planning.catch(() => undefined); // Reported to whoever waits, if anyone still does.
    this.#planning.set(key, planning);
    return planning;
  }

  /** What there are plans for, most recently used first. */
  requests(): PlanRequest[] {
    return [...this.#plans.values()].map(({ request }) => request);
  }
}
