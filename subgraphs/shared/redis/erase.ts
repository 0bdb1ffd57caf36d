/** Removing what Redis counts of a tenant. It holds nothing else of one: wake-ups pass through and are not kept. */
import { addCounts, type StoreErasure } from '../erasure.ts';
import { storeUnavailable } from '../errors.ts';
import type { Secret } from '../secret.ts';
import { REDIS } from './bounds.ts';
import { redisClient } from './client.ts';
import { PREFIX } from './rates.ts';

/** @param url `redis://` or `rediss://`; each call makes a connection of its own */
export function redisErasure(url: Secret): StoreErasure {
  const each = async (
    tenantIds: readonly string[],
    work: (keys: string[], remove: (keys: string[]) => Promise<number>) => Promise<number>,
  ) => {
    const redis = redisClient(url, { maxRetriesPerRequest: 0, commandTimeout: REDIS.erasureMs }, () => undefined);
    try {
      let rates = 0;
      // Rates are of a tenant, however many projects it has: those of one project are not told apart.
      for (const tenant of tenantIds.filter((id) => !id.includes('.')))
        for (const pattern of [`${PREFIX}* ${tenant}`, `${PREFIX}* ${tenant}/*`])
          for (let cursor = '0'; ;) {
            const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', REDIS.erasureScan);
            if (keys.length > 0) rates += await work(keys, (some) => redis.unlink(...some));
            if (next === '0') break;
            cursor = next;
          }
      return addCounts({ rates });
    } catch (error) {
      throw storeUnavailable('Redis', error, 'Check that Redis runs at REDIS_URL.');
    } finally {
      redis.disconnect();
    }
  };
  return {
    store: 'redis',
    tenantIds: () => Promise.resolve([]),
    count: (tenantIds) => each(tenantIds, (keys) => Promise.resolve(keys.length)),
    erase: (tenantIds) => each(tenantIds, (keys, remove) => remove(keys)),
  };
}
