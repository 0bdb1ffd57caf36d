/** What a key may look like. */
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { OBJECT } from './bounds.ts';

const CONTROL = /\p{Cc}/u;
const LONE_SURROGATE = /\p{Cs}/u;

/**
 * Why `key` cannot be the key of an object, as a sentence; undefined when it can.
 *
 * A key is one or more segments joined by `/`, such as `documents/readme.md`: no empty segment (so no leading, trailing
 * or double slash), no `.` or `..`, no backslash, no control character, at most `OBJECT.keyBytes` bytes. Keys are
 * compared byte by byte: no case is folded and no Unicode form is changed, so that what was written is what is listed.
 */
export function keyFault(key: string): string | undefined {
  if (key === '') return 'A key cannot be empty.';
  const fault = textFault(key);
  if (fault) return fault;
  if (key.startsWith('/')) return 'A key cannot be an absolute path.';
  for (const segment of key.split('/')) {
    if (segment === '') return 'A key cannot have an empty segment.';
    if (segment === '.' || segment === '..') return 'A key cannot have a segment `.` or `..`.';
  }
  return undefined;
}

/**
 * Returns `key` where it may be a key.
 * @throws CodedError `BAD_USER_INPUT` that says what is wrong with it
 */
export function checkKey(key: string): string {
  const fault = keyFault(key);
  if (fault) throw badUserInput(fault, { hint: 'Use segments joined by "/", such as "notes/today.md".' });
  return key;
}

/**
 * Returns `prefix` where a key may start with it; the empty prefix means all keys.
 * @throws CodedError `BAD_USER_INPUT`
 */
export function checkPrefix(prefix: string): string {
  const fault = textFault(prefix);
  if (fault) throw badUserInput(fault.replace('key', 'prefix'));
  const segments = prefix.split('/');
  // The last segment may be the start of a longer one: `.` may begin `.well-known`.
  const complete = segments.slice(0, -1);
  if (complete.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    throw badUserInput('A prefix cannot have a segment that is empty, `.` or `..`.');
  }
  return prefix;
}

function textFault(text: string): string | undefined {
  // Four bytes a character at most; the cheap check first spares measuring a text of megabytes.
  if (text.length > OBJECT.keyBytes || Buffer.byteLength(text) > OBJECT.keyBytes)
    return `A key is at most ${OBJECT.keyBytes} bytes long.`;
  if (LONE_SURROGATE.test(text)) return 'A key must be well-formed Unicode.';
  if (CONTROL.test(text)) return 'A key cannot contain control characters.';
  if (text.includes('\\')) return 'A key cannot contain a backslash.';
  return undefined;
}
