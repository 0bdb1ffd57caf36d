/** Random queries against a source, and what rows in memory answer to them. */
import { STATUS, type FieldKind, type Row, type ShopLink, type ShopTable, type Value } from './sources-shop.ts';

type Random = () => number;
type Filter = { readonly [field: string]: unknown };

interface ListQuery {
  readonly table: string;
  readonly where: Filter | undefined;
  readonly orderBy: readonly { readonly field: string; readonly direction: 'ASC' | 'DESC' }[];
  readonly size: number;
  readonly backward: boolean;
  readonly counted: boolean;
  /** Scalar fields. */
  readonly fields: readonly string[];
  readonly lists: Readonly<Record<string, ListQuery>>;
  readonly ones: Readonly<Record<string, OneQuery>>;
}
interface OneQuery {
  readonly table: string;
  readonly fields: readonly string[];
  readonly lists: Readonly<Record<string, ListQuery>>;
}

const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
/** Rows by table. */
export type Rows = Readonly<Record<string, readonly Row[]>>;

export type Oracle = ReturnType<typeof oracleOf>;

/** What asks of these tables, and knows the answers. */
export function oracleOf(tables: Readonly<Record<string, ShopTable>>) {
  const linksOf = (table: string): [string, ShopLink][] => Object.entries(tables[table]!.links);

  /** A query over `table`, `depth` levels deep at the most. */
  function randomQuery(random: Random, rows: Rows, table: string, depth: number): ListQuery {
    const lists: Record<string, ListQuery> = {};
    const ones: Record<string, OneQuery> = {};
    if (depth > 1)
      for (const [field, { to, many }] of linksOf(table)) {
        if (random() < 0.5) continue;
        if (many) lists[field] = randomQuery(random, rows, to, depth - 1);
        else ones[field] = { table: to, fields: someFields(random, to), lists: {} };
      }
    const fields = Object.keys(tables[table]!.fields);
    const sorted = [...new Set(Array.from({ length: Math.floor(random() * 3) }, () => pick(random, fields)))];
    return {
      table,
      where: random() < 0.3 ? undefined : randomFilter(random, rows, table, 3),
      orderBy: sorted.map((field) => ({ field, direction: pick(random, ['ASC', 'DESC'] as const) })),
      size: pick(random, [0, 1, 2, 3, 7, 200]),
      backward: random() < 0.3,
      counted: random() < 0.3,
      fields: someFields(random, table),
      lists,
      ones,
    };
  }

  const someFields = (random: Random, table: string): string[] => [
    ...tables[table]!.key,
    ...Object.keys(tables[table]!.fields).filter((field) => !tables[table]!.key.includes(field) && random() < 0.4),
  ];

  function randomFilter(random: Random, rows: Rows, table: string, depth: number): Filter {
    const filter: Record<string, unknown> = {};
    const fields = Object.entries(tables[table]!.fields);
    for (let count = Math.floor(random() * 2) + 1; count > 0; count--) {
      const chance = random();
      if (depth > 1 && chance < 0.12) filter['not'] = randomFilter(random, rows, table, depth - 1);
      else if (depth > 1 && chance < 0.3)
        filter[pick(random, ['and', 'or'])] = Array.from({ length: Math.floor(random() * 3) }, () =>
          randomFilter(random, rows, table, depth - 1),
        );
      else if (depth > 1 && chance < 0.5) {
        const [field, { to, many }] = pick(random, linksOf(table));
        const of = random() < 0.2 ? {} : randomFilter(random, rows, to, depth - 1);
        filter[field] = many ? { [pick(random, ['some', 'every', 'none'])]: of } : of;
      } else {
        const [field, [, kind]] = pick(random, fields);
        filter[field] = operators(
          random,
          kind,
          rows[table]!.map((row) => row[field] ?? null),
        );
      }
    }
    return filter;
  }

  /** The query as GraphQL, with its values as variables. @param after the cursor of the page before, of the outermost list */
  function textOf(query: ListQuery, after?: string): { text: string; variables: Record<string, unknown> } {
    const variables: Record<string, unknown> = {};
    const declared: string[] = [];
    const declare = (type: string, value: unknown): string => {
      const name = `v${declared.length}`;
      declared.push(`$${name}: ${type}`);
      variables[name] = value;
      return `$${name}`;
    };
    const listText = (list: ListQuery, cursor?: string): string => {
      const { filter } = tables[list.table]!;
      const type = filter.replace(/Filter$/, '');
      const args = [`${list.backward ? 'last' : 'first'}: ${list.size}`];
      if (cursor !== undefined) args.push(`${list.backward ? 'before' : 'after'}: ${declare('String', cursor)}`);
      if (list.where !== undefined) args.push(`where: ${declare(filter, list.where)}`);
      if (list.orderBy.length > 0)
        args.push(
          `orderBy: ${declare(
            `[${type}Order!]`,
            list.orderBy.map(({ field, direction }) => ({ field: constant(field), direction })),
          )}`,
        );
      return `(${args.join(', ')}) { ${list.counted ? 'totalCount ' : ''}pageInfo { hasNextPage hasPreviousPage startCursor endCursor } nodes { ${below(list)} } }`;
    };
    const below = ({
      fields,
      lists,
      ones,
    }: Pick<ListQuery, 'fields' | 'lists'> & { ones?: ListQuery['ones'] }): string =>
      [
        ...fields,
        ...Object.entries(lists).map(([field, list]) => `${field}${listText(list)}`),
        ...Object.entries(ones ?? {}).map(([field, one]) => `${field} { ${below(one)} }`),
      ].join(' ');
    const selection = `${tables[query.table]!.list}${listText(query, after)}`;
    return { text: `query${declared.length === 0 ? '' : `(${declared.join(', ')})`} { ${selection} }`, variables };
  }

  /** All rows that a list has, in its order. */
  function matching(
    rows: Rows,
    query: Pick<ListQuery, 'table' | 'where' | 'orderBy'>,
    of?: (row: Row) => boolean,
    collated: Collated = (text) => text,
  ): Row[] {
    const { table, where, orderBy } = query;
    const { key, fields } = tables[table]!;
    const last = orderBy.at(-1)?.direction ?? 'ASC';
    const order = [
      ...orderBy,
      ...key
        .filter((field) => !orderBy.some((level) => level.field === field))
        .map((field) => ({ field, direction: last })),
    ];
    return rows[table]!.filter(
      (row) => (of === undefined || of(row)) && (where === undefined || matches(rows, table, row, where)),
    ).sort((a, b) => {
      for (const { field, direction } of order) {
        const kind = fields[field]![1];
        const sorted = ({ [field]: value = null }: Row) =>
          kind === 'text' && value !== null ? collated(String(value)) : value;
        const way = compareWithNulls(kind, sorted(a), sorted(b));
        if (way !== 0) return direction === 'ASC' ? way : -way;
      }
      return 0;
    });
  }

  /** What a page of `query` answers. @param passed how many rows pages before it had */
  function answerOf(rows: Rows, query: ListQuery, passed = 0, of?: (row: Row) => boolean, collated?: Collated): Answer {
    const all = matching(rows, query, of, collated);
    const { size, backward, counted } = query;
    const from = backward ? Math.max(0, all.length - passed - size) : passed;
    const to = backward ? all.length - passed : Math.min(all.length, passed + size);
    const page = all.slice(from, to);
    const further = backward ? from > 0 : to < all.length;
    return {
      ...(counted ? { totalCount: all.length } : {}),
      pageInfo: backward
        ? { hasNextPage: passed > 0, hasPreviousPage: further }
        : { hasNextPage: further, hasPreviousPage: passed > 0 },
      nodes: page.map((row) => nodeOf(rows, query, row, collated)),
    };
  }

  function nodeOf(
    rows: Rows,
    { table, fields, lists, ones }: Pick<ListQuery, 'table' | 'fields' | 'lists'> & { ones?: ListQuery['ones'] },
    row: Row,
    collated?: Collated,
  ): Record<string, unknown> {
    const node: Record<string, unknown> = Object.fromEntries(fields.map((field) => [field, row[field] ?? null]));
    for (const [field, list] of Object.entries(lists))
      node[field] = answerOf(rows, list, 0, (other) => isLinked(tables[table]!.links[field]!, row, other), collated);
    for (const [field, one] of Object.entries(ones ?? {})) {
      const other = rows[one.table]!.find((each) => isLinked(tables[table]!.links[field]!, row, each));
      node[field] = other === undefined ? null : nodeOf(rows, one, other, collated);
    }
    return node;
  }

  function matches(rows: Rows, table: string, row: Row, filter: Filter): boolean {
    const { fields, links }: ShopTable = tables[table]!;
    return Object.entries(filter).every(([name, value]) => {
      if (name === 'and') return (value as Filter[]).every((part) => matches(rows, table, row, part));
      if (name === 'or') return (value as Filter[]).some((part) => matches(rows, table, row, part));
      if (name === 'not') return !matches(rows, table, row, value as Filter);
      const link = links[name];
      if (link === undefined) return holds(fields[name]![1], row[name] ?? null, value as Filter);
      const to = link.to;
      const others = rows[to]!.filter((other) => isLinked(link, row, other));
      const test = (of: unknown) => (other: Row) => matches(rows, to, other, of as Filter);
      if (!link.many) return others.some(test(value));
      return Object.entries(value as Filter).every(([quantifier, of]) =>
        quantifier === 'some'
          ? others.some(test(of))
          : quantifier === 'every'
            ? others.every(test(of))
            : !others.some(test(of)),
      );
    });
  }

  return { randomQuery, randomFilter, textOf, matching, answerOf };
}

function operators(random: Random, kind: FieldKind, values: readonly Value[]): Filter {
  const known = values.filter((value) => value !== null);
  const value = (): Value => pick(random, known);
  const names = ['eq', 'ne', 'isNull', 'in', 'notIn', 'not', 'eqNull'];
  if (kind === 'boolean') names.splice(3, 2);
  if (kind !== 'boolean' && kind !== 'enum') names.push('lt', 'lte', 'gt', 'gte', 'lt', 'gte');
  if (kind === 'text') names.push('contains', 'startsWith', 'endsWith', 'contains');
  const name = pick(random, names);
  switch (name) {
    case 'isNull':
      return { isNull: random() < 0.5 };
    case 'eqNull':
      return { [pick(random, ['eq', 'ne'])]: null };
    case 'in':
    case 'notIn':
      return { [name]: Array.from({ length: Math.floor(random() * 4) }, value) };
    case 'not':
      return { not: { [pick(random, ['eq', 'ne'])]: value() } };
    case 'contains':
    case 'startsWith':
    case 'endsWith': {
      const text = [...String(value())];
      const start = Math.floor(random() * (text.length + 1));
      return { [name]: text.slice(start, start + 2).join('') };
    }
    default:
      return { [name]: value() };
  }
}

const constant = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

/** How many statements a query may be: one for each level and list that is read, and one for each count. */
export function statementsOf({ size, counted, lists, ones }: ListQuery): number {
  // Of a page of none it is asked whether there is something behind it.
  const own = 1 + (counted ? 1 : 0);
  if (size === 0) return own;
  return own + Object.values(lists).reduce((sum, list) => sum + statementsOf(list), 0) + Object.keys(ones).length;
}

interface Answer {
  readonly totalCount?: number;
  readonly pageInfo: { readonly hasNextPage: boolean; readonly hasPreviousPage: boolean };
  readonly nodes: readonly Record<string, unknown>[];
}

/** What a text sorts by in a store, by code point; texts of one key are the same to it. */
export type Collated = (text: string) => string;

export const isLinked = ({ pairs }: ShopLink, row: Row, other: Row): boolean =>
  pairs.every(([own, theirs]) => row[own] !== null && String(row[own]) === String(other[theirs]));

function holds(kind: FieldKind, value: Value, operators: Filter): boolean {
  return Object.entries(operators).every(([name, operand]) => {
    const compared = (test: (way: number) => boolean): boolean =>
      value !== null && test(compare(kind, value, operand as Value));
    const equals = (other: unknown): boolean => value !== null && compare(kind, value, other as Value) === 0;
    switch (name) {
      case 'eq':
        return operand === null ? value === null : equals(operand);
      case 'ne':
        return operand === null ? value !== null : !equals(operand);
      case 'isNull':
        return (value === null) === operand;
      case 'in':
        return (operand as unknown[]).some(equals);
      case 'notIn':
        return !(operand as unknown[]).some(equals);
      case 'not':
        return !holds(kind, value, operand as Filter);
      case 'lt':
        return compared((way) => way < 0);
      case 'lte':
        return compared((way) => way <= 0);
      case 'gt':
        return compared((way) => way > 0);
      case 'gte':
        return compared((way) => way >= 0);
      case 'contains':
        return value !== null && String(value).toLowerCase().includes(String(operand).toLowerCase());
      case 'startsWith':
        return value !== null && String(value).startsWith(String(operand));
      case 'endsWith':
        return value !== null && String(value).endsWith(String(operand));
      default:
        throw new Error(name);
    }
  });
}

/** Nulls are the largest. */
function compareWithNulls(kind: FieldKind, a: Value, b: Value): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compare(kind, a, b);
}

function compare(kind: FieldKind, a: Value, b: Value): number {
  const [one, other] = [comparable(kind, a), comparable(kind, b)];
  return one < other ? -1 : one > other ? 1 : 0;
}

function comparable(kind: FieldKind, value: Value): number | bigint | string {
  switch (kind) {
    case 'int':
    case 'float':
    case 'boolean':
      return Number(value);
    case 'bigint':
      return BigInt(value as string);
    case 'decimal': {
      const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(value))!;
      return BigInt(`${sign}${whole}${fraction.padEnd(30, '0')}`);
    }
    case 'enum':
      return Object.keys(STATUS).indexOf(value as string);
    case 'moment':
    case 'localMoment':
      return String(value).replace(/(?:\.(\d+))?Z?$/, (_, fraction: string = '') => `.${fraction.padEnd(6, '0')}`);
    case 'text':
      // UTF-8 sorts by code point; UTF-16 does not.
      return Buffer.from(String(value)).toString('latin1');
    case 'date':
      return String(value);
  }
}

/** Cursors are the driver's own: what they lead to is compared. */
export function withoutCursors(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutCursors);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => (key.endsWith('Cursor') ? [] : [[key, withoutCursors(each)]])),
  );
}
