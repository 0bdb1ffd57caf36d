/** All subscriptions to changes of one source in this process: woken by what the store tells, and by a poll. */
import { setTimeout as delay } from 'node:timers/promises';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { CodedError } from '#subgraphs/shared/errors.ts';
import type { SharedEvents } from '#subgraphs/shared/shared-events.ts';
import { patiently } from '#subgraphs/shared/streams/patiently.ts';
import { PulledStream } from '#subgraphs/shared/streams/pulled-stream.ts';
import { SOURCES } from '../bounds.ts';
import {
  tableIdOf,
  type Change,
  type ChangeBatch,
  type ChangePlace,
  type ChangesRequest,
  type SourceChanges,
} from '../driver.ts';

export interface HubOptions {
  /** The most connections to the source, of which reading changes takes half. @default SOURCES.poolSize */
  readonly poolSize?: number;
  /** @default SOURCES.pollMs */
  readonly pollMs?: number | undefined;
  /** @default SOURCES.patienceMs */
  readonly patienceMs?: number | undefined;
  /** @default nobody is told */
  readonly log?: (message: string, error?: unknown) => void;
}

/** What is followed, but for the place. */
export type Followed = Omit<ChangesRequest, 'after'>;

export class ChangeHub {
  readonly #options: HubOptions;
  readonly #streams = new Map<ChangeStream, string>();
  /** Equal reads at the same moment are one, so that what they give is the same to all who follow. */
  readonly #reads = new Map<string, Promise<ChangeBatch>>();
  readonly #slots: Slots;
  #timer: NodeJS.Timeout | undefined;
  #listening: ReturnType<NonNullable<SourceChanges['listen']>> | undefined;

  constructor(options: HubOptions = {}) {
    this.#options = options;
    // Who follows leaves connections to who asks.
    this.#slots = new Slots(Math.max(1, Math.floor((options.poolSize ?? SOURCES.poolSize) / 2)));
  }

  /** How many follow. */
  get size(): number {
    return this.#streams.size;
  }

  /**
   * Follows the changes of a table that the caller's tenant may see: everything behind the place, then what comes, without end.
   * @param after undefined for what comes from now on
   * @throws CodedError as {@link SourceChanges.read} does, at once or through the stream
   */
  async follow(
    context: RequestContext,
    changes: SourceChanges,
    followed: Followed,
    after: ChangePlace | undefined,
  ): Promise<SharedEvents<Change>> {
    const { relation } = followed;
    const own = neutralOf(context);
    const patienceMs = this.#options.patienceMs ?? SOURCES.patienceMs;
    const stream: ChangeStream = new ChangeStream({
      read: (place, ended) =>
        patiently(() => this.#read(own, changes, { ...followed, after: place }), patienceMs, ended, hasChanged),
      signal: context.signal,
      onEnd: () => this.#left(stream),
    });
    // Followed first, looked second: what comes after the look wakes this stream.
    this.#streams.set(stream, tableIdOf(relation));
    this.#timer ??= setInterval(() => this.#wake(undefined), this.#options.pollMs ?? SOURCES.pollMs).unref();
    try {
      await this.#hear(changes);
      context.signal?.throwIfAborted();
      await (after === undefined ? stream.begin(await changes.head(own, relation)) : stream.resume(after));
      return stream;
    } catch (error) {
      await stream.return();
      throw error;
    }
  }

  /** Ends all streams; their clients resume elsewhere. */
  async close(): Promise<void> {
    await Promise.all([...this.#streams.keys()].map((stream) => stream.return()));
    await this.#listening?.close();
  }

  async #hear(changes: SourceChanges): Promise<void> {
    this.#listening ??= changes.listen?.(
      (table) => this.#wake(table),
      (message, error) => this.#options.log?.(message, error),
    );
    await this.#listening?.ready();
  }

  #left(stream: ChangeStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    const listening = this.#listening;
    this.#listening = undefined;
    void listening?.close();
  }

  #wake(table: string | undefined): void {
    for (const [stream, own] of this.#streams) if (table === undefined || table === own) stream.wake();
  }

  #read(context: RequestContext, changes: SourceChanges, request: ChangesRequest): Promise<ChangeBatch> {
    const { relation, ...asked } = request;
    const key = JSON.stringify([context.principal.tenantId, tableIdOf(relation), asked]);
    let read = this.#reads.get(key);
    if (read === undefined) {
      read = this.#slots.use(() => changes.read(context, request)).finally(() => this.#reads.delete(key));
      this.#reads.set(key, read);
    }
    return read;
  }
}

/** Whether what is asked for is there no more, or is another (classes 22, 3F and 42 of SQLSTATE): no waiting mends that. */
const hasChanged = ({ cause }: CodedError): boolean =>
  /^(22|3F|42)[\dA-Z]{3}$/.test(String((cause as { code?: unknown } | undefined)?.code));

/** Who reads for all of a tenant who follow: nobody's leaving ends it for the others. */
const neutralOf = ({ principal: { tenantId }, requestId }: RequestContext): RequestContext =>
  createRequestContext({ tenantId, subject: 'system:sources', roles: [], scopes: [], system: true }, { requestId });

/** So many at a time; the others in turn. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(slots: number) {
    this.#free = slots;
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((turn) => this.#waiting.push(turn));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

interface StreamOptions {
  readonly read: (place: ChangePlace, ended: AbortSignal) => Promise<ChangeBatch>;
  readonly signal: AbortSignal | undefined;
  readonly onEnd: () => void;
}

/** Pulls, so that a slow follower holds a batch and no more. */
class ChangeStream extends PulledStream<Change> {
  readonly #options: StreamOptions;
  readonly #ended = new AbortController();
  #place: ChangePlace = [];
  #changes: readonly Change[] = [];
  #at = 0;
  /** Whether there may be something behind the place. */
  #wanted = true;
  /** Before when it is not read again, by `performance.now()`, unless more is known to be there. */
  #notBefore = 0;
  #resume: (() => void) | undefined;
  #pause: number = SOURCES.firstPendingMs;
  #again: NodeJS.Timeout | undefined;

  constructor(options: StreamOptions) {
    super();
    this.#options = options;
    options.signal?.addEventListener('abort', this.end, { once: true });
    if (options.signal?.aborted === true) this.end();
  }

  /** Begins behind a place that changes have now. Call it or {@link resume} once, before anything is pulled. */
  begin(place: ChangePlace): void {
    this.#place = place;
  }

  /** Begins behind a place that a client has, and reads: whether it can is told at once. */
  async resume(place: ChangePlace): Promise<void> {
    this.#place = place;
    await this.#read();
  }

  wake(): void {
    this.#wanted = true;
    this.#go();
  }

  poll(): Change | undefined {
    this.#resume = undefined; // Who polls waits no longer.
    if (this.#ended.signal.aborted) return undefined;
    const change = this.#changes[this.#at];
    if (change !== undefined) this.#at += 1;
    return change;
  }

  whenMore(resume: () => void): boolean {
    if (this.#ended.signal.aborted || this.#wanted) return false;
    this.#resume = resume;
    return true;
  }

  protected async pull(): Promise<Change | undefined> {
    for (;;) {
      const change = this.poll();
      if (change !== undefined) return change;
      if (this.#ended.signal.aborted) return undefined;
      if (!this.#wanted) {
        await new Promise<void>((resume) => this.whenMore(resume) || resume());
        continue;
      }
      const rest = this.#notBefore - performance.now();
      if (rest > 0) await delay(rest, undefined, { signal: this.#ended.signal, ref: false }).catch(() => undefined);
      else await this.#read();
    }
  }

  async #read(): Promise<void> {
    this.#wanted = false;
    const { changes, upTo, more, pending } = await this.#options.read(this.#place, this.#ended.signal);
    [this.#changes, this.#at, this.#place] = [changes, 0, upTo];
    if (more) this.#wanted = true;
    this.#notBefore = more ? 0 : performance.now() + SOURCES.changesEveryMs;
    this.#pause = changes.length > 0 ? SOURCES.firstPendingMs : Math.min(this.#pause * 2, SOURCES.longestPendingMs);
    if (!pending || this.#ended.signal.aborted) return;
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.wake(), this.#pause).unref();
  }

  protected readonly end = (): void => {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    clearTimeout(this.#again);
    this.#options.signal?.removeEventListener('abort', this.end);
    this.#options.onEnd();
    this.#go();
  };

  #go(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }
}
