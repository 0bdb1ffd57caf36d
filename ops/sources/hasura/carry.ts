/** What of a database's metadata is carried over into a file of sources, held to what the database itself says. */
import type { Catalog, CatalogTable } from '#subgraphs/sources/driver.ts';
import { SOURCES } from '#subgraphs/sources/bounds.ts';
import { isName } from '#subgraphs/sources/model/format.ts';
import type { KindName } from '#subgraphs/sources/model/kinds.ts';
import type { SaidLink, SaidTable } from '../merge.ts';
import { rightsOf, type Rights } from './rights.ts';
import { linksOf, type AcrossLink, type Carrying } from './links.ts';
import { mutationsOf } from './mutations.ts';
import type { Database, Note, Permission, Table } from './metadata.ts';

export interface CarryOptions {
  readonly kind: KindName;
  /** The session variable that is the tenant; undefined where no filter has one. */
  readonly tenantVariable: string | undefined;
  /** Whose permissions count; undefined: everybody's. */
  readonly roles: ReadonlySet<string> | undefined;
}

export interface Carried {
  /** Of the source: the column that most tables have. */
  readonly tenancy: { column: string } | undefined;
  readonly prefix: string | undefined;
  /** By the table's id. */
  readonly tables: ReadonlyMap<string, SaidTable>;
  readonly links: readonly SaidLink[];
  readonly across: readonly AcrossLink[];
  readonly notes: readonly Note[];
}

/** Hasura's own role, which may do everything. */
const ADMIN = 'admin';

export const permissionsOf = ({ permissions }: Table, roles: ReadonlySet<string> | undefined): Permission[] =>
  permissions.filter(({ role }) => (roles === undefined ? role !== ADMIN : roles.has(role)));

export function carryOver(
  database: Database,
  catalog: Catalog,
  { kind, tenantVariable, roles }: CarryOptions,
): Carried {
  const notes: Note[] = [];
  const tables = new Map<string, SaidTable>();
  const tracked = new Map<string, Table>();
  const there = new Map(catalog.tables.map((table) => [table.id, table]));
  for (const table of database.tables) {
    const id = `${table.schema}.${table.name}`;
    if (!there.has(id))
      notes.push({ at: table.at, told: `${id}: the database has no such table or view that its user may read.` });
    else if (tracked.has(id))
      notes.push({ at: table.at, told: `${id} is tracked twice; what is said the second time is not carried over.` });
    else tracked.set(id, table);
  }
  // Where nobody has permissions, all is the administrator's, who sees everything.
  const anybody = [...tracked.values()].some((table) =>
    permissionsOf(table, roles).some(({ action }) => action === 'select'),
  );
  const shown: { table: Table; there: CatalogTable; rights: Rights }[] = [];
  for (const found of catalog.tables) {
    const table = tracked.get(found.id);
    if (table === undefined) {
      tables.set(found.id, { entry: { hide: true }, about: 'hidden: Hasura does not track it' });
      continue;
    }
    const rights = anybody ? rightsOf(table, found, permissionsOf(table, roles), tenantVariable) : undefined;
    notes.push(...(rights?.notes ?? []));
    if (rights?.hidden === undefined)
      shown.push({ table, there: found, rights: rights ?? { notes: [], columns: undefined } });
    else tables.set(found.id, { entry: { hide: true }, about: `hidden: ${rights.hidden}` });
  }
  const usual = mostOf(
    shown.flatMap(({ rights: { tenancy } }) => (typeof tenancy === 'object' ? [tenancy.column] : [])),
  );
  for (const { table, there: found, rights } of shown) {
    const { tenancy, limit, aggregates } = rights;
    const isUsual = typeof tenancy === 'object' && tenancy.column === usual;
    const mutations = anybody ? mutationsOf(kind, table, found, permissionsOf(table, roles), rights, notes) : undefined;
    tables.set(found.id, {
      entry: {
        ...namesOf(table, notes),
        ...(table.comment === undefined ? {} : { description: table.comment }),
        ...(tenancy === undefined || isUsual ? {} : { tenancy }),
        ...(limit === undefined ? {} : { limits: { max: Math.min(limit, SOURCES.pageMost) } }),
        ...(aggregates === false ? { aggregates } : {}),
        ...(mutations === undefined ? {} : { mutations }),
        ...columnsOf(table, found, rights, notes),
      },
    });
  }
  const carrying: Carrying = {
    catalog,
    shown: new Map(shown.map(({ there: { id }, table, rights }) => [id, { table, rights }])),
    notes,
  };
  const { links, across } = linksOf(carrying);
  const { prefix } = database;
  const usable = prefix !== undefined && prefix !== '' && isName(prefix);
  if (prefix !== undefined && prefix !== '' && !usable)
    notes.push({
      at: database.at,
      told: `the prefix ${JSON.stringify(prefix)} of types is no name here, and not carried over.`,
    });
  return {
    tenancy: usual === undefined ? undefined : { column: usual },
    prefix: usable ? prefix : undefined,
    tables,
    links,
    across,
    notes,
  };
}

function mostOf(values: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([, one], [, other]) => other - one)[0]?.[0];
}

function namesOf(table: Table, notes: Note[]): Pick<SaidTable['entry'], 'name' | 'item' | 'list'> {
  const given = { name: table.typeName, item: table.item, list: table.list };
  const named = Object.entries(given).filter(([, name]) => name !== undefined && name !== '') as [string, string][];
  for (const [what, name] of named)
    if (!isName(name))
      notes.push({
        at: table.at,
        told: `${table.schema}.${table.name}: its ${what} ${JSON.stringify(name)} is no name here (a letter, then letters, digits or _), and not carried over.`,
      });
  return Object.fromEntries(named.filter(([, name]) => isName(name)));
}

type ColumnEntry = NonNullable<SaidTable['entry']['columns']>[string];

function columnsOf(
  table: Table,
  { columns, id, key = [] }: CatalogTable,
  { columns: allowed, tenancy }: Rights,
  notes: Note[],
): Pick<SaidTable['entry'], 'columns'> {
  for (const [column, { at }] of table.columns)
    if (!columns.some(({ name }) => name === column))
      notes.push({
        at,
        told: `${id}: there is no column ${JSON.stringify(column)} that the database's user may read.`,
      });
  const tenant = typeof tenancy === 'object' ? tenancy.column : undefined;
  const said = columns.flatMap(({ name: column }): (readonly [string, ColumnEntry])[] => {
    if (column === tenant) return [];
    if (allowed !== undefined && !allowed.has(column)) return [[column, { hide: true }]];
    const { name, comment, at } = table.columns.get(column) ?? {};
    const usable = name !== undefined && isName(name);
    if (name !== undefined && !usable)
      notes.push({ at: at!, told: `${id}: ${JSON.stringify(name)} is no name of a field here, and not carried over.` });
    const entry = { ...(usable ? { name } : {}), ...(comment === undefined ? {} : { description: comment }) };
    return Object.keys(entry).length === 0 ? [] : [[column, entry]];
  });
  const lost = key.filter((column) => column !== tenant && allowed !== undefined && !allowed.has(column));
  if (lost.length > 0)
    notes.push({
      at: table.at,
      told: `${id}: ${lost.join(', ')} of its key may not be seen, so that there is no field of one row. Take \`hide\` of it out, where it may.`,
    });
  return said.length === 0 ? {} : { columns: Object.fromEntries(said) };
}
