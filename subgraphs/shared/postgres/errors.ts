/**
 * PostgreSQL's and the socket's errors, mapped to this project's codes. Table of SQLSTATEs: PostgreSQL manual, appendix
 * A.
 */
import { isPreparedFault } from './prepared.ts';
import { badUserInput, CodedError, conflict, storeTimeout, storeUnavailable } from '../errors.ts';

/** What a server is called in messages, and where its address is said. */
export interface ToldServer {
  readonly store: string;
  /** The variable of its URL. */
  readonly variable: string;
  /** What sets the number of its connections. */
  readonly poolSize: string;
  /** What has statements not prepared. */
  readonly unprepared: string;
}

const OWN: ToldServer = {
  store: 'PostgreSQL',
  variable: 'DATABASE_URL',
  poolSize: 'POSTGRES_POOL_SIZE',
  unprepared: 'DATABASE_PREPARED_STATEMENTS=off',
};

/**
 * Maps what `pg` throws; what is no fault of the connection or the input stays as it is (and is masked at the edge).
 * Detail that may hold data or credentials goes to `cause` alone.
 */
export function toStoreError(error: unknown, server: ToldServer = OWN): Error {
  const { store, variable, poolSize, unprepared } = server;
  /** The URL, and what may say the same of the project's own server. */
  const url = (parts: string): string => (server === OWN ? `${variable} (or ${parts})` : variable);
  /** What to look at when the server does not answer. */
  const address = `Check that PostgreSQL runs at the host and port of ${url('PGHOST and PGPORT')}.`;
  if (error instanceof CodedError || !(error instanceof Error)) return error as Error;
  const code = (error as { code?: unknown }).code;
  const sqlState = typeof code === 'string' ? code : '';

  if (sqlState === '28P01' || sqlState === '28000') {
    return storeUnavailable(
      store,
      error,
      `PostgreSQL refused the user or password: check ${url('PGUSER and PGPASSWORD')}.`,
    );
  }
  if (sqlState === '3D000') {
    return storeUnavailable(
      store,
      error,
      `The database in ${url('PGDATABASE')} does not exist: run CREATE DATABASE, or name another.`,
    );
  }
  if (sqlState === '53300')
    return storeUnavailable(
      store,
      error,
      `PostgreSQL has no free connection: raise max_connections or lower ${poolSize}.`,
    );
  if (sqlState === '53100') return storeUnavailable(store, error, "PostgreSQL's disk is full.");
  if (sqlState === '57014')
    return storeTimeout(store, error, 'Ask for less; if everything is slow, check the PostgreSQL server.');
  if (sqlState === '57P03')
    return storeUnavailable(
      store,
      error,
      'PostgreSQL is starting up or shutting down; nothing needs to be done but wait.',
    );
  if (isPreparedFault(error)) {
    return storeUnavailable(
      store,
      error,
      `A prepared statement was lost: try again. If a pooler such as PgBouncer stands before PostgreSQL, set ${unprepared}.`,
    );
  }
  if (/^(08|57P0|58)/.test(sqlState)) return storeUnavailable(store, error, address);
  // A database without the tables, or (restored from a dump, which has no roles) without the roles that migrations
  // make.
  if (['42P01', '3F000'].includes(sqlState) || (sqlState === '22023' && /^role /.test(error.message))) {
    return storeUnavailable(
      store,
      error,
      'A migration is pending on the database in DATABASE_URL: restart the server, which applies it.',
    );
  }
  if (sqlState === '22021' || sqlState === '22P05')
    return badUserInput('Texts cannot contain the NUL character (U+0000).', { cause: error });
  if (/^22/.test(sqlState)) return badUserInput('A value is out of the range that can be stored.', { cause: error });
  if (/^23505|^40/.test(sqlState))
    return conflict('The write conflicts with another one; try again.', { cause: error });
  if (
    ['ECONNREFUSED', 'ENOTFOUND', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE', 'EAI_AGAIN'].includes(sqlState)
  ) {
    return storeUnavailable(store, error, address);
  }
  if (/exceeded when trying to connect/i.test(error.message)) {
    return storeTimeout(
      store,
      error,
      `No connection in time. ${address} If it does, all connections are busy: raise ${poolSize}.`,
    );
  }
  if (sqlState === 'ETIMEDOUT' || /timeout/i.test(error.message)) return storeTimeout(store, error, address);
  if (/terminated|not queryable|ended|closed/i.test(error.message)) return storeUnavailable(store, error, address);
  if (/SSL|TLS|certificate|self.signed/i.test(error.message)) {
    return storeUnavailable(
      store,
      error,
      `PostgreSQL and this server do not agree on TLS: check \`sslmode\` and \`sslrootcert\` in ${url('PGSSLMODE and PGSSLROOTCERT')}.`,
    );
  }
  return error;
}

/** The oldest major version that is known to do everything that is asked of it. */
export const OLDEST_POSTGRES = 15;

/**
 * @param versionNumber what `SHOW server_version_num` says, such as 180001
 * @throws CodedError `STORE_UNAVAILABLE` for a version that is too old
 */
export function checkPostgresVersion(versionNumber: number): void {
  const major = Math.floor(versionNumber / 10_000);
  if (major >= OLDEST_POSTGRES) return;
  throw new CodedError('STORE_UNAVAILABLE', `PostgreSQL ${major} is too old.`, {
    hint: `Set DATABASE_URL to a PostgreSQL ${OLDEST_POSTGRES} or newer.`,
  });
}

/** Migrations need what requests must not have: the right to make things. */
export function toMigrationError(error: unknown): Error {
  const { code } = error as { code?: unknown };
  if (!(error instanceof CodedError) && code === '42501') {
    return storeUnavailable(
      'The database in DATABASE_URL',
      error,
      'Its user may not make what migrations make. As its owner run: GRANT CREATE ON DATABASE <the database> TO <the user of DATABASE_URL>',
    );
  }
  return toStoreError(error);
}
