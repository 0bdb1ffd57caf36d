/**
 * Vectors in PostgreSQL: one table, one full-text index, two ways to rank. Where the `vector` extension is, its HNSW
 * index ranks (ann.ts); where it is not, every vector of the tenant is compared, in process, from a cache.
 */
import { sql } from 'kysely';

import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import { badUserInput, conflict } from '#subgraphs/shared/errors.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import { VECTOR } from '../../bounds.ts';
import { checkModel } from '../../indexing/collection.ts';
import type {
  ChunkVector,
  CollectionInfo,
  DocumentsWrite,
  ModelRenewer,
  KeywordQuery,
  RankedChunk,
  RankedDocument,
  Ranking,
  ChunkText,
  StoredChunk,
  StoreQuery,
  VectorDriver,
  VectorModel,
} from '../../driver.ts';
import type { CacheOptions, MatrixCache } from '../../exact/matrix-cache.ts';
import { ExactRanker } from './exact.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import { renewKeywords } from './keyword-renewal.ts';
import { keywordsInTurns } from './keywords.ts';
import type { Renewal } from '../renewal.ts';
import { PostgresModelRenewer } from './model-renewal.ts';
import type { Ranker } from './ranker.ts';
import * as statements from './statements.ts';

export interface PostgresVectorsOptions {
  /** Rows and queries from which on exact ranking uses a worker thread. @default `VECTOR.exactThreadPairs` */
  readonly workerBound?: number;
  /** For exact ranking; one that is given as it is may serve several collections, whose matrices it bounds together. */
  readonly cache?: CacheOptions | MatrixCache;
  /** Threads for exact ranking. @default threads of its own */
  readonly work?: WorkPool | undefined;
  /** Ranks in place of {@link ExactRanker}. */
  readonly ranker?: Ranker;
  /** The most chunks that a keyword search scores. @default `VECTOR.keywordScored` */
  readonly keywordScored?: number;
  /** What operators should know of how vectors are ranked; shown by the health probe. */
  readonly note?: string;
}

export class PostgresVectors implements VectorDriver {
  readonly store = 'postgres';
  readonly #postgres: Postgres;
  readonly #collection: string;
  readonly #ranker: Ranker;
  readonly #keywordScored: number;
  readonly #note: string | undefined;
  #keywordRenewal: Renewal | undefined;

  constructor(postgres: Postgres, collection: string, options: PostgresVectorsOptions = {}) {
    this.#postgres = postgres;
    this.#note = options.note;
    this.#keywordScored = options.keywordScored ?? VECTOR.keywordScored;
    this.#collection = collection;
    this.#ranker = options.ranker ?? new ExactRanker(postgres, collection, options);
  }

  async search(context: RequestContext, queries: readonly StoreQuery[]): Promise<readonly Ranking<RankedChunk>[]> {
    const keyword = queries.filter((query) => query.kind === 'KEYWORD');
    const vector = queries.filter((query) => query.kind === 'VECTOR');
    if (keyword.length + vector.length < queries.length) throw new Error('PostgreSQL does not fuse rankings.');
    const [byKeyword, byVector] = await Promise.all([
      keyword.length === 0 ? [] : this.#keywordSearch(context, keyword),
      vector.length === 0 ? [] : this.#ranker.search(context, vector),
    ]);
    let [k, v] = [0, 0];
    return queries.map((query) => (query.kind === 'KEYWORD' ? byKeyword[k++]! : byVector[v++]!));
  }

  async #keywordSearch(context: RequestContext, queries: readonly KeywordQuery[]): Promise<Ranking<RankedChunk>[]> {
    const rows = await this.#postgres.read(
      context,
      statements.keywordSearch(this.#collection, queries, this.#keywordScored),
      {
        replica: true,
      },
    );
    const items: RankedChunk[][] = queries.map(() => []);
    const approximate = queries.map(() => false);
    for (const row of rows) {
      items[row.position]!.push({ chunkId: row.chunk_id, documentId: row.document_id, score: row.score });
      approximate[row.position] ||= row.approximate;
    }
    return items.map((each, position) => ({ items: each, approximate: approximate[position]! }));
  }

  async similarToChunks(
    context: RequestContext,
    chunkIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedChunk>>> {
    return await this.#ranker.similarToChunks(context, chunkIds, limit);
  }

  async similarToDocuments(
    context: RequestContext,
    documentIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedDocument>>> {
    return await this.#ranker.similarToDocuments(context, documentIds, limit);
  }

  async upsert(context: RequestContext, chunks: readonly ChunkVector[], model: VectorModel): Promise<void> {
    if (chunks.length === 0) return;
    await this.#ranker.prepare(model);
    const { tenantId } = context.principal;
    const keywords = await keywordsInTurns(tenantId, chunks);
    await this.#postgres.transaction(context, async (tx) => {
      const revision = await this.#revisionFor(tx, context, model);
      await tx.query(
        statements.upsertChunks(
          tenantId,
          this.#collection,
          revision,
          model.dimensions,
          checked(chunks, model),
          keywords,
        ),
      );
    });
    this.#ranker.written(chunks.length);
  }

  async delete(context: RequestContext, chunkIds: readonly string[]): Promise<readonly string[]> {
    return await this.#delete(context, sql`c.chunk_id = ANY (${chunkIds}::text[])`);
  }

  async removeDocuments(context: RequestContext, documentIds: readonly string[]): Promise<number> {
    return (await this.#delete(context, sql`c.document_id = ANY (${documentIds}::text[])`)).length;
  }

  async storedHashes(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.#postgres.read(context, statements.storedHashes(this.#collection, documentIds));
    return new Map(rows.map((row) => [row.chunk_id, row.content_hash]));
  }

  async contentHashes(context: RequestContext, chunkIds: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.#postgres.read(context, statements.contentHashes(this.#collection, chunkIds), {
      replica: true,
    });
    return new Map(rows.map((row) => [row.chunk_id, row.content_hash]));
  }

  async texts(context: RequestContext, chunkIds: readonly string[]): Promise<Map<string, ChunkText>> {
    const rows = await this.#postgres.read(context, statements.texts(this.#collection, chunkIds), { replica: true });
    return new Map(rows.map(({ chunkId, ...text }) => [chunkId, text]));
  }

  async storedChunks(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, StoredChunk>> {
    const rows = await this.#postgres.read(context, statements.storedChunks(this.#collection, documentIds));
    return new Map(rows.map(({ chunkId, ...chunk }) => [chunkId, chunk]));
  }

  async indexDocuments(
    context: RequestContext,
    write: DocumentsWrite,
    model: VectorModel | undefined,
  ): Promise<number> {
    if (write.changed.length > 0 && model === undefined) throw new Error('Changed chunks need a model.');
    if (model !== undefined) await this.#ranker.prepare(model);
    const { tenantId } = context.principal;
    const keywords = await keywordsInTurns(tenantId, write.changed);
    const removedCount = await this.#postgres.transaction(context, async (tx) => {
      let revision: string | undefined;
      if (model === undefined)
        revision = (await tx.query(statements.takeRevisionOfKnown(this.#collection)))[0]?.revision;
      else revision = await this.#revisionFor(tx, context, model);
      if (revision === undefined) {
        if (write.kept.length > 0) throw changedMeanwhile();
        return 0;
      }
      const stay = [...write.changed, ...write.kept].map((chunk) => chunk.chunkId);
      const removed = await this.#deleteIn(
        tx,
        tenantId,
        revision,
        sql`c.document_id = ANY (${write.documentIds}::text[]) AND NOT c.chunk_id = ANY (${stay}::text[])`,
      );
      if (model !== undefined && write.changed.length > 0) {
        await tx.query(
          statements.upsertChunks(
            tenantId,
            this.#collection,
            revision,
            model.dimensions,
            checked(write.changed, model),
            keywords,
          ),
        );
      }
      if (write.kept.length > 0) {
        const [kept] = await tx.query(statements.keepChunks(this.#collection, write.kept));
        if (kept?.found !== write.kept.length) throw changedMeanwhile();
      }
      return removed.length;
    });
    this.#ranker.written(write.changed.length);
    return removedCount;
  }

  async documentIds(
    context: RequestContext,
    after: string | null,
    limit: number,
  ): Promise<{ ids: readonly string[]; next: string | null }> {
    const rows = await this.#postgres.read(context, statements.documentIds(this.#collection, after ?? '', limit));
    return { ids: rows.map(({ id }) => id), next: rows.length < limit ? null : rows.at(-1)!.id };
  }

  async metadataKeys(context: RequestContext): Promise<readonly string[] | undefined> {
    const statement = statements.metadataKeys(this.#collection, VECTOR.metadataKeys);
    const rows = await this.#postgres.read(context, statement, { replica: true });
    return rows.length < VECTOR.metadataKeys ? rows.map(({ key }) => key) : undefined;
  }

  async documentCollections(context: RequestContext): Promise<readonly string[] | undefined> {
    const statement = statements.documentCollections(this.#collection, VECTOR.collections);
    const rows = await this.#postgres.read(context, statement, { replica: true });
    return rows.length < VECTOR.collections ? rows.map(({ name }) => name) : undefined;
  }

  async collectionInfo(context: RequestContext): Promise<CollectionInfo | undefined> {
    const [row] = await this.#postgres.read(context, statements.readState(this.#collection, []));
    return row && { name: this.#collection, model: row.model, dimensions: row.dimensions };
  }

  async health(): Promise<StoreHealth> {
    const health = await this.#postgres.health();
    return this.#note === undefined || health.state !== 'ok' ? health : { ...health, detail: this.#note };
  }

  /**
   * Goes through stored texts whose keywords are of an earlier version of the terms, in the background.
   * @param log told what an operator should know
   */
  renewKeywords(log: (message: string) => void): void {
    this.#keywordRenewal ??= renewKeywords(this.#postgres, log);
  }

  /** Resolves once all stored texts are gone through, or the first failure was logged. */
  async keywordsRenewed(): Promise<void> {
    await this.#keywordRenewal?.done;
  }

  /** What embeds again what another model embedded. */
  renewer(embedder: Embedder): ModelRenewer {
    return new PostgresModelRenewer({
      postgres: this.#postgres,
      collection: this.#collection,
      ranker: this.#ranker,
      embedder,
    });
  }

  async close(): Promise<void> {
    await this.#keywordRenewal?.close();
    await this.#ranker.close();
  }

  /** Takes the next revision for vectors of `model`, which a collection without rows takes on. */
  async #revisionFor(tx: Transaction, context: RequestContext, model: VectorModel): Promise<string> {
    const { tenantId } = context.principal;
    const [row] = await tx.query(statements.takeRevision(tenantId, this.#collection, model.model, model.dimensions));
    const stored = row!;
    if (stored.model === model.model && stored.dimensions === model.dimensions) return stored.revision;
    const [redefined] = await tx.query(statements.redefineEmpty(this.#collection, model.model, model.dimensions));
    if (redefined === undefined)
      checkModel({ name: this.#collection, model: stored.model, dimensions: stored.dimensions }, model);
    return stored.revision;
  }

  async #delete(context: RequestContext, which: ReturnType<typeof sql>): Promise<readonly string[]> {
    return await this.#postgres.transaction(context, async (tx) => {
      const [row] = await tx.query(statements.takeRevisionOfKnown(this.#collection));
      return row === undefined ? [] : await this.#deleteIn(tx, context.principal.tenantId, row.revision, which);
    });
  }

  async #deleteIn(
    tx: Transaction,
    tenantId: string,
    revision: string,
    which: ReturnType<typeof sql>,
  ): Promise<readonly string[]> {
    const rows = await tx.query(statements.deleteChunks(tenantId, this.#collection, revision, which));
    // Now and then is enough.
    if (Number(revision) % 256 === 0 && Number(revision) > VECTOR.tombstones) {
      await tx.query(statements.pruneTombstones(this.#collection, Number(revision) - VECTOR.tombstones));
    }
    return rows.map((row) => row.chunk_id);
  }
}

/** The last check before the store: a row of another length would break every later scan. */
function checked(chunks: readonly ChunkVector[], model: VectorModel): readonly ChunkVector[] {
  for (const { chunkId, vector } of chunks) {
    if (vector.length !== model.dimensions) {
      throw badUserInput(
        `The vector of ${JSON.stringify(chunkId)} has ${vector.length} dimensions; ${JSON.stringify(model.model)} has ${model.dimensions}.`,
      );
    }
  }
  return chunks;
}

const changedMeanwhile = () =>
  conflict("The documents' chunks were changed by another writer at the same time.", {
    hint: 'Send the same input again.',
  });
