/** Aggregates of events of all runs. */
import { sql } from 'kysely';
import { columnsOf, type Aggregated, type AggregateRequest } from '#subgraphs/shared/aggregates/aggregate.ts';
import { aggregatedOf } from '#subgraphs/shared/aggregates/rows.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { columnsIn } from '#subgraphs/shared/filters/named.ts';
import { postgresAggregates } from '#subgraphs/shared/postgres/aggregates.ts';
import { conditionSql, type FilteredColumn } from '#subgraphs/shared/postgres/conditions.ts';
import { queryBuilder } from '#subgraphs/shared/postgres/kysely.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { aggregateSql } from '#subgraphs/shared/sql/aggregates.ts';
import { RUN_EVENT_KINDS } from '../../driver.ts';
import type { Tables } from './rows.ts';

type EventField = keyof typeof RUN_EVENT_KINDS;

const db = queryBuilder<Tables>('runs');

const COLUMNS: { readonly [Field in EventField]: FilteredColumn } = {
  runId: { ref: sql.ref('e.run_id'), type: 'text' },
  agentId: { ref: sql.ref('r.agent_id'), type: 'text' },
  sequence: { ref: sql.ref('e.sequence'), type: 'integer' },
  type: { ref: sql.ref('e.type'), type: 'text' },
  actor: { ref: sql.ref('e.actor'), type: 'text' },
  createdAt: { ref: sql.ref('e.created_at'), type: 'timestamptz' },
};

export async function aggregateEvents(
  postgres: Postgres,
  context: RequestContext,
  { where, ...request }: AggregateRequest,
): Promise<Aggregated> {
  const columnOf = (field: string) => ({ ...COLUMNS[field as EventField], kind: RUN_EVENT_KINDS[field as EventField] });
  const named = [...columnsIn(where), ...columnsOf([...request.groups, ...request.measures])];
  // Of the run only what is asked for.
  const run = named.includes('agentId') ? sql` JOIN runs.runs AS r ON r.id = e.run_id` : sql``;
  const matching = where === undefined ? sql`` : sql` WHERE ${conditionSql(columnOf, where)}`;
  const rows = sql`FROM runs.run_events AS e${run}${matching}`;
  const asked = aggregateSql(postgresAggregates(columnOf), request, rows).compile(db);
  return aggregatedOf((_, value) => value, request, await postgres.read(context, asked));
}
