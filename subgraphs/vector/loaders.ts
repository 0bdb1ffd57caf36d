/** Per-request loaders: one call of the driver for all parents, results matched by key. */
import type DataLoader from 'dataloader';

import { perRequest, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Embedder, Reranker } from '#subgraphs/shared/ports.ts';
import { requestLoader } from '#subgraphs/shared/request-loader.ts';
import type { RankedChunk, RankedDocument, Ranking, VectorDriver } from './driver.ts';
import { NearDocuments } from './search/nearest-documents.ts';
import { searchAll, type SearchPage, type SearchRequest } from './search/search.ts';
import type { Searchable } from './search/shared-documents.ts';

/** One loader for each page length, because all parents of one load share it. */
type ByLimit<Item> = (limit: number) => DataLoader<string, Ranking<Item> | null>;

export interface VectorLoaders {
  readonly search: DataLoader<SearchRequest, SearchPage>;
  /** The documents nearest to a query. */
  readonly nearDocuments: NearDocuments;
  /** The remembered facts nearest to one. */
  readonly nearFacts: NearDocuments;
  /** The messages nearest to one. */
  readonly nearMessages: NearDocuments;
  /** Null where the chunk has no vector. */
  readonly similarChunks: ByLimit<RankedChunk>;
  /** Null where no chunk of the document has a vector. */
  readonly similarDocuments: ByLimit<RankedDocument>;
  /** The text of a chunk as it was indexed, the caller's own or shared with him; null where it is neither. */
  readonly text: DataLoader<string, string | null>;
  /** How the vector of a chunk came about; null where it has none. */
  readonly contentHash: DataLoader<string, string | null>;
  /** Forgets what was read; for mutations, which may have changed it. */
  clearAll(): void;
}

export function createLoaders(
  deps: () => {
    driver: VectorDriver;
    facts: VectorDriver;
    messages: VectorDriver;
    searching: Searchable;
    embedder: Embedder;
    reranker: Reranker | undefined;
  },
): (context: RequestContext) => VectorLoaders {
  return perRequest((context) => {
    const similar = <Item>(read: (ids: readonly string[], limit: number) => Promise<Map<string, Ranking<Item>>>) => {
      const loaders = new Map<number, DataLoader<string, Ranking<Item> | null>>();
      const byLimit: ByLimit<Item> = (limit) => {
        let loader = loaders.get(limit);
        if (loader === undefined) {
          loader = requestLoader(context, async (ids) => {
            const found = await read(ids, limit);
            return ids.map((id) => found.get(id) ?? null);
          });
          loaders.set(limit, loader);
        }
        return loader;
      };
      return { byLimit, clear: () => loaders.clear() };
    };
    const chunks = similar((ids, limit) => deps().driver.similarToChunks(context, ids, limit));
    const documents = similar((ids, limit) => deps().driver.similarToDocuments(context, ids, limit));
    const search = requestLoader<SearchRequest, SearchPage>(
      context,
      async (requests) => await searchAll(context, deps(), requests),
      { cache: false },
    );
    const contentHash = requestLoader<string, string | null>(context, async (ids) => {
      const found = await deps().driver.contentHashes(context, ids);
      return ids.map((id) => found.get(id) ?? null);
    });
    const text = requestLoader<string, string | null>(context, async (ids) => {
      const found = await deps().searching.texts(context, ids);
      return ids.map((id) => found.get(id)?.text ?? null);
    });
    return {
      search,
      nearDocuments: new NearDocuments(context, deps),
      nearFacts: new NearDocuments(context, () => ({ searching: deps().facts, embedder: deps().embedder })),
      nearMessages: new NearDocuments(context, () => ({ searching: deps().messages, embedder: deps().embedder })),
      text,
      contentHash,
      similarChunks: chunks.byLimit,
      similarDocuments: documents.byLimit,
      clearAll: () => {
        chunks.clear();
        documents.clear();
        contentHash.clearAll();
        text.clearAll();
      },
    };
  });
}
