/** What any server of models must do; called with each. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  ChatDelta,
  ChatDriver,
  ChatRequest,
  EmbeddingDriver,
  InferenceCall,
  ModelServer,
} from '#subgraphs/inference/driver.ts';
import { StatementCounter } from '#subgraphs/shared/context.ts';

export const call = (signal?: AbortSignal): InferenceCall => ({ statements: new StatementCounter(), signal });
export const ask = (content: string, options: Partial<ChatRequest> = {}): ChatRequest => ({
  messages: [{ role: 'USER', content }],
  maxTokens: 50,
  ...options,
});
export const collect = async (deltas: AsyncIterable<ChatDelta>): Promise<ChatDelta[]> => {
  const all: ChatDelta[] = [];
  for await (const delta of deltas) all.push(delta);
  return all;
};
export const norm = (vector: Float32Array): number => Math.hypot(...vector);

/** A server under test; what it does not serve is absent, and its tests are skipped. */
export interface ModelsUnderTest {
  embedding: EmbeddingDriver | undefined;
  chat: ChatDriver | undefined;
  server: ModelServer;
  close(): Promise<void>;
}

/** Registers the suite. */
export function inferenceDriverContract(name: string, open: () => Promise<ModelsUnderTest>): void {
  describe(`models of ${name}`, () => {
    let opened: ModelsUnderTest;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.close());

    it('embed in order, normalised, in several batches', async (test) => {
      if (!opened.embedding) return test.skip();
      const input = Array.from({ length: 70 }, (_, at) => `text number ${at}`);
      const { vectors, dimensions } = await opened.embedding.embed(call(), input);
      expect(vectors).toHaveLength(70);
      for (const vector of vectors) {
        expect(vector).toHaveLength(dimensions);
        expect(norm(vector)).toBeCloseTo(1, 4);
      }
      const [alone] = (await opened.embedding.embed(call(), [input[41]!])).vectors;
      const cosine = alone!.reduce((sum, value, at) => sum + value * vectors[41]![at]!, 0);
      expect(cosine).toBeGreaterThan(0.99);
      expect(opened.embedding.dimensions).toBe(dimensions);
    });

    it('generate, with usage', async (test) => {
      if (!opened.chat) return test.skip();
      const answer = await opened.chat.generate(call(), ask('Say hello'));
      expect(answer.text).not.toBe('');
      expect(answer.usage!.inputTokens).toBeGreaterThan(0);
      expect(answer.usage!.outputTokens).toBeGreaterThan(0);
      const cut = await opened.chat.generate(call(), ask('Count from one to fifty in words', { maxTokens: 2 }));
      expect(cut.finishReason).toBe('LENGTH');
    });

    it('stream, with one reason and one usage at the end', async (test) => {
      if (!opened.chat) return test.skip();
      const deltas = await collect(opened.chat.stream(call(), ask('Say hello to the world')));
      expect(deltas.map(({ text }) => text).join('')).not.toBe('');
      expect(deltas.filter(({ finishReason }) => finishReason)).toHaveLength(1);
      expect(deltas.filter(({ usage }) => usage).at(-1)!.usage!.outputTokens).toBeGreaterThan(0);
    });

    it('list models', async () => {
      expect((await opened.server.models(call()))!.ids.length).toBeGreaterThan(0);
      expect(await opened.server.probe()).toBeGreaterThan(0);
    });
  });
}
