/**
 * The one reader of a tenant's log in this process, however many follow it. It advances only to the horizon below which
 * no transaction runs any more, so that nothing can appear behind it; where events wait above the horizon, it looks
 * again soon.
 */
import { CodedError } from '#subgraphs/shared/errors.ts';
import { patiently } from '#subgraphs/shared/streams/patiently.ts';
import { RUNS } from '../bounds.ts';
import type { TenantFilter, TenantLog, TenantLogEntry } from '../driver.ts';
import { tellLag, type ReaderOptions } from './shared-reader.ts';
import { StreamedRuns } from './streamed-runs.ts';
import { comparePositions, formatPosition, LOG_START, type TenantPosition } from './tenant-position.ts';

/** An event of some run of the tenant, and the cursor behind it. The same object for all who follow. */
export interface TenantEvent extends TenantLogEntry {
  readonly cursor: string;
}

/** A part of the log: its entries that match, and how far it reaches. */
export interface TenantBatch {
  readonly entries: readonly TenantEvent[];
  readonly upTo: TenantPosition;
}

export class TenantReader {
  readonly tenantId: string;
  readonly #log: TenantLog;
  readonly #options: ReaderOptions;
  readonly #ended = new AbortController();
  readonly #waiting = new Set<() => void>();
  /** The last entries up to the head, all of them from {@link #tailFrom} on. */
  #tail: TenantEvent[] = [];
  readonly #reads = new Map<string, Promise<TenantBatch>>();
  readonly #runs = new StreamedRuns(() => this.#head);
  #tailFrom: TenantPosition = LOG_START;
  #head: TenantPosition | undefined;
  #opening: Promise<void> | undefined;
  #wanted = false;
  #following = false;
  #pause: number = RUNS.firstPendingMs;
  #again: NodeJS.Timeout | undefined;

  /** Why this reader gave up; its followers raise it. */
  failure: Error | undefined;

  constructor(log: TenantLog, tenantId: string, options: ReaderOptions = {}) {
    this.#log = log;
    this.tenantId = tenantId;
    this.#options = options;
  }

  /** Everything before it can be read. Call {@link open} first. */
  get head(): TenantPosition {
    return this.#head!;
  }

  /** Looks where the log stands, once for all followers, and follows it from there. */
  async open(): Promise<void> {
    this.#opening ??= this.#log.horizon(this.tenantId).then(({ horizon, pending }) => {
      this.#head = this.#tailFrom = horizon;
      if (pending || this.#wanted) this.wake();
    });
    await this.#opening;
  }

  /** The log may have grown. */
  wake(): void {
    this.#wanted = true;
    if (this.#head) this.#follow();
  }

  wait(resume: () => void): void {
    this.#waiting.add(resume);
  }

  stopWaiting(resume: () => void): void {
    this.#waiting.delete(resume);
  }

  /**
   * What is behind `after` where it is in memory; perhaps nothing that matches. Call it where `after` is before the
   * head.
   */
  kept(after: TenantPosition, filter: TenantFilter): TenantBatch | undefined {
    if (comparePositions(after, this.#tailFrom) < 0) return undefined;
    let start = this.#tail.length;
    // Most who ask are near the end.
    while (start > 0 && comparePositions(this.#tail[start - 1]!.position, after) > 0) start -= 1;
    const entries = this.#tail.slice(start);
    return {
      entries: filter.types || filter.agentId ? entries.filter((entry) => matches(entry, filter)) : entries,
      upTo: this.head,
    };
  }

  /**
   * What is behind `after`, from memory or the log, at most a batch; perhaps nothing that matches. Call it where
   * `after` is before the head.
   * @throws CodedError `CURSOR_EXPIRED` where retention has removed events behind `after`
   */
  async read(after: TenantPosition, filter: TenantFilter): Promise<TenantBatch> {
    const kept = this.kept(after, filter);
    if (kept !== undefined) return kept;
    // Equal reads at the same moment are one, so that what they give is the same to all.
    const key = JSON.stringify([formatPosition(after), filter.types ?? null, filter.agentId ?? null]);
    let read = this.#reads.get(key);
    if (read === undefined) {
      read = this.#readBehind(after, filter).finally(() => this.#reads.delete(key));
      this.#reads.set(key, read);
    }
    return await read;
  }

  async #readBehind(after: TenantPosition, filter: TenantFilter): Promise<TenantBatch> {
    const before = this.#tailFrom;
    const batch = await this.#patiently(() =>
      this.#log.readTenant(this.tenantId, after, before, filter, this.#limits()),
    );
    if (comparePositions(after, LOG_START) > 0) {
      // Asked after the read: what retention removed meanwhile is seen here at the latest.
      const expired = await this.#patiently(() => this.#log.expired(this.tenantId));
      if (expired && comparePositions(after, expired) < 0) throw tenantCursorExpired(expired);
    }
    return { entries: batch.entries.map((entry) => this.#told(entry)), upTo: batch.more ? batch.upTo : before };
  }

  end(): void {
    this.#ended.abort();
    clearTimeout(this.#again);
    this.#tail = [];
    this.#runs.clear();
  }

  #follow(): void {
    if (this.#following || !this.#wanted || this.failure || this.#ended.signal.aborted) return;
    this.#following = true;
    this.#advance()
      .catch((error: unknown) => {
        this.failure ??= error as Error;
        this.#wakeAll();
      })
      .finally(() => {
        this.#following = false;
        this.#follow(); // A wake-up may have come between the last look and here.
      });
  }

  async #advance(): Promise<void> {
    this.#wanted = false;
    const { horizon, pending } = await this.#patiently(() => this.#log.horizon(this.tenantId));
    let moved = false;
    while (comparePositions(this.head, horizon) < 0 && !this.#ended.signal.aborted) {
      const { entries, upTo, more } = await this.#patiently(() =>
        this.#log.readTenant(this.tenantId, this.head, horizon, {}, this.#limits()),
      );
      this.#keep(entries);
      tellLag(
        this.#options.lag,
        entries.map(({ event }) => event),
      );
      this.#head = more ? upTo : horizon;
      moved ||= entries.length > 0;
      // Also where nothing came: followers' positions move on with the head.
      if (entries.length > 0) this.#wakeAll();
    }
    this.#pause = moved ? RUNS.firstPendingMs : Math.min(this.#pause * 2, RUNS.longestPendingMs);
    if (!pending || this.#ended.signal.aborted) return;
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.wake(), this.#pause).unref();
  }

  #told(entry: TenantLogEntry): TenantEvent {
    this.#runs.mark(entry.event);
    return { ...entry, cursor: formatPosition(entry.position) };
  }

  #keep(entries: readonly TenantLogEntry[]): void {
    this.#tail.push(...entries.map((entry) => this.#told(entry)));
    const { tail = RUNS.tail, tailBytes = RUNS.tailBytes } = this.#options;
    let bytes = 0;
    let kept = 0;
    while (kept < Math.min(this.#tail.length, tail) && (bytes += this.#tail.at(-1 - kept)!.event.bytes) <= tailBytes)
      kept += 1;
    const dropped = this.#tail.splice(0, this.#tail.length - kept);
    if (dropped.length > 0) this.#tailFrom = dropped.at(-1)!.position;
  }

  #limits(): { events: number; bytes: number } {
    return { events: this.#options.batch ?? RUNS.batch, bytes: this.#options.batchBytes ?? RUNS.batchBytes };
  }

  #patiently<T>(read: () => Promise<T>): Promise<T> {
    return patiently(read, this.#options.patienceMs ?? RUNS.patienceMs, this.#ended.signal);
  }

  #wakeAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }
}

const matches = ({ event, agentId }: TenantLogEntry, filter: TenantFilter): boolean =>
  (!filter.types || filter.types.includes(event.type)) && (!filter.agentId || filter.agentId === agentId);

const tenantCursorExpired = (first: TenantPosition): CodedError =>
  new CodedError('CURSOR_EXPIRED', 'Some events behind this cursor are no longer kept.', {
    hint: 'Resume from `firstAvailable`: pass it as `after`, or leave `after` out for all that is kept.',
    extensions: { firstAvailable: formatPosition(first) },
  });
