/** Conditions on values that are at hand, for what a store cannot be asked. The same as `conditionSql` means in PostgreSQL. */
import { compareCodePoints } from '../code-points.ts';
import { byValue, compareNumbers, ExactNumber, writeJson } from '../exact-number.ts';
import { isJsonObject, type JsonValue } from '../json.ts';
import { matcherOf, type Steps } from './automaton.ts';
import type { Comparison, Condition, JsonTest, ListTest } from './condition.ts';

/** The value of a column; undefined where there is none. */
export type ValueOf = (column: string) => JsonValue | undefined;

/**
 * What tells whether a condition holds.
 * @param steps how many its patterns may take, all texts together; what it gives throws `QUERY_TOO_COSTLY` past them
 */
export function checkOf(condition: Condition, steps: Steps): (valueOf: ValueOf) => boolean {
  switch (condition.kind) {
    case 'and':
    case 'or': {
      const parts = condition.of.map((part) => checkOf(part, steps));
      return condition.kind === 'and'
        ? (valueOf) => parts.every((holds) => holds(valueOf))
        : (valueOf) => parts.some((holds) => holds(valueOf));
    }
    case 'not': {
      const holds = checkOf(condition.of, steps);
      return (valueOf) => !holds(valueOf);
    }
    case 'linked':
      throw new Error('Rows that are linked are not at hand here.');
    case 'null':
      return (valueOf) => valueOf(condition.column) == null;
    case 'list': {
      const { column, test } = condition;
      const holds = listTestOf(test);
      return (valueOf) => {
        const value = valueOf(column);
        return Array.isArray(value) && holds(value);
      };
    }
    case 'json': {
      const { column, path, test } = condition;
      if (test.kind === 'exists') return (valueOf) => valueAt(valueOf(column), path) !== undefined;
      const holds = testOf(test, steps);
      return (valueOf) => {
        const value = valueAt(valueOf(column), path);
        if (value === undefined) return false;
        return Array.isArray(value) ? value.some(holds) || (test.kind === 'in' && holds(value)) : holds(value);
      };
    }
    default: {
      const holds = testOf(condition, steps);
      return (valueOf) => {
        const value = valueOf(condition.column);
        return value != null && holds(value);
      };
    }
  }
}

type Test =
  | Exclude<JsonTest, { kind: 'exists' }>
  | { kind: 'compare'; operator: Comparison; value: JsonValue }
  | { kind: 'in'; values: readonly JsonValue[] };

function listTestOf(test: ListTest): (items: readonly JsonValue[]) => boolean {
  if (test.kind === 'empty') return (items) => items.length === 0;
  const wanted = new Set(test.values.map(jsonForm));
  const isWanted = (item: JsonValue): boolean => item !== null && wanted.has(jsonForm(item));
  if (test.kind === 'any') return (items) => items.some(isWanted);
  if (test.kind === 'only') return (items) => items.every(isWanted);
  return (items) => {
    const there = new Set(items.filter((item) => item !== null).map(jsonForm));
    return [...wanted].every((form) => there.has(form));
  };
}

/** Of one value, or of one element of a list. */
function testOf(test: Test, steps: Steps): (value: JsonValue) => boolean {
  switch (test.kind) {
    case 'in': {
      const wanted = new Set(test.values.map(jsonForm));
      return (value) => wanted.has(jsonForm(value));
    }
    case 'compare': {
      const { operator, value: other } = test;
      if (operator === '=') return (value) => jsonForm(value) === jsonForm(other);
      return (value) => {
        const order = orderOf(value, other);
        return order !== undefined && isOrder(order, operator);
      };
    }
    case 'matches': {
      const matches = matcherOf(test.pattern);
      return (value) => typeof value === 'string' && matches(value, steps);
    }
    case 'contains': {
      const part = test.text.toLowerCase();
      return (value) => typeof value === 'string' && value.toLowerCase().includes(part);
    }
    case 'startsWith':
      return (value) => typeof value === 'string' && value.startsWith(test.text);
    case 'endsWith':
      return (value) => typeof value === 'string' && value.endsWith(test.text);
  }
}

const isOrder = (order: number, operator: Exclude<Comparison, '='>): boolean =>
  operator === '<' ? order < 0 : operator === '<=' ? order <= 0 : operator === '>' ? order > 0 : order >= 0;

/** Undefined for what does not compare. */
function orderOf(a: JsonValue, b: JsonValue): number | undefined {
  if (typeof a === 'string' && typeof b === 'string') return compareCodePoints(a, b);
  return isNumber(a) && isNumber(b) ? compareNumbers(a, b) : undefined;
}

const isNumber = (value: JsonValue): value is number | ExactNumber =>
  typeof value === 'number' || value instanceof ExactNumber;

/** One text for all JSON that is equal: numbers by their value, objects whatever the order of their keys. */
export const jsonForm = (value: JsonValue): string => writeJson(inOrder(value));

function inOrder(value: JsonValue): unknown {
  if (isNumber(value)) return byValue(value);
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isJsonObject(value)) return value;
  // As pairs, which have the order that they are given, whatever the keys.
  const keys = Object.keys(value).sort();
  return { object: keys.map((key) => [key, inOrder(value[key]!)]) };
}

/** As `#>` of PostgreSQL: elements of lists by number, from the end where it is negative. */
export function valueAt(value: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  let at = value;
  for (const key of path) {
    if (Array.isArray(at)) at = isIndex(key) ? at.at(Number(key)) : undefined;
    else if (at !== undefined && isJsonObject(at)) at = Object.hasOwn(at, key) ? at[key] : undefined;
    else return undefined;
  }
  return at;
}

/** Whether a key of a path may be the place of an element in a list. */
export const isIndex = (key: string): boolean => /^[ \t-\r]*[+-]?\d+$/.test(key);
