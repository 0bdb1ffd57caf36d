/** Values of stores that have no types of their own: as they compare, as the API has them, and as texts. */
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { RelationColumn } from '../../driver.ts';
import { isDay, momentOf } from '../moments.mjs';

type Column = Pick<RelationColumn, 'kind' | 'list' | 'values'>;

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/;
const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n];

/**
 * What is compared: numbers by value, texts by code point, moments as texts of one length.
 * @returns undefined where there is no value, or none of the column's kind
 */
export function comparableOf(column: Column, raw: unknown): JsonValue | undefined {
  if (raw === null || raw === undefined) return undefined;
  const { kind } = column;
  if (column.list) {
    if (!Array.isArray(raw)) return undefined;
    return raw.map((item: unknown) => comparableOf({ ...column, list: false }, item) ?? null);
  }
  if (kind === 'json') return raw as JsonValue;
  if (typeof raw === 'object' && !(raw instanceof ExactNumber)) return undefined;
  const text = String(raw);
  switch (kind) {
    case 'int':
    case 'bigint': {
      const whole = wholeOf(text);
      return whole === undefined ? undefined : new ExactNumber(whole);
    }
    case 'float': {
      const number = typeof raw === 'boolean' || text.trim() === '' ? NaN : Number(text);
      return Number.isFinite(number) ? number : undefined;
    }
    case 'decimal':
      return typeof raw !== 'boolean' && NUMBER.test(text) ? new ExactNumber(text) : undefined;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'enum': {
      const place = column.values?.indexOf(text) ?? -1;
      return place < 0 ? undefined : place;
    }
    case 'moment':
    case 'localMoment':
      return momentOf(text, kind === 'moment');
    case 'date':
      return isDay(text) ? text : undefined;
    case 'id':
      return text.toLowerCase();
    default:
      return typeof raw === 'string' ? raw : undefined;
  }
}

/** Undefined past 64 bits, and for what is no whole number. */
function wholeOf(text: string): string | undefined {
  if (!/^-?\d{1,19}$/.test(text)) return undefined;
  const number = BigInt(text);
  return number >= LEAST && number <= MOST ? String(number) : undefined;
}

/** As the API has it; see `ValueKind`. Null where there is no value, or none of the column's kind. */
export function valueOf(column: Column, raw: unknown): unknown {
  if (raw === null || raw === undefined) return null;
  if (column.list) return Array.isArray(raw) ? raw.map((item) => valueOf({ ...column, list: false }, item)) : null;
  const comparable = comparableOf(column, raw);
  if (comparable === undefined) return null;
  switch (column.kind) {
    case 'json':
      return raw;
    case 'int':
      return Number(comparable);
    case 'bigint':
      return String(comparable);
    case 'decimal':
    case 'enum':
      return String(raw);
    case 'id':
      return String(raw);
    case 'moment':
    case 'localMoment': {
      const text = String(comparable);
      if (column.kind === 'localMoment') return text.replace(/\.?0+$/, '');
      return `${/000000$/.test(text) ? text.slice(0, -6) : text.slice(0, -3)}Z`;
    }
    default:
      return comparable;
  }
}

/** What {@link comparableOf} takes for the same value again. */
export function textOf(column: Column, raw: unknown): string | null {
  const value = valueOf(column, raw);
  return value === null || typeof value === 'object' ? null : String(value);
}
