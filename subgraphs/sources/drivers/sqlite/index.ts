/** A file of SQLite as a source; read only, by processes of their own, which are ended where a statement takes too long. */
import { resolve } from 'node:path';
import { badUserInput, CodedError, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';
import type { SourceDriver, SourceOptions } from '../../driver.ts';
import type { SqlStatement } from '../sql/dialect.ts';
import { createSqlSource } from '../sql/source.ts';
import { sqliteDialect } from './dialect.ts';
import { introspect, type Query } from './introspect.ts';
import { SqliteFault, SqliteProcess, SqliteSlow } from './process.ts';

export function createSqliteSource(options: SourceOptions): SourceDriver {
  const { name, sampled } = options;
  const readers = new Readers(options);
  return createSqlSource(name, sqliteDialect, {
    async introspect(schemas) {
      if (!schemas.includes('main')) return { tables: [], enums: [], typeless: true };
      const query: Query = async (sql, parameters = []) => (await readers.read({ sql, parameters })) as never;
      return await introspect(query, sampled);
    },
    async read({ signal, statements }, statement) {
      if (signal?.aborted === true) throw storeTimeout(`The source ${name}`, signal.reason);
      return await statements.timed('sqlite', () => readers.read(statement));
    },
    probe: async () => await readers.read({ sql: 'SELECT 1 FROM sqlite_schema LIMIT 1', parameters: [] }),
    close: () => readers.close(),
  });
}

interface Idle {
  readonly reader: SqliteProcess;
  readonly timer: NodeJS.Timeout;
}

/** Processes that read one file, at the most as many as connections to other stores. */
class Readers {
  readonly #options: SourceOptions;
  readonly #busy = new Set<SqliteProcess>();
  readonly #waiting: (() => void)[] = [];
  #idle: Idle[] = [];
  #file: string | undefined;
  #isClosed = false;
  #done: (() => void) | undefined;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  /** @throws CodedError */
  async read(statement: SqlStatement): Promise<Record<string, unknown>[]> {
    const { statementTimeoutMs, idleMs } = this.#options;
    const file = this.#address();
    const reader = await this.#take(file);
    try {
      return await reader.read(statement, statementTimeoutMs);
    } catch (error) {
      throw this.#errorOf(error);
    } finally {
      this.#busy.delete(reader);
      if (this.#isClosed || file !== this.#file) await reader.end();
      else if (!reader.isEnded) {
        const timer = setTimeout(() => this.#retire(reader), idleMs).unref();
        this.#idle.push({ reader, timer });
      }
      this.#waiting.shift()?.();
      if (this.#busy.size === 0) this.#done?.();
    }
  }

  /** Once what is under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#busy.size > 0) await new Promise<void>((done) => (this.#done = done));
    await this.#endIdle();
  }

  async #take(file: string): Promise<SqliteProcess> {
    const { poolSize, connectTimeoutMs, statementTimeoutMs } = this.#options;
    if (this.#isClosed) throw storeUnavailable(`The source ${this.#options.name}`, undefined, 'It was closed.');
    // Another file: what reads the one before ends.
    if (file !== this.#file) void this.#endIdle();
    this.#file = file;
    while (this.#busy.size >= poolSize) await this.#turn(connectTimeoutMs);
    const { reader, timer } = this.#idle.pop() ?? { reader: new SqliteProcess(file, statementTimeoutMs) };
    clearTimeout(timer);
    this.#busy.add(reader);
    return reader;
  }

  async #turn(ms: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        clearTimeout(late);
        resolve();
      };
      const late = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        const hint = 'All that read it are in use: raise SOURCES_POOL_SIZE, or ask for less at once.';
        reject(storeTimeout(`The source ${this.#options.name}`, undefined, hint));
      }, ms);
      this.#waiting.push(go);
    });
  }

  #retire(reader: SqliteProcess): void {
    this.#idle = this.#idle.filter((each) => each.reader !== reader);
    void reader.end();
  }

  async #endIdle(): Promise<void> {
    const idle = this.#idle;
    this.#idle = [];
    for (const { timer } of idle) clearTimeout(timer);
    await Promise.all(idle.map(({ reader }) => reader.end()));
  }

  /** `sqlite:` and a path, from the folder that the gateway was started in where it does not begin with `/`. */
  #address(): string {
    const path = this.#options
      .url()
      .replace(/^sqlite:/, '')
      .replace(/^\/\/(?=\/)/, '');
    if (path !== '' && !path.startsWith('//') && !path.includes('\0')) return resolve(path);
    const { name, variable } = this.#options;
    throw new CodedError('STORE_UNAVAILABLE', `The URL of the source ${name} cannot be read.`, {
      hint: `Set ${variable} to one such as sqlite:/srv/data/shop.db, or sqlite:shop.db.`,
    });
  }

  #errorOf(error: unknown): Error {
    const { name, variable } = this.#options;
    const store = `The source ${name}`;
    if (error instanceof SqliteSlow) return storeTimeout(store, error);
    if (!(error instanceof SqliteFault)) return error as Error;
    const { fault, message } = error;
    const unavailable = (hint: string): CodedError => storeUnavailable(store, error, hint);
    // The last eight bits; what is before them says more.
    switch (typeof fault === 'number' ? fault & 0xff : fault) {
      case 'MISSING':
        return unavailable(`There is no file where ${variable} says: create it, or name another.`);
      case 'NO_FILE':
        return unavailable(`${variable} names what is no file: name one.`);
      case 'REFUSED':
      case CANNOT_OPEN:
      case NO_PERMISSION:
        return unavailable(
          `The file that ${variable} names may not be read: give the gateway's user the right to read it, and to write its folder where its journal is a WAL.`,
        );
      case 'NO_DATABASE':
      case NO_DATABASE:
        return unavailable(`What ${variable} names is no database of SQLite, or an encrypted one.`);
      case 'NO_CLIENT':
        return unavailable('Its client is not installed for this platform: run npm ci with optional packages.');
      case 'CORRUPT':
      case CORRUPT:
        return unavailable(`The file that ${variable} names is damaged: check it by PRAGMA integrity_check.`);
      case 'BUSY':
      case BUSY:
      case LOCKED:
        return storeTimeout(store, error, 'Somebody writes to the file all the time.');
      case 'CHANGED':
      case ERROR:
        if (/^no such (column|table)|^no such module/.test(message))
          return new CodedError('STORE_UNAVAILABLE', `${store} has changed: ${message}.`, {
            cause: error,
            hint: 'If it is right so, save the file of SOURCES again, which reads the database anew; else bring it back.',
            extensions: { unreadable: true },
          });
        if (message.startsWith('too many SQL variables'))
          return badUserInput('The filter has more values than SQLite takes.', { cause: error });
        break;
      default:
    }
    return new CodedError('STORE_UNAVAILABLE', `${store} failed to answer (${fault ?? 'no code'}).`, {
      cause: error,
      hint: 'The log says why: a view of the database may fail for some rows. Ask for other fields or rows.',
      extensions: { unreadable: true },
    });
  }
}

/** Result codes of SQLite. */
const [ERROR, NO_PERMISSION, BUSY, LOCKED, CORRUPT, CANNOT_OPEN, NO_DATABASE] = [1, 3, 5, 6, 11, 14, 26];
