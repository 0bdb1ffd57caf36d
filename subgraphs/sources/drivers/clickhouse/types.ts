/** What ClickHouse's types are in the model. */
import type { ValueKind } from '../../driver.ts';

/** What a type holds. */
export interface KnownType {
  readonly kind: ValueKind;
  /** The type without what says that it may be null or how it is stored. */
  readonly native: string;
  readonly list: boolean;
  readonly nullable: boolean;
}

/** Why values of a type cannot be read. */
export interface UnreadType {
  readonly unread: string;
}

const KINDS: Readonly<Record<string, ValueKind>> = {
  Bool: 'boolean',
  Int8: 'int',
  Int16: 'int',
  Int32: 'int',
  UInt8: 'int',
  UInt16: 'int',
  UInt32: 'bigint',
  Int64: 'bigint',
  UInt64: 'bigint',
  // Of more digits than `BigInt` has.
  Int128: 'decimal',
  Int256: 'decimal',
  UInt128: 'decimal',
  UInt256: 'decimal',
  Float32: 'float',
  Float64: 'float',
  BFloat16: 'float',
  Decimal: 'decimal',
  String: 'text',
  FixedString: 'text',
  Enum8: 'enum',
  Enum16: 'enum',
  UUID: 'id',
  Date: 'date',
  Date32: 'date',
  DateTime: 'moment',
  DateTime64: 'moment',
};

/** Of values in values. */
const NESTED = new Set([
  ...['Map', 'Tuple', 'Nested', 'JSON', 'Object', 'Variant', 'Dynamic', 'Array'],
  ...['Point', 'Ring', 'LineString', 'MultiLineString', 'Polygon', 'MultiPolygon', 'Geometry'],
]);

/** Of a type that is written as `Name(…)`, what stands in the brackets, by the commas that are in no others. */
function argumentsOf(type: string): string[] {
  const parts: string[] = [];
  let [depth, from, quoted] = [0, type.indexOf('(') + 1, false];
  for (let at = from; at < type.length; at++) {
    const character = type[at];
    if (quoted) {
      if (character === '\\') at++;
      else if (character === "'") quoted = false;
    } else if (character === "'") quoted = true;
    else if (character === '(') depth++;
    else if (character === ')' && depth > 0) depth--;
    else if ((character === ',' || character === ')') && depth === 0) {
      parts.push(type.slice(from, at).trim());
      from = at + 1;
    }
  }
  return parts;
}

const nameOf = (type: string): string => /^\w*/.exec(type)![0];

/** @param type as `system.columns` has it */
export function typeOf(type: string): KnownType | UnreadType {
  let [native, nullable] = [type.trim(), false];
  for (;;) {
    const name = nameOf(native);
    if (name === 'Nullable') nullable = true;
    else if (name !== 'LowCardinality' && name !== 'SimpleAggregateFunction') break;
    native = argumentsOf(native).at(-1) ?? '';
  }
  const name = nameOf(native);
  if (name === 'AggregateFunction') return { unread: 'it holds states of an aggregate, which are no values yet' };
  if (name === 'Nothing' || name === '') return { unread: 'it has no values' };
  if (name === 'Array') {
    const item = typeOf(argumentsOf(native)[0] ?? '');
    if ('unread' in item) return item;
    if (!item.list && item.kind !== 'json') return { kind: item.kind, native: item.native, list: true, nullable };
  }
  return { kind: NESTED.has(name) ? 'json' : (KINDS[name] ?? 'other'), native, list: false, nullable };
}

/** Names of `Enum8('new' = 1, 'in progress' = 2)`, in the order of their numbers, by which they sort. */
export function enumValues(native: string): string[] {
  return argumentsOf(native)
    .flatMap((part) => {
      const [, name, number] = /^'(.*)' = (-?\d+)$/s.exec(part) ?? [];
      return name === undefined ? [] : [{ name: unescaped(name), number: Number(number) }];
    })
    .sort((a, b) => a.number - b.number)
    .map(({ name }) => name);
}

const ESCAPED: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', 0: '\0' };
const unescaped = (text: string): string =>
  text.replaceAll("''", "'").replace(/\\(.)/gs, (_, character: string) => ESCAPED[character] ?? character);

/** The most of a `Decimal`. */
export const DIGITS = 76;

/** Digits in all and behind the point; of whole numbers of any length, those of the longest. */
export function digitsOf(native: string): { readonly digits: number; readonly scale: number } {
  if (nameOf(native) !== 'Decimal') return { digits: DIGITS, scale: 0 };
  // Without digits it is shown with those that it has.
  const [digits, scale] = argumentsOf(native).map(Number);
  return { digits: digits!, scale: scale! };
}

/** How many digits behind the second a moment has. */
export const fractionOf = (native: string): number =>
  nameOf(native) === 'DateTime64' ? Number(argumentsOf(native)[0]) : 0;

/** Whether texts have zero bytes behind them up to the type's length. */
export const isPadded = (native: string): boolean => nameOf(native) === 'FixedString';

/** Whether it is a whole number that no digits are behind. */
export const isWhole = (native: string): boolean => /^U?Int\d+$/.test(native);
