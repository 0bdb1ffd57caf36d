/** Rows near to a vector, by pgvector. */
import { sql } from 'kysely';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { CatalogVector, NearestRequest, NearRow, Relation, VectorMeasure } from '../../driver.ts';
import type { SqlStatement } from '../sql/dialect.ts';
import { Aliased, compiled, named, rowOf, selectedOf, whereSql } from '../sql/statements.ts';
import { postgresDialect } from './dialect.ts';

const OPERATORS: Readonly<Record<VectorMeasure, string>> = {
  cosine: '<=>',
  dot: '<#>',
  euclid: '<->',
  manhattan: '<+>',
};

/** Distances of pgvector as scores: it has the negative of a product, and of a cosine its distance from 1. */
const SCORES: Readonly<Record<VectorMeasure, (distance: number) => number>> = {
  cosine: (distance) => 1 - distance,
  dot: (distance) => -distance,
  euclid: (distance) => distance,
  manhattan: (distance) => distance,
};

export function nearestStatement({ vector, to, limit, ...request }: NearestRequest, tenantId: string): SqlStatement {
  const table = new Aliased(postgresDialect, request.relation, tenantId);
  const own = table.column(vector);
  const schema = /^(.*)\.(vector|halfvec)$/s.exec(vector.native)![1]!;
  const distance = sql`${own} OPERATOR(${sql.raw(`${schema}.${OPERATORS[vector.measure]}`)}) ${`[${to.join()}]`}::${sql.raw(vector.native)}`;
  const selected = selectedOf(postgresDialect, request, table);
  const conditions = [sql`${own} IS NOT NULL`, ...table.conditions(request)];
  // Of a vector of zeros the cosine is NaN: it is near to nothing.
  return compiled(
    postgresDialect,
    sql`SELECT ${sql.join([...selected, named(distance, 'distance')])} FROM ${table.from}${whereSql(conditions)} ORDER BY ${distance} LIMIT ${sql.lit(limit)}`,
  );
}

export const nearRowOf = (request: NearestRequest, row: Record<string, unknown>): NearRow[] => {
  const score = SCORES[request.vector.measure](Number(row['distance']));
  return Number.isNaN(score) ? [] : [{ row: rowOf(postgresDialect, request, row), score }];
};

export function vectorStatement(
  relation: Relation,
  vector: CatalogVector,
  key: Readonly<Record<string, string>>,
  tenantId: string,
): SqlStatement {
  const table = new Aliased(postgresDialect, relation, tenantId);
  const of = Object.entries(key).map(([column, value]): Condition => ({
    kind: 'compare',
    column,
    operator: '=',
    value,
  }));
  return compiled(
    postgresDialect,
    sql`SELECT ${named(sql`${table.column(vector)}::text`, 'vector')} FROM ${table.from}${whereSql(table.conditions({ where: { kind: 'and', of } }))} LIMIT 1`,
  );
}
