/** How values go into ClickHouse and come out of it: all of them as texts, exactly, and in the forms that the API's scalars have. */
import { unreadableValue } from '#subgraphs/shared/errors.ts';
import { parseExactJson } from '#subgraphs/shared/exact-number.ts';
import type { RelationColumn } from '../../driver.ts';
import { isDay, momentOf } from '../moments.mjs';
import { Parameter } from './parameters.ts';
import { DIGITS, digitsOf, fractionOf, isWhole } from './types.ts';
import { unfit } from '../unfit.ts';
import { writtenOut } from '../sql/values.ts';

/** What the base64 of a text begins with that is no UTF-8, or begins so itself; of private characters. */
export const ENCODED = '\uE000\uE002';

/** Where a value is that a column's type cannot hold, of which all values are on the other side. */
export type Outside = 'below' | 'above';

const [LEAST, MOST, MOST_UNSIGNED] = [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 64n - 1n];
/** Days that it has, and the last one of a moment with nine digits behind the second. */
const [FIRST_DAY, LAST_DAY, LAST_EXACT] = ['1900-01-01', '2299-12-31', '2262-04-11'];

/**
 * A value of the API, or a text of the column's, as what the column is compared with.
 * @throws CodedError `BAD_USER_INPUT` for what is no value of its kind
 */
export function operandOf(
  value: unknown,
  { kind, native }: Pick<RelationColumn, 'kind' | 'native'>,
): Parameter | Outside {
  const text = String(value);
  switch (kind) {
    case 'boolean':
      return new Parameter('Bool', text === 'true' || text === '1' ? 'true' : 'false');
    case 'int':
    case 'bigint': {
      if (!/^-?\d{1,20}$/.test(text)) throw unfit(text);
      const number = BigInt(text);
      if (number < LEAST || number > (native === 'UInt64' ? MOST_UNSIGNED : MOST)) throw unfit(text);
      return new Parameter(number > MOST ? 'UInt64' : 'Int64', String(number));
    }
    case 'decimal': {
      const plain = writtenOut(text);
      const { scale } = digitsOf(native);
      const [whole, fraction = ''] = plain.replace('-', '').split('.');
      if (isWhole(native)) {
        const number = fraction === '' ? BigInt(plain) : undefined;
        const signed = !native.startsWith('U');
        if (number === undefined || number < -(2n ** 255n) || number >= 2n ** (signed ? 255n : 256n)) throw unfit(text);
        return new Parameter(number < 0n || signed ? 'Int256' : 'UInt256', plain);
      }
      const behind = Math.max(scale, fraction.length);
      // Both are brought to so many digits behind the point.
      if (whole!.length + behind > DIGITS) throw unfit(text);
      return new Parameter(`Decimal(${DIGITS}, ${behind})`, plain);
    }
    case 'float': {
      const number = Number(text.replace(/^(-?)inf$/, '$1Infinity'));
      if (text.trim() === '' || Number.isNaN(number)) throw unfit(text);
      return new Parameter(native === 'Float32' ? 'Float32' : 'Float64', text);
    }
    case 'date':
      if (!isDay(text)) throw unfit(text);
      return text < FIRST_DAY ? 'below' : text > LAST_DAY ? 'above' : new Parameter('Date32', text);
    case 'moment': {
      const moment = momentOf(text, true);
      if (moment === undefined) throw unfit(text);
      const precision = Math.max(fractionOf(native), 6);
      const day = moment.slice(0, 10);
      // A year of more digits has its sign before it.
      if (day >= (precision > 6 ? LAST_EXACT : LAST_DAY) || day.startsWith('+')) return 'above';
      if (day < FIRST_DAY) return 'below';
      return new Parameter(`DateTime64(${precision}, 'UTC')`, moment.slice(0, 20 + precision).replace('T', ' '));
    }
    case 'id':
      if (!/^[\da-f]{8}(-?[\da-f]{4}){3}-?[\da-f]{12}$/i.test(text)) throw unfit(text);
      return new Parameter('UUID', dashed(text));
    default:
      return new Parameter('String', text);
  }
}

/** Of a key of a row, as it comes from any store, the text that the column would have; of what it cannot hold, one that it has not. */
export function keyText(text: string, { kind, native }: RelationColumn): string {
  try {
    switch (kind) {
      case 'int':
      case 'bigint':
      case 'decimal':
        return writtenOut(text);
      case 'id':
        return dashed(text).toLowerCase();
      case 'moment': {
        const moment = momentOf(text, true);
        const fraction = fractionOf(native);
        return moment?.slice(0, fraction === 0 ? 19 : 20 + fraction).replace('T', ' ') ?? '';
      }
      default:
        return text;
    }
  } catch {
    return '';
  }
}

const dashed = (text: string): string =>
  text.replaceAll('-', '').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

/** What became of a value on its way; an error where it is none of its type. */
export function valueOf(value: unknown, column: RelationColumn): unknown {
  if (value === null || value === undefined) return null;
  if (!column.list) return itemOf(value, column);
  const items = (value as unknown[]).map((item) => (item === null ? null : itemOf(item, column)));
  return items.find((item) => item instanceof Error) ?? items;
}

function itemOf(value: unknown, { kind, name }: RelationColumn): unknown {
  const text = String(value);
  switch (kind) {
    case 'boolean':
      return text === 'true';
    case 'int':
      return Number(text);
    case 'float':
      return Number(text.replace(/^([-+]?)inf$/, '$1Infinity'));
    case 'moment':
      return text.replace(/^(\S+) (\d\d:\d\d:\d\d)(?:\.(\d+))?$/, (_, day: string, time: string, fraction = '') => {
        return `${day}T${time}.${String(fraction).replace(/0+$/, '').padEnd(3, '0')}Z`;
      });
    case 'json':
      try {
        return parseExactJson(text);
      } catch (cause) {
        return unreadableValue(`The column ${name} holds what is no JSON.`, { cause });
      }
    case 'text':
    case 'other':
      return text.startsWith(ENCODED)
        ? unreadableValue(`The column ${name} holds a text that is no UTF-8.`, {
            hint: 'Mend the row, or hide the column in the file of SOURCES.',
          })
        : text;
    default:
      return text;
  }
}
