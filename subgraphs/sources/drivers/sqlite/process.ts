/** One process that has one file of SQLite open, one statement at a time. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SqlStatement } from '../sql/dialect.ts';

/** What SQLite, or reader.mjs, says of a statement that failed. */
export class SqliteFault extends Error {
  constructor(
    /** A result code of SQLite's, extended ones too, or a word of reader.mjs's. */
    readonly fault: number | string | undefined,
    message: string,
  ) {
    super(message);
  }
}

/** The statement took longer than it may; its process was ended. */
export class SqliteSlow extends Error {}

type Answer =
  { id: number; rows: Record<string, unknown>[] } | { id: number; error: { code: number; message: string } };

interface Pending {
  readonly id: number;
  resolve(rows: Record<string, unknown>[]): void;
  reject(error: Error): void;
}

export class SqliteProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #id = 0;
  #pending: Pending | undefined;
  #ended: Error | undefined;

  /** @param writes whether it may write */
  constructor(file: string, busyMs: number, writes: boolean) {
    this.#child = fork(fileURLToPath(new URL('reader.mjs', import.meta.url)), [], {
      // Nothing of the gateway's: not its loader, not its secrets.
      execArgv: [],
      env: { NODE_ENV: 'production' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    });
    this.#exited = new Promise((resolve) => {
      const end = (error: Error): void => {
        this.#ended ??= error;
        this.#settle()?.reject(this.#ended);
        resolve();
      };
      this.#child.once('error', end);
      this.#child.once('exit', (code, signal) =>
        end(new SqliteFault('ENDED', `The process that has the file open ended (${signal ?? `code ${code}`}).`)),
      );
    });
    this.#child.on('message', (answer: Answer) => {
      if (answer.id !== this.#pending?.id) return;
      const { resolve, reject } = this.#settle()!;
      if ('rows' in answer) resolve(answer.rows);
      else reject(new SqliteFault(answer.error.code, answer.error.message));
    });
    this.#child.send({ settings: { file, busyMs, writes } }, () => undefined);
  }

  get isEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** @throws SqliteFault; SqliteSlow after `limitMs`, when it is ended */
  run({ sql, parameters }: SqlStatement, limitMs: number): Promise<Record<string, unknown>[]> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      const timer = setTimeout(() => void this.end(new SqliteSlow('The statement took too long.')), limitMs);
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          this.#hold(false);
          settle(value);
        };
      this.#pending = { id: ++this.#id, resolve: settled(resolve), reject: settled(reject) };
      this.#hold(true);
      this.#child.send({ id: this.#id, sql, parameters }, () => undefined);
    });
  }

  /** Ends it at once, whatever it does. */
  async end(reason: Error = new SqliteFault('ENDED', 'The source was closed.')): Promise<void> {
    this.#ended ??= reason;
    this.#settle()?.reject(this.#ended);
    this.#child.ref();
    this.#child.kill('SIGKILL');
    if (this.#child.pid !== undefined) await this.#exited;
  }

  #settle(): Pending | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }

  /** Whether it keeps this process alive: while somebody waits. */
  #hold(held: boolean): void {
    this.#child[held ? 'ref' : 'unref']();
    this.#child.channel?.[held ? 'ref' : 'unref']();
  }
}
