/** All streams of this process: a shared reader for each run that is followed, woken by wake-ups and by a slow poll. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { noSuch } from '#subgraphs/shared/ids.ts';
import type { SharedEvents } from '#subgraphs/shared/shared-events.ts';
import { RUNS, type RunsBounds } from '../bounds.ts';
import type { LogHead, RunLog, TenantFilter, TenantLog } from '../driver.ts';
import type { RunEventType } from '../events/event-types.ts';
import { FollowedReaders } from '#subgraphs/shared/streams/followed-readers.ts';
import { RunStream } from './run-stream.ts';
import { cursorExpired, SharedReader, type ReaderOptions } from './shared-reader.ts';
import type { TenantPosition } from './tenant-position.ts';
import type { TenantEvent } from './tenant-reader.ts';
import { TenantHub } from './tenant-stream.ts';
import type { Wake, WakeUps } from './wake-ups.ts';

export interface StreamHubOptions extends ReaderOptions, Pick<RunsBounds, 'pollMs'> {
  log?: (message: string, error?: unknown) => void;
  /** For tests: stops at the seams between catching up and following. */
  seams?: {
    /** The follower is attached to wake-ups and has not yet looked at the log. */
    attached?: (runId: string) => Promise<void>;
    /** The follower has read to the head and is about to wait. */
    caughtUp?: (runId: string, after: number) => Promise<void>;
  };
}

export class StreamHub {
  readonly #log: RunLog;
  readonly #tenants: TenantHub;
  readonly #wakeUps: WakeUps;
  readonly #options: StreamHubOptions;
  readonly #readers: FollowedReaders<SharedReader>;
  readonly #streams = new Set<RunStream>();
  #polling: Promise<void> | undefined;
  #closed = false;

  constructor(log: RunLog & TenantLog, wakeUps: WakeUps, options: StreamHubOptions = {}) {
    this.#log = log;
    this.#wakeUps = wakeUps;
    this.#options = options;
    this.#tenants = new TenantHub(log, options);
    this.#readers = new FollowedReaders(() => void this.poll(), options.pollMs ?? RUNS.pollMs);
    wakeUps.start({
      onWake: (wake) => this.#wake(wake),
      onGap: () => {
        this.#tenants.poll();
        void this.poll();
      },
      needed: () => this.#readers.size + this.#tenants.size > 0,
    });
  }

  /** Runs that are read, and streams that follow them; both 0 when nobody is left. */
  get size(): { readers: number; streams: number } {
    return { readers: this.#readers.size, streams: this.#streams.size + this.#tenants.size };
  }

  /**
   * Follows a run: everything behind `after`, then what comes, to the terminal event.
   * @throws CodedError `NOT_FOUND`; `BAD_USER_INPUT` for a cursor past the log's end; `CURSOR_EXPIRED`
   */
  async follow(
    context: RequestContext,
    runId: string,
    options: { after: number; types?: readonly RunEventType[] | null },
  ): Promise<RunStream> {
    this.#checkOpen();
    const { tenantId } = context.principal;
    // Attach first, look second: what is appended after the look wakes this reader.
    const { reader, detach } = this.#readers.attach(
      `${tenantId} ${runId}`,
      () => new SharedReader(this.#log, tenantId, runId, this.#options),
    );
    try {
      await this.#wakeUps.ready();
      await this.#options.seams?.attached?.(runId);
      const [head] = await this.#log.heads(tenantId, [runId]);
      if (!head) throw noSuch('Run', runId);
      checkCursor(head, options.after);
      context.signal?.throwIfAborted();
      reader.open(head);
    } catch (error) {
      detach();
      throw error;
    }
    const stream: RunStream = new RunStream(reader, {
      ...options,
      signal: context.signal,
      caughtUp: this.#options.seams?.caughtUp,
      onEnd: () => {
        this.#streams.delete(stream);
        detach();
      },
    });
    this.#streams.add(stream);
    return stream;
  }

  /**
   * Follows all runs of the caller's tenant on one cursor, without end.
   * @throws CodedError `BAD_USER_INPUT`, at once or through the stream `CURSOR_EXPIRED`
   */
  async followTenant(
    context: RequestContext,
    after: TenantPosition | 'now',
    filter: TenantFilter,
  ): Promise<SharedEvents<TenantEvent>> {
    this.#checkOpen();
    return await this.#tenants.follow(context, after, filter, () => this.#wakeUps.ready());
  }

  /** Looks for logs that have grown without a wake-up: one statement for each tenant that has followers. */
  poll(): Promise<void> {
    this.#polling ??= this.#look()
      .catch((error: unknown) => this.#options.log?.('The runs subgraph could not poll; it tries again.', error))
      .finally(() => {
        this.#polling = undefined;
      });
    return this.#polling;
  }

  /** Ends all streams; their clients resume elsewhere. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#tenants.close();
    for (const stream of [...this.#streams]) await stream.return();
    this.#readers.close();
    await this.#polling;
    await this.#wakeUps.close();
  }

  #checkOpen(): void {
    if (this.#closed)
      throw new CodedError('STORE_UNAVAILABLE', 'The server is shutting down.', {
        hint: 'Resume with the last cursor.',
      });
  }

  #wake({ tenantId, runId, sequence }: Wake): void {
    this.#tenants.wake(tenantId);
    this.#readers.get(`${tenantId} ${runId}`)?.wake(sequence);
  }

  async #look(): Promise<void> {
    const byTenant = new Map<string, SharedReader[]>();
    for (const reader of this.#readers)
      byTenant.set(reader.tenantId, [...(byTenant.get(reader.tenantId) ?? []), reader]);
    for (const [tenantId, readers] of byTenant) {
      for (let start = 0; start < readers.length; start += RUNS.polledRuns) {
        const chunk = readers.slice(start, start + RUNS.polledRuns);
        const heads = new Map(
          (
            await this.#log.heads(
              tenantId,
              chunk.map(({ runId }) => runId),
            )
          ).map((head) => [head.runId, head]),
        );
        for (const reader of chunk) {
          const head = heads.get(reader.runId);
          if (head) reader.wake(head.lastSequence);
          else reader.fail(noSuch('Run', reader.runId)); // Removed under its followers.
        }
      }
    }
  }
}

/**
 * @throws CodedError `CURSOR_EXPIRED` where events behind the cursor are gone; `BAD_USER_INPUT` where it is past the
 *   end
 */
export function checkCursor(head: LogHead, after: number): void {
  if (after > head.lastSequence) {
    throw badUserInput(`\`after\` (${after}) is past the last event of the run (${head.lastSequence}).`, {
      hint: 'Use the `sequence` of the last event seen.',
      extensions: { lastSequence: head.lastSequence },
    });
  }
  if (after + 1 < head.firstAvailable) throw cursorExpired(head);
}

/**
 * Of a list that ends before `before`, one behind the log’s end for the whole.
 * @throws CodedError as {@link checkCursor} does; `CURSOR_EXPIRED` where everything before it is gone
 */
export function checkCursorBefore(head: LogHead, before: number): void {
  if (before > head.lastSequence + 1) {
    throw badUserInput(`\`before\` (${before}) is past the last event of the run (${head.lastSequence}).`, {
      hint: 'Use the `sequence` of an event seen.',
      extensions: { lastSequence: head.lastSequence },
    });
  }
  if (head.firstAvailable > 1 && before <= head.firstAvailable) throw cursorExpired(head);
}
