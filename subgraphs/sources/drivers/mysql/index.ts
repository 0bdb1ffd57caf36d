/** MariaDB and MySQL as sources: the database of the URL, or those that the file names. */
import { readFileSync } from 'node:fs';
import { createPool, type Pool, type PoolConnection, type PoolOptions } from 'mysql2/promise';
import { POSTGRES } from '#subgraphs/shared/postgres/bounds.ts';
import { badUserInput, CodedError, conflict, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';
import { SOURCES } from '../../bounds.ts';
import type { SourceDriver, SourceOptions } from '../../driver.ts';
import { createSqlSource } from '../sql/source.ts';
import type { SqlStatement } from '../sql/dialect.ts';
import { unfitBy } from '../unfit.ts';
import { mysqlDialect } from './dialect.ts';
import { MARIADB, MYSQL, type Flavour } from './flavours.ts';
import { introspect } from './introspect.ts';

/** @throws CodedError `STORE_UNAVAILABLE` for what is no such URL */
export const createMariadbSource = (options: SourceOptions): Promise<SourceDriver> => open(options, MARIADB);

/** @throws CodedError `STORE_UNAVAILABLE` for what is no such URL */
export const createMysqlSource = (options: SourceOptions): Promise<SourceDriver> => open(options, MYSQL);

async function open(options: SourceOptions, flavour: Flavour): Promise<SourceDriver> {
  const { name } = options;
  const connections = new Connections(options, flavour);
  return createSqlSource(name, mysqlDialect(flavour), {
    async introspect(schemas) {
      const read = schemas.length > 0 ? schemas : [connections.database];
      return await connections.lend(
        async (run) =>
          await introspect(
            async (sql, parameters) => (await run({ sql, parameters })) as Record<string, string | number | null>[],
            read,
            flavour,
          ),
      );
    },
    async read({ signal, statements }, statement) {
      if (signal?.aborted === true) throw storeTimeout(`The source ${name}`, signal.reason);
      return await connections.lend(async (run) => await statements.timed(flavour.kind, () => run(statement)));
    },
    async write({ signal, statements }, work) {
      if (signal?.aborted === true) throw storeTimeout(`The source ${name}`, signal.reason);
      return await connections.transact(
        async (run) => await work(async (statement) => await statements.timed(flavour.kind, () => run(statement))),
      );
    },
    probe: async () => await connections.lend(async (run) => await run({ sql: 'SELECT 1', parameters: [] })),
    close: () => connections.close(),
  });
}

type Run = (statement: SqlStatement) => Promise<Record<string, unknown>[]>;

class Connections {
  readonly #options: SourceOptions;
  readonly #flavour: Flavour;
  /** Connections that have their settings. */
  readonly #ready = new WeakSet<object>();
  #opened: { readonly url: string; readonly pool: Pool } | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: SourceOptions, flavour: Flavour) {
    this.#options = options;
    this.#flavour = flavour;
  }

  /** That which the URL names. @throws CodedError where it names none */
  get database(): string {
    const { database } = this.#address();
    if (database !== undefined) return database;
    const { name, variable } = this.#options;
    throw new CodedError('STORE_UNAVAILABLE', `The source ${name} names no database to read.`, {
      hint: `Write it behind the host in ${variable}, or say its \`schemas\` in the file of SOURCES.`,
    });
  }

  /** Lends a connection to statements, each of which is a transaction that reads. @throws CodedError */
  async lend<T>(work: (run: Run, connection: PoolConnection) => Promise<T>): Promise<T> {
    const { statementTimeoutMs, preparedStatements } = this.#options;
    let connection: PoolConnection | undefined;
    let isBroken = false;
    try {
      connection = await this.#connect();
      const open = connection;
      return await work(async ({ sql, parameters }) => {
        const statement = { sql, values: parameters as never[], timeout: statementTimeoutMs + POSTGRES.answerMarginMs };
        const [rows] = await open.execute(statement);
        if (!preparedStatements) open.unprepare(sql);
        return (Array.isArray(rows) ? rows : []) as Record<string, unknown>[];
      }, open);
    } catch (error) {
      isBroken = !(error instanceof CodedError) && isOfConnection(error);
      throw this.#errorOf(error);
    } finally {
      if (isBroken) connection?.destroy();
      else connection?.release();
    }
  }

  /** A transaction that writes, in which values that do not fit are refused. @throws CodedError */
  async transact<T>(work: (run: Run) => Promise<T>): Promise<T> {
    return await this.lend(async (run, connection) => {
      try {
        await connection.query(`SET SESSION sql_mode = '${this.#flavour.writing}'`);
        await connection.query('START TRANSACTION READ WRITE');
        const result = await work(run);
        await connection.query('COMMIT');
        return result;
      } finally {
        // Nothing where it is committed.
        await connection.query('ROLLBACK').catch(() => connection.destroy());
        await connection.query(`SET SESSION sql_mode = ''`).catch(() => connection.destroy());
      }
    });
  }

  async close(): Promise<void> {
    await (this.#closing ??= this.#opened?.pool.end() ?? Promise.resolve());
  }

  async #connect(): Promise<PoolConnection> {
    const { connectTimeoutMs, statementTimeoutMs } = this.#options;
    const connection = await inTime(this.#pool().getConnection(), connectTimeoutMs);
    const { connection: wire } = connection as unknown as { connection: object };
    if (this.#ready.has(wire)) return connection;
    try {
      const [[found]] = (await connection.query('SELECT VERSION() AS version')) as unknown as [[{ version: string }]];
      this.#check(found.version);
      // What values look like, and that nothing is written, whatever the server or the user says otherwise.
      await connection.query(
        `SET SESSION sql_mode = '', time_zone = '+00:00', ${this.#flavour.limited(statementTimeoutMs, statementTimeoutMs / 1_000)}, lock_wait_timeout = ${Math.ceil(statementTimeoutMs / 1_000)}, group_concat_max_len = 1048576`,
      );
      await connection.query('SET SESSION TRANSACTION READ ONLY');
    } catch (error) {
      connection.destroy();
      throw error;
    }
    this.#ready.add(wire);
    return connection;
  }

  /** @throws CodedError where the server is of the other kind, or too old */
  #check(version: string): void {
    const { name } = this.#options;
    const { kind, title, oldest, isOne } = this.#flavour;
    const other = kind === 'mysql' ? MARIADB : MYSQL;
    if (!isOne(version))
      throw new CodedError('STORE_UNAVAILABLE', `The source ${name} is ${other.title} ${version}.`, {
        hint: `Say \`kind: ${other.kind}\` in the file of SOURCES, and begin its URL with ${other.kind}://.`,
      });
    const [own, least] = [version, oldest].map((text) => text.split('.').map((part) => parseInt(part, 10) || 0));
    const at = least!.findIndex((part, index) => part !== own![index]);
    if (at >= 0 && (own![at] ?? 0) < least![at]!)
      throw new CodedError('STORE_UNAVAILABLE', `The source ${name} is ${title} ${version}.`, {
        hint: `The kind ${kind} reads ${title} ${oldest} and later.`,
      });
  }

  /** One whose password was changed is made anew. */
  #pool(): Pool {
    const url = this.#options.url();
    if (this.#opened?.url === url) return this.#opened.pool;
    this.#opened?.pool.end().catch(this.#options.onIdleError);
    const pool = createPool(this.#address());
    this.#opened = { url, pool };
    return pool;
  }

  #address(): PoolOptions {
    const { name, variable, url, poolSize, connectTimeoutMs, idleMs } = this.#options;
    try {
      const { hostname, port, username, password, pathname, searchParams } = new URL(url());
      const database = decodeURIComponent(pathname.slice(1));
      const mode = searchParams.get('sslmode') ?? 'disable';
      const root = searchParams.get('sslrootcert');
      if (!['disable', 'require', 'verify-full'].includes(mode)) throw new Error(`sslmode=${mode} is not known`);
      return {
        host: hostname.replace(/^\[|\]$/g, '') || 'localhost',
        port: Number(port || 3306),
        user: decodeURIComponent(username),
        password: decodeURIComponent(password),
        ...(database === '' ? {} : { database }),
        ...(mode === 'disable'
          ? {}
          : {
              ssl: {
                rejectUnauthorized: mode === 'verify-full',
                ...(root === null ? {} : { ca: readFileSync(root, 'utf8') }),
              },
            }),
        charset: 'utf8mb4',
        connectionLimit: poolSize,
        maxIdle: poolSize,
        idleTimeout: idleMs,
        connectTimeout: connectTimeoutMs,
        enableKeepAlive: true,
        maxPreparedStatements: SOURCES.prepared,
        supportBigNumbers: true,
        bigNumberStrings: true,
        dateStrings: true,
        jsonStrings: true,
        multipleStatements: false,
        // No file of this machine is ever sent.
        flags: ['-LOCAL_FILES'],
      };
    } catch (cause) {
      // The URL may hold a password: its words are the cause's alone.
      throw new CodedError('STORE_UNAVAILABLE', `The URL of the source ${name} cannot be read.`, {
        cause,
        hint: `Set ${variable} to one such as ${this.#flavour.kind}://reader:…@db.example:3306/shop?sslmode=verify-full&sslrootcert=ca.pem.`,
      });
    }
  }

  #errorOf(error: unknown): Error {
    if (error instanceof CodedError) return error;
    const { name, variable } = this.#options;
    const store = `The source ${name}`;
    const { title } = this.#flavour;
    const { errno, code, sqlMessage = '' } = error as { errno?: number; code?: string; sqlMessage?: string };
    const unavailable = (hint: string): CodedError => storeUnavailable(store, error, hint);
    switch (errno) {
      case 1044:
      case 1045:
      case 1698:
        return unavailable(`${title} refused the user or password: check ${variable}.`);
      case 1049:
        return unavailable(`The database in ${variable} does not exist: create it, or name another.`);
      case 1040:
      case 1203:
        return unavailable(`${title} has no free connection: raise max_connections or lower SOURCES_POOL_SIZE.`);
      case 1205:
      case 1317:
      case 1969:
      case 3024:
      case 3699:
        return storeTimeout(store, error, `Ask for less; if everything is slow, check the ${title} server.`);
      case 1054:
      case 1146:
      case 1356:
        return new CodedError('STORE_UNAVAILABLE', `${store} has changed: ${sqlMessage}.`, {
          cause: error,
          hint: 'If it is right so, save the file of SOURCES again, which reads the database anew; else bring it back.',
        });
      case 1062:
      case 1169:
        return conflict('Another row has the same value, which must be unique.', {
          cause: error,
          hint: 'Give another value, or change the row that is there. It may be one that you do not see.',
          extensions: { violates: 'UNIQUE' },
        });
      case 1451:
        return conflict('Other rows lead to this one.', {
          cause: error,
          hint: 'Change or delete those first.',
          extensions: { violates: 'FOREIGN_KEY' },
        });
      case 1452:
        return badUserInput('A row would lead to one that is not there.', {
          cause: error,
          hint: 'Look at what its foreign keys name.',
          extensions: { violates: 'FOREIGN_KEY' },
        });
      case 3819:
      case 4025:
        return badUserInput('The database refuses the values by one of its rules.', {
          cause: error,
          extensions: { violates: 'CHECK' },
        });
      case 1644:
        return badUserInput('A trigger or a function of the database refuses it.', {
          cause: error,
          hint: 'The log has its words.',
          extensions: { violates: 'RULE' },
        });
      case 1048:
      case 1364:
        return badUserInput(`A column must have a value: ${/'([^']*)'/.exec(sqlMessage)?.[1] ?? 'see the log'}.`, {
          cause: error,
          extensions: { violates: 'NOT_NULL' },
        });
      case 1213:
      case 1020:
        return conflict('Others are changing the same rows.', { cause: error, hint: 'Try again.' });
      case 1290:
      case 1792:
      case 1836:
        return new CodedError('STORE_UNAVAILABLE', `${store} accepts no changes: it is read only.`, {
          cause: error,
          hint: `Let ${variable} lead to the primary server, or take \`mutations\` out of the file of SOURCES.`,
        });
      case 1142:
      case 1143:
        return new CodedError('STORE_UNAVAILABLE', `${store} refuses: ${sqlMessage}.`, {
          cause: error,
          hint: `As the owner run GRANT SELECT (for mutations also INSERT, UPDATE, DELETE) ON … TO the user of ${variable}, or hide the type or the column.`,
        });
      case 1390:
        return badUserInput(`The filter has more values than ${title} takes.`, { cause: error });
      case 1264:
      case 1265:
      case 1406:
      case 1292:
      case 1366:
      case 3140:
      case 3988:
        return unfitBy(error);
      default:
        if (code === 'PROTOCOL_SEQUENCE_TIMEOUT' || code === WAITED)
          return storeTimeout(
            store,
            error,
            code === WAITED
              ? 'All connections are in use: raise SOURCES_POOL_SIZE, or ask for less at once.'
              : `The ${title} server does not answer.`,
          );
        if (isOfConnection(error)) return unavailable(`Check that ${title} runs at the host and port of ${variable}.`);
        // A view that divides by zero: whoever asks is not to blame. Its words may have what rows hold.
        return new CodedError('STORE_UNAVAILABLE', `${store} failed to answer (error ${errno ?? code}).`, {
          cause: error,
          hint: 'The log says why: a view or a function of the database may fail for some rows. Ask for other fields or rows.',
        });
    }
  }
}

const WAITED = 'WAITED';

/** Errors of the connection itself make it unfit for another statement. */
const isOfConnection = (error: unknown): boolean =>
  /^(E[A-Z]{4,}|PROTOCOL_|HANDSHAKE_)/.test((error as { code?: string }).code ?? '') &&
  !String((error as { code?: string }).code).startsWith('ER_');

/** A connection that comes late goes back. */
async function inTime(connecting: Promise<PoolConnection>, ms: number): Promise<PoolConnection> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('No connection was free.'), { code: WAITED })), ms);
  });
  try {
    return await Promise.race([connecting, late]);
  } catch (error) {
    connecting.then(
      (connection) => connection.release(),
      () => undefined,
    );
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
