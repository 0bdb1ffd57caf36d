/** A file of SQLite as a source, by processes of their own, which are ended where a statement takes too long; one of them may write. */
import { resolve } from 'node:path';
import { badUserInput, CodedError, conflict, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';
import type { SourceDriver, SourceOptions } from '../../driver.ts';
import type { SqlStatement } from '../sql/dialect.ts';
import { createSqlSource } from '../sql/source.ts';
import { unfitBy } from '../unfit.ts';
import type { Run } from '../sql/writes.ts';
import { sqliteDialect } from './dialect.ts';
import { introspect, type Query } from './introspect.ts';
import { SqliteFault, SqliteProcess, SqliteSlow } from './process.ts';

export function createSqliteSource(options: SourceOptions): SourceDriver {
  const { name, sampled } = options;
  const readers = new Processes(options, { most: options.poolSize, writes: false });
  // A file has one writer at a time: others wait here for their turn, and not in the way of readers.
  const writer = new Processes(options, { most: 1, writes: true });
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
    async write({ signal, statements }, work) {
      if (signal?.aborted === true) throw storeTimeout(`The source ${name}`, signal.reason);
      return await writer.lend(async (run) => {
        const timed = (sql: string, parameters: readonly unknown[] = []) =>
          statements.timed('sqlite', () => run({ sql, parameters }));
        await timed('BEGIN IMMEDIATE');
        try {
          const result = await work((statement) => timed(statement.sql, statement.parameters));
          await timed('COMMIT');
          return result;
        } catch (error) {
          // Of a process that has ended nothing is left to undo.
          await timed('ROLLBACK').catch(() => undefined);
          throw error;
        }
      });
    },
    probe: async () => await readers.read({ sql: 'SELECT 1 FROM sqlite_schema LIMIT 1', parameters: [] }),
    close: async () => void (await Promise.all([readers.close(), writer.close()])),
  });
}

interface Idle {
  readonly reader: SqliteProcess;
  readonly timer: NodeJS.Timeout;
}

/** Processes that have one file open. */
class Processes {
  readonly #options: SourceOptions;
  readonly #most: number;
  readonly #writes: boolean;
  readonly #busy = new Set<SqliteProcess>();
  readonly #waiting: (() => void)[] = [];
  #idle: Idle[] = [];
  #file: string | undefined;
  #isClosed = false;
  #done: (() => void) | undefined;

  constructor(options: SourceOptions, { most, writes }: { readonly most: number; readonly writes: boolean }) {
    this.#options = options;
    this.#most = most;
    this.#writes = writes;
  }

  /** @throws CodedError */
  read(statement: SqlStatement): Promise<Record<string, unknown>[]> {
    return this.lend((run) => run(statement));
  }

  /** Has one process to itself. @throws CodedError */
  async lend<T>(work: (run: Run) => Promise<T>): Promise<T> {
    const { statementTimeoutMs, idleMs } = this.#options;
    const file = this.#address();
    const reader = await this.#take(file);
    try {
      return await work(async (statement) => {
        try {
          return await reader.run(statement, statementTimeoutMs);
        } catch (error) {
          throw this.#errorOf(error, statement);
        }
      });
    } finally {
      this.#busy.delete(reader);
      // One that was ended has the file until it is gone.
      if (this.#isClosed || file !== this.#file || reader.isEnded) await reader.end();
      else {
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
    const { connectTimeoutMs, statementTimeoutMs } = this.#options;
    if (this.#isClosed) throw storeUnavailable(`The source ${this.#options.name}`, undefined, 'It was closed.');
    // Another file: what reads the one before ends.
    if (file !== this.#file) void this.#endIdle();
    this.#file = file;
    while (this.#busy.size >= this.#most) await this.#turn(connectTimeoutMs);
    const { reader, timer } = this.#idle.pop() ?? { reader: new SqliteProcess(file, statementTimeoutMs, this.#writes) };
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
        const hint = this.#writes
          ? 'Others change it, one after the other: try again.'
          : 'All that read it are in use: raise SOURCES_POOL_SIZE, or ask for less at once.';
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

  #errorOf(error: unknown, { sql }: SqlStatement): Error {
    const { name, variable } = this.#options;
    const store = `The source ${name}`;
    if (error instanceof SqliteSlow) return storeTimeout(store, error);
    if (!(error instanceof SqliteFault)) return error as Error;
    const { fault, message } = error;
    const unavailable = (hint: string): CodedError => storeUnavailable(store, error, hint);
    const refused = refusalOf(fault, sql, message, error);
    if (refused !== undefined) return refused;
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
      case 'READ_ONLY':
      case READ_ONLY:
        return new CodedError('STORE_UNAVAILABLE', `${store} accepts no changes: its file is read only.`, {
          cause: error,
          hint: `Give the gateway's user the right to write the file that ${variable} names, and its folder, or take \`mutations\` out of the file of SOURCES.`,
        });
      case 'FULL':
      case FULL:
        return unavailable('The disk is full.');
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
const [ERROR, NO_PERMISSION, BUSY, LOCKED, READ_ONLY, CORRUPT, FULL, CANNOT_OPEN, NO_DATABASE] = [1, 3, 5, 6, 8, 11, 13, 14, 26]; // prettier-ignore
/** Why the file has not taken a change; undefined where that is not the matter. */
function refusalOf(
  violates: number | string | undefined,
  sql: string,
  message: string,
  cause: Error,
): Error | undefined {
  const extensions = { violates };
  switch (violates) {
    case 'UNIQUE':
      return conflict('Another row has the same value, which must be unique.', {
        cause,
        hint: 'Give another value, or change the row that is there. It may be one that you do not see.',
        extensions,
      });
    case 'FOREIGN_KEY':
      if (sql.startsWith('DELETE'))
        return conflict('Other rows lead to this one.', { cause, hint: 'Change or delete those first.', extensions });
      return badUserInput('A row would lead to one that is not there.', {
        cause,
        hint: 'Look at what its foreign keys name.',
        extensions,
      });
    case 'CHECK':
      return badUserInput('The database refuses the values by one of its rules.', { cause, extensions });
    case 'RULE':
      return badUserInput('A trigger of the database refuses it.', {
        cause,
        hint: 'The log has its words.',
        extensions,
      });
    case 'NOT_NULL':
      return badUserInput(`A column must have a value: ${/\.([^.]*)$/.exec(message)?.[1] ?? 'see the log'}.`, {
        cause,
        extensions,
      });
    case 'DATATYPE':
      return unfitBy(cause);
    default:
      return undefined;
  }
}
