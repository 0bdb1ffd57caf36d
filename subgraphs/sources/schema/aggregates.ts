/** Root fields that count and measure a type's rows by group. */
import type { GraphQLResolveInfo } from 'graphql';
import type { AggregatedKind } from '#subgraphs/shared/aggregates/aggregate.ts';
import {
  aggregated,
  aggregateOptions,
  aggregateType,
  type AggregateArguments,
  type AggregatedType,
} from '#subgraphs/shared/aggregates/types.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { isAggregated, type ModelColumn, type ModelType } from '../model/model.ts';
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
        .filter(isAggregated)
        .map((column) => [column.field, { kind: column.kind as AggregatedKind, type: typed(column) }]),
    ),
  };
  const made = aggregateType(subgraph, of);
  subgraph.builder.queryField(type.aggregate, (t) =>
    t.field({
      ...aggregateOptions(t, of, made, filterInput(parts, type)),
      description: `How many ${type.items} match, by what they have: counts, sums, averages, extremes and percentiles of groups.`,
      resolve: ((_: unknown, args: AggregateArguments, context: RequestContext, info: GraphQLResolveInfo) => {
        const where = parseFilter(parts, type, args.where);
        return aggregated(of, args, info, (request) =>
          driver.aggregate!(context, type.relation, { ...request, where }),
        );
      }) as never,
    }),
  );
}
