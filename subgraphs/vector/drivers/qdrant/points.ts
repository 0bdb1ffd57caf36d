/** Chunks as points, and requests that stay within what the server takes and the process holds. */
import type { Schemas } from '@qdrant/js-client-rest';
import { mayBeExact, parseExactJson, withPlainNumbers, writeJson } from '#subgraphs/shared/exact-number.ts';
import { VECTOR } from '../../bounds.ts';
import type { ChunkAttributes, ChunkVector, RankedChunk } from '../../driver.ts';
import { metadataTerms, pointId } from './filter.ts';
import { sparseText } from './sparse.ts';

export const DENSE = 'dense';
export const SPARSE = 'text';

/** A number of a vector in JSON, at most, roughly: `-0.012345679104328156,`. */
const BYTES_OF_NUMBER = 22;

/** The payload's keys that rankings are answered with. */
export const NAMES = ['chunk_id', 'document_id'];

/** How many points with vectors are read at once. */
export const rowsOf = (dimensions: number): number =>
  Math.max(1, Math.min(VECTOR.qdrantPagePoints, Math.floor(VECTOR.qdrantPageBytes / (dimensions * BYTES_OF_NUMBER))));

/**
 * Cuts what is to be sent into requests. One item over the limit is a request of its own: the server says what it
 * thinks of it.
 * @param most the bytes of one request's JSON
 */
export async function* inBatches<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  most: number,
): AsyncGenerator<Item[]> {
  let batch: Item[] = [];
  let bytes = 0;
  for await (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item));
    if (batch.length > 0 && (batch.length === VECTOR.qdrantBatchPoints || bytes + size > most)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** What is stored of a chunk. @param withVector whether for meaning, too, or for words alone */
export const pointOf = (tenantId: string, chunk: ChunkVector, withVector = true): Schemas['PointStruct'] => ({
  id: pointId(tenantId, chunk.chunkId),
  vector: {
    ...(withVector ? { [DENSE]: Array.from(chunk.vector) } : {}),
    [SPARSE]: sparseText(chunk.title, chunk.text),
  },
  payload: {
    tenant: tenantId,
    chunk_id: chunk.chunkId,
    title: chunk.title,
    text: chunk.text,
    content_hash: chunk.contentHash,
    ...attributesOf(chunk),
  },
});

/** The metadata as text where doubles would change a number of it; null elsewhere. */
function exactText(metadata: ChunkAttributes['metadata']): string | null {
  const text = writeJson(metadata);
  return mayBeExact(text) ? text : null;
}

/** The metadata of a payload with its `metadata` and `metadata_exact`. */
export const metadataOf = ({ metadata, metadata_exact: exact }: Record<string, unknown>): ChunkAttributes['metadata'] =>
  (typeof exact === 'string' ? parseExactJson(exact) : (metadata ?? {})) as ChunkAttributes['metadata'];

/** What may change of a chunk whose text stays. */
export const attributesOf = (chunk: Omit<ChunkAttributes, 'title'>) => ({
  document_id: chunk.documentId,
  source: chunk.source,
  collection: chunk.collection,
  media_type: chunk.mediaType,
  metadata: withPlainNumbers(chunk.metadata) as ChunkAttributes['metadata'],
  // Qdrant keeps numbers as doubles.
  metadata_exact: exactText(chunk.metadata),
  metadata_terms: metadataTerms(chunk.metadata),
});

export const rankedChunk = ({ payload, score }: Schemas['ScoredPoint']): RankedChunk => ({
  chunkId: String(payload?.['chunk_id']),
  documentId: String(payload?.['document_id']),
  score,
});

/** A point's vector; undefined where it has words alone (`Generation.upsertWords`). */
export const vectorOf = (point: Schemas['Record'], name: string): number[] | undefined =>
  (point.vector as Record<string, number[]> | undefined)?.[name];
