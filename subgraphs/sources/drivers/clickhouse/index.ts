/** ClickHouse as a source: the database of the URL, or those that the file names; read only. */
import { readFileSync } from 'node:fs';
import { ClickHouseError, ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { POSTGRES } from '#subgraphs/shared/postgres/bounds.ts';
import { CodedError, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';
import { SOURCES } from '../../bounds.ts';
import type { SourceDriver, SourceOptions } from '../../driver.ts';
import { createSqlSource } from '../sql/source.ts';
import { unfitBy } from '../unfit.ts';
import { clickhouseDialect } from './dialect.ts';
import { introspect } from './introspect.ts';
import type { Parameter } from './parameters.ts';

/** The oldest one that has all that is asked for: `final` as a setting, `IN` of links, dates before 1970 in buckets. */
const OLDEST = 24;

export function createClickhouseSource(options: SourceOptions): SourceDriver {
  const { name } = options;
  const server = new ClickhouseServer(options);
  return createSqlSource(name, clickhouseDialect, {
    async introspect(schemas) {
      await server.checkVersion();
      const read = schemas.length > 0 ? schemas : [server.database];
      return await introspect((text) => server.ask(text, { schemas: read }));
    },
    async read({ signal, statements }, { sql, parameters }) {
      if (signal?.aborted === true) throw storeTimeout(`The source ${name}`, signal.reason);
      const given = (parameters as readonly Parameter[]).map(({ value }, index) => [`p${index}`, value] as const);
      return await statements.timed('clickhouse', () => server.ask(sql, Object.fromEntries(given), signal));
    },
    async probe() {
      await server.checkVersion();
      await server.ask('SELECT 1', {});
    },
    close: () => server.close(),
  });
}

/** A part of the rows that profiles would answer with, rather than say that there are too many. */
const OVERFLOWS = ['timeout', 'read', 'group_by', 'sort', 'result', 'distinct', 'set', 'join', 'transfer'];

class ClickhouseServer {
  readonly #options: SourceOptions;
  #opened: { readonly url: string; readonly client: ClickHouseClient } | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  /** That which the URL names. @throws CodedError where it names none */
  get database(): string {
    const { name, variable } = this.#options;
    const database = decodeURIComponent(this.#address().pathname.slice(1));
    if (database !== '') return database;
    throw new CodedError('STORE_UNAVAILABLE', `The source ${name} names no database to read.`, {
      hint: `Write it behind the host in ${variable}, or say its \`schemas\` in the file of SOURCES.`,
    });
  }

  /** @throws CodedError for one that is too old */
  async checkVersion(): Promise<void> {
    // Before the settings, some of which an old one does not know.
    const [row] = await this.#send('SELECT version() AS version', {}, {});
    const version = String(row?.['version']);
    if (Number(version.split('.')[0]) >= OLDEST) return;
    throw new CodedError('STORE_UNAVAILABLE', `The source ${this.#options.name} is ClickHouse ${version}.`, {
      hint: `The kind clickhouse reads ClickHouse ${OLDEST} and later.`,
    });
  }

  /** @throws CodedError */
  async ask(
    text: string,
    parameters: Readonly<Record<string, string | readonly string[]>>,
    signal?: AbortSignal,
  ): Promise<Record<string, unknown>[]> {
    const { statementTimeoutMs } = this.#options;
    return await this.#send(text, parameters, settingsOf(statementTimeoutMs), signal);
  }

  async #send(
    query: string,
    parameters: Readonly<Record<string, string | readonly string[]>>,
    settings: Readonly<Record<string, string | number>>,
    signal?: AbortSignal,
  ): Promise<Record<string, unknown>[]> {
    try {
      const result = await this.#client().query({
        query,
        query_params: parameters,
        format: 'JSONEachRow',
        clickhouse_settings: settings,
        ...(signal === undefined ? {} : { abort_signal: signal }),
      });
      return await result.json<Record<string, unknown>>();
    } catch (error) {
      if (signal?.aborted === true) throw storeTimeout(`The source ${this.#options.name}`, signal.reason);
      throw this.#errorOf(error);
    }
  }

  async close(): Promise<void> {
    await (this.#closing ??= this.#opened?.client.close() ?? Promise.resolve());
  }

  /** One whose password was changed is made anew. */
  #client(): ClickHouseClient {
    const url = this.#options.url();
    if (this.#opened?.url === url) return this.#opened.client;
    this.#opened?.client.close().catch(this.#options.onIdleError);
    const { protocol, host, username, password } = this.#address();
    const { poolSize, statementTimeoutMs, idleMs } = this.#options;
    const root = this.#certificate();
    const port = /:\d+$/.test(host) ? '' : protocol === 'clickhouses:' ? ':8443' : ':8123';
    const client = createClient({
      url: `${protocol === 'clickhouses:' ? 'https' : 'http'}://${host}${port}`,
      username: decodeURIComponent(username) || 'default',
      password: decodeURIComponent(password),
      max_open_connections: poolSize,
      request_timeout: statementTimeoutMs + POSTGRES.answerMarginMs,
      keep_alive: { enabled: true, idle_socket_ttl: Math.min(idleMs, SOURCES.clickhouseIdleMs) },
      // Values stand in no address, which servers and proxies between log.
      use_multipart_params: true,
      application: 'tributary',
      // What fails is told in errors; the client would write it to the console, values and all.
      log: { level: ClickHouseLogLevel.OFF },
      ...(root === undefined ? {} : { tls: { ca_cert: root } }),
    });
    this.#opened = { url, client };
    return client;
  }

  #address(): URL {
    const { name, variable, url } = this.#options;
    try {
      return new URL(url());
    } catch (cause) {
      // The URL may hold a password: its words are the cause's alone.
      throw new CodedError('STORE_UNAVAILABLE', `The URL of the source ${name} cannot be read.`, {
        cause,
        hint: `Set ${variable} to one such as clickhouses://reader:…@db.example:8443/shop.`,
      });
    }
  }

  /** The certificate that the server's must go back to; undefined where those of the machine do. */
  #certificate(): Buffer | undefined {
    const file = this.#address().searchParams.get('sslrootcert');
    if (file === null) return undefined;
    try {
      return readFileSync(file);
    } catch (cause) {
      const { name, variable } = this.#options;
      throw new CodedError('STORE_UNAVAILABLE', `The certificate of the source ${name} cannot be read.`, {
        cause,
        hint: `Let \`sslrootcert\` in ${variable} name a file that the gateway may read.`,
      });
    }
  }

  #errorOf(error: unknown): Error {
    if (error instanceof CodedError) return error;
    const { name, variable } = this.#options;
    const store = `The source ${name}`;
    const unavailable = (hint: string): CodedError => storeUnavailable(store, error, hint);
    if (!(error instanceof ClickHouseError)) {
      if (/timeout/i.test((error as Error).message))
        return storeTimeout(store, error, 'The ClickHouse server does not answer, or all connections are in use.');
      return unavailable(`Check that ClickHouse's HTTP interface runs at the host and port of ${variable}.`);
    }
    switch (error.type) {
      case 'AUTHENTICATION_FAILED':
      case 'WRONG_PASSWORD':
      case 'REQUIRED_PASSWORD':
      case 'UNKNOWN_USER':
      case 'IP_ADDRESS_NOT_ALLOWED':
        return unavailable(`ClickHouse refused the user or password: check ${variable}.`);
      case 'UNKNOWN_DATABASE':
        return unavailable(`A database that ${variable} or the file of SOURCES names does not exist.`);
      case 'READONLY':
      case 'SETTING_CONSTRAINT_VIOLATION':
        return unavailable(
          `ClickHouse refuses a setting of the request (the log names it): give the user of ${variable} \`readonly = 2\`, which may set them and read alone.`,
        );
      case 'UNKNOWN_SETTING':
        return unavailable('ClickHouse does not know a setting of the request (the log names it): it may be too old.');
      case 'TIMEOUT_EXCEEDED':
      case 'TOO_SLOW':
      case 'QUERY_WAS_CANCELLED':
        return storeTimeout(store, error, 'Ask for less; if everything is slow, check the ClickHouse server.');
      case 'UNKNOWN_TABLE':
      case 'UNKNOWN_IDENTIFIER':
      case 'NO_SUCH_COLUMN_IN_TABLE':
      case 'NOT_FOUND_COLUMN_IN_BLOCK':
        return new CodedError('STORE_UNAVAILABLE', `${store} has changed: a table or a column is gone.`, {
          cause: error,
          hint: 'The log names it. If it is right so, save the file of SOURCES again, which reads the database anew; else bring it back.',
        });
      case 'ACCESS_DENIED':
        return new CodedError('STORE_UNAVAILABLE', `${store} refuses: the user may not read what was asked for.`, {
          cause: error,
          hint: `Run GRANT SELECT ON … TO the user of ${variable}, or hide the type or the column.`,
        });
      case 'MEMORY_LIMIT_EXCEEDED':
      case 'TOO_MANY_ROWS':
      case 'TOO_MANY_BYTES':
      case 'TOO_MANY_ROWS_OR_BYTES':
      case 'SET_SIZE_LIMIT_EXCEEDED':
        return new CodedError('QUERY_TOO_COSTLY', `${store} would have to read more than it may.`, {
          cause: error,
          hint: 'Ask for fewer rows, or raise the limits of its user in ClickHouse.',
        });
      case 'TOO_MANY_SIMULTANEOUS_QUERIES':
        return unavailable('ClickHouse has too many queries: raise max_concurrent_queries or lower SOURCES_POOL_SIZE.');
      case 'BAD_QUERY_PARAMETER':
      case 'DECIMAL_OVERFLOW':
      case 'ARGUMENT_OUT_OF_BOUND':
      case 'VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE':
        return unfitBy(error);
      default:
        // A view that divides by zero: whoever asks is not to blame. Its words may have what rows hold.
        return new CodedError('STORE_UNAVAILABLE', `${store} failed to answer (error ${error.code}).`, {
          cause: error,
          hint: 'The log says why: a view or a function of the database may fail for some rows. Ask for other fields or rows.',
        });
    }
  }
}

/** What a statement means, whatever the server or the user's profile say otherwise. */
const settingsOf = (statementTimeoutMs: number): Readonly<Record<string, string | number>> => ({
  readonly: 2,
  max_execution_time: statementTimeoutMs / 1_000,
  // Where its rows are put together in the background, they are as if that had been done.
  final: 1,
  transform_null_in: 0,
  distributed_product_mode: 'global',
  prefer_column_name_to_alias: 1,
  enable_extended_results_for_datetime_functions: 1,
  empty_result_for_aggregation_by_empty_set: 0,
  decimal_check_overflow: 1,
  date_time_output_format: 'simple',
  date_time_input_format: 'basic',
  output_format_json_quote_64bit_integers: 0,
  output_format_json_quote_decimals: 0,
  output_format_json_quote_denormals: 0,
  output_format_json_named_tuples_as_objects: 1,
  limit: 0,
  offset: 0,
  // An answer is whole before it begins, so that a fault is told as one.
  wait_end_of_query: 1,
  // Nobody waits for what was called off.
  cancel_http_readonly_queries_on_client_close: 1,
  ...Object.fromEntries(OVERFLOWS.map((each) => [`${each}_overflow_mode`, 'throw'])),
});
