/**
 * What one model embedded: a collection of chunks for all tenants, each chunk with a dense vector for meaning and a sparse one
 * for words, and one of documents (`documents.ts`). Writes of several chunks are not atomic: a reader may see new chunks
 * of a document before the old ones are gone.
 */
import type { Schemas } from '@qdrant/js-client-rest';

import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, conflict } from '#subgraphs/shared/errors.ts';
import { isStretchOver, nextTurn } from '#subgraphs/shared/turns.ts';
import { VECTOR } from '../../bounds.ts';
import { checkModel } from '../../indexing/collection.ts';
import type {
  ChunkVector,
  CollectionInfo,
  DocumentsWrite,
  RankedChunk,
  RankedDocument,
  Ranking,
  ChunkText,
  StoredChunk,
  StoreQuery,
  VectorModel,
} from '../../driver.ts';
import { byScoreThenId } from '../../search/fusion.ts';
import { QdrantCollection } from './collection.ts';
import { FilterConditions } from './conditions.ts';
import type { QdrantConnection } from './connection.ts';
import { DocumentMeans, readOwn } from './documents.ts';
import { CHUNK_INDEXES, oneOf, PAYLOAD, pointId, within } from './filter.ts';
import { attributesOf, DENSE, inBatches, NAMES, pointOf, rowsOf, SPARSE } from './points.ts';
import { rank, type RankingRequest } from './ranking.ts';
import { byMeaning, requestOf } from './requests.ts';
import { StoredChunks } from './stored-chunks.ts';

export interface GenerationOptions {
  readonly connection: QdrantConnection;
  /** The collection's name in Qdrant. */
  readonly name: string;
  /** What the operator calls it. */
  readonly called: string;
  /** The collection of the operator's name, where it is another. */
  readonly first?: string | undefined;
  /** The most chunks that are looked at for what Qdrant does not check. */
  readonly checked?: number | undefined;
}

export class Generation {
  readonly chunks: QdrantCollection;
  readonly documents: DocumentMeans;
  readonly #connection: QdrantConnection;
  readonly #stored: StoredChunks;
  readonly #filters: FilterConditions;

  constructor({ connection, name, called, first, checked }: GenerationOptions) {
    this.#connection = connection;
    this.chunks = new QdrantCollection(connection, name, {
      dense: DENSE,
      sparse: SPARSE,
      indexes: CHUNK_INDEXES,
      called,
      first,
    });
    this.documents = new DocumentMeans(connection, name);
    this.#stored = new StoredChunks(this.chunks);
    this.#filters = new FilterConditions(this.#stored, checked);
  }

  async search(context: RequestContext, queries: readonly StoreQuery[]): Promise<readonly Ranking<RankedChunk>[]> {
    const info = await this.chunks.known(context);
    for (const query of queries) {
      if (query.kind === 'VECTOR') checkModel(info, { model: query.model, dimensions: query.vector.length });
    }
    const conditions = await this.#filters.of(
      context,
      queries.map(({ filter }) => filter),
    );
    const found = await this.#ranked(context, queries, conditions, false);
    // The last word may be the beginning of one where nothing was found with it as it is.
    const again = [...queries.keys()].filter(
      (index) => queries[index]!.kind === 'KEYWORD' && found[index]!.items.length === 0,
    );
    if (again.length === 0) return found;
    const begun = await this.#ranked(
      context,
      again.map((index) => queries[index]!),
      again.map((index) => conditions[index]),
      true,
    );
    return found.map((ranking, index) => begun[again.indexOf(index)] ?? ranking);
  }

  async #ranked(
    context: RequestContext,
    queries: readonly StoreQuery[],
    conditions: readonly (readonly Schemas['Condition'][] | undefined)[],
    begun: boolean,
  ): Promise<readonly Ranking<RankedChunk>[]> {
    const requests = queries.map((query, index) => {
      const own = conditions[index];
      return own && requestOf(context.principal.tenantId, query, own, begun);
    });
    const rankings = await rank(
      context,
      this.chunks,
      requests.filter((request) => request !== undefined),
      byScoreThenId,
    );
    let next = 0;
    return requests.map((request, index) => {
      if (request === undefined) return { items: [], approximate: false };
      const { items, approximate } = rankings[next++]!;
      return { items: items.slice(0, queries[index]!.limit), approximate };
    });
  }

  async similarToChunks(
    context: RequestContext,
    chunkIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedChunk>>> {
    const { dimensions } = await this.chunks.known(context);
    const vectors = await readOwn(context, this.chunks, DENSE, chunkIds, rowsOf(dimensions));
    const rankings = await rank(
      context,
      this.chunks,
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
    await this.chunks.known(context);
    return await this.documents.similar(context, documentIds, limit);
  }

  async upsert(context: RequestContext, chunks: readonly ChunkVector[], model: VectorModel): Promise<void> {
    if (chunks.length === 0) return;
    await this.chunks.prepare(context, model);
    checkDimensions(chunks, model);
    await this.#write(context, chunks);
    await this.refreshMeans(context, [...new Set(chunks.map((chunk) => chunk.documentId))], model);
  }

  /**
   * Stores chunks with their words alone: their vectors are of another model than this collection's, which is being
   * replaced. Searches by words find them, and nothing compares what does not compare.
   */
  async upsertWords(context: RequestContext, chunks: readonly ChunkVector[]): Promise<void> {
    const info = await this.chunks.known(context);
    await this.#write(context, chunks, false);
    await this.refreshMeans(context, [...new Set(chunks.map((chunk) => chunk.documentId))], info);
  }

  /** As {@link indexDocuments}, with the words alone of what changed. */
  async indexWords(context: RequestContext, write: DocumentsWrite): Promise<number> {
    await this.chunks.known(context);
    await this.documents.remove(context, [...new Set(write.changed.map((chunk) => chunk.documentId))]);
    await this.#write(context, write.changed, false);
    return await this.#keepAndDelete(context, write);
  }

  async #write(context: RequestContext, chunks: readonly ChunkVector[], withVectors = true): Promise<void> {
    const points = pointsOf(context.principal.tenantId, chunks, withVectors);
    await this.writePoints(context, points);
  }

  /** Stores points in as many requests as it takes. */
  async writePoints(
    context: RequestContext,
    all: Iterable<Schemas['PointStruct']> | AsyncIterable<Schemas['PointStruct']>,
  ): Promise<void> {
    for await (const points of inBatches(all, this.#connection.batchBytes))
      await this.chunks.call(context, (client) => client.upsert(this.chunks.name, { wait: true, points }));
  }

  async delete(context: RequestContext, chunkIds: readonly string[]): Promise<readonly string[]> {
    if (chunkIds.length === 0) return [];
    const model = await this.chunks.info(context, true);
    if (model === undefined) return [];
    const own = await this.#stored.own(context, chunkIds, NAMES);
    if (own.length > 0) {
      await this.chunks.call(context, (client) =>
        client.delete(this.chunks.name, { wait: true, points: own.map((point) => point.id) }),
      );
      await this.refreshMeans(
        context,
        [...new Set(own.map((point) => String(point.payload![PAYLOAD.documentId])))],
        model,
      );
    }
    return own.map((point) => String(point.payload!['chunk_id']));
  }

  async indexDocuments(
    context: RequestContext,
    write: DocumentsWrite,
    model: VectorModel | undefined,
  ): Promise<number> {
    const { documentIds, changed, kept } = write;
    const written = new Set([...changed, ...kept].map((chunk) => chunk.chunkId));
    let removes = false;
    if (kept.length > 0) {
      const stored = await this.#stored.storedHashes(context, documentIds);
      if (kept.some((chunk) => stored.get(chunk.chunkId) !== chunk.contentHash)) throw changedMeanwhile();
      removes = [...stored.keys()].some((chunkId) => !written.has(chunkId));
    }
    if (changed.length > 0) await this.chunks.prepare(context, model!);
    const info = await this.chunks.info(context, true);
    if (info === undefined) return 0;
    checkDimensions(changed, info);
    // Means before chunks: killed in between, the next delivery finds the chunks still to be written, and does both again.
    // The other way round it would find nothing to do.
    await this.#keepMeans(context, write, removes, info);
    // New before old: killed in between, a document has chunks too many rather than none, and the next delivery mends
    // it.
    await this.#write(context, changed);
    return await this.#keepAndDelete(context, write);
  }

  /** Writes the attributes of what is kept, and deletes what is neither kept nor changed. @returns how many were deleted */
  async #keepAndDelete(context: RequestContext, { documentIds, changed, kept }: DocumentsWrite): Promise<number> {
    const { tenantId } = context.principal;
    const byDocument = new Map(kept.map((chunk) => [chunk.documentId, chunk]));
    const operations = [...byDocument].map(([documentId, chunk]) => ({
      set_payload: {
        payload: attributesOf(chunk),
        points: kept.filter((each) => each.documentId === documentId).map((each) => pointId(tenantId, each.chunkId)),
      },
    }));
    for await (const batch of inBatches(operations, this.#connection.batchBytes))
      await this.chunks.call(context, (client) =>
        client.batchUpdate(this.chunks.name, { wait: true, operations: batch }),
      );
    return await this.#deleteWhere(
      context,
      documentIds,
      [...changed, ...kept].map(({ chunkId }) => pointId(tenantId, chunkId)),
    );
  }

  async removeDocuments(context: RequestContext, documentIds: readonly string[]): Promise<number> {
    if (documentIds.length === 0 || (await this.chunks.info(context, true)) === undefined) return 0;
    await this.documents.remove(context, documentIds);
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
      for await (const { documentId, chunkId, vector } of this.#stored.vectors(
        context,
        reads.slice(from, from + VECTOR.qdrantMeans),
        model,
      ))
        if (stays.has(chunkId)) touch(documentId).push(vector);
    await this.documents.keep(context, model, vectors);
  }

  /** The means of documents, of their chunks as they are stored. */
  async refreshMeans(context: RequestContext, documentIds: readonly string[], model: VectorModel): Promise<void> {
    for (let from = 0; from < documentIds.length; from += VECTOR.qdrantMeans) {
      const some = documentIds.slice(from, from + VECTOR.qdrantMeans);
      const vectors = new Map(some.map((documentId): [string, Float32Array[]] => [documentId, []]));
      for await (const { documentId, vector } of this.#stored.vectors(context, some, model))
        vectors.get(documentId)?.push(vector);
      await this.documents.keep(context, model, vectors);
    }
  }

  async #deleteWhere(
    context: RequestContext,
    documentIds: readonly string[],
    except: readonly string[],
  ): Promise<number> {
    const filter = within(context.principal.tenantId, [oneOf(PAYLOAD.documentId, documentIds)], except);
    const count = await this.#stored.count(context, filter);
    if (count > 0) await this.chunks.call(context, (client) => client.delete(this.chunks.name, { wait: true, filter }));
    return count;
  }

  async storedHashes(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, string>> {
    return await this.#stored.storedHashes(context, documentIds);
  }

  async contentHashes(context: RequestContext, chunkIds: readonly string[]): Promise<Map<string, string>> {
    return await this.#stored.contentHashes(context, chunkIds);
  }

  async texts(context: RequestContext, chunkIds: readonly string[]): Promise<Map<string, ChunkText>> {
    return await this.#stored.texts(context, chunkIds);
  }

  async storedChunks(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, StoredChunk>> {
    return await this.#stored.storedChunks(context, documentIds);
  }

  async documentIds(
    context: RequestContext,
    after: string | null,
    limit: number,
  ): Promise<{ ids: readonly string[]; next: string | null }> {
    return await this.#stored.documentIds(context, after, limit);
  }

  async metadataKeys(context: RequestContext): Promise<readonly string[] | undefined> {
    await this.chunks.known(context);
    return await this.#filters.metadataKeys(context);
  }

  async documentCollections(context: RequestContext): Promise<readonly string[] | undefined> {
    await this.chunks.known(context);
    return await this.#filters.documentCollections(context);
  }

  async collectionInfo(context: RequestContext): Promise<CollectionInfo | undefined> {
    return await this.chunks.info(context);
  }

  /** How many chunks there are, of all tenants; none where there is no collection yet. */
  async countAll(context: RequestContext): Promise<number> {
    if ((await this.chunks.facts(context)) === undefined) return 0;
    return (await this.chunks.call(context, (client) => client.count(this.chunks.name, { exact: true }))).count;
  }

  /** What keeps it from being used; undefined where nothing does. */
  async fault(): Promise<string | undefined> {
    return (await this.chunks.fault()) ?? (await this.documents.fault());
  }
}

/** @throws CodedError `BAD_USER_INPUT` */
function checkDimensions(chunks: readonly ChunkVector[], { model, dimensions }: VectorModel): void {
  for (const { chunkId, vector } of chunks)
    if (vector.length !== dimensions)
      throw badUserInput(
        `The vector of ${JSON.stringify(chunkId)} has ${vector.length} dimensions; ${JSON.stringify(model)} has ${dimensions}.`,
      );
}

/** One by one, so that what is not sent yet is not made yet; others have their turns between them. */
async function* pointsOf(
  tenantId: string,
  chunks: readonly ChunkVector[],
  withVectors: boolean,
): AsyncGenerator<Schemas['PointStruct']> {
  for (const chunk of chunks) {
    if (isStretchOver()) await nextTurn(tenantId);
    yield pointOf(tenantId, chunk, withVectors);
  }
}

const changedMeanwhile = () =>
  conflict("The documents' chunks were changed by another writer at the same time.", {
    hint: 'Send the same input again.',
  });
