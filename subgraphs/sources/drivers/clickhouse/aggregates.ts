/** ClickHouse's part of aggregates. Sums are of 76 digits, as its own would begin again past 64 bits; of no values they are null. */
import { sql } from 'kysely';
import type { Grouping, Measure, TimeBucket } from '#subgraphs/shared/aggregates/aggregate.ts';
import type { AggregateDialect } from '#subgraphs/shared/sql/aggregates.ts';
import type { LeafCondition } from '#subgraphs/shared/sql/conditions.ts';
import type { RelationColumn } from '../../driver.ts';
import type { Sql } from '../sql/dialect.ts';
import { measuredAs } from '../sql/measured.ts';
import { parameter } from './parameters.ts';
import { DIGITS, digitsOf, isPadded } from './types.ts';

interface Aggregated {
  readonly ref: Sql;
  readonly column: RelationColumn;
}

/** How the dialect has columns. */
interface Columns {
  readonly formed: (ref: Sql, column: RelationColumn) => Sql;
  readonly textOf: (ref: Sql, column: RelationColumn) => Sql;
  readonly condition: (ref: Sql, column: RelationColumn, condition: LeafCondition) => Sql;
}

/** How many digits averages have behind the point, of numbers that have so many before it at the most. */
const [AVERAGED, AVERAGED_DIGITS] = [16, 40];

export const clickhouseAggregates =
  ({ formed, textOf, condition }: Columns) =>
  (columnOf: (field: string) => Aggregated): AggregateDialect => {
    const isFloat = (field: string): boolean => columnOf(field).column.kind === 'float';
    const valueOf = (field: string): Sql => {
      const { ref, column } = columnOf(field);
      return column.kind === 'other' || isPadded(column.native) ? sql`toString(${ref})` : formed(ref, column);
    };
    const read = (field: string, value: Sql): Sql => {
      const { column } = columnOf(field);
      const isText = column.kind === 'other' || isPadded(column.native);
      return textOf(value, isText ? { ...column, kind: 'text', native: 'String' } : column);
    };
    /** Of numbers that are none of those in two parts. */
    const exact = (field: string, ref: Sql): Sql =>
      isFloat(field) ? ref : sql`toDecimal256(${ref}, ${sql.lit(scaleOf(columnOf(field).column))})`;
    return {
      key: (group) => keySql(columnOf(group.column).column, group, valueOf(group.column)),
      measured: valueOf,
      readKey(group, key) {
        if (group.kind !== 'width') return read(group.column, key);
        return isFloat(group.column) ? key : sql`toString(${key})`;
      },
      measure(measure, of) {
        if (measure.kind === 'count') return sql`count(*)`;
        const ref = of(measure.column);
        switch (measure.kind) {
          case 'distinct':
            return sql`uniqExact(${ref})`;
          case 'sum':
            return sql`sumOrNull(${exact(measure.column, ref)})`;
          case 'avg': {
            const count = sql`nullIf(count(${ref}), 0)`;
            if (isFloat(measure.column)) return sql`avgOrNull(${ref})`;
            const { column } = columnOf(measure.column);
            const scale = sql.lit(
              scaleOf(column) >= AVERAGED || wholeOf(column) > AVERAGED_DIGITS ? scaleOf(column) : AVERAGED,
            );
            return sql`toDecimal256(sumOrNull(${exact(measure.column, ref)}), ${scale}) / ${count}`;
          }
          case 'percentile': {
            const place = sql`greatest(1, toUInt64(ceil(${parameter('Float64', String(measure.p))} * count(${ref}))))`;
            return sql`if(count(${ref}) = 0, NULL, arraySort(groupArray(${ref}))[${place}])`;
          }
          default:
            return sql`${sql.raw(measure.kind)}OrNull(${ref})`;
        }
      },
      readMeasure(measure, value) {
        if (measure.kind === 'count' || measure.kind === 'distinct') return sql`toString(${value})`;
        if (measure.kind === 'sum' || measure.kind === 'avg')
          return isFloat(measure.column) ? value : sql`toString(${value})`;
        return read(measure.column, value);
      },
      holds: (measure, value, leaf) =>
        leaf.kind === 'null' ? sql`${value} IS NULL` : condition(value, measuredColumn(columnOf, measure), leaf),
      sorted: (_, value, direction) =>
        sql`${value} ${sql.raw(direction === 'ASC' ? 'ASC NULLS LAST' : 'DESC NULLS FIRST')}`,
      not: (of) => sql`NOT ifNull(${of}, false)`,
      all: sql``,
    };
  };

const scaleOf = ({ kind, native }: RelationColumn): number => (kind === 'decimal' ? digitsOf(native).scale : 0);
const wholeOf = ({ kind, native }: RelationColumn): number => {
  const { digits, scale } = kind === 'decimal' ? digitsOf(native) : { digits: 20, scale: 0 };
  return digits - scale;
};

/** What a measure's values are as those of a column. */
function measuredColumn(columnOf: (field: string) => Aggregated, measure: Measure): RelationColumn {
  const of = (kind: RelationColumn['kind'], native: string) => measuredAs(measure, kind, native);
  if (measure.kind === 'count' || measure.kind === 'distinct') return of('decimal', 'Decimal(20, 0)');
  const { column } = columnOf(measure.column);
  if (measure.kind === 'sum' || measure.kind === 'avg') {
    if (column.kind === 'float') return of('float', 'Float64');
    const scale = measure.kind === 'avg' ? Math.max(AVERAGED, scaleOf(column)) : scaleOf(column);
    return of('decimal', `Decimal(${DIGITS}, ${scale})`);
  }
  return column.kind === 'text' || column.kind === 'other' ? of('text', 'String') : column;
}

const BEGINS: Readonly<Record<TimeBucket, string>> = {
  MINUTE: 'toStartOfMinute',
  HOUR: 'toStartOfHour',
  DAY: 'toStartOfDay',
  WEEK: 'toMonday',
  MONTH: 'toStartOfMonth',
  QUARTER: 'toStartOfQuarter',
  YEAR: 'toStartOfYear',
};

function keySql(column: RelationColumn, group: Grouping, value: Sql): Sql {
  const { kind } = column;
  switch (group.kind) {
    case 'value':
      return value;
    case 'path':
      throw new Error('Aggregates of ClickHouse know no JSON.');
    case 'width': {
      if (kind === 'float') {
        const width = parameter('Float64', group.width);
        return sql`floor(${value} / ${width}) * ${width}`;
      }
      const scale = Math.max(scaleOf(column), (group.width.split('.')[1] ?? '').length);
      const number = sql`toDecimal256(${value}, ${sql.lit(scale)})`;
      const width = parameter(`Decimal(${DIGITS}, ${scale})`, group.width);
      return sql`(${number} - ((${number} % ${width} + ${width}) % ${width}))`;
    }
    case 'time': {
      const begin = sql.raw(BEGINS[group.bucket]);
      if (kind === 'date') return group.bucket === 'DAY' ? value : sql`${begin}(${value})`;
      const zone = parameter('String', group.zone ?? 'UTC');
      // The day that it begins on is one of the zone's, and so is its first moment.
      return sql`toDateTime64(${begin}(${value}, ${zone}), 0, ${zone})`;
    }
  }
}
