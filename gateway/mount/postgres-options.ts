/** How the configuration's PostgreSQL is opened, by whichever process. */
import type { PostgresOptions } from '#subgraphs/shared/postgres/postgres.ts';
import type { Config } from '#gateway/config/config.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';

/** @param url of the server; a function is asked before each connection */
export function postgresOptions(
  { stores, current }: Config,
  url: PostgresOptions['url'],
  log: Logger,
): PostgresOptions {
  const { postgresPoolSize, postgresReplica, preparedStatements } = stores;
  return {
    url,
    replicaUrl: postgresReplica && (() => current.value('DATABASE_REPLICA_URL')!),
    poolSize: postgresPoolSize,
    preparedStatements,
    onIdleError: (error) => log.warn({ err: error }, 'A connection to PostgreSQL broke; the pool replaces it.'),
    onReplica: (state, detail) =>
      state === 'ready'
        ? log.info('Reads go to the replica of PostgreSQL again.')
        : log.warn({ state, detail }, 'Reads go to the primary PostgreSQL.'),
  };
}
