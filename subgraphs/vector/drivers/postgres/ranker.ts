/** The two ways to rank have one shape. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { RankedChunk, Ranking, VectorDriver, VectorModel, VectorQuery } from '../../driver.ts';

/** How vectors are ranked; the driver does everything else. */
export interface Ranker extends Pick<VectorDriver, 'similarToChunks' | 'similarToDocuments'> {
  search(context: RequestContext, queries: readonly VectorQuery[]): Promise<readonly Ranking<RankedChunk>[]>;
  /** Called before the first vectors of a model are written. */
  prepare(model: VectorModel): Promise<void>;
  /** Called after rows were written and committed. */
  written(rows: number): void;
  close(): Promise<void>;
}
