/**
 * The matrices of the tenants that are being asked, kept as fresh as each query demands and bounded in bytes. A write
 * costs the next query the rows that it changed, not the whole collection.
 */
import { CodedError } from '#subgraphs/shared/errors.ts';
import { VECTOR } from '../bounds.ts';
import type { VectorModel } from '../driver.ts';
import { VectorMatrix } from './matrix.ts';

export interface CacheOptions {
  /** Memory for all matrices together, in bytes; the one in use always stays. @default `VECTOR.exactCacheBytes` */
  readonly bytes?: number | undefined;
  /** The most rows of one tenant. @default `VECTOR.exactRows` */
  readonly rows?: number | undefined;
}

/** Where a reader stands: everything written up to `revision` and, within the revision after it, up to `ordinal`. */
export interface Position {
  readonly revision: number;
  readonly ordinal: number;
}

/** A piece of what changed, as one statement saw it. */
export interface Changes extends VectorModel {
  /** The collection's revision in the statement's snapshot. */
  readonly revision: number;
  /** Deletions up to this revision are unknown. */
  readonly tombstonesFrom: number;
  /** Written rows behind the position asked for, in order; fewer than the limit when there are no more. */
  readonly rows: readonly ChangedRow[];
  /** Rows deleted since the revision asked for. */
  readonly deleted: readonly number[];
  readonly complete: boolean;
}

export interface ChangedRow {
  readonly revision: number;
  readonly ordinal: number;
  readonly chunkId: string;
  readonly documentId: string;
  /** Copies the vector out, so that the store's own form of it can be let go. */
  write(target: Float32Array): void;
}

/** How the cache reads one tenant's collection. */
export interface ChangeReader {
  /** What came after; undefined where the tenant has no collection. */
  changes(after: Position, deletedAfter: number): Promise<Changes | undefined>;
  /** How many rows there are; may stop counting at `atMost`. */
  count(atMost: number): Promise<number>;
}

/** One tenant's chunks, and its documents with the mean of their chunks' vectors. */
export class TenantVectors {
  model: string;
  revision = 0;
  chunks: VectorMatrix;
  #documents: VectorMatrix;
  #stale = new Set<string>();
  #nextDocument = 0;

  constructor({ model, dimensions }: VectorModel) {
    this.model = model;
    this.chunks = new VectorMatrix(dimensions);
    this.#documents = new VectorMatrix(dimensions);
  }

  get bytes(): number {
    return this.chunks.bytes + this.#documents.bytes;
  }

  put(row: ChangedRow): void {
    const before = this.chunks.rowOfOrdinal(row.ordinal);
    if (before !== undefined) this.#stale.add(this.chunks.groups[before]!);
    this.chunks.append({ ordinal: row.ordinal, id: row.chunkId, group: row.documentId }, (target) => row.write(target));
    this.#stale.add(row.documentId);
  }

  drop(ordinal: number): void {
    const group = this.chunks.remove(ordinal);
    if (group !== undefined) this.#stale.add(group);
  }

  compact(): void {
    if (this.chunks.wasteful) this.chunks = this.chunks.compacted();
  }

  /** The documents' vectors, of which only those are computed again whose chunks have changed. */
  documents(): VectorMatrix {
    for (const documentId of this.#stale) {
      const row = this.#documents.rowOf(documentId);
      // A document's row is named by itself; its ordinal is of no store.
      if (row !== undefined) this.#documents.remove(this.#ordinalOf.get(documentId)!);
      if ([...this.chunks.rowsOfGroup(documentId)].length === 0) {
        this.#ordinalOf.delete(documentId);
        continue;
      }
      const ordinal = this.#nextDocument++;
      this.#ordinalOf.set(documentId, ordinal);
      this.#documents.append({ ordinal, id: documentId, group: documentId }, (target) =>
        target.set(this.chunks.meanOf(documentId)),
      );
    }
    this.#stale.clear();
    if (this.#documents.wasteful) this.#documents = this.#documents.compacted();
    return this.#documents;
  }
  readonly #ordinalOf = new Map<string, number>();
}

interface Slot {
  vectors: TenantVectors | undefined;
  /** A load that is running; whoever needs a later state than it brings waits and asks again. */
  loading: Promise<void> | undefined;
  usedAt: number;
}

export class MatrixCache {
  readonly #slots = new Map<string, Slot>();
  readonly #limits: { bytes: number; rows: number };
  #clock = 0;

  constructor(options: CacheOptions = {}) {
    this.#limits = { bytes: options.bytes ?? VECTOR.exactCacheBytes, rows: options.rows ?? VECTOR.exactRows };
  }

  /** Bytes held for all tenants. */
  get bytes(): number {
    let sum = 0;
    for (const slot of this.#slots.values()) sum += slot.vectors?.bytes ?? 0;
    return sum;
  }

  /**
   * The vectors of `key` with everything written up to `revision`.
   * @returns undefined when the collection is gone
   * @throws CodedError `QUERY_TOO_COSTLY` where there are more rows than a scan may read
   */
  async at(key: string, revision: number, reader: ChangeReader): Promise<TenantVectors | undefined> {
    let slot = this.#slots.get(key);
    if (slot === undefined) this.#slots.set(key, (slot = { vectors: undefined, loading: undefined, usedAt: 0 }));
    slot.usedAt = ++this.#clock;
    while (slot.vectors === undefined || slot.vectors.revision < revision) {
      const loading = (slot.loading ??= this.#refresh(slot, reader).finally(() => {
        slot.loading = undefined;
      }));
      await loading;
      if (slot.vectors === undefined) return undefined;
    }
    this.#evict(key);
    return slot.vectors;
  }

  clear(): void {
    this.#slots.clear();
  }

  async #refresh(slot: Slot, reader: ChangeReader): Promise<void> {
    const known = slot.vectors;
    if (known !== undefined && (await this.#update(known, reader))) return;
    slot.vectors = undefined;
    slot.vectors = await this.#load(reader);
  }

  /** Reads everything into a new matrix, which nobody sees before it is complete. */
  async #load(reader: ChangeReader): Promise<TenantVectors | undefined> {
    // Counted first: to find out by loading would cost every refused query the whole collection.
    if ((await reader.count(this.#limits.rows + 1)) > this.#limits.rows) throw tooMany(this.#limits.rows);
    let position: Position = { revision: 0, ordinal: 0 };
    let deletedAfter: number | undefined;
    let vectors: TenantVectors | undefined;
    for (;;) {
      const changes = await reader.changes(position, deletedAfter ?? Number.MAX_SAFE_INTEGER);
      if (changes === undefined) return undefined;
      if (vectors !== undefined && (differs(vectors, changes) || changes.tombstonesFrom > deletedAfter!)) {
        // The collection was made anew between two reads, or deletions in between are forgotten: what was read is void.
        return await this.#load(reader);
      }
      vectors ??= new TenantVectors(changes);
      for (const row of changes.rows) vectors.put(row);
      for (const ordinal of changes.deleted) vectors.drop(ordinal);
      if (vectors.chunks.size > this.#limits.rows) throw tooMany(this.#limits.rows);
      deletedAfter = changes.revision;
      const last = changes.rows.at(-1);
      if (last !== undefined) position = last;
      if (changes.complete) {
        vectors.revision = changes.revision;
        return vectors;
      }
    }
  }

  /**
   * Applies what changed, at once, so that no query sees half of a write. @returns false when it cannot be told what
   * was deleted
   */
  async #update(vectors: TenantVectors, reader: ChangeReader): Promise<boolean> {
    const pieces: Changes[] = [];
    let written = 0;
    let position: Position = { revision: vectors.revision, ordinal: Number.MAX_SAFE_INTEGER };
    let deletedAfter = vectors.revision;
    for (;;) {
      const changes = await reader.changes(position, deletedAfter);
      if (changes === undefined || differs(vectors, changes) || changes.tombstonesFrom > deletedAfter) return false;
      pieces.push(changes);
      written += changes.rows.length;
      // As much as a load: then load, which needs the memory once, and refuses what is too much.
      if (!changes.complete && written > vectors.chunks.size) return false;
      if (vectors.chunks.size + written > this.#limits.rows) return false;
      deletedAfter = changes.revision;
      position = changes.rows.at(-1) ?? position;
      if (changes.complete) break;
    }
    for (const piece of pieces) {
      for (const row of piece.rows) vectors.put(row);
      for (const ordinal of piece.deleted) vectors.drop(ordinal);
    }
    vectors.revision = deletedAfter;
    vectors.compact();
    return true;
  }

  #evict(keep: string): void {
    while (this.bytes > this.#limits.bytes) {
      let oldest: [string, Slot] | undefined;
      for (const entry of this.#slots) {
        const [key, slot] = entry;
        if (key === keep || slot.vectors === undefined || slot.loading !== undefined) continue;
        if (oldest === undefined || slot.usedAt < oldest[1].usedAt) oldest = entry;
      }
      if (oldest === undefined) return;
      this.#slots.delete(oldest[0]);
    }
  }
}

const differs = (vectors: TenantVectors, changes: Changes): boolean =>
  vectors.model !== changes.model || vectors.chunks.dimensions !== changes.dimensions;

const tooMany = (rows: number) =>
  new CodedError(
    'QUERY_TOO_COSTLY',
    `This tenant has more than ${rows.toLocaleString('en')} vectors, too many to compare with each of them.`,
    {
      hint: 'Install the pgvector extension in the database of DATABASE_URL, set QDRANT_URL, or set VECTOR_EXACT_ROWS where memory allows.',
    },
  );
