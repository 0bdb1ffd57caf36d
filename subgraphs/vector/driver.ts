/**
 * The interface of a vector store. Every call is in batch form, so that the number of statements does not depend on the
 * number of parents or queries. A driver finds the tenant in the context and nowhere else.
 */
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { RequiredWords } from './keywords/query.ts';
import type { StoreErasure } from '#subgraphs/shared/erasure.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';

/** What made the vectors. A collection keeps to one model: vectors of two models cannot be compared. */
export interface VectorModel {
  readonly model: string;
  readonly dimensions: number;
}

/** A collection as its first write defined it. */
export interface CollectionInfo extends VectorModel {
  readonly name: string;
}

/** One chunk and how well it matches. */
export interface RankedChunk {
  readonly chunkId: string;
  readonly documentId: string;
  readonly score: number;
}

/** One document and its cosine to another. */
export interface RankedDocument {
  readonly documentId: string;
  readonly score: number;
}

/** The best items, best first; equal scores in the order of their ids. */
export interface Ranking<Item> {
  readonly items: readonly Item[];
  /** Whether an approximate index may have missed an item that belongs here. */
  readonly approximate: boolean;
}

/** What conditions on chunks may name; `metadata` is JSON. All but that are there always. */
export type ChunkColumn = 'documentId' | 'mediaType' | 'source' | 'collection' | 'metadata';

interface QueryBase {
  /** Which chunks take part in the ranking, by {@link ChunkColumn}s. @default all */
  readonly filter?: Condition | undefined;
  /** How many items to return. */
  readonly limit: number;
}
/** Nearest by cosine. `vector` is L2-normalised. */
export interface VectorQuery extends QueryBase {
  readonly kind: 'VECTOR';
  readonly vector: Float32Array;
  readonly model: string;
  /** What must stand in a chunk, and what must not; see `keywords/query.ts`. @default nothing */
  readonly words?: RequiredWords | undefined;
}
/** Best by the store's own keyword score. */
export interface KeywordQuery extends QueryBase {
  readonly kind: 'KEYWORD';
  readonly text: string;
}
export type StoreQuery = VectorQuery | KeywordQuery;

/** What every chunk of a write carries besides its text and vector. */
export interface ChunkAttributes {
  readonly documentId: string;
  readonly title: string;
  readonly source: string;
  /** The document's, not the store's, in which vectors of one model are. */
  readonly collection: string;
  readonly mediaType: string;
  readonly metadata: { readonly [key: string]: JsonValue };
}

/** A chunk to store. */
export interface ChunkVector extends ChunkAttributes {
  readonly chunkId: string;
  readonly text: string;
  /** Digest of what was embedded, so that an unchanged text is not embedded again; see `indexing/content-hash.ts`. */
  readonly contentHash: string;
  /** L2-normalised; all zeros where the embedder saw nothing in the text. */
  readonly vector: Float32Array;
}

/** A chunk whose stored text and vector stay; only its attributes are written. */
export interface KeptChunk extends ChunkAttributes {
  readonly chunkId: string;
  readonly contentHash: string;
}

/** What is stored of a chunk, but its text and vector. */
export type StoredChunk = Omit<KeptChunk, 'chunkId' | 'title'>;

/** A chunk's text as it was indexed. */
export interface ChunkText {
  readonly documentId: string;
  readonly title: string;
  readonly text: string;
}

/** Makes the stored chunks of `documentIds` exactly `changed` and `kept`. */
export interface DocumentsWrite {
  readonly documentIds: readonly string[];
  readonly changed: readonly ChunkVector[];
  readonly kept: readonly KeptChunk[];
}

/**
 * A vector store.
 *
 * Every call may throw a CodedError `STORE_DISABLED`, `STORE_UNAVAILABLE` or `STORE_TIMEOUT`. A model or a number of
 * dimensions that is not the collection's is a `CONFLICT` (see `checkModel`), never a ranking over what does not
 * compare.
 */
export interface VectorDriver {
  /** The store's name in health and statement counts, such as `qdrant`; `none` where there is no store. */
  readonly store: string;

  /** Answers every query, in order. */
  search(context: RequestContext, queries: readonly StoreQuery[]): Promise<readonly Ranking<RankedChunk>[]>;
  /** For each chunk that has a vector: the nearest other chunks. Chunks without one are absent from the map. */
  similarToChunks(
    context: RequestContext,
    chunkIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedChunk>>>;
  /**
   * For each document that has vectors: the nearest other documents, by the cosine of the means of their chunks'
   * vectors.
   */
  similarToDocuments(
    context: RequestContext,
    documentIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedDocument>>>;

  /** Stores chunks, replacing those with the same ids. Visible to the next read. */
  upsert(context: RequestContext, chunks: readonly ChunkVector[], model: VectorModel): Promise<void>;
  /** Removes chunks. @returns the ids that were there */
  delete(context: RequestContext, chunkIds: readonly string[]): Promise<readonly string[]>;
  /** The content hash of every stored chunk of these documents. */
  storedHashes(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, string>>;
  /** The content hash of each of these chunks that is stored. */
  contentHashes(context: RequestContext, chunkIds: readonly string[]): Promise<Map<string, string>>;
  /** The text of each of these chunks that is stored. */
  texts(context: RequestContext, chunkIds: readonly string[]): Promise<Map<string, ChunkText>>;
  /** Every stored chunk of these documents by id, to compare it with what it should be. */
  storedChunks(context: RequestContext, documentIds: readonly string[]): Promise<Map<string, StoredChunk>>;
  /**
   * Replaces the chunks of whole documents.
   * @param model of the vectors in `changed`; the collection's own when nothing changed
   * @returns how many stored chunks were removed
   * @throws CodedError `CONFLICT` when a kept chunk is no longer stored with that hash; read the hashes again
   */
  indexDocuments(context: RequestContext, write: DocumentsWrite, model: VectorModel | undefined): Promise<number>;
  /** Removes all chunks of these documents. @returns how many there were */
  removeDocuments(context: RequestContext, documentIds: readonly string[]): Promise<number>;

  /**
   * Documents of which chunks are stored, each at least once, in pages.
   * @param after what the page before gave as `next`; null for the first
   */
  documentIds(
    context: RequestContext,
    after: string | null,
    limit: number,
  ): Promise<{ ids: readonly string[]; next: string | null }>;

  /** The keys that metadata of the tenant's chunks begins with; undefined where there is too much to look through. */
  metadataKeys(context: RequestContext): Promise<readonly string[] | undefined>;
  /** The collections that documents of the tenant's chunks are in; undefined where they are too many to be told. */
  documentCollections(context: RequestContext): Promise<readonly string[] | undefined>;
  /** What the tenant's collection was made with; undefined before its first write. */
  collectionInfo(context: RequestContext): Promise<CollectionInfo | undefined>;
  health(): Promise<StoreHealth>;
  /** Removes everything of a tenant; absent where that is PostgreSQL's. */
  readonly erasure?: StoreErasure;
  /** Which version the server is. @throws CodedError */
  version?(): Promise<string | undefined>;
  close(): Promise<void>;
}

/** What is to be embedded again. */
export interface RenewalPlan {
  /** The models that embedded it. */
  readonly from: readonly string[];
  /** The same for a person, with the dimensions where nothing else differs. */
  readonly was: string;
  readonly to: VectorModel;
  /** What is embedded again, for a sentence. */
  readonly what: string;
  /** How far it is, in stored texts; approximate while others write. */
  readonly done: number;
  readonly total: number;
}

/** Whether there is more to do, and whether another process is at it now. */
export type RenewalState = 'MORE' | 'DONE' | 'ELSEWHERE';

/** One for each driver: its pieces are asked for one after the other. */
export interface ModelRenewer {
  /**
   * Looks what is of another model than the embedder's.
   * @param free only what models that are built in embedded and will embed, which costs nothing
   * @returns undefined where nothing is
   */
  plan(free: boolean): Promise<RenewalPlan | undefined>;
  /**
   * Goes on a little.
   * @param stopping whether it is to end: asked between requests to the model
   */
  piece(plan: RenewalPlan, stopping: () => boolean): Promise<RenewalState>;
}
