/** Tells of keys that no document's metadata has: an empty list looks the same for a key that is misspelt. */
import type { GraphQLResolveInfo } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { FilterInput } from '#subgraphs/shared/filters/parse.ts';
import { noteHint, unknownName, type Hint } from '#subgraphs/shared/hints.ts';
import { RELATIONAL } from '../bounds.ts';
import type { RelationalDriver } from '../driver.ts';

/** Never fails: a hint is no reason for an error. */
export async function tellUnknownKeys(
  driver: RelationalDriver,
  where: FilterInput | null | undefined,
  context: RequestContext,
  info: GraphQLResolveInfo,
): Promise<void> {
  const named = new Set(keysNamed(where ?? {}));
  if (named.size === 0) return;
  try {
    const known = await driver.metadataKeys(context, RELATIONAL.metadataKeys);
    if (known.length === RELATIONAL.metadataKeys) return;
    for (const key of named) if (!known.includes(key)) noteHint(info, unknownKey(key, known));
  } catch {
    // The store has failed since it answered.
  }
}

/** Of one that has several keys in it, as paths are written elsewhere, how it is written here. */
function unknownKey(key: string, known: readonly string[]): Omit<Hint, 'path'> {
  const parts = key.slice(0, 80).split(/[./]/);
  if (parts.length < 2 || !known.includes(parts[0]!)) return unknownName('key of metadata', key, known);
  return {
    message: `There is no key of metadata ${JSON.stringify(key.slice(0, 80))}. \`path\` is a list of keys: did you mean [${parts.map((part) => JSON.stringify(part)).join(', ')}]?`,
    suggestions: [parts[0]!],
  };
}

/** The keys that metadata must have to match: not those of which something else than a value is asked. */
function keysNamed(where: FilterInput): string[] {
  const { metadata, and, or } = where as {
    metadata?: { path: string[]; exists?: boolean | null; not?: boolean | null }[] | null;
    and?: FilterInput[] | null;
    or?: FilterInput[] | null;
  };
  return [
    ...(metadata ?? []).flatMap(({ path, exists, not }) => (exists === false || not === true ? [] : path.slice(0, 1))),
    ...[...(and ?? []), ...(or ?? [])].flatMap(keysNamed),
  ];
}
