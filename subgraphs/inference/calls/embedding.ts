/** Embedding for both of its users: the `embed` field and the port that the vector subgraph is given. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Embedder, Embeddings } from '#subgraphs/shared/ports.ts';
import type { EmbeddingDriver } from '../driver.ts';
import type { RecordUsage } from './usage.ts';

/**
 * The port over a driver. Tokens are recorded for every caller, the gateway's own indexing included: a provider bills
 * it all the same. The built-in embedder costs nothing, so nothing is recorded for it.
 */
export function createEmbedder(driver: EmbeddingDriver, recordUsage: RecordUsage): Embedder {
  return {
    get model() {
      return driver.model === undefined ? undefined : { name: driver.model, dimensions: driver.dimensions };
    },
    async embed(context: RequestContext, input: readonly string[]): Promise<Embeddings> {
      if (input.length === 0 && driver.model !== undefined)
        return { model: driver.model, dimensions: driver.dimensions ?? 0, vectors: [] };
      const { vectors, dimensions, usage } = await driver.embed(context, input);
      const model = driver.model!;
      if (driver.metered) {
        recordUsage(context, {
          operation: 'EMBED',
          provider: driver.provider,
          model,
          counted: usage,
          input: () => input.reduce((sum, text) => sum + text.length, 0),
          output: () => 0,
        });
      }
      return { model, dimensions, vectors };
    },
  };
}
