/** The built-in embedders as drivers: they yield to the event loop between texts, and stop when the call's signal aborts. */
import type { BuiltInModel } from '#subgraphs/shared/built-in-models.ts';
import { INFERENCE } from '../bounds.ts';
import type { EmbeddingDriver, InferenceCall } from '../driver.ts';
import { HASHING_DIMENSIONS, HashingEmbedder } from './hashing/index.ts';
import { STATIC_DIMENSIONS, StaticEmbedder } from './static/index.ts';

interface TextEmbedder {
  embed(text: string): Float32Array;
}

const EMBEDDERS: Readonly<Record<BuiltInModel, { dimensions: number; open: () => Promise<TextEmbedder> }>> = {
  'static-384-v1': { dimensions: STATIC_DIMENSIONS, open: () => StaticEmbedder.open() },
  'hashing-384-v1': { dimensions: HASHING_DIMENSIONS, open: () => Promise.resolve(new HashingEmbedder()) },
};

/** @throws while embedding: CodedError `STORE_UNAVAILABLE` where what the model is made of cannot be read */
export function createBuiltInDriver(model: BuiltInModel): EmbeddingDriver {
  const { dimensions, open } = EMBEDDERS[model];
  let opened: Promise<TextEmbedder> | undefined;
  return {
    provider: 'built-in',
    model,
    dimensions,
    metered: false,
    async embed({ signal }: InferenceCall, input: readonly string[]) {
      opened ??= open().catch((error: unknown) => {
        opened = undefined; // Whoever asks next tries again.
        throw error;
      });
      const embedder = await opened;
      const vectors: Float32Array[] = [];
      let started = performance.now();
      for (const text of input) {
        signal?.throwIfAborted();
        vectors.push(embedder.embed(text));
        if (performance.now() - started < INFERENCE.embeddingStretchMs) continue;
        await new Promise((resolve) => setImmediate(resolve));
        started = performance.now();
      }
      return { vectors, dimensions };
    },
  };
}
