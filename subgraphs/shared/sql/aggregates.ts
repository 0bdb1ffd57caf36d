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
}

/**
 * The statement of an aggregate.
 * @param rows what stands behind `FROM`, with its `WHERE`: the rows that are aggregated
 */
export function aggregateSql(
  dialect: AggregateDialect,
  { groups, measures, having, order, limit, counted }: Omit<AggregateRequest, 'where'>,
  rows: Sql,
): RawBuilder<AggregateRow> {
  // What is worked out is named first: with parameters in it, a store would not see that what is selected is what is grouped by.
  const columns = columnsOf(measures);
  const made = groups.map((group) => dialect.key(group));
  const inner = [
    ...made.map((key, index) => sql`${key} AS ${keyId(index)}`),
    ...columns.map((column, index) => sql`${dialect.measured(column)} AS ${sql.id(`c${index}`)}`),
    ...(dialect.beside?.(measures, made, groups) ?? []),
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
    ...(counted ? [sql`count(*) OVER () AS total`] : []),
  ];
  const levels = order.map(({ by, direction }) => {
    if ('group' in by) return dialect.sorted(groups[by.group]!, keys[by.group]!, direction);
    return dialect.sorted(by.measure, byName.get(measureName(by.measure))!.value, direction);
  });
  const condition =
    having === undefined
      ? sql``
      : sql` HAVING ${combined(
          having,
          (leaf) => {
            const { measure, value } = byName.get(leaf.column)!;
            return dialect.holds(measure, value, leaf);
          },
          undefined,
          dialect.not,
        )}`;
  const listed = (parts: readonly Sql[], none: Sql): Sql => (parts.length === 0 ? none : sql.join(parts));
  return sql<AggregateRow>`SELECT ${listed(selected, sql`count(*) AS n`)} FROM (SELECT ${listed(inner, sql`1 AS n`)} ${rows}) AS r${
    // Not nothing: without anything to group by and to measure, every row would be a group.
    keys.length === 0 ? dialect.all : sql` GROUP BY ${sql.join(keys)}`
  }${condition}${levels.length === 0 ? sql`` : sql` ORDER BY ${sql.join(levels)}`} LIMIT ${sql.lit(limit)}`;
}

const keyId = (index: number): Sql => sql.id(`g${index}`);
