/** The part of aggregates that MariaDB and MySQL have. Texts are grouped and sorted by code point; percentiles are found by numbering rows. */
import { sql } from 'kysely';
import type { Grouping, Measure, TimeBucket } from '#subgraphs/shared/aggregates/aggregate.ts';
import type { AggregateDialect } from '#subgraphs/shared/sql/aggregates.ts';
import type { LeafCondition } from '#subgraphs/shared/sql/conditions.ts';
import { NumberedPercentiles } from '#subgraphs/shared/sql/percentiles.ts';
import type { RelationColumn } from '../../driver.ts';
import type { Sql } from '../sql/dialect.ts';
import { measuredAs } from '../sql/measured.ts';
import type { Flavour } from './flavours.ts';
import { aheadOfUtc } from './zones.ts';

interface Aggregated {
  readonly ref: Sql;
  readonly column: RelationColumn;
}

/** How the dialect has columns. */
interface Columns {
  readonly flavour: Flavour;
  /** What has a text. */
  readonly plain: (ref: Sql, column: RelationColumn) => Sql;
  readonly condition: (ref: Sql, column: RelationColumn, condition: LeafCondition) => Sql;
  /** Values of an enum, in their order, as SQL. */
  readonly listed: (native: string) => string;
}

/** How many digits averages have behind the point, of numbers that have so many before it at the most. */
const [AVERAGED, AVERAGED_DIGITS] = [16, 30];
const DIGITS = 65;

export const mysqlAggregates =
  ({ flavour, plain, condition, listed }: Columns) =>
  (columnOf: (field: string) => Aggregated): AggregateDialect => {
    const valueOf = (field: string): Sql => {
      const { ref, column } = columnOf(field);
      switch (column.kind) {
        case 'boolean':
          return sql`(${ref} <> 0)`;
        case 'text':
        case 'enum':
        case 'other':
          // By code point, spaces at their ends too.
          return sql`CONVERT(${plain(ref, column)} USING utf8mb4) COLLATE ${sql.raw(flavour.byCodePoint)}`;
        default:
          return plain(ref, column);
      }
    };
    const asText = (value: Sql): Sql => sql`CAST(${value} AS CHAR)`;
    const read = ({ kind }: RelationColumn, value: Sql): Sql =>
      kind === 'boolean' || kind === 'float' || kind === 'int' ? value : asText(value);
    const percentiles = new NumberedPercentiles();
    return {
      key: (group) => keySql(columnOf(group.column), group, valueOf(group.column), flavour),
      measured: valueOf,
      beside: (measures, keys) => percentiles.beside(measures, keys, valueOf),
      readKey(group, key) {
        if (group.kind === 'width') return columnOf(group.column).column.kind === 'float' ? key : asText(key);
        return read(columnOf(group.column).column, key);
      },
      measure(measure, of) {
        if (measure.kind === 'count') return sql`count(*)`;
        const ref = of(measure.column);
        switch (measure.kind) {
          case 'distinct':
            return sql`count(DISTINCT ${ref})`;
          case 'avg': {
            const { column } = columnOf(measure.column);
            // Its average has four digits more than it has itself; sums of larger numbers would not fit beside more.
            if (column.kind === 'float' || scaleOf(column) + 4 >= AVERAGED || digitsOf(column) > AVERAGED_DIGITS)
              return sql`avg(${ref})`;
            return sql`CAST(sum(${ref}) AS DECIMAL(${sql.lit(DIGITS)}, ${sql.lit(AVERAGED)})) / count(${ref})`;
          }
          case 'percentile':
            return percentiles.measure(measure, ref);
          default:
            return sql`${sql.raw(measure.kind)}(${ref})`;
        }
      },
      readMeasure(measure, value) {
        if (measure.kind === 'count' || measure.kind === 'distinct') return asText(value);
        const { column } = columnOf(measure.column);
        if (measure.kind === 'sum') return column.kind === 'float' ? value : asText(value);
        if (measure.kind !== 'avg') return read(column, value);
        // The zeros behind an average are none of the values'.
        return column.kind === 'float'
          ? value
          : sql`TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(${value} AS CHAR)))`;
      },
      holds: (measure, value, leaf) =>
        leaf.kind === 'null' ? sql`${value} IS NULL` : condition(value, measuredColumn(columnOf, measure), leaf),
      sorted(by, value, direction) {
        const way = sql.raw(direction);
        const isEnum = by.kind === 'value' && columnOf(by.column).column.kind === 'enum';
        const sorting = isEnum ? sql`FIELD(${value}, ${sql.raw(listed(columnOf(by.column).column.native))})` : value;
        return sql`${value} IS NULL ${way}, ${sorting} ${way}`;
      },
      all: sql``,
      apart: flavour.groupsApart,
    };
  };

const scaleOf = ({ native }: RelationColumn): number => Number(/^decimal\(\d+,(\d+)\)/.exec(native)?.[1] ?? 0);
const digitsOf = ({ native }: RelationColumn): number => {
  const [, digits = 20, scale = 0] = /^decimal\((\d+),(\d+)\)/.exec(native) ?? [];
  return Number(digits) - Number(scale);
};

/** What a measure's values are as those of a column. */
function measuredColumn(columnOf: (field: string) => Aggregated, measure: Measure): RelationColumn {
  const of = (kind: RelationColumn['kind'], native: string) => measuredAs(measure, kind, native);
  if (measure.kind === 'count' || measure.kind === 'distinct') return of('decimal', 'decimal');
  const { column } = columnOf(measure.column);
  if (measure.kind === 'sum' || measure.kind === 'avg')
    return of(column.kind === 'float' ? 'float' : 'decimal', 'double');
  return column.kind === 'text' ? of('text', 'text') : column;
}

const secondOf = (at: Sql): Sql => sql`TIMESTAMPDIFF(SECOND, '1970-01-01', ${at})`;

const BEGINS: Readonly<Record<TimeBucket, (at: Sql) => Sql>> = {
  MINUTE: (at) => sql`DATE_FORMAT(${at}, '%Y-%m-%d %H:%i:00')`,
  HOUR: (at) => sql`DATE_FORMAT(${at}, '%Y-%m-%d %H:00:00')`,
  DAY: (at) => sql`DATE_FORMAT(${at}, '%Y-%m-%d')`,
  WEEK: (at) => sql`DATE_FORMAT(${at} - INTERVAL WEEKDAY(${at}) DAY, '%Y-%m-%d')`,
  MONTH: (at) => sql`DATE_FORMAT(${at}, '%Y-%m-01')`,
  QUARTER: (at) => sql`CONCAT(DATE_FORMAT(${at}, '%Y-'), LPAD(QUARTER(${at}) * 3 - 2, 2, '0'), '-01')`,
  YEAR: (at) => sql`DATE_FORMAT(${at}, '%Y-01-01')`,
};

function keySql({ ref, column }: Aggregated, group: Grouping, value: Sql, { title, scale: most }: Flavour): Sql {
  switch (group.kind) {
    case 'value':
      return value;
    case 'path':
      throw new Error(`Aggregates of ${title} know no JSON.`);
    case 'width': {
      const scale = Math.max(scaleOf(column), (group.width.split('.')[1] ?? '').length);
      if (column.kind === 'float')
        return sql`(FLOOR(${value} / CAST(${group.width} AS DOUBLE)) * CAST(${group.width} AS DOUBLE))`;
      const type = sql`DECIMAL(${sql.lit(DIGITS)}, ${sql.lit(Math.min(scale, most))})`;
      const [number, width] = [sql`CAST(${value} AS ${type})`, sql`CAST(${group.width} AS ${type})`];
      return sql`(${number} - MOD(MOD(${number}, ${width}) + ${width}, ${width}))`;
    }
    case 'time': {
      const { bucket, zone } = group;
      const begin = BEGINS[bucket];
      const type = sql.raw(column.kind === 'date' ? 'DATE' : 'DATETIME(6)');
      // `0000-00-00`, and what lacks a day or a month, have no bucket but themselves.
      const isDay = sql`DAYOFMONTH(${ref}) > 0 AND MONTH(${ref}) > 0`;
      if (zone === undefined || zone === 'UTC' || bucket === 'MINUTE')
        return sql`IF(${isDay}, CAST(${begin(ref)} AS ${type}), ${ref})`;
      const ahead = aheadOfUtc(zone, secondOf(ref));
      const begins = sql`CAST(${begin(sql`(${ref} + INTERVAL ${ahead} SECOND)`)} AS ${type})`;
      // Hours that the clocks show twice are two; longer buckets begin when the clocks show it, set otherwise or not.
      const then = bucket === 'HOUR' ? ahead : aheadOfUtc(zone, sql`${secondOf(begins)} - ${ahead}`);
      return sql`IF(${isDay}, ${begins} - INTERVAL ${then} SECOND, ${ref})`;
    }
  }
}
