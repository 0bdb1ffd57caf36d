/**
 * Vectors in Qdrant: one collection of chunks for all tenants, each chunk with a dense vector for meaning and a sparse one
 * for words, and one of documents (`documents.ts`). Writes of several chunks are not atomic: a reader may see new chunks
 * of a document before the old ones are gone.
 */
import type { Schemas } from '@qdrant/js-client-rest';

import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, conflict, messageWithHint } from '#subgraphs/shared/errors.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import { VECTOR } from '../../bounds.ts';
import { checkModel } from '../../indexing/collection.ts';
import type {
  ChunkVector,
  CollectionInfo,
  DocumentsWrite,
  RankedChunk,
  RankedDocument,
  Ranking,
  StoredChunk,
  StoreQuery,
  VectorDriver,
  VectorModel,
} from '../../driver.ts';
import { byScoreThenId } from '../../search/fusion.ts';
import { QdrantCollection } from './collection.ts';
import { QdrantConnection, type QdrantOptions } from './connection.ts';
import { DocumentMeans, readOwn } from './documents.ts';
import { CHUNK_INDEXES, conditionsOf, oneOf, PAYLOAD, pointId, within } from './filter.ts';
import {
  attributesOf,
  DENSE,
  inBatches,
  metadataOf,
  NAMES,
  pointOf,
  rankedChunk,
  rowsOf,
  SPARSE,
  vectorOf,
} from './points.ts';
import { rank, type RankingRequest } from './ranking.ts';
import { sparseQuery } from './sparse.ts';

export class QdrantVectors implements VectorDriver {
  readonly store = 'qdrant';
  readonly #connection: QdrantConnection;
  readonly #chunks: QdrantCollection;
  readonly #documents: DocumentMeans;

  constructor(options: QdrantOptions, collection: string) {
    this.#connection = new QdrantConnection(options);
    this.#chunks = new QdrantCollection(this.#connection, collection, {
      dense: DENSE,
      sparse: SPARSE,
      indexes: CHUNK_INDEXES,
    });
    this.#documents = new DocumentMeans(this.#connection, collection);
  }

  async search(context: RequestContext, queries: readonly StoreQuery[]): Promise<readonly Ranking<RankedChunk>[]> {
    const info = await this.#chunks.known(context);
    for (const query of queries) {
      if (query.kind === 'VECTOR') checkModel(info, { model: query.model, dimensions: query.vector.length });
    }
    const requests = queries.map((query) => requestOf(context.principal.tenantId, query));
    const rankings = await rank(
      context,
      this.#chunks,
      requests.filter((request) => request !== undefined),
      byScoreThenId,
    );
    let next = 0;
    return requests.map((request) => (request === undefined ? { items: [], approximate: false } : rankings[next++]!));
  }

  async similarToChunks(
    context: RequestContext,
    chunkIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedChunk>>> {
    const { dimensions } = await this.#chunks.known(context);
    const vectors = await readOwn(context, this.#chunks, DENSE, chunkIds, rowsOf(dimensions));
    const rankings = await rank(
      context,
      this.#chunks,
      [...vectors].map(([chunkId, vector]): RankingRequest<RankedChunk> => ({
        ...byMeaning(context.principal.tenantId, vector, limit),
        // Not by a condition, which would keep the search from its graph.
        except: (item) => item.chunkId === chunkId,
      })),
      byScoreThenId,
    );
    return new Map([...vectors.keys()].map((chunkId, index) => [chunkId, rankings[index]!]));
  }

  async similarToDocuments(
    context: RequestContext,
    documentIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedDocument>>> {
    await this.#chunks.known(context);
    return await this.#documents.similar(context, documentIds, limit);
  }

  async upsert(context: RequestContext, chunks: readonly ChunkVector[], model: VectorModel): Promise<void> {
    if (chunks.length === 0) return;
    await this.#chunks.prepare(context, model);
    checkDimensions(chunks, model);
    await this.#write(context, chunks);
    await this.#refreshMeans(context, [...new Set(chunks.map((chunk) => chunk.documentId))], model);
  }

  async #write(context: RequestContext, chunks: readonly ChunkVector[]): Promise<void> {
    for (const points of inBatches(pointsOf(context.principal.tenantId, chunks), this.#connection.batchBytes))
      await this.#chunks.call(context, (client) => client.upsert(this.#chunks.name, { wait: true, points }));
  }

  async delete(context: RequestContext, chunkIds: readonly string[]): Promise<readonly string[]> {
    if (chunkIds.length === 0) return [];
    const model = await this.#chunks.info(context, true);
    if (model === undefined) return [];
    const own = await this.#own(context, chunkIds, NAMES);
    if (own.length > 0) {
      await this.#chunks.call(context, (client) =>
        client.delete(this.#chunks.name, { wait: true, points: own.map((point) => point.id) }),
      );
      await this.#refreshMeans(
        context,
        [...new Set(own.map((point) => String(point.payload![PAYLOAD.documentId])))],
        model,
      );
    }
    return own.map((point) => String(point.payload!['chunk_id']));
  }

  async storedHashes(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, string>> {
    if (documentIds.length === 0 || (await this.#chunks.info(context)) === undefined) return new Map();
    const hashes = new Map<string, string>();
    for await (const points of this.#scroll(context, documentIds, ['chunk_id', 'content_hash']))
      for (const { payload } of points) hashes.set(String(payload!['chunk_id']), String(payload!['content_hash']));
    return hashes;
  }

  async contentHashes(context: RequestContext, chunkIds: readonly string[]): Promise<Map<string, string>> {
    if (chunkIds.length === 0 || (await this.#chunks.info(context)) === undefined) return new Map();
    const own = await this.#own(context, chunkIds, ['chunk_id', 'content_hash']);
    return new Map(own.map(({ payload }) => [String(payload!['chunk_id']), String(payload!['content_hash'])]));
  }

  /** The tenant's chunks of these ids, with some of their payload. Reading by id takes no filter, so it is checked. */
  async #own(
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

  async storedChunks(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, StoredChunk>> {
    if (documentIds.length === 0 || (await this.#chunks.info(context)) === undefined) return new Map();
    const { documentId, source, mediaType } = PAYLOAD;
    const names = ['chunk_id', 'content_hash', documentId, source, mediaType, 'metadata', 'metadata_exact'];
    const chunks = new Map<string, StoredChunk>();
    for await (const points of this.#scroll(context, documentIds, names)) {
      for (const { payload } of points) {
        chunks.set(String(payload!['chunk_id']), {
          documentId: String(payload![documentId]),
          contentHash: String(payload!['content_hash']),
          source: String(payload![source]),
          mediaType: String(payload![mediaType]),
          metadata: metadataOf(payload!),
        });
      }
    }
    return chunks;
  }

  async indexDocuments(
    context: RequestContext,
    write: DocumentsWrite,
    model: VectorModel | undefined,
  ): Promise<number> {
    const { tenantId } = context.principal;
    const { documentIds, changed, kept } = write;
    const written = new Set([...changed, ...kept].map((chunk) => chunk.chunkId));
    let removes = false;
    if (kept.length > 0) {
      const stored = await this.storedHashes(context, documentIds);
      if (kept.some((chunk) => stored.get(chunk.chunkId) !== chunk.contentHash)) throw changedMeanwhile();
      removes = [...stored.keys()].some((chunkId) => !written.has(chunkId));
    }
    if (changed.length > 0) await this.#chunks.prepare(context, model!);
    const info = await this.#chunks.info(context, true);
    if (info === undefined) return 0;
    checkDimensions(changed, info);
    // Means before chunks: killed in between, the next delivery finds the chunks still to be written, and does both again.
    // The other way round it would find nothing to do.
    await this.#keepMeans(context, write, removes, info);
    // New before old: killed in between, a document has chunks too many rather than none, and the next delivery mends
    // it.
    await this.#write(context, changed);
    const byDocument = new Map(kept.map((chunk) => [chunk.documentId, chunk]));
    const operations = [...byDocument].map(([documentId, chunk]) => ({
      set_payload: {
        payload: attributesOf(chunk),
        points: kept.filter((each) => each.documentId === documentId).map((each) => pointId(tenantId, each.chunkId)),
      },
    }));
    for (const batch of inBatches(operations, this.#connection.batchBytes))
      await this.#chunks.call(context, (client) =>
        client.batchUpdate(this.#chunks.name, { wait: true, operations: batch }),
      );
    return await this.#deleteWhere(
      context,
      documentIds,
      [...written].map((chunkId) => pointId(tenantId, chunkId)),
    );
  }

  async removeDocuments(context: RequestContext, documentIds: readonly string[]): Promise<number> {
    if (documentIds.length === 0 || (await this.#chunks.info(context, true)) === undefined) return 0;
    await this.#documents.remove(context, documentIds);
    return await this.#deleteWhere(context, documentIds, []);
  }

  /**
   * The means that documents will have once they are written: of the vectors that are written, and of those that are
   * stored and stay.
   * @param removes whether chunks of documents that keep some go
   */
  async #keepMeans(
    context: RequestContext,
    { documentIds, changed, kept }: DocumentsWrite,
    removes: boolean,
    model: VectorModel,
  ): Promise<void> {
    const partly = new Set(kept.map((chunk) => chunk.documentId));
    const vectors = new Map<string, Float32Array[]>();
    const touch = (documentId: string): Float32Array[] => {
      const own = vectors.get(documentId) ?? [];
      vectors.set(documentId, own);
      return own;
    };
    for (const documentId of documentIds) if (removes || !partly.has(documentId)) touch(documentId);
    for (const { documentId, vector } of changed) touch(documentId).push(vector);
    const stays = new Set(kept.map((chunk) => chunk.chunkId));
    const reads = [...vectors.keys()].filter((documentId) => partly.has(documentId));
    for (let from = 0; from < reads.length; from += VECTOR.qdrantMeans)
      for await (const { documentId, chunkId, vector } of this.#vectors(
        context,
        reads.slice(from, from + VECTOR.qdrantMeans),
        model,
      ))
        if (stays.has(chunkId)) touch(documentId).push(vector);
    await this.#documents.keep(context, model, vectors);
  }

  /** The means of documents, of their chunks as they are stored. */
  async #refreshMeans(context: RequestContext, documentIds: readonly string[], model: VectorModel): Promise<void> {
    for (let from = 0; from < documentIds.length; from += VECTOR.qdrantMeans) {
      const some = documentIds.slice(from, from + VECTOR.qdrantMeans);
      const vectors = new Map(some.map((documentId): [string, Float32Array[]] => [documentId, []]));
      for await (const { documentId, vector } of this.#vectors(context, some, model))
        vectors.get(documentId)?.push(vector);
      await this.#documents.keep(context, model, vectors);
    }
  }

  /** The stored vectors of documents' chunks. */
  async *#vectors(
    context: RequestContext,
    documentIds: readonly string[],
    { dimensions }: VectorModel,
  ): AsyncGenerator<{ documentId: string; chunkId: string; vector: Float32Array }> {
    for await (const points of this.#scroll(context, documentIds, NAMES, dimensions))
      for (const point of points)
        yield {
          documentId: String(point.payload![PAYLOAD.documentId]),
          chunkId: String(point.payload!['chunk_id']),
          vector: Float32Array.from(vectorOf(point, DENSE)),
        };
  }

  async #deleteWhere(
    context: RequestContext,
    documentIds: readonly string[],
    except: readonly string[],
  ): Promise<number> {
    const filter = within(context.principal.tenantId, [oneOf(PAYLOAD.documentId, documentIds)], except);
    const { count } = await this.#chunks.call(context, (client) =>
      client.count(this.#chunks.name, { filter, exact: true }),
    );
    if (count > 0)
      await this.#chunks.call(context, (client) => client.delete(this.#chunks.name, { wait: true, filter }));
    return count;
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

  async collectionInfo(context: RequestContext): Promise<CollectionInfo | undefined> {
    return await this.#chunks.info(context);
  }

  async health(): Promise<StoreHealth> {
    const began = performance.now();
    try {
      const fault = (await this.#chunks.fault()) ?? (await this.#documents.fault());
      if (fault !== undefined) return { store: 'qdrant', state: 'down', detail: fault };
      return { store: 'qdrant', state: 'ok', latencyMs: Math.round((performance.now() - began) * 10) / 10 };
    } catch (error) {
      return { store: 'qdrant', state: 'down', detail: messageWithHint(error) };
    }
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  /** The chunks of documents, page by page. @param dimensions of the vectors that are read, where any are */
  async *#scroll(
    context: RequestContext,
    documentIds: readonly string[],
    payload: string[],
    dimensions?: number,
  ): AsyncGenerator<Schemas['Record'][]> {
    const filter = within(context.principal.tenantId, [oneOf(PAYLOAD.documentId, documentIds)]);
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

/** @returns undefined where nothing can match */
function requestOf(tenantId: string, query: StoreQuery): RankingRequest<RankedChunk> | undefined {
  const conditions = conditionsOf(query.filter);
  if (conditions === undefined) return undefined;
  const filter = within(tenantId, conditions);
  if (query.kind === 'VECTOR') {
    const ranking = byMeaning(tenantId, Array.from(query.vector), query.limit);
    return conditions.length === 0 ? ranking : { ...ranking, filter, exact: true };
  }
  const words = sparseQuery(query.text);
  if (words.indices.length === 0) return undefined;
  return {
    ...ranked(query.limit),
    query: words,
    using: SPARSE,
    filter,
    exact: false,
    // How rare a word is, is counted among this tenant's chunks: among all, scores told what others store. Of 1.19
    // (qdrant/qdrant#9661), and not in the types of a client for Node 20. Counted shard by shard.
    params: { idf: { corpus: within(tenantId) } },
  };
}

const ranked = (limit: number) => ({ limit, payload: NAMES, itemOf: rankedChunk });

/** By the tenant's own graph. */
const byMeaning = (tenantId: string, vector: number[], limit: number): RankingRequest<RankedChunk> => ({
  ...ranked(limit),
  query: vector,
  using: DENSE,
  filter: within(tenantId),
  exact: false,
});

/** @throws CodedError `BAD_USER_INPUT` */
function checkDimensions(chunks: readonly ChunkVector[], { model, dimensions }: VectorModel): void {
  for (const { chunkId, vector } of chunks)
    if (vector.length !== dimensions)
      throw badUserInput(
        `The vector of ${JSON.stringify(chunkId)} has ${vector.length} dimensions; ${JSON.stringify(model)} has ${dimensions}.`,
      );
}

/** One by one, so that what is not sent yet is not made yet. */
function* pointsOf(tenantId: string, chunks: readonly ChunkVector[]): Generator<Schemas['PointStruct']> {
  for (const chunk of chunks) yield pointOf(tenantId, chunk);
}

const changedMeanwhile = () =>
  conflict('The documents’ chunks were changed by another writer at the same time.', {
    hint: 'Send the same input again.',
  });
