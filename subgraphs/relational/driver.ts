/** The relational store: its rows, what can be asked of it, and what can be written. Imports no client library. */
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { ChangedRow, RefusedAction } from '#subgraphs/shared/ports.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { SharedDocument } from '#subgraphs/shared/ports.ts';
import type { IndexedKind } from '#subgraphs/shared/indexed-kind.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { Aggregated, AggregateRequest } from '#subgraphs/shared/aggregates/aggregate.ts';
import type { Order, SortValue } from './models/sort.ts';

export interface TenantRow {
  id: string;
  name: string;
  createdAt: Date;
}

export interface AgentRow {
  id: string;
  name: string;
  description: string | null;
  /** The number of the current version. */
  versionNumber: number;
  createdAt: Date;
  updatedAt: Date;
}

export interface AgentVersionRow {
  id: string;
  agentId: string;
  /** From 1, without gaps. */
  number: number;
  name: string;
  description: string | null;
  instructions: string | null;
  model: string | null;
  config: JsonValue;
  createdAt: Date;
}

export interface DocumentRow {
  id: string;
  title: string;
  source: string;
  collection: string;
  mediaType: string;
  /** SHA-256 of the text as UTF-8, in hexadecimal. */
  contentHash: string;
  metadata: JsonValue;
  /** Where the bytes are in the object store; null when the document has none. */
  objectKey: string | null;
  createdAt: Date;
  updatedAt: Date;
}

export interface ChunkRow {
  id: string;
  documentId: string;
  index: number;
  text: string;
}

export interface MemoryFactRow {
  id: string;
  agentId: string | null;
  /** Whose alone it is: a subject; null for what is of the whole tenant. */
  userId: string | null;
  key: string;
  value: string;
  source: string | null;
  runId: string | null;
  validFrom: Date | null;
  validUntil: Date | null;
  supersedesId: string | null;
  createdAt: Date;
  updatedAt: Date;
}

/** A conversation of one user. */
export interface SessionRow {
  id: string;
  agentId: string | null;
  /** Whose it is: a subject. */
  userId: string;
  title: string | null;
  metadata: JsonValue;
  /** The sequence of its last message: they count from 1 without gaps, and none is removed by itself. */
  messageCount: number;
  endedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

export const MESSAGE_ROLES = ['SYSTEM', 'USER', 'ASSISTANT', 'TOOL'] as const;
export type MessageRole = (typeof MESSAGE_ROLES)[number];

/** What of a message may be long. */
export interface MessageParts {
  content: string;
  toolCalls: JsonValue;
  metadata: JsonValue;
}

/** Its {@link MessageParts} are read apart. */
export interface MessageRow extends Partial<MessageParts> {
  id: string;
  sessionId: string;
  /** Whose session it is in. */
  userId: string;
  sequence: number;
  role: MessageRole;
  name: string | null;
  toolCallId: string | null;
  runId: string | null;
  /** An estimate. */
  tokens: number;
  createdAt: Date;
}

export interface NewSession extends Pick<SessionRow, 'agentId' | 'userId' | 'title'> {
  /** Null is none, and asks for nothing where the key finds a session. So does a title that is null. */
  readonly metadata: JsonValue | null;
  /** The same one again is the same session. */
  readonly idempotencyKey: string | null;
}

export type NewMessage = Pick<MessageRow, 'role' | 'name' | 'toolCallId' | 'tokens'> & MessageParts;

export interface AppendMessages {
  readonly sessionId: string;
  readonly runId: string | null;
  readonly messages: readonly NewMessage[];
  readonly idempotencyKey: string | null;
  /** The last sequence that the writer knows. @default any */
  readonly expectedSequence: number | null;
  /** Whether the vector store follows them. @default false */
  readonly indexed?: boolean;
}

/** What was said in a session from its first message through one of them, in short. */
export interface SessionSummaryRow {
  sessionId: string;
  /** Counts the session's summaries, from 1. */
  number: number;
  /** Through which message the one before went; 0 for the first. */
  afterSequence: number;
  throughSequence: number;
  text: string;
  /** An estimate. */
  tokens: number;
  /** The model that wrote it; null where the caller did. */
  model: string | null;
  /** The subject of whoever wrote it or had it written; null for those of before that was kept. */
  author: string | null;
  runId: string | null;
  createdAt: Date;
}

/** The newest messages of a session that fit. */
export interface NewestMessages {
  readonly sessionId: string;
  /** Only behind this sequence. */
  readonly behind: number;
  /** What they may take together. */
  readonly tokens: number;
  /** What is larger than this … */
  readonly whole: number;
  /** … is taken for this. */
  readonly large: number;
}

/** Without its secret, which is nowhere, and without the hash of it. */
export interface ApiKeyRow {
  id: string;
  name: string;
  /** By which it is found: the part of the key that may be seen. */
  prefix: string;
  scopes: readonly string[];
  /** The subject who made it: a key's id where a key did. */
  createdBy: string;
  createdAt: Date;
  expiresAt: Date;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
}

/** A document or an agent that projects of the same tenant may read: one, or every one. */
export interface ShareRow {
  id: string;
  documentId: string | null;
  agentId: string | null;
  /** Whose it is; null for what is of no project. */
  fromProject: string | null;
  /** Null for every project. */
  toProject: string | null;
  createdBy: string;
  createdAt: Date;
  expiresAt: Date | null;
}

export interface NewShare extends Pick<ShareRow, 'toProject' | 'expiresAt'> {
  readonly kind: 'Document' | 'Agent';
  /** Of what is shared. */
  readonly id: string;
}

/** A secret that a key had before its present one. */
export interface ReplacedSecretRow extends Pick<ApiKeyRow, 'prefix' | 'expiresAt' | 'lastUsedAt'> {
  keyId: string;
  replacedAt: Date;
}

/** Another secret for a key. */
export interface NewSecret extends Pick<ApiKeyRow, 'prefix'> {
  readonly hash: Buffer;
  /** For how long those before it still hold, in seconds. */
  readonly overlapSeconds: number;
}

/** A key to be kept. */
export interface NewApiKey extends Pick<ApiKeyRow, 'name' | 'prefix' | 'scopes' | 'expiresAt'> {
  readonly hash: Buffer;
  /** Whether it may end before `expiresAt`, where its maker does. */
  readonly mayEndEarlier: boolean;
}

/** A key as whoever decides whether it holds must know it. */
export interface KeptApiKey extends Pick<
  ApiKeyRow,
  'id' | 'prefix' | 'scopes' | 'expiresAt' | 'revokedAt' | 'lastUsedAt'
> {
  readonly tenantId: string;
  readonly hash: Buffer;
  /** Whether the key has another secret by now, and this one holds until `expiresAt` beside it. */
  readonly replaced: boolean;
}

export interface ArtifactRow {
  id: string;
  runId: string;
  path: string;
  mediaType: string;
  fileKey: string | null;
  createdAt: Date;
}

export interface UsageRecordRow {
  id: string;
  operation: 'EMBED' | 'GENERATE' | 'RERANK';
  provider: string;
  model: string;
  inputTokens: number;
  outputTokens: number;
  estimated: boolean;
  subject: string;
  requestId: string;
  createdAt: Date;
}

export interface AuditEntryRow {
  id: string;
  actor: string;
  action: string;
  subjectType: string;
  subjectId: string;
  requestId: string;
  details: JsonValue;
  createdAt: Date;
}

/** The rows that are listed and loaded by id in one generic way; see models/columns.ts. */
export interface Rows {
  Agent: AgentRow;
  AgentVersion: AgentVersionRow;
  Document: DocumentRow;
  Chunk: ChunkRow;
  MemoryFact: MemoryFactRow;
  Session: SessionRow;
  Message: MessageRow;
  Artifact: ArtifactRow;
  UsageRecord: UsageRecordRow;
  AuditEntry: AuditEntryRow;
  ApiKey: ApiKeyRow;
  Share: ShareRow;
}
export type ModelName = keyof Rows;

export interface ListRequest {
  where: Condition | undefined;
  /** Ends in a unique column. */
  order: readonly Order[];
  /** The sort key behind which to continue, one value for each of `order`. */
  after: readonly SortValue[] | undefined;
  limit: number;
}

/** One parent's rows of a connection that is loaded for many parents at once. */
export interface ChildRequest {
  /** Continue behind this position, in the direction of reading. */
  after: number | undefined;
  /** Whether the list is read from its end, and answered in that order. @default false */
  backward?: boolean;
  limit: number;
  /** Which of them. @default all */
  where?: Condition | undefined;
}

export const STORES = ['OBJECT', 'VECTOR', 'GRAPH'] as const;
/** A store that follows documents; the one of vectors follows remembered facts too. */
export type IndexedStore = (typeof STORES)[number];
export type IndexingState = 'PENDING' | 'DONE' | 'FAILED' | 'DISABLED';
export type OutboxOperation = 'UPSERT' | 'DELETE';

export interface IndexingRow {
  /** The document's id, or the remembered fact's. */
  documentId: string;
  store: IndexedStore;
  state: IndexingState;
  error: string | null;
  attempts: number;
  updatedAt: Date;
  /** When it is due, or was. */
  nextAttemptAt: Date;
}

export interface EntityName {
  name: string;
  kind: string;
}
export interface DocumentEntity extends EntityName {
  properties: JsonValue;
}
export interface DocumentRelation {
  from: EntityName;
  to: EntityName;
  type: string;
  properties: JsonValue;
}

/** One store's work on one document, or on one remembered fact. */
export interface OutboxEntryRow {
  id: string;
  tenantId: string;
  /** The document's id, or the fact's. */
  documentId: string;
  revision: number;
  store: IndexedStore;
  operation: OutboxOperation;
  /** This one included. */
  attempts: number;
  objectKey: string | null;
  /** What is to be delivered; null for a deletion. Parts that were not asked for are empty. */
  content: OutboxContent | null;
}

/**
 * What stores are told of a document. A remembered fact is told as one that has the key for its title, and one passage: the value,
 * under the fact's id.
 */
export interface OutboxContent extends Pick<
  DocumentRow,
  'id' | 'title' | 'source' | 'collection' | 'mediaType' | 'contentHash' | 'metadata' | 'objectKey' | 'createdAt'
> {
  tenantId: string;
  text: string;
  entities: DocumentEntity[];
  relations: DocumentRelation[];
  chunks: ChunkRow[];
}

/** A document as every store should have it. */
export interface ReferenceDocument extends OutboxContent {
  /** The stores that were told of its present state; the others are still being delivered to. */
  delivered: readonly IndexedStore[];
}
export interface ReferencePage {
  /** The id that the page begins behind. */
  after: string | null;
  limit: number;
}
/** What to deliver to one store again. */
export interface Redelivery {
  documentId: string;
  store: IndexedStore;
  /** Where a document that does not exist any more left bytes. */
  objectKey: string | null;
}

export interface OutboxClaim {
  limit: number;
  leaseSeconds: number;
  stores: readonly IndexedStore[];
  documentIds?: readonly string[];
  /** Also those whose store was off when it was last tried, at least so many seconds ago, though they are not due. */
  disabledForSeconds?: number;
  /** Which parts of the content to load. */
  content: { text: boolean; graph: boolean; chunks: boolean };
}

export interface OutboxSettlement {
  id: string;
  revision: number;
}
export interface OutboxFailure extends OutboxSettlement {
  error: string;
  disabled: boolean;
  retryInSeconds: number;
}

export interface OutboxStatus {
  pending: number;
  failed: number;
  disabled: number;
  done: number;
  oldestPendingSeconds: number | null;
}

/** What an agent's version holds; in an update, what is `undefined` stays as it is. */
export interface AgentDraft {
  name: string;
  description: string | null;
  instructions: string | null;
  model: string | null;
  config: JsonValue;
}

/** A document as a store writes it. */
export interface PreparedDocument {
  id: string;
  title: string;
  source: string;
  collection: string;
  mediaType: string;
  text: string;
  contentHash: string;
  metadata: JsonValue;
  objectKey: string;
  entities: DocumentEntity[];
  relations: DocumentRelation[];
  chunks: { id: string; index: number; text: string }[];
  /** Equal for two inputs that mean the same, whatever the order of keys in their JSON. */
  digest: string;
  /** How `chunks` were cut: equal for the same version of the cutting and the same limit. */
  cutting: string;
}

/** A document that was cut otherwise than it would be today. */
export interface CutOtherwise {
  /** How it was. */
  cutting: string;
  tenantId: string;
  id: string;
}
export interface CutOtherwisePage {
  /** How documents are cut today. */
  cutting: string;
  /** Only this tenant's. */
  tenantId: string | undefined;
  /** Cutting, tenant and id that the page begins behind. */
  after: readonly [string, string, string] | undefined;
  limit: number;
}
/** A document as it was given, for cutting it again. */
export interface CutDocument {
  id: string;
  /** The digest that it is stored with. */
  was: string;
  title: string;
  source: string;
  collection: string;
  mediaType: string;
  text: string;
  metadata: JsonValue;
  entities: DocumentEntity[];
  relations: DocumentRelation[];
}
export interface Recut {
  /** The digest of the document that was read; another one by now has been written, and cut, by somebody else. */
  was: string;
  document: PreparedDocument;
}

/** What documents may be filtered by, and how many have it. */
export interface DocumentFacets {
  /** How many were looked at. */
  documents: number;
  /** Whether more match. */
  truncated: boolean;
  collections: readonly NameFacet[];
  mediaTypes: readonly NameFacet[];
  metadataKeys: readonly MetadataKeyFacet[];
}
export interface NameFacet {
  name: string;
  count: number;
}
export interface ValueFacet {
  value: JsonValue;
  count: number;
}
export interface MetadataKeyFacet {
  key: string;
  count: number;
  values: readonly ValueFacet[];
}
/** The most of each. */
export interface FacetsRequest {
  /** Collections, media types and keys. */
  first: number;
  /** Values of each key. */
  values: number;
  /** Documents that are looked at. */
  documents: number;
  /** The length of a value, as JSON without its quotes. */
  valueCharacters: number;
}

/** Places within a document: from `first` to `last`, both of them included. */
export interface ChunkPlaces {
  readonly documentId: string;
  readonly first: number;
  readonly last: number;
}

/**
 * A relational backend. All but the outbox work on the caller's tenant alone; documents, agents and what hangs on them are also read by their ids
 * where they were shared with the caller's project. Every write records an audit entry in the
 * transaction of the write. Ids that are unknown to the tenant are absent from answers, and `NOT_FOUND` where a write
 * names them.
 */
export interface RelationalDriver {
  list<M extends ModelName>(context: RequestContext, model: M, request: ListRequest): Promise<Rows[M][]>;
  count(context: RequestContext, model: ModelName, where: Condition | undefined): Promise<number>;
  /** Groups of rows and what is measured of them, in one statement. */
  aggregate(context: RequestContext, model: ModelName, request: AggregateRequest): Promise<Aggregated>;
  /**
   * A page of the rows of each parent, by the field that names it: one statement for all. Those of one parent come in their
   * order.
   */
  listOf<M extends ModelName>(
    context: RequestContext,
    model: M,
    parent: keyof Rows[M] & string,
    ids: readonly string[],
    request: ListRequest,
  ): Promise<Rows[M][]>;
  /** How many each parent has; nothing of one that has none. */
  countOf<M extends ModelName>(
    context: RequestContext,
    model: M,
    parent: keyof Rows[M] & string,
    ids: readonly string[],
    where: Condition | undefined,
  ): Promise<Map<string, number>>;
  /** As {@link listOf}, where what each parent has is given by the ids: those that are not there are left out. */
  listAmong<M extends ModelName>(
    context: RequestContext,
    model: M,
    lists: ReadonlyMap<string, readonly string[]>,
    request: ListRequest,
  ): Promise<Map<string, Rows[M][]>>;
  /** As {@link countOf}, likewise. */
  countAmong(
    context: RequestContext,
    model: ModelName,
    lists: ReadonlyMap<string, readonly string[]>,
    where: Condition | undefined,
  ): Promise<Map<string, number>>;
  /** Rows in any order. */
  byIds<M extends ModelName>(context: RequestContext, model: M, ids: readonly string[]): Promise<Rows[M][]>;
  tenant(context: RequestContext): Promise<TenantRow | undefined>;

  documentTexts(context: RequestContext, ids: readonly string[]): Promise<{ id: string; text: string }[]>;
  /** Per document in the order of `index` (or against it, for one that is read backward), `limit` each. */
  chunksOfDocuments(context: RequestContext, ids: readonly string[], request: ChildRequest): Promise<ChunkRow[]>;
  /** The chunks at these places, each once, in any order. */
  chunksAt(context: RequestContext, places: readonly ChunkPlaces[]): Promise<ChunkRow[]>;
  /** How many chunks each document has that match, by its id; one without any is left out. */
  countChunksOfDocuments(
    context: RequestContext,
    ids: readonly string[],
    where: Condition | undefined,
  ): Promise<Map<string, number>>;
  /** Per agent, newest first (oldest first, read backward), `limit` each; `after` is a version's number. */
  versionsOfAgents(context: RequestContext, ids: readonly string[], request: ChildRequest): Promise<AgentVersionRow[]>;
  /** Keys that metadata of the tenant's documents begins with, some where there are more. */
  metadataKeys(context: RequestContext, limit: number): Promise<string[]>;
  /** The collections that documents are in. */
  documentCollections(context: RequestContext, limit: number): Promise<string[]>;
  /** Of the tenant's documents that match: the commonest first, and those that are as common by code point. */
  documentFacets(
    context: RequestContext,
    where: Condition | undefined,
    request: FacetsRequest,
  ): Promise<DocumentFacets>;
  indexing(context: RequestContext, documentIds: readonly string[]): Promise<IndexingRow[]>;

  /**
   * Makes each document what is given, in one transaction. A document that is the same already is left alone: neither
   * its outbox entries nor the audit log change.
   */
  upsertDocuments(context: RequestContext, documents: readonly PreparedDocument[]): Promise<void>;
  /** Removes the document and leaves tombstones in the outbox. Returns the row as it was. */
  deleteDocument(context: RequestContext, id: string): Promise<DocumentRow>;

  createAgent(context: RequestContext, draft: AgentDraft): Promise<AgentRow>;
  /**
   * Records a new version where anything differs from the current one.
   * @throws CodedError `CONFLICT` when `expectedVersion` is given and is not the current one
   */
  updateAgent(
    context: RequestContext,
    id: string,
    changes: Partial<AgentDraft>,
    expectedVersion?: number,
  ): Promise<AgentRow>;
  /** Removes the agent with its versions and its memory. */
  deleteAgent(context: RequestContext, id: string): Promise<AgentRow>;

  /**
   * Remembers a value under a key, in the place of what is there: one fact for each (tenant, agent, user, key). A fact that it supersedes holds no longer than until this one begins, or now.
   * @throws CodedError `NOT_FOUND` where there is no such agent, or no such fact to supersede; `BAD_USER_INPUT` where that one is another user's, or everybody's
   */
  rememberFact(
    context: RequestContext,
    fact: Pick<MemoryFactRow, 'agentId' | 'key' | 'value' | 'source'> &
      Partial<Pick<MemoryFactRow, 'userId' | 'runId' | 'validFrom' | 'validUntil' | 'supersedesId'>>,
  ): Promise<MemoryFactRow>;
  forgetFact(context: RequestContext, id: string): Promise<MemoryFactRow>;

  /**
   * Begins a session; the same again under one idempotency key is the same session, also where its agent is there no more.
   * @throws CodedError `CONFLICT` where the key has begun one of another title or other metadata; `NOT_FOUND` for an agent that there is not
   */
  createSession(context: RequestContext, session: NewSession): Promise<SessionRow>;
  /** What is `undefined` stays as it is; all of it, and nothing was changed. @throws CodedError `NOT_FOUND` */
  updateSession(
    context: RequestContext,
    id: string,
    changes: { title?: string | null; metadata?: JsonValue; ended?: boolean },
  ): Promise<SessionRow>;
  /**
   * Appends messages behind the last one, all or none, each with the next number. The same again under one idempotency key writes
   * nothing more.
   * @returns the session as it is, and the messages as they are kept, in order
   * @throws CodedError `NOT_FOUND`; `CONFLICT` where the session has ended or is full, its last message is another than expected, or
   *   the key has appended others
   */
  appendMessages(
    context: RequestContext,
    append: AppendMessages,
  ): Promise<{ session: SessionRow; messages: MessageRow[] }>;
  /**
   * Keeps a summary beside those before, of which only so many stay.
   * @param most how many of a session are kept
   * @throws CodedError `NOT_FOUND`; `BAD_USER_INPUT` where the session has no such message; `CONFLICT` where the one before covers more
   */
  summarizeSession(
    context: RequestContext,
    summary: Omit<SessionSummaryRow, 'number' | 'afterSequence' | 'author' | 'createdAt'>,
    most: number,
  ): Promise<{ session: SessionRow; summary: SessionSummaryRow }>;
  /** The newest of each session that has one, in any order. */
  sessionSummaries(context: RequestContext, sessionIds: readonly string[]): Promise<SessionSummaryRow[]>;
  /** Those of each session, the newest first. */
  summariesOfSessions(
    context: RequestContext,
    sessionIds: readonly string[],
    request: ChildRequest,
  ): Promise<SessionSummaryRow[]>;
  /**
   * What of messages may be long, in the order of their ids.
   * @param bounds the most bytes of all together, and the most characters of each content that are wanted
   * @returns null for those behind the bytes
   */
  messageParts(
    context: RequestContext,
    ids: readonly string[],
    bounds: { readonly bytes: number; readonly characters?: number },
  ): Promise<{ id: string; bytes: number; parts: MessageParts | null }[]>;
  /** Of each session, in order: as many of the newest as fit, `most` at the most, and the newest of all where it does not. */
  newestMessages(context: RequestContext, of: readonly NewestMessages[], most: number): Promise<MessageRow[]>;
  /** Erases a session with its messages and its summaries. @throws CodedError `NOT_FOUND` */
  deleteSession(context: RequestContext, id: string): Promise<SessionRow>;
  /** Sessions of all tenants that nobody has changed for so many days, the oldest first. System only. */
  expiredSessions(context: RequestContext, days: number, limit: number): Promise<{ tenantId: string; id: string }[]>;
  /** Erases a session of the context's tenant, whosever it is, unless it was changed meanwhile. @returns whether it did */
  expireSession(context: RequestContext, id: string, days: number): Promise<boolean>;

  /**
   * Keeps a key. One that a key makes ends when that one does, at the latest.
   * @param most how many a tenant may have in use
   * @throws CodedError `CONFLICT` when the tenant has too many; `FORBIDDEN` when it would outlive its maker, or that is revoked
   */
  createApiKey(context: RequestContext, key: NewApiKey, most: number): Promise<ApiKeyRow>;
  /**
   * Revokes a key and all that were made with it. One that is revoked already stays as it is.
   * @returns the key, and the ids of those that were revoked now
   * @throws CodedError `NOT_FOUND`
   */
  revokeApiKey(context: RequestContext, id: string): Promise<{ key: ApiKeyRow; ids: string[] }>;
  /**
   * Gives a key that holds another secret. Those before it hold for the overlap at the most.
   * @throws CodedError `NOT_FOUND`; `CONFLICT` when it holds no longer, or too many of its secrets do; `FORBIDDEN` when its
   *   scopes are not all the caller's, or when a key asks for one that was not made with it
   */
  rotateApiKey(context: RequestContext, id: string, secret: NewSecret): Promise<ApiKeyRow>;
  /** Secrets before the present ones, those that were replaced last first. */
  replacedSecrets(context: RequestContext, ids: readonly string[]): Promise<ReplacedSecretRow[]>;
  /** The keys of prefixes, of whatever tenants, as the primary server has them now; for the system. */
  apiKeysOf(context: RequestContext, prefixes: readonly string[]): Promise<KeptApiKey[]>;
  /** Notes that the secrets with these prefixes are in use; for the system. */
  useApiKeys(context: RequestContext, prefixes: readonly string[]): Promise<void>;

  /**
   * Lets another project, or every one, read a document or an agent; sharing again renews.
   * @param most how many shares one may have
   * @throws CodedError `NOT_FOUND`; `CONFLICT` where there are too many
   */
  share(context: RequestContext, share: NewShare, most: number): Promise<ShareRow>;
  /** @throws CodedError `NOT_FOUND`, also for a share that was received */
  revokeShare(context: RequestContext, id: string): Promise<ShareRow>;
  /** Those that the caller gave or received. */
  sharesOf(context: RequestContext, kind: NewShare['kind'], ids: readonly string[]): Promise<ShareRow[]>;
  /** Documents that were shared with the caller, those that were last shared first. */
  sharedDocuments(context: RequestContext, limit: number): Promise<SharedDocument[]>;
  /** Whose the objects are that documents shared with the caller keep under keys. */
  sharedObjects(context: RequestContext, keys: readonly string[]): Promise<{ key: string; tenantId: string }[]>;

  /** @throws CodedError `CONFLICT` when the run has another artifact at this path; the same one again is answered */
  createArtifact(
    context: RequestContext,
    artifact: { runId: string; path: string; mediaType: string; fileKey: string | null },
  ): Promise<ArtifactRow>;

  /** @param audit whether to write an audit entry too: mutations do, the usage of the gateway's own reads does not */
  recordUsage(
    context: RequestContext,
    usage: Omit<UsageRecordRow, 'id' | 'subject' | 'requestId' | 'createdAt'>,
    options: { audit: boolean },
  ): Promise<UsageRecordRow>;
  /** Keeps what callers of the context's tenant were refused, an audit entry each. */
  auditRefused(context: RequestContext, actions: readonly RefusedAction[]): Promise<void>;
  /** Keeps what was changed in stores of the operator's own, an audit entry each. */
  auditChanged(context: RequestContext, rows: readonly ChangedRow[]): Promise<void>;

  /**
   * Leases entries that are due, across tenants. An expired lease is due again. System only, as are the next three.
   * @throws CodedError `FORBIDDEN`
   */
  claimOutbox(context: RequestContext, claim: OutboxClaim): Promise<OutboxEntryRow[]>;
  /**
   * Records deliveries; returns how many were of the current revision. One of an older revision leaves the newer one
   * pending, or makes it pending again, because what arrived last may have been the older.
   */
  completeOutbox(context: RequestContext, entries: readonly OutboxSettlement[]): Promise<number>;
  /** Records failures; returns how many were of the current revision. They are due again after `retryInSeconds`. */
  failOutbox(context: RequestContext, entries: readonly OutboxFailure[]): Promise<number>;
  outboxStatus(context: RequestContext): Promise<OutboxStatus>;

  /** Tenants that ever wrote, by name. System only. */
  tenantIds(context: RequestContext, page: ReferencePage): Promise<string[]>;
  /** The tenant's documents, or its remembered facts, by id, as every store should have them. @param ids only those */
  referenceDocuments(
    context: RequestContext,
    page: ReferencePage,
    of: IndexedKind,
    ids?: readonly string[],
  ): Promise<ReferenceDocument[]>;
  /** Those of `ids` that are documents or remembered facts, or are still being removed from the store. */
  knownDocuments(context: RequestContext, store: IndexedStore, ids: readonly string[]): Promise<string[]>;
  /** Makes entries due again, for what does not exist as deletions. @returns how many */
  redeliver(context: RequestContext, entries: readonly Redelivery[]): Promise<number>;

  /** A page of the documents of all tenants that were cut otherwise than today. System only. */
  cutOtherwise(context: RequestContext, page: CutOtherwisePage): Promise<CutOtherwise[]>;
  /** Those of `ids` that are documents, as they were given. */
  documentsToCut(context: RequestContext, ids: readonly string[]): Promise<CutDocument[]>;
  /**
   * Makes the chunks of documents what is given, where the document is still the one that was read, and has them
   * delivered where they changed. Nothing else of the document changes. @returns those, and whether their chunks changed
   */
  recut(context: RequestContext, documents: readonly Recut[]): Promise<{ id: string; changed: boolean }[]>;

  health(): Promise<StoreHealth[]>;
}
