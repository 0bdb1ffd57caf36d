/** Whether two writes under one idempotency key are the same write. */
import { createHash } from 'node:crypto';
import { byValue, ExactNumber, writeJson } from './exact-number.ts';

/** A digest of a JSON value that does not depend on the order of keys. */
export function inputHash(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex');
}

function canonical(value: unknown): string {
  if (value instanceof ExactNumber) return writeJson(byValue(value));
  if (value === null || value === undefined || typeof value !== 'object') return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}
