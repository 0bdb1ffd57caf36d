/**
 * Events between a connection that pushes and a reader that pulls: in order, none lost, and bounded by stopping the
 * connection, or where that would stop others too, by giving up the reader.
 */
import type { CodedError } from '#subgraphs/shared/errors.ts';
import { SHARED, type SharedEvents } from '#subgraphs/shared/shared-events.ts';
import { REMOTE } from '#gateway/bounds/remote.ts';

export interface EventQueueOptions<T> {
  /** Events that may wait before {@link EventQueueOptions.pause} is called. @default 64 */
  highWater?: number;
  /** Bytes of an event. @default 0 */
  sizeOf?: (event: T) => number;
  /** Bytes that may wait; half of them call {@link EventQueueOptions.pause}. One event always may. @default unbounded */
  limitBytes?: number;
  /** The reader is behind: asks the connection to stop reading. */
  pause: () => void;
  /** The reader has taken half of what may wait: lets the connection read again. */
  resume: () => void;
  /** Ends the connection. Called once, however the queue ends. */
  end: () => void;
  /**
   * Asked when more waits than the limit.
   * @returns undefined where the connection does stop, and what is still to come is little; else why the reader is
   *   given up
   * @default it does
   */
  overLimit?: () => CodedError | undefined;
}

export class EventQueue<T extends object> implements SharedEvents<T> {
  readonly [SHARED] = true;
  readonly #options: EventQueueOptions<T>;
  readonly #highWater: number;
  readonly #limitBytes: number;
  readonly #events: T[] = [];
  #bytes = 0;
  #waiting: { resolve: (result: IteratorResult<T>) => void; reject: (error: CodedError) => void } | undefined;
  #resume: (() => void) | undefined;
  #last: { error?: CodedError } | undefined;
  #ended = false;
  #behind = false;

  constructor(options: EventQueueOptions<T>) {
    this.#options = options;
    this.#highWater = options.highWater ?? REMOTE.eventsAhead;
    this.#limitBytes = options.limitBytes ?? Infinity;
  }

  /** Whether the reader is behind, and the connection asked to stop for it. */
  get behind(): boolean {
    return this.#behind;
  }

  push(event: T): void {
    if (this.#last !== undefined) return;
    if (this.#waiting !== undefined) {
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve({ done: false, value: event });
      return;
    }
    this.#events.push(event);
    this.#bytes += this.#options.sizeOf?.(event) ?? 0;
    if (!this.#behind && (this.#events.length >= this.#highWater || this.#bytes >= this.#limitBytes / 2)) {
      this.#behind = true;
      this.#options.pause();
    }
    if (this.#bytes > this.#limitBytes && this.#events.length > 1) {
      const reason = this.#options.overLimit?.();
      if (reason !== undefined) return this.#giveUp(reason);
    }
    this.#wake();
  }

  /** No more events: after those that wait the reader is told why, or that it was all. */
  finish(error?: CodedError): void {
    if (this.#last !== undefined) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    // A reader is told once.
    this.#last = error === undefined || waiting !== undefined ? {} : { error };
    this.#endConnection();
    if (error === undefined) waiting?.resolve({ done: true, value: undefined });
    else waiting?.reject(error);
    this.#wake();
  }

  poll(): T | undefined {
    this.#resume = undefined;
    const event = this.#events.shift();
    if (event === undefined) return undefined;
    this.#bytes -= this.#options.sizeOf?.(event) ?? 0;
    if (this.#behind && this.#events.length <= this.#highWater / 2 && this.#bytes <= this.#limitBytes / 4) {
      this.#behind = false;
      if (!this.#ended) this.#options.resume();
    }
    return event;
  }

  whenMore(resume: () => void): boolean {
    if (this.#events.length > 0 || this.#last !== undefined) return false;
    this.#resume = resume;
    return true;
  }

  /** One reader at a time. Rejects once when the stream broke. */
  next(): Promise<IteratorResult<T>> {
    const event = this.poll();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#last !== undefined) {
      const { error } = this.#last;
      this.#last = {};
      return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
    }
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  /** Ends it at once; what waits is given up. */
  return(): Promise<IteratorResult<T>> {
    this.#clear();
    this.#resume = undefined;
    this.finish();
    this.#last = {};
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** What waits is as good as read by somebody who has stopped reading: it is dropped, and the reader told. */
  #giveUp(error: CodedError): void {
    this.#clear();
    this.finish(error);
  }

  #clear(): void {
    this.#events.length = 0;
    this.#bytes = 0;
  }

  #wake(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  #endConnection(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.end();
  }
}
