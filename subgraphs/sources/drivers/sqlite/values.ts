/** How values go into SQLite and come out of it, where any column may hold anything. */
import { badUserInput, unreadableValue, type CodedError } from '#subgraphs/shared/errors.ts';
import { parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import type { RelationColumn, ValueKind } from '../../driver.ts';
import { comparableOf, valueOf as scannedValueOf } from '../scanned/values.ts';
import { decimalOf, ENCODED, formOf, momentText, type FormedKind } from './forms.mjs';
import { unfit } from '../unfit.ts';

const FORMED: ReadonlySet<ValueKind> = new Set<FormedKind>(['decimal', 'moment', 'localMoment', 'date', 'localTime']);

/** Whether its values have several forms, and are compared by one. */
export const isFormed = (kind: ValueKind): kind is FormedKind => FORMED.has(kind);

const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n];

/** What a value of the API, or a text of a column's, is compared as. @throws CodedError `BAD_USER_INPUT` for what is none */
export function operandOf(value: unknown, { kind }: Pick<RelationColumn, 'kind'>): bigint | number | string {
  const text = String(value);
  if (isFormed(kind)) {
    const form = formOf(kind, value);
    if (form === null) throw unfit(text);
    return form;
  }
  switch (kind) {
    case 'boolean':
      return value === true || text === '1' ? 1n : 0n;
    case 'int':
    case 'bigint': {
      if (!/^-?\d{1,19}$/.test(text)) throw unfit(text);
      const number = BigInt(text);
      if (number < LEAST || number > MOST) throw unfit(text);
      return number;
    }
    case 'float': {
      const number = Number(text);
      if (text.trim() === '' || Number.isNaN(number)) throw unfit(text);
      return number;
    }
    default:
      return text;
  }
}

/** Digits of a number that a column of numbers keeps, where they are no whole number of 64 bits. */
const DOUBLE_DIGITS = 15;

/**
 * What is kept of a value of the API's. What the column would make another of, by the affinity of its declared type, is refused.
 * @throws CodedError `BAD_USER_INPUT`
 */
export function writtenOf(value: unknown, column: RelationColumn): bigint | number | string | Uint8Array | null {
  if (value === null) return null;
  const { kind, native } = column;
  const given = value instanceof Date ? value.toISOString() : value;
  switch (kind) {
    case 'bytes':
      return Buffer.from(String(given as string), 'base64');
    case 'boolean':
      return given === true ? 1n : 0n;
    case 'int':
    case 'bigint':
    case 'float':
      return operandOf(given, column);
    default:
  }
  const text = kind === 'json' ? writeJson(given) : String(given as string);
  // Whether it is one: what is kept is as it was written.
  if (isFormed(kind)) operandOf(text, column);
  if (!isOfNumbers(native)) return text;
  if (/moment/i.test(kind) && /int|real|floa|doub/i.test(native))
    throw badUserInput(`Moments are not written to ${column.name}, a column of numbers.`, {
      hint: 'Whether they are seconds or milliseconds nobody says. Keep them in a column of texts, or change it by a program of yours.',
    });
  if (kind !== 'decimal') {
    if (formOf('decimal', text) !== null) throw unfit(text);
    return text;
  }
  const written = decimalOf(text) ?? '';
  const digits = written.replace(/^-?0*\.?0*/, '').replace('.', '');
  if (digits.length > DOUBLE_DIGITS)
    throw badUserInput(`${column.name} keeps ${DOUBLE_DIGITS} digits of a number, and this has more.`, {
      hint: 'A column of texts keeps all digits.',
    });
  return text;
}

/** Whether a column makes numbers of texts that look like some: by its declared type, as SQLite tells it. */
function isOfNumbers(native: string): boolean {
  if (/int/i.test(native)) return true;
  return native !== '' && !/char|clob|text|blob|^any/i.test(native);
}

/** What became of a value on its way; an error where it is none of its type. */
export function valueOf(value: unknown, column: RelationColumn): unknown {
  if (value === null) return null;
  const raw =
    typeof value === 'string' && value.startsWith(ENCODED)
      ? Buffer.from(value.slice(ENCODED.length), 'base64').toString()
      : value;
  const { kind, name } = column;
  const none = (cause?: unknown): CodedError =>
    unreadableValue(`The column ${name} holds what is no ${kind}.`, {
      cause,
      hint: 'Mend the row, or say another `type` of the column in the file of SOURCES.',
    });
  switch (kind) {
    case 'boolean':
      return typeof raw === 'bigint' ? raw !== 0n : none();
    case 'int':
    case 'bigint':
      if (typeof raw !== 'bigint') return none();
      if (kind === 'bigint') return String(raw);
      return BigInt.asIntN(32, raw) === raw ? Number(raw) : none();
    case 'float':
      return typeof raw === 'number' || typeof raw === 'bigint' ? Number(raw) : none();
    case 'decimal':
      return decimalOf(raw) ?? none();
    case 'bytes':
      return base64(raw);
    case 'other':
      return raw instanceof Uint8Array ? base64(raw) : String(raw);
    case 'json':
      try {
        return typeof raw === 'string' ? parseExactJson(raw) : none();
      } catch (cause) {
        return none(cause);
      }
    default: {
      const text = isFormed(kind) ? (momentText(raw) ?? raw) : raw;
      if (typeof text !== 'string') return none();
      if (kind === 'localTime') return formOf(kind, text) === null ? none() : text;
      if (kind === 'date') return formOf(kind, text) ?? none();
      if (comparableOf(column, text) === undefined) return none();
      return scannedValueOf(column, text);
    }
  }
}

const base64 = (raw: unknown): string =>
  (raw instanceof Uint8Array ? Buffer.from(raw) : Buffer.from(String(raw))).toString('base64');
