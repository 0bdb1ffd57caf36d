/** How values go into SQLite and come out of it, where any column may hold anything. */
import { CodedError } from '#subgraphs/shared/errors.ts';
import { parseExactJson } from '#subgraphs/shared/exact-number.ts';
import type { RelationColumn, ValueKind } from '../../driver.ts';
import { comparableOf, valueOf as scannedValueOf } from '../scanned/values.ts';
import { decimalOf, ENCODED, formOf, momentText, type FormedKind } from './forms.mjs';
import { unfit } from '../sql/values.ts';

const FORMED: ReadonlySet<ValueKind> = new Set<FormedKind>(['decimal', 'moment', 'localMoment', 'date', 'localTime']);

/** Whether its values have several forms, and are compared by one. */
export const isFormed = (kind: ValueKind): kind is FormedKind => FORMED.has(kind);

const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n];

/** What a value of the API, or a text of a column's, is compared as. @throws CodedError `BAD_USER_INPUT` for what is none */
export function operandOf(value: unknown, { kind }: Pick<RelationColumn, 'kind'>): bigint | number | string {
  const text = String(value);
  if (isFormed(kind)) {
    const form = formOf(kind, value);
    if (form === null) throw unfit();
    return form;
  }
  switch (kind) {
    case 'boolean':
      return value === true || text === '1' ? 1n : 0n;
    case 'int':
    case 'bigint': {
      if (!/^-?\d{1,19}$/.test(text)) throw unfit();
      const number = BigInt(text);
      if (number < LEAST || number > MOST) throw unfit();
      return number;
    }
    case 'float': {
      const number = Number(text);
      if (text.trim() === '' || Number.isNaN(number)) throw unfit();
      return number;
    }
    default:
      return text;
  }
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
    new CodedError('STORE_UNAVAILABLE', `The column ${name} holds what is no ${kind}.`, {
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
