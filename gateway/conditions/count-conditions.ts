/** How much a filter asks of other stores. */
import { getNullableType, isInputObjectType, isListType, type GraphQLInputType } from 'graphql';
import type { Filters } from './filter-places.ts';

/** How many conditions of a filter, and of those in it, are on what another store has. */
export function countConditions(outer: GraphQLInputType, value: unknown, filters: Filters): number {
  if (value === null || typeof value !== 'object') return 0;
  const type = getNullableType(outer);
  if (isListType(type)) {
    const item = type.ofType as GraphQLInputType;
    return (Array.isArray(value) ? (value as unknown[]) : [value]).reduce<number>(
      (sum, each) => sum + countConditions(item, each, filters),
      0,
    );
  }
  if (!isInputObjectType(type) || !filters.reaching.has(type.name)) return 0;
  const conditions = filters.conditions.get(type.name);
  const fields = type.getFields();
  let count = 0;
  for (const [name, given] of Object.entries(value)) {
    if (fields[name] === undefined) continue;
    // One that is null asks for nothing.
    if (conditions?.has(name) === true && given !== null && given !== undefined) count += 1;
    count += countConditions(fields[name].type, given, filters);
  }
  return count;
}

/** A filter that asks for nothing of another store, without the conditions that are null: they are nothing that a subgraph knows. */
export function withoutConditions(outer: GraphQLInputType, value: unknown, filters: Filters): unknown {
  if (value === null || typeof value !== 'object') return value;
  const type = getNullableType(outer);
  if (isListType(type)) {
    const item = type.ofType as GraphQLInputType;
    return Array.isArray(value)
      ? (value as unknown[]).map((each) => withoutConditions(item, each, filters))
      : withoutConditions(item, value, filters);
  }
  if (!isInputObjectType(type) || !filters.reaching.has(type.name)) return value;
  const conditions = filters.conditions.get(type.name);
  const fields = type.getFields();
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, given]) =>
      conditions?.has(name) === true
        ? []
        : [[name, fields[name] === undefined ? given : withoutConditions(fields[name].type, given, filters)]],
    ),
  );
}
