/**
 * Ranks by pgvector's HNSW index. Rows of other tenants and rows that a filter leaves out are met on the way, so the
 * scan goes on until enough are found (`hnsw.iterative_scan`), and where even that ends too early, every row is
 * compared.
 */
import { sql, type RawBuilder } from 'kysely';

import type { RequestContext } from '#subgraphs/shared/context.ts';
import { queryBuilder } from '#subgraphs/shared/postgres/kysely.ts';
import type { Postgres, Statement } from '#subgraphs/shared/postgres/postgres.ts';
import { VECTOR } from '../../bounds.ts';
import { checkModel } from '../../indexing/collection.ts';
import type { RankedChunk, RankedDocument, Ranking, VectorModel, VectorQuery } from '../../driver.ts';
import { byScoreThenId } from '../../search/fusion.ts';
import type { Ranker } from './ranker.ts';
import { conditionOf, readState, type CollectionRow } from './statements.ts';

/** The kinds of index: of single or of half precision. */
export type VectorType = 'vector' | 'halfvec';
/** The most dimensions that an HNSW index takes; vectors of more are compared one by one. */
const MAX_INDEXED: Readonly<Record<VectorType, number>> = { vector: 2_000, halfvec: 4_000 };
/** One process at a time makes the index. */
const INDEX_LOCK = 7_283_914_002;

/**
 * Bounds on one scan. Rows come roughly by distance (pgvector's `relaxed_order`), and behind a filter the graph leads past
 * some of the nearest at first: so more are taken than are asked for, put in order, and cut: `VECTOR.scanSpare` times as
 * many, but no more than `scanWidth`. For the ten nearest of 100,000 behind a filter that leaves a tenth, this lifts recall
 * from 0.76 to 0.99.
 */
export interface ScanOptions {
  /** How wide the index is searched. @default `VECTOR.scanWidth` */
  readonly scanWidth?: number;
  /** After how many rows it gives up. @default `VECTOR.scanTuples` */
  readonly scanTuples?: number;
}

const db = queryBuilder<Record<string, never>>('vector');
const compile = <Row>(query: RawBuilder<Row>) => query.compile(db);

interface NeighborRow {
  parent: string;
  chunk_id: string | null;
  document_id: string;
  score: number;
}

export class AnnRanker implements Ranker {
  readonly #postgres: Postgres;
  readonly #collection: string;
  readonly #home: RawBuilder<unknown>;
  readonly #type: VectorType;
  readonly #width: number;
  readonly #tuples: number;
  readonly #prepared = new Map<number, Promise<void>>();
  #written = 0;
  #analyzeAt: number = VECTOR.analyzeRows;
  #analysis: Promise<void> | undefined;

  /** @param home the schema of the extension */
  constructor(
    postgres: Postgres,
    collection: string,
    home: string,
    type: VectorType = 'vector',
    scan: ScanOptions = {},
  ) {
    this.#width = scan.scanWidth ?? VECTOR.scanWidth;
    this.#tuples = scan.scanTuples ?? VECTOR.scanTuples;
    this.#postgres = postgres;
    this.#collection = collection;
    this.#home = sql.id(home);
    this.#type = type;
  }

  async search(context: RequestContext, queries: readonly VectorQuery[]): Promise<readonly Ranking<RankedChunk>[]> {
    const widest = Math.max(...queries.map((query) => query.limit));
    const [states, neighbors] = await this.#scan(context, widest, [
      readState(this.#collection, []),
      this.#nearest(queries, true),
    ]);
    const [state, found] = [states as CollectionRow[], neighbors as NeighborRow[]];
    if (state[0] === undefined) return queries.map(() => ({ items: [], approximate: false }));
    for (const query of queries) {
      checkModel(
        { name: this.#collection, ...dimensionsOf(state[0]) },
        { model: query.model, dimensions: query.vector.length },
      );
    }
    const rankings = queries.map((query, index): Ranking<RankedChunk> => ({
      items: ranked(found, String(index)),
      approximate: true,
    }));
    const short = queries.flatMap((query, index) => (rankings[index]!.items.length < query.limit ? [index] : []));
    if (short.length > 0) {
      const rows = await this.#postgres.read(
        context,
        this.#nearest(
          short.map((index) => queries[index]!),
          false,
        ),
        { replica: true },
      );
      short.forEach(
        (index, position) => (rankings[index] = { items: ranked(rows, String(position)), approximate: false }),
      );
    }
    return rankings;
  }

  async similarToChunks(
    context: RequestContext,
    chunkIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedChunk>>> {
    const dimensions = await this.#dimensions(context);
    if (dimensions === undefined) return new Map();
    const near = (ids: readonly string[], indexed: boolean) =>
      compile<NeighborRow>(sql`
        SELECT p.chunk_id AS parent, n.chunk_id, n.document_id, n.score
        FROM vector.chunks p
        LEFT JOIN LATERAL ${this.#ordered(dimensions, sql`p.embedding::${this.#vector(dimensions)}`, sql`c.chunk_id <> p.chunk_id`, limit, indexed)} n ON true
        WHERE p.collection = ${this.#collection} AND p.dimensions = ${sql.lit(dimensions)} AND p.chunk_id = ANY (${ids}::text[])`);
    const [neighbors] = await this.#scan(context, limit, [near(chunkIds, true)]);
    const rows = neighbors as NeighborRow[];
    const result = new Map<string, Ranking<RankedChunk>>();
    for (const parent of new Set(rows.map((row) => row.parent)))
      result.set(parent, { items: ranked(rows, parent), approximate: true });
    const short = [...result].filter(([, { items }]) => items.length < limit).map(([parent]) => parent);
    if (short.length > 0) {
      const exact = await this.#postgres.read(context, near(short, false), { replica: true });
      for (const parent of short) result.set(parent, { items: ranked(exact, parent), approximate: false });
    }
    return result;
  }

  async similarToDocuments(
    context: RequestContext,
    documentIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedDocument>>> {
    const dimensions = await this.#dimensions(context);
    if (dimensions === undefined) return new Map();
    const mean = sql`avg(c.embedding::${this.#vector(dimensions)})`;
    const own = sql`c.collection = ${this.#collection} AND c.dimensions = ${sql.lit(dimensions)}`;
    // Near documents are those of near chunks; their own means then rank them. Materialised, because a planner that
    // takes a part for one row would compute the means anew for each.
    const near = (ids: readonly string[], indexed: boolean) =>
      compile<NeighborRow>(sql`
        WITH parents AS MATERIALIZED (
          SELECT c.document_id, ${mean} AS mean FROM vector.chunks c WHERE ${own} AND c.document_id = ANY (${ids}::text[]) GROUP BY c.document_id
        ), near AS MATERIALIZED (
          ${
            indexed
              ? sql`SELECT DISTINCT p.document_id AS parent, n.document_id FROM parents p
                    CROSS JOIN LATERAL ${this.#ordered(dimensions, sql`p.mean`, sql`c.document_id <> p.document_id`, VECTOR.nearChunks, true)} n`
              : sql`SELECT DISTINCT p.document_id AS parent, c.document_id FROM parents p JOIN vector.chunks c ON ${own} AND c.document_id <> p.document_id`
          }
        ), means AS MATERIALIZED (
          SELECT c.document_id, ${mean} AS mean FROM vector.chunks c
          WHERE ${own} AND c.document_id = ANY (ARRAY(SELECT document_id FROM near)) GROUP BY c.document_id
        )
        SELECT p.document_id AS parent, NULL AS chunk_id, n.document_id, ${this.#score(sql`p.mean`, sql`m.mean`)} AS score
        FROM parents p LEFT JOIN near n ON n.parent = p.document_id LEFT JOIN means m ON m.document_id = n.document_id`);
    const [neighbors] = await this.#scan(context, VECTOR.nearChunks, [near(documentIds, true)]);
    const rows = neighbors as NeighborRow[];
    const result = new Map<string, Ranking<RankedDocument>>();
    const rankedFor = (from: readonly NeighborRow[], parent: string): RankedDocument[] =>
      from
        .filter((row) => row.parent === parent && row.document_id !== null)
        .map((row) => ({ documentId: row.document_id, score: row.score }))
        .sort((a, b) => b.score - a.score || (a.documentId < b.documentId ? -1 : 1))
        .slice(0, limit);
    for (const parent of new Set(rows.map((row) => row.parent)))
      result.set(parent, { items: rankedFor(rows, parent), approximate: true });
    const short = [...result].filter(([, { items }]) => items.length < limit).map(([parent]) => parent);
    if (short.length > 0) {
      const exact = await this.#postgres.read(context, near(short, false), { replica: true });
      for (const parent of short) result.set(parent, { items: rankedFor(exact, parent), approximate: false });
    }
    return result;
  }

  /**
   * Makes the index of these dimensions, once in a process. On a table that is full already this takes its time, which
   * no time-out cuts.
   */
  async prepare({ dimensions }: VectorModel): Promise<void> {
    if (dimensions > MAX_INDEXED[this.#type]) return;
    let preparing = this.#prepared.get(dimensions);
    if (preparing === undefined) {
      preparing = this.#postgres.maintain([
        { sql: 'SELECT pg_advisory_lock($1)', parameters: [INDEX_LOCK] },
        { sql: 'SELECT vector.ensure_ann_index($1, $2)', parameters: [dimensions, this.#type === 'halfvec'] },
      ]);
      this.#prepared.set(dimensions, preparing);
      preparing.catch(() => this.#prepared.delete(dimensions)); // The next write tries again; this one hears of it below.
    }
    await preparing;
  }

  /**
   * Renews the table's statistics behind the caller's back once many rows were written: without them the planner takes
   * the table for tiny and compares every row. The server does so by itself, but only minutes later.
   */
  written(rows: number): void {
    this.#written += rows;
    if (this.#written < this.#analyzeAt || this.#analysis !== undefined) return;
    this.#analyzeAt = this.#written * 2;
    this.#analysis = this.#postgres
      .maintain([
        {
          sql: 'ANALYZE vector.chunks (tenant_id, collection, chunk_id, document_id, dimensions, document_collection, media_type, source)',
          parameters: [],
        },
      ])
      .catch(() => undefined) // Nothing depends on it but speed, and the server's own turn comes.
      .finally(() => (this.#analysis = undefined));
  }

  async close(): Promise<void> {
    await this.#analysis;
  }

  async #dimensions(context: RequestContext): Promise<number | undefined> {
    const [row] = await this.#postgres.read(context, readState(this.#collection, []), { replica: true });
    return row?.dimensions;
  }

  /** Runs statements with the bounds of an iterative scan, and answers their rows. */
  async #scan(context: RequestContext, limit: number, statements: readonly Statement[]): Promise<unknown[][]> {
    const width = String(Math.min(VECTOR.scanWidthMost, Math.max(this.#width, limit)));
    const settings = {
      sql: `SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', $1, true), set_config('hnsw.max_scan_tuples', $2, true)`,
      parameters: [width, String(this.#tuples)],
    };
    return (await this.#postgres.readAll(context, [settings, ...statements], { replica: true })).slice(1);
  }

  #nearest(queries: readonly VectorQuery[], indexed: boolean) {
    const parts = queries.map((asked, index) => {
      const { vector, limit } = asked;
      const query = sql`${`[${vector.join(',')}]`}::${this.#vector(vector.length)}`;
      return sql`(SELECT ${String(index)} AS parent, n.* FROM ${this.#ordered(vector.length, query, conditionOf(asked) ?? sql`true`, limit, indexed)} n)`;
    });
    return compile<NeighborRow>(sql`${sql.join(parts, sql` UNION ALL `)}`);
  }

  /** The rows nearest to `query`, as a derived table. @param indexed whether the index may order them */
  #ordered(
    dimensions: number,
    query: RawBuilder<unknown>,
    where: RawBuilder<unknown>,
    limit: number,
    indexed: boolean,
  ): RawBuilder<unknown> {
    const row = sql`c.embedding::${this.#vector(dimensions)}`;
    const distance = sql`(${row}) OPERATOR(${this.#home}.<=>) ${query}`;
    const rows = (order: RawBuilder<unknown>, most: number): RawBuilder<unknown> => sql`
      SELECT c.chunk_id, c.document_id, ${this.#score(row, query)} AS score
      FROM vector.chunks c
      WHERE c.collection = ${this.#collection} AND c.dimensions = ${sql.lit(dimensions)} AND ${where}
      ORDER BY ${order}
      LIMIT ${most}`;
    if (!indexed) return sql`(${rows(sql`coalesce(nullif(${distance}, 'NaN'), 1), c.chunk_id COLLATE "C"`, limit)})`;
    const taken = Math.max(limit, Math.min(limit * VECTOR.scanSpare, this.#width));
    return sql`(
      WITH taken AS MATERIALIZED (${rows(distance, taken)})
      SELECT chunk_id, document_id, score FROM taken ORDER BY score DESC, chunk_id COLLATE "C" LIMIT ${limit}
    )`;
  }

  /** Cosine; 0 for a vector of zeros, which has no direction. */
  #score(a: RawBuilder<unknown>, b: RawBuilder<unknown>): RawBuilder<unknown> {
    return sql`1 - coalesce(nullif((${a}) OPERATOR(${this.#home}.<=>) ${b}, 'NaN'), 1)`;
  }

  #vector(dimensions: number): RawBuilder<unknown> {
    return sql`${this.#home}.${sql.id(this.#type)}(${sql.lit(dimensions)})`;
  }
}

const dimensionsOf = ({ model, dimensions }: CollectionRow): VectorModel => ({ model, dimensions });

const ranked = (rows: readonly NeighborRow[], parent: string): RankedChunk[] =>
  rows
    .filter((row) => row.parent === parent && row.chunk_id !== null)
    .map((row) => ({ chunkId: row.chunk_id!, documentId: row.document_id, score: row.score }))
    .sort(byScoreThenId);
