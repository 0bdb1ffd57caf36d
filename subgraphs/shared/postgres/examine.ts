/** A closer look at a PostgreSQL server that answers. It changes nothing. */
import type pg from 'pg';
import type { Examination, Finding } from '../examination.ts';
import { OLDEST_POSTGRES } from './errors.ts';
import { migrationState, SYSTEM_ROLE, TENANT_ROLE } from './migrations.ts';

interface Server {
  version: string;
  number: number;
  now: Date;
  encoding: string;
  connections: number;
  superuser: boolean;
  bypass: boolean;
  creates: boolean;
  createrole: boolean;
  replica: boolean;
  readonly: boolean;
  vector: string | null;
}

const SERVER = `SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
    current_setting('server_version_num')::int AS number, clock_timestamp() AS now, getdatabaseencoding() AS encoding,
    current_setting('max_connections')::int AS connections, rolsuper AS superuser, rolbypassrls AS bypass, rolcreaterole AS createrole,
    has_database_privilege(current_database(), 'CREATE') AS creates, pg_is_in_recovery() AS replica,
    current_setting('default_transaction_read_only')::boolean AS readonly,
    (SELECT coalesce(installed_version, default_version) FROM pg_available_extensions WHERE name = 'vector') AS vector
  FROM pg_roles WHERE rolname = current_user`;

const ROLES = `SELECT rolname AS role, pg_has_role(current_user, oid, 'MEMBER') AS member, rolsuper OR rolbypassrls AS bypass
  FROM pg_roles WHERE rolname = ANY ($1)`;

/** Tables of tenants in which nothing keeps one from the rows of another. */
const UNGUARDED = `SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
    AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) ORDER BY 1`;

/**
 * @param migrations the folder of each schema's
 * @param superuserIsMeant whether its user is meant to be one
 */
export async function examinePostgres(
  client: pg.ClientBase,
  migrations: Readonly<Record<string, URL>>,
  superuserIsMeant: boolean,
): Promise<Examination> {
  const began = Date.now();
  const { rows } = await client.query<Server>(SERVER);
  const server = rows[0]!;
  // The middle of the round trip, at most half of it away from the truth.
  const clockAheadMs = Math.round(server.now.getTime() - (began + Date.now()) / 2);
  const findings: Finding[] = [...ofServer(server, superuserIsMeant), ...(await ofRoles(client, server))];
  const pending: string[] = [];
  for (const [schema, folder] of Object.entries(migrations)) {
    const state = await migrationState(client, schema, folder);
    pending.push(...state.pending.map(({ name }) => `${schema}/${name}`));
    if (state.newer.length > 0)
      findings.push(
        fault(
          `It was migrated by a newer version (${schema}/${state.newer[0]}).`,
          'Start that version, or restore a backup made before it.',
        ),
      );
    for (const name of state.changed)
      findings.push(
        fault(
          `The migration ${schema}/${name} was changed after it had been applied.`,
          'Start the version that it was applied by.',
        ),
      );
  }
  if (pending.length > 0) {
    findings.push(
      warning(
        `${pending.length} ${pending.length === 1 ? 'migration is' : 'migrations are'} pending: ${pending[0]}${pending.length > 1 ? ` to ${pending.at(-1)}` : ''}.`,
        'The next start of the server applies them; back up before.',
      ),
    );
    if (!server.creates)
      findings.push(
        fault(
          'Its user may not make what migrations make.',
          'As its owner run: GRANT CREATE ON DATABASE <the database> TO <the user of DATABASE_URL>',
        ),
      );
  }
  const { rows: unguarded } = await client.query<{ name: string }>(UNGUARDED, [Object.keys(migrations)]);
  for (const { name } of unguarded)
    findings.push(
      fault(
        `Row-level security does not hold for ${name}.`,
        `As its owner run: ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY; ALTER TABLE ${name} FORCE ROW LEVEL SECURITY`,
      ),
    );
  return {
    version: server.version,
    facts: [
      server.vector === null ? 'no pgvector' : `pgvector ${server.vector}`,
      pending.length === 0 ? 'migrated' : `${pending.length} migrations pending`,
    ],
    findings,
    clockAheadMs,
  };
}

const fault = (what: string, remedy: string): Finding => ({ level: 'fault', what, remedy });
const warning = (what: string, remedy: string): Finding => ({ level: 'warning', what, remedy });

function* ofServer(
  { version, number, encoding, replica, readonly, superuser, bypass }: Server,
  superuserIsMeant: boolean,
): Generator<Finding> {
  if (Math.floor(number / 10_000) < OLDEST_POSTGRES)
    yield fault(`PostgreSQL ${version} is too old.`, `Set DATABASE_URL to a PostgreSQL ${OLDEST_POSTGRES} or newer.`);
  if (encoding !== 'UTF8')
    yield fault(
      `The database's encoding is ${encoding}, which does not hold all texts.`,
      "Make another: CREATE DATABASE <name> ENCODING 'UTF8' TEMPLATE template0",
    );
  if (replica || readonly)
    yield fault(
      replica ? 'It is a replica, which takes no writes.' : 'It takes no writes (default_transaction_read_only).',
      'Set DATABASE_URL to the primary, and DATABASE_REPLICA_URL to the replica.',
    );
  if ((superuser || bypass) && !superuserIsMeant)
    yield warning(
      `Its user ${superuser ? 'is a superuser' : 'can bypass row-level security'}; requests take on the role ${TENANT_ROLE}, which cannot, but the fewer rights the better.`,
      'Make one that owns the database alone: CREATE ROLE tributary LOGIN; ALTER DATABASE <the database> OWNER TO tributary',
    );
}

async function ofRoles(client: pg.ClientBase, { createrole, superuser }: Server): Promise<Finding[]> {
  const names = [TENANT_ROLE, SYSTEM_ROLE];
  const { rows } = await client.query<{ role: string; member: boolean; bypass: boolean }>(ROLES, [names]);
  return names.flatMap((role): Finding[] => {
    const found = rows.find((row) => row.role === role);
    if (found?.bypass === true)
      return [
        fault(`The role ${role} can bypass row-level security.`, `Run: ALTER ROLE ${role} NOSUPERUSER NOBYPASSRLS`),
      ];
    if (found?.member === true || superuser || (found === undefined && createrole)) return [];
    return [
      fault(
        found === undefined
          ? `The role ${role} is missing and this user may not create it.`
          : `The user may not take on the role ${role}.`,
        `As an administrator run: ${found === undefined ? `CREATE ROLE ${role} NOLOGIN; ` : ''}GRANT ${role} TO <the user of DATABASE_URL>`,
      ),
    ];
  });
}
