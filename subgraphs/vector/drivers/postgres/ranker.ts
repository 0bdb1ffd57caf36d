/** The two ways to rank have one shape. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { RankedChunk, RankedDocument, Ranking, VectorModel, VectorQuery } from '../../driver.ts';

/** How vectors are ranked; the driver does everything else. */
export interface Ranker {
  search(context: RequestContext, queries: readonly VectorQuery[]): Promise<readonly Ranking<RankedChunk>[]>;
  similarToChunks(
    context: RequestContext,
    chunkIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedChunk>>>;
  similarToDocuments(
    context: RequestContext,
    documentIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedDocument>>>;
  /** Called before the first vectors of a model are written. */
  prepare(model: VectorModel): Promise<void>;
  /** Called after rows were written and committed. */
  written(rows: number): void;
  close(): Promise<void>;
}
