/** What the operations of the subgraph are done with. */
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import type { InferenceBounds } from '../bounds.ts';
import type { ChatDriver, EmbeddingDriver, ModelServer, RerankDriver } from '../driver.ts';
import type { Spending } from '../spending/spending.ts';

export interface InferenceDeps {
  readonly embedder: Embedder;
  readonly embedding: EmbeddingDriver;
  readonly chat: ChatDriver;
  readonly reranker: RerankDriver | undefined;
  /** The server behind `embedding` and `chat`, where there is one. */
  readonly servers: readonly ModelServer[];
  readonly spending: Spending;
  /** Threads for summaries. */
  readonly work: WorkPool;
  readonly bounds?: Pick<InferenceBounds, 'summaryCharacters'>;
}
