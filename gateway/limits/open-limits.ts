/** Limits as the configuration has them: what is counted, and where. */
import type { LIMITS } from '#gateway/bounds/limits.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { MemoryRates } from '#subgraphs/shared/rates/memory.ts';
import type { RateStore } from '#subgraphs/shared/rates/rate-store.ts';
import type { Secret } from '#subgraphs/shared/secret.ts';
import { Concurrency } from './concurrency.ts';
import type { Rates } from './rate-names.ts';
import { Refusals } from './refusals.ts';
import { RequestLimits } from './request-limits.ts';

export interface LimitsOptions {
  readonly rates: Rates;
  readonly bounds: BoundValues<typeof LIMITS>;
  /** Where all processes count together; without it each counts for itself. */
  readonly redisUrl: Secret | undefined;
  /** What holds while Redis does not answer. */
  readonly withoutRedis: 'memory' | 'refuse';
  /** Whether `X-Forwarded-For` counts of a connection from this address. */
  readonly isProxy: (address: string | undefined) => boolean;
  readonly log: Logger;
}

/** Opens the limits of a server. Redis is connected to with the first request that meets a rate. */
export async function openLimits({
  rates,
  bounds: { entries, ...concurrency },
  redisUrl,
  withoutRedis,
  isProxy,
  log,
}: LimitsOptions): Promise<{ limits: RequestLimits; close(): Promise<void> }> {
  const store = await openStore();
  const limits = new RequestLimits({
    rates,
    store,
    concurrency: new Concurrency(concurrency),
    refusals: new Refusals(log),
    isProxy,
  });
  return { limits, close: () => store.close() };

  async function openStore(): Promise<RateStore> {
    if (redisUrl === undefined || Object.keys(rates).length === 0) return new MemoryRates({ entries });
    // Loaded where it is used: most installations have no Redis.
    const { RedisRates } = await import('#subgraphs/shared/redis/rates.ts');
    return new RedisRates(redisUrl, {
      entries,
      whenAway: withoutRedis,
      log: (message, error) => log.warn(error === undefined ? {} : { err: error }, message),
    });
  }
}
