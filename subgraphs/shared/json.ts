/** Bounds on JSON that callers send: metadata, properties, payloads. */
import { SHARED } from './bounds.ts';
import { badUserInput } from './errors.ts';

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** The caps on one JSON input value. */
export const JSON_LIMITS = { bytes: SHARED.jsonBytes, depth: SHARED.jsonDepth, keys: SHARED.jsonKeys } as const;

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
  const bytes = Buffer.byteLength(JSON.stringify(value) ?? '');
  if (bytes > limits.bytes) throw badUserInput(`JSON is ${bytes} bytes long; at most ${limits.bytes} are accepted.`);
  return value as JsonValue;
}

/** From here on JavaScript writes numbers with an exponent: they are measures, of which nobody expects every digit. */
const MEASURES = 1e21;

/**
 * Returns `value` where its numbers are those that were sent: a whole number beyond 2^53 was rounded when it was read, or
 * will be by whoever reads it next. (Those from 1e21 on are taken for measures.)
 * @param name how the caller knows the value, for the message
 * @throws CodedError `BAD_USER_INPUT` that says where the number stands
 */
export function checkExactNumbers<Value extends JsonValue>(name: string, value: Value): Value {
  const visit = (node: JsonValue, path: string): void => {
    if (typeof node === 'number' && isRounded(node))
      throw badUserInput(
        `\`${path.slice(0, 200)}\` is a whole number beyond ${Number.MAX_SAFE_INTEGER} (2^53 - 1), which would be rounded.`,
        { hint: 'Write it as a text.' },
      );
    if (Array.isArray(node)) node.forEach((item, index) => visit(item, `${path}[${index}]`));
    else if (typeof node === 'object' && node !== null)
      for (const [key, item] of Object.entries(node)) visit(item, `${path}.${key}`);
  };
  visit(value, name);
  return value;
}

const isRounded = (value: number): boolean =>
  Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < MEASURES;
