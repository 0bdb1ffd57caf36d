/**
 * All who wait for documents to be indexed, or follow that, in this process. Changes of the outbox wake them, and a slow
 * poll where one was not heard; what they look at is read in one statement for each tenant.
 */
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError, notFound } from '#subgraphs/shared/errors.ts';
import { grouped } from '#subgraphs/shared/grouped.ts';
import type { SharedEvents } from '#subgraphs/shared/shared-events.ts';
import { FollowedReaders } from '#subgraphs/shared/streams/followed-readers.ts';
import { RELATIONAL } from '../bounds.ts';
import type { IndexedStore, IndexingRow, RelationalDriver } from '../driver.ts';
import type { Change, OutboxChanges } from './changes.ts';
import { IndexingReader, isSettled } from './reader.ts';
import { DueStream, IndexingStream, type Due } from './streams.ts';

export interface IndexingHubOptions {
  /** Default: `RELATIONAL.indexingPollMs` */
  readonly pollMs?: number | undefined;
  readonly log?: ((message: string, error?: unknown) => void) | undefined;
}

/** What is waited for. */
export interface Wait {
  readonly ids: readonly string[];
  readonly stores: readonly IndexedStore[];
  /** By `performance.now()`. */
  readonly until: number;
}

export class IndexingHub {
  readonly #driver: Pick<RelationalDriver, 'indexing'>;
  readonly #changes: OutboxChanges;
  readonly #log: IndexingHubOptions['log'];
  readonly #readers: FollowedReaders<IndexingReader>;
  readonly #streams = new Set<IndexingStream>();
  readonly #dues = new Set<DueStream>();
  /** To be looked at. */
  readonly #stale = new Set<IndexingReader>();
  #looking: Promise<void> | undefined;
  #looks = 0;
  readonly #closed = new AbortController();

  constructor(
    driver: Pick<RelationalDriver, 'indexing'>,
    changes: OutboxChanges,
    { pollMs = RELATIONAL.indexingPollMs, log }: IndexingHubOptions = {},
  ) {
    this.#driver = driver;
    this.#changes = changes;
    this.#log = log;
    this.#readers = new FollowedReaders(() => this.#lookAtAll(), pollMs);
    changes.start({
      onChange: (change) => this.#changed(change),
      onGap: () => {
        this.#lookAtAll();
        for (const due of this.#dues) due.tell();
      },
      needed: () => this.#readers.size + this.#dues.size > 0,
    });
  }

  /** Documents that are looked at, and streams; all 0 when nobody is left. */
  get size(): { readers: number; streams: number } {
    return { readers: this.#readers.size, streams: this.#streams.size + this.#dues.size };
  }

  /**
   * Waits until stores have documents of the caller's tenant as they are now, or nothing more can be hoped for in time: the time
   * is up, a store is switched off, or it is tried again too late.
   * @returns the stores that do not have them
   * @throws CodedError where the store cannot be read; the signal's reason when the caller is gone
   */
  async wait(context: RequestContext, { ids, stores, until }: Wait): Promise<IndexingRow[]> {
    const { signal } = context;
    const attached = ids.map((id) => this.#attach(context, id));
    const readers = attached.map(({ reader }) => reader);
    const missing = (): IndexingRow[] =>
      readers.flatMap(({ rows }) => rows.filter((row) => row.state !== 'DONE' && stores.includes(row.store)));
    const isHopeless = (row: IndexingRow): boolean =>
      isSettled(row) ||
      (row.state === 'FAILED' && row.nextAttemptAt.getTime() - Date.now() > until - performance.now());
    try {
      // Attach first, look second: what changes after the look wakes its reader.
      await this.#within(until, signal, readers, this.#changes.ready());
      await this.#lookAt(context.principal.tenantId, readers);
      for (;;) {
        signal?.throwIfAborted();
        const left = missing();
        if (performance.now() >= until || left.every(isHopeless) || this.#closed.signal.aborted) return left;
        await this.#within(until, signal, readers);
      }
    } finally {
      for (const { detach } of attached) detach();
    }
  }

  /**
   * Follows a document of the caller's tenant: where each store stands, then what changes, until all have it.
   * @throws CodedError `NOT_FOUND`
   */
  async follow(context: RequestContext, id: string): Promise<SharedEvents<IndexingRow>> {
    this.#checkOpen();
    const { reader, detach } = this.#attach(context, id);
    try {
      await this.#changes.ready();
      await this.#lookAt(context.principal.tenantId, [reader]);
      if (reader.rows.length === 0) throw notFound('document', id);
      context.signal?.throwIfAborted();
    } catch (error) {
      detach();
      throw error;
    }
    const stream: IndexingStream = new IndexingStream(reader, {
      signal: context.signal,
      onEnd: () => {
        this.#streams.delete(stream);
        detach();
      },
    });
    this.#streams.add(stream);
    return stream;
  }

  /** Follows whether something of any tenant is due for delivery, without end. */
  async followDue({ signal }: RequestContext): Promise<SharedEvents<Due>> {
    this.#checkOpen();
    const stream: DueStream = new DueStream({ signal, onEnd: () => this.#dues.delete(stream) });
    this.#dues.add(stream);
    await this.#changes.ready();
    return stream;
  }

  /** Ends all streams and waits. */
  async close(): Promise<void> {
    this.#closed.abort();
    for (const stream of [...this.#streams, ...this.#dues]) await stream.return();
    this.#readers.close();
    await this.#looking;
    await this.#changes.close();
  }

  #checkOpen(): void {
    if (this.#closed.signal.aborted)
      throw new CodedError('STORE_UNAVAILABLE', 'The server is shutting down.', { hint: 'Subscribe again.' });
  }

  #attach({ principal: { tenantId } }: RequestContext, id: string) {
    return this.#readers.attach(`${tenantId} ${id}`, () => new IndexingReader(tenantId, id));
  }

  #changed({ tenantId, documentId, due }: Change): void {
    if (due) for (const stream of this.#dues) stream.tell();
    const reader = this.#readers.get(`${tenantId} ${documentId}`);
    if (reader) this.#look([reader]);
  }

  #lookAtAll(): void {
    this.#look([...this.#readers]);
  }

  /** Has readers look; those that a look under way has begun with are looked at once more behind it. */
  #look(readers: Iterable<IndexingReader>): void {
    for (const reader of readers) this.#stale.add(reader);
    this.#looking ??= this.#lookAtStale().finally(() => {
      this.#looking = undefined;
      if (this.#stale.size > 0) this.#look([]);
    });
  }

  async #lookAtStale(): Promise<void> {
    const byTenant = grouped([...this.#stale], ({ tenantId }) => tenantId);
    this.#stale.clear();
    for (const [tenantId, readers] of byTenant)
      for (let start = 0; start < readers.length; start += RELATIONAL.indexingLooked)
        await this.#lookAt(tenantId, readers.slice(start, start + RELATIONAL.indexingLooked)).catch((error: unknown) =>
          // The poll looks again.
          this.#log?.('The outbox cannot be looked at for those who follow it; it is tried again.', error),
        );
  }

  async #lookAt(tenantId: string, readers: readonly IndexingReader[]): Promise<void> {
    const context = createRequestContext({ tenantId, subject: 'system:indexing-reader', roles: [], scopes: [] });
    const ids = readers.map(({ documentId }) => documentId);
    const turn = ++this.#looks;
    const found = grouped(await this.#driver.indexing(context, ids), ({ documentId }) => documentId);
    for (const reader of readers) reader.take(found.get(reader.documentId) ?? [], turn);
  }

  /** Resolves when one of the readers has something new, `done` resolves, the caller goes, or the time is up. */
  async #within(
    until: number,
    signal: AbortSignal | undefined,
    readers: readonly IndexingReader[],
    done?: Promise<void>,
  ): Promise<void> {
    const ends = [this.#closed.signal, ...(signal === undefined ? [] : [signal])];
    let resume: (() => void) | undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve) => {
        const wake = (): void => resolve();
        resume = wake;
        if (ends.some(({ aborted }) => aborted)) return resolve();
        for (const end of ends) end.addEventListener('abort', wake, { once: true });
        timer = setTimeout(wake, Math.max(until - performance.now(), 0));
        if (done) void done.then(wake);
        else for (const reader of readers) reader.wait(wake);
      });
    } finally {
      clearTimeout(timer);
      for (const end of ends) end.removeEventListener('abort', resume!);
      for (const reader of readers) reader.stopWaiting(resume!);
    }
  }
}
