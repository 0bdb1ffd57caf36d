/** Announcements as jobs of BullMQ on a real Redis (`TEST_REDIS_PROGRAM`): what its workers find there, and what is said of what is wrong. */
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { bullmqQueue } from '#subgraphs/runs/drivers/bullmq/index.ts';
import { REDIS, startRedis } from '#tests/stacks/queues/redis.ts';
import { about, fault, queueContract, type QueueBroker } from './runs-queue.ts';

async function within<T>(redis: QueueBroker, name: string, work: (queue: Queue) => Promise<T>): Promise<T> {
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const queue = new Queue(name, { connection });
  try {
    return await work(queue);
  } finally {
    await queue.close();
    connection.disconnect();
  }
}
const jobsOn = (redis: QueueBroker, name: string) =>
  within(redis, name, (queue) => queue.getJobs(['waiting', 'active', 'delayed', 'failed', 'completed'], 0, -1, true));

/** Has a worker do something with the first job of a queue. */
async function take(redis: QueueBroker, name: string, work: () => Promise<void>): Promise<void> {
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  let worker: Worker | undefined;
  try {
    await new Promise<void>((ended) => {
      worker = new Worker(name, work, { connection });
      worker.on('completed', () => ended());
      worker.on('failed', () => ended());
    });
  } finally {
    await worker!.close();
    connection.disconnect();
  }
}

queueContract<QueueBroker>(
  'announcements on BullMQ (TEST_REDIS_PROGRAM)',
  {
    broker: startRedis,
    queue: bullmqQueue,
    runsOn: async (redis, name) => (await jobsOn(redis, name)).map(({ data }) => (data as { runId: string }).runId),
    name: 'Redis',
    variable: 'BULLMQ_URL',
    store: 'bullmq',
    secure: 'rediss',
    also: (given) => {
      test('are jobs with whose run it is, and nothing that it says', async () => {
        const { broker, on } = given();
        const { queue, name } = on();
        await queue.announce(about('run_1', { project: 'p\u00fd' }));
        const [job] = await jobsOn(broker, name);
        expect(job).toMatchObject({
          name: 'answer_run',
          data: { runId: 'run_1', agentId: 'agt_1', tenantId: 'tenant-a', project: 'p\u00fd' },
          opts: { attempts: 3, removeOnComplete: true },
        });
      });

      test('one that waits is not added again, until it has been claimed, or come to nothing', async () => {
        const { broker, on, runsOn } = given();
        const { queue, name } = on();
        for (const claims of [0, 0, 0]) await queue.announce(about('run_1', { claims }));
        expect(await runsOn(name)).toEqual(['run_1']);
        await take(broker, name, async () => {
          await queue.announce(about('run_1'));
          expect(await runsOn(name)).toEqual(['run_1']);
        });
        // Done, it is kept nowhere.
        expect(await runsOn(name)).toEqual([]);
        await queue.announce(about('run_1'));
        await take(broker, name, async () => {
          // Whoever claimed it hangs, and its lease has ended.
          await queue.announce(about('run_1', { claims: 1 }));
          expect(await runsOn(name)).toEqual(['run_1', 'run_1']);
        });
      });

      test('a Redis without memory, or that only reads, is told', async () => {
        const { broker, on, runsOn } = given();
        const { queue, name } = on();
        await queue.announce(about('run_1'));
        const admin = new Redis(broker.url);
        try {
          await admin.config('SET', 'maxmemory', '1');
          const full = await fault(queue.announce(about('run_2')));
          expect(full.message).toBe('Redis takes no jobs at present.');
          expect(full.hint).toMatch(/OOM/);
        } finally {
          await admin.config('SET', 'maxmemory', '0');
          admin.disconnect();
        }
        await queue.announce(about('run_3'));
        expect(await runsOn(name)).toEqual(['run_1', 'run_3']);
      });

      test('a user who may not write is told so', async () => {
        const { broker, on, changed } = given();
        const admin = new Redis(broker.url);
        try {
          await admin.call('ACL', 'SETUSER', 'limited', 'on', '>hunter2', '~other:*', '+@all');
          const url = changed((each) => ((each.username = 'limited'), (each.password = 'hunter2')));
          const refused = await fault(on({ url }).queue.announce(about('run_1')));
          expect(refused.message).toBe('Redis refuses this server.');
          expect(refused.hint).not.toContain('hunter2');
        } finally {
          admin.disconnect();
        }
      });
    },
  },
  REDIS !== undefined,
);
