/** Ranks by comparing with every vector of the tenant, from a cache that the collection's revision keeps fresh. */
import type { RawBuilder } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { WorkPool, type WorkFor } from '#subgraphs/shared/work/work-pool.ts';
import { VECTOR } from '../../bounds.ts';
import { checkModel } from '../../indexing/collection.ts';
import type { RankedChunk, RankedDocument, Ranking, VectorQuery } from '../../driver.ts';
import { encodeQuery } from '../../exact/codes.ts';
import { MatrixCache, type CacheOptions, type ChangeReader, type TenantVectors } from '../../exact/matrix-cache.ts';
import type { VectorMatrix } from '../../exact/matrix.ts';
import { Scorer } from '../../exact/scorer.ts';
import { nearest, type Scanned } from '../../exact/nearest.ts';
import type { Ranker } from './ranker.ts';
import { conditionOf, countRows, readChanges, readState, type ChangeRow } from './statements.ts';

export class ExactRanker implements Ranker {
  readonly #postgres: Postgres;
  readonly #collection: string;
  readonly #cache: MatrixCache;
  readonly #scorer: Scorer;

  /** Undefined where it is somebody else's to close. */
  readonly #ownWork: WorkPool | undefined;

  constructor(
    postgres: Postgres,
    collection: string,
    options: { workerBound?: number; cache?: CacheOptions | MatrixCache; work?: WorkPool | undefined } = {},
  ) {
    this.#postgres = postgres;
    this.#collection = collection;
    this.#cache = options.cache instanceof MatrixCache ? options.cache : new MatrixCache(options.cache);
    this.#ownWork = options.work === undefined ? new WorkPool() : undefined;
    this.#scorer = new Scorer(options.work ?? this.#ownWork!, options.workerBound);
  }

  async search(context: RequestContext, queries: readonly VectorQuery[]): Promise<readonly Ranking<RankedChunk>[]> {
    // What is known of a chunk besides its vector is asked of the store, together with the revision.
    const conditions = queries.map(conditionOf);
    const state = await this.#state(
      context,
      conditions.filter((condition) => condition !== undefined),
    );
    if (state === undefined) return queries.map(() => ({ items: [], approximate: false }));
    for (const query of queries) {
      checkModel({ name: this.#collection, ...state }, { model: query.model, dimensions: query.vector.length });
    }
    const { chunks } = state.vectors;
    const { version } = chunks;
    let next = 0;
    const rowsOf = conditions.map((condition) =>
      condition === undefined ? undefined : matchingRows(chunks, state.matching[next++] ?? null),
    );

    // Queries over all rows share one pass; each filtered one reads its own rows.
    const rankings = new Array<Ranking<RankedChunk>>(queries.length);
    const coded = queries.map(({ vector }) => encodeQuery(vector));
    const rank = (index: number, products: Float32Array): void => {
      const scanned = { query: coded[index]!, products, rows: rowsOf[index], version };
      rankings[index] = { items: best(chunks, scanned, queries[index]!.limit), approximate: false };
    };
    const whole = queries.flatMap((_, index) => (rowsOf[index] === undefined ? [index] : []));
    const vectors = whole.map((index) => coded[index]!);
    await this.#scorer.each(chunks.job(vectors), workFor(context), (query, products) => rank(whole[query]!, products));
    for (const [index, query] of coded.entries()) {
      const rows = rowsOf[index];
      if (rows !== undefined)
        await this.#scorer.each(chunks.job([query], rows), workFor(context), (_, products) => rank(index, products));
    }
    return rankings;
  }

  async similarToChunks(
    context: RequestContext,
    chunkIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedChunk>>> {
    const state = await this.#state(context, []);
    if (state === undefined) return new Map();
    const { chunks } = state.vectors;
    const { version } = chunks;
    const rankings = new Map<string, Ranking<RankedChunk>>();
    await this.#similar(context, chunks, chunkIds, (id, scanned) => {
      rankings.set(id, { items: best(chunks, { ...scanned, version }, limit), approximate: false });
    });
    return rankings;
  }

  async similarToDocuments(
    context: RequestContext,
    documentIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedDocument>>> {
    const state = await this.#state(context, []);
    if (state === undefined) return new Map();
    const documents = state.vectors.documents();
    const { version } = documents;
    const rankings = new Map<string, Ranking<RankedDocument>>();
    await this.#similar(context, documents, documentIds, (id, scanned) => {
      const items = best(documents, { ...scanned, version }, limit);
      const ranked = items.map(({ documentId, score }) => ({ documentId, score }));
      rankings.set(id, { items: ranked, approximate: false });
    });
    return rankings;
  }

  async prepare(): Promise<void> {}

  written(): void {}

  async close(): Promise<void> {
    this.#cache.clear();
    await this.#ownWork?.close();
  }

  async #similar(
    context: RequestContext,
    matrix: VectorMatrix,
    ids: readonly string[],
    rank: (id: string, scanned: Omit<Scanned, 'version'>) => void,
  ): Promise<void> {
    const known = ids.flatMap((id) => {
      const row = matrix.rowOf(id);
      return row === undefined ? [] : [{ id, row }];
    });
    const coded = known.map(({ row }) => encodeQuery(matrix.vector(row)));
    await this.#scorer.each(matrix.job(coded), workFor(context), (query, products) => {
      const { id, row } = known[query]!;
      rank(id, { query: coded[query]!, products, without: row });
    });
  }

  /** Reads the revision and what the conditions match, and brings the cache to it. */
  async #state(
    context: RequestContext,
    conditions: readonly RawBuilder<unknown>[],
  ): Promise<{ model: string; dimensions: number; vectors: TenantVectors; matching: (Buffer | null)[] } | undefined> {
    const [row] = await this.#postgres.read(context, readState(this.#collection, conditions));
    if (row === undefined) return undefined;
    const key = `${context.principal.tenantId} ${this.#collection}`;
    const vectors = await this.#cache.at(key, Number(row.revision), this.#reader(context));
    return (
      vectors && { model: vectors.model, dimensions: vectors.chunks.dimensions, vectors, matching: row.matching ?? [] }
    );
  }

  #reader(context: RequestContext): ChangeReader {
    // A load serves every request that waits for it, so one client's departure must not end it.
    const shared = { ...context, signal: undefined };
    return {
      count: async (atMost) => (await this.#postgres.read(shared, countRows(this.#collection, atMost)))[0]?.rows ?? 0,
      changes: async (after, deletedAfter) => {
        const rows = await this.#postgres.read(
          shared,
          readChanges(this.#collection, after, deletedAfter, VECTOR.exactReadRows),
        );
        const [state] = rows;
        if (state === undefined) return undefined;
        const written = rows.filter((row) => row.gone === false);
        return {
          model: state.model,
          dimensions: state.dimensions,
          revision: Number(state.revision),
          tombstonesFrom: Number(state.tombstones_from),
          rows: written.map(changedRow).sort((a, b) => a.revision - b.revision || a.ordinal - b.ordinal),
          deleted: rows.filter((row) => row.gone === true).map((row) => Number(row.ordinal)),
          complete: written.length < VECTOR.exactReadRows,
        };
      },
    };
  }
}

// PostgreSQL's binary form of an array of one dimension: a header of 20 bytes, then each element behind its length.
const ARRAY_HEADER = 20;
const ELEMENT = 8;

const changedRow = (row: ChangeRow) => ({
  revision: Number(row.row_revision),
  ordinal: Number(row.ordinal),
  chunkId: row.chunk_id,
  documentId: row.document_id,
  write: (target: Float32Array) => {
    const { embedding } = row;
    for (let i = 0; i < target.length; i++) target[i] = embedding.readFloatBE(ARRAY_HEADER + i * ELEMENT + 4);
  },
});

/** The rows of these ordinals, packed as {@link readState} has them, in order. */
function matchingRows(chunks: VectorMatrix, ordinals: Buffer | null): Int32Array {
  const rows: number[] = [];
  for (let at = 0; ordinals !== null && at < ordinals.length; at += 8) {
    // A row that was written after the cache's revision is not known here, and not in the answer.
    const row = chunks.rowOfOrdinal(ordinals.readUInt32BE(at) * 2 ** 32 + ordinals.readUInt32BE(at + 4));
    if (row !== undefined) rows.push(row);
  }
  return Int32Array.from(rows).sort();
}

const best = (matrix: VectorMatrix, scanned: Scanned, limit: number): RankedChunk[] =>
  nearest(matrix, scanned, limit).map(({ row, score }) => ({
    chunkId: matrix.ids[row]!,
    documentId: matrix.groups[row]!,
    score,
  }));

const workFor = ({ principal, signal }: RequestContext): WorkFor => ({ tenantId: principal.tenantId, signal });
