/**
 * Vectors in Qdrant: one collection for all tenants, each tenant with a graph of its own (`is_tenant`, `m: 0`), a dense
 * vector for meaning and a sparse one for words. Ranking is approximate, and writes of several chunks are not atomic:
 * a reader may see new chunks of a document before the old ones are gone.
 */
import { setTimeout as delay } from 'node:timers/promises';

import { QdrantClient, type Schemas } from '@qdrant/js-client-rest';

import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError, conflict } from '#subgraphs/shared/errors.ts';
import { reveal, type Secret } from '#subgraphs/shared/secret.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
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
import { byScoreThenId, RRF_K } from '../../search/fusion.ts';
import { meanVector } from '../../indexing/vectors.ts';
import { checkQdrantVersion, toQdrantError, unknownCollection } from './errors.ts';
import { conditionsOf, metadataTerms, oneOf, PAYLOAD, pointId, within } from './filter.ts';
import { sparseQuery, sparseText } from './sparse.ts';

const DENSE = 'dense';
const SPARSE = 'text';
/** Points in one request: 384 numbers as JSON are about 8 kB, a request at most 32 MB. */
const BATCH = 256;
const SCROLL = 1_000;
/** A server that asks to wait for longer (`Retry-After`) is not waited for. */
const LONGEST_WAIT_SECONDS = 2;
/** Sources that a prefix may be looked for among. */
const MAX_SOURCES = 10_000;
/** Chunks that are read around a document to find the documents near it. */
const NEAR_CHUNKS = { first: 200, more: 1_000 } as const;

export interface QdrantOptions {
  readonly url: string;
  readonly apiKey?: Secret;
  /** Longest time for one request, in milliseconds. @default 10000 */
  readonly timeoutMs?: number;
}

type Point = Schemas['ScoredPoint'] | Schemas['Record'];

export class QdrantVectors implements VectorDriver {
  readonly store = 'qdrant';
  readonly capabilities = { fusesHybrid: true };
  readonly #options: QdrantOptions;
  readonly #collection: string;
  #made: QdrantClient | undefined;
  /** The key that it was made with. */
  #key: string | undefined;
  /** Of this process's last look; a collection's model never changes. */
  #info: CollectionInfo | undefined;
  /** Whether the server's version has been looked at. */
  #checked = false;

  constructor(options: QdrantOptions, collection: string) {
    this.#options = options;
    this.#collection = collection;
  }

  async search(context: RequestContext, queries: readonly StoreQuery[]): Promise<readonly Ranking<RankedChunk>[]> {
    const info = await this.#known(context);
    for (const query of queries) {
      if (query.kind !== 'KEYWORD') checkModel(info, { model: query.model, dimensions: query.vector.length });
    }
    const prefixed = queries.some((query) => query.filter.sourcePrefix !== undefined)
      ? await this.#sources(context)
      : [];
    const searches = queries.map((query) => this.#request(context, query, prefixed));
    const sent = searches.filter((search) => search !== undefined);
    const answers =
      sent.length === 0
        ? []
        : await this.#call(context, (client) => client.queryBatch(this.#collection, { searches: sent }));
    let next = 0;
    return searches.map((search, index) => ({
      items:
        search === undefined
          ? []
          : chunksOf(answers[next++]!.points).sort(byScoreThenId).slice(0, queries[index]!.limit),
      approximate: true,
    }));
  }

  #request(
    { principal }: RequestContext,
    query: StoreQuery,
    allSources: readonly string[],
  ): Schemas['QueryRequest'] | undefined {
    const { sourcePrefix } = query.filter;
    const conditions = conditionsOf(
      query.filter,
      sourcePrefix === undefined ? undefined : allSources.filter((source) => source.startsWith(sourcePrefix)),
    );
    const words = query.kind === 'VECTOR' ? undefined : sparseQuery(query.text);
    if (conditions === undefined || (query.kind === 'KEYWORD' && words!.indices.length === 0)) return undefined;
    const filter = within(principal.tenantId, conditions);
    const common = { filter, limit: query.limit, with_payload: ['chunk_id', 'document_id'] };
    if (query.kind === 'VECTOR') return { query: Array.from(query.vector), using: DENSE, ...common };
    if (query.kind === 'KEYWORD') return { query: words!, using: SPARSE, ...common };
    return {
      prefetch: [
        { query: Array.from(query.vector), using: DENSE, limit: query.depth, filter },
        ...(words!.indices.length === 0 ? [] : [{ query: words!, using: SPARSE, limit: query.depth, filter }]),
      ],
      // Qdrant adds its constant to ranks from 0: 1 / (61 + 0) is the paper's 1 / (60 + 1).
      query: { rrf: { k: RRF_K + 1 } },
      ...common,
      // All that was fused: at the cut, Qdrant gives equal scores in no fixed order.
      limit: query.depth * 2,
    };
  }

  /** Every source of the tenant. Qdrant has no prefix condition; its list of values is short, and complete. */
  async #sources({ principal, statements }: RequestContext): Promise<string[]> {
    statements.add('qdrant');
    const { hits } = await this.#run((client) =>
      client.facet(this.#collection, {
        key: PAYLOAD.source,
        limit: MAX_SOURCES + 1,
        filter: within(principal.tenantId),
        exact: true,
      }),
    );
    if (hits.length > MAX_SOURCES) {
      throw badUserInput(`\`where.source.startsWith\` works among at most ${MAX_SOURCES} sources on Qdrant.`, {
        hint: 'Filter by `documentId` or metadata.',
      });
    }
    return hits.map((hit) => String(hit.value));
  }

  async similarToChunks(
    context: RequestContext,
    chunkIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedChunk>>> {
    const { tenantId } = context.principal;
    await this.#known(context);
    const idOf = new Map(chunkIds.map((chunkId) => [pointId(tenantId, chunkId), chunkId]));
    const points = await this.#call(context, (client) =>
      client.retrieve(this.#collection, {
        ids: [...idOf.keys()],
        with_payload: [PAYLOAD.tenant],
        with_vector: [DENSE],
      }),
    );
    // Retrieving by id takes no filter; the ids are of this tenant by construction, and checked to be.
    const own = points.filter((point) => point.payload?.[PAYLOAD.tenant] === tenantId);
    if (own.length === 0) return new Map();
    const answers = await this.#call(context, (client) =>
      client.queryBatch(this.#collection, {
        searches: own.map((point) => ({
          query: denseOf(point),
          using: DENSE,
          filter: within(tenantId, [], [String(point.id)]),
          limit,
          with_payload: ['chunk_id', 'document_id'],
        })),
      }),
    );
    return new Map(
      own.map((point, index) => [
        idOf.get(String(point.id))!,
        { items: chunksOf(answers[index]!.points).sort(byScoreThenId), approximate: true },
      ]),
    );
  }

  async similarToDocuments(
    context: RequestContext,
    documentIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedDocument>>> {
    const { tenantId } = context.principal;
    const { dimensions } = await this.#known(context);
    const means = await this.#means(context, documentIds, dimensions);
    const known = documentIds.filter((id) => means.has(id));
    let near = new Map<string, string[]>();
    // The documents near a document are those of the chunks near it; more are read only where these are too few.
    for (const chunks of [NEAR_CHUNKS.first, NEAR_CHUNKS.more]) {
      if (known.length === 0) return new Map();
      const answers = await this.#call(context, (client) =>
        client.queryBatch(this.#collection, {
          searches: known.map((documentId) => ({
            query: Array.from(means.get(documentId)!),
            using: DENSE,
            filter: {
              ...within(tenantId),
              must_not: [{ key: PAYLOAD.documentId, match: { value: documentId } }],
            },
            limit: chunks,
            with_payload: ['chunk_id', 'document_id'],
          })),
        }),
      );
      near = new Map(
        known.map((documentId, index) => [
          documentId,
          [...new Set(chunksOf(answers[index]!.points).map((chunk) => chunk.documentId))],
        ]),
      );
      if (
        known.every(
          (documentId, index) => near.get(documentId)!.length >= limit || answers[index]!.points.length < chunks,
        )
      )
        break;
    }
    const others = await this.#means(context, [...new Set([...near.values()].flat())], dimensions);
    return new Map(
      known.map((documentId) => {
        const ranked = near.get(documentId)!.flatMap((other) => {
          const mean = others.get(other);
          return mean === undefined ? [] : [{ documentId: other, score: dot(means.get(documentId)!, mean) }];
        });
        ranked.sort((a, b) => b.score - a.score || (a.documentId < b.documentId ? -1 : 1));
        return [documentId, { items: ranked.slice(0, limit), approximate: true }];
      }),
    );
  }

  async upsert(context: RequestContext, chunks: readonly ChunkVector[], model: VectorModel): Promise<void> {
    if (chunks.length === 0) return;
    await this.#prepare(context, model);
    for (const { chunkId, vector } of chunks) {
      if (vector.length !== model.dimensions) {
        throw badUserInput(
          `The vector of ${JSON.stringify(chunkId)} has ${vector.length} dimensions; ${JSON.stringify(model.model)} has ${model.dimensions}.`,
        );
      }
    }
    const { tenantId } = context.principal;
    for (let from = 0; from < chunks.length; from += BATCH) {
      const points = chunks.slice(from, from + BATCH).map((chunk) => ({
        id: pointId(tenantId, chunk.chunkId),
        vector: { [DENSE]: Array.from(chunk.vector), [SPARSE]: sparseText(chunk.title, chunk.text) },
        payload: {
          tenant: tenantId,
          chunk_id: chunk.chunkId,
          title: chunk.title,
          text: chunk.text,
          content_hash: chunk.contentHash,
          ...attributesOf(chunk),
        },
      }));
      await this.#call(context, (client) => client.upsert(this.#collection, { wait: true, points }));
    }
  }

  async delete(context: RequestContext, chunkIds: readonly string[]): Promise<readonly string[]> {
    const { tenantId } = context.principal;
    if (chunkIds.length === 0 || (await this.collectionInfo(context)) === undefined) return [];
    const points = await this.#call(context, (client) =>
      client.retrieve(this.#collection, {
        ids: chunkIds.map((chunkId) => pointId(tenantId, chunkId)),
        with_payload: [PAYLOAD.tenant, 'chunk_id'],
        with_vector: false,
      }),
    );
    const own = points.filter((point) => point.payload?.[PAYLOAD.tenant] === tenantId);
    if (own.length > 0) {
      await this.#call(context, (client) =>
        client.delete(this.#collection, { wait: true, points: own.map((point) => point.id) }),
      );
    }
    return own.map((point) => String(point.payload!['chunk_id']));
  }

  async storedHashes(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, string>> {
    if (documentIds.length === 0 || (await this.collectionInfo(context)) === undefined) return new Map();
    const points = await this.#scroll(context, documentIds, ['chunk_id', 'content_hash'], false);
    return new Map(points.map((point) => [String(point.payload!['chunk_id']), String(point.payload!['content_hash'])]));
  }

  async storedChunks(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, StoredChunk>> {
    if (documentIds.length === 0 || (await this.collectionInfo(context)) === undefined) return new Map();
    const points = await this.#scroll(
      context,
      documentIds,
      ['chunk_id', 'content_hash', PAYLOAD.documentId, PAYLOAD.source, PAYLOAD.mediaType, 'metadata'],
      false,
    );
    return new Map(
      points.map(({ payload }) => [
        String(payload!['chunk_id']),
        {
          documentId: String(payload![PAYLOAD.documentId]),
          contentHash: String(payload!['content_hash']),
          source: String(payload![PAYLOAD.source]),
          mediaType: String(payload![PAYLOAD.mediaType]),
          metadata: (payload!['metadata'] ?? {}) as StoredChunk['metadata'],
        },
      ]),
    );
  }

  async indexDocuments(
    context: RequestContext,
    write: DocumentsWrite,
    model: VectorModel | undefined,
  ): Promise<number> {
    const { tenantId } = context.principal;
    const { documentIds, changed, kept } = write;
    if (kept.length > 0) {
      const stored = await this.storedHashes(context, documentIds);
      if (kept.some((chunk) => stored.get(chunk.chunkId) !== chunk.contentHash)) throw changedMeanwhile();
    }
    // New before old: killed in between, a document has chunks too many rather than none, and the next delivery mends
    // it.
    if (changed.length > 0) await this.upsert(context, changed, model!);
    else if ((await this.collectionInfo(context)) === undefined) return 0;
    const byDocument = new Map(kept.map((chunk) => [chunk.documentId, chunk]));
    if (byDocument.size > 0) {
      const operations = [...byDocument].map(([documentId, chunk]) => ({
        set_payload: {
          payload: attributesOf(chunk),
          points: kept.filter((each) => each.documentId === documentId).map((each) => pointId(tenantId, each.chunkId)),
        },
      }));
      await this.#call(context, (client) => client.batchUpdate(this.#collection, { wait: true, operations }));
    }
    return await this.#deleteWhere(
      context,
      documentIds,
      [...changed, ...kept].map((chunk) => pointId(tenantId, chunk.chunkId)),
    );
  }

  async removeDocuments(context: RequestContext, documentIds: readonly string[]): Promise<number> {
    if (documentIds.length === 0 || (await this.collectionInfo(context)) === undefined) return 0;
    return await this.#deleteWhere(context, documentIds, []);
  }

  async #deleteWhere(
    context: RequestContext,
    documentIds: readonly string[],
    except: readonly string[],
  ): Promise<number> {
    const filter = within(context.principal.tenantId, [oneOf(PAYLOAD.documentId, documentIds)], except);
    const { count } = await this.#call(context, (client) => client.count(this.#collection, { filter, exact: true }));
    if (count > 0) await this.#call(context, (client) => client.delete(this.#collection, { wait: true, filter }));
    return count;
  }

  /** Pages go by point, since Qdrant has no order of documents; a document may come again in a later page. */
  async documentIds(
    context: RequestContext,
    after: string | null,
    limit: number,
  ): Promise<{ ids: readonly string[]; next: string | null }> {
    if ((await this.collectionInfo(context)) === undefined) return { ids: [], next: null };
    const page = await this.#call(context, (client) =>
      client.scroll(this.#collection, {
        filter: within(context.principal.tenantId),
        limit,
        with_payload: ['document_id'],
        with_vector: false,
        ...(after === null ? {} : { offset: after }),
      }),
    );
    const next = page.next_page_offset;
    return {
      ids: [...new Set(page.points.map((point) => String(point.payload!['document_id'])))],
      next: next == null ? null : String(next),
    };
  }

  async collectionInfo(context: RequestContext): Promise<CollectionInfo | undefined> {
    if (this.#info !== undefined) return this.#info;
    context.statements.add('qdrant');
    let config: Schemas['CollectionConfig'];
    try {
      if (!this.#checked) checkQdrantVersion((await untilAborted(this.#client.versionInfo(), context.signal)).version);
      this.#checked = true;
      ({ config } = await untilAborted(this.#client.getCollection(this.#collection), context.signal));
    } catch (error) {
      if (this.#checked && (error as { status?: number }).status === 404) return undefined;
      throw toQdrantError(error, this.#collection);
    }
    const { vectors } = config.params;
    const dense = (vectors as Record<string, Schemas['VectorParams'] | undefined> | undefined)?.[DENSE];
    const model = (config.metadata as Record<string, unknown> | null | undefined)?.['model'];
    if (dense === undefined || typeof model !== 'string') {
      throw conflict(
        `The collection ${JSON.stringify(this.#collection)} in Qdrant was not made by this gateway: it does not say which model embedded it.`,
        {
          hint: 'Set VECTOR_COLLECTION to another name; the first document that is indexed makes that collection.',
        },
      );
    }
    return (this.#info = { name: this.#collection, model, dimensions: dense.size });
  }

  async health(): Promise<StoreHealth> {
    const began = performance.now();
    try {
      await this.#run((client) => client.collectionExists(this.#collection));
      return { store: 'qdrant', state: 'ok', latencyMs: Math.round((performance.now() - began) * 10) / 10 };
    } catch (error) {
      const { message, extensions } = error as Error & { extensions?: { hint?: string } };
      return { store: 'qdrant', state: 'down', detail: [message, extensions?.hint].filter(Boolean).join(' ') };
    }
  }

  async close(): Promise<void> {
    this.#made = undefined; // The client keeps its idle connections to itself; they end with their keep-alive.
  }

  async #known(context: RequestContext): Promise<CollectionInfo> {
    const info = await this.collectionInfo(context);
    if (info === undefined) throw unknownCollection(this.#collection);
    return info;
  }

  /** Makes the collection where it is missing. */
  async #prepare(context: RequestContext, model: VectorModel): Promise<void> {
    const known = await this.collectionInfo(context);
    if (known !== undefined) return checkModel(known, model);
    try {
      context.statements.add('qdrant');
      // Not by the client's own method, which leaves `metadata` out.
      await this.#client.api().createCollection({
        collection_name: this.#collection,
        vectors: { [DENSE]: { size: model.dimensions, distance: 'Cosine', on_disk: true } },
        sparse_vectors: { [SPARSE]: { modifier: 'idf' } },
        on_disk_payload: true,
        // No graph over all tenants, one for each.
        hnsw_config: { m: 0, payload_m: 16 },
        // The server, too, refuses to filter by what has no index.
        strict_mode_config: { enabled: true, unindexed_filtering_retrieve: false, unindexed_filtering_update: false },
        metadata: { model: model.model },
      });
    } catch (error) {
      // Another process was first.
      if ((error as { status?: number }).status !== 409) throw toQdrantError(error, this.#collection);
    }
    for (const key of Object.values(PAYLOAD)) {
      await this.#call(context, (client) =>
        client.createPayloadIndex(this.#collection, {
          wait: true,
          field_name: key,
          field_schema: key === PAYLOAD.tenant ? { type: 'keyword', is_tenant: true } : { type: 'keyword' },
        }),
      );
    }
    checkModel(await this.#known(context), model);
  }

  /** The means of documents' vectors; documents without any are absent. */
  async #means(
    context: RequestContext,
    documentIds: readonly string[],
    dimensions: number,
  ): Promise<Map<string, Float32Array>> {
    if (documentIds.length === 0) return new Map();
    const vectors = new Map<string, Float32Array[]>();
    for (const point of await this.#scroll(context, documentIds, ['document_id'], true)) {
      const documentId = String(point.payload!['document_id']);
      const vector = Float32Array.from(denseOf(point));
      const own = vectors.get(documentId);
      if (own === undefined) vectors.set(documentId, [vector]);
      else own.push(vector);
    }
    return new Map([...vectors].map(([documentId, own]) => [documentId, meanVector(own, dimensions)]));
  }

  async #scroll(
    context: RequestContext,
    documentIds: readonly string[],
    payload: string[],
    vectors: boolean,
  ): Promise<Schemas['Record'][]> {
    const filter = within(context.principal.tenantId, [oneOf(PAYLOAD.documentId, documentIds)]);
    const points: Schemas['Record'][] = [];
    let offset: Schemas['ScrollResult']['next_page_offset'];
    do {
      const from = offset;
      const page = await this.#call(context, (client) =>
        client.scroll(this.#collection, {
          filter,
          limit: SCROLL,
          with_payload: payload,
          with_vector: vectors ? [DENSE] : false,
          ...(from === undefined || from === null ? {} : { offset: from as string }),
        }),
      );
      points.push(...page.points);
      offset = page.next_page_offset;
    } while (offset !== undefined && offset !== null);
    return points;
  }

  get #client(): QdrantClient {
    const apiKey = reveal(this.#options.apiKey);
    if (this.#made === undefined || apiKey !== this.#key) {
      this.#key = apiKey;
      const { origin, pathname } = new URL(this.#options.url);
      this.#made = new QdrantClient({
        url: origin,
        ...(pathname === '/' ? {} : { prefix: pathname.replace(/\/$/, '') }),
        apiKey,
        timeout: this.#options.timeoutMs ?? 10_000,
        checkCompatibility: false,
      });
    }
    return this.#made;
  }

  async #call<T>(context: RequestContext, call: (client: QdrantClient) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      context.signal?.throwIfAborted();
      context.statements.add('qdrant');
      try {
        return await this.#run((client) => untilAborted(call(client), context.signal));
      } catch (error) {
        // Nothing was done, so that every request may be sent again; longer waits are the caller's to decide about.
        const seconds =
          error instanceof CodedError && error.code === 'RATE_LIMITED'
            ? Number(error.extensions['retryAfterSeconds'])
            : NaN;
        if (attempt > 1 || !(seconds <= LONGEST_WAIT_SECONDS)) throw error;
        await untilAborted(delay(seconds * 1_000), context.signal);
      }
    }
  }

  async #run<T>(call: (client: QdrantClient) => Promise<T>): Promise<T> {
    try {
      return await call(this.#client);
    } catch (error) {
      const mapped = toQdrantError(error, this.#collection);
      // The collection is not the one that this process knew.
      if ((mapped as { code?: string }).code === 'CONFLICT') this.#info = undefined;
      throw mapped;
    }
  }
}

const chunksOf = (points: readonly Point[]): RankedChunk[] =>
  points.map((point) => ({
    chunkId: String(point.payload?.['chunk_id']),
    documentId: String(point.payload?.['document_id']),
    score: 'score' in point ? point.score : 0,
  }));

const denseOf = (point: Schemas['Record']): number[] => (point.vector as Record<string, number[]>)[DENSE]!;

const attributesOf = (chunk: {
  documentId: string;
  source: string;
  mediaType: string;
  metadata: ChunkVector['metadata'];
}) => ({
  document_id: chunk.documentId,
  source: chunk.source,
  media_type: chunk.mediaType,
  metadata: chunk.metadata,
  metadata_terms: metadataTerms(chunk.metadata),
});

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** The client takes no signals: the caller goes on, and the request ends by itself or by its time-out. */
async function untilAborted<T>(request: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await request;
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () =>
      reject(
        signal.reason instanceof CodedError
          ? signal.reason
          : new CodedError('REQUEST_TIMEOUT', 'The request ended before Qdrant had answered.', {
              cause: signal.reason,
              hint: 'Ask for less, or check the server at QDRANT_URL.',
            }),
      );
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  request.catch(() => undefined); // Heard by nobody when the signal came first.
  try {
    return await Promise.race([request, aborted]);
  } finally {
    signal.removeEventListener('abort', abort!);
  }
}

const changedMeanwhile = () =>
  conflict('The documents’ chunks were changed by another writer at the same time.', {
    hint: 'Send the same input again.',
  });
