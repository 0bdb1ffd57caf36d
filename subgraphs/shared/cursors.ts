/** Keyset cursors: opaque to clients, checked on return. */
import { badUserInput } from './errors.ts';

type CursorValue = string | number | boolean | null;

/**
 * Encodes the sort key of a row.
 * @param list names the list and its order (such as `documents:TITLE:ASC`), so that a cursor of one list is refused by
 *   another
 * @param values the row's sort key, ending in a unique column
 */
export const encodeCursor = (list: string, values: readonly CursorValue[]): string =>
  Buffer.from(JSON.stringify([list, ...values])).toString('base64url');

/**
 * Decodes a cursor made by {@link encodeCursor} for the same `list`.
 * @throws CodedError `BAD_USER_INPUT` when the cursor is malformed or of another list or order
 */
export function decodeCursor(list: string, cursor: string, length: number): CursorValue[] {
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch (cause) {
    throw malformedCursor(cause);
  }
  const [of, ...values] = Array.isArray(decoded) ? (decoded as unknown[]) : [];
  if (typeof of !== 'string') throw malformedCursor();
  if (of !== list) {
    throw badUserInput('`after` or `before` is a cursor of another list or order.', {
      hint: 'Start again without it.',
    });
  }
  if (values.length !== length) throw malformedCursor();
  for (const value of values) {
    if (value !== null && !['string', 'number', 'boolean'].includes(typeof value)) throw malformedCursor();
    if (typeof value === 'string' && value.includes('\0')) throw malformedCursor();
  }
  return values as CursorValue[];
}

/** The error for what no list has given out. */
export const malformedCursor = (cause?: unknown) =>
  badUserInput('`after` or `before` is not a cursor of this API.', {
    cause,
    hint: 'Use the `endCursor`, `startCursor` or `cursor` of an earlier answer as it is.',
  });
