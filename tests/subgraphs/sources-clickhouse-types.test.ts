import { describe, expect, test } from 'vitest';
import { createClickhouseSource } from '#subgraphs/sources/drivers/clickhouse/index.ts';
import { enumValues, typeOf } from '#subgraphs/sources/drivers/clickhouse/types.ts';
import { keyText, operandOf } from '#subgraphs/sources/drivers/clickhouse/values.ts';
import { shopOptions } from '#tests/setup/source-options.ts';

describe('types of ClickHouse', () => {
  test.each([
    ['LowCardinality(Nullable(String))', { kind: 'text', native: 'String', list: false, nullable: true }],
    [
      "Nullable(DateTime64(3, 'Europe/Berlin'))",
      { kind: 'moment', native: "DateTime64(3, 'Europe/Berlin')", nullable: true },
    ],
    [
      'SimpleAggregateFunction(anyLast, Nullable(Decimal(10, 2)))',
      { kind: 'decimal', native: 'Decimal(10, 2)', nullable: true },
    ],
    ['SimpleAggregateFunction(groupArrayArray(3), Array(UInt8))', { kind: 'int', native: 'UInt8', list: true }],
    ['Array(LowCardinality(Nullable(FixedString(2))))', { kind: 'text', native: 'FixedString(2)', list: true }],
    ["Array(Enum8('a,)' = 1, 'b\\\\' = 2))", { kind: 'enum', native: "Enum8('a,)' = 1, 'b\\\\' = 2)", list: true }],
    ['Array(Array(UInt8))', { kind: 'json', list: false }],
    ['Array(Tuple(a UInt8, b String))', { kind: 'json', list: false }],
    ['Map(LowCardinality(String), Array(UInt64))', { kind: 'json', list: false }],
    ['AggregateFunction(uniq, UInt64)', { unread: expect.stringContaining('states') }],
    ['Array(AggregateFunction(uniq, UInt64))', { unread: expect.stringContaining('states') }],
    ['IntervalDay', { kind: 'other', native: 'IntervalDay' }],
    ['', { unread: expect.any(String) }],
    ['Nullable(', { unread: expect.any(String) }],
  ])('%s', (type, known) => {
    expect(typeOf(type)).toMatchObject(known);
  });

  test('names of enums, by their numbers', () => {
    const native = "Enum16('it\\'s' = 300, 'a = 1' = -2, '' = 0, 'tab\\tand\\\\' = 5)";
    expect(enumValues(native)).toEqual(['a = 1', '', 'tab\tand\\', "it's"]);
  });

  test('are read in time that grows with their length', () => {
    for (const mark of ["'", '(', ')', ',', '\\', "''", "' = ", '\\' + "'"]) {
      const text = `Enum8(${mark.repeat(65_536 / mark.length)}`;
      expect(Array.isArray(enumValues(text))).toBe(true);
      expect(typeOf(text)).toBeDefined();
      for (const kind of ['decimal', 'moment', 'date', 'id', 'float', 'bigint'] as const)
        expect(() => operandOf(mark.repeat(65_536), { kind, native: 'Decimal(10, 2)' })).toThrow();
    }
  });
});

test('keys of other stores are what a column would show of them, or nothing', () => {
  const column = (kind: 'bigint' | 'decimal' | 'id', native: string) =>
    ({ name: 'k', kind, native, list: false, nullable: false }) as const;
  expect(keyText('007', column('bigint', 'Int64'))).toBe('7');
  expect(keyText('5.00', column('decimal', 'Decimal(10, 2)'))).toBe('5');
  expect(keyText('-0', column('decimal', 'Decimal(10, 2)'))).toBe('0');
  expect(keyText('x', column('bigint', 'Int64'))).toBe('');
  expect(keyText('61F0C4045CB311E7907BA6006AD3DBA0', column('id', 'UUID'))).toBe(
    '61f0c404-5cb3-11e7-907b-a6006ad3dba0',
  );
});

test('an address that is none, a certificate that is not there and a host that does not answer are told as such', async () => {
  const told = async (url: string): Promise<string> => {
    const driver = createClickhouseSource(shopOptions(url));
    try {
      return JSON.stringify(await driver.health());
    } finally {
      await driver.close();
    }
  };
  expect(await told('no address')).toContain('The URL of the source shop cannot be read.');
  expect(await told('clickhouses://127.0.0.1:1/x?sslrootcert=/nowhere.pem')).toContain(
    'certificate of the source shop',
  );
  expect(await told('clickhouse://user:secret@127.0.0.1:1/x')).toMatch(
    /^(?!.*secret).*runs at the host and port of SHOP_URL/,
  );
});
