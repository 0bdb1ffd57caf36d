/** What `__search` finds: the ranking of `search_schema`, with scores and the ways to each definition. */
import type { GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import { AGENTS } from '#gateway/bounds/agents.ts';
import { RESPOND } from '#gateway/bounds/respond.ts';
import type { FoundDefinition, SchemaFinder } from '#gateway/respond/semantic-introspection.ts';
import { pathsToRoot, type PathsToRoot } from './paths-to-root.ts';
import { nameOf } from './schema-entries.ts';
import type { Rank } from './schema-ranking.ts';

/** @param rank of the parts of `schema` */
export function schemaFinder(schema: GraphQLSchema, rank: Rank): SchemaFinder {
  // Whoever pages through results asks the same again.
  const kept = new LRUCache<string, readonly FoundDefinition[]>({ max: AGENTS.searchesKept });
  let known: PathsToRoot | undefined;
  const paths = (): PathsToRoot => (known ??= pathsToRoot(schema));
  return {
    async find(question) {
      let found = kept.get(question);
      if (found === undefined) {
        const ranked = await rank(question, RESPOND.definitions);
        const best = ranked[0]?.value ?? 1;
        found = ranked.map(({ entry: { type, field }, value }) => ({
          coordinate: nameOf({ type, field }),
          definition: field ?? type,
          score: value / best,
          pathsToRoot: () => paths()(type, field),
        }));
        kept.set(question, found);
      }
      return found;
    },
  };
}
