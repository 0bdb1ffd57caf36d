/** How the configuration's PostgreSQL is opened, by whichever process. */
import { Postgres, type PostgresOptions } from '#subgraphs/shared/postgres/postgres.ts';
import type { Config } from '#gateway/config/config.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';

/** @param url of the server; a function is asked before each connection */
export function postgresOptions(
  { stores, bounds, current }: Config,
  url: PostgresOptions['url'],
  log: Logger,
): PostgresOptions {
  const { postgresReplica, preparedStatements } = stores;
  return {
    url,
    replicaUrl: postgresReplica && (() => current.value('DATABASE_REPLICA_URL')!),
    ...bounds.postgres,
    preparedStatements,
    onIdleError: (error) => log.warn({ err: error }, 'A connection to PostgreSQL broke; the pool replaces it.'),
    onReplica: (state, detail) =>
      state === 'ready'
        ? log.info('Reads go to the replica of PostgreSQL again.')
        : log.warn({ state, detail }, 'Reads go to the primary PostgreSQL.'),
  };
}

/**
 * Opens the configuration's PostgreSQL, or the embedded one where it names none.
 * @returns `undefined` where PostgreSQL is off
 */
export async function openPostgres(
  config: Config,
  embedded: Promise<string> | undefined,
  log: Logger,
): Promise<Postgres | undefined> {
  if (config.stores.postgres === 'off') return undefined;
  const url = config.stores.postgres === undefined ? await embedded : config.current.postgresUrl;
  if (url === undefined) throw new Error('The configuration names no PostgreSQL, and no embedded one was started.');
  return new Postgres(postgresOptions(config, url, log));
}

/** Tells one database from another, so that what was ingested into one is not taken to be in the other. */
export function databaseName({ stores, dataDir }: Config): string | undefined {
  if (stores.postgres === 'off') return undefined;
  if (stores.postgres === undefined) return `embedded:${dataDir}`;
  const { host, pathname, search } = new URL(stores.postgres.url);
  return `${host}${pathname}${search}`;
}
