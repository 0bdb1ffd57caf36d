/**
 * Plans by the text of the normalised operation and its overrides: kept by recent use, and planned once when asked for
 * many times at once.
 */
import { LRUCache } from 'lru-cache';
import { PLAN } from '#gateway/bounds/plan.ts';
import { FOR_GATEWAY, planKey, type PlanFor, type PlanRequest } from './plan-request.ts';
import type { Planned, Planner } from './planner.ts';

export interface PlanCacheOptions {
  /** @default 2000 */
  entries?: number;
  /** Estimated memory of the plans. @default 32 MiB */
  bytes?: number;
  /** Told how long each planning took. @default nobody is */
  planned?: ((ms: number, failed: boolean) => void) | undefined;
}

/** Memory of a ready plan for each byte of its JSON: mostly the parsed documents. */
const MEMORY_PER_BYTE = 10;

/** How the cache is used, since it began. */
export interface PlanUse {
  readonly entries: number;
  /** How often what was asked for was at hand. */
  readonly hits: number;
  /** How often something had to be planned. */
  readonly misses: number;
}

interface Kept<Compiled> {
  readonly request: PlanRequest;
  readonly compiled: Compiled;
}

/** A plan that is being made, and those who wait for it. */
interface UnderWay<Compiled> {
  readonly planning: Promise<Compiled>;
  /** Ends it when the last who waits has left. */
  readonly wanted: AbortController;
  waiting: number;
}

/** A cache of what `compile` makes of plans. */
export class PlanCache<Compiled extends object> {
  readonly #planner: Planner;
  readonly #compile: (planned: Planned) => Compiled;
  readonly #plans: LRUCache<string, Kept<Compiled>>;
  readonly #planning = new Map<string, UnderWay<Compiled>>();
  readonly #planned: PlanCacheOptions['planned'];
  #hits = 0;
  #misses = 0;

  constructor(planner: Planner, compile: (planned: Planned) => Compiled, options: PlanCacheOptions = {}) {
    this.#planner = planner;
    this.#compile = compile;
    this.#planned = options.planned;
    this.#plans = new LRUCache({
      max: options.entries ?? PLAN.cacheEntries,
      maxSize: options.bytes ?? PLAN.cacheBytes,
    });
  }

  /** What is at hand, so that the common case need not wait. */
  peek(request: PlanRequest): Compiled | undefined {
    const kept = this.#plans.get(planKey(request));
    if (kept !== undefined) this.#hits += 1;
    return kept?.compiled;
  }

  get use(): PlanUse {
    return { entries: this.#plans.size, hits: this.#hits, misses: this.#misses };
  }

  /**
   * @param planFor whose turn it is while nobody else has asked for the same
   * @throws CodedError as {@link Planner.plan}
   */
  get(request: PlanRequest, planFor = FOR_GATEWAY): Promise<Compiled> {
    const key = planKey(request);
    const kept = this.#plans.get(key);
    if (kept !== undefined) return Promise.resolve(kept.compiled);
    let underWay = this.#planning.get(key);
    if (underWay === undefined) {
      underWay = this.#begin(key, request, planFor);
      this.#planning.set(key, underWay);
    }
    underWay.waiting += 1;
    return this.#await(key, underWay, planFor.signal);
  }

  #begin(key: string, request: PlanRequest, { tenant }: PlanFor): UnderWay<Compiled> {
    const wanted = new AbortController();
    const began = performance.now();
    this.#misses += 1;
    let failed = true;
    const planning = this.#planner
      .plan(request, { tenant, signal: wanted.signal })
      .then((planned) => {
        failed = false;
        const compiled = this.#compile(planned);
        this.#plans.set(key, { request, compiled }, { size: (planned.bytes + key.length) * MEMORY_PER_BYTE });
        return compiled;
      })
      .finally(() => {
        this.#forget(key, wanted);
        this.#planned?.(performance.now() - began, failed);
      });
    planning.catch(() => undefined); // Reported to whoever waits, if anyone still does.
    return { planning, wanted, waiting: 0 };
  }

  #await(key: string, underWay: UnderWay<Compiled>, signal: AbortSignal | undefined): Promise<Compiled> {
    const { planning, wanted } = underWay;
    if (signal === undefined) return planning;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        reject(signal.reason as Error);
        underWay.waiting -= 1;
        if (underWay.waiting > 0) return;
        this.#forget(key, wanted);
        wanted.abort(signal.reason);
      };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      planning.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  #forget(key: string, wanted: AbortController): void {
    if (this.#planning.get(key)?.wanted === wanted) this.#planning.delete(key);
  }

  /** What there are plans for, most recently used first. */
  requests(): PlanRequest[] {
    return [...this.#plans.values()].map(({ request }) => request);
  }
}
