/** Aggregates as SQL: one statement each. How they are put together; what measures and keys are is a dialect's own. */
import { sql, type RawBuilder } from 'kysely';
import {
  columnsOf,
  measureName,
  type AggregateRequest,
  type Grouping,
  type GroupOrder,
  type Measure,
} from '../aggregates/aggregate.ts';
import type { AggregateRow } from '../aggregates/rows.ts';
import { combined, type LeafCondition } from './conditions.ts';

type Sql = RawBuilder<unknown>;

/** What differs between kinds of SQL. */
export interface AggregateDialect {
  /** What is worked out of each row that keys of groups are. */
  key(group: Grouping): Sql;
  /** What is worked out of each row that a column's measures are taken of. */
  measured(column: string): Sql;
  /** What each row has beside, for measures and for reading keys, by which it is grouped. @default nothing */
  beside?(measures: readonly Measure[], keys: readonly Sql[], groups: readonly Grouping[]): readonly Sql[];
  /** How a key is read. */
  readKey(group: Grouping, key: Sql): Sql;
  /** @param of what was {@link AggregateDialect.measured} of a column */
  measure(measure: Measure, of: (column: string) => Sql): Sql;
  /** How it is read. */
  readMeasure(measure: Measure, value: Sql): Sql;
  /** A condition on a measure, which is `value`. */
  holds(measure: Measure, value: Sql, condition: LeafCondition): Sql;
  /** A level of the order of groups; nulls are the largest. */
  sorted(by: Grouping | Measure, value: Sql, direction: GroupOrder['direction']): Sql;
  /** What holds where a condition does not, or is null. @default `IS NOT TRUE` */
  not?(condition: Sql): Sql;
  /** What makes all rows one group, where there are none too. */
  readonly all: Sql;
  /** Whether groups are in a table of their own before they are counted and sorted. @default false */
  readonly apart?: boolean;
}

/**
 * The statement of an aggregate.
 * @param rows what stands behind `FROM`, with its `WHERE`: the rows that are aggregated
 * @param at which parent each row is of: groups are those of each, and so is their limit. @default there are none
 */
export function aggregateSql(
  dialect: AggregateDialect,
  { groups, measures, having, order, limit, counted }: Omit<AggregateRequest, 'where'>,
  rows: Sql,
  at?: Sql,
): RawBuilder<AggregateRow> {
  // What is worked out is named first: with parameters in it, a store would not see that what is selected is what is grouped by.
  const columns = columnsOf(measures);
  const made = groups.map((group) => dialect.key(group));
  const inner = [
    ...(at === undefined ? [] : [sql`${at} AS at`]),
    ...made.map((key, index) => sql`${key} AS ${keyId(index)}`),
    ...columns.map((column, index) => sql`${dialect.measured(column)} AS ${sql.id(`c${index}`)}`),
    ...(dialect.beside?.(measures, at === undefined ? made : [at, ...made], groups) ?? []),
  ];
  const of = (column: string): Sql => sql.id('r', `c${columns.indexOf(column)}`);
  const byName = new Map(
    measures.map((measure) => [measureName(measure), { measure, value: dialect.measure(measure, of) }] as const),
  );
  const keys = groups.map((_, index) => sql`${sql.id('r')}.${keyId(index)}`);
  const selected = [
    ...groups.map((group, index) => sql`${dialect.readKey(group, keys[index]!)} AS ${keyId(index)}`),
    ...[...byName.values()].map(
      ({ measure, value }, index) => sql`${dialect.readMeasure(measure, value)} AS ${sql.id(`m${index}`)}`,
    ),
  ];
  const sorting = order.map(({ by }) => ('group' in by ? keys[by.group]! : byName.get(measureName(by.measure))!.value));
  const sorted = (values: readonly Sql[]): Sql => {
    const levels = order.map(({ by, direction }, index) =>
      dialect.sorted('group' in by ? groups[by.group]! : by.measure, values[index]!, direction),
    );
    return levels.length === 0 ? sql`` : sql` ORDER BY ${sql.join(levels)}`;
  };
  const left =
    having === undefined
      ? undefined
      : combined(
          having,
          (leaf) => {
            const { measure, value } = byName.get(leaf.column)!;
            return dialect.holds(measure, value, leaf);
          },
          undefined,
          dialect.not,
        );
  const listed = (parts: readonly Sql[], none: Sql): Sql => (parts.length === 0 ? none : sql.join(parts));
  const from = sql`FROM (SELECT ${listed(inner, sql`1 AS n`)} ${rows}) AS r`;
  const condition = left === undefined ? sql`` : sql` HAVING ${left}`;
  // Not nothing: without anything to group by and to measure, every row would be a group.
  const together = keys.length === 0 ? dialect.all : sql` GROUP BY ${sql.join(keys)}`;
  if (at === undefined && limit === 0)
    return sql<AggregateRow>`SELECT count(*) AS total FROM (SELECT count(*) AS n ${from}${together}${condition}) AS s`;
  const sortedBy = sorting.map((value, index) => sql`${value} AS ${sql.id(`o${index}`)}`);
  const orderOf = (table: string): Sql => sorted(sorting.map((_, index) => sql.id(table, `o${index}`)));
  if (at === undefined && dialect.apart === true && counted)
    return sql<AggregateRow>`SELECT q.*, count(*) OVER () AS total FROM (SELECT ${listed([...selected, ...sortedBy], sql`count(*) AS n`)} ${from}${together}${condition}) AS q${orderOf('q')} LIMIT ${sql.lit(limit)}`;
  if (at === undefined)
    return sql<AggregateRow>`SELECT ${listed([...selected, ...(counted ? [sql`count(*) OVER () AS total`] : [])], sql`count(*) AS n`)} ${from}${together}${condition}${sorted(sorting)} LIMIT ${sql.lit(limit)}`;
  const own = sql.id('r', 'at');
  // One group of each parent. It is told even where `having` leaves it out: of a parent without rows nothing is, which is not the same.
  if (keys.length === 0)
    return sql<AggregateRow>`SELECT ${sql.join([sql`${own} AS at`, sql`${left === undefined ? sql`1` : sql`CASE WHEN ${left} THEN 1 ELSE 0 END`} AS held`, ...selected])} ${from} GROUP BY ${own}`;
  if (limit === 0)
    return sql<AggregateRow>`SELECT s.at AS at, count(*) AS total FROM (SELECT ${own} AS at ${from} GROUP BY ${sql.join([own, ...keys])}${condition}) AS s GROUP BY s.at`;
  // In a table of their own: MariaDB numbers and counts groups that `HAVING` has left out.
  const grouped = sql`SELECT ${sql.join([sql`${own} AS at`, ...selected, ...sortedBy])} ${from} GROUP BY ${sql.join([own, ...keys])}${condition}`;
  const within = sql`PARTITION BY s.at`;
  const numbered = sql`SELECT s.*, row_number() OVER (${within}${orderOf('s')}) AS rn${counted ? sql`, count(*) OVER (${within}) AS total` : sql``} FROM (${grouped}) AS s`;
  const told = [
    ...['at', ...groups.map((_, index) => `g${index}`), ...measures.map((_, index) => `m${index}`)],
    ...(counted ? ['total'] : []),
  ];
  return sql<AggregateRow>`SELECT ${sql.join(told.map((name) => sql.id('q', name)))} FROM (${numbered}) AS q WHERE q.rn <= ${sql.lit(limit)} ORDER BY q.at, q.rn`;
}

const keyId = (index: number): Sql => sql.id(`g${index}`);
