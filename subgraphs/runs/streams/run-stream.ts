/**
 * One follower's view of a run's log: an async iterator that pulls, so that a slow follower holds a batch and no more.
 */
import type { RunEvent } from '../driver.ts';
import { isTerminal, type RunEventType } from '../events/event-types.ts';
import { PulledStream } from '#subgraphs/shared/streams/pulled-stream.ts';
import type { SharedReader } from './shared-reader.ts';

export interface RunStreamOptions {
  /** The sequence of the last event seen; 0 for none. */
  after: number;
  /** Only these types, and the terminal event, which tells an end from a cut. All when absent. */
  types?: readonly RunEventType[] | null;
  /** Called once when the stream ends, however it ends. */
  onEnd: () => void;
  /** For tests: runs where the follower has read to the head and is about to wait. */
  caughtUp?: (runId: string, after: number) => Promise<void>;
  /** Ends the stream; not aborted yet. */
  signal?: AbortSignal;
}

export class RunStream extends PulledStream<RunEvent> {
  readonly #reader: SharedReader;
  readonly #options: RunStreamOptions;
  readonly #types: ReadonlySet<string> | undefined;
  #position: number;
  #batch: readonly RunEvent[] = [];
  #at = 0;
  #ended = false;
  #resume: (() => void) | undefined;

  constructor(reader: SharedReader, options: RunStreamOptions) {
    super();
    this.#reader = reader;
    this.#options = options;
    this.#position = options.after;
    this.#types = options.types ? new Set(options.types) : undefined;
    options.signal?.addEventListener('abort', this.end, { once: true });
  }

  /** Whether the run has ended and nothing is left to give. */
  get exhausted(): boolean {
    return this.#reader.finished && this.#position >= this.#reader.head;
  }

  poll(): RunEvent | undefined {
    this.#resume = undefined; // Who polls waits no longer: the end must not wake him within his own step.
    while (!this.#ended) {
      const event = this.#batch[this.#at];
      if (event === undefined) {
        const kept = this.#position < this.#reader.head ? this.#reader.kept(this.#position) : undefined;
        if (kept === undefined) return undefined;
        this.#batch = kept;
        this.#at = 0;
        continue;
      }
      this.#at += 1;
      this.#position = event.sequence;
      const last = isTerminal(event.type);
      if (last) this.end();
      if (last || this.#types === undefined || this.#types.has(event.type)) return event;
    }
    return undefined;
  }

  whenMore(resume: () => void): boolean {
    return this.#options.caughtUp === undefined && this.#wait(resume);
  }

  /**
   * Catch-up, hand-over and live are this one loop: take what is known, read what is behind, wait for what is to come.
   */
  protected async pull(): Promise<RunEvent | undefined> {
    for (;;) {
      const event = this.poll();
      if (event !== undefined) return event;
      if (this.#ended) return undefined;
      if (this.#position < this.#reader.head) {
        this.#batch = await this.#reader.read(this.#position);
        this.#at = 0;
      } else if (this.#reader.failure) {
        throw this.#reader.failure;
      } else if (this.#reader.finished) {
        this.end();
      } else {
        if (this.#options.caughtUp !== undefined) await this.#options.caughtUp(this.#reader.runId, this.#position);
        await new Promise<void>((resume) => this.#wait(resume) || resume());
      }
    }
  }

  /** Looks and starts to wait without a pause between, so that no wake-up falls in a gap. */
  #wait(resume: () => void): boolean {
    const { head, failure, finished } = this.#reader;
    if (this.#ended || this.#position < head || failure || finished) return false;
    this.#resume = resume;
    this.#reader.wait(resume);
    return true;
  }

  protected readonly end = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    this.#batch = [];
    this.#options.signal?.removeEventListener('abort', this.end);
    if (this.#resume) {
      this.#reader.stopWaiting(this.#resume);
      this.#resume();
    }
    this.#options.onEnd();
  };
}
