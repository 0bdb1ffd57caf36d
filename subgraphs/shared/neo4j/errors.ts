/** Neo4j's errors, mapped to this project's codes. Codes: Neo4j status codes manual; the driver's own have no dots. */
import { CodedError, conflict, storeTimeout, storeUnavailable } from '../errors.ts';

const STORE = 'Neo4j';
/** What to look at when the server does not answer. */
const ADDRESS =
  'Check that Neo4j runs at NEO4J_URI, and that its scheme fits the server (bolt://, neo4j://, or with +s for TLS).';
/** The oldest major version whose Cypher (`CREATE CONSTRAINT … REQUIRE`) is spoken here. */
export const OLDEST_NEO4J = 5;

/**
 * @param agent what the server calls itself, such as `Neo4j/5.26.0`; others that speak the protocol pass
 * @throws CodedError `STORE_UNAVAILABLE` for a version that is too old
 */
export function checkNeo4jVersion(agent: string | undefined): void {
  const version = /^Neo4j\/(\d+)(?:\.\d+)*/.exec(agent ?? '');
  if (version === null || Number(version[1]) >= OLDEST_NEO4J) return;
  throw new CodedError('STORE_UNAVAILABLE', `${version[0].replace('/', ' ')} is too old.`, {
    hint: `Set NEO4J_URI to a Neo4j ${OLDEST_NEO4J} or newer.`,
  });
}

/** Maps what `neo4j-driver` throws; what is no fault of the connection stays as it is (and is masked at the edge). */
export function toNeo4jError(error: unknown): Error {
  if (error instanceof CodedError || !(error instanceof Error)) return error as Error;
  const code = String((error as { code?: unknown }).code ?? '');
  if (code.startsWith('Neo.ClientError.Security.')) {
    return storeUnavailable(
      STORE,
      error,
      'Neo4j refused the user or password: check NEO4J_USERNAME and NEO4J_PASSWORD.',
    );
  }
  if (code === 'Neo.ClientError.Database.DatabaseNotFound') {
    return storeUnavailable(
      STORE,
      error,
      'The database in NEO4J_DATABASE does not exist: create it, or leave the variable unset.',
    );
  }
  if (/TransactionTimedOut|LockAcquisitionTimeout/.test(code) || /timed? ?out|did not answer/i.test(error.message)) {
    return storeTimeout(STORE, error, ADDRESS);
  }
  if (
    code === 'ServiceUnavailable' ||
    code === 'SessionExpired' ||
    /encryption|scheme|URL|handshake/i.test(error.message)
  ) {
    return storeUnavailable(STORE, error, ADDRESS);
  }
  if (/^Neo\.ClientError\.Schema\.\w*AlreadyExists$/.test(code)) {
    return storeUnavailable(
      STORE,
      error,
      'Something else in the database has the name of one of the constraints or indexes (tributary_…), or is still creating it: wait, or look at SHOW INDEXES and drop what is not ours.',
    );
  }
  if (/DeadlockDetected/.test(code))
    return conflict('The write conflicts with another one; try again.', { cause: error });
  if (/^Neo\.TransientError\.|DatabaseUnavailable|ReadOnlyDatabase|NotALeader/.test(code))
    return storeUnavailable(STORE, error, ADDRESS);
  if (/closed/i.test(error.message)) return storeUnavailable(STORE, error, ADDRESS);
  return error;
}
