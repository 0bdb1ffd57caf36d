/**
 * Comparisons with numbers that a column's type cannot hold, which PostgreSQL refuses: as mathematics has them, such a number is larger or
 * smaller than all that the column has, and equal to none of it. Operands stay of the column's own type, so that indexes serve.
 */
import type { Operand } from '#subgraphs/shared/filters/condition.ts';
import type { LeafCondition } from '#subgraphs/shared/sql/conditions.ts';
import type { RelationColumn } from '../../driver.ts';

const ofBits = (bits: bigint): readonly [bigint, bigint] => [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];

const WHOLE: Readonly<Record<string, readonly [least: bigint, most: bigint]>> = {
  'pg_catalog."int2"': ofBits(16n),
  'pg_catalog."int4"': ofBits(32n),
  'pg_catalog."int8"': ofBits(64n),
  'pg_catalog."oid"': [0n, 2n ** 32n - 1n],
};

/** Whether a number is smaller (-1) or larger (1) than all that the column can hold; 0 where it can hold it. */
function beyond({ native }: RelationColumn, value: Operand): -1 | 0 | 1 {
  const range = WHOLE[native];
  if (range !== undefined) {
    const text = String(value);
    if (!/^-?\d+$/.test(text)) return 0;
    const number = BigInt(text);
    return number < range[0] ? -1 : number > range[1] ? 1 : 0;
  }
  if (native !== 'pg_catalog."float4"' || typeof value !== 'number' || !Number.isFinite(value)) return 0;
  const real = Math.fround(value);
  return Number.isFinite(real) ? 0 : real > 0 ? 1 : -1;
}

/** @returns the condition with what the column can hold; `all` where every value fulfils it, `none` where none does */
export function withinRange(column: RelationColumn, condition: LeafCondition): LeafCondition | 'all' | 'none' {
  const fits = (value: Operand): boolean => beyond(column, value) === 0;
  switch (condition.kind) {
    case 'compare': {
      const where = beyond(column, condition.value);
      if (where === 0) return condition;
      return condition.operator !== '=' && condition.operator.startsWith('<') === where > 0 ? 'all' : 'none';
    }
    case 'in':
      return { ...condition, values: condition.values.filter(fits) };
    case 'list': {
      const { test } = condition;
      if (test.kind === 'empty' || test.values.every(fits)) return condition;
      return test.kind === 'all' ? 'none' : { ...condition, test: { ...test, values: test.values.filter(fits) } };
    }
    default:
      return condition;
  }
}
