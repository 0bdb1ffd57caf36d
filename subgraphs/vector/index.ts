/** The vector subgraph: similarity and keyword search over chunks, in Qdrant or PostgreSQL. */
import type { Embedder, Reranker, ShareLookup } from '#subgraphs/shared/ports.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Secret } from '#subgraphs/shared/secret.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import type { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import { checkCollectionName, DEFAULT_COLLECTION, factsCollection, messagesCollection } from './indexing/collection.ts';
import type { ModelRenewer, VectorDriver } from './driver.ts';
import { BackgroundRenewal } from './drivers/background-renewal.ts';
import { disabledVectors } from './drivers/disabled.ts';
import { RenewersInTurn } from './drivers/renewers-in-turn.ts';
import { MatrixCache } from './exact/matrix-cache.ts';
import { AnnRanker, type ScanOptions, type VectorType } from './drivers/postgres/ann.ts';
import { isExtensionFault } from './drivers/postgres/extension.ts';
import { ensureVectorExtension } from './drivers/postgres/extension.ts';
import { PostgresVectors, type PostgresVectorsOptions } from './drivers/postgres/index.ts';
import { searchingShared } from './search/shared-documents.ts';
import { buildSchema } from './schema/index.ts';

export interface VectorConfig extends ScanOptions {
  /** A Qdrant server; PostgreSQL keeps the vectors when absent. */
  readonly qdrant?: { readonly url: string; readonly apiKey?: Secret };
  /** Where vectors are kept. @default 'chunks' */
  readonly collection?: string;
  /**
   * What is embedded again from the start on where another model embedded it: what any did, what models that are built in did
   * where another of them is to, or nothing.
   * @default 'FREE'
   */
  readonly reindex?: 'ALL' | 'FREE' | 'OFF';
  /**
   * How vectors in PostgreSQL are ranked: by an index of this precision, or by comparing all (`off`). Default: `vector`
   * where pgvector can be used, else `off`; one that is asked for and cannot be used is an error.
   */
  readonly pgvector?: VectorType | 'off';
  /** Whether messages of sessions come here, so that they are found by meaning. @default false */
  readonly messagesIndexed?: boolean | undefined;
  /** Longest time for one request to Qdrant. @default `VECTOR.qdrantTimeoutMs` */
  readonly qdrantTimeoutMs?: number;
  /** Longest request that writes to Qdrant. @default `VECTOR.qdrantBatchBytes` */
  readonly qdrantBatchBytes?: number;
  /** The most chunks that are looked at for what Qdrant does not check. @default `VECTOR.qdrantChecked` */
  readonly qdrantChecked?: number;
  /** Memory for the vectors of all tenants where all are compared. @default `VECTOR.exactCacheBytes` */
  readonly exactCacheBytes?: number;
  /** The most chunks of one tenant there. @default `VECTOR.exactRows` */
  readonly exactRows?: number;
}

export interface VectorDeps {
  readonly postgres?: Postgres;
  readonly embedder: Embedder;
  /** What puts search's best in another order. @default nothing */
  readonly reranker?: Reranker | undefined;
  /** What was shared with callers of projects. @default nothing was */
  readonly shares?: ShareLookup | undefined;
  /** Threads for ranking by comparing all. @default threads of its own */
  readonly work?: WorkPool | undefined;
  /** Told what an operator should know. @default nobody */
  readonly log?: ((message: string) => void) | undefined;
}

/**
 * Picks the store: Qdrant where configured, else PostgreSQL where injected, else none.
 * @throws CodedError `BAD_USER_INPUT` for a collection name that no store takes; `STORE_UNAVAILABLE` when a migration
 *   fails
 */
export async function createVector(config: VectorConfig, deps: VectorDeps): Promise<Subgraph> {
  const { driver, facts, messages, renewer } = await createDrivers(config, deps);
  const { reindex = 'FREE' } = config;
  const renewal =
    renewer === undefined || reindex === 'OFF'
      ? undefined
      : new BackgroundRenewal(renewer, { free: reindex === 'FREE', log: deps.log ?? (() => undefined) });
  return {
    name: 'vector',
    schema: buildSchema({
      driver,
      facts,
      messages,
      messagesIndexed: config.messagesIndexed === true,
      embedder: deps.embedder,
      reranker: deps.reranker,
      searching: searchingShared(driver, deps.shares),
      renewer,
    }),
    routes: [],
    provides: {},
    health: async () => {
      const health = await driver.health();
      const progress = renewal?.progress;
      return [progress === undefined || health.state !== 'ok' ? health : { ...health, detail: progress }];
    },
    // Of documents, facts and messages alike: those of the collection of one name are beside each other.
    erasure: driver.erasure,
    examine: async () => {
      const plan = await renewer?.plan(false);
      const version = await driver.version?.();
      if (plan === undefined) return { version, findings: [] };
      const { was, to, total } = plan;
      return {
        version,
        findings: [
          {
            level: 'warning',
            what: `${total} stored texts were embedded by ${was}, and ${to.model} with ${to.dimensions} dimensions embeds now: searches by meaning are refused.`,
            remedy: 'Run `npm run reindex`, or set EMBEDDING_MODEL back.',
          },
        ],
      };
    },
    close: async () => {
      await renewal?.close();
      await driver.close();
      await facts.close();
      await messages.close();
    },
  };
}

/** One for documents, and one each for remembered facts and messages in collections beside theirs. */
async function createDrivers(
  config: VectorConfig,
  { postgres, work, log, embedder }: VectorDeps,
): Promise<{ driver: VectorDriver; facts: VectorDriver; messages: VectorDriver; renewer?: ModelRenewer }> {
  const { collection = DEFAULT_COLLECTION, qdrant } = config;
  const name = checkCollectionName(collection);
  const each = <Driver>(make: (collection: string) => Driver): [Driver, Driver, Driver] => [
    make(name),
    make(factsCollection(name)),
    make(messagesCollection(name)),
  ];
  if (qdrant !== undefined) {
    const { QdrantVectors } = await import('./drivers/qdrant/index.ts'); // The client is loaded only where it is used.
    const bounds = {
      timeoutMs: config.qdrantTimeoutMs,
      batchBytes: config.qdrantBatchBytes,
      checked: config.qdrantChecked,
    };
    const drivers = each((collection) => new QdrantVectors({ ...qdrant, ...bounds, log }, collection));
    const [driver, facts, messages] = drivers;
    const renewers = drivers.map((one) => one.renewer(embedder, postgres));
    return { driver, facts, messages, renewer: new RenewersInTurn(renewers) };
  }
  if (postgres === undefined) return { driver: disabledVectors, facts: disabledVectors, messages: disabledVectors };
  await postgres.migrate('vector', new URL('./migrations/', import.meta.url));
  const cache = new MatrixCache({ bytes: config.exactCacheBytes, rows: config.exactRows });
  const rankedBy = await ranking(postgres, config);
  const drivers = each((of) => new PostgresVectors(postgres, of, { ...rankedBy(of), cache, work }));
  const [driver, facts, messages] = drivers;
  driver.renewKeywords(log ?? (() => undefined)); // Of all collections.
  return { driver, facts, messages, renewer: new RenewersInTurn(drivers.map((one) => one.renewer(embedder))) };
}

/** How a collection is ranked: by pgvector where it can be used; comparing all needs nobody's leave. */
async function ranking(
  postgres: Postgres,
  { pgvector: wanted, ...scan }: VectorConfig,
): Promise<(collection: string) => PostgresVectorsOptions> {
  if (wanted === 'off') return () => ({});
  try {
    const home = await ensureVectorExtension(postgres);
    return (collection) => ({ ranker: new AnnRanker(postgres, collection, home, wanted, scan) });
  } catch (error) {
    if (wanted !== undefined || !isExtensionFault(error)) throw error;
    const note = {
      note: `Every vector is compared, which is fine for small data; for more, set DATABASE_URL to a server with pgvector, or QDRANT_URL. ${error.message}`,
    };
    return () => note;
  }
}
