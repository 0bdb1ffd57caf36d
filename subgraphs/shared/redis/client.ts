/** Connections to Redis: how they are made, and made anew. */
import { Redis, type RedisOptions } from 'ioredis';
import { reveal, type Secret } from '#subgraphs/shared/secret.ts';
import { backoff } from '../backoff.ts';
import { REDIS } from './bounds.ts';

export interface RedisClientOptions extends RedisOptions {
  /** The first pause before reconnecting, in milliseconds; it doubles up to {@link maxBackoffMs}. Default: `REDIS.firstReconnectMs` */
  backoffMs?: number | undefined;
  /** Default: `REDIS.longestReconnectMs` */
  maxBackoffMs?: number | undefined;
}

/**
 * A client that connects when it is first used, and again for as long as it is not closed.
 * @param url `redis://` or `rediss://`; asked again for user and password whenever the connection is made anew
 * @param onError told of every failure of the connection
 */
export function redisClient(
  url: Secret,
  { backoffMs = REDIS.firstReconnectMs, maxBackoffMs = REDIS.longestReconnectMs, ...options }: RedisClientOptions,
  onError: (error: Error) => void,
): Redis {
  const client = new Redis(reveal(url)!, {
    lazyConnect: true,
    connectionName: 'tributary',
    connectTimeout: REDIS.connectMs,
    retryStrategy: (attempt) => {
      Object.assign(client.options, credentialsOf(reveal(url)!));
      return backoff(attempt, { firstMs: backoffMs, longestMs: maxBackoffMs });
    },
    ...options,
  });
  client.on('error', onError);
  return client;
}

/** Whether Redis refuses user or password, or what the user asks, by its own word for a failure. */
export const isRefusal = (message: string): boolean =>
  /WRONGPASS|NOAUTH|NOPERM|invalid (username|password)/i.test(message);

/** What the client, which knows no other way to exchange them, keeps among its options. */
function credentialsOf(url: string): Pick<RedisOptions, 'username' | 'password'> {
  const { username, password } = new URL(url);
  return { username: decodeURIComponent(username) || undefined, password: decodeURIComponent(password) || undefined };
}
