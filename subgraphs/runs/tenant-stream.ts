/** One follower's view of a tenant's log, and the readers behind all of them. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { RunEvent, TenantFilter, TenantLog } from './driver.ts';
import type { ReaderOptions } from './shared-reader.ts';
import { comparePositions, formatPosition, LOG_START, type TenantPosition } from './tenant-position.ts';
import { TenantReader, type TenantBatch } from './tenant-reader.ts';

/** An event of some run of the tenant, and the cursor behind it. */
export interface TenantEvent {
  cursor: string;
  event: RunEvent;
}

export interface TenantHubOptions extends ReaderOptions {
  /** How often to look for growth that no wake-up told of, in milliseconds; only while somebody follows. @default 5000 */
  pollMs?: number;
}

/** All streams of tenants' logs in this process. */
export class TenantHub {
  readonly #log: TenantLog;
  readonly #options: TenantHubOptions;
  readonly #readers = new Map<string, { reader: TenantReader; followers: number }>();
  readonly #ends = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: TenantLog, options: TenantHubOptions = {}) {
    this.#log = log;
    this.#options = options;
  }

  get size(): number {
    return this.#ends.size;
  }

  wake(tenantId: string): void {
    this.#readers.get(tenantId)?.reader.wake();
  }

  poll(): void {
    for (const { reader } of this.#readers.values()) reader.wake();
  }

  /**
   * Follows all runs of the caller's tenant: everything behind `after`, then what comes, without end.
   * @param after a position, or `now`
   * @throws CodedError `BAD_USER_INPUT` for a cursor that the log has not reached
   */
  async follow(context: RequestContext, after: TenantPosition | 'now', filter: TenantFilter, ready: () => Promise<void>): Promise<AsyncIterableIterator<TenantEvent>> {
    const { reader, detach } = this.#attach(context.principal.tenantId);
    try {
      // Attached first, looked second: what is appended after the look wakes this reader.
      await ready();
      await reader.open();
      context.signal?.throwIfAborted();
      const position = after === 'now' ? reader.head : after;
      if (after !== 'now' && comparePositions(after, LOG_START) > 0) await this.#checkReached(context.principal.tenantId, after, reader);
      return this.#stream(reader, position, filter, detach, context.signal);
    } catch (error) {
      detach();
      throw error;
    }
  }

  close(): void {
    for (const end of [...this.#ends]) end();
  }

  /** A cursor from another database (or made up) would wait for a time that never comes. */
  async #checkReached(tenantId: string, after: TenantPosition, reader: TenantReader): Promise<void> {
    if (comparePositions(after, reader.head) <= 0) return;
    const { horizon } = await this.#log.horizon(tenantId);
    if (comparePositions(after, horizon) > 0) {
      throw badUserInput('`after` is past the end of the tenant’s events.', { hint: 'Use the `cursor` of the last event seen, or `now`.', extensions: { last: formatPosition(horizon) } });
    }
  }

  #attach(tenantId: string): { reader: TenantReader; detach: () => void } {
    let entry = this.#readers.get(tenantId);
    if (entry === undefined || entry.reader.failure) {
      entry = { reader: new TenantReader(this.#log, tenantId, this.#options), followers: 0 };
      this.#readers.set(tenantId, entry);
    }
    entry.followers += 1;
    this.#timer ??= setInterval(() => this.poll(), this.#options.pollMs ?? 5_000).unref();
    const attached = entry;
    return {
      reader: attached.reader,
      detach: () => {
        attached.followers -= 1;
        if (attached.followers > 0) return;
        attached.reader.end();
        if (this.#readers.get(tenantId) === attached) this.#readers.delete(tenantId);
        if (this.#readers.size > 0) return;
        clearInterval(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  /** Pulls, so that a slow follower holds a batch and no more. */
  #stream(reader: TenantReader, from: TenantPosition, filter: TenantFilter, detach: () => void, signal: AbortSignal | undefined): AsyncIterableIterator<TenantEvent> {
    let position = from;
    let batch: TenantBatch = { entries: [], upTo: from };
    let at = 0;
    let ended = false;
    let resume: (() => void) | undefined;
    let last: Promise<unknown> = Promise.resolve();
    const end = (): void => {
      if (ended) return;
      ended = true;
      signal?.removeEventListener('abort', end);
      this.#ends.delete(end);
      if (resume) {
        reader.stopWaiting(resume);
        resume();
      }
      detach();
    };
    this.#ends.add(end);
    signal?.addEventListener('abort', end, { once: true });

    const advance = async (): Promise<IteratorResult<TenantEvent>> => {
      while (!ended) {
        const entry = batch.entries[at];
        if (entry) {
          at += 1;
          position = entry.position;
          return { done: false, value: { cursor: formatPosition(position), event: entry.event } };
        }
        if (comparePositions(batch.upTo, position) > 0) position = batch.upTo;
        if (comparePositions(position, reader.head) < 0) {
          batch = await reader.read(position, filter);
          at = 0;
        } else if (reader.failure) {
          throw reader.failure;
        } else {
          // Looks and starts to wait without a pause between, so that no wake-up falls in a gap.
          await new Promise<void>((wake) => {
            resume = wake;
            reader.wait(wake);
          });
        }
      }
      return { done: true, value: undefined };
    };
    const next = (): Promise<IteratorResult<TenantEvent>> => {
      const result = last.then(advance).catch((error: unknown) => {
        end();
        throw error;
      });
      last = result.catch(() => undefined);
      return result;
    };
    return {
      next,
      return: () => (end(), Promise.resolve({ done: true, value: undefined })),
      throw: (error) => (end(), Promise.reject(error as Error)),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}
