/** Lists that have objects in the order of a score: how near they are to something. */
import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isObjectType,
  type GraphQLNamedType,
  type GraphQLSchema,
} from 'graphql';
import { CONDITION_DIRECTIVES, type RanksArguments } from '#subgraphs/shared/conditions.ts';
import type { RankCondition, TypeList } from './declared-types.ts';
import { isOwn, takenArgument, takesKeys, takesNumbers } from './schema-parts.ts';

const DEFAULTS = Object.fromEntries(
  CONDITION_DIRECTIVES.get('ranks')!.args.map(({ name, defaultValue }) => [name, defaultValue] as const),
);

/** @param lists by type: how its objects are listed */
export function rankConditionOf(
  api: GraphQLSchema,
  field: string,
  declared: Readonly<Record<string, unknown>>,
  lists: ReadonlyMap<string, TypeList>,
): RankCondition | undefined {
  const said = { ...DEFAULTS, ...declared } as unknown as Required<RanksArguments>;
  const definition = api.getQueryType()?.getFields()[field];
  const edge = typeOf(definition && getNamedType(definition.type), 'edges');
  const node = typeOf(edge, 'node');
  const source = isObjectType(node) ? lists.get(node.name) : undefined;
  const filter = getNamedType(definition?.args.find(({ name }) => name === said.filter)?.type);
  if (source === undefined || !isInputObjectType(filter) || !takesKeys(filter, said.by, ['in'])) return undefined;
  if (typeOf(edge, said.score) === undefined) return undefined;
  const takes = said.takes.flatMap((name) => takenArgument(definition!, name, undefined) ?? []);
  if (takes.length < said.takes.length || !said.takes.includes(said.least)) return undefined;
  const there = api.getType(source.filter) as { getFields(): Record<string, { description?: string | null }> };
  const same = there.getFields()[said.condition];
  if (same !== undefined && !isOwn(same)) return undefined;
  const name = said.condition;
  return {
    name,
    filter: source.filter,
    input: `${source.type}${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    source,
    order: said.order,
    rank: {
      type: source.type,
      field,
      argument: said.filter,
      filter: filter.name,
      by: said.by,
      values: said.values,
      numeric: takesNumbers(filter, said.by),
      takes,
      least: said.least,
      score: said.score,
      cut: said.approximate ?? undefined,
      page: said.page,
      most: said.most ?? Infinity,
    },
  };
}

/** The named type of a field of `type`, where there is one. */
const typeOf = (type: GraphQLNamedType | undefined, field: string): GraphQLNamedType | undefined =>
  isObjectType(type) ? getNamedType(type.getFields()[field]?.type) : undefined;

/** Whether the value of an order's enum is one that this room adds. */
export function isAddedOrder(api: GraphQLSchema, type: string, value: string): boolean {
  const found = api.getType(type);
  const there = isEnumType(found) ? found.getValue(value) : undefined;
  return there === undefined || isOwn(there);
}
