/** One WebSocket to a subgraph elsewhere, with the subscriptions of one caller on it. */
import { createClient, type Client, type SubscribePayload } from 'graphql-ws';
import WebSocket from 'ws';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { mayBeExact, parseExactJson, unmarked } from '#subgraphs/shared/exact-number.ts';
import { cancelled } from '#gateway/execute/run/fetch-errors.ts';
import { onAbort } from './abort-hooks.ts';
import { EventQueue } from './event-queue.ts';
import {
  remoteEvent,
  sizeOfEvent,
  type RemoteEvent,
  type RemoteEvents,
  type StreamBounds,
} from './remote-subscription.ts';
import { socketTls, tellTlsFault } from '#gateway/config/tls-connector.ts';
import { NoWebSocket, notAllowed, readerTooSlow, subscriptionBroke, type SubgraphFailure } from './subgraph-failure.ts';

/** Who asks. */
export interface ConnectionIdentity {
  headers(): Promise<Record<string, string>>;
  /** Of `connection_init`, beneath the headers. */
  parameters(): Readonly<Record<string, unknown>> | undefined;
}

export class RemoteConnection {
  readonly #bounds: StreamBounds;
  readonly #onEnd: () => void;
  readonly #client: Client;
  /** Streams on it, and how to tell each that the connection is lost. */
  readonly #streams = new Map<RemoteEvents, (failure: SubgraphFailure) => void>();
  readonly #waiting = new Set<() => void>();
  /** From when it is made. */
  #connecting: WebSocket | undefined;
  /** From when it is open: `ws` cannot pause one that is not. */
  #socket: WebSocket | undefined;
  /** Bytes of the message that is being read. */
  #messageBytes = 0;
  /** What it carries, where it has numbers to keep. */
  #exactPayload: unknown;
  #connected = false;
  #ended = false;
  #unanswered: NodeJS.Timeout | undefined;

  /** @param onEnd called once, when it serves nobody any more */
  constructor(bounds: StreamBounds, url: URL, identity: ConnectionIdentity, onEnd: () => void) {
    this.#bounds = bounds;
    this.#onEnd = onEnd;
    let headers: Record<string, string> = {};
    this.#client = createClient({
      // Asked for first, and waited for.
      url: async () => {
        try {
          headers = await identity.headers();
        } catch (error) {
          this.#lost(error);
        }
        return url.href;
      },
      webSocketImpl: this.#socketClass(() => headers),
      connectionParams: () => ({ ...identity.parameters(), ...headers }),
      connectionAckWaitTimeout: bounds.timeoutMs,
      keepAlive: bounds.pingMs,
      retryAttempts: 0,
      onNonLazyError: () => undefined,
    });
    this.#client.on('opened', (socket) => {
      this.#socket = socket as WebSocket;
      if (this.#ended) this.#socket.terminate();
    });
    this.#client.on('connected', () => {
      this.#connected = true;
      for (const connected of this.#waiting) connected();
      this.#waiting.clear();
    });
    this.#client.on('ping', (received) => {
      if (received) return;
      this.#unanswered = setTimeout(() => {
        // While its reader is behind, the answer waits with everything else.
        if (this.#socket?.isPaused === false) this.#socket.terminate();
      }, bounds.pingMs);
    });
    this.#client.on('message', () => clearTimeout(this.#unanswered));
    // The library connects again in silence after some closes, and what came between would be lost: whatever its code,
    // a close that is not ours is the end.
    this.#client.on('closed', (event) => this.#lost(event));
    this.#client.on('error', (error) => this.#lost(error));
  }

  /** Whether another stream may be opened on it. One that has stopped for its only reader would stop for both. */
  get hasRoom(): boolean {
    return !this.#ended && this.#socket?.isPaused !== true && this.#streams.size < this.#bounds.operationsPerSocket;
  }

  /**
   * Opens a stream.
   * @throws SubgraphFailure when it cannot be opened; CodedError `REQUEST_TIMEOUT` when cancelled
   */
  open(payload: SubscribePayload, signal: AbortSignal | undefined): Promise<RemoteEvents> {
    const { name, bufferBytes } = this.#bounds;
    let unsubscribe = (): void => undefined;
    const events: RemoteEvents = new EventQueue<RemoteEvent>({
      sizeOf: sizeOfEvent,
      limitBytes: bufferBytes,
      pause: () => {
        if (this.#streams.size === 1) this.#socket?.pause();
      },
      resume: () => this.#socket?.resume(),
      end: () => {
        this.#streams.delete(events);
        this.#socket?.resume();
        unsubscribe();
        if (this.#streams.size === 0) this.close();
      },
      overLimit: () => {
        if (this.#streams.size > 1) return readerTooSlow(name);
        this.#socket?.pause();
        return undefined;
      },
    });
    return new Promise((resolve, reject) => {
      const release = onAbort(signal, () => {
        void events.return();
        reject(cancelled(signal!));
      });
      if (signal?.aborted === true) return;
      const fail = (failure: SubgraphFailure): void => {
        release();
        events.finish(failure);
        reject(failure); // Of one that is open, nobody hears it.
      };
      this.#streams.set(events, fail);
      const connected = (): void => {
        release();
        resolve(events);
      };
      unsubscribe = this.#client.subscribe(payload, {
        next: (event) => {
          try {
            events.push(remoteEvent(this.#bounds, this.#exactPayload ?? event, this.#messageBytes));
          } catch (error) {
            fail(error as SubgraphFailure);
          }
        },
        error: (error) => {
          // The protocol's own error message: the operation was refused, with GraphQL errors.
          if (!Array.isArray(error)) return this.#lost(error);
          events.push(remoteEvent(this.#bounds, { errors: error as unknown[] }, this.#messageBytes));
          events.finish();
        },
        complete: () => events.finish(),
      });
      if (this.#connected) connected();
      else this.#waiting.add(connected);
    });
  }

  /** Ends it and all streams on it. Idempotent. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#unanswered);
    for (const events of [...this.#streams.keys()]) void events.return();
    // Of a connection that failed, it would tell again why.
    Promise.resolve(this.#client.dispose()).catch(() => undefined);
    // One that is still being opened would be waited for.
    if (!this.#connected) this.#connecting?.terminate();
    this.#onEnd();
  }

  /** All streams are told why, after what had arrived. */
  #lost(reason: unknown): void {
    if (this.#ended) return;
    const { code, reason: text, error } = (reason ?? {}) as { code?: unknown; reason?: unknown; error?: unknown };
    const closeCode = typeof code === 'number' ? code : undefined;
    // What a socket's events hold besides is not fit for a log.
    const cause =
      reason instanceof CodedError || (reason instanceof Error && closeCode === undefined)
        ? reason
        : (error ?? new Error(`${String(code)} ${String(text)}`));
    tellTlsFault(this.#bounds, cause);
    const { name } = this.#bounds;
    const status = upgradeRefusal(cause);
    const failure = (): SubgraphFailure =>
      status === undefined || this.#connected
        ? subscriptionBroke(name, { opened: this.#connected, closeCode, cause })
        : (notAllowed(name, status, cause) ?? new NoWebSocket(name, status, cause));
    for (const fail of [...this.#streams.values()]) fail(failure());
    this.close();
  }

  #socketClass(
    headers: () => Record<string, string>,
  ): new (address: string, protocols?: string | string[]) => WebSocket {
    const opened = (socket: WebSocket): void => {
      this.#connecting = socket;
      // Before the library, which reads each message at once.
      socket.on('message', (data: Buffer) => {
        this.#messageBytes = data.length;
        this.#exactPayload = exactPayload(data);
      });
    };
    const bounds = this.#bounds;
    return class SubgraphSocket extends WebSocket {
      constructor(address: string, protocols?: string | string[]) {
        // Compression makes it hard to bound what waits.
        super(address, protocols, {
          ...socketTls(bounds),
          headers: headers(),
          maxPayload: bounds.maxResponseBytes,
          handshakeTimeout: bounds.timeoutMs,
          perMessageDeflate: false,
        });
        opened(this);
      }

      // The library writes what it was given: a marked text, whose numbers are numbers again on the wire.
      override send(data: never, ...rest: never[]): void {
        super.send(typeof data === 'string' ? unmarked(data) : data, ...rest);
      }
    };
  }
}

/** The status of HTTP with which a WebSocket was refused, where that was the answer: `ws` tells it in words alone. */
function upgradeRefusal(cause: unknown): number | undefined {
  const status = cause instanceof Error ? /^Unexpected server response: (\d{3})$/.exec(cause.message)?.[1] : undefined;
  return status === undefined ? undefined : Number(status);
}

/** The payload of a message with numbers to keep; undefined for all others, which the library reads well enough. */
function exactPayload(data: Buffer): unknown {
  const text = data.toString();
  if (!mayBeExact(text)) return undefined;
  try {
    return (parseExactJson(text) as { payload?: unknown } | null)?.payload;
  } catch {
    return undefined; // The library says so.
  }
}
