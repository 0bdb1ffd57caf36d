/** What lists are sorted by besides what their own store has. */
import { getNamedType, isEnumType, isInputObjectType, type GraphQLSchema } from 'graphql';
import { isAddedOrder } from './declared-ranks.ts';
import type { DeclaredOrder, RankCondition, TypeList } from './declared-types.ts';

/** The argument by which lists are sorted. */
export const ORDER = 'orderBy';

/**
 * @param lists how each type is listed
 * @returns by the input type
 */
export function declaredOrders(
  api: GraphQLSchema,
  lists: Iterable<TypeList>,
  ranks: readonly RankCondition[],
): Map<string, DeclaredOrder> {
  const orders = new Map<string, DeclaredOrder>();
  const query = api.getQueryType()!;
  for (const list of lists) {
    const { args } = query.getFields()[list.field]!;
    const input = getNamedType(args.find(({ name }) => name === ORDER)?.type);
    if (!isInputObjectType(input) || orders.has(input.name)) continue;
    const field = getNamedType(input.getFields()['field']?.type);
    if (!isEnumType(field) || input.getFields()['direction'] === undefined) continue;
    const own = ranks.filter(({ source, order }) => source.type === list.type && isAddedOrder(api, field.name, order));
    if (own.length === 0) continue;
    orders.set(input.name, {
      input: input.name,
      field: field.name,
      list,
      ranks: new Map(own.map((each) => [each.order, each])),
    });
  }
  return orders;
}
