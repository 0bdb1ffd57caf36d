/** The orders that the gateway adds to lists, in the API's schema. */
import {
  isEnumType,
  Kind,
  parse,
  parseType,
  print,
  visit,
  type GraphQLSchema,
  type InputValueDefinitionNode,
} from 'graphql';
import { ORDER } from './declared-orders.ts';
import type { DeclaredOrder, OrderedLink, RankCondition } from './declared-types.ts';
import { MARK } from './schema-parts.ts';

/** The type of an order by how many a link leads to. */
const COUNTED = 'LinkOrder';
const DIRECTION = 'OrderDirection';

/** What is added to the schema, and what changes in it. */
export interface WidenedOrders {
  readonly added: readonly string[];
  /** @param sdl the API's */
  change(sdl: string): string;
}

export function widenedOrders(api: GraphQLSchema, declared: ReadonlyMap<string, DeclaredOrder>): WidenedOrders {
  const orders = [...declared.values()];
  const added: string[] = [];
  for (const { field, ranks } of orders)
    if (ranks.size > 0) added.push(`extend enum ${field} {\n${[...ranks.values()].map(rankValue).join('\n')}\n}`);
  for (const order of orders) {
    const links = [...order.links].map(linkField);
    if (order.own) added.push(...ownOrder(order, links));
    else if (links.length > 0) added.push(`extend input ${order.input} {\n${links.join('\n')}\n}`);
  }
  if (orders.some(({ links }) => [...links.values()].some(({ input }) => input === undefined)))
    added.push(`"How lists are sorted by a link to many."\nenum ${COUNTED} {\n  "By how many there are."\n  COUNT\n}`);
  if (orders.some(({ own }) => own) && !isEnumType(api.getType(DIRECTION)))
    added.push(`"Which way a list is sorted."\nenum ${DIRECTION} {\n  ASC\n  DESC\n}`);
  return { added, change: (sdl) => changed(sdl, api.getQueryType()!.name, orders) };
}

function rankValue({ name, order }: RankCondition): string {
  const said = `By \`${name}\`, the greatest score first, equal scores by key; \`where\` must have it, by itself or within \`and\`. It stands alone, and is read forwards.${MARK}`;
  return `  ${JSON.stringify(said)}\n  ${order}`;
}

function linkField([name, { input }]: [string, OrderedLink]): string {
  const said =
    input === undefined
      ? `By how many \`${name}\` there are.${MARK}`
      : `By what its \`${name}\` has; where there is none, as what has no value. Which way is said within.${MARK}`;
  return `  ${JSON.stringify(said)}\n  ${name}: ${input ?? COUNTED}`;
}

/** The order of a list whose store does not sort. */
function ownOrder({ input, field, fields, list }: DeclaredOrder, links: readonly string[]): string[] {
  const values = [...fields].map(([value, { name }]) => `  "By \`${name}\`."\n  ${value}`);
  return [
    ...(field === undefined
      ? []
      : [`"What lists of \`${list.type}\` are sorted by."\nenum ${field} {\n${values.join('\n')}\n}`]),
    [
      `${JSON.stringify(`How to sort, by one of these. What has no value counts as the largest.${MARK}`)}`,
      `input ${input} {`,
      ...(field === undefined ? [] : [`  "What to sort by."\n  field: ${field}`]),
      ...links,
      `  "Which way."\n  direction: ${DIRECTION}! = ASC`,
      '}',
    ].join('\n'),
  ];
}

/** Lists get the orders that are the gateway's own; others may leave `field` out, for what the gateway has added beside it. */
function changed(sdl: string, query: string, orders: readonly DeclaredOrder[]): string {
  const own = new Map(orders.flatMap(({ own: isOwn, list, input }) => (isOwn ? [[list.field, input]] : [])));
  const linked = new Set(orders.flatMap(({ input, links }) => (links.size > 0 ? [input] : [])));
  const document = visit(parse(sdl, { noLocation: true }), {
    ObjectTypeDefinition: (type) => (type.name.value === query ? undefined : false),
    FieldDefinition: (field) => {
      const input = own.get(field.name.value);
      if (input === undefined || field.arguments?.some(({ name }) => name.value === ORDER) === true) return undefined;
      return { ...field, arguments: [...(field.arguments ?? []), argumentOf(input)] };
    },
    InputObjectTypeDefinition: (type) =>
      linked.has(type.name.value) ? { ...type, fields: type.fields?.map(optionalField) } : false,
  });
  return print(document);
}

const optionalField = (field: InputValueDefinitionNode): InputValueDefinitionNode =>
  field.name.value === 'field' && field.type.kind === Kind.NON_NULL_TYPE ? { ...field, type: field.type.type } : field;

const argumentOf = (input: string): InputValueDefinitionNode => ({
  kind: Kind.INPUT_VALUE_DEFINITION,
  name: { kind: Kind.NAME, value: ORDER },
  description: {
    kind: Kind.STRING,
    value: `How to sort, the most important first; in the list's own order when absent.${MARK}`,
  },
  type: parseType(`[${input}!]`, { noLocation: true }),
});
