/** Tells of keys that no metadata has, and of collections that there are not: an empty list looks the same for one that is misspelt. */
import type { GraphQLResolveInfo } from 'graphql';
import { noteHint, unknownName, type Hint } from '../hints.ts';
import type { Condition } from './condition.ts';
import { valuesNamed } from './named.ts';

/** What there is; undefined where that is too much to be told. */
type Read = () => Promise<readonly string[] | undefined>;

/**
 * Notes a hint for each key that a filter names and nothing has. Never fails: a hint is no reason for an error.
 * @param where a filter whose `metadata` has paths
 * @param read the keys that there are
 */
export const tellUnknownKeys = (
  where: object | null | undefined,
  info: GraphQLResolveInfo,
  read: Read,
): Promise<void> => tellUnknown(keysNamed(where ?? {}), info, read, unknownKey);

/** The same of collections of documents. @param read those that there are */
export const tellUnknownCollections = (
  where: Condition | undefined,
  info: GraphQLResolveInfo,
  read: Read,
): Promise<void> =>
  tellUnknown(valuesNamed(where, 'collection').map(String), info, read, (name, known) =>
    unknownName('collection', name, known),
  );

async function tellUnknown(
  given: readonly string[],
  info: GraphQLResolveInfo,
  read: Read,
  hintOf: (name: string, known: readonly string[]) => Omit<Hint, 'path'>,
): Promise<void> {
  const named = new Set(given);
  if (named.size === 0) return;
  try {
    const known = await read();
    if (known === undefined) return;
    for (const name of named) if (!known.includes(name)) noteHint(info, hintOf(name, known));
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
function keysNamed(where: object): string[] {
  const { metadata, and, or } = where as {
    metadata?: { path: string[]; exists?: boolean | null; not?: boolean | null }[] | null;
    and?: object[] | null;
    or?: object[] | null;
  };
  return [
    ...(metadata ?? []).flatMap(({ path, exists, not }) => (exists === false || not === true ? [] : path.slice(0, 1))),
    ...[...(and ?? []), ...(or ?? [])].flatMap(keysNamed),
  ];
}
