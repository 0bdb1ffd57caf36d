/** Who may be a caller: the check of whoever signs in, and of whomever something is to be for. */
import { SHARED } from './bounds.ts';
import { isIdOf } from './ids.ts';

// What no store keeps as it is: surrogates that are no half of a pair, and NUL. Two users would become one.
const UNKEPT = /[\p{Cs}\0]/u;

/**
 * Whether it names somebody who is not of this server itself: neither its own work, nor one of its API keys. Names are compared as they
 * are, so that one with white space around it, which looks like another, is nobody's.
 */
export const isSubject = (value: unknown): value is string =>
  typeof value === 'string' &&
  value !== '' &&
  value.length <= SHARED.subjectCharacters &&
  value === value.trim() &&
  !UNKEPT.test(value) &&
  !/^system:/i.test(value) &&
  !isIdOf('ApiKey', value.toLowerCase());
