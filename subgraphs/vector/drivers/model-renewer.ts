/** What embedding again has in common, whichever store keeps what another model embedded. */
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { RenewalState, VectorModel } from '../driver.ts';
import { isSameModel } from '../indexing/collection.ts';
import { contentHash, partsIn } from '../indexing/content-hash.ts';
import { embeddedText, embedTexts } from '../indexing/embedding.ts';
import { modelOf } from '../indexing/embedding-model.ts';
import { system } from './system-context.ts';

/** Of whoever is at it, among all processes of a database. */
const RENEWAL_LOCK = 7_283_914_003;

/** Works where no other process does. */
export async function aloneAt(postgres: Postgres, work: () => Promise<RenewalState>): Promise<RenewalState> {
  return await postgres.systemTransaction(system(), async (tx) => {
    const [row] = await tx.query<{ held: boolean }>({
      sql: 'SELECT pg_try_advisory_xact_lock($1) AS held',
      parameters: [RENEWAL_LOCK],
    });
    return row?.held === true ? await work() : 'ELSEWHERE';
  });
}

/** The embedder's model with its dimensions, which are known once it has made a vector. */
export async function wholeModelOf(embedder: Embedder): Promise<VectorModel> {
  const context = system();
  const { name, dimensions } = await modelOf(context, embedder);
  return { model: name, dimensions: dimensions ?? (await embedder.embed(context, ['.'])).dimensions };
}

/** The models of before, for a person. */
export const wasOf = (collections: readonly VectorModel[], { model: to }: VectorModel): string =>
  [
    ...new Set(
      collections.map(({ model, dimensions }) => (model === to ? `${model} of ${dimensions} dimensions` : model)),
    ),
  ].join(', ');

/** A stored text that is embedded again. */
export interface StoredText {
  readonly title: string;
  readonly text: string;
  /** The digest that it is stored with. */
  readonly contentHash: string;
}

/** The digest of a stored text as the model would embed it; a caller's vector stays one that indexing embeds anew. */
export const renewedHash = (model: string, { title, text, contentHash: hash }: StoredText, parts?: number): string =>
  partsIn(hash) === null ? hash : contentHash(model, title, text, parts);

/**
 * Embeds stored texts with the model, in their order.
 * @param stopping whether it is to end, asked before the model is
 */
export async function embedAgain(
  context: RequestContext,
  embedder: Embedder,
  stored: readonly StoredText[],
  model: VectorModel,
  stopping: () => boolean,
): Promise<{ readonly vector: Float32Array; readonly contentHash: string }[]> {
  if (stopping()) throw stopped();
  const embedded = await embedTexts(
    context,
    embedder,
    stored.map(({ title, text }) => embeddedText(title, text)),
  );
  if (!isSameModel(embedded.model, model)) throw new Error('The embedder changed in the middle.');
  return stored.map((each, index) => {
    const { vector, parts } = embedded.texts[index]!;
    return { vector, contentHash: renewedHash(model.model, each, parts) };
  });
}

export const stopped = (): Error => new Error('The server is stopping.');
