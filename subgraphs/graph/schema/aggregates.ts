/** The root fields that count entities and relations by group. */
import type { AggregatedKind } from '#subgraphs/shared/aggregates/aggregate.ts';
import { addAggregateField } from '#subgraphs/shared/aggregates/types.ts';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { ENTITY_KINDS, RELATION_KINDS, type GraphDriver } from '../driver.ts';
import { entityCondition, relationCondition, type RelationFilter } from '../input.ts';
import type { GraphTypes } from './types.ts';

const columnsOf = (kinds: Readonly<Record<string, AggregatedKind>>) =>
  Object.fromEntries(
    Object.entries(kinds).map(([field, kind]) => [field, { kind, type: kind === 'id' ? 'ID' : 'String' }]),
  );

export function addAggregates(schema: SubgraphSchema, types: GraphTypes, driver: GraphDriver): void {
  const { builder, shared } = schema;
  addAggregateField(
    schema,
    { name: 'Entity', items: 'entities', columns: columnsOf(ENTITY_KINDS) },
    {
      name: 'entitiesAggregate',
      description: 'How many entities match, by what they have, such as their kind.',
      where: types.Filter,
      conditionOf: entityCondition,
      aggregate: (context, request) => driver.aggregate(context, 'entities', request),
    },
  );

  const filter = builder.inputRef<RelationFilter>('RelationFilter');
  filter.implement({
    description: 'Conditions on relations and their ends. All that are given must hold.',
    fields: (t) => ({
      id: t.field({ type: shared.IdFilter, description: 'Its id.' }),
      type: t.field({ type: shared.StringFilter, description: 'Its type, such as `DEPENDS_ON`.' }),
      fromId: t.field({ type: shared.IdFilter, description: 'The id of the entity at which it starts.' }),
      fromName: t.field({ type: shared.StringFilter, description: 'The name of the entity at which it starts.' }),
      fromKind: t.field({ type: shared.StringFilter, description: 'The kind of the entity at which it starts.' }),
      toId: t.field({ type: shared.IdFilter, description: 'The id of the entity at which it ends.' }),
      toName: t.field({ type: shared.StringFilter, description: 'The name of the entity at which it ends.' }),
      toKind: t.field({ type: shared.StringFilter, description: 'The kind of the entity at which it ends.' }),
      and: t.field({ type: [filter], description: 'All of these must hold.' }),
      or: t.field({ type: [filter], description: 'At least one of these must hold; an empty list matches nothing.' }),
      not: t.field({ type: filter, description: 'This must not hold.' }),
    }),
  });
  addAggregateField(
    schema,
    { name: 'Relation', items: 'relations', columns: columnsOf(RELATION_KINDS) },
    {
      name: 'relationsAggregate',
      description:
        'How many relations match, by their type and what is at their ends: which entities have the most, say.',
      where: filter,
      conditionOf: relationCondition,
      aggregate: (context, request) => driver.aggregate(context, 'relations', request),
    },
  );
}
