/**
 * One client of Neo4j: managed transactions with retries, cancellation, time limits, and errors in this project's
 * codes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import neo4j from 'neo4j-driver';
import type { AuthTokenManager, Driver, ManagedTransaction, QueryResult } from 'neo4j-driver';
import type { RequestContext } from '../context.ts';
import { CodedError, messageWithHint } from '../errors.ts';
import { backoff } from '../backoff.ts';
import type { BoundValues } from '../bound.ts';
import { NEO4J } from './bounds.ts';
import { checkNeo4jVersion, toNeo4jError } from './errors.ts';
import { reveal, type Secret } from '../secret.ts';
import type { Examination } from '../examination.ts';
import type { StoreHealth } from '../subgraph.ts';

/** Bounds are said in `NEO4J` (./bounds.ts), with their defaults. */
export interface Neo4jOptions extends Partial<BoundValues<typeof NEO4J>> {
  /** `bolt://`, `neo4j://` (routing), or either with `+s` for TLS. */
  readonly uri: string;
  readonly username: string;
  /** Asked for whenever a connection is taken, which is then authenticated anew where it has changed. */
  readonly password: Secret;
  /** The server's default database when absent. */
  readonly database?: string;
}

export interface Neo4jClientOptions {
  /** Statements that create what the client's user needs, run once before the first transaction. @default none */
  readonly schema?: readonly string[];
  /** Answers whole numbers as the driver's `Integer`, exact beyond 2^53, instead of as numbers. @default false */
  readonly exactIntegers?: boolean;
}

/** Runs one counted statement. */
export type RunCypher = (cypher: string, parameters: Record<string, unknown>) => Promise<QueryResult>;

/** What fails with a password that has been exchanged since is tried again with the new one. */
const currentToken = (username: string, password: Secret): AuthTokenManager => ({
  getToken: () => neo4j.auth.basic(username, reveal(password) ?? ''),
  handleSecurityException: (token) => token.credentials !== (reveal(password) ?? ''),
});

/** Connects, looks at the server's version and applies the schema when it is first used (or first probed). */
export class Neo4jClient {
  readonly #options: Neo4jOptions;
  readonly #schema: readonly string[];
  readonly #exactIntegers: boolean;
  /** Lets every read see the writes that this process has made before it, also on another server of a cluster. */
  readonly #bookmarkManager = neo4j.bookmarkManager();
  #driver: Driver | undefined;
  #prepared: Promise<void> | undefined;
  /**
   * The last transaction could not reach the server: the next one asks first, since the client would go on trying for
   * seconds.
   */
  #doubtful = false;
  readonly #closing = new AbortController();

  constructor(options: Neo4jOptions, { schema = [], exactIntegers = false }: Neo4jClientOptions = {}) {
    this.#options = options;
    this.#schema = schema;
    this.#exactIntegers = exactIntegers;
  }

  /**
   * Runs `work` in one transaction, again when the server says that it may succeed then.
   * @throws CodedError `STORE_UNAVAILABLE`, `STORE_TIMEOUT`, `CONFLICT`, or the reason for which the request ended
   */
  async transaction<T>(
    context: RequestContext,
    mode: 'executeRead' | 'executeWrite',
    work: (run: RunCypher) => Promise<T>,
  ): Promise<T> {
    context.signal?.throwIfAborted();
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
          (tx: ManagedTransaction) =>
            work(async (cypher, parameters) => {
              context.signal?.throwIfAborted();
              return await context.statements.timed('neo4j', async () => await tx.run(cypher, parameters));
            }),
          { timeout: this.#options.transactionTimeoutMs ?? NEO4J.transactionTimeoutMs },
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

  /** Asks the server whether it answers; never throws. */
  async health(): Promise<StoreHealth> {
    const began = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`Neo4j did not answer within ${NEO4J.probeTimeoutMs} ms.`)),
        NEO4J.probeTimeoutMs,
      );
    });
    try {
      await Promise.race([
        this.#prepare().then(() => this.#client().verifyConnectivity({ database: this.#options.database })),
        late,
      ]);
      return { store: 'neo4j', state: 'ok', latencyMs: Math.round((performance.now() - began) * 10) / 10 };
    } catch (error) {
      return { store: 'neo4j', state: 'down', detail: messageWithHint(toNeo4jError(error)) };
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Looks closer: which version it is, and whether its user may write. Creates the schema, as {@link health} does; a node that it
   * writes is gone with the transaction.
   * @throws CodedError
   */
  async examine(): Promise<Examination> {
    try {
      await this.#prepare();
      const { agent } = await this.#client().getServerInfo({ database: this.#options.database });
      const version = agent?.replace(/^Neo4j\//, '');
      const session = this.#session();
      try {
        const began = Date.now();
        const { records } = await session.executeWrite((tx) =>
          tx.run('CREATE (n) DELETE n RETURN datetime.statement().epochMillis AS now'),
        );
        // The middle of the round trip, at most half of it away from the truth.
        const now = Number(records[0]?.get('now'));
        return { version, findings: [], clockAheadMs: Math.round(now - (began + Date.now()) / 2) };
      } catch (error) {
        if (!String((error as { code?: unknown }).code).startsWith('Neo.ClientError.Security.')) throw error;
        const remedy = 'Give the user in NEO4J_USERNAME the role `editor` or more on the database.';
        return { version, findings: [{ level: 'fault', what: 'The user may not write.', remedy }] };
      } finally {
        await session.close();
      }
    } catch (error) {
      throw toNeo4jError(error);
    }
  }

  /** Ends all connections. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#driver?.close();
    this.#driver = undefined;
  }

  #client(): Driver {
    if (this.#closing.signal.aborted) throw new Error('The graph driver is closed.');
    const { uri, username, password, ...given } = this.#options;
    this.#driver ??= neo4j.driver(uri, currentToken(username, password), {
      maxConnectionPoolSize: given.poolSize ?? NEO4J.poolSize,
      connectionTimeout: given.connectTimeoutMs ?? NEO4J.connectTimeoutMs,
      connectionAcquisitionTimeout: given.acquireTimeoutMs ?? NEO4J.acquireTimeoutMs,
      maxTransactionRetryTime: given.retryMs ?? NEO4J.retryMs,
      disableLosslessIntegers: !this.#exactIntegers,
      telemetryDisabled: true,
      userAgent: 'tributary',
    });
    return this.#driver;
  }

  #session() {
    return this.#client().session({ database: this.#options.database, bookmarkManager: this.#bookmarkManager });
  }

  /**
   * Looks at the server's version and creates constraints and indexes, once; a failure is tried again by the next
   * caller.
   */
  #prepare(): Promise<void> {
    this.#prepared ??= (async () => {
      checkNeo4jVersion((await this.#client().getServerInfo({ database: this.#options.database })).agent);
      const session = this.#session();
      try {
        for (const statement of this.#schema)
          await persistently(() => session.executeWrite((tx) => tx.run(statement)), this.#closing.signal);
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

/**
 * Gateways that start together on an empty database get into each other's locks, for longer than transactions are
 * retried; and what one that was killed had begun to create is neither there nor gone until the server has seen its end.
 */
async function persistently(work: () => Promise<unknown>, closing: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      // Two that create one thing at once may both find that it does not exist; tried again, both find that it does.
      const passing = /^Neo\.(TransientError\.|ClientError\.Schema\.\w*AlreadyExists$)/.test(
        String((error as { code?: unknown }).code),
      );
      if (!passing || attempt === NEO4J.prepareAttempts || closing.aborted) throw error;
      const pause = backoff(attempt, { firstMs: NEO4J.preparePauseMs, longestMs: NEO4J.prepareLongestPauseMs });
      await delay(pause, undefined, { signal: closing, ref: false }).catch(() => {
        throw error;
      });
    }
  }
}

/** Why a transaction ended early: the client left, or the request's time is up. */
const requestEnded = ({ reason }: AbortSignal, cause: unknown): Error =>
  reason instanceof CodedError
    ? reason
    : new CodedError('REQUEST_TIMEOUT', 'The request ended before Neo4j had answered.', {
        cause,
        hint: 'Ask for less, or check the server at NEO4J_URI.',
      });
