/** The extension pgvector: made where it may be, refused where it is too old. */
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { system } from '../system-context.ts';

/** The first version that goes on scanning until enough is found. */
const OLDEST_PGVECTOR = [0, 8] as const;

/**
 * Creates the extension where it is missing.
 * @returns the schema that it is in
 * @throws CodedError `STORE_UNAVAILABLE` where it is not installed, too old, or this user may not create it
 */
export async function ensureVectorExtension(postgres: Postgres): Promise<string> {
  if (!(await postgres.availableExtensions()).has('vector')) {
    throw extensionFault(
      'pgvector is not installed on the PostgreSQL server.',
      'Install pgvector there, or set PGVECTOR=off (or leave it unset), or set QDRANT_URL.',
    );
  }
  try {
    return await postgres.systemTransaction(system(), async (tx) => {
      const [made] = await tx.query<{ home: string }>({
        sql: 'SELECT vector.ensure_vector_extension() AS home',
        parameters: [],
      });
      // A statement of its own: the one that makes the extension does not see it.
      const [there] = await tx.query<{ version: string }>({
        sql: `SELECT extversion AS version FROM pg_extension WHERE extname = 'vector'`,
        parameters: [],
      });
      const [{ home }, { version }] = [made!, there!];
      const [major = 0, minor = 0] = version.split('.').map(Number);
      if (major < OLDEST_PGVECTOR[0] || (major === OLDEST_PGVECTOR[0] && minor < OLDEST_PGVECTOR[1])) {
        throw extensionFault(
          `pgvector ${version} is too old.`,
          `Install pgvector ${OLDEST_PGVECTOR.join('.')} or newer and run: ALTER EXTENSION vector UPDATE`,
        );
      }
      return home;
    });
  } catch (error) {
    if ((error as { code?: unknown }).code !== '42501') throw error;
    throw extensionFault(
      'This user may not create the extension pgvector.',
      'As an administrator, run in the database of DATABASE_URL: CREATE EXTENSION vector',
      error,
    );
  }
}

const extensionFault = (message: string, hint: string, cause?: unknown) =>
  new CodedError('STORE_UNAVAILABLE', message, { hint, cause, extensions: { extension: 'vector' } });

/** Whether `error` says that pgvector cannot be used here, for whatever reason. */
export const isExtensionFault = (error: unknown): error is CodedError =>
  error instanceof CodedError && error.extensions['extension'] === 'vector';
