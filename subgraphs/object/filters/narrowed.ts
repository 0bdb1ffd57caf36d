/** What a condition says of keys, so that not all objects have to be looked at. */
import { compareCodePoints } from '#subgraphs/shared/code-points.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { keyFault, prefixFault } from '../input.ts';

/** Which objects can match: those of these keys, in the order of their UTF-8 bytes, or those whose keys begin so. */
export type Narrowed = { readonly keys: readonly string[] } | { readonly prefix: string };

/**
 * Where objects that match can be.
 * @param prefix what their keys begin with in any case
 * @param after the key that theirs are behind; null for all
 */
export function narrowed(where: Condition, prefix: string, after: string | null): Narrowed {
  const begun = prefixOf(where, prefix);
  if (begun === undefined || prefixFault(begun) !== undefined) return { keys: [] };
  const keys = keysOf(where);
  if (keys === undefined) return { prefix: begun };
  const wanted = [...keys].filter(
    (key) =>
      key.startsWith(begun) &&
      (after === null || compareCodePoints(key, after) > 0) &&
      // No object has such a key, and a store may refuse to look for it.
      keyFault(key) === undefined,
  );
  return { keys: wanted.sort(compareCodePoints) };
}

/** The keys of which one must be the object's; undefined where it may have others. */
function keysOf(condition: Condition): ReadonlySet<string> | undefined {
  switch (condition.kind) {
    case 'compare':
      return condition.column === 'key' && condition.operator === '=' ? new Set([String(condition.value)]) : undefined;
    case 'in':
      return condition.column === 'key' ? new Set(condition.values.map(String)) : undefined;
    case 'and': {
      const parts = condition.of.map(keysOf).filter((keys) => keys !== undefined);
      return parts.length === 0
        ? undefined
        : parts.reduce((all, keys) => new Set([...all].filter((key) => keys.has(key))));
    }
    case 'or': {
      const parts = condition.of.map(keysOf);
      return parts.every((keys) => keys !== undefined) ? new Set(parts.flatMap((keys) => [...keys])) : undefined;
    }
    default:
      return undefined;
  }
}

/** What keys must begin with, `prefix` included; undefined where none can. */
function prefixOf(condition: Condition, prefix: string): string | undefined {
  if (condition.kind === 'startsWith' && condition.column === 'key')
    return condition.text.startsWith(prefix) ? condition.text : prefix.startsWith(condition.text) ? prefix : undefined;
  if (condition.kind !== 'and') return prefix;
  return condition.of.reduce<string | undefined>(
    (begun, part) => (begun === undefined ? undefined : prefixOf(part, begun)),
    prefix,
  );
}
