/**
 * Retention: events of ended runs that are past their age or their number are written to the object store as JSON Lines
 * and then removed, whole runs at a time. What could not be archived is not removed. By age, a partition of the log is
 * dropped as a whole once all its runs are due: removing event by event costs as much as writing them did.
 */
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { ArchiveSink } from '#subgraphs/shared/ports.ts';
import { RUNS } from '../bounds.ts';
import type { Run, RunEvent, RunsDriver } from '../driver.ts';
import { doDue, Periodic } from '#subgraphs/shared/periodic.ts';

/** When events of an ended run are no longer kept; each that is given applies. */
export interface RetentionRules {
  /** Days since the run's end. */
  days?: number;
  /** Ended runs of a tenant; those that ended last are kept. */
  runs?: number;
}

/**
 * How many days of runs a partition of the log holds: so many that retention by age goes in some thirty steps. Events
 * may be kept for so much longer than the rule says.
 */
export const partitionDays = ({ days }: RetentionRules): number =>
  Math.min(
    Math.max(Math.floor((days ?? RUNS.partitionDays * RUNS.partitionSteps) / RUNS.partitionSteps), 1),
    RUNS.partitionDays,
  );

/** Runs of one range of ids, which is a range of time. */
export interface LogRange {
  /** From this id on … */
  lowerId: string;
  /** … to before this one. */
  upperId: string;
  /** Whether all of its runs are due or archived, and it is a partition: its events go with it. */
  whole: boolean;
}

/** What retention needs of the store besides reading. It works across tenants. */
export interface RetentionStore {
  /**
   * Ranges that hold runs which are due by their age, but for those that can be dropped as a whole in less than {@link
   * partitionDays}.
   */
  ranges(days: number): Promise<LogRange[]>;
  /** Ended runs of a range whose events are no longer kept and still there, those that began first first. */
  dueByAge(range: LogRange, days: number, limit: number): Promise<{ tenantId: string; runId: string }[]>;
  /** As above, of those beyond the number of runs that each tenant keeps; those that ended first first. */
  dueByNumber(runs: number, limit: number): Promise<{ tenantId: string; runId: string }[]>;
  /**
   * Notes where the events of an archived run are, unless somebody has, and removes them.
   * @param withRange leaves the events to {@link dropArchived}
   */
  remove(archived: { tenantId: string; runId: string; archiveKey: string }, withRange: boolean): Promise<void>;
  /**
   * Drops past partitions of which all runs are archived. @returns how many; the rest are in use, and dropped by a
   * later call
   */
  dropArchived(): Promise<number>;
}

export interface RetentionOptions extends RetentionRules {
  /** Time between two looks, in milliseconds; random by half, so that processes spread. @default 60000 */
  everyMs?: number;
  /**
   * Bytes of one archived object; a longer run takes several. @default 4 MiB, which a remote object store's API takes
   * too
   */
  partBytes?: number;
  /** Runs of one look. @default 20 */
  batch?: number;
  /** Events of one read of the log. @default 1000 */
  events?: number;
  log?: (message: string, error?: unknown) => void;
}

/** The key of the n-th object of an archived run, from 1. Parts follow until the run's last sequence is reached. */
export const archiveKey = (runId: string, part = 1): string =>
  `archive/runs/${runId}/${String(part).padStart(6, '0')}.jsonl`;

export class Retention {
  readonly #store: RetentionStore;
  readonly #driver: Pick<RunsDriver, 'runsById' | 'log'>;
  readonly #sink: ArchiveSink;
  readonly #options: RetentionOptions;
  readonly #periodic: Periodic;
  readonly #batch: number;

  constructor(
    store: RetentionStore,
    driver: Pick<RunsDriver, 'runsById' | 'log'>,
    sink: ArchiveSink,
    options: RetentionOptions,
  ) {
    this.#store = store;
    this.#driver = driver;
    this.#sink = sink;
    this.#options = options;
    this.#batch = options.batch ?? RUNS.retentionBatch;
    const onError = (error: unknown): void =>
      options.log?.('Retention could not look for old runs; it tries again.', error);
    this.#periodic = new Periodic(() => this.sweep(), { everyMs: options.everyMs ?? RUNS.retentionPollMs, onError });
  }

  /** Looks now and then, until {@link close}. */
  start(): void {
    this.#periodic.start();
  }

  /**
   * Archives and removes what is due.
   * @returns how many runs; a run that fails is logged, and tried again by a later look
   */
  async sweep(): Promise<number> {
    const { days, runs } = this.#options;
    let archived = 0;
    for (const range of days === undefined ? [] : await this.#store.ranges(days)) {
      archived += await this.#archiveAll(() => this.#store.dueByAge(range, days!, this.#batch), range.whole);
    }
    if (runs !== undefined) archived += await this.#archiveAll(() => this.#store.dueByNumber(runs, this.#batch), false);
    await this.#store.dropArchived();
    return archived;
  }

  #archiveAll(due: () => Promise<{ tenantId: string; runId: string }[]>, withRange: boolean): Promise<number> {
    return doDue(due, ({ tenantId, runId }) => this.#archive(tenantId, runId, withRange), {
      batch: this.#batch,
      closed: () => this.#periodic.closed,
      failed: ({ runId }, error) =>
        this.#options.log?.(`The events of run ${runId} could not be archived; they are kept.`, error),
    });
  }

  async close(): Promise<void> {
    await this.#periodic.close();
  }

  /** @returns false where another process was faster */
  async #archive(tenantId: string, runId: string, withRange: boolean): Promise<boolean> {
    const context = createRequestContext({
      tenantId,
      subject: 'system:retention',
      roles: [],
      scopes: [],
      system: true,
    });
    const [run] = await this.#driver.runsById(context, [runId]);
    if (!run || run.archiveKey !== null) return false;
    if (!(await this.#write(context, run))) return false;
    await this.#store.remove({ tenantId, runId, archiveKey: archiveKey(runId) }, withRange);
    return true;
  }

  /** A part is written only when it is whole: two processes that archive one run write the same bytes, or nothing. */
  async #write(context: RequestContext, run: Run): Promise<boolean> {
    const { partBytes = RUNS.archivePartBytes, events: page = RUNS.retentionEvents } = this.#options;
    let lines: string[] = [writeJson({ run })];
    let bytes = Buffer.byteLength(lines[0]!);
    let part = 1;
    let after = run.firstAvailable - 1;
    const flush = async (): Promise<void> => {
      const body = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      await this.#sink.put(context, archiveKey(run.id, part), 'application/x-ndjson', body);
      part += 1;
      lines = [];
      bytes = 0;
    };
    while (after < run.lastSequence) {
      const events = await this.#driver.log.read(context.principal.tenantId, run.id, after, page, partBytes);
      if (events.length === 0) return false; // Removed meanwhile: another process has archived it.
      for (const event of events) {
        if (event.sequence !== after + 1) throw new Error(`The log of run ${run.id} has no event ${after + 1}.`);
        const line = lineOf(event);
        const length = Buffer.byteLength(line) + 1;
        if (lines.length > 0 && bytes + length > partBytes) await flush();
        lines.push(line);
        bytes += length;
        after = event.sequence;
      }
    }
    if (lines.length > 0) await flush();
    return true;
  }
}

const lineOf = ({ sequence, type, payload, actor, createdAt }: RunEvent): string =>
  writeJson({ sequence, type, payload, actor, createdAt });
