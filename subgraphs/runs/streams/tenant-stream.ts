/** One follower's view of a tenant's log, and the readers behind all of them. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { SharedEvents } from '#subgraphs/shared/shared-events.ts';
import { RUNS, type RunsBounds } from '../bounds.ts';
import type { TenantFilter, TenantLog } from '../driver.ts';
import { FollowedReaders } from '#subgraphs/shared/streams/followed-readers.ts';
import { PulledStream } from '#subgraphs/shared/streams/pulled-stream.ts';
import type { ReaderOptions } from './shared-reader.ts';
import { comparePositions, formatPosition, LOG_START, type TenantPosition } from './tenant-position.ts';
import { TenantReader, type TenantBatch, type TenantEvent } from './tenant-reader.ts';

export type TenantHubOptions = ReaderOptions & Pick<RunsBounds, 'pollMs'>;

/** All streams of tenants' logs in this process. */
export class TenantHub {
  readonly #log: TenantLog;
  readonly #options: TenantHubOptions;
  readonly #readers: FollowedReaders<TenantReader>;
  readonly #streams = new Set<TenantStream>();

  constructor(log: TenantLog, options: TenantHubOptions = {}) {
    this.#log = log;
    this.#options = options;
    this.#readers = new FollowedReaders(() => this.poll(), options.pollMs ?? RUNS.pollMs);
  }

  get size(): number {
    return this.#streams.size;
  }

  wake(tenantId: string): void {
    this.#readers.get(tenantId)?.wake();
  }

  poll(): void {
    for (const reader of this.#readers) reader.wake();
  }

  /**
   * Follows all runs of the caller's tenant: everything behind `after`, then what comes, without end.
   * @param after a position, or `now`
   * @throws CodedError `BAD_USER_INPUT` for a cursor that the log has not reached
   */
  async follow(
    context: RequestContext,
    after: TenantPosition | 'now',
    filter: TenantFilter,
    ready: () => Promise<void>,
  ): Promise<SharedEvents<TenantEvent>> {
    const { tenantId } = context.principal;
    const { reader, detach } = this.#readers.attach(
      tenantId,
      () => new TenantReader(this.#log, tenantId, this.#options),
    );
    try {
      // Attached first, looked second: what is appended after the look wakes this reader.
      await ready();
      await reader.open();
      context.signal?.throwIfAborted();
      const position = after === 'now' ? reader.head : after;
      if (after !== 'now' && comparePositions(after, LOG_START) > 0) await this.#checkReached(tenantId, after, reader);
      const stream: TenantStream = new TenantStream(reader, position, filter, {
        signal: context.signal,
        onEnd: () => {
          this.#streams.delete(stream);
          detach();
        },
      });
      this.#streams.add(stream);
      return stream;
    } catch (error) {
      detach();
      throw error;
    }
  }

  close(): void {
    for (const stream of [...this.#streams]) void stream.return();
  }

  /** A cursor from another database (or made up) would wait for a time that never comes. */
  async #checkReached(tenantId: string, after: TenantPosition, reader: TenantReader): Promise<void> {
    if (comparePositions(after, reader.head) <= 0) return;
    const { horizon } = await this.#log.horizon(tenantId);
    if (comparePositions(after, horizon) > 0) {
      throw badUserInput("`after` is past the end of the tenant's events.", {
        hint: 'Use the `cursor` of the last event seen, or `now`.',
        extensions: { last: formatPosition(horizon) },
      });
    }
  }
}

/** Pulls, so that a slow follower holds a batch and no more. */
class TenantStream extends PulledStream<TenantEvent> {
  readonly #reader: TenantReader;
  readonly #filter: TenantFilter;
  readonly #signal: AbortSignal | undefined;
  readonly #onEnd: () => void;
  #position: TenantPosition;
  #batch: TenantBatch;
  #at = 0;
  #ended = false;
  #resume: (() => void) | undefined;

  constructor(
    reader: TenantReader,
    from: TenantPosition,
    filter: TenantFilter,
    options: { signal: AbortSignal | undefined; onEnd: () => void },
  ) {
    super();
    this.#reader = reader;
    this.#position = from;
    this.#batch = { entries: [], upTo: from };
    this.#filter = filter;
    this.#signal = options.signal;
    this.#onEnd = options.onEnd;
    this.#signal?.addEventListener('abort', this.end, { once: true });
  }

  poll(): TenantEvent | undefined {
    this.#resume = undefined; // Who polls waits no longer: the end must not wake him within his own step.
    while (!this.#ended) {
      const entry = this.#batch.entries[this.#at];
      if (entry !== undefined) {
        this.#at += 1;
        this.#position = entry.position;
        return entry;
      }
      if (comparePositions(this.#batch.upTo, this.#position) > 0) this.#position = this.#batch.upTo;
      const kept = this.#behind ? this.#reader.kept(this.#position, this.#filter) : undefined;
      if (kept === undefined) return undefined;
      this.#take(kept);
    }
    return undefined;
  }

  /** Looks and starts to wait without a pause between, so that no wake-up falls in a gap. */
  whenMore(resume: () => void): boolean {
    if (this.#ended || this.#behind || this.#reader.failure) return false;
    this.#resume = resume;
    this.#reader.wait(resume);
    return true;
  }

  get #behind(): boolean {
    return comparePositions(this.#position, this.#reader.head) < 0;
  }

  #take(batch: TenantBatch): void {
    this.#batch = batch;
    this.#at = 0;
  }

  protected async pull(): Promise<TenantEvent | undefined> {
    for (;;) {
      const entry = this.poll();
      if (entry !== undefined) return entry;
      if (this.#ended) return undefined;
      if (this.#behind) {
        this.#take(await this.#reader.read(this.#position, this.#filter));
      } else if (this.#reader.failure) {
        throw this.#reader.failure;
      } else {
        await new Promise<void>((resume) => this.whenMore(resume) || resume());
      }
    }
  }

  protected readonly end = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal?.removeEventListener('abort', this.end);
    if (this.#resume) {
      this.#reader.stopWaiting(this.#resume);
      this.#resume();
    }
    this.#onEnd();
  };
}
