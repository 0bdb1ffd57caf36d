/** Removing the rows of a tenant, and of its projects, from every table that has any: of whichever subgraph, found by its column. */
import type pg from 'pg';
import { addCounts, type Counts } from '../erasure.ts';
import { CodedError } from '../errors.ts';
import { POSTGRES } from './bounds.ts';
import { toStoreError } from './errors.ts';
import { SYSTEM_ROLE } from './migrations.ts';

/** Tables of tenants, with whether the system may erase in them. */
const TABLES = `SELECT c.oid::int AS oid, n.nspname || '.' || c.relname AS name,
    EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'erasure') AS erasable
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
  ORDER BY 2`;

const REFERENCES = `SELECT conrelid::int AS child, confrelid::int AS parent FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid`;

/** Behind the events that its removal is refused before: a trigger holds them together, and no foreign key. */
const LAST = 'runs.runs';

/** An erasure under way, on a connection of its own without time-outs. */
export class PostgresErasure {
  readonly #client: pg.Client;
  readonly #tenant: string;
  /** What refers to others before these. */
  readonly #tables: readonly string[];

  private constructor(client: pg.Client, tenant: string, tables: readonly string[]) {
    this.#client = client;
    this.#tenant = tenant;
    this.#tables = tables;
  }

  /**
   * @param client ended with the erasure
   * @param schemas whose tables are looked at
   * @throws CodedError `STORE_UNAVAILABLE` where migrations are pending, so that rows would stay
   */
  static async begin(client: pg.Client, tenant: string, schemas: readonly string[]): Promise<PostgresErasure> {
    const { rows } = await client.query<{ oid: number; name: string; erasable: boolean }>(TABLES, [schemas]);
    const bare = rows.filter(({ erasable }) => !erasable).map(({ name }) => name);
    if (bare.length > 0)
      throw new CodedError('STORE_UNAVAILABLE', `Rows of ${bare.join(', ')} cannot be erased.`, {
        hint: 'A migration is pending: start the server of this version once, which applies it.',
      });
    const { rows: references } = await client.query<{ child: number; parent: number }>(REFERENCES);
    const names = new Map(rows.map(({ oid, name }) => [oid, name]));
    const sorted: string[] = [];
    const place = (oid: number, under: ReadonlySet<number>): void => {
      const name = names.get(oid);
      if (name === undefined || sorted.includes(name) || under.has(oid)) return;
      for (const { child, parent } of references) if (parent === oid) place(child, new Set([...under, oid]));
      sorted.push(name);
    };
    for (const { oid, name } of rows) if (name !== LAST) place(oid, new Set());
    for (const { oid, name } of rows) if (name === LAST) place(oid, new Set());
    return new PostgresErasure(client, tenant, sorted);
  }

  /** What rows are kept under, of the tenant and its projects. */
  async tenantIds(): Promise<readonly string[]> {
    return await this.#as(async () => {
      const found = new Set<string>();
      for (const table of this.#tables) {
        const { rows } = await this.#client.query<{ id: string }>(
          `SELECT DISTINCT tenant_id AS id FROM ${table} WHERE tenant_id = $1 OR starts_with(tenant_id, $1 || '.')`,
          [this.#tenant],
        );
        for (const { id } of rows) found.add(id);
      }
      return [...found].sort();
    });
  }

  async count(tenantIds: readonly string[]): Promise<Counts> {
    return await this.#as(async () => {
      const counts: Record<string, number> = {};
      for (const table of this.#tables) {
        const { rows } = await this.#client.query<{ count: string }>(
          `SELECT count(tenant_id) AS count FROM ${table} WHERE tenant_id = ANY ($1)`,
          [tenantIds],
        );
        counts[table] = Number(rows[0]!.count);
      }
      return addCounts(counts);
    });
  }

  /**
   * Removes rows, so many in each transaction that others need not wait for long. What somebody has just referred to stays for
   * {@link eraseLast}.
   */
  async erase(tenantIds: readonly string[], signal: AbortSignal): Promise<Counts> {
    const counts: Record<string, number> = {};
    for (const table of this.#tables) {
      for (let removed = Infinity; removed > 0;) {
        signal.throwIfAborted();
        try {
          removed = await this.#as(() => this.#remove(table, tenantIds, POSTGRES.erasureRows));
        } catch (error) {
          const { cause } = error as { cause?: { code?: string } };
          if (!/^(23|40)/.test(cause?.code ?? '')) throw error;
          removed = 0;
        }
        counts[table] = (counts[table] ?? 0) + removed;
      }
    }
    return addCounts(counts);
  }

  /**
   * Removes what is left in one transaction that no write is beside: what was committed before it is gone with it, whoever wrote it.
   * Writers wait for as long as it takes; where they are not to be stopped for long, it is tried again.
   * @returns how much was left, and the moment
   */
  async eraseLast(tenantIds: readonly string[], signal: AbortSignal): Promise<{ counts: Counts; at: Date }> {
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        return await this.#as(async () => {
          // Given up before PostgreSQL looks for deadlocks, of which it would end somebody else's transaction.
          await this.#client.query(`SET LOCAL lock_timeout TO ${POSTGRES.erasureLockMs}`);
          await this.#client.query(`LOCK TABLE ${this.#tables.join(', ')} IN SHARE ROW EXCLUSIVE MODE`);
          const counts: Record<string, number> = {};
          for (const table of this.#tables) counts[table] = await this.#remove(table, tenantIds, null);
          const { rows } = await this.#client.query<{ at: Date }>('SELECT clock_timestamp() AS at');
          return { counts: addCounts(counts), at: rows[0]!.at };
        });
      } catch (error) {
        const { cause } = error as { cause?: { code?: string } };
        if (cause?.code !== '55P03' || attempt === POSTGRES.erasureAttempts) throw error;
      }
    }
  }

  /** When the last lease of a delivery ends: until then somebody may still write to another store what he has read here. */
  async deliveredBy(tenantIds: readonly string[]): Promise<Date | undefined> {
    if (!this.#tables.includes('relational.outbox')) return undefined;
    return await this.#as(async () => {
      const { rows } = await this.#client.query<{ until: Date | null }>(
        'SELECT max(lease_until) AS until FROM relational.outbox WHERE tenant_id = ANY ($1) AND lease_until > now()',
        [tenantIds],
      );
      return rows[0]?.until ?? undefined;
    });
  }

  /** Has dead rows cleared away, as far as the connecting user may. */
  async vacuum(): Promise<void> {
    await this.#client.query(`VACUUM ${this.#tables.join(', ')}`);
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined); // Ending a connection that broke has nothing more to tell.
  }

  /** @param limit null for all */
  async #remove(table: string, tenantIds: readonly string[], limit: number | null): Promise<number> {
    const { rowCount } = await this.#client.query(
      `DELETE FROM ${table} WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM ${table} WHERE tenant_id = ANY ($1) LIMIT $2)`,
      [tenantIds, limit],
    );
    return rowCount ?? 0;
  }

  /** In a transaction as the system, to whom policies show rows of this tenant alone. */
  async #as<T>(work: () => Promise<T>): Promise<T> {
    try {
      await this.#client.query(`BEGIN; SET LOCAL ROLE ${SYSTEM_ROLE}`);
      await this.#client.query(`SELECT set_config('app.erased_tenant', $1, true)`, [this.#tenant]);
      const done = await work();
      await this.#client.query('COMMIT');
      return done;
    } catch (error) {
      await this.#client.query('ROLLBACK').catch(() => undefined); // The first failure is the one to report.
      const told = toStoreError(error);
      // What is not of the connection keeps its code for whoever tries again.
      throw told === error
        ? new CodedError('STORE_UNAVAILABLE', 'PostgreSQL refused to erase.', { cause: error })
        : told;
    }
  }
}
