/** Migrations as plain SQL files, forward only, each in a transaction of its own, all under one advisory lock. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type pg from 'pg';
import { CodedError } from '../errors.ts';

/** The role of every request: it owns nothing and cannot bypass row-level security. Migrations grant to it. */
export const TENANT_ROLE = 'tributary_tenant';

/** The role of the gateway's own cross-tenant work: migrations give it policies on single tables. */
export const SYSTEM_ROLE = 'tributary_system';

// Any constant does, as long as every process of every version uses it.
const MIGRATION_LOCK = 7_283_914_001;

/** Creates both roles where they are missing, and lets the connecting user take them on. */
export async function ensureRoles(client: pg.ClientBase): Promise<void> {
  for (const role of [TENANT_ROLE, SYSTEM_ROLE]) {
    await locked(client, async () => {
      const { rows } = await client.query<{ member: boolean; bypass: boolean }>(
        `SELECT pg_has_role(current_user, oid, 'MEMBER') AS member, rolsuper OR rolbypassrls AS bypass FROM pg_roles WHERE rolname = $1`,
        [role],
      );
      if (rows[0]?.bypass === true) {
        throw new CodedError('STORE_UNAVAILABLE', `The role ${role} can bypass row-level security.`, {
          hint: `Run: ALTER ROLE ${role} NOSUPERUSER NOBYPASSRLS`,
        });
      }
      if (rows[0]?.member === true) return;
      try {
        // Roles belong to the cluster, so another database's migration may create one at this very moment.
        if (rows.length === 0) {
          await client.query(
            `DO $$ BEGIN CREATE ROLE ${role} NOLOGIN NOSUPERUSER NOBYPASSRLS; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
          );
        }
        await client.query(`GRANT ${role} TO current_user`);
      } catch (cause) {
        throw new CodedError('STORE_UNAVAILABLE', `The role ${role} is missing and this user may not create it.`, {
          cause,
          hint: `As an administrator run: CREATE ROLE ${role} NOLOGIN; GRANT ${role} TO <the user of DATABASE_URL>`,
        });
      }
    });
  }
}

interface MigrationFile {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** The files of a folder beside what a database says was applied. */
export interface MigrationState {
  /** Not applied yet, in their order. */
  readonly pending: readonly MigrationFile[];
  /** Names of what was applied and is in no file: by a newer version. */
  readonly newer: readonly string[];
  /** Names of files that were changed after they had been applied. */
  readonly changed: readonly string[];
}

/**
 * Compares; changes nothing.
 * @param schema whose migrations they are; one that does not exist has applied none
 */
export async function migrationState(client: pg.ClientBase, schema: string, folder: URL): Promise<MigrationState> {
  const { rows: tables } = await client.query(`SELECT to_regclass($1) IS NOT NULL AS exists`, [`${schema}.migrations`]);
  const { rows } = (tables[0] as { exists: boolean }).exists
    ? await client.query<{ name: string; checksum: string }>(`SELECT name, checksum FROM ${schema}.migrations`)
    : { rows: [] };
  const checksums = new Map(rows.map(({ name, checksum }) => [name, checksum]));
  const names = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  const [pending, changed]: [MigrationFile[], string[]] = [[], []];
  for (const name of names) {
    const sql = await readFile(new URL(name, folder), 'utf8');
    const checksum = createHash('sha256').update(sql).digest('hex');
    const before = checksums.get(name);
    if (before === undefined) pending.push({ name, sql, checksum });
    else if (before !== checksum) changed.push(name);
  }
  return { pending, newer: [...checksums.keys()].filter((name) => !names.includes(name)), changed };
}

/**
 * Lets the system remove the rows of a tenant that is being erased, and of its projects, from every table of tenants, in a transaction
 * that names it (`app.erased_tenant`). Not a migration: no table that comes later may be forgotten.
 */
const erasable = (schema: string): string => `DO $$
DECLARE
  name text;
  erased text := 'tenant_id = current_setting(''app.erased_tenant'', true) OR starts_with(tenant_id, nullif(current_setting(''app.erased_tenant'', true), '''') || ''.'')';
BEGIN
  FOR name IN
    SELECT c.relname FROM pg_class c WHERE c.relnamespace = '${schema}'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
       AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'erasure')
  LOOP
    -- Where the system removes nothing else, it can remove nothing else: its other policies may let it see all.
    IF NOT has_table_privilege('${SYSTEM_ROLE}', format('${schema}.%I', name), 'DELETE') THEN
      EXECUTE format('CREATE POLICY erasure_alone ON ${schema}.%I AS RESTRICTIVE FOR DELETE TO ${SYSTEM_ROLE} USING (%s)', name, erased);
    END IF;
    EXECUTE format('CREATE POLICY erasure ON ${schema}.%I TO ${SYSTEM_ROLE} USING (%s) WITH CHECK (false)', name, erased);
    EXECUTE format('GRANT SELECT (tenant_id, tableoid, ctid), DELETE ON ${schema}.%I TO ${SYSTEM_ROLE}', name);
  END LOOP;
END $$`;

/** Applies the files of `folder` that `schema` has not seen yet. */
export async function runMigrations(client: pg.ClientBase, schema: string, folder: URL): Promise<void> {
  await locked(client, async () => {
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await client.query(
      `CREATE TABLE IF NOT EXISTS ${schema}.migrations (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    await client.query(`GRANT USAGE ON SCHEMA ${schema} TO ${TENANT_ROLE}, ${SYSTEM_ROLE}`);
    const { pending, newer, changed } = await migrationState(client, schema, folder);
    if (newer.length > 0) {
      throw new CodedError(
        'STORE_UNAVAILABLE',
        `The database was migrated by a newer version (${schema}/${newer[0]}).`,
        {
          hint: 'Start that version, or restore a backup made before it.',
        },
      );
    }
    if (changed.length > 0) {
      throw new CodedError(
        'STORE_UNAVAILABLE',
        `The migration ${schema}/${changed[0]} was changed after it had been applied.`,
        {
          hint: 'Migrations are forward only: undo the change and write a new file.',
        },
      );
    }
    for (const { name, sql, checksum } of pending) {
      await client.query('BEGIN');
      try {
        await client.query(`SET LOCAL search_path TO ${schema}, public; SET LOCAL statement_timeout TO 0`);
        await client.query(sql);
        await client.query(`INSERT INTO ${schema}.migrations (name, checksum) VALUES ($1, $2)`, [name, checksum]);
        await client.query('COMMIT');
      } catch (error) {
        await client.query('ROLLBACK');
        throw error;
      }
    }
    await client.query(erasable(schema));
  });
}

async function locked(client: pg.ClientBase, work: () => Promise<void>): Promise<void> {
  await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
  try {
    await work();
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
  }
}
