/**
 * One PostgreSQL pool per process, shared by the subgraphs that keep their data there. This file is the only way to it:
 * every statement runs in a transaction that first takes on a role that cannot bypass row-level security and names the
 * caller's tenant. The pool pipelines, so a read with its transaction costs one round trip.
 */
import pg from 'pg';
import type { CompiledQuery } from 'kysely';
import type { RequestContext } from './context.ts';
import { TENANT_ID } from './context.ts';
import { CodedError, storeTimeout } from './errors.ts';
import { ensureRoles, runMigrations, SYSTEM_ROLE, TENANT_ROLE } from './postgres-migrations.ts';
import { checkPostgresVersion, toMigrationError, toStoreError } from './postgres-errors.ts';
import type { StoreHealth } from './subgraph.ts';

export interface PostgresOptions {
  /** `postgres://…`; absent parts come from the `PG*` variables, which `pg` reads by itself. */
  url?: string;
  /** Connections that the pool may open. @default 10 */
  poolSize?: number;
  /** Longest time to wait for a connection, in milliseconds. @default 5000 */
  connectTimeoutMs?: number;
  /** Longest time for one statement, in milliseconds. @default 10000 */
  statementTimeoutMs?: number;
  /** Called when an idle connection breaks; the pool replaces it. */
  onIdleError?: (error: Error) => void;
}

/** Anything that carries SQL with parameters: what Kysely's `compile()` returns, or one written by hand. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** An open transaction of one tenant (or of the system). */
export interface Transaction {
  /** Runs one statement. */
  query<Row>(statement: CompiledQuery<Row>): Promise<Row[]>;
  query<Row>(statement: Statement): Promise<Row[]>;
}

/** A server that does not take part in the goodbye is not waited for longer than this. */
const GOODBYE_MS = 2_000;

export class Postgres {
  readonly #pool: pg.Pool;
  #closing: Promise<void> | undefined;

  constructor(options: PostgresOptions) {
    const statementTimeoutMs = options.statementTimeoutMs ?? 10_000;
    this.#pool = new pg.Pool({
      ...(options.url === undefined ? {} : { connectionString: options.url }),
      max: options.poolSize ?? 10,
      connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
      idleTimeoutMillis: 10_000,
      statement_timeout: statementTimeoutMs,
      // The server's own time-out comes first; this one catches a server that has stopped answering.
      query_timeout: statementTimeoutMs + 2_000,
      application_name: 'tributary',
      keepAlive: true,
      pipeline: true,
    } as pg.PoolConfig);
    this.#pool.on('error', options.onIdleError ?? (() => undefined));
    // The pool listens to connections that are idle only. One that breaks while a transaction holds it between two
    // statements tells nobody else; the transaction's next statement fails with the reason.
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
  }

  /**
   * Runs one reading statement as the caller's tenant, in one round trip.
   * @throws CodedError `STORE_UNAVAILABLE`, `STORE_TIMEOUT`, `BAD_USER_INPUT` (a value that PostgreSQL cannot hold)
   */
  async read<Row>(context: RequestContext, statement: CompiledQuery<Row>): Promise<Row[]>;
  async read<Row>(context: RequestContext, statement: Statement): Promise<Row[]>;
  async read<Row>(context: RequestContext, statement: Statement): Promise<Row[]> {
    return await this.#inTransaction(context, TENANT_ROLE, 'BEGIN READ ONLY', (tx) => tx.query<Row>(statement), true);
  }

  /** Runs several statements as the caller's tenant in one transaction, which a rejection rolls back. */
  async transaction<T>(context: RequestContext, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return await this.#inTransaction(context, TENANT_ROLE, 'BEGIN', work, false);
  }

  /**
   * Runs statements across tenants, under the role that migrations grant single tables to (outbox, run log). Only for
   * the gateway's own work: the context must be the system's.
   */
  async systemTransaction<T>(context: RequestContext, work: (tx: Transaction) => Promise<T>): Promise<T> {
    if (context.principal.system !== true) throw new CodedError('FORBIDDEN', 'Only the gateway itself may do this.');
    return await this.#inTransaction(context, SYSTEM_ROLE, 'BEGIN', work, false);
  }

  /**
   * Opens a connection of its own for LISTEN. The caller ends it; a broken one reports through `onError` and is over.
   * Notifications carry no tenant, so payloads hold ids only.
   */
  async listen(channel: string, onNotify: (payload: string) => void, onError: (error: Error) => void): Promise<{ close(): Promise<void> }> {
    const client = new pg.Client(this.#unboundedOptions());
    client.on('error', onError);
    client.on('end', () => onError(new Error('The listening connection ended.')));
    client.on('notification', (message) => onNotify(message.payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      client.removeAllListeners('end');
      await client.end().catch(() => undefined); // The first failure is the one to report.
      throw toStoreError(error);
    }
    return {
      close: async () => {
        client.removeAllListeners('end');
        client.removeAllListeners('error');
        client.on('error', () => undefined); // A connection that breaks while it is being closed has nothing more to tell.
        await client.end();
      },
    };
  }

  /**
   * Applies a subgraph's migrations: the `.sql` files of `folder`, in the order of their names, forward only, under an
   * advisory lock. The subgraph's tables live in the PostgreSQL schema `schema`.
   * @throws CodedError `STORE_UNAVAILABLE`, also for a server that is too old or a user that may not migrate
   */
  async migrate(schema: string, folder: URL): Promise<void> {
    // A connection of its own: migrations, and waiting for another process's, may outlast every statement time-out.
    const client = new pg.Client(this.#unboundedOptions());
    client.on('error', () => undefined); // The statement that was running reports it.
    try {
      await client.connect();
      const { rows } = await client.query<{ version: number }>(`SELECT current_setting('server_version_num')::int AS version`);
      checkPostgresVersion(rows[0]!.version);
      await ensureRoles(client);
      await runMigrations(client, schema, folder);
    } catch (error) {
      throw toMigrationError(error);
    } finally {
      await client.end().catch(() => undefined); // Ending a connection that broke has nothing more to tell.
    }
  }

  /**
   * Runs statements one after the other as the connecting user, each by itself and without a time-out, on a connection of its own: making
   * indexes, renewing statistics. Session locks that they take end with it.
   */
  async maintain(statements: readonly Statement[]): Promise<void> {
    const client = new pg.Client(this.#unboundedOptions());
    client.on('error', () => undefined); // The statement that was running reports it.
    try {
      await client.connect();
      for (const { sql, parameters } of statements) await client.query(sql, parameters as unknown[]);
    } catch (error) {
      throw toStoreError(error);
    } finally {
      await client.end().catch(() => undefined); // Ending a connection that broke has nothing more to tell.
    }
  }

  /** Names of the extensions that can be created here or are, such as `vector`. */
  async availableExtensions(): Promise<ReadonlySet<string>> {
    const client = await this.#connect();
    try {
      const { rows } = await client.query<{ name: string }>('SELECT name FROM pg_available_extensions');
      return new Set(rows.map((row) => row.name));
    } catch (error) {
      throw toStoreError(error);
    } finally {
      client.release();
    }
  }

  /** Probes the server; never throws. */
  async health(): Promise<StoreHealth> {
    const began = performance.now();
    try {
      const client = await this.#connect();
      try {
        await client.query('SELECT 1');
      } finally {
        client.release();
      }
      return { store: 'postgres', state: 'ok', latencyMs: Math.round((performance.now() - began) * 10) / 10 };
    } catch (error) {
      const { message, extensions } = toStoreError(error) as Error & { extensions?: { hint?: string } };
      return { store: 'postgres', state: 'down', detail: [message, extensions?.hint].filter(Boolean).join(' ') };
    }
  }

  /** Ends the pool once its running statements have, and waits (for {@link GOODBYE_MS} at most) until its connections are gone. Idempotent. */
  async close(): Promise<void> {
    await (this.#closing ??= this.#end());
  }

  async #end(): Promise<void> {
    // `end()` resolves when the goodbyes are sent; a server that is stopped right after would still see connections.
    let open = this.#pool.totalCount;
    const gone = new Promise<void>((resolve) => {
      if (open === 0) resolve();
      this.#pool.on('remove', () => --open <= 0 && resolve());
    });
    await this.#pool.end();
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([gone, new Promise<void>((resolve) => (timer = setTimeout(resolve, GOODBYE_MS)))]);
    clearTimeout(timer);
  }

  #unboundedOptions(): pg.ClientConfig {
    return { ...this.#pool.options, pipeline: false, statement_timeout: undefined, query_timeout: undefined } as pg.ClientConfig;
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw toStoreError(error);
    }
  }

  async #inTransaction<T>(
    context: RequestContext,
    role: string,
    begin: string,
    work: (tx: Transaction) => Promise<T>,
    single: boolean,
  ): Promise<T> {
    const { principal, signal } = context;
    if (!TENANT_ID.test(principal.tenantId)) throw new CodedError('UNAUTHENTICATED', 'The caller has no valid tenant.');
    signal?.throwIfAborted();
    const client = await this.#connect();
    let broken: Error | undefined;
    const run = async <R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<R[]> => {
      const { rows } = await client.query<R>(text, values);
      return rows;
    };
    try {
      // Not awaited one by one: the pipeline sends them together. Each has a handler, so none can reject unheard.
      const opening = settle(
        run(`${begin}; SET LOCAL ROLE ${role}`),
        run("SELECT set_config('app.tenant_id', $1, true)", [principal.tenantId]),
      );
      const tx: Transaction = {
        query: async <Row>(statement: Statement) => {
          context.statements.add('postgres');
          return (await run(statement.sql, statement.parameters as unknown[])) as Row[];
        },
      };
      if (single) {
        const result = work(tx);
        const [opened, done, closed] = await Promise.allSettled([opening, result, run('COMMIT')]);
        for (const step of [opened, done, closed]) if (step.status === 'rejected') throw step.reason;
        return (done as PromiseFulfilledResult<Awaited<T>>).value;
      }
      await opening;
      const result = await work(tx);
      signal?.throwIfAborted();
      await run('COMMIT');
      return result;
    } catch (error) {
      if (!single) {
        await run('ROLLBACK').catch((rollback: unknown) => {
          broken = rollback as Error; // The connection is not fit for another transaction; the pool drops it.
        });
      }
      if (error instanceof pg.DatabaseError === false && !(error instanceof CodedError)) broken ??= connectionFault(error);
      if (signal?.aborted === true && error === signal.reason) throw storeTimeout('PostgreSQL', error);
      throw toStoreError(error);
    } finally {
      client.release(broken);
    }
  }
}

async function settle(...steps: Promise<unknown>[]): Promise<void> {
  for (const step of await Promise.allSettled(steps)) if (step.status === 'rejected') throw step.reason;
}

/** Errors of the connection itself (not of a statement) make it unfit for the pool. */
function connectionFault(error: unknown): Error | undefined {
  return error instanceof Error && /timeout|terminated|not queryable|ECONN|EPIPE|socket/i.test(error.message) ? error : undefined;
}
