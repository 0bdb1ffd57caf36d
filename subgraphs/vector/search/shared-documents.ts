/**
 * Searches that find, besides what is the caller's own, the documents that other projects shared with his. Each project's data is searched
 * by itself, as its own, for the documents that were shared and nothing else, and only where there are any: what was revoked a moment ago is
 * not looked for. Scores of one model compare across projects; what was made by another model is left out.
 */
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { ShareLookup } from '#subgraphs/shared/ports.ts';
import { receivedBy, type Received } from '#subgraphs/shared/received-documents.ts';
import type { RankedChunk, Ranking, StoreQuery, VectorDriver } from '../driver.ts';
import { bothOf } from '../input.ts';
import { byScoreThenId } from './fusion.ts';

/** What answers searches: a store, or this beside it. */
export type Searchable = Pick<VectorDriver, 'search' | 'texts'>;

/** @param shares what tells which documents were shared; undefined where nothing can be */
export function searchingShared(driver: Searchable, shares: ShareLookup | undefined): Searchable {
  if (shares === undefined) return driver;
  const search: Searchable['search'] = async (context, queries) => {
    const [own, received] = await Promise.all([driver.search(context, queries), receivedBy(context, shares)]);
    if (received.length === 0) return own;
    const found = await Promise.all(received.map((each) => searchIn(driver, each, queries)));
    return own.map((ranking, index) =>
      merged([ranking, ...found.map((rankings) => rankings[index]!)], queries[index]!),
    );
  };
  const texts: Searchable['texts'] = async (context, chunkIds) => {
    const found = await driver.texts(context, chunkIds);
    const missing = chunkIds.filter((id) => !found.has(id));
    if (missing.length === 0) return found;
    for (const { context: owner, documentIds: shared } of await receivedBy(context, shares))
      for (const [id, text] of await driver.texts(owner, missing)) if (shared.has(text.documentId)) found.set(id, text);
    return found;
  };
  return { search, texts };
}

async function searchIn(
  driver: Searchable,
  { context, documentIds: shared }: Received,
  queries: readonly StoreQuery[],
): Promise<readonly Ranking<RankedChunk>[]> {
  if (shared.size === 0) return queries.map(() => NOTHING);
  const only = { kind: 'in', column: 'documentId', values: [...shared] } as const;
  const narrowed = queries.map((query) => ({ ...query, filter: bothOf(query.filter, only) }));
  return await driver.search(context, narrowed).catch(unlessOtherModel(queries.length));
}

const NOTHING: Ranking<RankedChunk> = { items: [], approximate: false };

const unlessOtherModel =
  (count: number) =>
  (error: unknown): readonly Ranking<RankedChunk>[] => {
    if (error instanceof CodedError && error.code === 'CONFLICT') return Array.from({ length: count }, () => NOTHING);
    throw error;
  };

const merged = (rankings: readonly Ranking<RankedChunk>[], { limit }: StoreQuery): Ranking<RankedChunk> => ({
  items: rankings
    .flatMap(({ items }) => items)
    .sort(byScoreThenId)
    .slice(0, limit),
  approximate: rankings.some(({ approximate }) => approximate),
});
