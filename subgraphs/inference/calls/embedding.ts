/** Embedding for both of its users: the `embed` field and the port that the vector subgraph is given. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { inputTooLong, tooLongOf, type CodedError } from '#subgraphs/shared/errors.ts';
import type { EmbeddedAs, Embedder, Embeddings } from '#subgraphs/shared/ports.ts';
import type { EmbeddingDriver } from '../driver.ts';
import type { Spending } from '../spending/spending.ts';

/**
 * The port over a driver. Tokens are recorded for every caller, the gateway's own indexing included: a provider bills
 * it all the same. The built-in embedder costs nothing, so nothing is recorded for it.
 */
export function createEmbedder(driver: EmbeddingDriver, spending: Spending): Embedder {
  return {
    get model() {
      const name = driver.space ?? driver.model;
      return name === undefined ? undefined : { name, dimensions: driver.dimensions };
    },
    async embed(context: RequestContext, input: readonly string[], as?: EmbeddedAs): Promise<Embeddings> {
      if (input.length === 0 && driver.model !== undefined)
        return { model: driver.space ?? driver.model, dimensions: driver.dimensions ?? 0, vectors: [] };
      if (!driver.metered) {
        const { vectors, dimensions } = await driver.embed(context, input, as);
        return { model: driver.model!, dimensions, vectors };
      }
      const inputCharacters = input.reduce((sum, text) => sum + text.length, 0);
      const { provider, model: asked } = driver;
      const planned = { operation: 'embeddings', provider, model: asked, inputCharacters, outputTokens: 0 } as const;
      const { answer, begun } = await spending.call(context, planned, () => driver.embed(context, input, as));
      const { vectors, dimensions, usage, tooLong, failure } = answer;
      const model = driver.model!;
      const call = {
        operation: 'EMBED' as const,
        provider: driver.provider,
        model,
        counted: usage,
        // Of what has a vector: for what was refused nobody is billed.
        input: () => input.reduce((sum, text, at) => sum + (vectors[at] === undefined ? 0 : text.length), 0),
        output: () => 0,
      };
      if (failure !== undefined) {
        await begun.failed(failure.error, call);
        throw failure.error;
      }
      if (tooLong?.size === input.length) await begun.nothing();
      else await begun.took(call);
      if (tooLong) throw tooLongError(tooLong, input.length);
      return { model: driver.space ?? model, dimensions, vectors };
    },
  };
}

/** One error for all texts that are too long, so that the caller can mend them at once. */
function tooLongError(tooLong: ReadonlyMap<number, CodedError>, count: number): CodedError {
  const inputs = [...tooLong.keys()].sort((a, b) => a - b);
  const first = tooLong.get(inputs[0]!)!;
  const { limit, unit = 'TOKENS' } = tooLongOf(first) ?? {};
  return inputTooLong(
    `${inputs.length} of ${count} texts are too long for the embedding model. ${first.message}`,
    { limit, unit, inputs },
    { cause: first, hint: 'Shorten the texts whose places `inputs` lists, or split them.' },
  );
}
