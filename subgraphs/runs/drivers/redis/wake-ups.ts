/**
 * Wake-ups by Redis pub/sub: they cost PostgreSQL's commits nothing (NOTIFY takes a lock of the whole database there).
 * Redis holds nothing that is needed: while it is away, streams go on by the poll, and look at their logs once it is
 * back.
 */
import type { Redis, RedisOptions } from 'ioredis';
import { isRefusal, redisClient } from '#subgraphs/shared/redis/client.ts';
import type { Secret } from '#subgraphs/shared/secret.ts';
import type { Examination } from '#subgraphs/shared/examination.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import { RUNS } from '../../bounds.ts';
import { formatWake, parseWake, type Wake, type WakeListener, type WakeUps } from '../../streams/wake-ups.ts';

export const REDIS_CHANNEL = 'tributary:runs';

export interface RedisWakeUpsOptions {
  log?: (message: string, error?: unknown) => void;
  /** Pauses before reconnecting: see `RedisClientOptions`. */
  backoffMs?: number;
  maxBackoffMs?: number;
}

export class RedisWakeUps implements WakeUps {
  readonly #url: Secret;
  readonly #options: RedisWakeUpsOptions;
  readonly #publisher: Redis;
  #subscriber: Redis | undefined;
  #listener: WakeListener | undefined;
  #ready: Promise<void> | undefined;
  /** False from the loss of the subscription until readers were told of the gap. */
  #heardAll = true;
  /** Whether the outage that lasts has been logged. */
  #outageLogged = false;
  /** Why the connection failed, which commands that wait for it are not told. */
  #lastError: unknown;
  #closed = false;

  /** @param url `redis://` or `rediss://`; asked again for user and password whenever the connection is made anew */
  constructor(url: Secret, options: RedisWakeUpsOptions = {}) {
    this.#url = url;
    this.#options = options;
    // A wake-up is worth little after a moment: what cannot be sent soon is dropped, and the poll finds it.
    this.#publisher = this.#client({
      maxRetriesPerRequest: 1,
      commandTimeout: RUNS.redisCommandMs,
      enableAutoPipelining: true,
    });
  }

  committed(wake: Wake): void {
    if (this.#closed) return;
    this.#publisher.publish(REDIS_CHANNEL, formatWake(wake)).then(
      () => (this.#outageLogged = false),
      (error: unknown) => this.#outage(error),
    );
  }

  start(listener: WakeListener): void {
    this.#listener = listener;
  }

  /** Waits for the first subscription or the first failure; later losses are made good behind. */
  ready(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#ready ??= new Promise((resolve) => {
      const subscriber = this.#client({ autoResubscribe: false, maxRetriesPerRequest: null });
      this.#subscriber = subscriber;
      subscriber.on('message', (_channel: string, text: string) => {
        const wake = parseWake(text);
        if (wake) this.#listener?.onWake(wake);
      });
      subscriber.on('ready', () => {
        subscriber.subscribe(REDIS_CHANNEL).then(
          () => {
            resolve();
            this.#outageLogged = false;
            if (this.#heardAll) return;
            // Only now: what is sent from here on is heard, so that one look finds all that was missed.
            this.#heardAll = true;
            this.#listener?.onGap();
          },
          (error: unknown) => {
            this.#outage(error);
            // A connection that may not subscribe (or broke on the way) is tried anew.
            subscriber.disconnect(true);
          },
        );
      });
      subscriber.on('close', () => {
        this.#heardAll = false;
        resolve();
      });
      subscriber.connect().catch(() => resolve()); // Told by the `error` event; reconnecting goes on.
    });
    return this.#ready;
  }

  async health(): Promise<StoreHealth> {
    const began = performance.now();
    try {
      await this.#publisher.ping();
      return { store: 'redis', state: 'ok', latencyMs: Math.round((performance.now() - began) * 10) / 10 };
    } catch (error) {
      const refused = isRefusal(String([error, this.#lastError]));
      return {
        store: 'redis',
        state: 'down',
        detail: `Redis ${refused ? 'refused the user or password' : 'does not answer'}: streams of runs are delayed by up to some seconds. Check ${refused ? 'those in REDIS_URL' : 'REDIS_URL'}.`,
      };
    }
  }

  /** Which version the server is, where its user may ask. */
  async examine(): Promise<Examination> {
    const info = await this.#publisher.info('server').catch(() => '');
    return { version: /^(?:redis|valkey)_version:(\S+)/m.exec(info)?.[1], findings: [] };
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#publisher.disconnect();
    this.#subscriber?.disconnect();
    return Promise.resolve();
  }

  #client(options: RedisOptions): Redis {
    const { backoffMs, maxBackoffMs } = this.#options;
    return redisClient(this.#url, { backoffMs, maxBackoffMs, ...options }, (error) => {
      this.#lastError = error;
      this.#outage(error);
    });
  }

  #outage(error: unknown): void {
    if (this.#outageLogged || this.#closed) return;
    this.#outageLogged = true;
    this.#options.log?.('Redis does not carry wake-ups; streams of runs are polled until it does.', error);
  }
}
