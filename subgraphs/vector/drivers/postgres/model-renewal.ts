/**
 * Embeds again what another built-in embedder embedded, in the background: all of a tenant's collection in one transaction, so
 * that nobody ever sees vectors of two models. Whoever is stopped begins the tenant anew at the next start; several processes
 * take turns. Until a tenant is done, its searches by meaning are refused, and those by words answered. Vectors of models that
 * are served are left alone: they may have been paid for.
 */
import { BUILT_IN_MODELS, isBuiltIn } from '#subgraphs/shared/built-in-models.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { VECTOR } from '../../bounds.ts';
import type { VectorModel } from '../../driver.ts';
import { contentHash, partsIn } from '../../indexing/content-hash.ts';
import { modelOf } from '../../indexing/embedding-model.ts';
import { embeddedText, embedTexts } from '../../indexing/embedding.ts';
import type { Ranker } from './ranker.ts';
import { Renewal } from './renewal.ts';
import * as statements from './statements.ts';

export interface ModelRenewalOptions {
  readonly postgres: Postgres;
  readonly collection: string;
  readonly ranker: Ranker;
  readonly embedder: Embedder;
  /** Told what an operator should know. */
  readonly log: (message: string) => void;
}

export const renewModel = (options: ModelRenewalOptions): Renewal =>
  new Renewal({
    run: (stopping) => run(options, stopping),
    failed: 'Stored texts were not all embedded again',
    log: options.log,
  });

async function run(options: ModelRenewalOptions, stopping: () => boolean): Promise<void> {
  const { postgres, collection, embedder, log } = options;
  const { name, dimensions } = await modelOf(statements.system(), embedder);
  if (!isBuiltIn(name) || dimensions === undefined) return;
  const others = BUILT_IN_MODELS.filter((model) => model !== name);
  const tenants = await postgres.systemTransaction(statements.system(), (tx) =>
    tx.query(statements.collectionsOfModels(collection, others)),
  );
  if (tenants.length === 0) return;
  const from = [...new Set(tenants.map(({ model }) => model))].join(', ');
  log(
    `The embedder is ${name} now, and was ${from}: what is stored of ${tenants.length} ${tenants.length === 1 ? 'tenant' : 'tenants'} is embedded again. Until then their searches by meaning are refused; EMBEDDING_MODEL=${from} keeps the one of before.`,
  );
  let texts = 0;
  for (const { tenant_id: tenantId } of tenants) {
    if (stopping()) return;
    texts += await tenant(tenantId, { model: name, dimensions }, options, stopping);
  }
  log(`${texts} stored texts were embedded again.`);
}

/** @returns how many texts were embedded */
async function tenant(
  tenantId: string,
  model: VectorModel,
  { postgres, collection, ranker, embedder }: ModelRenewalOptions,
  stopping: () => boolean,
): Promise<number> {
  await ranker.prepare(model);
  const context = statements.system(tenantId);
  const count = await postgres.transaction(context, async (tx) => {
    await tx.query(statements.holdCollection(collection));
    const [renewed] = await tx.query(statements.changeModel(collection, model.model, model.dimensions));
    if (renewed === undefined) return 0; // Another process was first.
    let [texts, after] = [0, '-1'];
    for (;;) {
      if (stopping()) throw new Error('The server is stopping.');
      const chunks = await tx.query(statements.chunksAfter(collection, after, VECTOR.modelRenewalTexts));
      if (chunks.length === 0) return texts;
      const embedded = await embedTexts(
        context,
        embedder,
        chunks.map(({ title, text }) => embeddedText(title, text)),
      );
      if (embedded.model.model !== model.model) throw new Error('The embedder changed in the middle.');
      const rows = chunks.map(({ chunk_id: chunkId, title, text, content_hash: hash }, index) => ({
        chunkId,
        vector: embedded.texts[index]!.vector,
        // A caller's vector is of the text all the same, and stays one that indexing the document embeds anew.
        contentHash:
          partsIn(hash) === null ? hash : contentHash(model.model, title, text, embedded.texts[index]!.parts),
      }));
      await tx.query(statements.writeVectors(collection, renewed.revision, model.dimensions, rows));
      texts += chunks.length;
      after = chunks.at(-1)!.ordinal;
    }
  });
  ranker.written(count);
  return count;
}
