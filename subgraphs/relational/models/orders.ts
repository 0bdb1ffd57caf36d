/** A model's order: its GraphQL input types, what a caller's input means, and the cursors of a list in that order. */
import type { InputRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { decodeCursor, encodeCursor } from '#subgraphs/shared/cursors.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { constantOf, orderInput as orderInputOf, type SortedBy } from '#subgraphs/shared/order-input.ts';
import { insteadUse } from '#subgraphs/shared/renamed.ts';
import { RELATIONAL } from '../bounds.ts';
import type { Order, SortValue } from './sort.ts';
import { columnOf, columnsOf, type Model } from './columns.ts';

/** Defines `<Model>Order` and `<Model>OrderField` from the sortable columns of a model. */
export const orderInput = (subgraph: SubgraphSchema, model: Model): InputRef<Order> =>
  orderInputOf<Order>(subgraph, model.name, {
    items: model.items,
    description: `How to sort ${model.items}. Items without a value count as the largest.`,
    values: Object.fromEntries(
      columnsOf(model)
        .filter(([, column]) => column.sortable)
        .flatMap(([name, { type, formerly, description }]): [string, SortedBy][] => {
          // What a moment is of says more than its name.
          const said = type === 'moment' ? `: ${description[0]!.toLowerCase()}${description.slice(1)}` : '.';
          const options = { value: name, description: `By \`${name}\`${type === 'text' ? ', by code point.' : said}` };
          return [
            [constantOf(name), options],
            ...(formerly === undefined
              ? []
              : [[constantOf(formerly), { ...options, ...insteadUse(constantOf(name)) }] satisfies [string, SortedBy]]),
          ];
        }),
    ),
  });

/**
 * The order that a caller asked for, or the list's own, with the id behind it so that it is total.
 * @throws CodedError `BAD_USER_INPUT` for more than `RELATIONAL.orderFields` fields, or a field named twice
 */
export function parseOrder(
  model: Model,
  orderBy: readonly Order[] | null | undefined,
  byDefault: Order = model.defaultOrder,
): Order[] {
  const asked = orderBy?.length ? orderBy : [byDefault];
  if (asked.length > RELATIONAL.orderFields)
    throw badUserInput(`\`orderBy\` has at most ${RELATIONAL.orderFields} fields; got ${asked.length}.`);
  if (new Set(asked.map(({ field }) => field)).size < asked.length)
    throw badUserInput('`orderBy` names a field twice.');
  // The id goes the way of the last field, so that an index on both can be read in one direction.
  const last = asked.at(-1);
  return [
    ...asked.map(({ field, direction }) => ({ field, direction })),
    ...(last?.field === 'id' ? [] : [{ field: 'id', direction: last?.direction ?? 'ASC' } as const]),
  ];
}

/** The same level the other way; nulls, the largest values, change sides with it. */
export const reversed = ({ field, direction }: Order): Order => ({
  field,
  direction: direction === 'ASC' ? 'DESC' : 'ASC',
});

const listName = (model: Model, order: readonly Order[]): string =>
  `${model.table}:${order.map(({ field, direction }) => `${field} ${direction}`).join()}`;

/** The cursor of a row in a list of this order. */
export function rowCursor(model: Model, order: readonly Order[], row: object): string {
  const values = order.map(({ field }) => {
    const value = (row as Record<string, unknown>)[field] ?? null;
    return value instanceof Date ? value.toISOString() : (value as SortValue);
  });
  return encodeCursor(listName(model, order), values);
}

/**
 * The sort key in a cursor.
 * @throws CodedError `BAD_USER_INPUT` when the cursor is malformed, or of another list or order
 */
export function parseCursor(model: Model, order: readonly Order[], cursor: string): SortValue[] {
  const values = decodeCursor(listName(model, order), cursor, order.length);
  values.forEach((value, index) => {
    const column = columnOf(model, order[index]?.field ?? 'id');
    if (!fits(column.type, value) && !(value === null && column.nullable))
      throw badUserInput('`after` or `before` is not a cursor of this list.');
  });
  return values;
}

function fits(type: string, value: SortValue): boolean {
  if (type === 'int') return Number.isInteger(value);
  if (type === 'boolean') return typeof value === 'boolean';
  if (type === 'moment') return typeof value === 'string' && !Number.isNaN(Date.parse(value));
  return typeof value === 'string';
}
