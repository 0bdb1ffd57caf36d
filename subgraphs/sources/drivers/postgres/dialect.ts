/** PostgreSQL's SQL: one round trip for all parents by `LATERAL`, values cast to their column's type, orders as the database has them. */
import { sql } from 'kysely';
import { postgresAggregates, type AggregatedSql } from '#subgraphs/shared/postgres/aggregates.ts';
import { conditionSql, type FilteredColumn } from '#subgraphs/shared/postgres/conditions.ts';
import { orderSql } from '#subgraphs/shared/sql/keyset.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { queryBuilder } from '#subgraphs/shared/postgres/kysely.ts';
import type { RelationColumn } from '../../driver.ts';
import type { Sql, WritingDialect } from '../sql/dialect.ts';
import { rowsSql, whereSql } from '../sql/statements.ts';
import { withinRange } from './ranges.ts';
import { PG, valueOf, valueSql } from './values.ts';
import { refusedByPostgres } from './unfit.ts';

export const postgresDialect: WritingDialect = {
  refusedBy: refusedByPostgres,
  compiler: queryBuilder<object>('public'),
  table: ({ schema, table }) => sql`${sql.id(schema, table)}`,
  selected: valueSql,
  textOf: (ref, column) => (column.kind === 'bytes' ? valueSql(ref, column) : sql`${ref}::text`),
  written,
  nothing: sql`DEFAULT VALUES`,
  valueOf,
  isTenant: (ref, column, tenantId) => sql`${ref} = ${cast(tenantId, column)}`,
  isLinked: (own, _, other) => sql`${other} = ${own}`,
  level: (ref, column, direction) => ({
    ref,
    type: (text) => cast(text, column),
    nullable: column.nullable,
    direction,
  }),
  sorted: (level) => orderSql([level]),
  condition(ref, column, condition) {
    const within = withinRange(column, condition);
    if (within === 'all') return sql`${ref} IS NOT NULL`;
    return within === 'none' ? sql`false` : conditionSql(() => filtered(ref, column), within);
  },
  aggregates: (columnOf) =>
    postgresAggregates((field) => {
      const { ref, column } = columnOf(field);
      return aggregated(ref, column);
    }),
  // Not EXISTS: this is hashed within NOT and OR too.
  leadsToKeys: (ends, from, conditions) =>
    sql`(${sql.join(ends.map(({ own }) => own))}) IN (SELECT ${sql.join(ends.map(({ other }) => other))} FROM ${from}${whereSql(conditions)})`,
  parents(columns, keys) {
    // Another store's numbers may be larger than a small column's: they are equal to none of it, and no fault.
    const lists = columns.map(
      (column, index) =>
        sql`${keys.map((key) => storeText(key[index], column))}::${sql.raw(column.kind === 'int' ? PG.int8 : column.native)}[]`,
    );
    const names = columns.map((_, index) => sql.id(`k${index}`));
    return sql`unnest(${sql.join(lists)}) WITH ORDINALITY AS p(${sql.join(names)}, at)`;
  },
  ofEach: (parents, rows) => sql`SELECT p.at, r.* FROM ${parents} CROSS JOIN LATERAL (${rowsSql(rows)}) AS r`,
};

function cast(value: unknown, column: RelationColumn): Sql {
  return sql`${storeText(value, column)}::${sql.raw(column.native)}`;
}

function written(value: unknown, column: RelationColumn): Sql {
  if (value === null) return sql`NULL`;
  const { kind, list, native } = column;
  const one = (item: unknown): unknown =>
    item === null || typeof item === 'boolean'
      ? item
      : kind === 'json'
        ? writeJson(item)
        : storeText(item instanceof Date ? item.toISOString() : String(item as string), column);
  if (list) return sql`${(value as unknown[]).map(one)}::${sql.raw(native)}[]`;
  return sql`${one(value)}::${sql.raw(native)}`;
}

/** Keys of bytes are base64, as the API has them. */
const storeText = (value: unknown, { kind }: RelationColumn): unknown =>
  kind === 'bytes' && typeof value === 'string' ? `\\x${Buffer.from(value, 'base64').toString('hex')}` : value;

/** As it is grouped by: texts character for character, whatever their collation, and what has no equality as its text. */
function aggregated(ref: Sql, column: RelationColumn): AggregatedSql {
  const { kind, native } = column;
  if (kind === 'bytes') throw new Error(`Bytes are not grouped by: ${column.name}.`);
  if (kind === 'text' || kind === 'other') return { ref: sql`(${ref}::text COLLATE "C")`, kind, type: 'text' };
  const read = (value: Sql): Sql => valueSql(value, column);
  if (native === PG.money)
    return { ref: sql`${ref}::numeric`, kind, type: 'numeric', read: (value) => sql`${value}::text` };
  if (native === PG.oid) return { ref: sql`${ref}::int8`, kind, type: 'int8', read: (value) => sql`${value}::text` };
  if (native === PG.json) return { ref: sql`${ref}::jsonb`, kind, type: 'jsonb' };
  return { ref, kind, type: native, read };
}

function filtered(ref: Sql, { kind, native, list }: RelationColumn): FilteredColumn {
  if (list) return native === PG.bpchar ? { ref: sql`${ref}::text[]`, type: 'text' } : { ref, type: native };
  if (kind === 'other' || native === PG.bpchar) return { ref: sql`${ref}::text`, type: 'text' };
  if (kind === 'text' && native.startsWith('pg_catalog.')) return { ref, type: 'text' };
  if (kind === 'json' && native === PG.json) return { ref: sql`${ref}::jsonb`, type: 'jsonb' };
  return { ref, type: native };
}
