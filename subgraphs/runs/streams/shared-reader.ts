/**
 * The one reader of a run's log in this process, however many follow the run. It follows the head of the log and keeps
 * a bounded tail; who is further behind than the tail reads the log (equal reads at the same moment are one).
 */
import { CodedError } from '#subgraphs/shared/errors.ts';
import { patiently } from '#subgraphs/shared/streams/patiently.ts';
import { RUNS, type RunsBounds } from '../bounds.ts';
import type { LogHead, RunEvent, RunLog } from '../driver.ts';
import { isTerminal } from '../events/event-types.ts';
import { StreamedRuns } from './streamed-runs.ts';

/** Bounds are said in `RUNS` (../bounds.ts), with their defaults. */
export interface ReaderOptions extends Pick<RunsBounds, 'batch' | 'batchBytes' | 'tail' | 'tailBytes' | 'patienceMs'> {
  /**
   * Told how long each event of the head took from its append until it was read here, in milliseconds; by two clocks, the store's and
   * this process's. @default nobody is
   */
  lag?: ((ms: number) => void) | undefined;
}

export class SharedReader {
  readonly tenantId: string;
  readonly runId: string;
  readonly #log: RunLog;
  readonly #batch: number;
  readonly #batchBytes: number;
  readonly #tailSize: number;
  readonly #tailBytes: number;
  readonly #patienceMs: number;
  readonly #lag: ReaderOptions['lag'];
  readonly #ended = new AbortController();
  readonly #waiting = new Set<() => void>();
  readonly #reads = new Map<number, Promise<RunEvent[]>>();
  /** The events up to the head, oldest first, dense. */
  #tail: RunEvent[] = [];
  #head = -1;
  /** The largest sequence that a wake-up has named. */
  #wanted = -1;
  #following = false;
  readonly #runs = new StreamedRuns(() => this.#head);

  /** True once the terminal event is within the head. */
  finished = false;
  /** Why this reader gave up; its followers raise it. */
  failure: Error | undefined;

  constructor(log: RunLog, tenantId: string, runId: string, options: ReaderOptions = {}) {
    this.#log = log;
    this.tenantId = tenantId;
    this.runId = runId;
    this.#batch = options.batch ?? RUNS.batch;
    this.#batchBytes = options.batchBytes ?? RUNS.batchBytes;
    this.#tailSize = options.tail ?? RUNS.tail;
    this.#tailBytes = options.tailBytes ?? RUNS.tailBytes;
    this.#patienceMs = options.patienceMs ?? RUNS.patienceMs;
    this.#lag = options.lag;
  }

  /** The last sequence known here; -1 before {@link open}. */
  get head(): number {
    return this.#head;
  }

  /** Tells the reader where the log stands. The first call says where it starts to follow; later ones are wake-ups. */
  open(head: LogHead): void {
    if (this.#head >= 0) return this.wake(head.lastSequence);
    this.#head = head.lastSequence;
    this.finished = head.finished;
    // Wake-ups that came before are no longer needed, unless the log has grown since it was looked at.
    if (this.#wanted > this.#head) this.#follow();
  }

  /** The log has grown to `sequence`. */
  wake(sequence: number): void {
    this.#wanted = Math.max(this.#wanted, sequence);
    if (this.#head >= 0) this.#follow();
  }

  /** Calls `resume` once, at the next change of {@link head}, {@link finished} or {@link failure}. */
  wait(resume: () => void): void {
    this.#waiting.add(resume);
  }

  stopWaiting(resume: () => void): void {
    this.#waiting.delete(resume);
  }

  /**
   * The events behind `after` where they are in memory: at least one, dense, at most a batch. Call it where `after` is
   * below the head.
   */
  kept(after: number): readonly RunEvent[] | undefined {
    const first = this.#tail[0];
    if (first === undefined || after + 1 < first.sequence) return undefined;
    const start = after + 1 - first.sequence;
    return this.#tail.slice(start, start + this.#batch);
  }

  /**
   * The events behind `after`, from memory or the log: at least one, dense, at most a batch. Call it where `after` is
   * below the head.
   * @throws CodedError `CURSOR_EXPIRED` where retention has passed `after`; `STORE_UNAVAILABLE` past the patience
   */
  async read(after: number): Promise<readonly RunEvent[]> {
    const kept = this.kept(after);
    if (kept !== undefined) return kept;
    let read = this.#reads.get(after);
    if (read === undefined) {
      read = this.#readBehind(after).finally(() => this.#reads.delete(after));
      this.#reads.set(after, read);
    }
    return await read;
  }

  fail(error: Error): void {
    this.failure ??= error;
    this.#wakeAll();
  }

  /** Stops reading; nobody follows any more. */
  end(): void {
    this.#ended.abort();
    this.#tail = [];
    this.#runs.clear();
  }

  #follow(): void {
    if (this.#following || this.finished || this.failure || this.#ended.signal.aborted || this.#wanted <= this.#head)
      return;
    this.#following = true;
    this.#catchUp()
      .catch((error: unknown) => this.fail(error as Error))
      .finally(() => {
        this.#following = false;
        this.#follow(); // A wake-up may have come between the last look and here.
      });
  }

  async #catchUp(): Promise<void> {
    while (this.#wanted > this.#head && !this.finished && !this.#ended.signal.aborted) {
      const events = await this.#readLog(this.#head);
      if (this.#ended.signal.aborted) return;
      if (events.length === 0) {
        this.#wanted = this.#head; // The wake-up named what does not exist; anybody may notify a channel.
        return;
      }
      this.#head = events.at(-1)!.sequence;
      tellLag(this.#lag, events);
      this.#tail = tailOf([...this.#tail, ...events], this.#tailSize, this.#tailBytes);
      this.finished = isTerminal(events.at(-1)!.type);
      this.#wakeAll();
    }
  }

  #wakeAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }

  #patiently<T>(read: () => Promise<T>): Promise<T> {
    return patiently(read, this.#patienceMs, this.#ended.signal);
  }

  async #readBehind(after: number): Promise<RunEvent[]> {
    const events = await this.#readLog(after);
    return events.length > 0 ? events : await this.#explainHole(after);
  }

  async #readLog(after: number): Promise<RunEvent[]> {
    const events = await this.#patiently(() =>
      this.#log.read(this.tenantId, this.runId, after, this.#batch, this.#batchBytes),
    );
    // A log never has a hole. What is missing has been removed, and is never skipped silently.
    if (events.some(({ sequence }, index) => sequence !== after + 1 + index)) return await this.#explainHole(after);
    for (const event of events) this.#runs.mark(event);
    return events;
  }

  async #explainHole(after: number): Promise<never> {
    const [head] = await this.#patiently(() => this.#log.heads(this.tenantId, [this.runId]));
    if (head && head.firstAvailable > after + 1) throw cursorExpired(head);
    throw new Error(`The log of run ${this.runId} has no event ${after + 1}, though a later one exists.`);
  }
}

/** The last events within both bounds, and the very last in any case. */
function tailOf(events: RunEvent[], size: number, bytes: number): RunEvent[] {
  let start = events.length - 1;
  for (let total = events[start]!.bytes; start > 0 && events.length - start < size; start -= 1) {
    total += events[start - 1]!.bytes;
    if (total > bytes) break;
  }
  return events.slice(start);
}

/** The cursor points at events that retention has removed. */
export function cursorExpired({ runId, firstAvailable, lastSequence, archiveKey }: LogHead): CodedError {
  if (archiveKey === null) {
    return new CodedError('CURSOR_EXPIRED', `Events before ${firstAvailable} of this run are no longer kept.`, {
      hint: 'Resume from `firstAvailable`: pass the number before it as `after`.',
      extensions: { firstAvailable: String(firstAvailable), lastSequence },
    });
  }
  return new CodedError(
    'CURSOR_EXPIRED',
    `The events of run ${runId} have been archived as the object ${archiveKey}.`,
    {
      hint: `Read them with object(key: "${archiveKey}") { downloadUrl }, or by the run's \`archive\`.`,
      extensions: { firstAvailable: String(firstAvailable), lastSequence, archiveKey },
    },
  );
}

/** Tells how late events are that were read just now. */
export function tellLag(lag: ReaderOptions['lag'], events: readonly Pick<RunEvent, 'createdAt'>[]): void {
  if (lag === undefined) return;
  const now = Date.now();
  for (const { createdAt } of events) lag(now - createdAt.getTime());
}
