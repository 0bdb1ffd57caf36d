/** Metadata of Hasura v2 as entries of a file of sources, and what of it is not carried over. */
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { likeliest } from '#subgraphs/shared/hints.ts';
import type { Catalog } from '#subgraphs/sources/driver.ts';
import type { AcrossInput } from '#subgraphs/sources/model/format.ts';
import type { KindName } from '#subgraphs/sources/model/kinds.ts';
import type { Looked } from '../merge.ts';
import { carryOver, permissionsOf, type Carried } from './carry.ts';
import type { Database, Note } from './metadata.ts';
import { readMetadata } from './read.ts';
import { variablesOf } from './rights.ts';

export interface HasuraOptions {
  /** The folder or file of the metadata. */
  readonly path: string;
  /** Whose permissions are carried over; empty: what all roles may see. */
  readonly roles: readonly string[];
  /** The session variable that is the tenant; undefined: `X-Hasura-Tenant-Id`, or the only one that filters name. */
  readonly tenantVariable: string | undefined;
  /** Which database; undefined: all of them. */
  readonly database: string | undefined;
  /** The variable that holds its URL, where it is another than metadata says. */
  readonly from: string | undefined;
  /** What the source is called, where it is otherwise than the database. */
  readonly name: string | undefined;
}

/** A database that becomes a source. */
export interface Planned {
  readonly database: Database;
  readonly name: string;
  readonly variable: string;
  readonly schemas: readonly string[];
}

export interface Plan {
  readonly sources: readonly Planned[];
  readonly tenantVariable: string | undefined;
  readonly roles: ReadonlySet<string> | undefined;
  readonly notes: readonly Note[];
}

/** Kinds that are PostgreSQL, or speak as it does and have its catalogue. */
const POSTGRES = new Set(['postgres', 'pg', 'citus', 'alloydb']);

/**
 * Reads metadata, and says which databases are to be looked at.
 * @throws CodedError `BAD_USER_INPUT` for what it cannot be, with file and line, and for options that do not fit it
 */
export function planHasura(options: HasuraOptions): Plan {
  const metadata = readMetadata(options.path);
  const notes: Note[] = [...metadata.notes];
  const names = metadata.databases.map(({ name }) => name);
  if (options.database !== undefined && !names.includes(options.database))
    throw badUserInput(
      `The metadata has no database ${JSON.stringify(options.database)}.${meant(options.database, names)} It has ${names.join(', ')}.`,
    );
  const chosen = metadata.databases.filter(({ name }) => options.database === undefined || name === options.database);
  const readable = chosen.filter((database) => {
    if (POSTGRES.has(database.kind)) return true;
    notes.push({
      at: database.at,
      told: `the database ${database.name} is not carried over: of its kind (${database.kind}), metadata is not read. Look at it with \`--from\` alone, where its kind of store is one that sources have.`,
    });
    return false;
  });
  if (readable.length === 0)
    throw badUserInput(
      `No database of the metadata can be carried over: ${chosen.map(({ at, name, kind }) => `${name} (${at}) is ${kind}`).join(', ')}.`,
      { hint: 'Those of PostgreSQL are.' },
    );
  if (readable.length > 1 && (options.from !== undefined || options.name !== undefined))
    throw badUserInput(
      `The metadata has ${readable.length} databases (${readable.map(({ name }) => name).join(', ')}), and --from or --name is of one.`,
      { hint: 'Say which with --database, and run it once for each.' },
    );
  const roles = rolesOf(readable, options.roles);
  return {
    sources: readable.map((database) => planned(database, options)),
    tenantVariable: tenantVariableOf(readable, roles, options.tenantVariable),
    roles,
    notes,
  };
}

function planned(database: Database, { from, name }: HasuraOptions): Planned {
  const variable = from ?? database.variable;
  if (variable === undefined)
    throw badUserInput(
      `${database.at}: the URL of the database ${database.name} is not named by a variable (\`from_env\`).`,
      { hint: 'Put the URL into a variable, and name that with --from SHOP_DATABASE_URL.' },
    );
  if (!/^[A-Z][A-Z0-9_]{0,99}$/.test(variable))
    throw badUserInput(`${database.at}: ${JSON.stringify(variable)} is no name of a variable here.`, {
      hint: 'Name one of capital letters, digits and _ with --from.',
    });
  const plain = database.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 40);
  return {
    database,
    name: name ?? (plain === '' ? 'store' : plain),
    variable,
    schemas: [...new Set(database.tables.map(({ schema }) => schema))].sort(),
  };
}

function rolesOf(databases: readonly Database[], roles: readonly string[]): ReadonlySet<string> | undefined {
  if (roles.length === 0) return undefined;
  const known = new Set(
    databases.flatMap(({ tables }) => tables.flatMap(({ permissions }) => permissions.map(({ role }) => role))),
  );
  for (const role of roles)
    if (!known.has(role))
      throw badUserInput(
        `The metadata has no permission of the role ${JSON.stringify(role)}.${meant(role, [...known])} It has those of ${[...known].sort().join(', ') || 'nobody'}.`,
      );
  return new Set(roles);
}

/** The usual name of it. */
const TENANT = 'x-hasura-tenant-id';

function tenantVariableOf(
  databases: readonly Database[],
  roles: ReadonlySet<string> | undefined,
  given: string | undefined,
): string | undefined {
  const counts = variablesOf(databases.flatMap(({ tables }) => tables.flatMap((table) => permissionsOf(table, roles))));
  const known = [...counts].sort(([, one], [, other]) => other - one);
  if (given !== undefined) {
    const wanted = given.toLowerCase();
    if (counts.has(wanted)) return wanted;
    throw badUserInput(
      `No filter of the metadata is one by ${JSON.stringify(given)}.${known.length === 0 ? '' : ` There are such by ${known.map(([name]) => name).join(', ')}.`}`,
    );
  }
  if (counts.has(TENANT)) return TENANT;
  if (known.length <= 1) return known[0]?.[0];
  throw badUserInput(
    `Filters of the metadata name several session variables: ${known.map(([name, count]) => `${name} (${count})`).join(', ')}.`,
    { hint: 'Say which is the tenant with --tenant-variable; tables that are filtered by another will be hidden.' },
  );
}

const meant = (name: string, known: readonly string[]): string => {
  const [first] = likeliest(name, known);
  return first === undefined ? '' : ` Did you mean ${JSON.stringify(first)}?`;
};

/** What a source becomes, joined with what its database says of itself. */
export interface Joined {
  readonly looked: Looked;
  readonly carried: Carried;
}

/** @param catalogs of each source of the plan, in its order */
export function joinHasura(
  { sources, tenantVariable, roles, notes }: Plan,
  kind: KindName,
  catalogs: readonly Catalog[],
): { readonly joined: readonly Joined[]; readonly across: readonly AcrossInput[]; readonly notes: readonly Note[] } {
  const joined = sources.map(({ database, name, variable, schemas }, index): Joined => {
    const catalog = catalogs[index]!;
    const carried = carryOver(database, catalog, { kind, tenantVariable, roles });
    const { tenancy, prefix, tables, links } = carried;
    const saysWhose = [...tables.values()].some(({ entry }) => entry.tenancy !== undefined);
    const said = { prefix, tables, links, saysWhose: saysWhose || tenancy !== undefined };
    return { looked: { name, kind, variable, schemas, tenancy, catalog, said }, carried };
  });
  const more: Note[] = [];
  const across = joined.flatMap(({ looked, carried }) =>
    carried.across.flatMap(({ at, source, from, to, name, back }): AcrossInput[] => {
      const target = sources.find(({ database }) => database.name === source);
      if (target === undefined) {
        more.push({
          at,
          told: `the relationship ${String(name)} to the database ${source} is not carried over: that is none of those that are.`,
        });
        return [];
      }
      return [{ from: `${looked.name}.${from}`, to: `${target.name}.${to}`, name, back }];
    }),
  );
  return { joined, across, notes: [...notes, ...joined.flatMap(({ carried }) => carried.notes), ...more] };
}
