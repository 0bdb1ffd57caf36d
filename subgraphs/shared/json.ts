/** Bounds on JSON that callers send: metadata, properties, payloads. */
import { SHARED } from './bounds.ts';
import { badUserInput } from './errors.ts';
import { ExactNumber, writeJson } from './exact-number.ts';

export type JsonValue = string | number | ExactNumber | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** Whether the value is an object: no list, and no number that is carried as one. */
export const isJsonObject = (value: JsonValue): value is { [key: string]: JsonValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);

/** The caps on one JSON input value. */
export const JSON_LIMITS = { bytes: SHARED.jsonBytes, depth: SHARED.jsonDepth, keys: SHARED.jsonKeys } as const;
/** Longest text of a number, and largest power of ten in it: stores write numbers out in full. */
const NUMBER_LIMITS = { characters: SHARED.numberCharacters, exponent: SHARED.numberExponent } as const;

// PostgreSQL's jsonb refuses the escapes that JSON.stringify writes for these.
const LONE_SURROGATE = /\p{Cs}/u;

/**
 * Returns `value` where it is JSON within {@link JSON_LIMITS}. Keys such as `__proto__` are ordinary keys.
 * @throws CodedError `BAD_USER_INPUT` that names the limit that was passed
 */
export function checkJson(
  value: unknown,
  limits: { bytes: number; depth: number; keys: number } = JSON_LIMITS,
): JsonValue {
  let keys = 0;
  const visit = (node: unknown, depth: number): void => {
    if (depth > limits.depth) throw badUserInput(`JSON is nested more than ${limits.depth} levels deep.`);
    if (node === null || typeof node === 'boolean') return;
    if (typeof node === 'string') {
      if (node.includes('\0')) throw badUserInput('JSON texts cannot contain the NUL character (U+0000).');
      if (LONE_SURROGATE.test(node)) throw badUserInput('JSON texts must be well-formed Unicode.');
      return;
    }
    if (typeof node === 'number') {
      if (!Number.isFinite(node)) throw badUserInput('JSON numbers must be finite.');
      return;
    }
    if (node instanceof ExactNumber) {
      if (node.text.length > NUMBER_LIMITS.characters || Math.abs(node.exponent) > NUMBER_LIMITS.exponent)
        throw badUserInput(
          `JSON numbers may have at most ${NUMBER_LIMITS.characters} digits, and powers of ten up to ${NUMBER_LIMITS.exponent}.`,
        );
      return;
    }
    if (Array.isArray(node)) {
      for (const item of node) visit(item, depth + 1);
      return;
    }
    if (typeof node === 'object') {
      for (const [key, item] of Object.entries(node)) {
        if (++keys > limits.keys) throw badUserInput(`JSON has more than ${limits.keys} keys.`);
        if (key.includes('\0')) throw badUserInput('JSON keys cannot contain the NUL character (U+0000).');
        if (LONE_SURROGATE.test(key)) throw badUserInput('JSON keys must be well-formed Unicode.');
        visit(item, depth + 1);
      }
      return;
    }
    throw badUserInput(`JSON cannot contain a ${typeof node}.`);
  };
  visit(value, 0);
  // Depth is bounded by now, so that serialising cannot overflow the stack.
  const bytes = Buffer.byteLength(writeJson(value));
  if (bytes > limits.bytes) throw badUserInput(`JSON is ${bytes} bytes long; at most ${limits.bytes} are accepted.`);
  return value as JsonValue;
}
