/**
 * What processes tell one another of the outbox: that something has come about with the entries of a document, of a remembered fact or of a message. It is no news
 * of what; whoever wants to know looks.
 */
import { isIndexedId } from '#subgraphs/shared/indexed-kind.ts';
import { isTenantId } from '#subgraphs/shared/tenant-id.ts';

export interface Change {
  readonly tenantId: string;
  /** The document's id, the fact's, or the message's. */
  readonly documentId: string;
  /** Whether an entry is to be delivered now. */
  readonly due: boolean;
}

export interface ChangeListener {
  onChange(change: Change): void;
  /** Some may have been missed: look for what has changed since. */
  onGap(): void;
  /** Whether anybody is told; nobody is, nothing reconnects. */
  needed(): boolean;
}

/** A way for them to travel. */
export interface OutboxChanges {
  /** Names the one listener of this process. Nothing is connected yet. */
  start(listener: ChangeListener): void;
  /** Resolves when what changes from now on will be told, or when connecting failed; the poll covers that. Never rejects. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

/** @returns undefined for what tells no change (anybody may notify a channel) */
export function parseChange(text: string): Change | undefined {
  const [, tenantId, documentId, state] = /^(\S{1,127}) (\S{1,60}) ([A-Z]{1,20})$/.exec(text) ?? [];
  if (tenantId === undefined || documentId === undefined || !isTenantId(tenantId)) return undefined;
  if (!isIndexedId(documentId)) return undefined;
  return { tenantId, documentId, due: state === 'PENDING' };
}
