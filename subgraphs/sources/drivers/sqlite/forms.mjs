// What values of SQLite compare by, where it keeps them in several forms. Plain JavaScript, for the processes that read files.
import { isDay, momentOf } from '../moments.mjs';

const NUMBER = /^([-+]?)(\d*)(?:\.(\d*))?(?:e([-+]?\d{1,4}))?$/i;
const DAY_MS = 86_400_000;
/** The Julian day at which 1970 begins. */
const JULIAN = 2_440_587.5;
/** From here on whole numbers are milliseconds: as seconds they would be of the year 5138. */
const MILLISECONDS = 100_000_000_000;
/** The digits before the point that a decimal may have. */
const LARGEST = 4_999;

export const ENCODED = '\uE000\uE001';

export function formOf(kind, value) {
  switch (kind) {
    case 'decimal':
      return decimalForm(value);
    case 'moment':
    case 'localMoment':
      return momentOf(momentText(value) ?? '', kind === 'moment') ?? null;
    case 'date': {
      // Some libraries keep a day as the moment at which it begins.
      const [, day = ''] = /^(\d{4}-\d\d-\d\d)(?:[T ]00:00(?::00(?:\.0+)?)?Z?)?$/.exec(String(value)) ?? [];
      return isDay(day) ? day : null;
    }
    case 'localTime': {
      const [, minute, second = '00', fraction = ''] =
        /^((?:[01]\d|2[0-3]):[0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?$/.exec(String(value)) ?? [];
      return minute === undefined ? null : `${minute}:${second}.${fraction.padEnd(9, '0')}`;
    }
    default:
      return null;
  }
}

export function momentText(value) {
  if (typeof value === 'string') return value;
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  const number = Number(value);
  const isJulian = typeof value === 'number' && number >= 0 && number < 5_373_484.5;
  const ms = isJulian
    ? Math.round((number - JULIAN) * DAY_MS)
    : Math.abs(number) >= MILLISECONDS
      ? number
      : Math.round(number * 1_000);
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : undefined;
}

/** Its sign, digits without zeros around them, and where the point is among them. */
function partsOf(value) {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  const found = NUMBER.exec(String(value));
  if (found === null) return undefined;
  const [, sign, whole, fraction = '', power = '0'] = found;
  if (whole + fraction === '') return undefined;
  const all = whole + fraction;
  const digits = all.replace(/^0+/, '');
  const point = whole.length + Number(power) - (all.length - digits.length);
  if (Math.abs(point) > LARGEST) return undefined;
  return { negative: sign === '-', digits: withoutZeros(digits), point };
}

/** By hand: a pattern would begin at each of many zeros. */
function withoutZeros(digits) {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === '0') end--;
  return digits.slice(0, end);
}

function decimalForm(value) {
  const parts = partsOf(value);
  if (parts === undefined) return null;
  const { negative, digits, point } = parts;
  if (digits === '') return '1';
  const size = `${String(point + 5_000).padStart(4, '0')}${digits}`;
  // The larger it is, the further before: each digit in the place of its opposite, and behind the last what sorts after them.
  return negative ? `0${size.replace(/\d/g, (digit) => String(9 - Number(digit)))}~` : `2${size}`;
}

export function decimalOfForm(form) {
  if (form[0] === '1') return '0';
  const isNegative = form[0] === '0';
  const size = isNegative ? form.slice(1, -1).replace(/\d/g, (digit) => String(9 - Number(digit))) : form.slice(1);
  return writtenOut(`${isNegative ? '-' : ''}0.${size.slice(4)}e${Number(size.slice(0, 4)) - 5_000}`);
}

export function timeOfForm(form) {
  const [second, fraction] = form.split('.');
  const digits = withoutZeros(fraction);
  return digits === '' ? second : `${second}.${digits}`;
}

export function decimalOf(value) {
  if (typeof value === 'string') return NUMBER.test(value) && !/e/i.test(value) ? plainText(value) : writtenOut(value);
  return writtenOut(value);
}

/** With all the zeros that it has. */
function plainText(text) {
  return partsOf(text) === undefined
    ? undefined
    : text
        .replace(/^\+/, '')
        .replace(/^(-?)\./, '$10.')
        .replace(/\.$/, '');
}

function writtenOut(value) {
  const parts = partsOf(value);
  if (parts === undefined) return undefined;
  const { negative, digits, point } = parts;
  if (digits === '') return '0';
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0');
  const at = Math.max(point, 1);
  const fraction = padded.slice(at);
  return `${negative ? '-' : ''}${padded.slice(0, at)}${fraction === '' ? '' : `.${fraction}`}`;
}
