/** Rates that all processes share, in Redis: one script a request, by Redis' own clock. */
import type { Redis } from 'ioredis';
import { storeUnavailable } from '#subgraphs/shared/errors.ts';
import { intervalOf, type Decision } from '#subgraphs/shared/rates/gcra.ts';
import { MemoryRates } from '#subgraphs/shared/rates/memory.ts';
import { decideTogether, type Charge, type RateStore } from '#subgraphs/shared/rates/rate-store.ts';
import type { Secret } from '#subgraphs/shared/secret.ts';
import { REDIS } from './bounds.ts';
import { redisClient } from './client.ts';

/** Before the key of every rate. */
export const PREFIX = 'tributary:rate:';

/**
 * As `gcra.ts` has it, of several keys: all are taken of, or none. Arguments: for each key the interval, the burst and the
 * weight. Answers: the time, then for each key what is owed before, by which `gcra` decides once more here.
 */
const TAKE = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + time[2] / 1000
  local owed, wanted, allowed = {}, {}, true
  for i, key in ipairs(KEYS) do
    local interval, burst, weight = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
    local most = burst * interval
    local tat = tonumber(redis.call('GET', key) or now)
    owed[i] = math.min(math.max(tat - now, 0), most)
    wanted[i] = owed[i] + math.min(math.max(weight, 1), burst) * interval
    if weight > 0 and wanted[i] - most >= 0.001 then allowed = false end
  end
  local answer = {}
  for i, key in ipairs(KEYS) do
    if allowed and tonumber(ARGV[3 * i]) > 0 then
      redis.call('SET', key, string.format('%.3f', now + wanted[i]), 'PX', math.max(math.ceil(wanted[i]), 1))
    end
    answer[i] = string.format('%.3f', owed[i])
  end
  return answer
`;

type Scripted = Redis & { tributaryTake(keys: number, ...rest: (string | number)[]): Promise<string[]> };

export interface RedisRatesOptions {
  /** The most keys that are kept here: what Redis has refused, and all of them while it is away. */
  readonly entries: number;
  /**
   * While Redis does not answer: `memory` counts in this process, so that each process lets as much pass as all should;
   * `refuse` lets nothing pass.
   */
  readonly whenAway: 'memory' | 'refuse';
  readonly log: (message: string, error?: unknown) => void;
  /** Pauses before reconnecting: see `RedisClientOptions`. */
  readonly backoffMs?: number;
  readonly maxBackoffMs?: number;
}

export class RedisRates implements RateStore {
  readonly #client: Scripted;
  readonly #options: RedisRatesOptions;
  /** What counts while Redis is away. */
  readonly #own: MemoryRates;
  /** Until when a key is used up, by the clock of this process: who comes again and again is not asked about each time. */
  readonly #usedUp = new Map<string, number>();
  /** Until when Redis is not asked. */
  #awayUntil = 0;
  #isAway = false;
  #closed = false;

  constructor(url: Secret, options: RedisRatesOptions) {
    this.#options = options;
    this.#own = new MemoryRates(options);
    const { backoffMs, maxBackoffMs } = options;
    const client = redisClient(
      url,
      { backoffMs, maxBackoffMs, commandTimeout: REDIS.ratesMs, maxRetriesPerRequest: 0 },
      (error) => this.#outage(error),
    );
    client.defineCommand('tributaryTake', { lua: TAKE });
    this.#client = client as Scripted;
  }

  take(charges: readonly Charge[]): readonly Decision[] | Promise<readonly Decision[]> {
    const now = performance.now();
    if (charges.some(({ key, weight }) => weight > 0 && (this.#usedUp.get(key) ?? 0) > now))
      return charges.map((charge) => stale(charge, this.#usedUp, now));
    if (now < this.#awayUntil) return this.#without(charges);
    return this.#ask(charges);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#client.disconnect();
    await this.#own.close();
  }

  async #ask(charges: readonly Charge[]): Promise<readonly Decision[]> {
    let owed: string[];
    try {
      owed = await this.#client.tributaryTake(
        charges.length,
        ...charges.map(({ key }) => PREFIX + key),
        ...charges.flatMap(({ rate, weight }) => [intervalOf(rate), rate.burst, weight]),
      );
    } catch (error) {
      this.#outage(error);
      this.#awayUntil = performance.now() + REDIS.ratesPauseMs;
      return this.#without(charges, error);
    }
    if (this.#isAway) {
      this.#isAway = false;
      this.#options.log('Redis counts rates again.');
    }
    const now = performance.now();
    const decisions = decideTogether(charges, now, (_, at) => now + Number(owed[at]));
    decisions.forEach(({ allowed, retryAfterMs }, at) => {
      const { key, weight } = charges[at]!;
      // What weighs less may pass sooner.
      if (!allowed && weight === 1) this.#remember(key, now + retryAfterMs);
    });
    return decisions;
  }

  #without(charges: readonly Charge[], cause?: unknown): readonly Decision[] {
    if (this.#options.whenAway === 'refuse')
      throw storeUnavailable('Redis, which counts rates,', cause, 'Try again later.');
    return this.#own.take(charges);
  }

  #remember(key: string, until: number): void {
    this.#usedUp.delete(key);
    this.#usedUp.set(key, until);
    if (this.#usedUp.size <= this.#options.entries) return;
    for (const [oldest] of this.#usedUp) return void this.#usedUp.delete(oldest);
  }

  #outage(error: unknown): void {
    if (this.#isAway || this.#closed) return;
    this.#isAway = true;
    this.#options.log(
      this.#options.whenAway === 'memory'
        ? 'Redis does not count rates; each process counts for itself until it does.'
        : 'Redis does not count rates; requests are refused until it does (RATE_LIMIT_WITHOUT_REDIS).',
      error,
    );
  }
}

/** What is known of a charge without asking, where one of them is used up: of the others nothing. */
function stale({ key, rate, weight }: Charge, usedUp: ReadonlyMap<string, number>, now: number): Decision {
  const nextMs = (usedUp.get(key) ?? 0) - now;
  if (weight === 0 || nextMs <= 0)
    return { allowed: true, tat: now, remaining: undefined, retryAfterMs: 0, resetMs: 0 };
  const interval = intervalOf(rate);
  const resetMs = (rate.burst - 1) * interval + nextMs;
  // That is when one may pass; what weighs more passes later.
  const retryAfterMs = nextMs + (Math.min(weight, rate.burst) - 1) * interval;
  return { allowed: false, tat: now + resetMs, remaining: 0, retryAfterMs, resetMs };
}
