/** A tenant's chunks as they are stored: by id, by document in pages, and all of them. */
import type { Schemas } from '@qdrant/js-client-rest';
import { DEFAULT_COLLECTION } from '#subgraphs/shared/document-collection.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { VECTOR } from '../../bounds.ts';
import type { ChunkText, StoredChunk, VectorModel } from '../../driver.ts';
import type { QdrantCollection } from './collection.ts';
import { oneOf, PAYLOAD, pointId, within } from './filter.ts';
import { DENSE, metadataOf, NAMES, rowsOf, vectorOf } from './points.ts';

export class StoredChunks {
  readonly #chunks: QdrantCollection;

  constructor(chunks: QdrantCollection) {
    this.#chunks = chunks;
  }

  /** The hash of each chunk's text, of documents. */
  async storedHashes(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, string>> {
    if (documentIds.length === 0 || (await this.#chunks.info(context)) === undefined) return new Map();
    const hashes = new Map<string, string>();
    for await (const points of this.pages(context, ofDocuments(context, documentIds), ['chunk_id', 'content_hash']))
      for (const { payload } of points) hashes.set(String(payload!['chunk_id']), String(payload!['content_hash']));
    return hashes;
  }

  /** The hash of each chunk's text, of chunks. */
  async contentHashes(context: RequestContext, chunkIds: readonly string[]): Promise<Map<string, string>> {
    if (chunkIds.length === 0 || (await this.#chunks.info(context)) === undefined) return new Map();
    const own = await this.own(context, chunkIds, ['chunk_id', 'content_hash']);
    return new Map(own.map(({ payload }) => [String(payload!['chunk_id']), String(payload!['content_hash'])]));
  }

  /** The text of each chunk, of chunks. */
  async texts(context: RequestContext, chunkIds: readonly string[]): Promise<Map<string, ChunkText>> {
    if (chunkIds.length === 0 || (await this.#chunks.info(context)) === undefined) return new Map();
    const own = await this.own(context, chunkIds, ['chunk_id', PAYLOAD.documentId, 'title', 'text']);
    return new Map(
      own.map(({ payload }) => [
        String(payload!['chunk_id']),
        {
          documentId: String(payload![PAYLOAD.documentId]),
          title: String(payload!['title']),
          text: String(payload!['text']),
        },
      ]),
    );
  }

  /** The tenant's chunks of these ids, with some of their payload. Reading by id takes no filter, so it is checked. */
  async own(
    context: RequestContext,
    chunkIds: readonly string[],
    payload: readonly string[],
  ): Promise<Schemas['Record'][]> {
    const { tenantId } = context.principal;
    const points = await this.#chunks.call(context, (client) =>
      client.retrieve(this.#chunks.name, {
        ids: chunkIds.map((chunkId) => pointId(tenantId, chunkId)),
        with_payload: [PAYLOAD.tenant, ...payload],
        with_vector: false,
      }),
    );
    return points.filter((point) => point.payload?.[PAYLOAD.tenant] === tenantId);
  }

  /** What is known of documents' chunks without their vectors. */
  async storedChunks(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, StoredChunk>> {
    if (documentIds.length === 0 || (await this.#chunks.info(context)) === undefined) return new Map();
    const { documentId, source, collection, mediaType } = PAYLOAD;
    const names = ['chunk_id', 'content_hash', documentId, source, collection, mediaType, 'metadata', 'metadata_exact'];
    const chunks = new Map<string, StoredChunk>();
    for await (const points of this.pages(context, ofDocuments(context, documentIds), names)) {
      for (const { payload } of points) {
        chunks.set(String(payload!['chunk_id']), {
          documentId: String(payload![documentId]),
          contentHash: String(payload!['content_hash']),
          source: String(payload![source]),
          collection: String(payload![collection] ?? DEFAULT_COLLECTION),
          mediaType: String(payload![mediaType]),
          metadata: metadataOf(payload!),
        });
      }
    }
    return chunks;
  }

  /** Pages go by point, since Qdrant has no order of documents; a document may come again in a later page. */
  async documentIds(
    context: RequestContext,
    after: string | null,
    limit: number,
  ): Promise<{ ids: readonly string[]; next: string | null }> {
    if ((await this.#chunks.info(context)) === undefined) return { ids: [], next: null };
    const page = await this.#chunks.call(context, (client) =>
      client.scroll(this.#chunks.name, {
        filter: within(context.principal.tenantId),
        limit,
        with_payload: [PAYLOAD.documentId],
        with_vector: false,
        ...(after === null ? {} : { offset: after }),
      }),
    );
    const next = page.next_page_offset;
    return {
      ids: [...new Set(page.points.map((point) => String(point.payload![PAYLOAD.documentId])))],
      next: next == null ? null : String(next),
    };
  }

  /** The stored vectors of documents' chunks. */
  async *vectors(
    context: RequestContext,
    documentIds: readonly string[],
    { dimensions }: VectorModel,
  ): AsyncGenerator<{ documentId: string; chunkId: string; vector: Float32Array }> {
    for await (const points of this.pages(context, ofDocuments(context, documentIds), NAMES, dimensions))
      for (const point of points) {
        const vector = vectorOf(point, DENSE);
        if (vector === undefined) continue;
        yield {
          documentId: String(point.payload![PAYLOAD.documentId]),
          chunkId: String(point.payload!['chunk_id']),
          vector: Float32Array.from(vector),
        };
      }
  }

  /** How many of them meet a filter, which names the tenant. */
  async count(context: RequestContext, filter: Schemas['Filter']): Promise<number> {
    return (await this.#chunks.call(context, (client) => client.count(this.#chunks.name, { filter, exact: true })))
      .count;
  }

  /**
   * Those that meet a filter, which names the tenant, page by page.
   * @param dimensions of the vectors that are read, where any are
   */
  async *pages(
    context: RequestContext,
    filter: Schemas['Filter'],
    payload: string[],
    dimensions?: number,
  ): AsyncGenerator<Schemas['Record'][]> {
    let offset: Schemas['ScrollResult']['next_page_offset'];
    do {
      const from = offset;
      const page = await this.#chunks.call(context, (client) =>
        client.scroll(this.#chunks.name, {
          filter,
          limit: dimensions === undefined ? VECTOR.qdrantPagePoints : rowsOf(dimensions),
          with_payload: payload,
          with_vector: dimensions === undefined ? false : [DENSE],
          ...(from === undefined || from === null ? {} : { offset: from as string }),
        }),
      );
      yield page.points;
      offset = page.next_page_offset;
    } while (offset !== undefined && offset !== null);
  }
}

const ofDocuments = ({ principal }: RequestContext, documentIds: readonly string[]): Schemas['Filter'] =>
  within(principal.tenantId, [oneOf(PAYLOAD.documentId, documentIds)]);
