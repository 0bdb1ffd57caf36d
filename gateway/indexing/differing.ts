/** What a document, or a remembered fact, should be in each store that follows it, and which of them a store has otherwise. */
import { parse } from 'graphql';
import { INDEXING } from '#gateway/bounds/indexing.ts';
import type { IndexedKind } from '#subgraphs/shared/indexed-kind.ts';
import { CONTENT_SELECTION } from './content-selection.ts';
import type { IndexedStore, OutboxEntry } from './outbox.ts';
import type { SubgraphCall } from './subgraph-call.ts';

/** A document as the relational store has it, with what the other stores are to have of it. */
export type Reference = Pick<OutboxEntry, 'objectKey' | 'chunks' | 'entities' | 'relations'> & {
  id: string;
  delivered: IndexedStore[];
  document: NonNullable<OutboxEntry['document']> & { contentHash: string };
};

/** A page of {@link Reference}, or those of some documents. */
export const REFERENCES = parse(/* GraphQL */ `
  query ReferenceDocuments($kind: IndexedKind! = DOCUMENT, $first: Int!, $after: ID, $ids: [ID!]) {
    referenceDocuments(kind: $kind, first: $first, after: $after, ids: $ids) {
      id
      objectKey
      delivered
      document {
        title
        source
        collection
        mediaType
        text
        contentHash
        metadata
      }
      ${CONTENT_SELECTION}
    }
  }
`);
const OBJECTS = parse(/* GraphQL */ `
  query StoredObjects($keys: [_Any!]!) {
    _entities(representations: $keys) {
      ... on StoredObject {
        key
        checksum
        size
      }
    }
  }
`);
const VECTORS = parse(
  'query DifferingVectors($input: IndexDocumentVectorsInput!) { differingDocumentVectors(input: $input) }',
);
const GRAPHS = parse(
  'query DifferingGraphs($input: IndexDocumentGraphInput!) { differingDocumentGraphs(input: $input) }',
);
const GRAPH_PROPERTIES = parse(/* GraphQL */ `
  query GraphProperties($input: IndexDocumentGraphInput!, $itemIds: [ID!]) {
    documentGraphProperties(input: $input, itemIds: $itemIds) {
      documentId
      itemId
      key
      agrees
      documents
    }
  }
`);

type Differing = (
  call: SubgraphCall,
  tenantId: string,
  documents: readonly Reference[],
  kind: IndexedKind,
) => Promise<string[]>;

/** Which documents, or facts, each store has other content of. */
export const DIFFERING: Readonly<Record<IndexedStore, Differing>> = {
  OBJECT: async (call, tenantId, documents) => {
    const kept = documents.filter(({ objectKey }) => objectKey !== null);
    const keys = kept.map(({ objectKey }) => ({ __typename: 'StoredObject', key: objectKey }));
    const { _entities } = await call<{ _entities: { checksum: string | null; size: number | null }[] }>(
      'object',
      OBJECTS,
      { keys },
      tenantId,
    );
    return kept.flatMap(({ id, document }, index) => {
      const { checksum, size } = _entities[index]!;
      // A store that keeps no checksum still knows the length.
      const same = checksum === null ? size === Buffer.byteLength(document.text) : checksum === document.contentHash;
      return same ? [] : [id];
    });
  },
  VECTOR: async (call, tenantId, documents, kind) => {
    const input = {
      kind,
      documents: documents.map(({ id, document: { title, source, collection, mediaType, metadata }, chunks }) => ({
        documentId: id,
        title,
        source,
        collection,
        mediaType,
        metadata,
        chunks,
      })),
    };
    return (await call<{ differingDocumentVectors: string[] }>('vector', VECTORS, { input }, tenantId))
      .differingDocumentVectors;
  },
  GRAPH: async (call, tenantId, documents) => {
    const { differingDocumentGraphs } = await call<{ differingDocumentGraphs: string[] }>(
      'graph',
      GRAPHS,
      { input: graphInput(documents) },
      tenantId,
    );
    return [...new Set([...differingDocumentGraphs, ...(await changedProperties(call, tenantId, documents))])];
  },
};

const graphInput = (documents: readonly Reference[]) => ({
  documents: documents.map(({ id, entities, relations }) => ({ documentId: id, entities, relations })),
});

interface GraphProperty {
  documentId: string;
  itemId: string;
  key: string;
  agrees: boolean;
  documents: string[];
}

/**
 * Documents that give an entity or a relation a property which is stored otherwise, and as no other document gives it:
 * several may give it, and then the one that was delivered last is right.
 */
async function changedProperties(
  call: SubgraphCall,
  tenantId: string,
  documents: readonly Reference[],
): Promise<string[]> {
  const ask = async (of: readonly Reference[], itemIds?: readonly string[]): Promise<GraphProperty[]> =>
    (
      await call<{ documentGraphProperties: GraphProperty[] }>(
        'graph',
        GRAPH_PROPERTIES,
        { input: graphInput(of), itemIds },
        tenantId,
      )
    ).documentGraphProperties;
  const differing = await ask(documents);
  const given = (property: GraphProperty): string => JSON.stringify([property.itemId, property.key]);
  const agreeing = new Set<string>();
  const others = [...new Set(differing.flatMap((property) => property.documents))];
  const itemIds = [...new Set(differing.map(({ itemId }) => itemId))];
  for (let from = 0; from < others.length; from += INDEXING.reconcileOthers) {
    const ids = others.slice(from, from + INDEXING.reconcileOthers);
    const { referenceDocuments } = await call<{ referenceDocuments: Reference[] }>(
      'relational',
      REFERENCES,
      { first: INDEXING.reconcileOthers, after: null, ids },
      tenantId,
    );
    for (const property of await ask(referenceDocuments, itemIds)) if (property.agrees) agreeing.add(given(property));
  }
  return differing.filter((property) => !agreeing.has(given(property))).map(({ documentId }) => documentId);
}
