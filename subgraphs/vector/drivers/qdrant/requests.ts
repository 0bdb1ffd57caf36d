/** What is asked of Qdrant to rank a tenant's chunks, by meaning or by words. */
import type { Schemas } from '@qdrant/js-client-rest';
import { VECTOR } from '../../bounds.ts';
import type { RankedChunk, StoreQuery } from '../../driver.ts';
import { holds, parseKeywords, type RequiredWords } from '../../keywords/query.ts';
import { within } from './filter.ts';
import { DENSE, NAMES, rankedChunk, SPARSE } from './points.ts';
import type { RankingRequest } from './ranking.ts';
import { sparseQuery } from './sparse.ts';

/**
 * The request of a query.
 * @param conditions what its filter came to
 * @param begun whether the last word of keywords is taken for the beginning of one
 * @returns undefined where it has no words
 */
export function requestOf(
  tenantId: string,
  query: StoreQuery,
  conditions: readonly Schemas['Condition'][],
  begun: boolean,
): RankingRequest<RankedChunk> | undefined {
  const filter = within(tenantId, conditions);
  if (query.kind === 'VECTOR') {
    const nearest = byMeaning(tenantId, Array.from(query.vector), query.limit);
    const ranking = query.words === undefined ? nearest : { ...nearest, ...verified(query.words) };
    return conditions.length === 0 ? ranking : { ...ranking, filter, exact: true };
  }
  const wanted = parseKeywords(query.text, VECTOR.keywordTerms);
  const words = sparseQuery(wanted, begun);
  if (words.indices.length === 0) return undefined;
  return {
    ...(wanted.phrases.length + wanted.without.length === 0 ? ranked(query.limit) : verified(wanted)),
    query: words,
    using: SPARSE,
    filter,
    exact: false,
    // How rare a word is, is counted among this tenant's chunks: among all, scores told what others store. Of 1.19
    // (qdrant/qdrant#9661), and not in the types of a client for Node 20. Counted shard by shard.
    params: { idf: { corpus: within(tenantId) } },
  };
}

/**
 * Phrases, and what must not be there, are seen in the texts themselves, of the best of a ranking: Qdrant keeps no places. All of
 * the window are answered, for the caller to cut.
 */
function verified(wanted: RequiredWords) {
  const refused = new Set<string>();
  return {
    limit: VECTOR.window,
    payload: [...NAMES, 'title', 'text'],
    itemOf: (point: Schemas['ScoredPoint']): RankedChunk => {
      const item = rankedChunk(point);
      if (!holds(wanted, String(point.payload?.['title']), String(point.payload?.['text']))) refused.add(item.chunkId);
      return item;
    },
    except: ({ chunkId }: RankedChunk) => refused.has(chunkId),
  };
}

const ranked = (limit: number) => ({ limit, payload: NAMES, itemOf: rankedChunk });

/** By the tenant's own graph. */
export const byMeaning = (tenantId: string, vector: number[], limit: number): RankingRequest<RankedChunk> => ({
  ...ranked(limit),
  query: vector,
  using: DENSE,
  filter: within(tenantId),
  exact: false,
});
