/** Numbers that callers send. */
import { badUserInput } from './errors.ts';

/** @throws CodedError `BAD_USER_INPUT` where `value` is outside of `min` to `max` */
export function checkBetween(what: string, value: number, min: number, max: number): number {
  if (!(value >= min && value <= max)) throw badUserInput(`${what} must be from ${min} to ${max}; got ${value}.`);
  return value;
}
