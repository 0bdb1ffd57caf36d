/**
 * SQLite's part of aggregates. What groups are made and measures taken of are the forms by which values compare, so that
 * what is no value of its column's type has none here either; sums are exact, which those of SQLite are not.
 */
import { sql } from 'kysely';
import type { Grouping, Measure } from '#subgraphs/shared/aggregates/aggregate.ts';
import { isOneOfTheValues } from '#subgraphs/shared/aggregates/rows.ts';
import type { AggregateDialect } from '#subgraphs/shared/sql/aggregates.ts';
import type { LeafCondition } from '#subgraphs/shared/sql/conditions.ts';
import { NumberedPercentiles } from '#subgraphs/shared/sql/percentiles.ts';
import type { RelationColumn } from '../../driver.ts';
import type { Sql } from '../sql/dialect.ts';

interface Aggregated {
  readonly ref: Sql;
  readonly column: RelationColumn;
}

/** How the dialect has values. */
interface Values {
  /** What a column is compared and sorted by. */
  readonly formed: (ref: Sql, column: RelationColumn) => Sql;
  /** All of a text. */
  readonly whole: (ref: Sql) => Sql;
  /** What a form is compared with. @throws CodedError `BAD_USER_INPUT` */
  readonly operand: (value: unknown, column: Pick<RelationColumn, 'kind'>) => Sql;
}

export const sqliteAggregates =
  ({ formed, whole, operand }: Values) =>
  (columnOf: (field: string) => Aggregated): AggregateDialect => {
    const isDecimal = (field: string): boolean => columnOf(field).column.kind === 'decimal';
    const formOf = (field: string): Sql => {
      const { ref, column } = columnOf(field);
      const form = formed(ref, column);
      return column.kind === 'boolean' ? sql`(${form} <> 0)` : form;
    };
    /** Of a decimal its form and, behind a space, which sorts before all that a form has, its text with all its zeros. */
    const valueOf = (field: string): Sql =>
      isDecimal(field) ? sql`${formOf(field)} || ' ' || tributary_text(${columnOf(field).ref})` : formOf(field);
    const formIn = (field: string, value: Sql): Sql =>
      isDecimal(field) ? sql`substr(${value}, 1, instr(${value}, ' ') - 1)` : value;
    /** What a measure is compared and sorted by. */
    const comparable = (measure: Measure, value: Sql): Sql =>
      isOneOfTheValues(measure) ? formIn(measure.column, value) : value;
    const decimal = (form: Sql): Sql => sql`tributary_decimal(${form})`;
    /** What a form was made of, or another value that has the same. */
    const read = ({ kind, values }: RelationColumn, form: Sql): Sql => {
      switch (kind) {
        case 'decimal':
          return sql`substr(${form}, instr(${form}, ' ') + 1)`;
        case 'localTime':
          return sql`tributary_time(${form})`;
        case 'enum': {
          const places = (values ?? []).map((value, index) => sql`WHEN ${sql.lit(index)} THEN ${value}`);
          return sql`CASE ${form} ${sql.join(places, sql` `)} END`;
        }
        case 'text':
        case 'id':
        case 'other':
          return sql`CASE WHEN ${form} IS NOT NULL THEN ${whole(form)} END`;
        default:
          return form;
      }
    };
    const percentiles = new NumberedPercentiles();
    return {
      key: (group) => keySql(columnOf(group.column).column, group, formOf(group.column)),
      measured: valueOf,
      beside: (measures, keys, groups) => [
        ...percentiles.beside(measures, keys, valueOf),
        ...groups.flatMap((group) =>
          group.kind === 'value' && isDecimal(group.column)
            ? [sql`${valueOf(group.column)} AS ${besideKey(group.column)}`]
            : [],
        ),
      ],
      readKey(group, key) {
        const { column } = columnOf(group.column);
        if (group.kind === 'width') return column.kind === 'float' ? key : decimal(key);
        return read(column, isDecimal(group.column) ? sql`min(r.${besideKey(group.column)})` : key);
      },
      measure(measure, of) {
        if (measure.kind === 'count') return sql`count(*)`;
        const ref = of(measure.column);
        const isFloat = columnOf(measure.column).column.kind === 'float';
        switch (measure.kind) {
          case 'distinct':
            return sql`count(DISTINCT ${formIn(measure.column, ref)})`;
          case 'sum':
            return isFloat ? sql`sum(CAST(${ref} AS REAL))` : sql`tributary_sum(${formIn(measure.column, ref)})`;
          case 'avg':
            return isFloat ? sql`avg(CAST(${ref} AS REAL))` : sql`tributary_avg(${formIn(measure.column, ref)})`;
          case 'percentile':
            return percentiles.measure(measure, ref);
          default:
            return sql`${sql.raw(measure.kind)}(${ref})`;
        }
      },
      readMeasure(measure, value) {
        if (measure.kind === 'count' || measure.kind === 'distinct') return sql`CAST(${value} AS TEXT)`;
        const { column } = columnOf(measure.column);
        if (measure.kind !== 'sum' && measure.kind !== 'avg') return read(column, value);
        return column.kind === 'float' ? value : decimal(value);
      },
      holds(measure, value, leaf) {
        if (leaf.kind === 'null') return sql`${value} IS NULL`;
        const { operator, value: other } = leaf as Extract<LeafCondition, { kind: 'compare' }>;
        return sql`${comparable(measure, value)} ${sql.raw(operator)} ${operand(other, { kind: kindOf(columnOf, measure) })}`;
      },
      sorted(by, value, direction) {
        const way = sql.raw(direction === 'ASC' ? 'ASC NULLS LAST' : 'DESC NULLS FIRST');
        return sql`${isGrouping(by) ? value : comparable(by, value)} ${way}`;
      },
      all: sql``,
    };
  };

const besideKey = (field: string): Sql => sql.id(`w_${field}`);

const isGrouping = (by: Grouping | Measure): by is Grouping =>
  by.kind === 'value' || by.kind === 'time' || by.kind === 'width' || by.kind === 'path';

/** As what a measure's values compare. */
function kindOf(columnOf: (field: string) => Aggregated, measure: Measure): RelationColumn['kind'] {
  if (measure.kind === 'count' || measure.kind === 'distinct') return 'float';
  const { kind } = columnOf(measure.column).column;
  if (measure.kind === 'sum' || measure.kind === 'avg') return kind === 'float' ? kind : 'decimal';
  return kind;
}

function keySql({ kind }: RelationColumn, group: Grouping, value: Sql): Sql {
  switch (group.kind) {
    case 'value':
      return value;
    case 'path':
      throw new Error('Aggregates of SQLite know no JSON.');
    case 'width':
      return sql`tributary_width(${sql.lit(kind)}, ${value}, ${group.width})`;
    case 'time':
      return sql`tributary_bucket(${value}, ${group.bucket}, ${group.zone ?? null})`;
  }
}
