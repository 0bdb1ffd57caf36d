/**
 * One subscription on a subgraph elsewhere for all who are to be told the same: who ask for the same, and of whom the
 * subgraph is told the same.
 */
import type { ExecutionResult } from 'graphql';
import type { ShareableStream } from '#gateway/execute/answers/shared-answers.ts';
import { cancelled } from '#gateway/execute/run/fetch-errors.ts';
import { onAbort } from './abort-hooks.ts';
import { copyOfJson } from '../json-object.ts';
import { EventQueue } from './event-queue.ts';
import { readResult, type Answering } from './graphql-response.ts';
import { sizeOfEvent, type RemoteEvent, type RemoteEvents, type Resubscribed } from './remote-subscription.ts';
import { readerTooSlow, type SubgraphFailure } from './subgraph-failure.ts';

/**
 * Who may join a subscription that is open. `start`: until its first event, so that streams which begin with what was
 * before (a snapshot, a replay) are whole for everybody. `live`: at any time, for streams of which each event stands
 * alone. `off`: nobody.
 */
export type SubscriptionSharing = 'off' | 'start' | 'live';

export interface SharedSubscriptionOptions extends Answering {
  sharing: SubscriptionSharing;
  /** Bytes of events that may wait for one who reads more slowly than others. */
  bufferBytes: number;
}

/** An event, the same object for everybody. */
interface SharedEvent {
  readonly event: RemoteEvent;
  /** Whether several read it, so that none may change it. */
  readonly several: boolean;
}

type Opening = (signal: AbortSignal) => Promise<RemoteEvents | ExecutionResult>;

/** All that are open on one subgraph. */
export class SharedSubscriptions {
  readonly #options: SharedSubscriptionOptions;
  readonly #open = new Map<string, Upstream>();

  constructor(options: SharedSubscriptionOptions) {
    this.#options = options;
  }

  /**
   * Joins the subscription of `key`, or opens it. The last to leave ends it.
   * @param key all that decides what comes: the operation, its variables, and who asks as far as the subgraph is told
   * @param open until its signal ends it
   * @returns a stream, or a result with errors where the subgraph refused
   * @throws what `open` throws, and the reason of `signal`
   */
  follow(key: string, signal: AbortSignal | undefined, open: Opening): Promise<ShareableStream | ExecutionResult> {
    const { sharing } = this.#options;
    const found = sharing === 'off' ? undefined : this.#open.get(key);
    if (found !== undefined && found.joinable(sharing)) return found.follow(signal);
    const upstream: Upstream = new Upstream(this.#options, open, () => {
      if (this.#open.get(key) === upstream) this.#open.delete(key);
    });
    this.#open.set(key, upstream);
    return upstream.follow(signal);
  }
}

class Upstream {
  readonly #options: SharedSubscriptionOptions;
  readonly #followers = new Set<EventQueue<SharedEvent>>();
  readonly #ending = new AbortController();
  readonly #onEnd: () => void;
  readonly #opened: Promise<ExecutionResult | undefined>;
  #events: RemoteEvents | undefined;
  #begun = false;
  #ended = false;
  #pumping = false;

  constructor(options: SharedSubscriptionOptions, open: Opening, onEnd: () => void) {
    this.#options = options;
    this.#onEnd = onEnd;
    this.#opened = open(this.#ending.signal).then(
      (opened) => {
        if (!(opened instanceof EventQueue)) {
          this.#end();
          return opened;
        }
        this.#events = opened;
        if (this.#ended) void opened.return();
        else this.#pump();
        return undefined;
      },
      (error: unknown) => {
        this.#end();
        throw error;
      },
    );
    this.#opened.catch(() => undefined); // Everybody who waits is told.
  }

  joinable(sharing: SubscriptionSharing): boolean {
    return !this.#ended && (sharing === 'live' || !this.#begun);
  }

  follow(signal: AbortSignal | undefined): Promise<ShareableStream | ExecutionResult> {
    // From now on, so that it has what comes while it waits for the opening.
    const queue: EventQueue<SharedEvent> = new EventQueue<SharedEvent>({
      sizeOf: ({ event }) => sizeOfEvent(event),
      limitBytes: this.#options.bufferBytes,
      // Where nobody keeps up no more is taken, and the subgraph stops; who alone does not holds up only himself.
      pause: () => undefined,
      resume: () => this.#pump(),
      end: () => {
        this.#followers.delete(queue);
        if (this.#followers.size === 0) this.#end();
        else this.#pump();
      },
      overLimit: () => (this.#nobodyKeepsUp ? undefined : readerTooSlow(this.#options.name)),
    });
    this.#followers.add(queue);
    return new Promise((resolve, reject) => {
      const release = onAbort(signal, () => {
        void queue.return();
        reject(cancelled(signal!));
      });
      this.#opened.then(
        (refused) => {
          release();
          resolve(refused ?? streamOf(this.#options, queue));
        },
        (error: unknown) => {
          release();
          reject(error as Error);
        },
      );
    });
  }

  /** Gives everybody what is there, unless all are behind; called again when more comes, or one has caught up. */
  readonly #pump = (): void => {
    const events = this.#events;
    if (events === undefined || this.#pumping) return;
    this.#pumping = true;
    try {
      while (!this.#ended && !this.#nobodyKeepsUp) {
        const event = events.poll();
        if (event === undefined) {
          if (!events.whenMore(this.#pump)) events.next().then(() => this.#finish(), this.#finish);
          return;
        }
        this.#begun = true;
        const shared = { event, several: this.#followers.size > 1 };
        for (const follower of [...this.#followers]) follower.push(shared);
      }
    } finally {
      this.#pumping = false;
    }
  };

  get #nobodyKeepsUp(): boolean {
    return [...this.#followers].every(({ behind }) => behind);
  }

  readonly #finish = (failure?: SubgraphFailure): void => {
    for (const follower of [...this.#followers]) follower.finish(failure);
    this.#end();
  };

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    if (this.#events === undefined) this.#ending.abort();
    else void this.#events.return();
  }
}

/** The stream of one follower: results by itself, and events that need be answered once for all. */
function streamOf(from: Answering, queue: EventQueue<SharedEvent>): ShareableStream {
  const answer = ({ event, several }: SharedEvent): ExecutionResult => {
    const result = several ? readResult(from, undefined, copyOfJson(event.payload)) : event.result;
    return event.resubscribed === undefined ? result : withNote(result, event.resubscribed);
  };
  const stream: AsyncIterableIterator<ExecutionResult> = {
    async next() {
      const next = await queue.next();
      return next.done === true ? { done: true, value: undefined } : { done: false, value: answer(next.value) };
    },
    async return() {
      await queue.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  return Object.assign(stream, {
    shareable: { events: queue, answer: (event: object) => answer(event as SharedEvent) },
  });
}

/** The gateway's own word to the client beside an event: subgraphs, whose `extensions` are theirs, cannot say it. */
const NOTE = Symbol('resubscribed');

const withNote = (result: ExecutionResult, note: Resubscribed): ExecutionResult =>
  Object.assign({ ...result }, { [NOTE]: note });

/** What became of the stream before this event; undefined for nearly every event. */
export const resubscriptionOf = (event: ExecutionResult): Resubscribed | undefined =>
  (event as { [NOTE]?: Resubscribed })[NOTE];
