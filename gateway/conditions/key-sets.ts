/** Conditions on keys, as filters say them. */
import type { FilterValue } from './asking.ts';
import type { ConditionTrace } from './steps.ts';
import { taken, type KeyColumn } from './taken-keys.ts';

/** Keys that a column must have, or must not have. */
export interface KeySet {
  readonly column: string;
  readonly keys: ReadonlySet<string>;
  readonly holds: boolean;
  /** The step that found less than there is; absent where that is all. */
  readonly cut?: ConditionTrace;
}

/** A filter that says both, no deeper than it has to be. */
export function both(one: FilterValue, other: FilterValue): FilterValue {
  const overlaps = Object.keys(other).some((name) => one[name] !== null && one[name] !== undefined);
  if (!overlaps) return { ...one, ...other };
  const before = (one['and'] as readonly unknown[] | null | undefined) ?? [];
  return { ...one, and: [...before, other] };
}

/** Adds a condition on keys to what a filter says, no deeper than it has to be. */
export function addKeys(own: Record<string, unknown>, { column, keys, holds }: KeySet, as: KeyColumn): void {
  const all = taken([...keys], as);
  const { values } = as;
  const lists: unknown[][] = [];
  for (let at = 0; at < all.length; at += values) lists.push(all.slice(at, at + values));
  const operator = holds ? 'in' : 'notIn';
  if (lists.length === 0) {
    if (!holds) return;
    lists.push([]);
  }
  const conditions = lists.map((list) => ({ [column]: { [operator]: list } }));
  if (conditions.length === 1 && own[column] == null) Object.assign(own, conditions[0]);
  else if (holds && conditions.length > 1 && own['or'] == null) own['or'] = conditions;
  else {
    const before = (own['and'] as unknown[] | null | undefined) ?? [];
    own['and'] = [...before, ...(holds && conditions.length > 1 ? [{ or: conditions }] : conditions)];
  }
}
