/**
 * The connections to one PostgreSQL server, and transactions on them: each first takes on a role that cannot bypass
 * row-level security and names the caller's tenant. The pool pipelines, so a read with its transaction costs one round
 * trip.
 */
import pg from 'pg';
import type { CompiledQuery } from 'kysely';
import type { Principal, RequestContext } from '../context.ts';
import { isTenantId } from '../tenant-id.ts';
import { CodedError, storeTimeout } from '../errors.ts';
import type { BoundValues } from '../bound.ts';
import { POSTGRES } from './bounds.ts';
import { byValue, ExactNumber, parseExactJson } from '../exact-number.ts';
import type { PostgresAddress } from './address.ts';
import { toStoreError } from './errors.ts';
import { isPreparedFault, PreparedStatements } from './prepared.ts';

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

export interface PoolOptions extends Omit<BoundValues<typeof POSTGRES>, 'replicaProbeMs'> {
  readonly address: PostgresAddress;
  readonly preparedStatements: boolean;
  readonly onIdleError?: (error: Error) => void;
  /** Settings of each transaction, besides the tenant: the same for all, or its caller's. @default none */
  readonly settings?: Readonly<Record<string, string | ((caller: Principal) => string)>>;
  /** How its errors are told. @default as those of the project's own PostgreSQL */
  readonly errorOf?: (error: unknown) => Error;
}

/** One transaction to run. */
export interface TransactionOptions<T> {
  /** @default the user that the connection was made as */
  readonly role?: string;
  readonly readOnly?: boolean;
  /** Sends the end behind the statements that `work` sends at once, so that everything takes one round trip. */
  readonly pipelined?: boolean;
  /**
   * Told where the server's log stands once the transaction is committed, if it wrote anything; `undefined` where that
   * is not known.
   */
  readonly onWritten?: (position: string | undefined) => void;
  readonly work: (tx: Transaction) => Promise<T>;
}

/** `jsonb` writes powers of ten out, so that the form of a number is its own but for zeros behind the point. */
const ofJsonb = (text: string): unknown => {
  const number = new ExactNumber(text);
  const value = byValue(number);
  return typeof value === 'number' && !/\.\d*0$/.test(text) ? value : number;
};

/** Reads JSON with numbers as they were written, which `json` and `jsonb` keep. */
const EXACT_TYPES: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.JSON
      ? parseExactJson
      : oid === pg.types.builtins.JSONB
        ? (text: string) => parseExactJson(text, 'all', ofJsonb)
        : pg.types.getTypeParser(oid, format as 'text')) as pg.CustomTypesConfig['getTypeParser'],
};

/** Connections of a pool by what they are doing. */
export interface PoolUse {
  readonly used: number;
  readonly idle: number;
  /** Requests that wait for a connection. */
  readonly waiting: number;
  readonly max: number;
}

export class PostgresPool {
  readonly #options: PoolOptions;
  readonly #pool: pg.Pool;
  readonly #prepared: PreparedStatements | undefined;
  readonly #errorOf: (error: unknown) => Error;
  /** Sets what each transaction has of its own; the tenant is its last parameter. */
  readonly #setting: { readonly text: string; readonly values: (caller: Principal) => string[] };
  #closing: Promise<void> | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#errorOf = options.errorOf ?? toStoreError;
    const settings = Object.entries(options.settings ?? {});
    const texts = [...settings.map(([name]) => name), 'app.tenant_id'].map(
      (name, index) => `set_config('${name}', $${index + 1}, true)`,
    );
    this.#setting = {
      text: `SELECT ${texts.join(', ')}`,
      values: (caller) => [
        ...settings.map(([, value]) => (typeof value === 'string' ? value : value(caller))),
        caller.tenantId,
      ],
    };
    this.#prepared = options.preparedStatements ? new PreparedStatements() : undefined;
    this.#pool = new pg.Pool({
      Client: options.address.clientClass(),
      max: options.poolSize,
      connectionTimeoutMillis: options.connectTimeoutMs,
      idleTimeoutMillis: options.idleMs,
      statement_timeout: options.statementTimeoutMs,
      // The server's own time-out comes first; this one catches a server that has stopped answering.
      query_timeout: options.statementTimeoutMs + POSTGRES.answerMarginMs,
      application_name: 'tributary',
      keepAlive: true,
      pipeline: true,
      types: EXACT_TYPES,
    } as pg.PoolConfig);
    this.#pool.on('error', options.onIdleError ?? (() => undefined));
    this.#pool.on('connect', (client) => {
      // The pool listens to connections that are idle only. One that breaks while a transaction holds it between two
      // statements tells nobody else; the transaction's next statement fails with the reason.
      client.on('error', () => undefined);
      // Goes before the connection's first transaction, whose own statements tell of a connection that is broken.
      if (this.#prepared !== undefined) client.query('SET plan_cache_mode = force_custom_plan').catch(() => undefined);
    });
  }

  /** Connections that are open, in use or not. */
  get size(): number {
    return this.#pool.totalCount;
  }

  /** What the connections are doing, and how many requests wait for one. */
  get use(): PoolUse {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    return { used: totalCount - idleCount, idle: idleCount, waiting: waitingCount, max: this.#options.poolSize };
  }

  /** A connection of its own, without time-outs for statements; the caller ends it. */
  async alone(): Promise<pg.Client> {
    const { address, connectTimeoutMs } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const client = new (address.clientClass())({
        connectionTimeoutMillis: connectTimeoutMs,
        application_name: 'tributary',
        keepAlive: true,
      });
      client.on('error', () => undefined); // The statement that was running reports it.
      try {
        await client.connect();
        return client;
      } catch (error) {
        await client.end().catch(() => undefined); // The first failure is the one to report.
        if (attempt > 1 || !address.mayRetry(error)) throw error;
      }
    }
  }

  /**
   * Hears a channel, on a connection of its own.
   * @param onError told when the connection breaks or ends
   * @throws CodedError
   */
  async listen(
    channel: string,
    onNotify: (payload: string) => void,
    onError: (error: Error) => void,
  ): Promise<{ close(): Promise<void> }> {
    let client: pg.Client | undefined;
    try {
      client = await this.alone();
      client.on('notification', (message) => onNotify(message.payload ?? ''));
      await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      await client?.end().catch(() => undefined); // The first failure is the one to report.
      throw this.#errorOf(error);
    }
    const listening = client;
    listening.on('error', onError);
    const ended = (): void => onError(new Error('The listening connection ended.'));
    listening.on('end', ended);
    return {
      close: async () => {
        listening.removeListener('end', ended);
        listening.removeListener('error', onError); // A connection that breaks while it is being closed has nothing more to tell.
        await listening.end();
      },
    };
  }

  /** Lends a connection to statements outside a tenant's transaction. @throws CodedError */
  async lend<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    try {
      return await work(client);
    } catch (error) {
      throw this.#errorOf(error);
    } finally {
      client.release();
    }
  }

  /**
   * Runs a transaction; a rejection of `work` rolls it back. What fails because a statement was prepared is run once
   * more without.
   * @throws CodedError
   */
  async transact<T>(context: RequestContext, options: TransactionOptions<T>): Promise<T> {
    const { principal, signal } = context;
    if (!isTenantId(principal.tenantId)) throw new CodedError('UNAUTHENTICATED', 'The caller has no valid tenant.');
    signal?.throwIfAborted();
    try {
      try {
        return await this.#transact(context, options, this.#prepared);
      } catch (error) {
        if (this.#prepared === undefined || !isPreparedFault(error) || options.readOnly !== true) throw error;
        return await this.#transact(context, options, undefined);
      }
    } catch (error) {
      if (signal?.aborted === true && error === signal.reason) throw storeTimeout('PostgreSQL', error);
      throw this.#errorOf(error);
    }
  }

  /**
   * Ends once running statements have, and waits (for {@link POSTGRES.goodbyeMs} at most) until the connections are gone.
   * Idempotent.
   */
  async close(): Promise<void> {
    await (this.#closing ??= this.#end());
  }

  async #transact<T>(
    context: RequestContext,
    options: TransactionOptions<T>,
    prepared: PreparedStatements | undefined,
  ): Promise<T> {
    const { principal, signal } = context;
    const { role, readOnly, pipelined, onWritten, work } = options;
    const client = await this.#connect();
    let broken: Error | undefined;
    const run = async <R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<R[]> => {
      // What has no parameters is short and may be several statements, which cannot be prepared.
      const name = values === undefined ? undefined : prepared?.nameOf(client, text);
      const { rows } = await (name === undefined
        ? client.query<R>(text, values)
        : client.query<R>({ text, values, name }));
      return rows;
    };
    try {
      // Not awaited one by one: the pipeline sends them together. Each has a handler, so none can reject unheard.
      const opening = settle(
        run(`BEGIN${readOnly === true ? ' READ ONLY' : ''}${role === undefined ? '' : `; SET LOCAL ROLE ${role}`}`),
        run(this.#setting.text, this.#setting.values(principal)),
      );
      const tx: Transaction = {
        query: async <Row>({ sql, parameters }: Statement) =>
          (await context.statements.timed('postgres', () => run(sql, parameters as unknown[]))) as Row[],
      };
      if (pipelined === true) {
        const result = work(tx);
        const [opened, done, closed] = await Promise.allSettled([opening, result, run('COMMIT')]);
        for (const step of [opened, done, closed]) if (step.status === 'rejected') throw step.reason;
        return (done as PromiseFulfilledResult<Awaited<T>>).value;
      }
      await opening;
      const result = await work(tx);
      signal?.throwIfAborted();
      if (onWritten === undefined) await run('COMMIT');
      else await commit(run, onWritten);
      return result;
    } catch (error) {
      if (pipelined !== true) {
        await run('ROLLBACK').catch((rollback: unknown) => {
          broken = rollback as Error; // The connection is not fit for another transaction; the pool drops it.
        });
      }
      if (isPreparedFault(error)) broken ??= error as Error;
      if (error instanceof pg.DatabaseError === false && !(error instanceof CodedError))
        broken ??= connectionFault(error);
      throw error;
    } finally {
      // Not awaited: whoever is lent the connection next sends behind it. What fails is forgotten with the connection.
      for (const forgetting of prepared?.forgetting(client) ?? []) client.query(forgetting).catch(() => undefined);
      client.release(broken);
    }
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      try {
        return await this.#pool.connect();
      } catch (error) {
        if (!this.#options.address.mayRetry(error)) throw error;
        return await this.#pool.connect();
      }
    } catch (error) {
      throw this.#errorOf(error);
    }
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
    await Promise.race([gone, new Promise<void>((resolve) => (timer = setTimeout(resolve, POSTGRES.goodbyeMs)))]);
    clearTimeout(timer);
  }
}

type Run = <R extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<R[]>;

/** Commits, and learns in the same round trip where the log stands. */
async function commit(run: Run, onWritten: (position: string | undefined) => void): Promise<void> {
  const [wrote, committed, position] = await Promise.allSettled([
    run<{ wrote: boolean }>('SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS wrote', []),
    run('COMMIT'),
    run<{ position: string }>('SELECT pg_current_wal_insert_lsn()::text AS position', []),
  ]);
  for (const step of [wrote, committed]) if (step.status === 'rejected') throw step.reason;
  if ((wrote as PromiseFulfilledResult<{ wrote: boolean }[]>).value[0]?.wrote !== true) return;
  // Committed is committed, even if the connection broke right after.
  onWritten(position.status === 'fulfilled' ? position.value[0]?.position : undefined);
}

async function settle(...steps: Promise<unknown>[]): Promise<void> {
  for (const step of await Promise.allSettled(steps)) if (step.status === 'rejected') throw step.reason;
}

/** Errors of the connection itself (not of a statement) make it unfit for the pool. */
function connectionFault(error: unknown): Error | undefined {
  return error instanceof Error && /timeout|terminated|not queryable|ECONN|EPIPE|socket/i.test(error.message)
    ? error
    : undefined;
}
