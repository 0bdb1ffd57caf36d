/**
 * The outbox of `upsertDocument`, as the relational subgraph hands it out: system-only fields, not in the public API.
 */
import { parse } from 'graphql';
import { CONTENT_SELECTION } from './content-selection.ts';
import type { SubgraphCall } from './subgraph-call.ts';

/** The stores that follow a document. */
export const INDEXED_STORES = ['OBJECT', 'VECTOR', 'GRAPH'] as const;
export type IndexedStore = (typeof INDEXED_STORES)[number];

/** Names an entity. */
interface EntityName {
  name: string;
  kind: string;
}

/** One store's work on one document, or on one remembered fact: make the store's knowledge of it equal to `revision`. */
export interface OutboxEntry {
  id: string;
  tenantId: string;
  /** The document's id, or the fact's. */
  documentId: string;
  /** Completing names the revision, so that a newer upsert stays pending. */
  revision: number;
  store: IndexedStore;
  operation: 'UPSERT' | 'DELETE';
  /** Attempts so far, this one included. */
  attempts: number;
  objectKey: string | null;
  /** Null for a deletion. A fact is a document of one chunk, that has its key for a title. */
  document: {
    title: string;
    source: string;
    collection: string;
    mediaType: string;
    text: string;
    metadata: unknown;
  } | null;
  chunks: { id: string; text: string }[];
  entities: (EntityName & { properties?: unknown })[];
  relations: { from: EntityName; to: EntityName; type: string; properties?: unknown }[];
}

export interface OutboxStatus {
  pending: number;
  failed: number;
  /** For stores that are switched off. */
  disabled: number;
  done: number;
  oldestPendingSeconds: number | null;
}

/** What could not be delivered, and when to try again. */
export interface OutboxFailure {
  id: string;
  revision: number;
  /** For `Document.indexing.error`: public, without secrets. */
  error: string;
  /** The store is switched off; shown as DISABLED. */
  disabled: boolean;
  retryInSeconds: number;
}

const CLAIM = parse(/* GraphQL */ `
  mutation ClaimOutbox($input: ClaimOutboxInput!) {
    claimOutbox(input: $input) {
      entries {
        id
        tenantId
        documentId
        revision
        store
        operation
        attempts
        objectKey
        document {
          title
          source
          collection
          mediaType
          text
          metadata
        }
        ${CONTENT_SELECTION}
      }
    }
  }
`);
const COMPLETE = parse(/* GraphQL */ `
  mutation CompleteOutbox($input: CompleteOutboxInput!) {
    completeOutbox(input: $input) {
      completed
    }
  }
`);
const FAIL = parse(/* GraphQL */ `
  mutation FailOutbox($input: FailOutboxInput!) {
    failOutbox(input: $input) {
      failed
    }
  }
`);
const STATUS = parse(/* GraphQL */ `
  query OutboxStatus {
    outboxStatus {
      pending
      failed
      disabled
      done
      oldestPendingSeconds
    }
  }
`);

/** Reads and settles outbox entries through the relational subgraph. */
export class Outbox {
  readonly #call: SubgraphCall;

  constructor(call: SubgraphCall) {
    this.#call = call;
  }

  /** Leases up to `limit` entries of one store; they return to the outbox when the lease ends unsettled. */
  async claim(
    store: IndexedStore,
    limit: number,
    leaseSeconds: number,
    /** Also those that were found off at least so long ago, though they are not due. */
    disabledForSeconds?: number,
  ): Promise<OutboxEntry[]> {
    const { claimOutbox } = await this.#call<{ claimOutbox: { entries: OutboxEntry[] } }>('relational', CLAIM, {
      input: { limit, leaseSeconds, stores: [store], disabledForSeconds },
    });
    return claimOutbox.entries;
  }

  async complete(entries: readonly OutboxEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#call('relational', COMPLETE, {
      input: { entries: entries.map(({ id, revision }) => ({ id, revision })) },
    });
  }

  async fail(entries: readonly OutboxFailure[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#call('relational', FAIL, { input: { entries } });
  }

  async status(): Promise<OutboxStatus> {
    return (await this.#call<{ outboxStatus: OutboxStatus }>('relational', STATUS, {})).outboxStatus;
  }
}
