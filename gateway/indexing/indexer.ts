/**
 * Delivers the outbox of `upsertDocument` to the stores that follow it. One loop for each store, so that a store that
 * is down delays only itself. Any number of processes may run it: entries are leased, deliveries are idempotent, and an
 * entry is settled only at the revision that was delivered.
 */
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { CodedError, type ErrorCode } from '#subgraphs/shared/errors.ts';
import { INDEXING } from '#gateway/bounds/indexing.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { DELIVERIES } from './deliver.ts';
import {
  INDEXED_STORES,
  Outbox,
  type IndexedStore,
  type OutboxEntry,
  type OutboxFailure,
  type OutboxStatus,
} from './outbox.ts';
import { hearOutboxDue } from './outbox-due.ts';
import { systemCalls, type SubgraphCall } from './subgraph-call.ts';

/** Bounds are said in `INDEXING` (gateway/bounds/indexing.ts), with their defaults; {@link Indexer.wake} looks at once. */
export interface IndexerOptions extends Partial<BoundValues<typeof INDEXING>> {
  clients: ReadonlyMap<string, SubgraphClient>;
  log: { warn(details: object, message: string): void };
}

export interface Indexer {
  /** Something may have been written: look now. */
  wake(): void;
  /** Resolves once no entry is due, or rejects with the signal's reason. Entries that wait for a retry do not count. */
  idle(signal?: AbortSignal): Promise<void>;
  /** Undefined where the supergraph has no outbox. */
  status(): Promise<OutboxStatus | undefined>;
  /** Ends the loops; deliveries under way are cancelled and their leases run out. */
  close(): Promise<void>;
}

/** Holds the outbox; without it, or without the store's own subgraph, there is nothing to deliver. */
const OUTBOX_SUBGRAPH = 'relational';
const subgraphOf = (store: IndexedStore): string => store.toLowerCase();

export function startIndexer(options: IndexerOptions): Indexer {
  const stop = new AbortController();
  const call = systemCalls(options.clients, stop.signal, options.callTimeoutMs);
  const outbox = new Outbox(call);
  const loops = INDEXED_STORES.map((store) => new StoreLoop(store, outbox, call, options, stop.signal));
  const heard = hearOutboxDue({
    client: () => options.clients.get(OUTBOX_SUBGRAPH),
    wake: () => loops.forEach((loop) => loop.wake()),
    retryMs: options.pollMs ?? INDEXING.pollMs,
    signal: stop.signal,
  });
  return {
    wake: () => loops.forEach((loop) => loop.wake()),
    idle: async (signal) => {
      await Promise.all(loops.map((loop) => loop.idle(signal)));
    },
    status: async () => (options.clients.has(OUTBOX_SUBGRAPH) ? await outbox.status() : undefined),
    close: async () => {
      stop.abort(new Error('The server is stopping.'));
      await Promise.all([heard, ...loops.map((loop) => loop.ended)]);
    },
  };
}

class StoreLoop {
  readonly ended: Promise<void>;
  readonly #store: IndexedStore;
  readonly #outbox: Outbox;
  readonly #call: SubgraphCall;
  readonly #options: IndexerOptions;
  readonly #signal: AbortSignal;
  /** Longer than a call may take, so that nobody else delivers what is being delivered. */
  readonly #leaseSeconds: number;
  #wake: (() => void) | undefined;
  #woken = false;
  #idleWaiters: (() => void)[] = [];
  /** Why the outbox could not be read at the last look. */
  #fault: string | undefined;
  /**
   * When this process began, until what earlier ones left for a store that was off has been tried once: it may be on now,
   * and whoever switched it on looks for his documents.
   */
  #leftBefore: number | undefined = performance.now();

  constructor(store: IndexedStore, outbox: Outbox, call: SubgraphCall, options: IndexerOptions, signal: AbortSignal) {
    this.#store = store;
    this.#outbox = outbox;
    this.#call = call;
    this.#options = options;
    this.#signal = signal;
    const callMs = options.callTimeoutMs ?? INDEXING.callTimeoutMs;
    this.#leaseSeconds = Math.ceil(callMs / 1_000) + INDEXING.leaseMarginSeconds;
    this.ended = this.#run();
  }

  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  async idle(signal?: AbortSignal): Promise<void> {
    const ended = signal === undefined ? this.#signal : AbortSignal.any([signal, this.#signal]);
    let abort: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        abort = () => reject(ended.reason as Error);
        if (ended.aborted) return abort();
        ended.addEventListener('abort', abort, { once: true });
        this.#idleWaiters.push(resolve);
        this.wake();
      });
    } finally {
      // The signal lives as long as the process does.
      ended.removeEventListener('abort', abort!);
    }
  }

  async #run(): Promise<void> {
    while (!this.#signal.aborted) {
      this.#woken = false;
      const waiters = [...this.#idleWaiters];
      let delivered = 0;
      try {
        delivered = await this.#deliverBatch();
      } catch (error) {
        if (this.#signal.aborted) return;
        // The outbox itself cannot be reached: nothing is lost, and the next look finds it all.
        // It is looked at again and again; one fault is reported once.
        const reason = (error as Error).message;
        if (reason !== this.#fault)
          this.#options.log.warn({ err: error, store: this.#store }, 'The outbox cannot be read; indexing waits.');
        this.#fault = reason;
        await this.#sleep();
        continue;
      }
      this.#fault = undefined;
      if (delivered > 0) continue;
      // Only those who asked before this look began may be told that nothing is due.
      this.#idleWaiters = this.#idleWaiters.filter((waiter) => !waiters.includes(waiter));
      for (const waiter of waiters) waiter();
      if (!this.#woken) await this.#sleep();
    }
  }

  /** Claims and settles one batch; returns how many entries it held. */
  async #deliverBatch(): Promise<number> {
    // What waits for a store that the supergraph does not have is not claimed: it is delivered when it has it.
    const { clients } = this.#options;
    if (!clients.has(OUTBOX_SUBGRAPH) || !clients.has(subgraphOf(this.#store))) return 0;
    const left = this.#leftBefore === undefined ? undefined : (performance.now() - this.#leftBefore) / 1_000;
    const entries = await this.#outbox.claim(this.#store, DELIVERIES[this.#store].batch, this.#leaseSeconds, left);
    if (entries.length === 0) this.#leftBefore = undefined;
    const failures: OutboxFailure[] = [];
    let code: ErrorCode | undefined;
    const completed: OutboxEntry[] = [];
    for (const [tenantId, ofTenant] of groupByTenant(entries)) {
      for (const { entry, error } of await this.#deliver(tenantId, ofTenant)) {
        if (error === undefined) completed.push(entry);
        else {
          code ??= error.code;
          failures.push(failureOf(entry, error, this.#options.longestRetrySeconds ?? INDEXING.longestRetrySeconds));
        }
      }
    }
    await this.#outbox.complete(completed);
    await this.#outbox.fail(failures);
    if (failures.length > 0) {
      const [{ error }] = failures as [OutboxFailure];
      this.#options.log.warn(
        // What a document was refused for may quote it; its tenant finds it at `indexing`.
        { store: this.#store, documents: failures.length, code, ...(code === 'BAD_USER_INPUT' ? {} : { error }) },
        'Documents could not be indexed; they will be retried.',
      );
    }
    return entries.length;
  }

  async #deliver(
    tenantId: string,
    entries: readonly OutboxEntry[],
  ): Promise<{ entry: OutboxEntry; error?: CodedError }[]> {
    try {
      await DELIVERIES[this.#store].deliver(this.#call, tenantId, entries);
      return entries.map((entry) => ({ entry }));
    } catch (error) {
      if (this.#signal.aborted) throw error;
      const coded =
        error instanceof CodedError
          ? error
          : new CodedError('INTERNAL_SERVER_ERROR', 'The delivery failed.', { cause: error });
      // One document that a store refuses must not hold back the others of its batch.
      if (entries.length > 1 && !STORE_FAULTS.has(coded.code)) {
        const half = Math.ceil(entries.length / 2);
        return [
          ...(await this.#deliver(tenantId, entries.slice(0, half))),
          ...(await this.#deliver(tenantId, entries.slice(half))),
        ];
      }
      return entries.map((entry) => ({ entry, error: coded }));
    }
  }

  async #sleep(): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, this.#options.pollMs ?? INDEXING.pollMs);
      this.#signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }
}

/** Faults of the store and not of one document: splitting the batch would only repeat them. */
const STORE_FAULTS: ReadonlySet<string> = new Set([
  'STORE_DISABLED',
  'STORE_UNAVAILABLE',
  'STORE_TIMEOUT',
  'SUBGRAPH_UNAVAILABLE',
  'RATE_LIMITED',
  'BUDGET_EXCEEDED',
]);

function failureOf({ id, revision, attempts }: OutboxEntry, error: CodedError, longestSeconds: number): OutboxFailure {
  const disabled = error.code === 'STORE_DISABLED';
  const { hint, retryAfterSeconds } = error.extensions;
  const backoff = Math.min(longestSeconds, 2 ** Math.min(attempts, 20));
  return {
    id,
    revision,
    error: [error.message, hint]
      .filter((part) => part !== undefined)
      .join(' ')
      .slice(0, INDEXING.errorCharacters),
    disabled,
    // A store that accepts no more at the moment may say when it will.
    retryInSeconds: disabled
      ? INDEXING.disabledRetrySeconds
      : Math.max(backoff, typeof retryAfterSeconds === 'number' ? Math.min(retryAfterSeconds, longestSeconds) : 0),
  };
}

function groupByTenant(entries: readonly OutboxEntry[]): Map<string, OutboxEntry[]> {
  const groups = new Map<string, OutboxEntry[]>();
  for (const entry of entries) {
    const group = groups.get(entry.tenantId);
    if (group === undefined) groups.set(entry.tenantId, [entry]);
    else group.push(entry);
  }
  return groups;
}
