/** Aggregates of entities and relations as SQL. */
import { sql, type RawBuilder } from 'kysely';
import { columnsOf, type Aggregated, type AggregateRequest } from '#subgraphs/shared/aggregates/aggregate.ts';
import { aggregatedOf, type AggregateRow } from '#subgraphs/shared/aggregates/rows.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { columnsIn } from '#subgraphs/shared/filters/named.ts';
import { postgresAggregates } from '#subgraphs/shared/postgres/aggregates.ts';
import { conditionSql } from '#subgraphs/shared/postgres/conditions.ts';
import { queryBuilder } from '#subgraphs/shared/postgres/kysely.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { aggregateSql } from '#subgraphs/shared/sql/aggregates.ts';
import { ENTITY_KINDS, RELATION_KINDS, type AggregatedItems } from '../../driver.ts';

const builder = queryBuilder<unknown>('graph');

const ENTITIES: Readonly<Record<keyof typeof ENTITY_KINDS, string>> = { id: 'e.id', name: 'e.name', kind: 'e.kind' };
const RELATIONS: Readonly<Record<keyof typeof RELATION_KINDS, string>> = {
  id: 'r.id',
  type: 'r.type',
  fromId: 'r.from_id',
  fromName: 'r.from_name',
  fromKind: 'f.kind',
  toId: 'r.to_id',
  toName: 'r.to_name',
  toKind: 't.kind',
};

export async function aggregate(
  postgres: Postgres,
  context: RequestContext,
  what: AggregatedItems,
  { where, ...request }: AggregateRequest,
): Promise<Aggregated> {
  const columns: Readonly<Record<string, string>> = what === 'entities' ? ENTITIES : RELATIONS;
  const kinds = what === 'entities' ? ENTITY_KINDS : RELATION_KINDS;
  const filtered = (field: string) => ({ ref: sql.ref(columns[field]!), type: 'text' });
  const named = new Set([...columnsIn(where), ...columnsOf([...request.groups, ...request.measures])]);
  const matching = where === undefined ? sql`` : sql` WHERE ${conditionSql(filtered, where)}`;
  const dialect = postgresAggregates((field) => ({ ...filtered(field), kind: kinds[field as 'id'] }));
  const asked = (
    aggregateSql(dialect, request, sql`${tables(what, named)}${matching}`) as RawBuilder<AggregateRow>
  ).compile(builder);
  return aggregatedOf((_, value) => value, request, await postgres.read(context, asked, { replica: true }));
}

/** Relations have the names of their ends; their kinds are read where they are asked for. */
function tables(what: AggregatedItems, named: ReadonlySet<string>): RawBuilder<unknown> {
  if (what === 'entities') return sql`FROM graph.entities AS e`;
  const from = named.has('fromKind') ? sql` JOIN graph.entities AS f ON f.id = r.from_id` : sql``;
  const to = named.has('toKind') ? sql` JOIN graph.entities AS t ON t.id = r.to_id` : sql``;
  return sql`FROM graph.relations AS r${from}${to}`;
}
