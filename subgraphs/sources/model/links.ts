/** Links between types of a source: along foreign keys, and those that only the file knows of; both directions have a name. */
import { likeliest } from '#subgraphs/shared/hints.ts';
import type { CatalogForeignKey, CatalogTable } from '../driver.ts';
import type { Draft } from './draft.ts';
import type { LinkSettings } from './format.ts';
import { fieldName, linkName, typeName } from './names.ts';

export interface Linked {
  /** By the table's id. */
  readonly drafts: ReadonlyMap<string, Draft>;
  /** Tables of which it is told already what is wrong, by name and by id. */
  readonly refused: ReadonlySet<string>;
  /** Of the file. */
  readonly links: readonly LinkSettings[];
  readonly fault: (path: readonly (string | number)[], message: string) => void;
}

interface Found {
  readonly from: Draft;
  readonly to: Draft;
  readonly columns: readonly string[];
  readonly toColumns: readonly string[];
  readonly settings: LinkSettings | undefined;
  /** Where the file speaks of it. */
  readonly at: readonly (string | number)[];
}

export function addLinks(linked: Linked): void {
  const found = foundLinks(linked);
  for (const link of found) {
    // Columns that are hidden are not to be seen by where they lead.
    const places = link.columns
      .map((_, index) => index)
      .filter((index) => link.columns[index] !== link.from.tenant || link.toColumns[index] !== link.to.tenant);
    const own = places.map((index) => link.from.fieldOf.get(link.columns[index]!));
    const other = places.map((index) => link.to.fieldOf.get(link.toColumns[index]!));
    if (places.length === 0) continue;
    if (!own.every((field) => field !== undefined) || !other.every((field) => field !== undefined)) continue;
    const pairs = own.map((field, index) => [field, other[index]!] as const);
    const twins = found.filter(({ from, to }) => from === link.from && to === link.to).length > 1;
    const there = link.settings?.name ?? forwardName(link, twins);
    if (there !== false)
      add(linked, link, link.from, link.to, there, isUnique(link.to, link.toColumns) ? 'one' : 'many', pairs);
    const reversed = pairs.map(([from, to]) => [to, from] as const);
    const back = link.settings?.back ?? backName(link, twins);
    if (back !== false)
      add(linked, link, link.to, link.from, back, isUnique(link.from, link.columns) ? 'one' : 'many', reversed);
  }
  // Once all links have their names: what is made of one must not take another's.
  const drafts = [...linked.drafts.values()];
  const counted = new Set(drafts.flatMap(({ type }) => (type.aggregate === undefined ? [] : [type.name])));
  for (const { type } of drafts)
    for (const [place, link] of type.links.entries()) {
      if (!link.many || !counted.has(link.to)) continue;
      type.links[place] = { ...link, aggregate: aggregateName(link.field, (name) => isTaken(type, name)) };
    }
}

/** What the field is called that aggregates the many of a link; undefined where its names are taken. */
export const aggregateName = (field: string, taken: (name: string) => boolean): string | undefined =>
  [`${field}Aggregate`, `${field}Groups`].find((name) => !taken(name));

/** Whether a type has a field of this name already. */
export const isTaken = (
  { columns = [], links = [], references = [] }: Partial<Pick<Draft['type'], 'columns' | 'links' | 'references'>>,
  name: string,
): boolean =>
  [...columns, ...links, ...references].some(({ field }) => field === name) ||
  links.some(({ aggregate }) => aggregate === name);

function add(
  { fault }: Linked,
  link: Found,
  from: Draft,
  to: Draft,
  wanted: string,
  size: 'one' | 'many',
  pairs: readonly (readonly [string, string])[],
): void {
  const given = link.settings !== undefined && (link.settings.name === wanted || link.settings.back === wanted);
  // What the database's names lead to may be taken; what the file says is meant.
  const field = given
    ? wanted
    : [wanted, `${wanted}${to.type.name}`, `${wanted}Link`].find((name) => !isTaken(from.type, name));
  if (field === undefined || isTaken(from.type, field)) {
    fault(
      link.at,
      `${from.type.name} has a field ${wanted} already. Say another \`name\` or \`back\` of the link from ${written(link.from.table, link.columns)} to ${written(link.to.table, link.toColumns)}.`,
    );
    return;
  }
  const by = pairs.map(([own]) => `\`${own}\``).join(' and ');
  from.type.links.push({
    field,
    to: to.type.name,
    many: size === 'many',
    pairs,
    aggregate: undefined,
    description:
      size === 'many'
        ? `The ${to.type.items} whose ${pairs.map(([, other]) => `\`${other}\``).join(' and ')} ${pairs.length > 1 ? 'are' : 'is'} ${by} here.`
        : `The row of \`${to.table.id}\` that ${by} here ${pairs.length > 1 ? 'lead' : 'leads'} to; null where there is none that the caller may see.`,
  });
  from.relation.links[field] = { to: to.relation, pairs };
}

function forwardName({ columns, from, to }: Found, twins: boolean): string {
  const own = columns.length === 1 ? linkName(columns[0]!) : undefined;
  if (own !== undefined) return own;
  return twins || from === to ? `${fieldName(columns.join(' '))}${to.type.name}` : fieldName(to.type.name);
}

/** One of several, or of rows of the same table, is told from the others by the columns that refer. */
function backName({ columns, from, to }: Found, twins: boolean): string {
  const rows = isUnique(from, columns) ? fieldName(from.type.name) : from.type.list;
  const [column] = columns;
  const by = (columns.length === 1 ? linkName(column!) : undefined) ?? fieldName(columns.join(' '));
  return twins || from === to ? `${rows}By${typeName(by)}` : rows;
}

/** Whether no two rows have the same in these columns. */
export function isUnique({ table, settings, tenant }: Draft, columns: readonly string[]): boolean {
  const sets = settings.key === undefined ? table.uniques : [...table.uniques, settings.key];
  return sets.some((set) => set.every((column) => column === tenant || columns.includes(column)));
}

/** Foreign keys, with what the file says of them; and the links of the file that are none. */
function foundLinks(linked: Linked): Found[] {
  const { drafts, links } = linked;
  const said = links.map((settings, index) => {
    const at = ['links', index];
    const from = endOf(linked, settings.from, [...at, 'from'], true);
    const to = endOf(linked, settings.to, [...at, 'to'], true);
    if (from === undefined || to === undefined) return undefined;
    if (from.columns.length !== to.columns.length) {
      linked.fault(
        at,
        `${settings.from} has ${from.columns.length} columns and ${settings.to} ${to.columns.length}. A link needs as many at both ends.`,
      );
      return undefined;
    }
    for (const [place, column] of from.columns.entries()) {
      const [own, other] = [columnOf(from.draft, column), columnOf(to.draft, to.columns[place]!)];
      if (own.kind !== other.kind || own.list || other.list) {
        linked.fault(
          at,
          `${column} of ${from.draft.table.id} is ${own.native}, and ${to.columns[place]} of ${to.draft.table.id} is ${other.native}. A link compares columns of one type.`,
        );
        return undefined;
      }
    }
    return {
      from: from.draft,
      to: to.draft,
      columns: from.columns,
      toColumns: to.columns,
      settings,
      at,
    } satisfies Found;
  });
  const own = [...drafts.values()].flatMap((from) =>
    from.table.foreignKeys.flatMap((key): Found[] => {
      const to = drafts.get(key.to);
      if (to === undefined) return [];
      const link = said.find(
        (each) => each !== undefined && each.from === from && each.to === to && sameColumns(each, key),
      );
      const { columns, toColumns } = key;
      return [link ?? { from, to, columns, toColumns, settings: undefined, at: ['types', from.table.name] }];
    }),
  );
  return [
    ...own,
    ...said.flatMap((link) =>
      link === undefined || own.some((each) => each.settings === link.settings) ? [] : [link],
    ),
  ];
}

const sameColumns = (link: Pick<Found, 'columns' | 'toColumns'>, key: CatalogForeignKey): boolean =>
  link.columns.length === key.columns.length &&
  link.columns.every((column, index) => key.toColumns[key.columns.indexOf(column)] === link.toColumns[index]);

export const columnOf = ({ table }: Draft, name: string) => table.columns.find((column) => column.name === name)!;

/**
 * What `orders.customer_id` names.
 * @param withTenant whether the tenant, which need not be shown, may be one of several columns: that of both ends is equal anyway
 */
export function endOf(
  { drafts, refused, fault }: Pick<Linked, 'drafts' | 'refused' | 'fault'>,
  end: string,
  at: readonly (string | number)[],
  withTenant = false,
) {
  const parenthesis = /^([^()]+)\(([^()]+)\)$/.exec(end);
  const point = end.lastIndexOf('.');
  const name = parenthesis === null ? end.slice(0, point) : parenthesis[1]!;
  const columns =
    parenthesis === null ? [end.slice(point + 1)] : parenthesis[2]!.split(',').map((column) => column.trim());
  const draft = [...drafts.values()].find(({ table }) => table.id === name || table.name === name);
  if (draft === undefined) {
    if (refused.has(name)) return undefined;
    const [meant] = likeliest(
      name,
      [...drafts.values()].map(({ table }) => table.name),
    );
    fault(
      at,
      `there is no table ${JSON.stringify(name)} that is shown.${meant === undefined ? '' : ` Did you mean ${JSON.stringify(meant)}?`}`,
    );
    return undefined;
  }
  const isTenant = (column: string): boolean => withTenant && columns.length > 1 && column === draft.tenant;
  const missing = columns.find((column) => !draft.fieldOf.has(column) && !isTenant(column));
  if (missing !== undefined) {
    const [meant] = likeliest(missing, draft.fieldOf.keys());
    fault(
      at,
      `${draft.table.id} has no column ${JSON.stringify(missing)} that is shown.${meant === undefined ? '' : ` Did you mean ${JSON.stringify(meant)}?`}`,
    );
    return undefined;
  }
  return { draft, columns };
}

const written = ({ name }: CatalogTable, columns: readonly string[]): string =>
  columns.length === 1 ? `${name}.${columns[0]}` : `${name}(${columns.join(', ')})`;
