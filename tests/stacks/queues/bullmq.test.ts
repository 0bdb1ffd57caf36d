/** Runs that are announced over a real Redis to real workers of BullMQ (`TEST_REDIS_PROGRAM`). */
import { REDIS, startBullmq, startRedis } from './redis.ts';
import { queueScenario } from './scenario.ts';

queueScenario(
  'runs that are announced to BullMQ (TEST_REDIS_PROGRAM)',
  {
    broker: startRedis,
    variable: 'BULLMQ_URL',
    worker: (env) => startBullmq({ ...env, CONCURRENCY: '4' }),
    ready: 'takes runs',
    store: 'bullmq',
  },
  REDIS !== undefined,
);
