/**
 * Wake-ups by LISTEN/NOTIFY: one listening connection a process, opened for the first reader, reconnecting while there
 * are any.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Postgres, Statement } from '#subgraphs/shared/postgres/postgres.ts';
import { RUNS } from '../../bounds.ts';
import { formatWake, parseWake, type Wake, type WakeListener, type WakeUps } from '../../streams/wake-ups.ts';

export const CHANNEL = 'tributary_runs';

export interface PostgresWakeUpsOptions {
  log?: (message: string, error?: unknown) => void;
  /** The first pause before reconnecting, in milliseconds; it doubles up to {@link maxBackoffMs}. @default 100 */
  backoffMs?: number;
  /** @default 5000 */
  maxBackoffMs?: number;
}

type Connection = Awaited<ReturnType<Postgres['listen']>>;

export class PostgresWakeUps implements WakeUps {
  readonly #postgres: Pick<Postgres, 'listen'>;
  readonly #options: PostgresWakeUpsOptions;
  readonly #closing = new AbortController();
  #listener: WakeListener | undefined;
  #connection: Connection | undefined;
  #connecting: Promise<void> | undefined;
  #reconnecting: Promise<void> | undefined;
  /** False from the loss of a connection until readers were told of the gap. */
  #heardAll = true;

  constructor(postgres: Pick<Postgres, 'listen'>, options: PostgresWakeUpsOptions = {}) {
    this.#postgres = postgres;
    this.#options = options;
  }

  statement(wake: Wake): Statement {
    return { sql: 'SELECT pg_notify($1, $2)', parameters: [CHANNEL, formatWake(wake)] };
  }

  start(listener: WakeListener): void {
    this.#listener = listener;
  }

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
        CHANNEL,
        (text) => {
          const wake = parseWake(text);
          if (wake) this.#listener?.onWake(wake);
        },
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
      this.#options.log?.('The runs subgraph cannot listen for wake-ups; it polls until it can.', error);
    }
  }

  #lost(connection: Connection | undefined, error: Error): void {
    this.#heardAll = false;
    if (connection === undefined || this.#connection !== connection) return;
    this.#connection = undefined;
    this.#options.log?.('The runs subgraph lost its listening connection; it reconnects.', error);
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
    let pause = this.#options.backoffMs ?? RUNS.firstReconnectMs;
    while (this.#connection === undefined && this.#listener?.needed() === true && !this.#closing.signal.aborted) {
      // Half of the pause is random, so that the processes of a deployment do not come back all at once.
      await delay(pause * (0.5 + Math.random() / 2), undefined, { signal: this.#closing.signal, ref: false }).catch(
        () => undefined,
      );
      pause = Math.min(pause * 2, this.#options.maxBackoffMs ?? RUNS.longestReconnectMs);
      await this.#connect();
    }
  }

  async #drop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }
}
