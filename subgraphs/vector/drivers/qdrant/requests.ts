/** What is asked of Qdrant to rank a tenant's chunks, by meaning or by words. */
import type { RankedChunk, StoreQuery } from '../../driver.ts';
import { conditionsOf, within } from './filter.ts';
import { DENSE, NAMES, rankedChunk, SPARSE } from './points.ts';
import type { RankingRequest } from './ranking.ts';
import { sparseQuery } from './sparse.ts';

/** The request of a query. @returns undefined where nothing can match */
export function requestOf(tenantId: string, query: StoreQuery): RankingRequest<RankedChunk> | undefined {
  const conditions = conditionsOf(query.filter);
  if (conditions === undefined) return undefined;
  const filter = within(tenantId, conditions);
  if (query.kind === 'VECTOR') {
    const ranking = byMeaning(tenantId, Array.from(query.vector), query.limit);
    return conditions.length === 0 ? ranking : { ...ranking, filter, exact: true };
  }
  const words = sparseQuery(query.text);
  if (words.indices.length === 0) return undefined;
  return {
    ...ranked(query.limit),
    query: words,
    using: SPARSE,
    filter,
    exact: false,
    // How rare a word is, is counted among this tenant's chunks: among all, scores told what others store. Of 1.19
    // (qdrant/qdrant#9661), and not in the types of a client for Node 20. Counted shard by shard.
    params: { idf: { corpus: within(tenantId) } },
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
