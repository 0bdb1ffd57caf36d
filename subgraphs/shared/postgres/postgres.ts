/**
 * One PostgreSQL per process, shared by the subgraphs that keep their data there: a pool of connections, and where
 * there is a replica, another one. This file is the only way to it: every statement runs in a transaction that first
 * takes on a role that cannot bypass row-level security and names the caller's tenant.
 */
import type pg from 'pg';
import type { CompiledQuery } from 'kysely';
import { requireSystem, type Principal, type RequestContext } from '../context.ts';
import { messageWithHint } from '../errors.ts';
import type { BoundValues } from '../bound.ts';
import { POSTGRES } from './bounds.ts';
import { seesEveryUser } from '../scopes.ts';
import { PostgresAddress } from './address.ts';
import { checkPostgresVersion, toMigrationError, toStoreError } from './errors.ts';
import { ensureRoles, runMigrations, SYSTEM_ROLE, TENANT_ROLE } from './migrations.ts';
import { PostgresCopy } from './copy.ts';
import { PostgresErasure } from './erase.ts';
import { examinePostgres } from './examine.ts';
import type { Examination } from '../examination.ts';
import { PostgresPool, type PoolOptions, type PoolUse, type Statement, type Transaction } from './pool.ts';
import { ReadReplica, type ReplicaState } from './replica.ts';
import type { StoreHealth } from '../subgraph.ts';

export type { Statement, Transaction } from './pool.ts';

/** Bounds are said in `POSTGRES` (./bounds.ts), with their defaults. */
export interface PostgresOptions extends Partial<BoundValues<typeof POSTGRES>> {
  /**
   * `postgres://…`, or what tells it before each connection, as when passwords are rotated. TLS: {@link credentialsOf}.
   */
  url: string | (() => string);
  /**
   * A read replica of that server. Reads that allow it go there while it has what the tenant wrote through this
   * process.
   */
  replicaUrl?: string | (() => string) | undefined;
  /**
   * Whether statements are prepared. Poolers that give each transaction another connection may not allow it. @default
   * true
   */
  preparedStatements?: boolean;
  /** Called when an idle connection breaks; the pool replaces it. */
  onIdleError?: (error: Error) => void;
  /** Called when the replica goes out of use or comes back into it. */
  onReplica?: (state: ReplicaState, detail?: string) => void;
}

export interface ReadOptions {
  /**
   * The replica may answer: what others wrote a second or two ago may be missing. Not for what decides a write, or what
   * is followed position by position.
   * @default false
   */
  replica?: boolean;
}

/** Whose data a caller sees where it is a user's and not the whole tenant's: policies of such tables go by these. */
const SETTINGS: PoolOptions['settings'] = {
  'app.subject': ({ subject }: Principal) => subject,
  'app.every_subject': (caller: Principal) => (seesEveryUser(caller, 'sessions:all') ? 'on' : ''),
  'app.every_memory': (caller: Principal) => (seesEveryUser(caller, 'memory:all') ? 'on' : ''),
};

export class Postgres {
  readonly #pool: PostgresPool;
  readonly #replicaPool: PostgresPool | undefined;
  readonly #replica: ReadReplica | undefined;
  #closing: Promise<void> | undefined;

  /**
   * @throws CodedError `STORE_UNAVAILABLE` for a URL whose TLS parameters contradict each other or name files that
   * cannot be read
   */
  constructor(options: PostgresOptions) {
    const {
      poolSize = POSTGRES.poolSize,
      connectTimeoutMs = POSTGRES.connectTimeoutMs,
      statementTimeoutMs = POSTGRES.statementTimeoutMs,
      idleMs = POSTGRES.idleMs,
      preparedStatements = true,
      onIdleError,
    } = options;
    const shared = { poolSize, statementTimeoutMs, idleMs, preparedStatements, onIdleError, settings: SETTINGS };
    this.#pool = new PostgresPool({ ...shared, connectTimeoutMs, address: new PostgresAddress(options.url) });
    if (options.replicaUrl !== undefined) {
      // The primary can answer as well, so the replica is not waited for.
      const replica = new PostgresPool({
        ...shared,
        connectTimeoutMs: Math.min(connectTimeoutMs, POSTGRES.replicaConnectTimeoutMs),
        address: new PostgresAddress(options.replicaUrl),
      });
      this.#replicaPool = replica;
      this.#replica = new ReadReplica({
        primary: this.#pool,
        replica,
        onChange: options.onReplica,
        probeMs: options.replicaProbeMs,
      });
    }
  }

  /**
   * Runs one reading statement as the caller's tenant, in one round trip.
   * @throws CodedError `STORE_UNAVAILABLE`, `STORE_TIMEOUT`, `BAD_USER_INPUT` (a value that PostgreSQL cannot hold)
   */
  async read<Row>(context: RequestContext, statement: CompiledQuery<Row>, options?: ReadOptions): Promise<Row[]>;
  async read<Row>(context: RequestContext, statement: Statement, options?: ReadOptions): Promise<Row[]>;
  async read<Row>(context: RequestContext, statement: Statement, options?: ReadOptions): Promise<Row[]> {
    const [rows] = await this.readAll(context, [statement], options);
    return rows as Row[];
  }

  /**
   * Runs reading statements in one transaction, as the caller's tenant, in one round trip. They see the same settings,
   * not one snapshot.
   */
  async readAll(
    context: RequestContext,
    statements: readonly Statement[],
    { replica = false }: ReadOptions = {},
  ): Promise<unknown[][]> {
    const answered = replica ? await this.#replica?.read(context, statements) : undefined;
    if (answered !== undefined) return answered;
    return await this.#pool.transact(context, {
      role: TENANT_ROLE,
      readOnly: true,
      pipelined: true,
      work: async (tx) => await Promise.all(statements.map((statement) => tx.query(statement))),
    });
  }

  /** Runs several statements as the caller's tenant in one transaction, which a rejection rolls back. */
  async transaction<T>(context: RequestContext, work: (tx: Transaction) => Promise<T>): Promise<T> {
    const { tenantId } = context.principal;
    return await this.#pool.transact(context, {
      role: TENANT_ROLE,
      work,
      onWritten: this.#replica && ((position) => this.#replica!.wrote(tenantId, position)),
    });
  }

  /**
   * Runs statements across tenants, under the role that migrations grant single tables to (outbox, run log). Only for
   * the gateway's own work: the context must be the system's.
   */
  async systemTransaction<T>(context: RequestContext, work: (tx: Transaction) => Promise<T>): Promise<T> {
    requireSystem(context);
    return await this.#pool.transact(context, {
      role: SYSTEM_ROLE,
      work,
      onWritten: this.#replica && ((position) => this.#replica!.wrote(undefined, position)),
    });
  }

  /**
   * Opens a connection of its own for LISTEN. The caller ends it; a broken one reports through `onError` and is over.
   * Notifications carry no tenant, so payloads hold ids only.
   */
  async listen(
    channel: string,
    onNotify: (payload: string) => void,
    onError: (error: Error) => void,
  ): Promise<{ close(): Promise<void> }> {
    return await this.#pool.listen(channel, onNotify, onError);
  }

  /**
   * Applies a subgraph's migrations: the `.sql` files of `folder`, in the order of their names, forward only, under an
   * advisory lock. The subgraph's tables live in the PostgreSQL schema `schema`.
   * @throws CodedError `STORE_UNAVAILABLE`, also for a server that is too old or a user that may not migrate
   */
  async migrate(schema: string, folder: URL): Promise<void> {
    // A connection of its own: migrations, and waiting for another process's, may outlast every statement time-out.
    let client: pg.Client | undefined;
    try {
      client = await this.#pool.alone();
      const { rows } = await client.query<{ version: number }>(
        `SELECT current_setting('server_version_num')::int AS version`,
      );
      checkPostgresVersion(rows[0]!.version);
      await ensureRoles(client);
      await runMigrations(client, schema, folder);
    } catch (error) {
      throw toMigrationError(error);
    } finally {
      await client?.end().catch(() => undefined); // Ending a connection that broke has nothing more to tell.
    }
  }

  /**
   * Runs statements one after the other as the connecting user, each by itself and without a time-out, on a connection
   * of its own: making indexes, renewing statistics. Session locks that they take end with it.
   */
  async maintain(statements: readonly Statement[]): Promise<void> {
    let client: pg.Client | undefined;
    try {
      client = await this.#pool.alone();
      for (const { sql, parameters } of statements) await client.query(sql, parameters as unknown[]);
    } catch (error) {
      throw toStoreError(error);
    } finally {
      await client?.end().catch(() => undefined); // Ending a connection that broke has nothing more to tell.
    }
  }

  /** Names of the extensions that can be created here or are, such as `vector`. */
  async availableExtensions(): Promise<ReadonlySet<string>> {
    return await this.#pool.lend(async (client) => {
      const { rows } = await client.query<{ name: string }>('SELECT name FROM pg_available_extensions');
      return new Set(rows.map((row) => row.name));
    });
  }

  /** Probes the server, and the replica; never throws. Without its replica the store works. */
  async health(): Promise<StoreHealth> {
    const began = performance.now();
    try {
      await this.#pool.lend((client) => client.query('SELECT 1'));
      const latencyMs = Math.round((performance.now() - began) * 10) / 10;
      await this.#replica?.probe();
      const detail = this.#replica?.detail;
      return { store: 'postgres', state: 'ok', latencyMs, ...(detail === undefined ? {} : { detail }) };
    } catch (error) {
      return { store: 'postgres', state: 'down', detail: messageWithHint(error) };
    }
  }

  /**
   * Looks closer: version, rights, roles, migrations, row-level security, clock. Changes nothing.
   * @param migrations the folder of each schema's
   * @param options.superuser whether its user is meant to be one, as that of the embedded server is
   * @throws CodedError where the server cannot be asked
   */
  async examine(
    migrations: Readonly<Record<string, URL>>,
    { superuser = false }: { superuser?: boolean } = {},
  ): Promise<Examination> {
    let client: pg.Client | undefined;
    try {
      client = await this.#pool.alone();
      return await examinePostgres(client, migrations, superuser);
    } catch (error) {
      throw toStoreError(error);
    } finally {
      await client?.end().catch(() => undefined); // Ending a connection that broke has nothing more to tell.
    }
  }

  /**
   * What reads all rows at one moment, or writes them; the caller closes it.
   * @param migrations the folder of each schema's
   * @throws CodedError where the server cannot be asked
   */
  async copy(migrations: Readonly<Record<string, URL>>): Promise<PostgresCopy> {
    try {
      return new PostgresCopy(await this.#pool.alone(), migrations);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /**
   * Begins to erase a tenant and its projects.
   * @param schemas whose tables; the caller closes it
   * @throws CodedError where the server cannot be asked, or has not all migrations
   */
  async erasure(tenant: string, schemas: readonly string[]): Promise<PostgresErasure> {
    let client: pg.Client | undefined;
    try {
      client = await this.#pool.alone();
      return await PostgresErasure.begin(client, tenant, schemas);
    } catch (error) {
      await client?.end().catch(() => undefined); // Ending a connection that broke has nothing more to tell.
      throw toStoreError(error);
    }
  }

  /** What the connections to the primary are doing. */
  get use(): PoolUse {
    return this.#pool.use;
  }

  /** Whether reads go to the replica; undefined where there is none. */
  get replicaState(): ReplicaState | undefined {
    return this.#replica?.state;
  }

  /** Ends the pools once their running statements have. Idempotent. */
  async close(): Promise<void> {
    this.#replica?.close();
    await (this.#closing ??= Promise.all([this.#pool.close(), this.#replicaPool?.close()]).then(() => undefined));
  }
}
