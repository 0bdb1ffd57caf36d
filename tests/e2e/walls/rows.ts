/** Row-level security as the catalogue has it: what the application's role may do with which tables. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { TENANT_ROLE } from '#subgraphs/shared/postgres/migrations.ts';

export interface Table {
  /** As SQL has it. */
  readonly name: string;
  readonly hasTenant: boolean;
  /** Row-level security, for the owner too. */
  readonly secured: boolean;
  readonly privileges: readonly string[];
  /** Columns that the role may read. */
  readonly readable: readonly string[];
  /** Columns that the role may change. */
  readonly changeable: readonly string[];
}

/** Every table of the application's schemas, partitions included. */
export async function tables(database: pg.Client): Promise<Table[]> {
  const { rows } = await database.query<Table>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name,
            EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id') AS "hasTenant",
            c.relrowsecurity AND c.relforcerowsecurity AS secured,
            ARRAY(SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p
                  WHERE has_table_privilege($1, c.oid, p)
                     OR (p IN ('SELECT', 'INSERT', 'UPDATE') AND has_any_column_privilege($1, c.oid, p))) AS privileges,
            ARRAY(SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
                   AND has_column_privilege($1, c.oid, attnum, 'SELECT')) AS readable,
            ARRAY(SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
                   AND has_column_privilege($1, c.oid, attnum, 'UPDATE')) AS changeable
     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
     ORDER BY 1`,
    [TENANT_ROLE],
  );
  return rows;
}

/** Functions that run as somebody else and that the application's role may call. */
export async function definerFunctions(database: pg.Client): Promise<string[]> {
  const { rows } = await database.query<{ name: string }>(
    `SELECT p.oid::regprocedure::text AS name FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
     WHERE p.prosecdef AND n.nspname NOT LIKE 'pg\\_%' AND has_function_privilege($1, p.oid, 'EXECUTE')
       AND has_schema_privilege($1, n.oid, 'USAGE') ORDER BY 1`,
    [TENANT_ROLE],
  );
  return rows.map(({ name }) => name);
}

/** A connection of a user who is nothing but a member of the application's role. */
export interface ApplicationConnection extends AsyncDisposable {
  readonly client: pg.Client;
  /** Runs a statement in a transaction of its own, which is rolled back, as one who sees all users. @param tenant none is named where it is undefined */
  run(tenant: string | undefined, sql: string, values?: unknown[]): Promise<pg.QueryResult>;
}

export async function connectAsApplication(database: pg.Client, url: string): Promise<ApplicationConnection> {
  // Roles are the cluster's, which other tests use too.
  const user = `walls_${randomBytes(8).toString('hex')}`;
  const password = randomBytes(16).toString('hex');
  await database.query(
    `CREATE ROLE ${user} LOGIN PASSWORD '${password}' NOSUPERUSER NOBYPASSRLS IN ROLE ${TENANT_ROLE}`,
  );
  const address = new URL(url);
  address.username = user;
  address.password = password;
  const client = new pg.Client(address.href);
  await client.connect();
  return {
    client,
    run: async (tenant, sql, values) => {
      await client.query(`BEGIN; SET LOCAL ROLE ${TENANT_ROLE}`);
      try {
        if (tenant !== undefined)
          await client.query(
            `SELECT set_config('app.tenant_id', $1, true), set_config('app.every_subject', 'on', true), set_config('app.every_memory', 'on', true)`,
            [tenant],
          );
        return await client.query(sql, values);
      } finally {
        await client.query('ROLLBACK');
      }
    },
    [Symbol.asyncDispose]: async () => {
      await client.end();
      await database.query(`DROP ROLE ${user}`);
    },
  };
}

/** A digest of all rows of a tenant in each table, as the superuser sees them. */
export async function rowsOf(database: pg.Client, tenant: string): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const { name, hasTenant } of await tables(database))
    if (hasTenant) {
      const { rows } = await database.query<{ digest: string }>(
        `SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) AS digest FROM ${name} AS t WHERE tenant_id = $1`,
        [tenant],
      );
      digests[name] = rows[0]!.digest;
    }
  return digests;
}
