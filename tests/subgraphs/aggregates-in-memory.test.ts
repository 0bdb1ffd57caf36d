/** Aggregates that are worked out here, at their edges; what they mean is held against an oracle by the contract suites. */
import { expect, test } from 'vitest';
import type { AggregateRequest, Grouping, Measure } from '#subgraphs/shared/aggregates/aggregate.ts';
import { bucketOf } from '#subgraphs/shared/aggregates/buckets.mjs';
import { ExactSum, multipleBelow } from '#subgraphs/shared/aggregates/exact-sum.mjs';
import { AggregateInMemory } from '#subgraphs/shared/aggregates/in-memory.ts';
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';

const sumOf = (...texts: string[]): ExactSum => {
  const sum = new ExactSum();
  for (const text of texts) sum.add(text);
  return sum;
};
/** Groups rows of one column `x`, each of them `count` times. */
function aggregated(
  rows: readonly (readonly [value: JsonValue | undefined, count: number])[],
  asked: { groups?: Grouping[]; measures?: Measure[] } & Partial<AggregateRequest>,
) {
  const request = { groups: [], measures: [], having: undefined, order: [], limit: 100, counted: true, ...asked };
  const made = new AggregateInMemory(
    request,
    { kindOf: () => 'decimal', comparableOf: (_, value) => value, valueOf: (_, text) => text },
    { left: 1_000 },
  );
  for (const [value, count] of rows) made.add({ comparable: () => value, value: () => value ?? null }, count);
  return made.result();
}

test('sums and averages have all digits, of numbers far apart and of either sign', () => {
  expect(sumOf('12.50', '-0.25', '1e3').sum()).toBe('1012.25');
  expect(sumOf('9007199254740993', '1e-30', '-9007199254740993').sum()).toBe('0.000000000000000000000000000001');
  expect(sumOf('1e4999', '-1e4999', '+.5', '3.').sum()).toBe('3.5');
  expect(sumOf().sum()).toBeNull();
  expect(sumOf('1', '1', '0').average()).toBe('0.6666666666666667');
  expect(sumOf('-1', '-1', '0').average()).toBe('-0.6666666666666667');
  expect(sumOf('2', '4').average()).toBe('3');
  expect(sumOf('0', '0').average()).toBe('0');
  expect(multipleBelow('-0.1', '0.25')).toBe('-0.25');
  expect(multipleBelow('123456789012345678901234567890.7', '13')).toBe('123456789012345678901234567890');
});

test('buckets begin by the clocks of a zone, also before 1970 and in the first years', () => {
  const at = (text: string) => `${text}.000000000`;
  expect(bucketOf(at('1969-12-31T23:59:59'), 'MINUTE', 'UTC')).toBe(at('1969-12-31T23:59:00'));
  expect(bucketOf(at('2026-10-25T00:30:00'), 'DAY', 'Europe/Berlin')).toBe(at('2026-10-24T22:00:00'));
  expect(bucketOf(at('2026-10-25T23:30:00'), 'DAY', 'Europe/Berlin')).toBe(at('2026-10-25T23:00:00'));
  expect(bucketOf(at('0001-06-15T12:00:00'), 'YEAR', undefined)).toBe(at('0001-01-01T00:00:00'));
  expect(bucketOf('2026-11-29', 'WEEK', undefined)).toBe('2026-11-23');
  // The week began in a year that no text of this form names.
  expect(bucketOf('0000-01-01', 'WEEK', undefined)).toBe('0000-01-01');
  expect(bucketOf(at('9999-12-31T23:59:59'), 'YEAR', 'Pacific/Auckland')).toBe(at('9999-12-31T11:00:00'));
});

test('rows that come counted count as often', () => {
  const number = (text: string) => new ExactNumber(text);
  const measures: Measure[] = [
    { kind: 'count' },
    { kind: 'sum', column: 'x' },
    { kind: 'avg', column: 'x' },
    { kind: 'distinct', column: 'x' },
    { kind: 'percentile', column: 'x', p: 0.5 },
    { kind: 'percentile', column: 'x', p: 0 },
  ];
  const rows = [
    [number('1.10'), 1],
    [number('10'), 3],
    [number('1.1'), 1],
    [undefined, 7],
  ] as const;
  expect(aggregated(rows, { measures })).toEqual({
    total: 1,
    groups: [
      {
        keys: [],
        measures: {
          count: '12',
          'sum.x': '32.20',
          'avg.x': '6.44',
          'distinct.x': '2',
          'percentile(0.5).x': number('10'),
          'percentile(0).x': number('1.10'),
        },
      },
    ],
  });
});

test('JSON is grouped by what is at a path, whatever that is: equal objects are one group, and a null is none', () => {
  const at = (n: JsonValue): JsonValue => ({ a: { n } });
  const rows = [at(1), at(new ExactNumber('1.0')), at('1'), at({ x: 1, y: 2 }), at({ y: 2, x: 1 }), at(null), [], undefined]; // prettier-ignore
  const { groups, total } = aggregated(
    rows.map((row) => [row, 1] as const),
    {
      groups: [{ kind: 'path', column: 'x', path: ['a', 'n'] }],
      measures: [{ kind: 'count' }],
      order: [{ by: { group: 0 }, direction: 'ASC' }],
    },
  );
  expect(total).toBe(4);
  expect(groups.map(({ keys, measures }) => [keys[0], measures['count']])).toEqual([
    ['1', '1'],
    [1, '2'],
    [{ x: 1, y: 2 }, '2'],
    [null, '3'],
  ]);
});

test('a number of more digits than fit is told, and not written out', () => {
  const rows = [[new ExactNumber('1e100000000'), 1]] as const;
  for (const asked of [
    { measures: [{ kind: 'sum', column: 'x' } as const] },
    { groups: [{ kind: 'width', column: 'x', width: '1' } as const] },
  ])
    expect(() => aggregated(rows, asked)).toThrow(expect.objectContaining({ code: 'QUERY_TOO_COSTLY' }) as Error);
});
