/** Whether a value of another store can be one of a column, so that it is worth asking for. */
import type { RelationColumn } from '../driver.ts';
import type { ModelColumn } from './model.ts';

const UUID = /^[\da-f]{8}(-?[\da-f]{4}){3}-?[\da-f]{12}$/i;
const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n];

/** False where asking with it could only fail, or find nothing. */
export function mayBe({ kind, native }: Pick<RelationColumn, 'kind' | 'native'>, text: string): boolean {
  switch (kind) {
    case 'int':
    case 'bigint': {
      if (!/^-?\d{1,19}$/.test(text)) return false;
      const number = BigInt(text);
      return number >= LEAST && number <= MOST;
    }
    case 'decimal':
      return /^-?\d{1,1000}(\.\d{1,1000})?$/.test(text);
    case 'id':
      return UUID.test(text) || (!text.includes('\0') && !/\buuid\b/i.test(native));
    default:
      return !text.includes('\0');
  }
}

/** Likewise of a part of a row's key, as the store writes it. */
export function mayBeKey(model: Pick<ModelColumn, 'enum'>, column: RelationColumn, text: string): boolean {
  switch (column.kind) {
    case 'enum':
      return model.enum === undefined || model.enum.values.some(({ value }) => value === text);
    case 'decimal':
      return NOT_FINITE.test(text) || mayBe(column, text);
    case 'date':
    case 'moment':
    case 'localMoment':
      return NOT_FINITE.test(text) || isMoment(text);
    default:
      return mayBe(column, text);
  }
}

const NOT_FINITE = /^(-?infinity|nan)$/i;
const MOMENT =
  /^(\d{4,6})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d){0,2})?)?( BC)?$/;
/** The last year of a moment in PostgreSQL, which has the most of them. */
const LAST_YEAR = 294_275;

function isMoment(text: string): boolean {
  const [, year, month, day, hour = '0', minute = '0', second = '0'] = MOMENT.exec(text) ?? [];
  if (year === undefined || Number(year) === 0 || Number(year) > LAST_YEAR) return false;
  const ofMonth = new Date(Date.UTC(2000 + (Number(year) % 400), Number(month), 0)).getUTCDate();
  const fits = Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= ofMonth;
  return fits && Number(hour) <= 23 && Number(minute) <= 59 && Number(second) <= 59;
}
