/** Writes: checks the input, embeds what changed in one call, hands the driver what to store. */
import { isDeepStrictEqual } from 'node:util';

import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import { DEFAULT_COLLECTION } from '#subgraphs/shared/document-collection.ts';
import { VECTOR } from '../bounds.ts';
import type { ChunkAttributes, ChunkVector, CollectionInfo, KeptChunk, VectorDriver, VectorModel } from '../driver.ts';
import { checkId, checkIds, checkMetadata, checkText } from '../input.ts';
import { modelOf } from './embedding-model.ts';
import { callersHash, contentHash, isSameContent } from './content-hash.ts';
import { embeddedText, embedTexts, type EmbeddedText } from './embedding.ts';
import { callersVector } from './vectors.ts';

export interface VectorItem {
  chunkId: string;
  documentId: string;
  text: string;
  vector?: number[] | null;
  title?: string | null;
  metadata?: JsonValue | null;
  mediaType?: string | null;
  source?: string | null;
  collection?: string | null;
}

/**
 * Stores single chunks, with the caller's vectors or embedded here.
 * @param model what made the caller's vectors; the configured embedder's where absent
 * @returns the ids, in order, and the collection as it is now
 */
export async function upsertVectors(
  context: RequestContext,
  driver: VectorDriver,
  embedder: Embedder,
  items: readonly VectorItem[],
  model?: string | null,
): Promise<{ chunkIds: readonly string[]; collection: CollectionInfo | undefined }> {
  const chunkIds = checkIds(
    items.map((item) => item.chunkId),
    '`items.chunkId`',
    VECTOR.items,
  );
  const own = items.map((item, index) =>
    item.vector ? callersVector(item.vector, `The vector of \`items[${index}]\``) : undefined,
  );
  const attributes = items.map((item) => checkAttributes(item));
  const toEmbed = items.filter((_, index) => own[index] === undefined);
  const made =
    toEmbed.length === 0
      ? undefined
      : await embedTexts(
          context,
          embedder,
          toEmbed.map((item) => embeddedText(item.title ?? '', item.text)),
        );

  const written = made?.model ?? (await claimedModel(context, driver, embedder, own, model));
  if (written === undefined) return { chunkIds, collection: await driver.collectionInfo(context) };
  if (model && model !== written.model) {
    throw badUserInput(
      `Items without a vector are embedded with ${JSON.stringify(written.model)}, which cannot stand beside vectors of ${JSON.stringify(model)}.`,
    );
  }
  own.forEach((vector, index) => {
    if (vector !== undefined && vector.length !== written.dimensions) {
      throw badUserInput(
        `The vector of \`items[${index}]\` has ${vector.length} dimensions; others of the same input have ${written.dimensions}.`,
      );
    }
  });
  let next = 0;
  const chunks = items.map((item, index): ChunkVector => {
    const callers = own[index];
    const chunk = { ...attributes[index]!, chunkId: item.chunkId, text: item.text };
    if (callers !== undefined) return { ...chunk, contentHash: callersHash(item.text), vector: callers };
    const { vector, parts } = made!.texts[next++]!;
    return { ...chunk, contentHash: contentHash(embedder.model!.name, item.title ?? '', item.text, parts), vector };
  });
  await driver.upsert(context, chunks, written);
  return { chunkIds, collection: await driver.collectionInfo(context) };
}

/**
 * What made the caller's vectors: what the caller says, else the configured embedder, else what the collection was made
 * with.
 */
async function claimedModel(
  context: RequestContext,
  driver: VectorDriver,
  embedder: Embedder,
  own: readonly (Float32Array | undefined)[],
  claimed: string | null | undefined,
): Promise<VectorModel | undefined> {
  const dimensions = own[0]?.length;
  if (dimensions === undefined) return undefined;
  const model = claimed
    ? checkText(claimed, '`model`', VECTOR.idCharacters, 1)
    : (embedder.model?.name ?? (await driver.collectionInfo(context))?.model);
  if (model === embedder.model?.name && dimensions !== (embedder.model?.dimensions ?? dimensions)) {
    throw badUserInput(
      `The model ${JSON.stringify(model)} makes vectors of ${embedder.model?.dimensions} dimensions; got ${dimensions}.`,
      {
        hint: 'Name the model that made these vectors in `model`.',
      },
    );
  }
  if (model === undefined)
    throw badUserInput(
      'Say in `model` what made these vectors: embedding is not configured, and the collection is new.',
    );
  return { model, dimensions };
}

export interface DocumentInput {
  documentId: string;
  title?: string | null;
  source: string;
  collection?: string | null;
  mediaType: string;
  metadata?: JsonValue | null;
  chunks: { id: string; text: string }[];
}

/** What {@link indexDocuments} did. */
export interface Indexed {
  documentIds: readonly string[];
  /** Chunks whose text was embedded. */
  embedded: number;
  /** Chunks that were already stored as they are. */
  kept: number;
  removed: number;
}

/**
 * Those of the given documents of which other chunks are stored than the input says, or none, or of other texts,
 * titles, models or attributes.
 */
export async function differingDocuments(
  context: RequestContext,
  driver: VectorDriver,
  embedder: Embedder,
  documents: readonly DocumentInput[],
): Promise<string[]> {
  const documentIds = checkIds(
    documents.map((document) => document.documentId),
    '`documents.documentId`',
    VECTOR.documents,
  );
  const model = await modelOf(context, embedder);
  if (documentIds.length === 0) return [];
  const stored = await driver.storedChunks(context, documentIds);
  const counts = new Map<string, number>();
  for (const { documentId } of stored.values()) counts.set(documentId, (counts.get(documentId) ?? 0) + 1);
  return documents
    .filter((document) => {
      const { title, ...attributes } = checkAttributes(document);
      const same = ({ id, text }: { id: string; text: string }): boolean => {
        const { contentHash: hash, ...others } = stored.get(id) ?? {};
        return isSameContent(hash, contentHash(model.name, title, text)) && isDeepStrictEqual(others, attributes);
      };
      return (counts.get(document.documentId) ?? 0) !== document.chunks.length || !document.chunks.every(same);
    })
    .map(({ documentId }) => documentId);
}

/** Makes the stored chunks of the given documents exactly the input, and embeds only what changed. */
export async function indexDocuments(
  context: RequestContext,
  driver: VectorDriver,
  embedder: Embedder,
  documents: readonly DocumentInput[],
): Promise<Indexed> {
  const documentIds = checkIds(
    documents.map((document) => document.documentId),
    '`documents.documentId`',
    VECTOR.documents,
  );
  checkIds(
    documents.flatMap((document) => document.chunks.map((chunk) => chunk.id)),
    '`documents.chunks.id`',
    VECTOR.documentChunks,
  );
  if (documents.length === 0) return { documentIds, embedded: 0, kept: 0, removed: 0 };
  const model = await modelOf(context, embedder);

  const stored = await driver.storedHashes(context, documentIds);
  const kept: KeptChunk[] = [];
  const changed: Omit<ChunkVector, 'vector'>[] = [];
  for (const document of documents) {
    const attributes = checkAttributes(document);
    for (const { id, text } of document.chunks) {
      const chunk = {
        ...attributes,
        chunkId: id,
        contentHash: contentHash(model.name, attributes.title, checkText(text, '`chunks.text`', VECTOR.textCharacters)),
      };
      const hash = stored.get(id);
      if (isSameContent(hash, chunk.contentHash)) kept.push({ ...chunk, contentHash: hash! });
      else changed.push({ ...chunk, text });
    }
  }
  const made =
    changed.length === 0
      ? undefined
      : await embedTexts(
          context,
          embedder,
          changed.map((chunk) => embeddedText(chunk.title, chunk.text)),
        );
  const removed = await driver.indexDocuments(
    context,
    { documentIds, kept, changed: changed.map((chunk, index) => inParts(chunk, made!.texts[index]!, model.name)) },
    made?.model,
  );
  return { documentIds, embedded: changed.length, kept: kept.length, removed };
}

const inParts = (chunk: Omit<ChunkVector, 'vector'>, { vector, parts }: EmbeddedText, model: string): ChunkVector => ({
  ...chunk,
  contentHash: contentHash(model, chunk.title, chunk.text, parts),
  vector,
});

function checkAttributes(input: {
  documentId: string;
  title?: string | null;
  source?: string | null;
  collection?: string | null;
  mediaType?: string | null;
  metadata?: JsonValue | null;
  text?: string;
}): ChunkAttributes {
  if (input.text !== undefined) checkText(input.text, '`items.text`', VECTOR.textCharacters);
  return {
    documentId: checkId(input.documentId, '`documentId`'),
    title: checkText(input.title ?? '', '`title`', VECTOR.titleCharacters),
    source: checkText(input.source ?? '', '`source`', VECTOR.sourceCharacters),
    collection: checkText(input.collection ?? DEFAULT_COLLECTION, '`collection`', VECTOR.collectionCharacters, 1),
    mediaType: checkText(input.mediaType ?? '', '`mediaType`', VECTOR.mediaTypeCharacters),
    metadata: checkMetadata(input.metadata),
  };
}
