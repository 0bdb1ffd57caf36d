/**
 * Vectors in Qdrant. They are in the collection that the operator names, until another model embeds: then a second one is filled
 * beside it from the stored texts (`model-renewal.ts`), and takes its place once it is whole, which the first one's metadata tell.
 * Until then whatever is written with the new model is written to both, to the old one with its words alone, so that searches by
 * words miss nothing and no search compares vectors of two models.
 */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { StoreErasure } from '#subgraphs/shared/erasure.ts';
import { messageWithHint } from '#subgraphs/shared/errors.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import type {
  ChunkText,
  ChunkVector,
  CollectionInfo,
  DocumentsWrite,
  ModelRenewer,
  RankedChunk,
  RankedDocument,
  Ranking,
  StoredChunk,
  StoreQuery,
  VectorDriver,
  VectorModel,
} from '../../driver.ts';
import { OtherModelError } from '../../indexing/collection.ts';
import { qdrantErasure } from './erase.ts';
import { QdrantConnection, type QdrantOptions } from './connection.ts';
import type { Generation } from './generation.ts';
import { Generations } from './generations.ts';
import { QdrantModelRenewer } from './model-renewal.ts';

export class QdrantVectors implements VectorDriver {
  readonly store = 'qdrant';
  readonly erasure: StoreErasure;
  readonly #connection: QdrantConnection;
  readonly #generations: Generations;
  readonly #called: string;

  constructor(options: QdrantOptions & { readonly checked?: number | undefined }, collection: string) {
    this.#connection = new QdrantConnection(options);
    this.#called = collection;
    this.erasure = qdrantErasure(this.#connection, collection);
    this.#generations = new Generations({ connection: this.#connection, collection, checked: options.checked });
  }

  /** What embeds again, in another collection, what another model embedded. @param postgres keeps two from doing so at once */
  renewer(embedder: Embedder, postgres: Postgres | undefined, tidyAfterMs?: number): ModelRenewer {
    return new QdrantModelRenewer({ generations: this.#generations, embedder, postgres, tidyAfterMs });
  }

  async search(context: RequestContext, queries: readonly StoreQuery[]): Promise<readonly Ranking<RankedChunk>[]> {
    return await this.#read(context, (current) => current.search(context, queries));
  }

  async similarToChunks(
    context: RequestContext,
    chunkIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedChunk>>> {
    return await this.#read(context, (current) => current.similarToChunks(context, chunkIds, limit));
  }

  async similarToDocuments(
    context: RequestContext,
    documentIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedDocument>>> {
    return await this.#read(context, (current) => current.similarToDocuments(context, documentIds, limit));
  }

  async upsert(context: RequestContext, chunks: readonly ChunkVector[], model: VectorModel): Promise<void> {
    await this.#write(
      context,
      model,
      (only) => only.upsert(context, chunks, model),
      // The old one first: what is in the new one alone is taken for deleted.
      async (old, next) => {
        await old.upsertWords(context, chunks);
        await next.upsert(context, chunks, model);
      },
    );
  }

  async delete(context: RequestContext, chunkIds: readonly string[]): Promise<readonly string[]> {
    return await this.#write(
      context,
      undefined,
      (only) => only.delete(context, chunkIds),
      async (old, next) => {
        const deleted = await old.delete(context, chunkIds);
        await next.delete(context, chunkIds);
        return deleted;
      },
    );
  }

  async indexDocuments(
    context: RequestContext,
    write: DocumentsWrite,
    model: VectorModel | undefined,
  ): Promise<number> {
    return await this.#write(
      context,
      model,
      (only) => only.indexDocuments(context, write, model),
      async (old, next) => {
        const removed = await old.indexWords(context, write);
        await next.indexDocuments(context, write, model);
        return removed;
      },
    );
  }

  async removeDocuments(context: RequestContext, documentIds: readonly string[]): Promise<number> {
    return await this.#write(
      context,
      undefined,
      (only) => only.removeDocuments(context, documentIds),
      async (old, next) => {
        const removed = await old.removeDocuments(context, documentIds);
        await next.removeDocuments(context, documentIds);
        return removed;
      },
    );
  }

  async storedHashes(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, string>> {
    return await this.#compared(context, (each) => each.storedHashes(context, documentIds));
  }

  async contentHashes(context: RequestContext, chunkIds: readonly string[]): Promise<Map<string, string>> {
    return await this.#read(context, (current) => current.contentHashes(context, chunkIds));
  }

  async texts(context: RequestContext, chunkIds: readonly string[]): Promise<Map<string, ChunkText>> {
    return await this.#read(context, (current) => current.texts(context, chunkIds));
  }

  async storedChunks(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, StoredChunk>> {
    return await this.#compared(context, (each) => each.storedChunks(context, documentIds));
  }

  async documentIds(
    context: RequestContext,
    after: string | null,
    limit: number,
  ): Promise<{ ids: readonly string[]; next: string | null }> {
    return await this.#read(context, (current) => current.documentIds(context, after, limit));
  }

  async metadataKeys(context: RequestContext): Promise<readonly string[] | undefined> {
    return await this.#read(context, (current) => current.metadataKeys(context));
  }

  async documentCollections(context: RequestContext): Promise<readonly string[] | undefined> {
    return await this.#read(context, (current) => current.documentCollections(context));
  }

  async collectionInfo(context: RequestContext): Promise<CollectionInfo | undefined> {
    return await this.#read(context, (current) => current.collectionInfo(context));
  }

  async health(): Promise<StoreHealth> {
    const began = performance.now();
    try {
      const fault = await this.#generations.follow((current) => current.fault());
      if (fault !== undefined) return { store: 'qdrant', state: 'down', detail: fault };
      return { store: 'qdrant', state: 'ok', latencyMs: Math.round((performance.now() - began) * 10) / 10 };
    } catch (error) {
      return { store: 'qdrant', state: 'down', detail: messageWithHint(error) };
    }
  }

  async version(): Promise<string | undefined> {
    return (await this.#connection.ask(this.#called, (client) => client.versionInfo())).version;
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  /** Reads what is current. What was switched a moment ago is looked at anew before vectors of its model are refused. */
  async #read<T>(context: RequestContext, read: (current: Generation) => Promise<T>): Promise<T> {
    return await this.#generations.follow(async (current) => {
      try {
        return await read(current);
      } catch (error) {
        if (!(error instanceof OtherModelError)) throw error;
        await current.chunks.info(context, true);
        throw (await this.#generations.beingFilled(context, current, error.wanted)) === undefined
          ? error
          : await this.#generations.unfinished(context, current, error.wanted);
      }
    });
  }

  /** Reads what stored texts are compared by, to see what is to be embedded: where a new collection is filled, that one's. */
  async #compared<T>(context: RequestContext, read: (each: Generation) => Promise<T>): Promise<T> {
    return await this.#generations.follow(async (current) =>
      read((await this.#generations.beingFilled(context, current)) ?? current),
    );
  }

  /**
   * Writes to the current collection or, where one for the model is being filled, to both.
   * @param model of the vectors; undefined where none are written
   */
  async #write<T>(
    context: RequestContext,
    model: VectorModel | undefined,
    toOne: (only: Generation) => Promise<T>,
    toBoth: (old: Generation, next: Generation) => Promise<T>,
  ): Promise<T> {
    return await this.#generations.follow(async (current) => {
      if (model === undefined || this.#generations.wants) {
        const next = await this.#generations.beingFilled(context, current, model);
        if (next !== undefined) return await toBoth(current, next);
      }
      try {
        return await toOne(current);
      } catch (error) {
        // Nothing was written yet.
        if (!(error instanceof OtherModelError)) throw error;
        const next = await this.#generations.beingFilled(context, current, model);
        if (next === undefined) throw error;
        return await toBoth(current, next);
      }
    });
  }
}
