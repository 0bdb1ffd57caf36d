/** Values of BSON as texts, numbers and JSON, exact; and what columns of them are. */
import {
  Binary,
  BSONRegExp,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  ObjectId,
  Timestamp,
  UUID,
  type Document,
} from 'mongodb';
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { RelationColumn, ValueKind } from '../../driver.ts';

/** What a column was seen to hold; the `native` of columns. */
export type Seen =
  'objectId' | 'uuid' | 'string' | 'long' | 'double' | 'decimal' | 'bool' | 'date' | 'binData' | 'object' | 'mixed';

/** The kind of a column by what it was seen to hold. */
export const KIND_OF: Readonly<Record<Seen, ValueKind>> = {
  objectId: 'id',
  uuid: 'id',
  string: 'text',
  long: 'bigint',
  double: 'float',
  decimal: 'decimal',
  bool: 'boolean',
  date: 'moment',
  binData: 'bytes',
  object: 'json',
  mixed: 'json',
};

/** Whole numbers that doubles hold, all of them. */
const SAFE = Long.fromNumber(Number.MAX_SAFE_INTEGER);
/** Days that the API's moments can say. */
export const [FIRST_MOMENT, LAST_MOMENT] = [new Date('0000-01-01T00:00:00.000Z'), new Date('9999-12-31T23:59:59.999Z')];

const isUuid = (value: unknown): value is Binary =>
  value instanceof Binary && value.sub_type === Binary.SUBTYPE_UUID && value.length() === 16;

/** The library has timestamps as a kind of them. */
const isLong = (value: unknown): value is Long => value instanceof Long && !(value instanceof Timestamp);

export function seenOf(value: unknown): Seen {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (value instanceof Int32 || isLong(value)) return 'long';
  if (value instanceof Double) return 'double';
  if (value instanceof Decimal128) return 'decimal';
  if (value instanceof ObjectId) return 'objectId';
  if (value instanceof Date) return 'date';
  if (isUuid(value)) return 'uuid';
  if (value instanceof Binary) return 'binData';
  return 'object';
}

/** @returns undefined where there is none, and where it is none of what its column holds */
export function storedOf({ kind, native, list }: RelationColumn, value: unknown): JsonValue | undefined {
  if (value === null || value === undefined) return undefined;
  if (kind === 'json' || list) return jsonOf(value);
  if (typeof value === 'object' && (Array.isArray(value) || seenOf(value) === 'object')) return undefined;
  // What the file says otherwise is compared by its text.
  if (KIND_OF[native as Seen] !== kind) return jsonOf(value);
  return isOf(native as Seen, value) ? jsonOf(value) : undefined;
}

/** Exactly what {@link testOf} has the store check. */
function isOf(native: Seen, value: unknown): boolean {
  const seen = seenOf(value);
  switch (native) {
    case 'double':
      if (value instanceof Double) return Number.isFinite(value.value);
      return value instanceof Int32 || (isLong(value) && value.lte(SAFE) && value.gte(SAFE.neg()));
    case 'decimal':
      return seen === 'long' || (value instanceof Decimal128 && /\d/.test(value.toString()));
    case 'date':
      return value instanceof Date && value >= FIRST_MOMENT && value <= LAST_MOMENT;
    default:
      return seen === native;
  }
}

/**
 * What MongoDB checks of the values that are shown of a column: all others are as if there were none.
 * @param more what else it is to check of them
 * @returns undefined for what it cannot tell apart
 */
export function testOf(field: string, native: Seen, more: Document = {}): Document | undefined {
  const finite = { $gt: -Infinity, $lt: Infinity };
  const of = (is: Document, ...nots: Document[]): Document => ({
    $and: [
      { [field]: is },
      // Of a list, what its items are would count.
      ...[{ $type: 'array' }, ...nots].map((not) => ({ [field]: { $not: not } })),
      ...(Object.keys(more).length === 0 ? [] : [{ [field]: more }]),
    ],
  });
  switch (native) {
    case 'objectId':
    case 'string':
    case 'bool':
      return of({ $type: native });
    case 'long':
      return of({ $type: ['int', 'long'] });
    case 'double':
      return of(
        { $type: ['int', 'long', 'double'], ...finite },
        { $type: 'long', $gt: SAFE },
        { $type: 'long', $lt: SAFE.neg() },
      );
    case 'decimal':
      return of({ $type: ['int', 'long', 'decimal'], ...finite });
    case 'date':
      return of({ $type: 'date', $gte: FIRST_MOMENT, $lte: LAST_MOMENT });
    case 'uuid':
      // Sorted by their length and what they are before their bytes, so that nothing else is between these.
      return of({ $type: 'binData', $gte: new UUID('0'.repeat(32)), $lte: new UUID('f'.repeat(32)) });
    default:
      return undefined;
  }
}

/** As JSON, numbers with all their digits. */
function jsonOf(value: unknown): JsonValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map(jsonOf);
  if (value instanceof Int32) return value.value;
  if (value instanceof Double) return Number.isFinite(value.value) ? value.value : null;
  if (isLong(value)) return new ExactNumber(value.toString());
  if (value instanceof Decimal128) return /\d/.test(value.toString()) ? new ExactNumber(value.toString()) : null;
  if (value instanceof ObjectId) return value.toHexString();
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (isUuid(value)) return value.toUUID().toString();
  if (value instanceof Binary) return value.toString('base64');
  if (value instanceof Timestamp) return `${value.t}:${value.i}`;
  if (value instanceof BSONRegExp) return `/${value.pattern}/${value.options}`;
  if (value instanceof Code) return value.code;
  if (value instanceof Map || typeof value !== 'object') return String(value);
  const { _bsontype: bson } = value as { _bsontype?: string };
  if (bson !== undefined && bson !== 'DBRef') return bson;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, jsonOf(field)]));
}
