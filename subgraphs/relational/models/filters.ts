/** A model's filter: its GraphQL input type, and what a caller's input means. */
import type { InputRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { parseFilter as parse, type FilterInput } from '#subgraphs/shared/filters/parse.ts';
import { insteadUse } from '#subgraphs/shared/renamed.ts';
import { RELATIONAL } from '../bounds.ts';
import { columnsOf, type ColumnType, type Model } from './columns.ts';

export type { FilterInput };

/**
 * Defines `<Model>Filter` from the filterable columns of a model.
 * @param enums filters of the columns whose values are an enum's, by field
 */
export function filterInput(
  { builder, shared }: SubgraphSchema,
  model: Model,
  enums: Readonly<Record<string, InputRef<object>>> = {},
): InputRef<FilterInput> {
  const byType: Record<Exclude<ColumnType, 'json'>, () => unknown> = {
    id: () => shared.IdFilter,
    text: () => shared.StringFilter,
    int: () => shared.IntFilter,
    boolean: () => shared.BooleanFilter,
    moment: () => shared.DateTimeFilter,
  };
  const ref = builder.inputRef<FilterInput>(`${model.name}Filter`);
  // The fields come from the model, so their types cannot be known to the compiler.
  const implement = ref.implement.bind(ref) as unknown as (options: unknown) => InputRef<FilterInput>;
  return implement({
    description:
      `Which ${model.items} to return. All that is given must hold. At most ${RELATIONAL.conditionDepth} levels deep, ` +
      `with ${RELATIONAL.conditions} conditions.`,
    fields: (t: { field(options: { type: unknown; description: string }): unknown }) => ({
      and: t.field({ type: [ref], description: 'All of these must match.' }),
      or: t.field({ type: [ref], description: 'At least one of these must match; an empty list matches nothing.' }),
      not: t.field({ type: ref, description: 'Must not match this.' }),
      ...Object.fromEntries(
        columnsOf(model)
          .filter(([, column]) => column.filterable)
          .flatMap(([field, column]) => {
            const options =
              column.type === 'json'
                ? {
                    type: [shared.MetadataFilter],
                    description: `Conditions on \`${field}\`; all of them must hold.`,
                  }
                : {
                    type: enums[field] ?? byType[column.type](),
                    description: `Conditions on \`${field}\`.${column.nullable ? ' `isNull: true` finds those without a value.' : ''}`,
                  };
            return [
              [field, t.field(options)],
              ...(column.formerly === undefined
                ? []
                : [[column.formerly, t.field({ ...options, ...insteadUse(field) })]]),
            ];
          }),
      ),
    }),
  });
}

/**
 * Turns a caller's filter into a condition; `undefined` where it asks for nothing.
 * @throws CodedError `BAD_USER_INPUT` where it passes the bounds of one filter or compares with what cannot be stored
 */
export const parseFilter = (model: Model, filter: FilterInput | null | undefined): Condition | undefined =>
  parse(
    {
      columns: Object.fromEntries(
        columnsOf(model).map(([field, { type }]) => [field, type === 'json' ? 'json' : 'scalar']),
      ),
      formerly: Object.fromEntries(
        columnsOf(model).flatMap(([field, { formerly }]) => (formerly === undefined ? [] : [[formerly, field]])),
      ),
      conditions: RELATIONAL.conditions,
      depth: RELATIONAL.conditionDepth,
      listed: RELATIONAL.listed,
      characters: RELATIONAL.filterCharacters,
      pathKeys: RELATIONAL.pathKeys,
    },
    filter,
  );
