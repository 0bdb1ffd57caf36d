/** Relationships as links: both directions of one stand in one entry, with the names that they have there. */
import type { Catalog, CatalogTable } from '#subgraphs/sources/driver.ts';
import { isName } from '#subgraphs/sources/model/format.ts';
import type { SaidLink } from '../merge.ts';
import type { Note, Relationship, Table } from './metadata.ts';
import type { Rights } from './rights.ts';

/** A link to another database, whose end is named by that. */
export interface AcrossLink {
  readonly at: string;
  readonly from: string;
  readonly to: string;
  readonly name: string | false;
  readonly back: string | false;
  /** Of the other end, as metadata names it. */
  readonly source: string;
}

export interface Carrying {
  readonly catalog: Catalog;
  /** Tables that are shown, by id. */
  readonly shown: ReadonlyMap<string, { readonly table: Table; readonly rights: Rights }>;
  readonly notes: Note[];
}

interface Ends {
  readonly from: CatalogTable;
  readonly to: CatalogTable;
  readonly columns: readonly string[];
  readonly toColumns: readonly string[];
}

/** Ends, and whether a relationship leads from the first to the second. */
interface Led {
  readonly ends: Ends;
  readonly forward: boolean;
}

interface Draft extends Ends {
  name?: string;
  back?: string;
}

export function linksOf(carrying: Carrying): { links: SaidLink[]; across: AcrossLink[] } {
  const { catalog, shown, notes } = carrying;
  const drafts: Draft[] = [];
  const across: AcrossLink[] = [];
  for (const [id, { table }] of shown) {
    const own = catalog.tables.find((each) => each.id === id)!;
    for (const relationship of table.relationships) {
      const { at, name, by } = relationship;
      const refuse = (why: string): void =>
        void notes.push({ at, told: `${id}: the relationship ${name} is not carried over: ${why}.` });
      if (!isName(name)) {
        refuse(`${JSON.stringify(name)} is no name of a field here`);
        continue;
      }
      if (by.kind === 'equal' && by.source !== undefined) {
        across.push({
          at,
          source: by.source,
          from: written(
            own.name,
            own.schema,
            by.pairs.map(([column]) => column),
          ),
          to: written(
            by.table.name,
            by.table.schema,
            by.pairs.map(([, column]) => column),
          ),
          name,
          back: false,
        });
        continue;
      }
      const led = endsOf(carrying, own, relationship);
      const problem = typeof led === 'string' ? led : (badColumns(shown, led.ends) ?? take(drafts, led, name));
      if (problem !== undefined) refuse(problem);
    }
  }
  const several = new Set(catalog.tables.map(({ schema }) => schema)).size > 1;
  const links = drafts.map(({ from, to, columns, toColumns, name, back }) => ({
    from: written(from.name, several ? from.schema : undefined, columns),
    to: written(to.name, several ? to.schema : undefined, toColumns),
    ...(name === undefined ? {} : { name }),
    ...(back === undefined ? {} : { back }),
  }));
  return { links, across };
}

const written = (table: string, schema: string | undefined, columns: readonly string[]): string => {
  const id = schema === undefined ? table : `${schema}.${table}`;
  return columns.length === 1 ? `${id}.${columns[0]}` : `${id}(${columns.join(', ')})`;
};

const sameSet = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((column) => other.includes(column));

/** What a relationship of `own` leads to; or why there is nothing. */
function endsOf({ catalog, shown }: Carrying, own: CatalogTable, { by, many }: Relationship): Led | string {
  const byKey = (from: CatalogTable, columns: readonly string[], to: CatalogTable | undefined): Ends | string => {
    const key = from.foreignKeys.find(
      (each) => sameSet(each.columns, columns) && (to === undefined || each.to === to.id),
    );
    if (key === undefined) return `${from.id} has no foreign key of ${columns.join(', ')}`;
    const target = catalog.tables.find(({ id }) => id === key.to);
    if (target === undefined || !shown.has(target.id)) return `${key.to} is hidden`;
    return { from, to: target, columns: key.columns, toColumns: key.toColumns };
  };
  const led = (ends: Ends | string, forward: boolean): Led | string =>
    typeof ends === 'string' ? ends : { ends, forward };
  if (by.kind === 'own') return led(byKey(own, by.columns, undefined), true);
  const { schema, name } = by.table;
  const other = catalog.tables.find((table) => table.schema === schema && table.name === name);
  if (other === undefined) return `the database has no table ${schema}.${name} that its user may read`;
  if (!shown.has(other.id)) return `${other.id} is hidden`;
  if (by.kind === 'theirs') return led(byKey(other, by.columns, own), false);
  const [mine, theirs] = [by.pairs.map(([column]) => column), by.pairs.map(([, column]) => column)];
  if (mine.length === 0) return 'it compares no columns';
  const there: Led = { ends: { from: own, to: other, columns: mine, toColumns: theirs }, forward: true };
  const back: Led = { ends: { from: other, to: own, columns: theirs, toColumns: mine }, forward: false };
  // Where the database knows of it, it is what it says.
  for (const { ends, forward } of [there, back]) {
    const known = byKey(ends.from, ends.columns, ends.to);
    if (typeof known !== 'string' && samePairs(known, ends)) return { ends: known, forward };
  }
  return many ? back : there;
}

/** Why no link can stand on these columns; undefined where one can. */
function badColumns(shown: Carrying['shown'], ends: Ends): string | undefined {
  for (const [table, columns] of [[ends.from, ends.columns] as const, [ends.to, ends.toColumns] as const]) {
    const { tenancy, columns: seen } = shown.get(table.id)!.rights;
    for (const name of columns) {
      const isTenant = typeof tenancy === 'object' && tenancy.column === name;
      const column = table.columns.find((each) => each.name === name);
      if (column === undefined)
        return `${table.id} has no column ${JSON.stringify(name)} that the database's user may read`;
      if (!isTenant && seen?.has(name) === false) return `${name} of ${table.id} is hidden`;
      if (isTenant && columns.length === 1) return `it stands on ${name} of ${table.id} alone, which is the tenant`;
    }
    if (columns.some((column) => /[(),.]/.test(column)) || /[()]/.test(table.name))
      return `the names of its columns cannot be written in a file of sources`;
  }
  for (const [index, name] of ends.columns.entries()) {
    const [one, other] = [ends.from, ends.to].map((table, side) =>
      table.columns.find((column) => column.name === (side === 0 ? name : ends.toColumns[index])),
    );
    if (one!.kind !== other!.kind || one!.list || other!.list)
      return `${name} of ${ends.from.id} is ${one!.native}, and ${ends.toColumns[index]} of ${ends.to.id} is ${other!.native}`;
  }
  return undefined;
}

/** Whether both compare the same columns, in whatever order. */
function samePairs(one: Ends, other: Ends, turned = false): boolean {
  const written = ({ columns, toColumns }: Ends, isTurned: boolean): string =>
    columns
      .map((column, index) => JSON.stringify(isTurned ? [toColumns[index], column] : [column, toColumns[index]]))
      .sort()
      .join();
  return written(one, turned) === written(other, false);
}

/** Adds a direction to the links. @returns why it cannot be */
function take(drafts: Draft[], { ends, forward }: Led, name: string): string | undefined {
  const same = drafts.find((each) => each.from === ends.from && each.to === ends.to && samePairs(each, ends));
  const turned =
    same ?? drafts.find((each) => each.from === ends.to && each.to === ends.from && samePairs(each, ends, true));
  const draft: Draft = turned ?? { ...ends };
  if (turned === undefined) drafts.push(draft);
  const side = (same === undefined && turned !== undefined) !== forward ? 'name' : 'back';
  if (draft[side] !== undefined && draft[side] !== name)
    return `${draft[side]} leads there already, by the same columns`;
  draft[side] = name;
  return undefined;
}
