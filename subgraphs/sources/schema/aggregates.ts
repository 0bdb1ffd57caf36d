/** Fields that count and measure a type's rows by group: all of them at the root, and those that a row leads to. */
import type { FieldNode, GraphQLResolveInfo } from 'graphql';
import type { AggregatedKind } from '#subgraphs/shared/aggregates/aggregate.ts';
import {
  addAggregateRoot,
  aggregateFields,
  type AggregateArguments,
  type AggregateFields,
  type AskedAggregate,
} from '#subgraphs/shared/aggregates/types.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { noneOf, type GroupsRequest, type SourceRow } from '../driver.ts';
import type { OfEach } from '../loaders.ts';
import { isGrouped, type ModelLink, type ModelType } from '../model/model.ts';
import { filterInput, parseFilter } from './filters.ts';
import { keyOf, once } from './lists.ts';
import type { SchemaParts } from './parts.ts';

/** By what makes the schema, then by type. */
const made = new WeakMap<SchemaParts['refs'], Map<string, AggregateFields>>();

/** What all fields that aggregate rows of a type have in common. */
const fieldsOf = (parts: SchemaParts, type: ModelType): AggregateFields =>
  once(made, parts, type.name, () =>
    aggregateFields(parts.subgraph, {
      name: type.name,
      // Tables such as `user_groups` beside `users` are many.
      stem: `${type.name}Aggregate`,
      items: type.items,
      columns: Object.fromEntries(
        type.columns
          .filter(isGrouped)
          .map((column) => [column.field, { kind: column.kind as AggregatedKind, type: parts.typed(column) }]),
      ),
    }),
  );

export function addAggregate(parts: SchemaParts, type: ModelType): void {
  const { driver, subgraph } = parts;
  if (type.aggregate === undefined || driver.aggregate === undefined) return;
  addAggregateRoot(subgraph, fieldsOf(parts, type), {
    name: type.aggregate,
    description: `How many ${type.items} match, by what they have: counts, sums, averages, extremes and percentiles of groups.`,
    where: filterInput(parts, type),
    conditionOf: (where) => parseFilter(parts, type, where),
    aggregate: async (context, request) =>
      (await driver.aggregate!(context, { relation: type.relation, ...request }))[0]!,
  });
}

/** The field that aggregates the rows that a row leads to. @param rowOf what the link compares of the field's parent */
export function linkedAggregate<Row>(
  parts: SchemaParts,
  t: { arg: unknown },
  link: ModelLink,
  rowOf: (row: Row) => Pick<SourceRow, 'texts'>,
): object {
  const type = parts.typeOf(link.to);
  const fields = fieldsOf(parts, type);
  return {
    ...fields.options(t, filterInput(parts, type)),
    description: `How many \`${link.field}\` match, by what they have, as \`${type.aggregate}\` tells of all. One group where there are none, without \`groupBy\`.`,
    resolve: async (row: Row, args: AggregateArguments, context: RequestContext, info: GraphQLResolveInfo) => {
      const { request, answer } = askedOf(parts, type, fields, args, info);
      if (request === undefined) return answer();
      const key = keyOf(rowOf(row), link.pairs);
      if (key === undefined) return answer(noneOf(request));
      const others = link.pairs.map(([, other]) => other);
      return answer(await parts.loaders(context).aggregate(request, others, key));
    },
  };
}

interface Asked extends Pick<AskedAggregate, 'answer'> {
  readonly request: OfEach<GroupsRequest> | undefined;
}

/** What such a field asks for, by its nodes and the variables of an execution: rows of one level are many, and ask for the same. */
const known = new WeakMap<AggregateFields, WeakMap<readonly FieldNode[], WeakMap<object, Asked>>>();

function askedOf(
  parts: SchemaParts,
  type: ModelType,
  fields: AggregateFields,
  args: AggregateArguments,
  info: GraphQLResolveInfo,
): Asked {
  const ofType = known.get(fields) ?? new WeakMap<readonly FieldNode[], WeakMap<object, Asked>>();
  const ofField = ofType.get(info.fieldNodes) ?? new WeakMap<object, Asked>();
  const before = ofField.get(info.variableValues);
  if (before !== undefined) return before;
  const where = parseFilter(parts, type, args.where);
  const { request, answer } = fields.asked(args, info);
  const asked: Asked = { request: request && { relation: type.relation, where, ...request }, answer };
  known.set(fields, ofType.set(info.fieldNodes, ofField.set(info.variableValues, asked)));
  return asked;
}
