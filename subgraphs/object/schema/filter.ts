/** `StoredObjectFilter`: which objects a list has. */
import type { InputRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { FilterInput } from '#subgraphs/shared/filters/parse.ts';
import { OBJECT } from '../bounds.ts';
import type { ObjectField } from '../filters/condition.ts';

export function filterInput({ builder, shared }: SubgraphSchema): InputRef<FilterInput> {
  const types: Record<ObjectField, [type: unknown, of: string]> = {
    key: [shared.StringFilter, 'the key'],
    size: [shared.rangeFilter(shared.BigInt.name), 'the number of bytes'],
    mediaType: [shared.StringFilter, 'the media type'],
    updatedAt: [shared.DateTimeFilter, 'when the bytes were stored last'],
  };
  const ref = builder.inputRef<FilterInput>('StoredObjectFilter');
  // The fields come from a table, so their types cannot be known to the compiler.
  const implement = ref.implement.bind(ref) as unknown as (options: unknown) => InputRef<FilterInput>;
  return implement({
    description:
      `Which stored objects to return. All that is given must hold. At most ${OBJECT.conditionDepth} levels deep, ` +
      `with ${OBJECT.conditions} conditions.`,
    fields: (t: { field(options: { type: unknown; description: string }): unknown }) => ({
      and: t.field({ type: [ref], description: 'All of these must match.' }),
      or: t.field({ type: [ref], description: 'At least one of these must match; an empty list matches nothing.' }),
      not: t.field({ type: ref, description: 'Must not match this.' }),
      ...Object.fromEntries(
        Object.entries(types).map(([field, [type, of]]) => [
          field,
          t.field({ type, description: `Conditions on ${of}.` }),
        ]),
      ),
    }),
  });
}
