/** Documents and their chunks: types and reads. What their columns are, and say of themselves, is in ../models/columns.ts. */
import { connectionType, pageArguments, type PageArguments } from '#subgraphs/shared/connections.ts';
import type { ChunkRow, IndexingRow } from '../driver.ts';
import { MODELS, type Model } from '../models/columns.ts';
import { filterInput, parseFilter } from '../models/filters.ts';
import { pageOfChildren } from './children.ts';
import { entityType, rootItem, rootList, type SchemaParts } from './entity.ts';
import { sharesField } from './shares.ts';
import { tellUnknownKeys } from './unknown-keys.ts';

export function addDocuments(parts: SchemaParts): void {
  const { subgraph, types, stubs, loaders } = parts;
  const indexing = addIndexing(parts);
  const chunks = connectionType<ChunkRow>(subgraph, 'DocumentChunk', {
    node: types.Chunk,
    items: 'chunks of a document',
    totalCount: true,
  });

  const chunkFilter = filterInput(subgraph, MODELS.Chunk as Model);

  entityType(
    parts,
    'Document',
    'A text with what is known about it. Its bytes, vectors and entities follow from it into the other stores; `indexing` tells how far.',
    ['id', 'title', 'source', 'collection', 'mediaType', 'contentHash', 'metadata', 'createdAt', 'updatedAt'],
    (t) => ({
      text: t.string({
        description: 'The whole text, up to 2 MiB; read only when selected.',
        resolve: ({ id }, _, context) => loaders(context).documentText.load(id),
      }),
      file: t.field({
        type: stubs.StoredObject,
        description:
          'Its bytes in the object store; null only when it has none. They may still be on their way: see `indexing`.',
        resolve: ({ objectKey }) => (objectKey === null ? null : { key: objectKey }),
      }),
      chunks: t.field({
        type: chunks,
        description: 'Its passages, in the order of the text.',
        args: {
          where: t.arg({ type: chunkFilter, description: 'Which of them; all when absent.' }),
          ...pageArguments(t.arg as never),
        },
        resolve: async ({ id }, { where, ...args }, context) => {
          const condition = parseFilter(MODELS.Chunk as Model, where);
          const page = await pageOfChildren(
            'documents.chunks',
            args as PageArguments,
            ({ index }: ChunkRow) => index,
            (request) =>
              loaders(context)
                .documentChunks({ ...request, where: condition })
                .load(id),
          );
          return { ...page, totalCount: () => loaders(context).chunkCount(condition).load(id) };
        },
      }),
      shares: sharesField(t, parts, 'Document'),
      indexing: t.field({
        // The stores that follow a document.
        directives: { listSize: { assumedSize: 3 } },
        type: [indexing],
        nullable: { list: true, items: false },
        description: 'How far each store that follows the document has come.',
        resolve: ({ id }, _, context) => loaders(context).indexing.load(id),
      }),
    }),
  );
  rootItem(parts, 'Document', 'document', 'document');
  rootList(parts, 'Document', 'documents', { whenEmpty: tellUnknownKeys });

  entityType(
    parts,
    'Chunk',
    'A passage of a document: what is embedded and found by search.',
    ['id', 'index', 'text'],
    (t) => ({
      document: t.field({
        type: types.Document,
        description: 'The document that it is a passage of.',
        resolve: ({ documentId }, _, context) => loaders(context).byId.Document.load(documentId),
      }),
    }),
  );
  rootItem(parts, 'Chunk', 'chunk', 'chunk');
}

function addIndexing({ builder, indexedStore }: SchemaParts) {
  const state = builder.enumType('IndexingState', {
    description: 'How far a store has come in following a document.',
    values: {
      PENDING: { description: 'Not delivered yet.' },
      DONE: { description: 'The store has what the document is now.' },
      FAILED: { description: 'The last delivery failed; it is tried again.' },
      DISABLED: { description: 'The store is switched off; it is tried again now and then.' },
    } as const,
  });
  return builder.objectRef<IndexingRow>('DocumentIndexing').implement({
    description: 'How far one store has come in following a document.',
    fields: (t) => ({
      store: t.field({ type: indexedStore, nullable: false, description: 'The store.', resolve: (row) => row.store }),
      state: t.field({
        type: state,
        nullable: false,
        description: 'How far it has come.',
        resolve: (row) => row.state,
      }),
      error: t.exposeString('error', { description: 'Why the last delivery failed; null when it did not.' }),
      attempts: t.exposeInt('attempts', {
        nullable: false,
        description: 'Deliveries tried since the document last changed.',
      }),
      updatedAt: t.field({
        type: 'DateTime',
        nullable: false,
        description: 'When this last changed.',
        resolve: (row) => row.updatedAt,
      }),
    }),
  });
}
