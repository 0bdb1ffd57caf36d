/**
 * All rows of all tables of some schemas, read at one moment and written into a database that has none: for backups. Each row is the text
 * that PostgreSQL itself writes of it and reads again, so that every type keeps its exactness; no program of the server's version is
 * needed beside it, as `pg_dump` would be.
 */
import type pg from 'pg';
import { CodedError } from '../errors.ts';
import { POSTGRES } from './bounds.ts';
import { toStoreError } from './errors.ts';
import { migrationState } from './migrations.ts';

/** What is known of a table at the moment that it was read. */
export interface TableSum {
  readonly rows: number;
  /** Of all rows, whatever their order. */
  readonly checksum: string;
}

/** By name, such as `vector.chunks_ordinal_seq`; null for one that gave nothing yet. */
export type Sequences = Readonly<Record<string, string | null>>;

const TABLES = `SELECT format('%I.%I', n.nspname, c.relname) AS name,
    EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS of_tenants
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'migrations' ORDER BY 1`;

const SUM = `SELECT count(*)::text AS rows, coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric), 0)::text AS checksum`;

const COLUMNS = `SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) AS columns,
    string_agg(format('(r).%I', attname), ', ' ORDER BY attnum) AS values
  FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`;

export class PostgresCopy {
  readonly #client: pg.Client;
  readonly #migrations: Readonly<Record<string, URL>>;
  #tables: readonly { readonly name: string; readonly of_tenants: boolean }[] = [];

  /** @param client ended with it @param migrations of each schema */
  constructor(client: pg.Client, migrations: Readonly<Record<string, URL>>) {
    this.#client = client;
    this.#migrations = migrations;
  }

  /** Names of the tables; known once a snapshot was begun, or a load. */
  get tables(): readonly string[] {
    return this.#tables.map(({ name }) => name);
  }

  /**
   * Everything read from here on is as it is now, whoever writes meanwhile.
   * @returns the moment
   * @throws CodedError where migrations are pending, or the user may not see all rows
   */
  async beginSnapshot(): Promise<Date> {
    return await this.#asked(async () => {
      await this.#query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL row_security = off');
      const [{ at }] = (await this.#query<{ at: Date }>('SELECT clock_timestamp() AS at')) as [{ at: Date }];
      await this.#look();
      return at;
    });
  }

  /** The migrations that the database has, as `schema/name`. @throws CodedError for others than this version's */
  async migrations(): Promise<string[]> {
    return await this.#asked(async () => {
      const all: string[] = [];
      for (const [schema, folder] of Object.entries(this.#migrations)) {
        const { pending, newer, changed } = await migrationState(this.#client, schema, folder);
        const other = [...pending.map(({ name }) => name), ...newer, ...changed][0];
        if (other !== undefined)
          throw new CodedError('STORE_UNAVAILABLE', `The database is not of this version (${schema}/${other}).`, {
            hint: 'Start the server of this version once, which migrates it, or use the version that it is of.',
          });
        const applied = await this.#query<{ name: string }>(`SELECT name FROM ${schema}.migrations ORDER BY 1`);
        all.push(...applied.map(({ name }) => `${schema}/${name}`));
      }
      return all;
    });
  }

  async sum(table: string): Promise<TableSum> {
    return await this.#asked(async () => {
      const [{ rows, checksum }] = (await this.#query<{ rows: string; checksum: string }>(
        `${SUM} FROM ${table} AS t`,
      )) as [{ rows: string; checksum: string }];
      return { rows: Number(rows), checksum };
    });
  }

  async sequences(): Promise<Sequences> {
    return await this.#asked(async () => {
      const rows = await this.#query<{ name: string; last: string | null }>(
        `SELECT format('%I.%I', schemaname, sequencename) AS name, last_value::text AS last FROM pg_sequences WHERE schemaname = ANY ($1) ORDER BY 1`,
        [Object.keys(this.#migrations)],
      );
      return Object.fromEntries(rows.map(({ name, last }) => [name, last]));
    });
  }

  /** What rows are kept under, of all tenants. */
  async tenantIds(): Promise<string[]> {
    return await this.#asked(async () => {
      const found = new Set<string>();
      for (const { name, of_tenants } of this.#tables) {
        if (!of_tenants) continue;
        for (const { id } of await this.#query<{ id: string }>(`SELECT DISTINCT tenant_id AS id FROM ${name}`))
          found.add(id);
      }
      return [...found].sort();
    });
  }

  /** The rows of a table as texts. */
  async *rows(table: string): AsyncGenerator<string> {
    await this.#asked(() =>
      this.#query(`DECLARE copied NO SCROLL CURSOR FOR SELECT t::text AS row FROM ${table} AS t`),
    );
    for (;;) {
      const page = await this.#asked(() => this.#query<{ row: string }>(`FETCH ${POSTGRES.copyRows} FROM copied`));
      for (const { row } of page) yield row;
      if (page.length === 0) break;
    }
    await this.#asked(() => this.#query('CLOSE copied'));
  }

  /**
   * Begins to write: nothing of it is there before {@link commit}.
   * @returns tables of tenants that have rows already, and how many others are connected as servers are
   */
  async beginLoad(): Promise<{ filled: string[]; servers: number }> {
    return await this.#asked(async () => {
      const servers = await this.#servers();
      await this.#query('BEGIN; SET LOCAL row_security = off');
      // Rows are as they were: what checks new ones, and what tells of them, does not take part.
      await this.#query('SET LOCAL session_replication_role = replica');
      await this.#look();
      const filled: string[] = [];
      for (const { name, of_tenants } of this.#tables)
        if (of_tenants && (await this.#query(`SELECT FROM ${name} LIMIT 1`)).length > 0) filled.push(name);
      return { filled, servers };
    });
  }

  /** Writes the rows of a table, whatever a migration has put there before. */
  async load(table: string, rows: AsyncIterable<string>): Promise<void> {
    await this.#asked(async () => {
      const entry = this.#tables.find(({ name }) => name === table);
      if (entry === undefined)
        throw new CodedError('STORE_UNAVAILABLE', `There is no table ${table}.`, {
          hint: 'Restore with the version that made the backup.',
        });
      if (!entry.of_tenants) await this.#query(`DELETE FROM ${table}`);
      const [{ columns, values }] = (await this.#query<{ columns: string; values: string }>(COLUMNS, [table])) as [
        { columns: string; values: string },
      ];
      const insert = `INSERT INTO ${table} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${values} FROM (SELECT unnest($1::text[])::${table} AS r) AS rows`;
      let [batch, bytes]: [string[], number] = [[], 0];
      const flush = async (): Promise<void> => {
        if (batch.length > 0) await this.#query(insert, [batch]);
        [batch, bytes] = [[], 0];
      };
      for await (const row of rows) {
        batch.push(row);
        bytes += row.length;
        if (batch.length >= POSTGRES.copyRows || bytes >= POSTGRES.copyBytes) await flush();
      }
      await flush();
    });
  }

  async setSequences(sequences: Sequences): Promise<void> {
    await this.#asked(async () => {
      for (const [name, last] of Object.entries(sequences))
        if (last !== null) await this.#query('SELECT setval($1::regclass, $2::bigint)', [name, last]);
    });
  }

  /** Frees what was being delivered: whoever did is not here, and would be waited for. */
  async releaseLeases(): Promise<void> {
    await this.#asked(() =>
      this.#query(
        'UPDATE relational.outbox SET lease_until = NULL, lease_revision = NULL WHERE lease_until IS NOT NULL',
      ),
    );
  }

  async commit(): Promise<void> {
    await this.#asked(() => this.#query('COMMIT'));
  }

  /** Removes all schemas with everything in them. */
  async dropAll(): Promise<void> {
    await this.#asked(() => this.#query(`DROP SCHEMA IF EXISTS ${Object.keys(this.#migrations).join(', ')} CASCADE`));
  }

  /** Ends it; what was not committed is not there. */
  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined); // Ending a connection that broke has nothing more to tell.
  }

  /** How many others are connected as servers are. Connections that have just ended take a moment to go. */
  async #servers(): Promise<number> {
    for (let attempt = 1; ; attempt += 1) {
      const [{ servers }] = (await this.#query<{ servers: number }>(
        `SELECT count(*)::int AS servers FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'tributary' AND pid <> pg_backend_pid()`,
      )) as [{ servers: number }];
      if (servers === 0 || attempt === POSTGRES.goodbyeLooks) return servers;
      await this.#query('SELECT pg_sleep(0.1)');
    }
  }

  async #look(): Promise<void> {
    this.#tables = await this.#query(TABLES, [Object.keys(this.#migrations)]);
  }

  async #query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]> {
    const { rows } = await (values === undefined ? this.#client.query<Row>(sql) : this.#client.query<Row>(sql, values));
    return rows ?? [];
  }

  async #asked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { code, message } = error as { code?: string; message?: string };
      if (code === '42501')
        throw new CodedError('STORE_UNAVAILABLE', 'The user of DATABASE_URL may not copy all rows.', {
          cause: error,
          hint: /session_replication_role/.test(message ?? '')
            ? 'As an administrator run: GRANT SET ON PARAMETER session_replication_role TO <the user of DATABASE_URL>'
            : 'Name a user in DATABASE_URL, for this command alone, who may see all rows: a superuser, or one with BYPASSRLS.',
        });
      throw toStoreError(error);
    }
  }
}
