/** Where the nodes of the model are. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';

export interface GraphModelDriver {
  /**
   * Runs one statement that reads.
   * @returns the answer of the store's client
   * @throws CodedError `STORE_UNAVAILABLE`, `STORE_TIMEOUT`
   */
  read(context: RequestContext, cypher: string, parameters: Record<string, unknown>): Promise<unknown>;
  health(): Promise<StoreHealth>;
  close(): Promise<void>;
}
