/** Runs and their durable event streams, in PostgreSQL. */
import type { AgentLookup, ArchiveSink } from '#subgraphs/shared/ports.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Secret } from '#subgraphs/shared/secret.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { Announcer } from './dispatch/announcer.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { RUNS, type RunsBounds } from './bounds.ts';
import type { RunsDriver } from './driver.ts';
import { disabledDriver } from './drivers/disabled.ts';
import { PostgresWakeUps } from './drivers/postgres/wake-ups.ts';
import { postgresAnnouncements } from './drivers/postgres/announcements.ts';
import { postgresDispatch } from './drivers/postgres/dispatch.ts';
import { addPartitions, postgresRetention } from './drivers/postgres/retention.ts';
import { postgresExhausted } from './drivers/postgres/leases.ts';
import { postgresWorkflows } from './drivers/postgres/workflows.ts';
import { postgresDriver } from './drivers/postgres/index.ts';
import type { BullmqOptions } from './drivers/bullmq/index.ts';
import type { DramatiqOptions } from './drivers/rabbitmq/index.ts';
import type { TemporalOptions } from './drivers/temporal/index.ts';
import { LeaseSweep } from './leases/sweep.ts';
import { Periodic } from '#subgraphs/shared/periodic.ts';
import { partitionDays, Retention, type RetentionRules } from './retention/retention.ts';
import { buildSchema } from './schema/index.ts';
import { eventRoute } from './streams/sse.ts';
import type { ReaderOptions } from './streams/shared-reader.ts';
import { StreamHub } from './streams/stream-hub.ts';
import type { WakeUps } from './streams/wake-ups.ts';
import { webhookPolicy } from './dispatch/webhook-addresses.ts';
import { webhookSender } from './dispatch/webhook.ts';
import { Workflows } from './dispatch/workflows.ts';

/** Bounds are said in `RUNS` (./bounds.ts), with their defaults. */
export interface RunsConfig extends RunsBounds {
  /** Redis, for wake-ups; without it they travel through PostgreSQL. */
  redisUrl?: Secret;
  /** When events of ended runs are archived and removed. @default never */
  retention?: RetentionRules;
  /** Where runs may be dispatched to, and what signs them. @default nowhere */
  dispatch?: { allowedHosts: readonly string[]; secret: string };
  /** The Temporal server whose workflows own runs. @default none */
  temporal?: TemporalOptions;
  /** The queue on which workers are told of runs to claim. @default none */
  dramatiq?: DramatiqOptions | undefined;
  /** The same, of BullMQ; not beside `dramatiq`. @default none */
  bullmq?: BullmqOptions | undefined;
}

export interface RunsDeps {
  /** Without it the schema is the same and each field answers `STORE_DISABLED`. */
  postgres?: Postgres;
  /** Where retention puts the logs of old runs; without it nothing is removed. */
  archiveSink?: ArchiveSink;
  /** Finds agents by name; without it they are named by id alone. */
  agents?: AgentLookup;
  /** Called when a question waits to be answered. @default whoever answers looks for itself */
  asked?: (() => void) | undefined;
  /** Told how late events are, in milliseconds; see `ReaderOptions`. @default nobody is */
  lag?: ReaderOptions['lag'];
  /** Told of what goes wrong behind requests. @default nothing is told */
  log?: (message: string, error?: unknown) => void;
}

/**
 * Applies migrations and mounts the subgraph. `close` ends its streams and its listening connection, not `postgres`.
 */
export async function createRuns(config: RunsConfig, deps: RunsDeps): Promise<Subgraph> {
  const { redisUrl, retention: rules, dispatch: receivers, temporal, dramatiq, bullmq, ...bounds } = config;
  const { postgres, log, lag } = deps;
  await postgres?.migrate('runs', new URL('./migrations/', import.meta.url));
  const partitions = postgres ? await openPartitions(postgres, rules, log) : undefined;
  const wakeUps = postgres ? await openWakeUps(redisUrl, postgres, log) : silentWakeUps;
  const driver = postgres ? postgresDriver(postgres, wakeUps) : disabledDriver();
  const retention = postgres ? openRetention(postgres, driver, { ...rules, bounds }, deps) : undefined;
  const dispatch = postgres && receivers ? openDispatch(postgres, wakeUps, { ...receivers, bounds }, log) : undefined;
  const workflows =
    postgres && temporal ? await openWorkflows(postgres, driver, { ...temporal, bounds }, log) : undefined;
  const announcer =
    postgres && (dramatiq ?? bullmq) ? await openAnnouncer(postgres, { dramatiq, bullmq, bounds }, log) : undefined;
  const leases = postgres
    ? new LeaseSweep(postgresExhausted(postgres, wakeUps), { everyMs: bounds.leaseSweepMs, log })
    : undefined;
  leases?.start();
  const hub = new StreamHub(driver.log, wakeUps, { ...bounds, lag, log });
  return {
    name: 'runs',
    schema: buildSchema({ driver, hub, dispatch, workflows, announcer, agents: deps.agents, asked: deps.asked }),
    routes: [eventRoute(hub, { ...bounds, log })],
    provides: {
      runLookup: {
        existing: async (context, _, ids) => new Set((await driver.runsById(context, ids)).map(({ id }) => id)),
      },
    },
    health: () =>
      Promise.all([
        driver.health(),
        ...(wakeUps.health ? [wakeUps.health()] : []),
        ...(workflows ? [workflows.health()] : []),
        ...(announcer ? [announcer.health()] : []),
      ]),
    close: async () => {
      await Promise.all([
        retention?.close(),
        dispatch?.dispatcher.close(),
        workflows?.close(),
        announcer?.close(),
        leases?.close(),
        partitions?.close(),
      ]);
      await hub.close();
    },
  };
}

function openDispatch(
  postgres: Postgres,
  wakeUps: WakeUps,
  { allowedHosts, secret, bounds }: NonNullable<RunsConfig['dispatch']> & { bounds: RunsBounds },
  log: RunsDeps['log'],
) {
  const policy = webhookPolicy(allowedHosts);
  const sender = webhookSender({ policy, secret, timeoutMs: bounds.dispatchTimeoutMs, log });
  const dispatcher = new Dispatcher(postgresDispatch(postgres, wakeUps), sender, {
    everyMs: bounds.dispatchPollMs,
    concurrency: bounds.dispatchConcurrency,
    leaseSeconds: bounds.dispatchLeaseSeconds,
    longestRetryMs: bounds.dispatchLongestRetryMs,
    log,
  });
  dispatcher.start();
  return { policy, dispatcher };
}

/**
 * Makes partitions of the log ahead, now and every few hours. One that is not made in time costs nothing but its moving
 * later.
 */
async function openPartitions(postgres: Postgres, rules: RetentionRules = {}, log: RunsDeps['log']): Promise<Periodic> {
  const onError = (error: unknown): void =>
    log?.('The next partitions of the run log could not be made; trying again.', error);
  const add = () => addPartitions(postgres, partitionDays(rules));
  await add().catch(onError);
  const periodic = new Periodic(add, { everyMs: RUNS.partitionsMs, onError });
  periodic.start();
  return periodic;
}

async function openWorkflows(
  postgres: Postgres,
  driver: RunsDriver,
  { bounds, ...options }: TemporalOptions & { bounds: RunsBounds },
  log: RunsDeps['log'],
): Promise<Workflows> {
  // Loaded where it is used: most installations have no Temporal, and its client is large.
  const { temporalWorkflows } = await import('./drivers/temporal/index.ts');
  const service = temporalWorkflows({ timeoutMs: bounds.temporalTimeoutMs, ...options });
  const workflows = new Workflows(postgresWorkflows(postgres), driver, service, {
    everyMs: bounds.dispatchPollMs,
    concurrency: bounds.dispatchConcurrency,
    log,
  });
  workflows.start();
  return workflows;
}

async function openAnnouncer(
  postgres: Postgres,
  { dramatiq, bullmq, bounds }: Pick<RunsConfig, 'dramatiq' | 'bullmq'> & { bounds: RunsBounds },
  log: RunsDeps['log'],
): Promise<Announcer> {
  // Loaded where they are used: most installations have neither.
  const queue = dramatiq
    ? await besideTheLog.rabbitmq({ timeoutMs: bounds.amqpTimeoutMs, ...dramatiq })
    : await besideTheLog.bullmq({ timeoutMs: bounds.bullmqTimeoutMs, ...bullmq! });
  const announcer = new Announcer(postgresAnnouncements(postgres), queue, {
    everyMs: bounds.dispatchPollMs,
    concurrency: bounds.dispatchConcurrency,
    againMs: bounds.announceAgainMs,
    log,
  });
  announcer.start();
  return announcer;
}

function openRetention(
  postgres: Postgres,
  driver: RunsDriver,
  { bounds, ...rules }: RetentionRules & { bounds: RunsBounds },
  { archiveSink, log }: RunsDeps,
): Retention | undefined {
  if (rules.days === undefined && rules.runs === undefined) return undefined;
  if (archiveSink === undefined) {
    log?.('Nothing archives the events of old runs, so they are kept: retention needs an object store.');
    return undefined;
  }
  const retention = new Retention(postgresRetention(postgres, log), driver, archiveSink, {
    ...rules,
    everyMs: bounds.retentionPollMs,
    batch: bounds.retentionBatch,
    events: bounds.retentionEvents,
    partBytes: bounds.archivePartBytes,
    log,
  });
  retention.start();
  return retention;
}

/** Redis, Temporal and queues alone, for whoever looks at stores and mounts nothing; the caller closes what it is given. */
export const besideTheLog = {
  async redis(url: Secret) {
    const { RedisWakeUps } = await import('./drivers/redis/wake-ups.ts');
    return new RedisWakeUps(url);
  },
  async temporal(options: TemporalOptions) {
    const { temporalWorkflows } = await import('./drivers/temporal/index.ts');
    return temporalWorkflows(options);
  },
  async rabbitmq(options: DramatiqOptions) {
    const { dramatiqQueue } = await import('./drivers/rabbitmq/index.ts');
    return dramatiqQueue(options);
  },
  async bullmq(options: BullmqOptions) {
    const { bullmqQueue } = await import('./drivers/bullmq/index.ts');
    return bullmqQueue(options);
  },
};

async function openWakeUps(redisUrl: Secret | undefined, postgres: Postgres, log: RunsDeps['log']): Promise<WakeUps> {
  if (redisUrl === undefined) return new PostgresWakeUps(postgres, { log });
  // Loaded where it is used: most installations have no Redis.
  const { RedisWakeUps } = await import('./drivers/redis/wake-ups.ts');
  return new RedisWakeUps(redisUrl, { log });
}

/** Without a store nothing grows. */
const silentWakeUps: WakeUps = {
  start: () => undefined,
  ready: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
