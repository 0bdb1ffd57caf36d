/** Aggregates of any model. */
import { sql } from 'kysely';
import type { Aggregated, AggregateRequest } from '#subgraphs/shared/aggregates/aggregate.ts';
import { aggregatedOf } from '#subgraphs/shared/aggregates/rows.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { postgresAggregates, type AggregatedSql } from '#subgraphs/shared/postgres/aggregates.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { aggregateSql } from '#subgraphs/shared/sql/aggregates.ts';
import type { ModelName } from '../../driver.ts';
import { columnOf, MODELS, type Model } from '../../models/columns.ts';
import { conditionSql, SQL_TYPE } from './conditions.ts';
import { columnRef, statement, tableOf } from './sql.ts';

export async function aggregate(
  postgres: Postgres,
  context: RequestContext,
  name: ModelName,
  { where, ...request }: AggregateRequest,
): Promise<Aggregated> {
  const model = MODELS[name] as Model;
  const of = (field: string): AggregatedSql => {
    const { type } = columnOf(model, field);
    return { ref: columnRef(model, field), kind: type, type: SQL_TYPE[type] };
  };
  const matching = where === undefined ? sql`` : sql` WHERE ${conditionSql(model, where)}`;
  const rows = sql`FROM ${tableOf(model)}${matching}`;
  const asked = statement(aggregateSql(postgresAggregates(of), request, rows));
  return aggregatedOf((_, value) => value, request, await postgres.read(context, asked, { replica: true }));
}
