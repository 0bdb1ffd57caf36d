/** Types that several subgraphs share, made once per builder and only when used: PageInfo, scalars, filters, order. */
import { GraphQLError, Kind } from 'graphql';
import type { EnumRef, InputRef, ObjectRef, ScalarRef } from '@pothos/core';
import type { SubgraphBuilder } from './builder-types.ts';
import { jsonOfLiteral } from './exact-literal.ts';
import { ExactNumber } from './exact-number.ts';
import { checkJson, type JsonValue } from './json.ts';
import { PATTERN_DIALECT } from './filters/pattern.ts';

export interface PageInfoShape {
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  /** Made when it is asked for; undefined for an empty page. */
  startCursor: (() => string) | undefined;
  endCursor: (() => string) | undefined;
}

/** What every scalar filter has. All conditions that are given must hold. */
interface EqualityFilterShape<T> {
  eq?: T | null;
  ne?: T | null;
  in?: T[] | null;
  notIn?: T[] | null;
  isNull?: boolean | null;
}
interface RangeFilterShape<T> extends EqualityFilterShape<T> {
  gt?: T | null;
  gte?: T | null;
  lt?: T | null;
  lte?: T | null;
}
export interface StringFilterShape extends RangeFilterShape<string> {
  contains?: string | null;
  startsWith?: string | null;
  endsWith?: string | null;
  matches?: string | null;
  not?: StringFilterShape | null;
}
export interface IdFilterShape extends EqualityFilterShape<string> {
  not?: IdFilterShape | null;
}
export interface EnumFilterShape<T> extends EqualityFilterShape<T> {
  not?: EnumFilterShape<T> | null;
}
export interface IntFilterShape extends RangeFilterShape<number> {
  not?: IntFilterShape | null;
}
export interface FloatFilterShape extends RangeFilterShape<number> {
  not?: FloatFilterShape | null;
}
/** Of values that are carried as exact texts, such as decimals and days. */
export interface ExactFilterShape extends RangeFilterShape<string> {
  not?: ExactFilterShape | null;
}
export interface DateTimeFilterShape extends RangeFilterShape<Date> {
  not?: DateTimeFilterShape | null;
}
export interface BooleanFilterShape {
  eq?: boolean | null;
  ne?: boolean | null;
  isNull?: boolean | null;
  not?: BooleanFilterShape | null;
}
/** A condition on the value at a path of a JSON object. */
export interface MetadataFilterShape {
  path: string[];
  eq?: JsonValue;
  ne?: JsonValue;
  in?: JsonValue[] | null;
  notIn?: JsonValue[] | null;
  lt?: JsonValue;
  lte?: JsonValue;
  gt?: JsonValue;
  gte?: JsonValue;
  exists?: boolean | null;
  contains?: string | null;
  startsWith?: string | null;
  endsWith?: string | null;
  matches?: string | null;
  not?: boolean | null;
}

/** Accessors make each type on first use, so that no subgraph prints a type that it does not use. */
export interface SharedTypes {
  readonly PageInfo: ObjectRef<any, PageInfoShape>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  /** Whole numbers past 2^31. */
  readonly BigInt: ScalarRef<any, number | string, number>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  /** Numbers with all their digits, as texts. */
  readonly Decimal: ScalarRef<any, string, string>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  readonly OrderDirection: EnumRef<any, 'ASC' | 'DESC'>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  readonly StringFilter: InputRef<StringFilterShape>;
  readonly IdFilter: InputRef<IdFilterShape>;
  readonly IntFilter: InputRef<IntFilterShape>;
  readonly FloatFilter: InputRef<FloatFilterShape>;
  readonly DateTimeFilter: InputRef<DateTimeFilterShape>;
  readonly BooleanFilter: InputRef<BooleanFilterShape>;
  readonly MetadataFilter: InputRef<MetadataFilterShape>;
  /**
   * Makes the filter of a scalar whose values have an order.
   * @param scalar the scalar's name
   */
  rangeFilter(scalar: string): InputRef<ExactFilterShape>;
  /**
   * Makes the filter of an enum's values.
   * @param name the filter's, such as `RunStatusFilter`
   * @param what what it is a condition on, in words
   */
  enumFilter<T extends string>(
    name: string,
    what: string,
    type: EnumRef<any, T>, // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  ): InputRef<EnumFilterShape<T>>;
  /**
   * Makes the filter of lists.
   * @param name the filter's, such as `StringListFilter` @param type of an item
   */
  listFilter(name: string, type: unknown): InputRef<object>;
}

type OperatorGroup = 'lists' | 'range' | 'text';
/** The operators of filters, with what they ask. */
const OPERATORS = {
  equality: {
    eq: 'Equal to this; null finds what has no value.',
    ne: 'Not equal to this, or without a value; null finds what has one.',
    isNull: 'Whether there is no value.',
  },
  lists: {
    in: 'Equal to one of these; an empty list matches nothing. At most 500.',
    notIn: 'Equal to none of these, or without a value; an empty list matches everything. At most 500.',
  },
  range: {
    lt: 'Less than this',
    lte: 'Less than or equal to this',
    gt: 'Greater than this',
    gte: 'Greater than or equal to this',
  },
  text: {
    contains: 'Contains this, ignoring case.',
    startsWith: 'Starts with this, respecting case.',
    endsWith: 'Ends with this, respecting case.',
    matches: `Matches ${PATTERN_DIALECT}.`,
  },
  opposite: { not: 'Must not match this.' },
  items: {
    has: 'Has this among its items.',
    contains: 'Has all of these among its items; an empty list matches every list. At most 500.',
    containedBy: 'Has no items but these, also where it is empty. At most 500.',
    overlaps: 'Has at least one of these among its items; an empty list matches nothing. At most 500.',
    isEmpty:
      'True where there is a list that has no items, false where there is one that has some: where there is none, neither.',
    isNull: 'Whether there is no list.',
  },
} as const;

/** What is larger, where that may be asked. */
const ORDERED: Readonly<Record<string, string>> = { 'a text': ', by code point', 'a moment': ': earlier is less' };

/** How a schema carries what JavaScript's own types do not hold. */
export interface ExactScalars {
  /**
   * Whether moments keep their microseconds and whole numbers all of 64 bits, both as texts, as stores of others have them.
   * @default false: no store of this project's own has any
   */
  readonly exact?: boolean;
}

export function addSharedTypes(builder: SubgraphBuilder, { exact = false }: ExactScalars = {}): SharedTypes {
  addScalars(builder, exact);
  const made = new Map<string, unknown>();
  const once = <T>(name: string, make: () => T): T => {
    if (!made.has(name)) made.set(name, make());
    return made.get(name) as T;
  };

  /** All scalar filters, which differ only in their operand's type and in what can be asked of it. */
  const scalarFilter = <Shape extends object>(
    name: string,
    what: string,
    type: unknown,
    operators: OperatorGroup[],
  ) => {
    const ref = builder.inputRef<Shape>(name);
    const implement = ref.implement as unknown as (options: unknown) => InputRef<Shape>;
    return implement.call(ref, {
      description: `Conditions on ${what}. All that are given must hold; what has no value matches \`ne\`, \`notIn\` and \`not\`.`,
      fields: (t: { field(o: { type: unknown; required?: unknown; description: string }): unknown }) =>
        Object.fromEntries(
          ['equality' as const, ...operators, 'opposite' as const].flatMap((group) =>
            Object.entries(OPERATORS[group]).map(([operator, description]) => [
              operator,
              t.field({
                type: operandType(operator, group, type, ref),
                description: group === 'range' ? `${description}${ORDERED[what] ?? ''}.` : description,
              }),
            ]),
          ),
        ),
    });
  };
  const operandType = (operator: string, group: keyof typeof OPERATORS, type: unknown, ref: unknown): unknown => {
    if (group === 'lists') return [type];
    if (group === 'opposite') return ref;
    return operator === 'isNull' ? 'Boolean' : type;
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
    get BigInt() {
      return once('BigInt', () =>
        builder.scalarType('BigInt', {
          specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259#section-6',
          description:
            'A whole number that may be more than an Int holds, such as the bytes of a file. Answers have a JSON number from -(2^53 - 1) to ' +
            '2^53 - 1, which every client holds, and a string of its digits beyond; as input, a string of its digits does too.',
          serialize: exact ? parseInt64 : parseBigInt,
          parseValue: (exact ? parseInt64 : parseBigInt) as typeof parseBigInt,
          parseLiteral: (node) => {
            if (node.kind !== Kind.INT && node.kind !== Kind.STRING)
              throw new GraphQLError('BigInt must be a whole number.', { nodes: node });
            return (exact ? parseInt64 : parseBigInt)(node.value) as number;
          },
        }),
      );
    },
    get Decimal() {
      return once('Decimal', () =>
        builder.scalarType('Decimal', {
          specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259#section-6',
          description:
            'A decimal number with all its digits, as a text such as `"12.50"`; `"NaN"` and `"Infinity"` where a store has them. As input, a number does too.',
          serialize: (value) => value,
          parseValue: parseDecimal,
          parseLiteral: (node) =>
            parseDecimal(
              node.kind === Kind.STRING || node.kind === Kind.INT || node.kind === Kind.FLOAT ? node.value : undefined,
            ),
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
      return once('StringFilter', () =>
        scalarFilter<StringFilterShape>('StringFilter', 'a text', 'String', ['lists', 'range', 'text']),
      );
    },
    get IdFilter() {
      return once('IdFilter', () => scalarFilter<IdFilterShape>('IdFilter', 'an id', 'ID', ['lists']));
    },
    get IntFilter() {
      return once('IntFilter', () =>
        scalarFilter<IntFilterShape>('IntFilter', 'a whole number', 'Int', ['lists', 'range']),
      );
    },
    get FloatFilter() {
      return once('FloatFilter', () =>
        scalarFilter<FloatFilterShape>('FloatFilter', 'a number', 'Float', ['lists', 'range']),
      );
    },
    get DateTimeFilter() {
      return once('DateTimeFilter', () =>
        scalarFilter<DateTimeFilterShape>('DateTimeFilter', 'a moment', 'DateTime', ['lists', 'range']),
      );
    },
    get BooleanFilter() {
      return once('BooleanFilter', () => scalarFilter<BooleanFilterShape>('BooleanFilter', 'a boolean', 'Boolean', []));
    },
    get MetadataFilter() {
      return once('MetadataFilter', () => {
        const ref = builder.inputRef<MetadataFilterShape>('MetadataFilter');
        const implement = ref.implement as unknown as (options: unknown) => InputRef<MetadataFilterShape>;
        return implement.call(ref, {
          description:
            'A condition on the value at a path of a JSON object. All that are given must hold. A list there matches where one of its ' +
            'elements does; where there is no value, only `exists: false`, `ne`, `notIn` and `not` match.',
          // eslint-disable-next-line @typescript-eslint/no-explicit-any -- any subgraph's builder
          fields: (t: PothosSchemaTypes.InputFieldBuilder<any, 'InputObject'>) => ({
            path: t.stringList({
              required: true,
              description: 'Keys from the outside in, such as `["author", "name"]`; list items by index.',
            }),
            eq: t.field({ type: 'JSON', description: 'Equal to this, as JSON; null finds a null that is there.' }),
            ne: t.field({ type: 'JSON', description: 'Not equal to this, or there is no value.' }),
            in: t.field({
              type: ['JSON'],
              required: { list: false, items: false },
              description: 'Equal to one of these; an empty list matches nothing. At most 500.',
            }),
            notIn: t.field({
              type: ['JSON'],
              required: { list: false, items: false },
              description: 'Equal to none of these, or there is no value. At most 500.',
            }),
            lt: t.field({ type: 'JSON', description: 'Less than this number or, by code point, this text.' }),
            lte: t.field({ type: 'JSON', description: 'Less than or equal to this number or text.' }),
            gt: t.field({
              type: 'JSON',
              description: 'Greater than this number or text; dates as ISO 8601 texts sort as days do.',
            }),
            gte: t.field({ type: 'JSON', description: 'Greater than or equal to this number or text.' }),
            exists: t.boolean({ description: 'Whether there is a value, null included.' }),
            ...Object.fromEntries(
              Object.entries(OPERATORS.text).map(([operator, description]) => [
                operator,
                t.string({ description: `A text: ${description[0]!.toLowerCase()}${description.slice(1)}` }),
              ]),
            ),
            not: t.boolean({ description: 'Turns the condition into its opposite.' }),
          }),
        });
      });
    },
    rangeFilter: (scalar) =>
      once(`${scalar}Filter`, () =>
        scalarFilter<ExactFilterShape>(`${scalar}Filter`, `a value of the type \`${scalar}\``, scalar, [
          'lists',
          'range',
        ]),
      ),
    listFilter: (name, type) =>
      once(name, () => {
        const ref = builder.inputRef<object>(name);
        const implement = ref.implement as unknown as (options: unknown) => InputRef<object>;
        return implement.call(ref, {
          description: 'Conditions on a list. All that are given must hold; an item without a value equals nothing.',
          fields: (t: { field(o: { type: unknown; description: string }): unknown }) =>
            Object.fromEntries(
              Object.entries(OPERATORS.items).map(([operator, description]) => [
                operator,
                t.field({
                  type: operator.startsWith('is') ? 'Boolean' : operator === 'has' ? type : [type],
                  description,
                }),
              ]),
            ),
        });
      }),
    enumFilter: (name, what, type) => once(name, () => scalarFilter(name, what, type, ['lists'])),
  };
}

function addScalars(builder: SubgraphBuilder, exact: boolean): void {
  builder.scalarType('DateTime', {
    description:
      'A moment as ISO 8601 text with a time zone, such as `2026-01-31T09:30:00Z`, or a day, `2026-01-31`, which is its beginning in UTC; answers are in UTC with milliseconds, or microseconds where a store has some.',
    specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
    serialize: (value) => (value instanceof Date ? value.toISOString() : exact ? value : new Date(value).toISOString()),
    parseValue: exact ? parseMoment : parseDateTime,
    parseLiteral: (node) => {
      if (node.kind !== Kind.STRING) throw new GraphQLError('DateTime must be a string.', { nodes: node });
      return (exact ? parseMoment : parseDateTime)(node.value);
    },
  });
  builder.scalarType('JSON', {
    description: 'Any JSON value. As input: at most 64 KiB, 12 levels deep, 1,000 keys.',
    specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259',
    serialize: (value) => value,
    parseValue: checkJson,
    parseLiteral: (node, variables) => checkJson(jsonOfLiteral(node, variables)),
  });
}

// A time without a zone would mean the server's: that is no moment. A bare date is one by ISO 8601 as JavaScript has it, in UTC.
const ISO_MOMENT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/i;

function parseDateTime(value: unknown): Date {
  if (value instanceof Date) return value;
  if (typeof value !== 'string' || !ISO_MOMENT.test(value)) {
    const zoned = typeof value === 'string' && value.length < 40 ? `${value.trim().replace(/\s+/, 'T')}Z` : '';
    const meant = ISO_MOMENT.test(zoned) ? ` Where it is in UTC, write ${zoned}.` : '';
    throw new GraphQLError(
      `DateTime must be ISO 8601 with a time zone, such as 2026-01-31T09:30:00Z, or a day, such as 2026-01-31; got ${JSON.stringify(value)?.slice(0, 80)}.${meant}`,
    );
  }
  const date = new Date(value);
  // JavaScript takes 30 February for 2 March.
  if (Number.isNaN(date.getTime()) || Number(value.slice(8, 10)) > daysOf(value))
    throw new GraphQLError(`DateTime does not exist: ${value}.`);
  return date;
}

/** A moment with its fractions of a second as they were written, which a `Date` cuts to milliseconds. */
class Moment extends Date {
  readonly #fraction: string;

  constructor(date: Date, fraction: string) {
    super(date);
    this.#fraction = fraction;
  }

  override toISOString(): string {
    return `${super.toISOString().slice(0, 'YYYY-MM-DDThh:mm:ss'.length)}.${this.#fraction}Z`;
  }
}

/** Moments that ISO 8601 has no form for with four digits, as PostgreSQL writes them, and so the API. */
const STORED_MOMENT = /^-?infinity$|^\d{4,6}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,6})?\+00(:00)?( BC)?$/;

/** A moment that only its store knows: a text all the way. */
class StoredMoment extends Date {
  readonly #text: string;

  constructor(text: string) {
    super(Number.NaN);
    this.#text = text;
  }

  override toISOString(): string {
    return this.#text;
  }
}

function parseMoment(value: unknown): Date {
  if (typeof value === 'string' && STORED_MOMENT.test(value)) return new StoredMoment(value);
  const date = parseDateTime(value);
  const fraction = typeof value === 'string' ? /\.(\d{4,9})/.exec(value)?.[1] : undefined;
  return fraction === undefined ? date : new Moment(date, fraction);
}

/** As a number where every client holds it, else as its digits. */
function parseInt64(value: unknown): number | string {
  const text = typeof value === 'number' || value instanceof ExactNumber ? String(value) : value;
  // With or without a sign.
  const fits = (number: bigint): boolean => number >= -(2n ** 63n) && number < 2n ** 64n;
  if (typeof text !== 'string' || !/^-?\d{1,20}$/.test(text) || !fits(BigInt(text)))
    throw new GraphQLError(
      `BigInt must be a whole number of 64 bits, or a string of its digits; got ${JSON.stringify(text)?.slice(0, 80)}.`,
    );
  const number = Number(text);
  return Number.isSafeInteger(number) ? number + 0 : String(BigInt(text));
}

function parseBigInt(value: unknown): number {
  const text = typeof value === 'number' || value instanceof ExactNumber ? String(value) : value;
  if (typeof text !== 'string' || !/^-?\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text)))
    throw new GraphQLError(
      `BigInt must be a whole number from -(2^53 - 1) to 2^53 - 1, or a string of its digits; got ${JSON.stringify(text)?.slice(0, 80)}.`,
    );
  // Not the negative zero of "-0", which JSON writes otherwise.
  return Number(text) + 0;
}

const DECIMAL = /^[-+]?(\d{1,1000}(\.\d{0,1000})?|\.\d{1,1000})([eE][-+]?\d{1,4})?$|^NaN$|^-?Infinity$/;

function parseDecimal(value: unknown): string {
  const text = typeof value === 'number' || value instanceof ExactNumber ? String(value) : value;
  if (typeof text !== 'string' || !DECIMAL.test(text))
    throw new GraphQLError(`Decimal must be a text such as "12.50"; got ${JSON.stringify(text)?.slice(0, 40)}.`);
  return text;
}

/** The days of a date's month. */
const daysOf = (date: string): number =>
  new Date(Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)), 0)).getUTCDate();
