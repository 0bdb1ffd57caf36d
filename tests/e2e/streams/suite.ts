/**
 * The fault suite: runs are written and read while everything below is killed, restarted and cut; at the end what every
 * reader was given is compared with the table. Faults come at equal steps of progress, and writers wait at the step
 * behind a fault that is not over, so that every fault falls into the middle of the writing, however fast the machine
 * is.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { readByAgUi } from '#tests/setup/ag-ui.ts';
import { compare, readTable, type Comparison } from './compare.ts';
import { read, WAYS, watchAll, type Reader, type ReaderContext, type Seen } from './readers.ts';
import { startTopology, type Topology, type TopologyOptions } from './topology.ts';
import { startRun, write, type WriterReport } from './writers.ts';

export interface SuiteOptions {
  runs: number;
  /** Marked events of each run; the log also has RUN_STARTED and RUN_FINISHED. */
  events: number;
  writers: number;
  /** Mean events of an append. */
  batch: number;
  gateways: number;
  /** What happens, in this order. */
  faults: readonly Fault[];
  /** All must be over by then, in milliseconds from the start of the writing. */
  deadlineMs: number;
  /** What is there besides PostgreSQL; faults of what is not cannot be asked for. */
  topology?: TopologyOptions;
  /**
   * What stands before the gateways, given their ports; clients then know only that. @default each client asks any gateway
   */
  front?: (ports: readonly number[]) => Promise<{ readonly url: string } & AsyncDisposable>;
  log?: (line: string) => void;
}

export const FAULTS = {
  'a gateway killed with SIGKILL and started again': async (topology, index) => await topology.killGateway(index),
  'a gateway stopped with SIGTERM and started again': async (topology, index) => await topology.replaceGateway(index),
  'all connections of clients to a gateway cut': async (topology, index) => void topology.snapClients(index),
  'all connections of gateways to PostgreSQL cut': async (topology) => await topology.snapStore(),
  'PostgreSQL restarted': async (topology) => await topology.restartPostgres('fast'),
  'PostgreSQL killed with SIGKILL and started again': async (topology) => await topology.restartPostgres('crash'),
  'listeners ended, so that notifications are lost': async (topology) => await topology.loseNotifications(),
  'PostgreSQL refuses connections for 2 s (Toxiproxy)': async (topology) =>
    await topology.disturbStore('refused', 2_000),
  'PostgreSQL slower by 0.1 to 0.5 s for 3 s (Toxiproxy)': async (topology) =>
    await topology.disturbStore('slow', 3_000),
  'answers of PostgreSQL cut in their middle for 2 s (Toxiproxy)': async (topology) =>
    await topology.disturbStore('cut', 2_000),
  'Redis killed with SIGKILL, started again after 1 s': async (topology) => await topology.restartRedis(1_000),
  'Redis refuses connections for 2 s (Toxiproxy)': async (topology) => await topology.cutRedis(2_000),
  'the supergraph changed and reloaded': async (topology) => await topology.reloadSupergraph(),
} satisfies Record<string, (topology: Topology, index: number) => Promise<void>>;
export type Fault = keyof typeof FAULTS;

export interface SuiteReport extends Comparison {
  /** Runs that AG-UI's own client does not read to their end, or reads otherwise than they are stored. */
  refusedByAgUi: number;
  seconds: number;
  writingSeconds: number;
  faults: Record<string, number>;
  readers: { way: string; readers: number; events: number; resumes: number; reasons: Record<string, number> }[];
  writing: { appends: number; retries: number; reasons: Record<string, number> };
}

/** What readers miss by then is counted as lost. */
const LATE = new Error('The deadline has passed.');

export async function runSuite(options: SuiteOptions): Promise<SuiteReport> {
  const { log = () => undefined } = options;
  await using topology = await startTopology(options.gateways, options.topology);
  await using front = await options.front?.(topology.ports);
  const urls = front === undefined ? topology.urls : [front.url];
  log(`${options.gateways} gateways serve.`);
  const began = performance.now();
  const stop = new AbortController();
  const context = { url: () => urls[Math.floor(Math.random() * urls.length)]!, signal: stop.signal };
  topology.died.catch((error: unknown) => stop.abort(error));
  const late = setTimeout(() => stop.abort(LATE), options.deadlineMs);
  try {
    const writing: WriterReport = { appends: 0, retries: 0, reasons: new Map() };
    const progress = gates(options);
    const writer = { ...context, admitted: progress.admitted };

    const runIds: string[] = [];
    for (let number = 0; number < options.runs; number += 8) {
      const some = Array.from({ length: Math.min(8, options.runs - number) }, (_, index) =>
        startRun(writer, writing, number + index),
      );
      runIds.push(...(await Promise.all(some)));
    }
    // Every third leaves a message open, which the server has to end.
    const open = new Set(runIds.filter((_, place) => place % 3 === 0));
    const readers = readersOf(runIds);
    const total = options.runs * (options.events + 2) + 2 * open.size;
    const dashboard: Reader = {
      way: 'WebSocket (all runs on one cursor)',
      runId: undefined,
      log: [],
      resumes: 0,
      reasons: new Map(),
    };
    const reading = [
      ...readers.map((reader) => read(reader, context)),
      watchAll(dashboard, context, () => dashboard.log.length >= total),
    ].map((promise) =>
      promise.catch((error: unknown) => {
        // The reason that all were stopped for is told once, by the end of the suite.
        if (!stop.signal.aborted) log(`A reader gave up: ${String(error)}`);
      }),
    );
    log(`${reading.length} readers follow ${options.runs} runs.`);

    const shares = Array.from({ length: options.writers }, (_, index) =>
      runIds.filter((_id, place) => place % options.writers === index),
    );
    const startedWriting = performance.now();
    const written = Promise.all(
      shares.map((share) => write(share, options.events, options.batch, writer, writing, open)),
    ).then(() => performance.now() - startedWriting);
    const failedWriting = written.catch((error: unknown) => {
      stop.abort(error);
      throw error;
    });
    const [writingMs, faults] = await Promise.all([
      failedWriting,
      disturb(options, topology, progress, log, stop.signal),
    ]);
    log(`Written after ${Math.round(writingMs / 1_000)} s.`);
    await Promise.all(reading);
    if (stop.signal.aborted && stop.signal.reason !== LATE) throw stop.signal.reason;
    const seconds = (performance.now() - began) / 1_000;
    const table = await readTable(topology.databaseUrl);
    const comparison = compare(table, runIds, options.events, [...readers, dashboard], open);
    const startedReading = performance.now();
    const refusals = await refusedByAgUi(table, runIds, context);
    log(`Read by AG-UI's client in ${Math.round(performance.now() - startedReading)} ms.`);
    return {
      ...comparison,
      examples: [...refusals, ...comparison.examples].slice(0, 20),
      refusedByAgUi: refusals.length,
      seconds,
      writingSeconds: writingMs / 1_000,
      faults,
      readers: [...Object.keys(WAYS), dashboard.way].map((way) =>
        summary(
          way,
          [...readers, dashboard].filter((reader) => reader.way === way),
        ),
      ),
      writing: { ...writing, reasons: Object.fromEntries(writing.reasons) },
    };
  } finally {
    clearTimeout(late);
    stop.abort(new Error('The suite is over.'));
  }
}

/** Each run, read once more to its end by AG-UI's own client; a sentence for each that it does not read as it is. */
async function refusedByAgUi(
  table: readonly Seen[],
  runIds: readonly string[],
  { url, signal }: ReaderContext,
): Promise<string[]> {
  const stored = new Map(runIds.map((runId): [string, string[]] => [runId, []]));
  for (const { runId, type } of table) stored.get(runId)?.push(type);
  const refusals: string[] = [];
  for (const [runId, types] of stored) {
    try {
      const response = await fetch(`${url()}/runs/${runId}/events`, {
        headers: { accept: 'text/event-stream' },
        signal,
      });
      const read = await readByAgUi(response);
      if (!isDeepStrictEqual(read, types))
        refusals.push(`AG-UI's client, ${runId}: ${read.length} of ${types.length} events`);
    } catch (error) {
      signal.throwIfAborted();
      refusals.push(`AG-UI's client, ${runId}: ${String(error)}`);
    }
  }
  return refusals;
}

/** Three readers of each run: a WebSocket, server-sent events (of GraphQL and of AG-UI in turn), and pages. */
function readersOf(runIds: readonly string[]): (Reader & { runId: string })[] {
  const [socket, sse, agUi, paging] = Object.keys(WAYS) as [string, string, string, string];
  return runIds.flatMap((runId, index) =>
    [socket, index % 2 === 0 ? sse : agUi, paging].map((way) => ({
      way,
      runId,
      log: [],
      resumes: 0,
      reasons: new Map<string, number>(),
    })),
  );
}

interface Gates {
  /** Resolves when so many events more may be written. */
  admitted(events: number): Promise<void>;
  /** Resolves when the writing has come to step `number`. */
  reached(number: number): Promise<void>;
  /** The fault of step `number` is over. */
  over(number: number): void;
}

/** Progress in steps, one for each fault; nobody writes beyond the step behind a fault that is not over. */
function gates({ runs, events, faults }: SuiteOptions): Gates {
  const step = (runs * events) / (faults.length + 1);
  let written = 0;
  let done = 0;
  let waiting: (() => void)[] = [];
  const change = (): void => {
    const before = waiting;
    waiting = [];
    for (const resume of before) resume();
  };
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return {
    async admitted(count) {
      // Two steps beyond the last fault that is over: one passes while the next fault happens.
      await until(() => done >= faults.length || written < (done + 2) * step);
      written += count;
      change();
    },
    reached: (number) => until(() => written >= number * step),
    over(number) {
      done = number;
      change();
    },
  };
}

async function disturb(
  { faults }: SuiteOptions,
  topology: Topology,
  progress: Gates,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  );
  aborted.catch(() => undefined);
  for (const [index, fault] of faults.entries()) {
    await Promise.race([progress.reached(index + 1), aborted]);
    const began = performance.now();
    await FAULTS[fault](topology, index % topology.urls.length);
    counts[fault] = (counts[fault] ?? 0) + 1;
    log(`${index + 1}/${faults.length} ${fault} (${Math.round(performance.now() - began)} ms)`);
    // A moment of peace, in which clients come back: faults on top of faults would only keep them away.
    await delay(300);
    signal.throwIfAborted();
    progress.over(index + 1);
  }
  return counts;
}

function summary(way: string, readers: readonly Reader[]): SuiteReport['readers'][number] {
  const reasons: Record<string, number> = {};
  for (const reader of readers)
    for (const [reason, count] of reader.reasons) reasons[reason] = (reasons[reason] ?? 0) + count;
  const sum = (of: (reader: Reader) => number): number => readers.reduce((total, reader) => total + of(reader), 0);
  return {
    way,
    readers: readers.length,
    events: sum(({ log }) => log.length),
    resumes: sum(({ resumes }) => resumes),
    reasons,
  };
}
