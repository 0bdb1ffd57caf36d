/** How lists are sorted: the input types, alike in all subgraphs. */
import type { EnumRef, InputRef } from '@pothos/core';
import type { SubgraphSchema } from './builder.ts';

/** A field that may be sorted by, as an enum's value. */
export interface SortedBy {
  readonly value: string;
  readonly description: string;
  readonly deprecationReason?: string;
}

/**
 * Defines `<type>Order` and `<type>OrderField`.
 * @param options.items what is sorted, in the plural
 * @param options.description of the order
 * @param options.values what may be sorted by, by the enum's values
 */
export function orderInput<Order extends { field: string; direction: 'ASC' | 'DESC' }>(
  { builder, shared }: Pick<SubgraphSchema, 'builder' | 'shared'>,
  type: string,
  options: {
    readonly items: string;
    readonly description: string;
    readonly values: Readonly<Record<string, SortedBy>>;
  },
): InputRef<Order> {
  const field = builder.enumType(`${type}OrderField`, {
    description: `What ${options.items} can be sorted by.`,
    values: options.values,
  }) as unknown as EnumRef<any, string>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  return builder.inputRef<{ field: string; direction: 'ASC' | 'DESC' }>(`${type}Order`).implement({
    description: options.description,
    fields: (t) => ({
      field: t.field({ type: field, required: true, description: 'What to sort by.' }),
      direction: t.field({
        type: shared.OrderDirection,
        required: true,
        defaultValue: 'ASC',
        description: 'Which way.',
      }),
    }),
  }) as unknown as InputRef<Order>;
}

/** A field's name as an enum's value; one that has a `_` in it keeps its form, or `a_b` would be `aB`. */
export const constantOf = (name: string): string =>
  name.slice(1).includes('_') ? name : name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
