/** Redis for BullMQ, which the project has: the suites start and kill both. */
import { redis, redisProgram } from '#tests/stores/provision/redis.ts';
import type { Store } from '#tests/stores/provision/store.ts';

export const bullmq: Store = {
  name: 'bullmq',
  title: `BullMQ on ${redis.title}`,
  suites: ['tests/contract/runs-bullmq.test.ts', 'tests/stacks/queues/bullmq.test.ts'],
  available: redis.available,
  start: async (workplace) => ({
    env: { TEST_REDIS_PROGRAM: JSON.stringify(await redisProgram(workplace)) },
    close: () => Promise.resolve(),
  }),
};
