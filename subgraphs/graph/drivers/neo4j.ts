/**
 * The graph in Neo4j 5. Every node pattern names the tenant, and relations are only ever made between two nodes that
 * were matched with it.
 *
 *     (:TributaryEntity {tenantId, id, name, nameOrder, kind, properties, byHand})
 *     (:TributaryEntity)-[:<TYPE> {tenantId, id, properties}]->(:TributaryEntity)
 *     (:TributaryRelation {tenantId, id, from, to, byHand})       finds a relation by its id, and who asserts it
 *     (:TributaryDocument {tenantId, id})-[:TRIBUTARY_MENTIONS {position}]->(:TributaryEntity)
 *     (:TributaryDocument)-[:TRIBUTARY_ASSERTS]->(:TributaryRelation)
 *
 * Properties are JSON text: Neo4j cannot hold nested values, and property names of callers would have to be quoted
 * into Cypher. Of what callers send only relation types ever are, after a check against a strict pattern.
 * `nameOrder` is what names sort by: Neo4j's index and its comparisons disagree about characters beyond U+FFFF.
 */
import neo4j from 'neo4j-driver';
import type { Driver, ManagedTransaction } from 'neo4j-driver';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import type { GraphDriver } from '../driver.ts';
import { checkNeo4jVersion, toNeo4jError } from './neo4j-errors.ts';
import { neo4jReads } from './neo4j-reads.ts';
import { deleteEntities, deleteRelations, indexDocuments, upsertEntities, upsertRelations } from './neo4j-writes.ts';

export interface Neo4jOptions {
  /** `bolt://`, `neo4j://` (routing), or either with `+s` for TLS. */
  readonly uri: string;
  readonly username: string;
  readonly password: string;
  /** The server's default database when absent. */
  readonly database?: string;
}

/** Longest time for one transaction, in milliseconds. */
const TRANSACTION_TIMEOUT_MS = 10_000;
const HEALTH_TIMEOUT_MS = 1_000;
const PREPARE_ATTEMPTS = 10;

/** Runs one counted statement with the tenant among its parameters. */
export type Query = <Row>(cypher: string, parameters?: Record<string, unknown>) => Promise<Row[]>;

const SCHEMA = [
  'CREATE CONSTRAINT tributary_entity IF NOT EXISTS FOR (e:TributaryEntity) REQUIRE (e.tenantId, e.id) IS UNIQUE',
  'CREATE CONSTRAINT tributary_relation IF NOT EXISTS FOR (r:TributaryRelation) REQUIRE (r.tenantId, r.id) IS UNIQUE',
  'CREATE CONSTRAINT tributary_document IF NOT EXISTS FOR (d:TributaryDocument) REQUIRE (d.tenantId, d.id) IS UNIQUE',
  'CREATE CONSTRAINT tributary_tenant IF NOT EXISTS FOR (t:TributaryTenant) REQUIRE t.tenantId IS UNIQUE',
  'CREATE INDEX tributary_entity_order IF NOT EXISTS FOR (e:TributaryEntity) ON (e.tenantId, e.nameOrder, e.id)',
  'CREATE INDEX tributary_entity_kind_order IF NOT EXISTS FOR (e:TributaryEntity) ON (e.tenantId, e.kind, e.nameOrder, e.id)',
  'CALL db.awaitIndexes(60)',
];

/** The client is made, and constraints and indexes are created, when the driver is first used (or first probed). */
export function createNeo4jGraph(options: Neo4jOptions): GraphDriver {
  const store = new Neo4jStore(options);
  return {
    ...neo4jReads((context, work) => store.transaction(context, 'executeRead', work)),
    upsertEntities: (context, entities) => store.transaction(context, 'executeWrite', (query) => upsertEntities(context, query, entities)),
    upsertRelations: (context, relations) =>
      store.transaction(context, 'executeWrite', (query) => upsertRelations(context, query, relations)),
    deleteEntities: (context, ids) => store.transaction(context, 'executeWrite', (query) => deleteEntities(query, ids)),
    deleteRelations: (context, ids) => store.transaction(context, 'executeWrite', (query) => deleteRelations(query, ids)),
    indexDocuments: (context, documents) =>
      store.transaction(context, 'executeWrite', (query) => indexDocuments(context, query, documents)),
    health: async () => [await store.health()],
    close: () => store.close(),
  };
}

/** Gateways that start together on an empty database get into each other's locks, for longer than transactions are retried. */
async function persistently(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      if (!/^Neo\.TransientError\./.test(String((error as { code?: unknown }).code)) || attempt === PREPARE_ATTEMPTS) throw error;
    }
  }
}

/** Why a transaction ended early: the client left, or the request's time is up. */
const requestEnded = ({ reason }: AbortSignal, cause: unknown): Error =>
  reason instanceof CodedError ? reason : new CodedError('REQUEST_TIMEOUT', 'The request ended before Neo4j had answered.', { cause, hint: 'Ask for less, or check the server at NEO4J_URI.' });

class Neo4jStore {
  readonly #options: Neo4jOptions;
  /** Lets every read see the writes that this process has made before it, also on another server of a cluster. */
  readonly #bookmarkManager = neo4j.bookmarkManager();
  #driver: Driver | undefined;
  #prepared: Promise<void> | undefined;
  /** The last transaction could not reach the server: the next one asks first, since the client would go on trying for seconds. */
  #doubtful = false;
  #closed = false;

  constructor(options: Neo4jOptions) {
    this.#options = options;
  }

  async transaction<T>(context: RequestContext, mode: 'executeRead' | 'executeWrite', work: (query: Query) => Promise<T>): Promise<T> {
    context.signal?.throwIfAborted();
    const { tenantId } = context.principal;
    try {
      await this.#prepare();
      if (this.#doubtful) await this.#client().verifyConnectivity({ database: this.#options.database });
      this.#doubtful = false;
      const session = this.#session();
      // The driver knows no signals; closing the session ends its transaction, on the server too.
      const abort = (): void => void session.close().catch(() => undefined); // What was running reports it.
      context.signal?.addEventListener('abort', abort, { once: true });
      try {
        return await session[mode](
          async (tx: ManagedTransaction) => {
            const query: Query = async <Row>(cypher: string, parameters: Record<string, unknown> = {}) => {
              context.signal?.throwIfAborted();
              context.statements.add('neo4j');
              const { records } = await tx.run(cypher, { ...parameters, tenantId });
              return records.map((record) => record.toObject() as Row);
            };
            return await work(query);
          },
          { timeout: TRANSACTION_TIMEOUT_MS },
        );
      } finally {
        context.signal?.removeEventListener('abort', abort);
        await session.close();
      }
    } catch (error) {
      if (context.signal?.aborted) throw requestEnded(context.signal, error);
      const mapped = toNeo4jError(error);
      this.#doubtful ||= mapped instanceof CodedError && ['STORE_UNAVAILABLE', 'STORE_TIMEOUT'].includes(mapped.code);
      throw mapped;
    }
  }

  async health(): Promise<StoreHealth> {
    const began = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Neo4j did not answer within ${HEALTH_TIMEOUT_MS} ms.`)), HEALTH_TIMEOUT_MS);
    });
    try {
      await Promise.race([this.#prepare().then(() => this.#client().verifyConnectivity({ database: this.#options.database })), late]);
      return { store: 'neo4j', state: 'ok', latencyMs: Math.round((performance.now() - began) * 10) / 10 };
    } catch (error) {
      const { message, extensions } = toNeo4jError(error) as Error & { extensions?: { hint?: string } };
      return { store: 'neo4j', state: 'down', detail: [message, extensions?.hint].filter(Boolean).join(' ') };
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#driver?.close();
    this.#driver = undefined;
  }

  #client(): Driver {
    if (this.#closed) throw new Error('The graph driver is closed.');
    const { uri, username, password } = this.#options;
    this.#driver ??= neo4j.driver(uri, neo4j.auth.basic(username, password), {
      connectionTimeout: 5_000,
      connectionAcquisitionTimeout: 6_000,
      // Reads that wait for a server that is away hold up the answers of all other stores.
      maxTransactionRetryTime: 1_000,
      disableLosslessIntegers: true,
      telemetryDisabled: true,
      userAgent: 'tributary',
    });
    return this.#driver;
  }

  #session() {
    return this.#client().session({ database: this.#options.database, bookmarkManager: this.#bookmarkManager });
  }

  /** Looks at the server's version and creates constraints and indexes, once; a failure is tried again by the next caller. */
  #prepare(): Promise<void> {
    this.#prepared ??= (async () => {
      checkNeo4jVersion((await this.#client().getServerInfo({ database: this.#options.database })).agent);
      const session = this.#session();
      try {
        for (const statement of SCHEMA) await persistently(() => session.executeWrite((tx) => tx.run(statement)));
      } finally {
        await session.close();
      }
    })().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }
}
