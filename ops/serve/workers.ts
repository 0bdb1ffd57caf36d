/**
 * Several processes on one port (`npm start -- --workers N`). The first process holds the data folder and the embedded
 * store; the workers accept connections from one socket and serve them. A worker that ends is replaced; all end with
 * the first process.
 */
import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SERVE } from './bounds.ts';
import { NODE_FLAGS } from './node-flags.ts';
import { START_USAGE } from '#ops/bootstrap/start-usage.mjs';
import type { Logger } from '#gateway/telemetry/logger.ts';
import type { OfWorker } from '#gateway/telemetry/metrics.ts';
import { isAboutMetrics, MetricsOfWorkers, type MetricsMessage } from './worker-metrics.ts';

/** What a worker is told when it starts. Over the channel between the two, because others can read an environment. */
export interface WorkerOrders {
  /** 1 for the worker that also does what one process must do alone: the first ingestion, the example agent. */
  readonly ordinal: number;
  /** The embedded PostgreSQL, where there is one. */
  readonly embeddedPostgres: string | undefined;
}

/** What there is to announce. */
export interface Served {
  /** Where clients reach it. */
  readonly url: string;
  /** A query to begin with. */
  readonly firstQuery: string;
  /** Packages of the demo that are still to be read, where this start ingests it; else undefined. */
  readonly demoToCome: number | undefined;
}

export interface WorkerPool {
  /**
   * What the workers serve, once all do. Rejects with a {@link WorkerError} where one ends before; it has
   * said why.
   */
  readonly ready: Promise<Served>;
  /** What is measured in each of them. */
  metrics(): Promise<OfWorker[]>;
  /** Ends all workers in good order, and those that take too long at once. */
  close(): Promise<void>;
}

export interface WorkerPoolOptions {
  count: number;
  /** The program of a worker. */
  program: URL;
  embeddedPostgres: string | undefined;
  /** How long a worker may take to end, in milliseconds. */
  patienceMs: number;
  log: Logger;
}

/** What a worker says: that it waits for its orders, then that it serves. */
type WorkerMessage = { readonly ready: false } | { readonly ready: true; readonly served: Served } | MetricsMessage;

/**
 * How many processes are to serve, by the command line (of which `--no-demo` is read where the configuration is); 1 unless it says otherwise.
 * @throws Error for arguments that cannot be meant
 */
export function workerCount(args: readonly string[]): number {
  let workers: string | undefined;
  try {
    ({ workers } = parseArgs({
      args: [...args],
      options: { workers: { type: 'string' }, 'no-demo': { type: 'boolean' } },
    }).values);
  } catch (cause) {
    throw new WorkerError(`${(cause as Error).message}\n\n${START_USAGE}`, { cause });
  }
  if (workers === undefined) return 1;
  const count = /^\d{1,3}$/.test(workers) ? Number(workers) : 0;
  if (count < 1 || count > SERVE.workers)
    throw new WorkerError(`--workers must be a number from 1 to ${SERVE.workers}; got ${JSON.stringify(workers)}.`);
  return count;
}

export class WorkerError extends Error {
  override readonly name = 'WorkerError';
}

/** In a worker: what the first process has to say; undefined in any other process. */
export async function ordersOfFirstProcess(): Promise<WorkerOrders | undefined> {
  if (!cluster.isWorker) return undefined;
  return await new Promise((resolve) => {
    process.once('message', (orders) => resolve(orders as WorkerOrders));
    // Asked for, because what is said before anybody listens is lost.
    process.send!({ ready: false } satisfies WorkerMessage);
  });
}

/** In a worker: says that it serves. */
export const tellReady = (served: Served): void => void process.send?.({ ready: true, served } satisfies WorkerMessage);

/** Starts the workers; the first alone, since it may have migrations to run and faults to report. */
export function startWorkers({ count, program, embeddedPostgres, patienceMs, log }: WorkerPoolOptions): WorkerPool {
  // Workers accept by themselves. Handing connections out in turn spreads them better, but one that is on its way to a
  // worker that is killed would never be answered nor closed.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  // Not through npm's start program: what it does, this process has done.
  cluster.setupPrimary({
    exec: fileURLToPath(program),
    args: [],
    // A built product is JavaScript already.
    execArgv: [...NODE_FLAGS, ...(program.pathname.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [])],
  });
  const workers = new Map<Worker, number>();
  const metrics = new MetricsOfWorkers(workers);
  const timers = new Set<NodeJS.Timeout>();
  let closing = false;

  const start = (ordinal: number, pause: number = SERVE.firstPauseMs): Promise<Served> =>
    new Promise((resolve, reject) => {
      const worker = cluster.fork();
      workers.set(worker, ordinal);
      let ready = false;
      worker.on('message', (message: WorkerMessage) => {
        if (isAboutMetrics(message)) return metrics.hear(worker, message);
        if (!message.ready) return void worker.send({ ordinal, embeddedPostgres } satisfies WorkerOrders);
        ready = true;
        resolve(message.served);
      });
      worker.on('error', (error) => log.error({ err: error, worker: ordinal }, 'The channel to a worker failed.'));
      worker.once('exit', (code, signal) => {
        workers.delete(worker);
        reject(new WorkerError(`Worker ${ordinal} ended before it was ready (${signal ?? code}).`));
        if (closing) return;
        if (ready) replace(ordinal, SERVE.firstPauseMs, code, signal);
        else if (started) replace(ordinal, Math.min(pause * 2, SERVE.longestPauseMs), code, signal);
      });
    });

  const replace = (ordinal: number, pause: number, code: number, signal: string | null): void => {
    log.error({ worker: ordinal, code, signal, pauseMs: pause }, 'A worker has ended; another takes its place.');
    const timer = setTimeout(() => {
      timers.delete(timer);
      // One that ends again before it is ready is replaced again, after a longer pause.
      if (!closing) start(ordinal, pause).catch(() => undefined);
    }, pause);
    timers.add(timer);
  };

  const close = async (): Promise<void> => {
    closing = true;
    for (const timer of timers) clearTimeout(timer);
    await Promise.all(
      [...workers.keys()].map(
        (worker) =>
          new Promise<void>((resolve) => {
            const late = setTimeout(() => worker.process.kill('SIGKILL'), patienceMs);
            worker.once('exit', () => (clearTimeout(late), resolve()));
            worker.process.kill('SIGTERM');
          }),
      ),
    );
  };

  let started = false;
  const startAll = async (): Promise<Served> => {
    const served = await start(1);
    await Promise.all(Array.from({ length: count - 1 }, (_, index) => start(index + 2)));
    started = true;
    return served;
  };
  const ready = startAll();
  ready.catch(() => undefined); // For who awaits it.
  return { ready, metrics: () => metrics.gather(), close };
}
