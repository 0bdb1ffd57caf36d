/** How values go into MariaDB and MySQL and come out of them: exactly, and in the forms that the API's scalars have. */
import { unreadableValue } from '#subgraphs/shared/errors.ts';
import { parseExactJson } from '#subgraphs/shared/exact-number.ts';
import type { RelationColumn } from '../../driver.ts';
import type { Flavour } from './flavours.ts';
import { unfit } from '../unfit.ts';
import { writtenOut } from '../sql/values.ts';

/** A parameter's text, and what it is cast to; without a cast it is a text of the column's collation. */
export interface Parameter {
  readonly text: string;
  readonly cast?: string;
}

const [LEAST, MOST, MOST_UNSIGNED] = [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 64n - 1n];
/** Of `decimal`: digits in all. */
const DIGITS = 65;

/** @throws CodedError `BAD_USER_INPUT` for what the database would make another value of, or null */
export function parameterOf(value: unknown, { kind, native }: RelationColumn, { scale }: Flavour): Parameter {
  const text = value === true ? '1' : value === false ? '0' : String(value);
  switch (kind) {
    case 'boolean':
    case 'int':
    case 'bigint': {
      if (!/^-?\d{1,20}$/.test(text)) throw unfit(text);
      const number = BigInt(text);
      const unsigned = native.includes('unsigned') || native.startsWith('bit');
      if (number < LEAST || number > (unsigned ? MOST_UNSIGNED : MOST)) throw unfit(text);
      return { text, cast: number > MOST ? 'UNSIGNED' : 'SIGNED' };
    }
    case 'decimal': {
      const plain = writtenOut(text);
      const [whole, fraction = ''] = plain.replace('-', '').split('.');
      if (fraction.length > scale || whole!.length + fraction.length > DIGITS) throw unfit(text);
      return { text: plain, cast: `DECIMAL(${DIGITS}, ${fraction.length})` };
    }
    case 'float': {
      const number = native === 'float' ? Math.fround(Number(text)) : Number(text);
      if (!Number.isFinite(number)) throw unfit(text);
      return { text: String(number), cast: 'DOUBLE' };
    }
    case 'date':
      return { text: checked(text, /^(\d{4}-\d\d-\d\d)$/), cast: 'DATE' };
    case 'moment':
    case 'localMoment':
      return {
        text: checked(text, /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)\d*Z?)?$/),
        cast: 'DATETIME(6)',
      };
    case 'localTime':
      if (!/^-?\d{2,3}:[0-5]\d(:[0-5]\d(\.\d{1,6})?)?$/.test(text)) throw unfit(text);
      return { text, cast: 'TIME(6)' };
    case 'id':
      if (!/^[\da-f]{8}(-?[\da-f]{4}){3}-?[\da-f]{12}$/i.test(text)) throw unfit(text);
      return { text, cast: native };
    case 'bytes':
      return { text: Buffer.from(text, 'base64').toString('latin1') };
    default:
      return { text };
  }
}

/** A day of the calendar with what stands behind it; `0000-00-00` and what lacks a day or a month are the database's own. */
function checked(text: string, form: RegExp): string {
  const [, day, time] = form.exec(text) ?? [];
  if (day === undefined) throw unfit(text);
  const isKnown = /-00/.test(day) || isDay(day);
  if (!isKnown || (time !== undefined && !/^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d|$)/.test(time))) throw unfit(text);
  return time === undefined ? day : `${day} ${time}`;
}

const isDay = (text: string): boolean => {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.valueOf()) && date.toISOString().startsWith(text);
};

/** What became of a value on its way; an error where it is none of its type. */
export function valueOf(value: unknown, { kind, native, name }: RelationColumn): unknown {
  if (value === null) return null;
  switch (kind) {
    case 'boolean':
      return Number(value) !== 0;
    case 'float':
      return native === 'float' ? shortest(Number(value)) : value;
    case 'moment':
      return momentOf(String(value));
    case 'localMoment':
      return String(value)
        .replace(' ', 'T')
        .replace(/\.(\d*?)0*$/, (_, fraction: string) => (fraction === '' ? '' : `.${fraction}`));
    case 'json':
      try {
        return parseExactJson(String(value));
      } catch (cause) {
        return unreadableValue(`The column ${name} holds what is no JSON.`, { cause });
      }
    default:
      return value;
  }
}

/** `2026-01-31 09:30:00.123400` as ISO 8601 has it; `0000-00-00 00:00:00` as it is. */
function momentOf(text: string): string {
  const found = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?$/.exec(text);
  if (found === null || found[1] === '0000-00-00') return text;
  return `${found[1]}T${found[2]}.${(found[3] ?? '').replace(/0+$/, '').padEnd(3, '0')}Z`;
}

/** The number of single precision in the fewest digits: 0.1, not 0.10000000149011612. */
function shortest(number: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(number.toPrecision(digits));
    if (Math.fround(short) === Math.fround(number)) return short;
  }
  return number;
}
