/** Aggregates as SQL, for all that keep rows in PostgreSQL: one statement each. */
import { sql, type RawBuilder } from 'kysely';
import {
  measureName,
  type Aggregated,
  type AggregatedKind,
  type AggregateRequest,
  type Grouping,
  type Measure,
} from '../aggregates/aggregate.ts';
import { conditionSql } from './conditions.ts';

type Sql = RawBuilder<unknown>;

/** A column that is grouped by or measured. */
export interface AggregatedSql {
  readonly ref: Sql;
  readonly kind: AggregatedKind;
  /** The SQL type of its values, as casts name it. */
  readonly type: string;
  /** How one of its values is read. @default as it is */
  readonly read?: (value: Sql) => Sql;
  /** What becomes of it on its way. @default nothing */
  readonly become?: (value: unknown) => unknown;
}

/** A row of {@link aggregateSql}. */
export type AggregateRow = Readonly<Record<string, unknown>>;

/**
 * The statement of an aggregate.
 * @param rows what stands behind `FROM`, with its `WHERE`: the rows that are aggregated
 */
export function aggregateSql(
  columnOf: (column: string) => AggregatedSql,
  { groups, measures, having, order, limit, counted }: Omit<AggregateRequest, 'where'>,
  rows: Sql,
): RawBuilder<AggregateRow> {
  // What is worked out is named first: with parameters in it, PostgreSQL would not see that what is selected is what is grouped by.
  const measured = [...new Set(measures.flatMap((measure) => ('column' in measure ? [measure.column] : [])))];
  const inner = [
    ...groups.map((group, index) => sql`${groupSql(columnOf(group.column), group)} AS ${keyId(index)}`),
    ...measured.map((column, index) => sql`${columnOf(column).ref} AS ${sql.id(`c${index}`)}`),
  ];
  const refOf = (column: string): Sql => sql.id('r', `c${measured.indexOf(column)}`);
  const byName = new Map(
    measures.map((measure) => [measureName(measure), measureSql(measure, columnOf, refOf)] as const),
  );
  const keys = groups.map((_, index) => sql`${sql.id('r')}.${keyId(index)}`);
  const selected = [
    ...groups.map((group, index) => sql`${readKey(columnOf(group.column), group, keys[index]!)} AS ${keyId(index)}`),
    ...[...byName.values()].map(({ read, value }, index) => sql`${read(value)} AS ${sql.id(`m${index}`)}`),
    ...(counted ? [sql`count(*) OVER () AS total`] : []),
  ];
  const levels = order.map(({ by, direction }) => {
    const [value, type] =
      'group' in by
        ? [keys[by.group]!, keyType(columnOf(groups[by.group]!.column), groups[by.group]!)]
        : [byName.get(measureName(by.measure))!.value, byName.get(measureName(by.measure))!.type];
    return sql`${value}${type === 'text' ? sql` COLLATE "C"` : sql``} ${sql.raw(direction)}`;
  });
  const condition =
    having === undefined
      ? sql``
      : sql` HAVING ${conditionSql((name) => ({ ref: byName.get(name)!.value, type: byName.get(name)!.type }), having)}`;
  return sql<AggregateRow>`SELECT ${selected.length === 0 ? sql`` : sql.join(selected)} FROM (SELECT ${inner.length === 0 ? sql`` : sql.join(inner)} ${rows}) AS r${
    // Not nothing: without anything to group by and to measure, every row would be a group.
    keys.length === 0 ? sql` GROUP BY ()` : sql` GROUP BY ${sql.join(keys)}`
  }${condition} ORDER BY ${sql.join(levels)} LIMIT ${sql.lit(limit)}`;
}

/** What the rows of {@link aggregateSql} hold. */
export function aggregatedOf(
  columnOf: (column: string) => AggregatedSql,
  { groups, measures, counted }: Omit<AggregateRequest, 'where'>,
  rows: readonly AggregateRow[],
): Aggregated {
  const as = (column: string, value: unknown): unknown =>
    value === null ? null : (columnOf(column).become?.(value) ?? value);
  return {
    groups: rows.map((row) => ({
      keys: groups.map(({ column, kind }, index) => {
        const value = row[`g${index}`] ?? null;
        return kind === 'width' || kind === 'path' ? value : as(column, value);
      }),
      measures: Object.fromEntries(
        measures.map((measure, index) => {
          const value = row[`m${index}`] ?? null;
          return [measureName(measure), isOneOfTheValues(measure) ? as(measure.column, value) : value];
        }),
      ),
    })),
    total: counted ? Number((rows[0]?.['total'] as string | undefined) ?? 0) : undefined,
  };
}

const keyId = (index: number): Sql => sql.id(`g${index}`);

const isOneOfTheValues = (measure: Measure): measure is Measure & { kind: 'min' | 'max' | 'percentile' } =>
  measure.kind === 'min' || measure.kind === 'max' || measure.kind === 'percentile';

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
      if (kind === 'float') return sql`(floor(${ref} / ${group.width}::float8) * ${group.width}::float8)`;
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

/** The SQL type of a key, where its order is another than the type's own. */
const keyType = ({ type, kind }: AggregatedSql, group: Grouping): string =>
  group.kind === 'value' && (kind === 'text' || kind === 'id') ? type : '';

function readKey({ read, kind }: AggregatedSql, group: Grouping, key: Sql): Sql {
  if (group.kind === 'width') return kind === 'float' ? key : sql`${key}::text`;
  return group.kind === 'path' || read === undefined ? key : read(key);
}

interface MeasureSql {
  readonly value: Sql;
  /** What operands are cast to. */
  readonly type: string;
  /** How the value is read. */
  readonly read: (value: Sql) => Sql;
}

const asText = (value: Sql): Sql => sql`${value}::text`;

function measureSql(
  measure: Measure,
  columnOf: (column: string) => AggregatedSql,
  refOf: (column: string) => Sql,
): MeasureSql {
  if (measure.kind === 'count') return { value: sql`count(*)`, type: 'numeric', read: asText };
  const { kind, type, read = (value: Sql) => value } = columnOf(measure.column);
  const ref = refOf(measure.column);
  switch (measure.kind) {
    case 'distinct':
      return { value: sql`count(DISTINCT ${ref})`, type: 'numeric', read: asText };
    case 'sum':
    case 'avg': {
      const value = sql`${sql.raw(measure.kind)}(${ref})`;
      if (kind === 'float') return { value, type: 'float8', read: (each) => each };
      // The zeros behind an average are none of the values'.
      const exact = measure.kind === 'avg' ? (each: Sql) => sql`trim_scale(${each})::text` : asText;
      return { value, type: 'numeric', read: exact };
    }
    case 'min':
    case 'max': {
      const by = kind === 'text' ? sql` COLLATE "C"` : sql``;
      return { value: sql`${sql.raw(measure.kind)}(${ref}${by})`, type, read };
    }
    case 'percentile':
      return {
        value: sql`percentile_disc(${measure.p}::float8) WITHIN GROUP (ORDER BY ${ref})`,
        type,
        read,
      };
  }
}
