/** What each store is told of a document, and the vector store of a remembered fact: one mutation of its subgraph for a whole batch of one tenant. */
import { parse } from 'graphql';
import { INDEXING } from '#gateway/bounds/indexing.ts';
import { grouped } from '#subgraphs/shared/grouped.ts';
import { indexedKindOf, type IndexedKind } from '#subgraphs/shared/indexed-kind.ts';
import type { IndexedStore, OutboxEntry } from './outbox.ts';
import type { SubgraphCall } from './subgraph-call.ts';

/**
 * Delivers entries of one store and one tenant; rejects when any of them was not taken. Delivering twice is harmless.
 */
export type Deliver = (call: SubgraphCall, tenantId: string, entries: readonly OutboxEntry[]) => Promise<void>;

const INDEX_GRAPH = parse(/* GraphQL */ `
  mutation IndexDocumentGraph($input: IndexDocumentGraphInput!) {
    indexDocumentGraph(input: $input) {
      documentIds
    }
  }
`);
const REMOVE_GRAPH = parse(/* GraphQL */ `
  mutation RemoveDocumentGraph($input: RemoveDocumentGraphInput!) {
    removeDocumentGraph(input: $input) {
      documentIds
    }
  }
`);
const INDEX_VECTORS = parse(/* GraphQL */ `
  mutation IndexDocumentVectors($input: IndexDocumentVectorsInput!) {
    indexDocumentVectors(input: $input) {
      embedded
    }
  }
`);
const REMOVE_VECTORS = parse(/* GraphQL */ `
  mutation RemoveDocumentVectors($input: RemoveDocumentVectorsInput!) {
    removeDocumentVectors(input: $input) {
      removed
    }
  }
`);
const PUT_OBJECT = parse(/* GraphQL */ `
  mutation PutObject($input: PutObjectInput!) {
    putObject(input: $input) {
      object {
        key
      }
    }
  }
`);
const DELETE_OBJECT = parse(/* GraphQL */ `
  mutation DeleteObject($input: DeleteObjectInput!) {
    deleteObject(input: $input) {
      key
    }
  }
`);

const deliverGraph: Deliver = async (call, tenantId, entries) => {
  const { upserts, deletions } = split(entries);
  if (upserts.length > 0) {
    const documents = upserts.map(({ documentId, entities, relations }) => ({ documentId, entities, relations }));
    await call('graph', INDEX_GRAPH, { input: { documents } }, tenantId);
  }
  if (deletions.length > 0)
    await call('graph', REMOVE_GRAPH, { input: { documentIds: deletions.map((e) => e.documentId) } }, tenantId);
};

const deliverVectors: Deliver = async (call, tenantId, entries) => {
  for (const [kind, ofKind] of grouped(entries, ({ documentId }) => indexedKindOf(documentId)))
    await deliverVectorsOf(kind, call, tenantId, ofKind);
};

async function deliverVectorsOf(
  kind: IndexedKind,
  call: SubgraphCall,
  tenantId: string,
  entries: readonly OutboxEntry[],
): Promise<void> {
  const { upserts, deletions } = split(entries);
  if (upserts.length > 0) {
    const documents = upserts.map(({ documentId, document, chunks }) => ({
      documentId,
      title: document.title,
      source: document.source,
      collection: document.collection,
      mediaType: document.mediaType,
      metadata: document.metadata,
      chunks: chunks.map(({ id, text }) => ({ id, text })),
    }));
    await call('vector', INDEX_VECTORS, { input: { kind, documents } }, tenantId);
  }
  if (deletions.length > 0)
    await call(
      'vector',
      REMOVE_VECTORS,
      { input: { kind, documentIds: deletions.map((e) => e.documentId) } },
      tenantId,
    );
}

const deliverObjects: Deliver = async (call, tenantId, entries) => {
  const waiting = [...entries];
  const worker = async (): Promise<void> => {
    for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop()) {
      const { objectKey: key, document } = entry;
      if (key === null) continue;
      const [mutation, input] =
        entry.operation === 'DELETE' || document === null
          ? [DELETE_OBJECT, { key }]
          : [PUT_OBJECT, { key, mediaType: document.mediaType, content: document.text, encoding: 'UTF8' }];
      await call('object', mutation, { input }, tenantId);
    }
  };
  await Promise.all(Array.from({ length: Math.min(INDEXING.objectConcurrency, entries.length) }, worker));
};

function split(entries: readonly OutboxEntry[]) {
  return {
    upserts: entries.filter(
      (entry): entry is OutboxEntry & { document: NonNullable<OutboxEntry['document']> } =>
        entry.operation === 'UPSERT' && entry.document !== null,
    ),
    deletions: entries.filter((entry) => entry.operation === 'DELETE' || entry.document === null),
  };
}

/** How each store is delivered to, and how many documents one batch takes. */
export const DELIVERIES: Readonly<Record<IndexedStore, { deliver: Deliver; batch: number }>> = {
  OBJECT: { deliver: deliverObjects, batch: INDEXING.objectBatch },
  VECTOR: { deliver: deliverVectors, batch: INDEXING.vectorBatch },
  GRAPH: { deliver: deliverGraph, batch: INDEXING.graphBatch },
};
