/** PostgreSQL as a source: any schema, read only. */
import { PostgresAddress } from '#subgraphs/shared/postgres/address.ts';
import { toStoreError } from '#subgraphs/shared/postgres/errors.ts';
import { PostgresPool } from '#subgraphs/shared/postgres/pool.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import type { SourceDriver, SourceOptions } from '../../driver.ts';
import { createSqlSource } from '../sql/source.ts';
import { postgresDialect } from './dialect.ts';
import { introspect } from './introspect.ts';

/** What texts of values look like, whatever the database or the user says otherwise. */
const SETTINGS = { datestyle: 'ISO, YMD', intervalstyle: 'iso_8601', timezone: 'UTC' } as const;

/** @throws CodedError `STORE_UNAVAILABLE` for a URL whose TLS parameters contradict each other */
export function createPostgresSource(options: SourceOptions): SourceDriver {
  const { name, variable, url, poolSize, connectTimeoutMs, statementTimeoutMs, idleMs } = options;
  const pool = new PostgresPool({
    address: new PostgresAddress(url),
    poolSize,
    connectTimeoutMs,
    statementTimeoutMs,
    idleMs,
    preparedStatements: options.preparedStatements,
    onIdleError: options.onIdleError,
    settings: SETTINGS,
    errorOf: sourceError(name, variable),
  });
  return createSqlSource(name, postgresDialect, {
    introspect: async (schemas) => await pool.lend(async (client) => await introspect(client, schemas)),
    read: async (context, statement) =>
      await pool.transact(context, {
        readOnly: true,
        pipelined: true,
        work: async (tx) => await tx.query<Record<string, unknown>>(statement),
      }),
    probe: async () => await pool.lend((client) => client.query('SELECT 1')),
    close: () => pool.close(),
  });
}

/** A text that is no value of its type, or none that fits; a NUL character. */
const OF_INPUT: ReadonlySet<string> = new Set(['22P02', '22003', '22007', '22008', '22021', '22P05']);

const CHANGED = 'If it is right so, save the file of SOURCES again, which reads the database anew; else bring it back.';

/** How errors of a source are told: by its name and its variable. */
function sourceError(name: string, variable: string) {
  const store = `The source ${name}`;
  return (error: unknown): Error => {
    if (error instanceof CodedError) return error;
    const { code, message = '' } = error as { code?: unknown; message?: string };
    switch (code) {
      case '42P01':
      case '3F000':
      case '42703':
        return new CodedError('STORE_UNAVAILABLE', `${store} has changed: ${message}.`, {
          cause: error,
          hint: CHANGED,
        });
      case '42501':
        return new CodedError('STORE_UNAVAILABLE', `${store} refuses: ${message}.`, {
          cause: error,
          hint: `As the owner run GRANT SELECT ON … TO the user of ${variable}, or hide the type or the column.`,
        });
      default: {
        const told = toStoreError(error, {
          store,
          variable,
          poolSize: 'SOURCES_POOL_SIZE',
          unprepared: '`preparedStatements: false` in the source',
        });
        if (typeof code !== 'string' || !/^[\dA-Z]{5}$/.test(code)) return told;
        if (OF_INPUT.has(code)) return badUserInput('A value is none that its column can hold.', { cause: error });
        if (told instanceof CodedError && told.code.startsWith('STORE_')) return told;
        // A view that divides by zero: whoever asks is not to blame. Its words may have what rows hold.
        return new CodedError('STORE_UNAVAILABLE', `${store} failed to answer (SQLSTATE ${code}).`, {
          cause: error,
          hint: 'The log says why: a view or a function of the database may fail for some rows. Ask for other fields or rows.',
        });
      }
    }
  };
}
