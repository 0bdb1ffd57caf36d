/** Root fields that count and measure a type's rows by group. */
import type { AggregatedKind } from '#subgraphs/shared/aggregates/aggregate.ts';
import { addAggregateField, type AggregatedType } from '#subgraphs/shared/aggregates/types.ts';
import { isFilterable, type ModelColumn, type ModelType } from '../model/model.ts';
import { filterInput, parseFilter } from './filters.ts';
import type { SchemaParts } from './parts.ts';

/** @param typed the API's type of a column */
export function addAggregate(parts: SchemaParts, type: ModelType, typed: (column: ModelColumn) => unknown): void {
  const { driver, subgraph } = parts;
  if (type.aggregate === undefined || driver.aggregate === undefined) return;
  const of: AggregatedType = {
    name: type.name,
    // Tables such as `user_groups` beside `users` are many.
    stem: `${type.name}Aggregate`,
    items: type.items,
    columns: Object.fromEntries(
      type.columns
        .filter(isFilterable)
        .map((column) => [column.field, { kind: column.kind as AggregatedKind, type: typed(column) }]),
    ),
  };
  addAggregateField(subgraph, of, {
    name: type.aggregate,
    description: `How many ${type.items} match, by what they have: counts, sums, averages, extremes and percentiles of groups.`,
    where: filterInput(parts, type),
    conditionOf: (where) => parseFilter(parts, type, where),
    aggregate: (context, request) => driver.aggregate!(context, type.relation, request),
  });
}
