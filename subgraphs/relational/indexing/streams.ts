/** What followers of indexing are given. */
import { PulledStream } from '#subgraphs/shared/streams/pulled-stream.ts';
import type { IndexingRow } from '../driver.ts';
import { isSettled, type IndexingReader } from './reader.ts';

export interface StreamOptions {
  /** Ends the stream; not aborted yet. */
  readonly signal: AbortSignal | undefined;
  /** Called once when it ends, however it ends. */
  readonly onEnd: () => void;
}

/** Ends with its signal, and when it is told to. */
abstract class EndingStream<Event extends object> extends PulledStream<Event> {
  readonly #options: StreamOptions;
  #ended = false;
  #resume: (() => void) | undefined;

  constructor(options: StreamOptions) {
    super();
    this.#options = options;
    options.signal?.addEventListener('abort', this.end, { once: true });
  }

  /** What is at hand, without waiting. */
  protected abstract take(): Event | undefined;
  /** Whether {@link take} will never give anything more. */
  protected abstract get over(): boolean;
  /** Has `resume` called when something may be at hand. */
  protected abstract waitFor(resume: () => void): void;
  protected abstract forget(resume: () => void): void;

  poll(): Event | undefined {
    this.#resume = undefined; // Who polls waits no longer: the end must not wake him within his own step.
    if (this.#ended) return undefined;
    const event = this.take();
    if (event === undefined && this.over) this.end();
    return event;
  }

  whenMore(resume: () => void): boolean {
    if (this.#ended || this.over || this.atHand) return false;
    this.#resume = resume;
    this.waitFor(resume);
    return true;
  }

  /** Whether {@link take} would give something. */
  protected abstract get atHand(): boolean;

  protected async pull(): Promise<Event | undefined> {
    for (;;) {
      const event = this.poll();
      if (event !== undefined || this.#ended) return event;
      await new Promise<void>((resume) => this.whenMore(resume) || resume());
    }
  }

  protected readonly end = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.signal?.removeEventListener('abort', this.end);
    if (this.#resume) {
      this.forget(this.#resume);
      this.#resume();
    }
    this.#options.onEnd();
  };
}

/**
 * Where each store stands, then what changes, until all have the document or are switched off, or it is gone. Who is
 * slow is told what is so when he asks: what came between is passed over, so that nothing is held for him.
 */
export class IndexingStream extends EndingStream<IndexingRow> {
  readonly #reader: IndexingReader;
  readonly #told = new Map<string, IndexingRow>();

  constructor(reader: IndexingReader, options: StreamOptions) {
    super(options);
    this.#reader = reader;
  }

  protected take(): IndexingRow | undefined {
    const row = this.#next();
    if (row) this.#told.set(row.store, row);
    return row;
  }

  protected get atHand(): boolean {
    return this.#next() !== undefined;
  }

  protected get over(): boolean {
    return !this.atHand && this.#reader.rows.every(isSettled);
  }

  protected waitFor(resume: () => void): void {
    this.#reader.wait(resume);
  }

  protected forget(resume: () => void): void {
    this.#reader.stopWaiting(resume);
  }

  #next(): IndexingRow | undefined {
    return this.#reader.rows.find((row) => this.#told.get(row.store) !== row);
  }
}

/** Something is due for delivery. */
export interface Due {
  readonly due: true;
}
const DUE: Due = { due: true };

/** Tells that something is due: at once, since nobody knows what was before, and whenever something becomes so. */
export class DueStream extends EndingStream<Due> {
  #due = true;
  #waiting: (() => void) | undefined;

  /** Something is due now. */
  tell(): void {
    this.#due = true;
    const resume = this.#waiting;
    this.#waiting = undefined;
    resume?.();
  }

  protected take(): Due | undefined {
    if (!this.#due) return undefined;
    this.#due = false;
    return DUE;
  }

  protected get atHand(): boolean {
    return this.#due;
  }

  protected get over(): boolean {
    return false;
  }

  protected waitFor(resume: () => void): void {
    this.#waiting = resume;
  }

  protected forget(): void {
    this.#waiting = undefined;
  }
}
