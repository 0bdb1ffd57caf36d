/**
 * Who asks, and what one request carries through every subgraph.
 *
 * The same `RequestContext` object reaches every fetch of one client operation, so per-request loaders
 * (see {@link perRequest}) are shared by all fetches that a plan sends to one subgraph.
 */

import type { Budget } from './budget.ts';
import { forbidden } from './errors.ts';
import type { Span } from './span.ts';

/** A verified caller. The tenant comes from here and from nowhere else. */
export interface Principal {
  /** Whose data the caller may see: a tenant’s, or that of a project of it (tenant-id.ts). */
  readonly tenantId: string;
  /** Who acts, as written to the audit log: a token's `sub`, an API key's id, or `system:<name>`. */
  readonly subject: string;
  /** The application that asks for him, by a verified token (`azp` or `client_id`). */
  readonly client?: string;
  /** Role names granted by the identity provider. */
  readonly roles: readonly string[];
  /** OAuth scopes granted to the token. */
  readonly scopes: readonly string[];
  /**
   * True for the gateway's own work (delivering the outbox, retention). Never set from a token of a client.
   * @default false
   */
  readonly system?: boolean;
  /**
   * True for a caller who has not said who he is: what is `@authenticated` is not his to see. His subject begins with
   * `system:`, as no token's does. @default false
   */
  readonly anonymous?: boolean;
  /** When what says so expires, in milliseconds since 1970: streams end then. Never when absent. */
  readonly expiresAt?: number;
  /** Tells when what says so is taken back, where that can be before it expires: streams end then. Of this process alone. */
  readonly session?: Session;
}

/** What somebody came in with, while it is in use. */
export interface Session {
  /**
   * Calls `act`, once, when it no longer holds.
   * @returns to be called when that no longer matters
   */
  onEnd(act: () => void): () => void;
}

/**
 * Told of each round trip to a store as it begins.
 * @returns to be called once when it has ended, with what it failed with
 */
export type StatementObserver = (store: string) => (error?: unknown) => void;

/** Counts the statements that a request sends to stores; tests and `extensions.trace` read it. */
export class StatementCounter {
  readonly #byStore = new Map<string, number>();
  /** Of whoever watches all requests. */
  readonly observer: StatementObserver | undefined;

  constructor(observer?: StatementObserver) {
    this.observer = observer;
  }

  /** Records one round trip to `store`, with its time and what it failed with. */
  timed<T>(store: string, ask: () => Promise<T>): Promise<T> {
    this.add(store);
    return this.observer === undefined ? ask() : observed(this.observer(store), ask);
  }

  /** Records `statements` round trips to `store` (such as `postgres`, `neo4j`, `qdrant`, `s3`, `files`, `openai`). */
  add(store: string, statements = 1): void {
    this.#byStore.set(store, (this.#byStore.get(store) ?? 0) + statements);
  }

  /** Statements per store so far. */
  counts(): Record<string, number> {
    return Object.fromEntries(this.#byStore);
  }

  /** Statements to all stores so far. */
  get total(): number {
    let sum = 0;
    for (const count of this.#byStore.values()) sum += count;
    return sum;
  }
}

/** Counts for a part of a request, and for the request. */
export class PartCounter extends StatementCounter {
  readonly #request: StatementCounter;

  /** @param observer of the part's own. @default the request's */
  constructor(request: StatementCounter, observer = request.observer) {
    super(observer);
    this.#request = request;
  }

  override add(store: string, statements = 1): void {
    super.add(store, statements);
    this.#request.add(store, statements);
  }
}

async function observed<T>(end: (error?: unknown) => void, ask: () => Promise<T>): Promise<T> {
  let failure: unknown;
  try {
    return await ask();
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    end(failure);
  }
}

/**
 * How one header of several subgraphs' answers becomes one of the client's: the first that came, the last, all of them,
 * or (of `Cache-Control`) what all of them allow.
 */
export type HeaderMerge = 'first' | 'last' | 'append' | 'strictest';

/** Headers of subgraphs' answers that are passed back to the client. */
export interface ResponseHeaderSink {
  /** A subgraph is asked, here or elsewhere: what it does not say of its answer nobody may assume. */
  asked(): void;
  /** @param name in lower case */
  add(name: string, merge: HeaderMerge, value: string | string[]): void;
}

/** What every resolver receives as its GraphQL context. */
export interface RequestContext {
  readonly principal: Principal;
  /** Appears in logs, errors and traces; echoed to the client as `x-request-id`. */
  readonly requestId: string;
  /** When the work for it began, by `performance.now()`: of one tenant's, the older goes first. */
  readonly began: number;
  /** Aborted when the client goes away or the request's time is up. */
  readonly signal?: AbortSignal;
  readonly statements: StatementCounter;
  /** What the answer may come to; undefined for work that no client asked for, which has no limit. */
  readonly budget?: Budget;
  /**
   * Headers of the client's request as received, in lower case: what may be passed on to remote subgraphs is picked
   * from them.
   */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>;
  /** Where headers of remote subgraphs' answers go. Absent where the transport has no place for them. */
  readonly responseHeaders?: ResponseHeaderSink;
  /** What it is shown as in traces; absent where it is not traced. */
  readonly span?: Span;
  /** The request that this is one fetch of, where fetches are traced: what is kept for a request is kept for that. @default itself */
  readonly request?: RequestContext;
}

/** Makes a context; the only place that decides its defaults. */
export function createRequestContext(
  principal: Principal,
  options: Partial<Omit<RequestContext, 'principal'>> = {},
): RequestContext {
  return {
    principal,
    requestId: options.requestId ?? crypto.randomUUID(),
    began: options.began ?? performance.now(),
    signal: options.signal,
    statements: options.statements ?? new StatementCounter(),
    budget: options.budget,
    headers: options.headers,
    responseHeaders: options.responseHeaders,
    span: options.span,
  };
}

/** The request that a context is of: that of a single fetch is a part of it. */
export const requestOf = (context: RequestContext): RequestContext => context.request ?? context;

/**
 * Memoises `create` for each request: the loaders of one request are made on first use and die with its context.
 * A mutation that changes what loaders may have read must clear them (`loaders.x.clearAll()`).
 */
export function perRequest<T>(create: (context: RequestContext) => T): (context: RequestContext) => T {
  const made = new WeakMap<RequestContext, T>();
  return (context) => {
    const request = requestOf(context);
    let value = made.get(request);
    if (value === undefined) {
      value = create(context);
      made.set(request, value);
    }
    return value;
  };
}

/** @throws CodedError `FORBIDDEN` for anybody but the gateway itself */
export function requireSystem({ principal }: RequestContext): void {
  if (principal.system !== true) throw forbidden('Only the gateway itself may do this.');
}
