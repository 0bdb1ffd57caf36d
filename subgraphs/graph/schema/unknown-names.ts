/**
 * Tells of kinds and relation types that nothing of the tenant's has, with those that may have been meant: an empty list
 * looks the same for a kind of which there is nothing and for one that is misspelt.
 */
import type { GraphQLResolveInfo } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { valuesNamed } from '#subgraphs/shared/filters/named.ts';
import { noteHint, unknownName } from '#subgraphs/shared/hints.ts';
import { GRAPH } from '../bounds.ts';
import type { NameKind } from '../driver.ts';
import type { GraphLoaders } from '../loaders.ts';

const SAID: Record<NameKind, string> = { kinds: 'kind of entity', types: 'relation type' };

/** Tells of unknown names. Never fails: a hint is no reason for an error. */
export type TellUnknown = (
  what: NameKind,
  names: readonly string[],
  context: RequestContext,
  info: GraphQLResolveInfo,
) => Promise<void>;

/** @returns what asks the store only for names that it has not found before, for each tenant, and once for each request */
export function unknownNames(loaders: (context: RequestContext) => GraphLoaders): TellUnknown {
  /** Names that were there when last looked for. */
  const known = new Set<string>();
  const keyOf = ({ principal }: RequestContext, what: NameKind, name: string): string =>
    JSON.stringify([principal.tenantId, what, name]);
  return async (what, names, context, info) => {
    const asked = [...new Set(names)].filter((name) => !known.has(keyOf(context, what, name)));
    if (asked.length === 0) return;
    try {
      const found = (await loaders(context).names.load(what)) ?? [];
      const there = new Set(found);
      for (const name of asked) {
        if (there.has(name)) {
          if (known.size >= GRAPH.knownNames) known.clear();
          known.add(keyOf(context, what, name));
        } else if (found.length < GRAPH.facets) noteHint(info, unknownName(SAID[what], name, found));
      }
    } catch {
      // The store has failed since it answered.
    }
  };
}

/** The kinds that entities must be of to match. */
export const kindsNamed = (where: Condition | undefined): string[] => valuesNamed(where, 'kind').map(String);
