/**
 * Hears a channel of LISTEN/NOTIFY: one listening connection, opened for the first who needs it, reconnecting while
 * anybody does.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { backoff } from '../backoff.ts';
import { POSTGRES } from './bounds.ts';
import type { Postgres } from './postgres.ts';

export interface ListeningOptions {
  readonly channel: string;
  /** Who listens, for the log, as in "The runs subgraph". */
  readonly who: string;
  readonly log?: ((message: string, error?: unknown) => void) | undefined;
  /** The first pause before reconnecting, in milliseconds; it doubles up to {@link maxBackoffMs}. @default 100 */
  readonly backoffMs?: number | undefined;
  /** @default 5000 */
  readonly maxBackoffMs?: number | undefined;
}

export interface Listener {
  onMessage(text: string): void;
  /** Messages may have been missed: look for what has changed since. */
  onGap(): void;
  /** Whether anybody is told; nobody is, nothing reconnects. */
  needed(): boolean;
}

type Connection = Awaited<ReturnType<Postgres['listen']>>;

export class Listening {
  readonly #postgres: Pick<Postgres, 'listen'>;
  readonly #options: ListeningOptions;
  readonly #closing = new AbortController();
  #listener: Listener | undefined;
  #connection: Connection | undefined;
  #connecting: Promise<void> | undefined;
  #reconnecting: Promise<void> | undefined;
  /** False from the loss of a connection until readers were told of the gap. */
  #heardAll = true;

  constructor(postgres: Pick<Postgres, 'listen'>, options: ListeningOptions) {
    this.#postgres = postgres;
    this.#options = options;
  }

  /** Names who is told. Nothing is connected yet. */
  start(listener: Listener): void {
    this.#listener = listener;
  }

  /**
   * Resolves when what is sent from now on will arrive, or when connecting failed: reconnecting goes on behind. Never
   * rejects.
   */
  async ready(): Promise<void> {
    if (this.#connection !== undefined || this.#closing.signal.aborted) return;
    // While reconnecting, a new reader does not wait out the pause: it tries for itself.
    await this.#connect();
    if (this.#connection === undefined) this.#reconnect();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#connecting;
    await this.#reconnecting;
    await this.#drop();
  }

  /** One attempt; concurrent callers share it. */
  #connect(): Promise<void> {
    this.#connecting ??= this.#attempt().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #attempt(): Promise<void> {
    if (this.#connection !== undefined || this.#closing.signal.aborted) return;
    let connection: Connection | undefined; // It may break before it is answered.
    let broken = false;
    try {
      connection = await this.#postgres.listen(
        this.#options.channel,
        (text) => this.#listener?.onMessage(text),
        (error) => {
          if (broken) return; // A broken connection reports its error and then its end.
          broken = true;
          this.#lost(connection, error);
        },
      );
      if (broken) {
        await connection.close();
        return;
      }
      this.#connection = connection;
      if (!this.#heardAll) {
        this.#heardAll = true;
        this.#listener?.onGap();
      }
    } catch (error) {
      broken = true;
      this.#heardAll = false;
      this.#options.log?.(`${this.#options.who} cannot listen for wake-ups; it polls until it can.`, error);
    }
  }

  #lost(connection: Connection | undefined, error: Error): void {
    this.#heardAll = false;
    if (connection === undefined || this.#connection !== connection) return;
    this.#connection = undefined;
    this.#options.log?.(`${this.#options.who} lost its listening connection; it reconnects.`, error);
    connection
      .close()
      .catch((cause: unknown) => this.#options.log?.('Closing a broken listening connection failed.', cause));
    this.#reconnect();
  }

  #reconnect(): void {
    this.#reconnecting ??= this.#retry().finally(() => {
      this.#reconnecting = undefined;
    });
  }

  async #retry(): Promise<void> {
    const { backoffMs: firstMs = POSTGRES.firstReconnectMs, maxBackoffMs: longestMs = POSTGRES.longestReconnectMs } =
      this.#options;
    for (
      let attempt = 1;
      this.#connection === undefined && this.#listener?.needed() === true && !this.#closing.signal.aborted;
      attempt += 1
    ) {
      const pause = backoff(attempt, { firstMs, longestMs });
      await delay(pause, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
      await this.#connect();
    }
  }

  async #drop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }
}
