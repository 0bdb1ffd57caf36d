/** What lists are sorted by besides what their own store has. */
import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
} from 'graphql';
import { constantOf } from '#subgraphs/shared/order-input.ts';
import { isAddedOrder } from './declared-ranks.ts';
import type {
  DeclaredConditions,
  DeclaredOrder,
  OrderedField,
  OrderedLink,
  RankCondition,
  TypeList,
  ValueKind,
} from './declared-types.ts';
import { isOwn } from './schema-parts.ts';

/** The argument by which lists are sorted. */
export const ORDER = 'orderBy';

/**
 * @param lists how each type is listed
 * @returns by the input type
 */
export function declaredOrders(
  api: GraphQLSchema,
  lists: ReadonlyMap<string, TypeList>,
  conditions: DeclaredConditions,
  ranks: readonly RankCondition[],
): Map<string, DeclaredOrder> {
  const orders = new Map<string, DeclaredOrder>();
  const byType = new Map<string, DeclaredOrder>();
  for (const list of lists.values()) {
    const order = orderOf(api, list, ranks);
    if (order !== undefined) byType.set(list.type, order);
  }
  for (const order of byType.values()) {
    const links = new Map<string, OrderedLink>();
    const input = api.getType(order.input);
    for (const [name, link] of conditions.get(order.list.filter) ?? []) {
      if ('links' in link || 'rank' in link || link.takes.length > 0) continue;
      const there = isInputObjectType(input) ? input.getFields()[name] : undefined;
      if (there !== undefined && !isOwn(there)) continue;
      const target = byType.get(link.target.type);
      if (link.many && link.counts) links.set(name, { link, input: undefined });
      else if (!link.many && target !== undefined && target.fields.size > 0)
        links.set(name, { link, input: target.input });
    }
    if (order.fields.size + links.size > 0) orders.set(order.input, { ...order, links });
  }
  return orders;
}

function orderOf(api: GraphQLSchema, list: TypeList, ranks: readonly RankCondition[]): DeclaredOrder | undefined {
  const { args } = api.getQueryType()!.getFields()[list.field]!;
  const argument = args.find(({ name }) => name === ORDER);
  if (argument !== undefined && !isOwn(argument)) {
    const input = getNamedType(argument.type);
    if (!isInputObjectType(input)) return undefined;
    const field = getNamedType(input.getFields()['field']?.type);
    if (!isEnumType(field) || input.getFields()['direction'] === undefined) return undefined;
    const own = ranks.filter(({ source, order }) => source.type === list.type && isAddedOrder(api, field.name, order));
    return {
      input: input.name,
      field: field.name,
      list,
      own: false,
      fields: fieldsOf(
        api,
        list,
        field.getValues().map(({ name }) => name),
      ),
      ranks: new Map(own.map((each) => [each.order, each])),
      links: new Map(),
    };
  }
  const input = `${list.type}Order`;
  const there = api.getType(input);
  if (there !== undefined && !isOwn(there)) return undefined;
  const fields = fieldsOf(api, list, list.sorts.map(constantOf));
  return {
    input,
    field: fields.size === 0 ? undefined : `${input}Field`,
    list,
    own: true,
    fields,
    ranks: new Map(),
    links: new Map(),
  };
}

/** The fields of a list's type that these values of an enum are of. */
function fieldsOf(api: GraphQLSchema, { type }: TypeList, values: readonly string[]): Map<string, OrderedField> {
  const object = api.getType(type);
  const found = new Map<string, OrderedField>();
  if (!isObjectType(object)) return found;
  for (const { name, type: of } of Object.values(object.getFields())) {
    const value = constantOf(name);
    if (!values.includes(value)) continue;
    const named = getNamedType(of);
    const kind = valueKindOf(named);
    if (isEnumType(named))
      found.set(value, {
        name,
        kind: 'number',
        values: new Map(named.getValues().map((each, place) => [each.name, place])),
      });
    else if (kind !== undefined) found.set(value, { name, kind });
  }
  return found;
}

/** What values of a type compare as; undefined for what is not compared. */
export const valueKindOf = (type: GraphQLOutputType | undefined): ValueKind | undefined =>
  KINDS.get(String(getNamedType(type)));

const KINDS: ReadonlyMap<string, ValueKind | undefined> = new Map(
  Object.entries<ValueKind | undefined>({
    Int: 'number',
    Float: 'number',
    BigInt: 'digits',
    Decimal: 'digits',
    // ISO 8601, which sorts as text.
    Date: 'text',
    LocalDateTime: 'text',
    LocalTime: 'text',
    DateTime: 'moment',
    String: 'text',
    ID: 'text',
    Boolean: 'boolean',
  }),
);
