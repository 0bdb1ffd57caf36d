/** Announcements as jobs of BullMQ (https://bullmq.io) on Redis, by its own library. */
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { sentences } from '#subgraphs/shared/errors.ts';
import { isRefusal, redisClient } from '#subgraphs/shared/redis/client.ts';
import type { Secret } from '#subgraphs/shared/secret.ts';
import { RUNS } from '../../bounds.ts';
import { AWAY, QueueFault, within, type RunQueue } from '../../dispatch/announcer.ts';

export interface BullmqOptions {
  /** `redis://` or `rediss://`; asked again for user and password whenever the connection is made anew. */
  url: Secret;
  /** The queue of the workers. */
  queue: string;
  /** Before the names of all keys; workers must have the same. @default bull */
  prefix?: string | undefined;
  /** Longest time for Redis to take a job, in milliseconds. @default 10000 */
  timeoutMs?: number | undefined;
}

/** The name of the jobs. */
export const JOB_NAME = 'answer_run';

interface Open {
  readonly client: Redis;
  readonly queue: Queue;
  /** Why what was asked failed: of a connection that is being made anew, what became of it. */
  readonly why: (error: unknown) => unknown;
}

/** Connects at the first message; a Redis that is away is tried again at the next. */
export function bullmqQueue(options: BullmqOptions): RunQueue {
  let opening: Promise<Open> | undefined;
  const opened = (): Promise<Open> => {
    opening ??= open(options).catch((error: unknown) => {
      opening = undefined;
      throw faultOf(error);
    });
    return opening;
  };
  return {
    async announce({ tenantId, project, runId, agentId, claims }) {
      const { queue, why } = await opened();
      try {
        await queue.add(
          JOB_NAME,
          { runId, agentId, tenantId, project: project ?? null },
          {
            // While one is on the queue or worked on, another of the same claim is not added. After a claim it is: who has it may
            // hang, and keeps the job.
            deduplication: { id: `${runId}-${claims}` },
            // The gateway sends another where this one came to nothing.
            attempts: RUNS.bullmqAttempts,
            backoff: { type: 'exponential', delay: RUNS.firstDispatchRetryMs },
            removeOnComplete: true,
            removeOnFail: { count: RUNS.bullmqFailedKept },
          },
        );
      } catch (error) {
        throw faultOf(why(error));
      }
    },
    async health() {
      const began = performance.now();
      try {
        const { client, why } = await within(RUNS.probeTimeoutMs, opened(), late);
        const pong = client.ping().catch((error: unknown) => {
          throw why(error);
        });
        await within(RUNS.probeTimeoutMs, pong, late);
        return { store: 'bullmq', state: 'ok', latencyMs: Math.round((performance.now() - began) * 10) / 10 };
      } catch (error) {
        const { message, hint } = faultOf(error);
        return { store: 'bullmq', state: 'down', detail: sentences(message, AWAY, hint) };
      }
    },
    async close() {
      const at = await opening?.catch(() => undefined);
      if (at === undefined) return;
      await within(RUNS.probeTimeoutMs, at.queue.close(), late).catch(() => undefined);
      at.client.disconnect();
    },
  };
}

async function open({ url, queue: name, prefix, timeoutMs = RUNS.bullmqTimeoutMs }: BullmqOptions): Promise<Open> {
  let lastError: unknown;
  const client = redisClient(
    url,
    {
      connectTimeout: timeoutMs,
      commandTimeout: timeoutMs,
      maxRetriesPerRequest: 0,
      // Who waits for a connection is told so, and tries again.
      enableOfflineQueue: false,
    },
    (error) => (lastError = error),
  );
  try {
    // Its own time-outs are of one command each, and it goes on after them.
    await within(timeoutMs, client.connect(), late);
    const queue = new Queue(name, {
      connection: client,
      skipWaitingForReady: true,
      ...(prefix === undefined ? {} : { prefix }),
    });
    // Told by what is asked of it; without a listener it would end the process.
    queue.on('error', () => undefined);
    await within(timeoutMs, queue.waitUntilReady(), late);
    return { client, queue, why: (error) => (client.status === 'ready' ? error : (lastError ?? error)) };
  } catch (error) {
    client.disconnect();
    throw lastError ?? error;
  }
}

const CHECK = 'Check BULLMQ_URL, and that Redis runs.';

const late = (): QueueFault => new QueueFault('Redis does not answer in time.', { hint: CHECK });

function faultOf(error: unknown): QueueFault {
  if (error instanceof QueueFault) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isRefusal(message))
    return new QueueFault('Redis refuses this server.', {
      cause: error,
      hint: 'Check the user and password in BULLMQ_URL, and that the user may use all keys of the queue and run scripts.',
    });
  if (/\b(OOM|READONLY|MISCONF|LOADING)\b/.test(message))
    return new QueueFault('Redis takes no jobs at present.', {
      cause: error,
      hint: `It says: ${message.slice(0, RUNS.refusalCharacters)}`,
    });
  return new QueueFault('Redis cannot be reached.', { cause: error, hint: CHECK });
}
