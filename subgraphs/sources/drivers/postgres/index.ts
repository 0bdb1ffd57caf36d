/** PostgreSQL as a source: any schema. */
import { PostgresAddress } from '#subgraphs/shared/postgres/address.ts';
import { toStoreError } from '#subgraphs/shared/postgres/errors.ts';
import { PostgresPool } from '#subgraphs/shared/postgres/pool.ts';
import { badUserInput, CodedError, conflict, forbidden } from '#subgraphs/shared/errors.ts';
import type { SourceDriver, SourceOptions } from '../../driver.ts';
import { createSqlSource, type SqlConnections } from '../sql/source.ts';
import { isTenantOf } from '../sql/statements.ts';
import { unfitBy } from '../unfit.ts';
import { postgresChanges } from './changes.ts';
import { postgresDialect } from './dialect.ts';
import { nearestStatement, nearRowOf, vectorStatement } from './nearest.ts';
import { introspect } from './introspect.ts';
import { isUnfit } from './unfit.ts';

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
  const read: SqlConnections['read'] = async (context, statement) =>
    await pool.transact(context, {
      readOnly: true,
      pipelined: true,
      work: async (tx) => await tx.query<Record<string, unknown>>(statement),
    });
  const source = createSqlSource(name, postgresDialect, {
    introspect: async (schemas) => await pool.lend(async (client) => await introspect(client, schemas)),
    read,
    write: async (context, work) =>
      await pool.transact(context, {
        work: async (tx) => await work((statement) => tx.query<Record<string, unknown>>(statement)),
      }),
    probe: async () => await pool.lend((client) => client.query('SELECT 1')),
    close: () => pool.close(),
  });
  return {
    ...source,
    async nearest(context, request) {
      const { tenantId } = context.principal;
      if (!isTenantOf(request.relation, tenantId)) return [];
      const statement = nearestStatement(request, tenantId);
      let rows = await read(context, statement);
      // An approximate index looks at some that are near, of which others than these may have matched: then all are compared.
      if (rows.length < request.limit)
        rows = await pool.transact(context, {
          readOnly: true,
          pipelined: true,
          work: async (tx) => {
            const [, found] = await Promise.all([
              tx.query({ sql: `SELECT set_config('enable_indexscan', 'off', true)`, parameters: [] }),
              tx.query<Record<string, unknown>>(statement),
            ]);
            return found;
          },
        });
      return rows.flatMap((row) => nearRowOf(request, row));
    },
    async vectorOf(context, relation, vector, key) {
      const { tenantId } = context.principal;
      if (!isTenantOf(relation, tenantId)) return undefined;
      const [found] = await read(context, vectorStatement(relation, vector, key, tenantId));
      const text = found?.['vector'];
      return typeof text === 'string' ? (JSON.parse(text) as number[]) : undefined;
    },
    changes: postgresChanges(read, pool, `The source ${name}`),
  };
}

const CHANGED = 'If it is right so, save the file of SOURCES again, which reads the database anew; else bring it back.';

/** How errors of a source are told: by its name and its variable. */
function sourceError(name: string, variable: string) {
  const store = `The source ${name}`;
  return (error: unknown): Error => {
    if (error instanceof CodedError) return error;
    const {
      code,
      message = '',
      constraint = 'without a name',
      column,
      detail = '',
    } = error as { code?: unknown; message?: string; constraint?: string; column?: string; detail?: string };
    switch (code) {
      case '42P01':
      case '3F000':
      case '42703':
        return new CodedError('STORE_UNAVAILABLE', `${store} has changed: ${message}.`, {
          cause: error,
          hint: CHANGED,
        });
      case '23505':
        return conflict(`Another row has the same value, which must be unique (${constraint}).`, {
          cause: error,
          hint: 'Give another value, or change the row that is there. It may be one that you do not see.',
          extensions: { violates: 'UNIQUE' },
        });
      case '23503':
        // Of a row that is deleted or changed, what leads to it.
        return /^(update or delete|delete|update) on/.test(message) && !/^insert/.test(message)
          ? conflict(`Other rows lead to this one (${constraint}).`, {
              cause: error,
              hint: 'Change or delete those first.',
              extensions: { violates: 'FOREIGN_KEY' },
            })
          : badUserInput('A row would lead to one that is not there.', {
              cause: error,
              hint: `Look at what its foreign key (${constraint}) names.`,
              extensions: { violates: 'FOREIGN_KEY' },
            });
      case '23514':
      case '23P01':
        if (/^no partition of relation/.test(message)) {
          const by = /^Partition key of the failing row contains \(([^)]*)\)/.exec(detail)?.[1];
          return badUserInput(`The table has no partition for the row${by === undefined ? '' : `, by its ${by}`}.`, {
            cause: error,
            hint: 'Give another value, or have the owner of the table make a partition for it.',
            extensions: { violates: 'CHECK' },
          });
        }
        return badUserInput(`The database refuses the values, by its rule ${constraint}.`, {
          cause: error,
          extensions: { violates: 'CHECK' },
        });
      case 'P0001':
        return badUserInput('A trigger or a function of the database refuses it.', {
          cause: error,
          hint: 'The log has its words.',
          extensions: { violates: 'RULE' },
        });
      case '23502':
        return badUserInput(`The column ${String(column)} must have a value.`, {
          cause: error,
          extensions: { violates: 'NOT_NULL' },
        });
      case '40001':
      case '40P01':
        return conflict('Others are changing the same rows.', { cause: error, hint: 'Try again.' });
      case '25006':
        return new CodedError('STORE_UNAVAILABLE', `${store} accepts no changes: it is read only.`, {
          cause: error,
          hint: `Let ${variable} lead to the primary server, or take \`mutations\` out of the file of SOURCES.`,
        });
      case '42501':
        if (/row-level security/.test(message))
          return forbidden('A policy of the database refuses the row.', { cause: error });
        return new CodedError('STORE_UNAVAILABLE', `${store} refuses: ${message}.`, {
          cause: error,
          hint: `As the owner run GRANT SELECT (for mutations also INSERT, UPDATE, DELETE) ON … TO the user of ${variable}, or hide the type or the column.`,
        });
      default: {
        const told = toStoreError(error, {
          store,
          variable,
          poolSize: 'SOURCES_POOL_SIZE',
          unprepared: '`preparedStatements: false` in the source',
        });
        if (typeof code !== 'string' || !/^[\dA-Z]{5}$/.test(code)) return told;
        if (isUnfit(code)) return unfitBy(error);
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
