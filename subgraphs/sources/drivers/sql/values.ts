/** Values on their way into a store of any SQL. */
import { unfit } from '../unfit.ts';

/** A decimal without an exponent, and without zeros that it does not need. @throws CodedError `BAD_USER_INPUT` for what is none */
export function writtenOut(text: string): string {
  const [, sign, whole = '', fraction = '', power = '0'] =
    /^([-+]?)(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d{1,4}))?$/.exec(text) ?? [];
  if (sign === undefined || whole + fraction === '') throw unfit(text);
  const digits = whole + fraction;
  const point = whole.length + Number(power);
  const padded = point < 0 ? '0'.repeat(-point) + digits : digits.padEnd(point, '0');
  const at = Math.max(point, 0);
  const left = padded.slice(0, at).replace(/^0+/, '') || '0';
  const right = padded.slice(at).replace(/0+$/, '');
  const number = `${left}${right === '' ? '' : `.${right}`}`;
  return sign === '-' && number !== '0' ? `-${number}` : number;
}
