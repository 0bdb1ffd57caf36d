/**
 * Events between a connection that pushes and a reader that pulls: in order, none lost, and bounded by stopping the
 * connection.
 */
import type { CodedError } from '#subgraphs/shared/errors.ts';

export interface EventQueueOptions {
  /** Events that may wait before {@link EventQueueOptions.pause} is called. @default 64 */
  highWater?: number;
  /** Stops the connection from reading. */
  pause: () => void;
  /** Lets it read again; called when half of what may wait has been taken. */
  resume: () => void;
  /** Ends the connection. Called once, however the queue ends. */
  end: () => void;
}

export class EventQueue<T> implements AsyncIterableIterator<T> {
  readonly #options: EventQueueOptions;
  readonly #highWater: number;
  readonly #events: T[] = [];
  #waiting: { resolve: (result: IteratorResult<T>) => void; reject: (error: CodedError) => void } | undefined;
  #last: { error?: CodedError } | undefined;
  #ended = false;
  #paused = false;

  constructor(options: EventQueueOptions) {
    this.#options = options;
    this.#highWater = options.highWater ?? 64;
  }

  /** Whether the reader is behind, and the connection stopped for it. */
  get paused(): boolean {
    return this.#paused;
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
    if (!this.#paused && this.#events.length >= this.#highWater) {
      this.#paused = true;
      this.#options.pause();
    }
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
  }

  /** One reader at a time. Rejects once when the stream broke. */
  next(): Promise<IteratorResult<T>> {
    if (this.#events.length > 0) {
      const event = this.#events.shift()!;
      if (this.#paused && this.#events.length <= this.#highWater / 2) {
        this.#paused = false;
        if (!this.#ended) this.#options.resume();
      }
      return Promise.resolve({ done: false, value: event });
    }
    if (this.#last !== undefined) {
      const { error } = this.#last;
      this.#last = {};
      return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
    }
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  /** Ends it at once; what waits is given up. */
  return(): Promise<IteratorResult<T>> {
    this.#events.length = 0;
    this.finish();
    this.#last = {};
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #endConnection(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.end();
  }
}
