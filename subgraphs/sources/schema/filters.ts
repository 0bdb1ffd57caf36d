/** A type's filter and order: their input types, and what a caller's input means. */
import type { InputRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { parseFilter as parse, type FilterInput, type FilterRules } from '#subgraphs/shared/filters/parse.ts';
import { constantOf, orderInput as orderInputOf } from '#subgraphs/shared/order-input.ts';
import { SOURCES } from '../bounds.ts';
import type { OrderLevel } from '../driver.ts';
import {
  hasRowKey,
  isFilterable,
  isFilteredList,
  isSortable,
  ROW_KEY,
  type ModelColumn,
  type ModelType,
} from '../model/model.ts';
import { withoutRowKeys } from './row-keys.ts';

const isFiltered = (column: ModelColumn): boolean => isFilterable(column) || isFilteredList(column);

type InputField = {
  field(options: { type: unknown; description: string; required?: boolean; defaultValue?: unknown }): unknown;
};

/** What the inputs of all types of a source are made with. */
export interface InputParts {
  readonly subgraph: SubgraphSchema;
  readonly scalarOf: (kind: ModelColumn['kind']) => string;
  /** The API's type of a column's values; of a list, of its items. */
  readonly typed: (column: ModelColumn) => unknown;
  readonly enumFilterOf: (name: string) => InputRef<object>;
  readonly typeOf: (name: string) => ModelType;
  /** Filters by type; made when they are first needed, since they lead in circles. */
  readonly filters: Map<string, InputRef<FilterInput>>;
  /** Filters of rows that a row leads to many of, by type. */
  readonly manyFilters: Map<string, InputRef<FilterInput>>;
}

function columnFilter(
  { subgraph: { shared }, scalarOf, enumFilterOf, typed }: InputParts,
  column: ModelColumn,
): unknown {
  if (column.list) {
    const item = column.enum?.name ?? scalarOf(column.kind);
    return shared.listFilter(`${item === 'ID' ? 'Id' : item}ListFilter`, typed(column));
  }
  switch (column.kind) {
    case 'boolean':
      return shared.BooleanFilter;
    case 'int':
      return shared.IntFilter;
    case 'float':
      return shared.FloatFilter;
    case 'text':
    case 'other':
      return shared.StringFilter;
    case 'id':
      return shared.IdFilter;
    case 'moment':
      return shared.DateTimeFilter;
    case 'json':
      return [shared.MetadataFilter];
    case 'enum':
      return column.enum === undefined ? shared.StringFilter : enumFilterOf(column.enum.name);
    default:
      return shared.rangeFilter(scalarOf(column.kind));
  }
}

/** Defines `<Type>Filter`, and those of the types that its links lead to. */
export function filterInput(parts: InputParts, type: ModelType): InputRef<FilterInput> {
  const known = parts.filters.get(type.name);
  if (known !== undefined) return known;
  const ref = parts.subgraph.builder.inputRef<FilterInput>(`${type.name}Filter`);
  parts.filters.set(type.name, ref);
  const implement = ref.implement.bind(ref) as unknown as (options: unknown) => void;
  implement({
    description: `Which ${type.items} to return. All that is given must hold. At most ${SOURCES.conditionDepth} levels deep, with ${SOURCES.conditions} conditions.`,
    fields: (t: InputField) => ({
      and: t.field({ type: [ref], description: 'All of these must match.' }),
      or: t.field({ type: [ref], description: 'At least one of these must match; an empty list matches nothing.' }),
      not: t.field({ type: ref, description: 'Must not match this.' }),
      ...Object.fromEntries(
        type.columns.filter(isFiltered).map((column) => [
          column.field,
          t.field({
            type: columnFilter(parts, column),
            description:
              column.kind === 'json'
                ? `Conditions on \`${column.field}\`; all of them must hold.`
                : `Conditions on \`${column.field}\`.`,
          }),
        ]),
      ),
      ...(hasRowKey(type)
        ? {
            [ROW_KEY]: t.field({
              type: parts.subgraph.shared.IdFilter,
              description: `Conditions on its whole key, as \`${ROW_KEY}\` has it. What is no key is of no row.`,
            }),
          }
        : {}),
      ...Object.fromEntries(
        type.links.map(({ field, to, many }) => [
          field,
          t.field({
            type: many ? manyFilter(parts, parts.typeOf(to)) : filterInput(parts, parts.typeOf(to)),
            description: many
              ? `How many of its \`${field}\` must match.`
              : `There must be such a \`${field}\`, and it must match this.`,
          }),
        ]),
      ),
    }),
  });
  return ref;
}

function manyFilter(parts: InputParts, type: ModelType): InputRef<FilterInput> {
  const known = parts.manyFilters.get(type.name);
  if (known !== undefined) return known;
  const ref = parts.subgraph.builder.inputRef<FilterInput>(`${type.name}ListFilter`);
  parts.manyFilters.set(type.name, ref);
  const of = filterInput(parts, type);
  const implement = ref.implement.bind(ref) as unknown as (options: unknown) => void;
  implement({
    description: `Conditions on the ${type.items} that a row leads to; of those that the caller may see. All that are given must hold.`,
    fields: (t: InputField) => ({
      some: t.field({ type: of, description: 'At least one matches; `{}` matches where there is any.' }),
      every: t.field({ type: of, description: 'All of them match, also where there are none.' }),
      none: t.field({ type: of, description: 'None of them matches; `{}` matches where there are none.' }),
    }),
  });
  return ref;
}

/** Turns a caller's filter into a condition; `undefined` where it asks for nothing. */
export const parseFilter = (
  parts: Pick<InputParts, 'typeOf'>,
  type: ModelType,
  filter: FilterInput | null | undefined,
): Condition | undefined => {
  const condition = filter == null ? undefined : parse(rulesOf(parts, type), filter);
  return condition && withoutRowKeys(parts.typeOf, type, condition);
};

const made = new WeakMap<ModelType, FilterRules>();

function rulesOf(parts: Pick<InputParts, 'typeOf'>, type: ModelType): FilterRules {
  let rules = made.get(type);
  if (rules === undefined) {
    rules = {
      columns: {
        ...Object.fromEntries(
          type.columns
            .filter(isFiltered)
            .map(({ field, kind, list }) => [field, list ? 'list' : kind === 'json' ? 'json' : 'scalar']),
        ),
        ...(hasRowKey(type) ? { [ROW_KEY]: 'scalar' } : {}),
      },
      links: Object.fromEntries(
        type.links.map(({ field, to, many }) => [field, { many, columns: () => rulesOf(parts, parts.typeOf(to)) }]),
      ),
      conditions: SOURCES.conditions,
      depth: SOURCES.conditionDepth,
      listed: SOURCES.listed,
      characters: SOURCES.filterCharacters,
      pathKeys: SOURCES.pathKeys,
    };
    made.set(type, rules);
  }
  return rules;
}

/** Defines `<Type>Order` and `<Type>OrderField`; undefined where no column has an order. */
export function orderInput({ subgraph }: InputParts, type: ModelType): InputRef<OrderLevel> | undefined {
  const sortable = type.columns.filter(isSortable);
  if (sortable.length === 0) return undefined;
  return orderInputOf<OrderLevel>(subgraph, type.name, {
    items: type.items,
    description: `How to sort ${type.items}, as the database sorts. Items without a value count as the largest.`,
    values: Object.fromEntries(
      sortable.map(({ field }) => [constantOf(field), { value: field, description: `By \`${field}\`.` }]),
    ),
  });
}

/**
 * The order that a caller asked for, or the type's own, made total by the key; of a type without one, by all that has an
 * order.
 * @throws CodedError `BAD_USER_INPUT` for more than `SOURCES.orderFields` fields, or a field named twice
 */
export function parseOrder(type: ModelType, orderBy: readonly OrderLevel[] | null | undefined): OrderLevel[] {
  const asked = orderBy?.length ? orderBy : type.order;
  if (asked.length > SOURCES.orderFields)
    throw badUserInput(`\`orderBy\` has at most ${SOURCES.orderFields} fields; got ${asked.length}.`);
  const named = new Set(asked.map(({ field }) => field));
  if (named.size < asked.length) throw badUserInput('`orderBy` names a field twice.');
  const direction = asked.at(-1)?.direction ?? 'ASC';
  const last = type.key.length > 0 ? type.key : type.columns.filter(isSortable).map(({ field }) => field);
  return [
    ...asked.map(({ field, direction: way }) => ({ field, direction: way })),
    ...last.filter((field) => !named.has(field)).map((field) => ({ field, direction })),
  ];
}
