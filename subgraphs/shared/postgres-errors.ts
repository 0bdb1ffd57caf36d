/** PostgreSQL's and the socket's errors, mapped to this project's codes. Table of SQLSTATEs: PostgreSQL manual, appendix A. */
import { badUserInput, CodedError, conflict, storeTimeout, storeUnavailable } from './errors.ts';

const STORE = 'PostgreSQL';

/**
 * Maps what `pg` throws; what is no fault of the connection or the input stays as it is (and is masked at the edge).
 * Detail that may hold data or credentials goes to `cause` alone.
 */
export function toStoreError(error: unknown): Error {
  if (error instanceof CodedError || !(error instanceof Error)) return error as Error;
  const code = (error as { code?: unknown }).code;
  const sqlState = typeof code === 'string' ? code : '';

  if (sqlState === '28P01' || sqlState === '28000') {
    return storeUnavailable(STORE, error, 'PostgreSQL refused the user or password: check DATABASE_URL (or PGUSER and PGPASSWORD).');
  }
  if (sqlState === '3D000') {
    return storeUnavailable(STORE, error, 'The database in DATABASE_URL does not exist: create it, or name another.');
  }
  if (sqlState === '53300') return storeUnavailable(STORE, error, 'PostgreSQL has no free connection: raise max_connections or lower POSTGRES_POOL_SIZE.');
  if (sqlState === '53100') return storeUnavailable(STORE, error, 'PostgreSQL’s disk is full.');
  if (sqlState === '57014') return storeTimeout(STORE, error);
  if (/^(08|57P0|58)/.test(sqlState)) return storeUnavailable(STORE, error);
  if (sqlState === '42P01' || sqlState === '3F000') return storeUnavailable(STORE, error, 'A migration is pending: restart the server, which applies it.');
  if (sqlState === '22021' || sqlState === '22P05') return badUserInput('Texts cannot contain the NUL character (U+0000).', { cause: error });
  if (/^22/.test(sqlState)) return badUserInput('A value is out of the range that can be stored.', { cause: error });
  if (/^23505|^40/.test(sqlState)) return conflict('The write conflicts with another one; try again.', { cause: error });
  if (['ECONNREFUSED', 'ENOTFOUND', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE', 'EAI_AGAIN'].includes(sqlState)) {
    return storeUnavailable(STORE, error, 'Check that PostgreSQL runs at the host and port of DATABASE_URL.');
  }
  if (sqlState === 'ETIMEDOUT' || /timeout/i.test(error.message)) return storeTimeout(STORE, error);
  if (/terminated|not queryable|ended|closed/i.test(error.message)) return storeUnavailable(STORE, error);
  return error;
}
