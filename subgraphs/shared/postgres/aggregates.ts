/** PostgreSQL's part of aggregates, for all that keep rows there. */
import { sql, type RawBuilder } from 'kysely';
import type { AggregatedKind, Grouping, Measure } from '../aggregates/aggregate.ts';
import type { AggregateDialect } from '../sql/aggregates.ts';
import { leafSql } from './conditions.ts';

type Sql = RawBuilder<unknown>;

/** A column that is grouped by or measured. */
export interface AggregatedSql {
  readonly ref: Sql;
  readonly kind: AggregatedKind;
  /** The SQL type of its values, as casts name it. */
  readonly type: string;
  /** How one of its values is read. @default as it is */
  readonly read?: (value: Sql) => Sql;
}

export function postgresAggregates(columnOf: (column: string) => AggregatedSql): AggregateDialect {
  const isText = (measure: Measure): boolean => typeOf(columnOf, measure) === 'text';
  return {
    key: (group) => groupSql(columnOf(group.column), group),
    measured: (column) => columnOf(column).ref,
    readKey: (group, key) => readKey(columnOf(group.column), group, key),
    measure: (measure, of) => measureSql(measure, columnOf, of),
    readMeasure: (measure, value) => readMeasure(columnOf, measure, value),
    holds: (measure, value, leaf) => leafSql(() => ({ ref: value, type: typeOf(columnOf, measure) }), leaf),
    sorted(by, value, direction) {
      const { kind } = by;
      const isMeasure = kind !== 'value' && kind !== 'time' && kind !== 'width' && kind !== 'path';
      // Where the order is another than the type's own.
      const byCodePoint = isMeasure ? isText(by) : kind === 'value' && keyIsText(columnOf(by.column));
      return sql`${value}${byCodePoint ? sql` COLLATE "C"` : sql``} ${sql.raw(direction)}`;
    },
    all: sql` GROUP BY ()`,
  };
}

const keyIsText = ({ type, kind }: AggregatedSql): boolean => type === 'text' && kind !== 'json';

/** What rows are grouped by. */
function groupSql({ ref, kind, type }: AggregatedSql, group: Grouping): Sql {
  switch (group.kind) {
    case 'value':
      return ref;
    case 'path':
      return sql`NULLIF(${ref} #> ${group.path}::text[], 'null'::jsonb)`;
    case 'time': {
      const unit = sql.lit(group.bucket.toLowerCase());
      // The days around infinity have no bucket but themselves, which is what comes out.
      if (group.zone !== undefined) return sql`date_trunc(${unit}, ${ref}, ${group.zone}::text)`;
      return kind === 'date' ? sql`date_trunc(${unit}, ${ref}::timestamp)::date` : sql`date_trunc(${unit}, ${ref})`;
    }
    case 'width': {
      if (kind === 'float') return floatWidth(ref, Number(group.width));
      const value = kind === 'decimal' ? sql`${ref}` : sql`${ref}::numeric`;
      const width = sql`${group.width}::numeric`;
      // By the remainder, which is exact, and not by the quotient, which is rounded. Of infinity there is none.
      const exact = sql`${value} - mod(mod(${value}, ${width}) + ${width}, ${width})`;
      return type === 'numeric' || kind === 'decimal'
        ? sql`CASE WHEN abs(${value}) = 'infinity' THEN ${value} ELSE ${exact} END`
        : sql`(${exact})`;
    }
  }
}

/** Quotients that a float cannot hold are refused: of numbers so large that all are multiples, and of such as are nearer to 0 than that. */
function floatWidth(ref: Sql, width: number): Sql {
  const [by, whole] = [sql`${width}::float8`, sql`${width * 2 ** 53}::float8`];
  return sql`(CASE WHEN abs(${ref}) >= ${whole} THEN ${ref} WHEN ${ref} >= 0 AND ${ref} < ${by} THEN 0 WHEN ${ref} < 0 AND ${ref} >= -${by} THEN -${by} ELSE floor(${ref} / ${by}) * ${by} END)`;
}

function readKey({ read, kind }: AggregatedSql, group: Grouping, key: Sql): Sql {
  if (group.kind === 'width') return kind === 'float' ? key : sql`${key}::text`;
  return group.kind === 'path' || read === undefined ? key : read(key);
}

const asText = (value: Sql): Sql => sql`${value}::text`;

/** What operands that a measure is compared with are cast to. */
function typeOf(columnOf: (column: string) => AggregatedSql, measure: Measure): string {
  switch (measure.kind) {
    case 'count':
    case 'distinct':
      return 'numeric';
    case 'sum':
    case 'avg':
      return columnOf(measure.column).kind === 'float' ? 'float8' : 'numeric';
    default:
      return columnOf(measure.column).type;
  }
}

function measureSql(
  measure: Measure,
  columnOf: (column: string) => AggregatedSql,
  refOf: (column: string) => Sql,
): Sql {
  if (measure.kind === 'count') return sql`count(*)`;
  const ref = refOf(measure.column);
  const { kind } = columnOf(measure.column);
  switch (measure.kind) {
    case 'distinct':
      return sql`count(DISTINCT ${ref})`;
    case 'sum':
    case 'avg':
      if (kind !== 'float') return sql`${sql.raw(measure.kind)}(${ref})`;
      // Sums of single precision would be of single precision; `avg` squares what it is given, which must not be too large.
      return measure.kind === 'sum' ? sql`sum(${ref}::float8)` : sql`sum(${ref}::float8) / NULLIF(count(${ref}), 0)`;
    case 'min':
    case 'max':
      return sql`${sql.raw(measure.kind)}(${ref}${kind === 'text' ? sql` COLLATE "C"` : sql``})`;
    case 'percentile':
      return sql`percentile_disc(${measure.p}::float8) WITHIN GROUP (ORDER BY ${ref})`;
  }
}

function readMeasure(columnOf: (column: string) => AggregatedSql, measure: Measure, value: Sql): Sql {
  if (measure.kind === 'count' || measure.kind === 'distinct') return asText(value);
  const { kind, read = (each: Sql) => each } = columnOf(measure.column);
  if (measure.kind !== 'sum' && measure.kind !== 'avg') return read(value);
  if (kind === 'float') return value;
  // The zeros behind an average are none of the values'.
  return measure.kind === 'avg' ? sql`trim_scale(${value})::text` : asText(value);
}
