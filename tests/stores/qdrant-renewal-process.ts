/** A process that embeds again what is in Qdrant, and writes each text that it embeds to a file, until it is killed or done. */
import { appendFileSync } from 'node:fs';
import { createInference } from '#subgraphs/inference/index.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import { QdrantVectors } from '#subgraphs/vector/drivers/qdrant/index.ts';

const [collection, file] = process.argv.slice(2) as [string, string];
const inference = await createInference({ embeddings: 'static-384-v1' }, { usageSink: undefined });
const embedder = inference.provides.embedder!;
const noting: Embedder = {
  get model() {
    return embedder.model;
  },
  embed: (context, texts) => {
    appendFileSync(file, texts.map((text) => `${JSON.stringify(text)}\n`).join(''));
    return embedder.embed(context, texts);
  },
};
const driver = new QdrantVectors(
  { url: process.env['TEST_QDRANT_URL']!, apiKey: process.env['TEST_QDRANT_API_KEY'] },
  collection,
);
const renewer = driver.renewer(noting, undefined, 0);
const plan = await renewer.plan(true);
while (plan !== undefined && (await renewer.piece(plan, () => false)) !== 'DONE');
await inference.close();
