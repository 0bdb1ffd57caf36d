/** Types that several subgraphs share, made once per builder and only when used: PageInfo, scalars, filters, order. */
import { GraphQLError, Kind } from 'graphql';
import type { EnumRef, InputRef, ObjectRef } from '@pothos/core';
import type { SubgraphBuilder } from './builder-types.ts';
import { jsonOfLiteral } from './exact-literal.ts';
import { checkJson } from './json.ts';

export interface PageInfoShape {
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  /** Made when it is asked for; undefined for an empty page. */
  startCursor: (() => string) | undefined;
  endCursor: (() => string) | undefined;
}

/** Conditions on a text column; all that are given must hold. */
export interface StringFilterShape {
  eq?: string | null;
  in?: string[] | null;
  contains?: string | null;
  startsWith?: string | null;
  not?: StringFilterShape | null;
}
export interface IdFilterShape {
  eq?: string | null;
  in?: string[] | null;
  not?: IdFilterShape | null;
}
interface RangeFilterShape<T> {
  eq?: T | null;
  in?: T[] | null;
  gt?: T | null;
  gte?: T | null;
  lt?: T | null;
  lte?: T | null;
}
export interface IntFilterShape extends RangeFilterShape<number> {
  not?: IntFilterShape | null;
}
export interface FloatFilterShape extends RangeFilterShape<number> {
  not?: FloatFilterShape | null;
}
export interface DateTimeFilterShape extends RangeFilterShape<Date> {
  not?: DateTimeFilterShape | null;
}
export interface BooleanFilterShape {
  eq?: boolean | null;
  not?: BooleanFilterShape | null;
}

/** Accessors make each type on first use, so that no subgraph prints a type that it does not use. */
export interface SharedTypes {
  readonly PageInfo: ObjectRef<any, PageInfoShape>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  readonly OrderDirection: EnumRef<any, 'ASC' | 'DESC'>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  readonly StringFilter: InputRef<StringFilterShape>;
  readonly IdFilter: InputRef<IdFilterShape>;
  readonly IntFilter: InputRef<IntFilterShape>;
  readonly FloatFilter: InputRef<FloatFilterShape>;
  readonly DateTimeFilter: InputRef<DateTimeFilterShape>;
  readonly BooleanFilter: InputRef<BooleanFilterShape>;
}

export function addSharedTypes(builder: SubgraphBuilder): SharedTypes {
  addScalars(builder);
  const made = new Map<string, unknown>();
  const once = <T>(name: string, make: () => T): T => {
    if (!made.has(name)) made.set(name, make());
    return made.get(name) as T;
  };

  const range = <Shape extends object>(name: string, what: string, type: 'Int' | 'Float' | 'DateTime') => {
    const ref = builder.inputRef<Shape>(name);
    // The three range filters differ only in their operand's type.
    const implement = ref.implement as unknown as (options: unknown) => InputRef<Shape>;
    return implement.call(ref, {
      description: `Conditions on ${what}. All that are given must hold.`,
      fields: (t: { field(o: { type: unknown; description: string }): unknown }) => ({
        eq: t.field({ type, description: 'Equal to this.' }),
        in: t.field({
          type: [type],
          description: 'Equal to one of these; an empty list matches nothing. At most 500.',
        }),
        gt: t.field({ type, description: 'Greater than this.' }),
        gte: t.field({ type, description: 'Greater than or equal to this.' }),
        lt: t.field({ type, description: 'Less than this.' }),
        lte: t.field({ type, description: 'Less than or equal to this.' }),
        not: t.field({ type: ref, description: 'Must not match this.' }),
      }),
    });
  };

  return {
    get PageInfo() {
      return once('PageInfo', () =>
        builder.objectRef<PageInfoShape>('PageInfo').implement({
          description: 'Where a page begins and ends, and whether there are others before and behind it.',
          shareable: true,
          fields: (t) => ({
            hasNextPage: t.exposeBoolean('hasNextPage', {
              nullable: false,
              description: 'Whether more items follow this page.',
            }),
            hasPreviousPage: t.exposeBoolean('hasPreviousPage', {
              nullable: false,
              description:
                'Whether items come before this page. Of a page behind a cursor it is taken that what the cursor was of is still there; `hasNextPage` of one before a cursor likewise.',
            }),
            startCursor: t.string({
              description: 'Pass it as `before`, with `last`, to get the page before; null for an empty page.',
              resolve: ({ startCursor }) => startCursor?.() ?? null,
            }),
            endCursor: t.string({
              description: 'Pass it as `after` to get the next page; null for an empty page.',
              resolve: ({ endCursor }) => endCursor?.() ?? null,
            }),
          }),
        }),
      );
    },
    get OrderDirection() {
      return once('OrderDirection', () =>
        builder.enumType('OrderDirection', {
          description: 'Which way to sort.',
          values: {
            ASC: { description: 'Smallest first.' },
            DESC: { description: 'Largest first.' },
          } as const,
        }),
      ) as EnumRef<any, 'ASC' | 'DESC'>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
    },
    get StringFilter() {
      return once('StringFilter', () => {
        const ref = builder.inputRef<StringFilterShape>('StringFilter');
        return ref.implement({
          description: 'Conditions on a text. All that are given must hold.',
          fields: (t) => ({
            eq: t.string({ description: 'Equal to this.' }),
            in: t.stringList({ description: 'Equal to one of these; an empty list matches nothing. At most 500.' }),
            contains: t.string({ description: 'Contains this, ignoring case.' }),
            startsWith: t.string({ description: 'Starts with this, respecting case.' }),
            not: t.field({ type: ref, description: 'Must not match this.' }),
          }),
        });
      });
    },
    get IdFilter() {
      return once('IdFilter', () => {
        const ref = builder.inputRef<IdFilterShape>('IdFilter');
        return ref.implement({
          description: 'Conditions on an id. All that are given must hold.',
          fields: (t) => ({
            eq: t.id({ description: 'Equal to this.' }),
            in: t.idList({ description: 'Equal to one of these; an empty list matches nothing. At most 500.' }),
            not: t.field({ type: ref, description: 'Must not match this.' }),
          }),
        });
      });
    },
    get IntFilter() {
      return once('IntFilter', () => range<IntFilterShape>('IntFilter', 'a whole number', 'Int'));
    },
    get FloatFilter() {
      return once('FloatFilter', () => range<FloatFilterShape>('FloatFilter', 'a number', 'Float'));
    },
    get DateTimeFilter() {
      return once('DateTimeFilter', () => range<DateTimeFilterShape>('DateTimeFilter', 'a moment', 'DateTime'));
    },
    get BooleanFilter() {
      return once('BooleanFilter', () => {
        const ref = builder.inputRef<BooleanFilterShape>('BooleanFilter');
        return ref.implement({
          description: 'Conditions on a boolean. All that are given must hold.',
          fields: (t) => ({
            eq: t.boolean({ description: 'Equal to this.' }),
            not: t.field({ type: ref, description: 'Must not match this.' }),
          }),
        });
      });
    },
  };
}

function addScalars(builder: SubgraphBuilder): void {
  builder.scalarType('DateTime', {
    description:
      'A moment as ISO 8601 text with a time zone, such as `2026-01-31T09:30:00Z`; answers are in UTC with milliseconds.',
    serialize: (value) => (value instanceof Date ? value.toISOString() : new Date(value).toISOString()),
    parseValue: parseDateTime,
    parseLiteral: (node) => {
      if (node.kind !== Kind.STRING) throw new GraphQLError('DateTime must be a string.', { nodes: node });
      return parseDateTime(node.value);
    },
  });
  builder.scalarType('JSON', {
    description: 'Any JSON value. As input: at most 64 KiB, 12 levels deep, 1,000 keys.',
    serialize: (value) => value,
    parseValue: checkJson,
    parseLiteral: (node, variables) => checkJson(jsonOfLiteral(node, variables)),
  });
}

// A date without a zone would mean the server's zone, and a bare date midnight there: neither is a moment.
const ISO_MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/i;

function parseDateTime(value: unknown): Date {
  if (value instanceof Date) return value;
  if (typeof value !== 'string' || !ISO_MOMENT.test(value)) {
    throw new GraphQLError(
      `DateTime must be ISO 8601 with a time zone, such as 2026-01-31T09:30:00Z; got ${JSON.stringify(value)?.slice(0, 80)}.`,
    );
  }
  const date = new Date(value);
  // JavaScript takes 30 February for 2 March.
  if (Number.isNaN(date.getTime()) || Number(value.slice(8, 10)) > daysOf(value))
    throw new GraphQLError(`DateTime does not exist: ${value}.`);
  return date;
}

/** The days of a date's month. */
const daysOf = (date: string): number =>
  new Date(Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)), 0)).getUTCDate();
