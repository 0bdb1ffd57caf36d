/** Rows in an order, where they are sorted here: what has no value counts as the largest. */
import { compareCodePoints } from '#subgraphs/shared/code-points.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { compareNumbers, type ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { OrderLevel, Relation } from '../../driver.ts';
import { comparableOf } from './values.ts';

/** A row as it is kept, by column. */
export type StoredRow = Readonly<Record<string, JsonValue | undefined>>;

export interface Row {
  readonly stored: StoredRow;
  /** By field; made when it is first asked for. */
  readonly of: (field: string) => JsonValue | undefined;
}

export function rowIn({ columns }: Relation, stored: StoredRow): Row {
  const made = new Map<string, JsonValue | undefined>();
  return {
    stored,
    of: (field) => {
      if (!made.has(field)) made.set(field, comparableOf(columns[field]!, stored[columns[field]!.name]));
      return made.get(field);
    },
  };
}

function compareValues(a: JsonValue | undefined, b: JsonValue | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  if (typeof a === 'string' && typeof b === 'string') return compareCodePoints(a, b);
  if (typeof a === 'boolean' || typeof b === 'boolean') return Number(a) - Number(b);
  return compareNumbers(a as number | ExactNumber, b as number | ExactNumber);
}

export const comparing =
  (order: readonly OrderLevel[]) =>
  (a: Row, b: Row): number => {
    for (const { field, direction } of order) {
      const way = compareValues(a.of(field), b.of(field));
      if (way !== 0) return direction === 'ASC' ? way : -way;
    }
    return 0;
  };

export function isBehind(relation: Relation, order: readonly OrderLevel[], after: readonly (string | null)[]) {
  const bounds = order.map(({ field }, index) => {
    const text = after[index] ?? null;
    const value = comparableOf(relation.columns[field]!, text);
    if (text !== null && value === undefined) throw badUserInput('A value is none that its column can hold.');
    return value;
  });
  return (row: Row): boolean => {
    for (const [index, { field, direction }] of order.entries()) {
      const way = compareValues(row.of(field), bounds[index]);
      if (way !== 0) return direction === 'ASC' ? way > 0 : way < 0;
    }
    return false;
  };
}
