/** Values of BSON that FerretDB, on which the driver's contract runs, cannot keep. */
import { BSON, Decimal128, Double, Int32, Long, MinKey, Timestamp } from 'mongodb';
import { expect, test } from 'vitest';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { RelationColumn } from '#subgraphs/sources/driver.ts';
import { KIND_OF, storedOf, type Seen } from '#subgraphs/sources/drivers/mongodb/values.ts';
import { textOf, valueOf } from '#subgraphs/sources/drivers/scanned/values.ts';

const columnOf = (native: Seen): RelationColumn => ({
  name: 'v',
  kind: KIND_OF[native],
  native,
  list: false,
  nullable: true,
});

/** As it comes from a server, then as the API has it, and as a cursor does. */
function shown(native: Seen, value: unknown): readonly [unknown, string | null] {
  const { v } = BSON.deserialize(BSON.serialize({ v: value }), { promoteValues: false, promoteLongs: false, promoteBuffers: false, bsonRegExp: true }); // prettier-ignore
  const stored = storedOf(columnOf(native), v);
  return [valueOf(columnOf(native), stored), textOf(columnOf(native), stored)];
}

test('decimals keep all their digits, and what is no number is none', () => {
  for (const [text, told] of [
    ['1.10', '1.10'],
    ['-0.000000000000000000000000000000001', '-1E-33'],
    ['1234567890123456789012345678901234', '1234567890123456789012345678901234'],
    ['1E+40', '1E+40'],
  ] as const)
    expect(shown('decimal', Decimal128.fromString(text)), text).toEqual([told, told]);
  for (const text of ['NaN', 'Infinity', '-Infinity'])
    expect(shown('decimal', Decimal128.fromString(text)), text).toEqual([null, null]);
  expect(shown('decimal', Long.fromString('9007199254740993'))).toEqual(['9007199254740993', '9007199254740993']);
  // A double is another number than the decimal of its digits.
  expect(shown('decimal', new Double(0.1))).toEqual([null, null]);
});

test('doubles that are none, whole numbers that are no doubles, and moments beyond all years are null', () => {
  for (const value of [NaN, Infinity, -Infinity]) expect(shown('double', new Double(value))).toEqual([null, null]);
  expect(shown('double', Long.MAX_VALUE)).toEqual([null, null]);
  expect(shown('double', new Int32(3))).toEqual([3, '3']);
  expect(shown('long', Long.MIN_VALUE)).toEqual(['-9223372036854775808', '-9223372036854775808']);
  expect(shown('long', new Double(1))).toEqual([null, null]);
  expect(shown('date', new Date(8.64e15))).toEqual([null, null]);
  expect(shown('date', new Date(-1))[0]).toBe('1969-12-31T23:59:59.999Z');
});

test('in JSON, numbers keep their digits, and types of BSON alone are told', () => {
  const [value] = shown('mixed', {
    long: Long.fromString('9007199254740993'),
    decimal: Decimal128.fromString('1.10'),
    nan: NaN,
    stamp: new Timestamp({ t: 1, i: 2 }),
    least: new MinKey(),
    pattern: /^a/i,
    list: [[null]],
    ['__proto__']: 1,
  });
  expect(writeJson(value)).toBe(
    '{"long":9007199254740993,"decimal":1.10,"nan":null,"stamp":"1:2","least":"MinKey","pattern":"/^a/i","list":[[null]],"__proto__":1}',
  );
});
