/**
 * What one subgraph needs of another besides entities. `gateway/mount/` injects the implementations: in process
 * when both run here, calls with an internal token when the other runs as a server of its own.
 */
import type { PresentedKey } from './api-key.ts';
import type { RequestContext } from './context.ts';

/** Turns text into vectors; provided by `inference`, used by `vector`. */
export interface Embedder {
  /**
   * Embeds every input in one batch.
   * @param as what the texts are: models are trained with another prefix for each. @default `PASSAGE`
   * @returns the model's name, its number of dimensions and one L2-normalised vector for each input, in order
   * @throws CodedError `STORE_DISABLED`, `STORE_UNAVAILABLE`, `STORE_TIMEOUT` or `RATE_LIMITED`; `BAD_USER_INPUT`
   *   where texts are longer than the model takes, all of which `tooLongOf` (errors.ts) names together with the limit
   */
  embed(context: RequestContext, input: readonly string[], as?: EmbeddedAs): Promise<Embeddings>;
  /**
   * Finds out {@link model}, where that is known by asking only. Absent where it is known from the start.
   * @throws CodedError as {@link embed}
   */
  learn?(context: RequestContext): Promise<void>;
  /**
   * The model that {@link embed} uses, and whatever else its vectors of passages depend on; `undefined` when embedding is switched off, and while nobody has asked where it has
   * to be asked for.
   */
  readonly model: { readonly name: string; readonly dimensions?: number } | undefined;
}

/** Puts texts in order by a model that reads question and text together; provided by `inference`, used by `vector`. */
export interface Reranker {
  /**
   * Where no reranking model is served, the cosine of the embeddings stands in for it.
   * @returns a score for each text, by its index, in any order: higher is better, comparable within one answer; and what gave them
   * @throws CodedError `FORBIDDEN` where the caller may not spend on models; else as {@link Embedder.embed}
   */
  rerank(
    context: RequestContext,
    query: string,
    texts: readonly string[],
  ): Promise<{
    readonly results: readonly { readonly index: number; readonly score: number }[];
    readonly model: string | null;
  }>;
}

/** A model that answers; provided by `inference`, used by `relational`. */
export interface Chat {
  /**
   * Asks it once; what it takes is recorded as the caller's.
   * @param maxTokens the longest answer
   * @returns `finishReason` as the API tells it: `STOP` where the model was done
   * @throws CodedError `FORBIDDEN` where the caller may not spend on models; `STORE_DISABLED` where there is none; `STORE_UNAVAILABLE`,
   *   `STORE_TIMEOUT` or `RATE_LIMITED`
   */
  generate(
    context: RequestContext,
    request: {
      readonly messages: readonly { readonly role: 'SYSTEM' | 'USER'; readonly content: string }[];
      readonly maxTokens: number;
    },
  ): Promise<{ readonly text: string; readonly model: string; readonly finishReason: string }>;
}

/** Texts that are found, or what they are found by. */
export type EmbeddedAs = 'PASSAGE' | 'QUERY';

export interface Embeddings {
  readonly model: string;
  readonly dimensions: number;
  readonly vectors: readonly Float32Array[];
}

/** Records tokens spent; provided by `relational`, used by `inference`. */
export interface UsageSink {
  /** Writes one usage record. Must not fail the call that spent the tokens: callers log a rejection and go on. */
  record(context: RequestContext, usage: Usage): Promise<void>;
}

export interface Usage {
  readonly operation: 'EMBED' | 'GENERATE' | 'RERANK';
  readonly provider: string;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Whether the tokens were counted by the provider or estimated here. */
  readonly estimated: boolean;
}

/** Keeps a run's archived events; provided by `object`, used by `runs`. */
export interface ArchiveSink {
  /** Stores `body` under `key` for the context's tenant, replacing what is there. */
  put(context: RequestContext, key: string, contentType: string, body: Uint8Array): Promise<void>;
}

/** Which entities of other subgraphs there are; provided by `runs`, and by `graph` with more, used by `relational`. */
export interface EntityLookup {
  /**
   * Those of these that the caller's tenant has.
   * @param type the GraphQL type, one of those that its provider owns
   */
  existing(
    context: RequestContext,
    type: 'Run' | 'Entity' | 'GraphRelation',
    ids: readonly string[],
  ): Promise<ReadonlySet<string>>;
}

/** What the graph is asked by `relational`: also which documents name an entity. */
export interface GraphLookup extends EntityLookup {
  /**
   * The ids of documents that name each entity, in the order of these ids: at most `limit` of each behind `after`, or before it
   * and backwards. Entities that none names are absent.
   * @throws CodedError `STORE_DISABLED`, `STORE_UNAVAILABLE`, `STORE_TIMEOUT`
   */
  naming(
    context: RequestContext,
    entityIds: readonly string[],
    slice: { readonly limit: number; readonly after: string | null; readonly backward: boolean },
  ): Promise<ReadonlyMap<string, readonly string[]>>;
  /** How many documents name each entity; those that none names are absent. @throws CodedError as {@link naming} */
  namingCounts(context: RequestContext, entityIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** Which agents there are; provided by `relational`, asked by `runs`. */
export interface AgentLookup {
  /**
   * The caller's agents of a name. Names need not be unique.
   * @returns their ids, some where there are many; where there are none, also names that there are, or some of them
   * @throws CodedError `BAD_USER_INPUT` for what can be no name; `STORE_DISABLED`, `STORE_UNAVAILABLE`, `STORE_TIMEOUT`
   */
  named(
    context: RequestContext,
    name: string,
  ): Promise<{ readonly ids: readonly string[]; readonly known: readonly string[] }>;
}

/** What was shared with the caller's project; provided by `relational`, asked by stores that follow documents. */
export interface ShareLookup {
  /**
   * Documents that others shared with it, those that were last shared first, as many as are looked through. None, without
   * asking the store, for callers who are of no project.
   * @throws CodedError `STORE_DISABLED`, `STORE_UNAVAILABLE`, `STORE_TIMEOUT`
   */
  documents(context: RequestContext): Promise<readonly SharedDocument[]>;
  /** Whose the objects are that such documents keep under these keys, by key; others are absent. */
  objects(context: RequestContext, keys: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

export interface SharedDocument {
  readonly documentId: string;
  /** What its owner's data is kept under. */
  readonly tenantId: string;
}

/** Knows API keys; provided by `relational`, asked by the gateway about what callers present. */
export interface KeyStore {
  /**
   * Which keys hold, in the order in which they are given: undefined for one that was made up, is revoked or has expired.
   * Notes that they are used.
   * @param context the system's
   * @throws CodedError `STORE_DISABLED`, `STORE_UNAVAILABLE`, `STORE_TIMEOUT`
   */
  verify(context: RequestContext, keys: readonly PresentedKey[]): Promise<(KnownKey | undefined)[]>;
  /**
   * Whose a key was that was made here and has ended; undefined for one that was made up, and for one that holds.
   * @param context the system's
   */
  ended(context: RequestContext, key: PresentedKey): Promise<EndedKey | undefined>;
}

/** Whose an API key was that was made here and has ended. */
export interface EndedKey {
  readonly id: string;
  readonly tenantId: string;
  /** `replaced`: the key has another secret by now, and the one that is presented holds no longer. */
  readonly reason: 'revoked' | 'expired' | 'replaced';
}

/** Something that a caller was not let do, as often as `count`. */
export interface RefusedAction {
  /** Who acts; see `Principal.subject`. */
  readonly subject: string;
  /** Such as `Mutation.createAgent`, `sign-in`, or `others` for what there was no room for. */
  readonly action: string;
  /** That of the error. */
  readonly code: string;
  /** Why, where the code does not say it. */
  readonly reason?: string | undefined;
  /** From where, as far as it is kept. */
  readonly address?: string | undefined;
  /** Of the first attempt. */
  readonly requestId?: string | undefined;
  readonly count: number;
}

/** Something that was changed in a store that is the operator's own. */
export interface ChangedRow {
  /** Who acts; see `Principal.subject`. */
  readonly subject: string;
  /** Such as `shop.insert`. */
  readonly action: string;
  readonly subjectType: string;
  readonly subjectId: string;
  readonly requestId: string;
  /** Which fields were said. */
  readonly fields: readonly string[];
}

/** Keeps what was refused, and what was changed elsewhere, in the audit log; provided by `relational`. */
export interface AuditSink {
  /** @param context the system's, of the tenant whose log it is. @throws CodedError where it cannot be kept */
  changed(context: RequestContext, rows: readonly ChangedRow[]): Promise<void>;
  /** @param context the system's, of the tenant whose log it is */
  refused(context: RequestContext, actions: readonly RefusedAction[]): Promise<void>;
}

/** Whose an API key is, and what it may do. */
export interface KnownKey {
  readonly id: string;
  readonly tenantId: string;
  readonly scopes: readonly string[];
  /** From when on it opens nothing, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Every port by name. */
export interface Ports {
  embedder: Embedder;
  reranker: Reranker;
  chat: Chat;
  usageSink: UsageSink;
  archiveSink: ArchiveSink;
  runLookup: EntityLookup;
  graphLookup: GraphLookup;
  agentLookup: AgentLookup;
  keyStore: KeyStore;
  shares: ShareLookup;
  auditSink: AuditSink;
}
