/** Documents and their chunks: types and reads. What their columns are, and say of themselves, is in ../models/columns.ts. */
import { connectionType, pageArguments, type PageArguments } from '#subgraphs/shared/connections.ts';
import type { ChunkRow } from '../driver.ts';
import { checkBetween } from '#subgraphs/shared/check-between.ts';
import { RELATIONAL } from '../bounds.ts';
import { placeOf } from '../loaders.ts';
import { MODELS, type Model } from '../models/columns.ts';
import { filterInput, parseFilter } from '../models/filters.ts';
import { pageOfChildren } from './children.ts';
import {
  belongingType,
  entityType,
  listField,
  rootAggregate,
  rootItem,
  rootList,
  type ObjectFields,
  type SchemaParts,
} from './entity.ts';
import { sharesField } from './shares.ts';
import { tellUnknown } from './unknown.ts';

const surroundingArgument = (side: string): string =>
  `How many of those ${side} it: 0 to ${RELATIONAL.surrounding}; 1 when absent.`;

export function addDocuments(parts: SchemaParts): void {
  const { subgraph, builder, types, stubs, loaders } = parts;
  const chunks = connectionType<ChunkRow>(subgraph, 'DocumentChunk', {
    node: types.Chunk,
    items: 'chunks of a document',
    totalCount: true,
  });

  const chunkFilter = filterInput(subgraph, MODELS.Chunk as Model);
  rootAggregate(parts, 'Chunk', 'chunks', chunkFilter);

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
        directives: { leads: { by: 'objectKey' } },
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
        resolve: async ({ id }, { where, ...args }, context, info) => {
          const condition = parseFilter(MODELS.Chunk as Model, where);
          const page = await pageOfChildren(
            'documents.chunks',
            args as PageArguments,
            ({ index }: ChunkRow) => index,
            (request) =>
              loaders(context)
                .documentChunks({ ...request, where: condition })
                .load(id),
            info,
          );
          return { ...page, totalCount: () => loaders(context).chunkCount(condition).load(id) };
        },
      }),
      shares: sharesField(t, parts, 'Document'),
      indexing: t.field({
        // The stores that follow a document.
        directives: { listSize: { assumedSize: 3 } },
        type: [parts.indexing.type],
        nullable: { list: true, items: false },
        description: 'How far each store that follows the document has come.',
        resolve: ({ id }, _, context) => loaders(context).indexing.load(id),
      }),
    }),
  );
  rootItem(parts, 'Document', 'document', 'document');
  rootList(parts, 'Document', 'documents', { whenEmpty: tellUnknown });
  const ofFile = belongingType(parts, 'Document', 'StoredObjectDocument', 'documents of a file');
  builder.objectField(stubs.StoredObject, 'documents', (t) =>
    listField(t as ObjectFields<{ key: string }>, parts, 'Document', 'objectKey', ofFile, {
      description: 'The documents whose bytes it is.',
      back: 'file',
      keyOf: ({ key }) => key,
    }),
  );

  entityType(
    parts,
    'Chunk',
    'A passage of a document: what is embedded and found by search.',
    ['id', 'index', 'text'],
    (t) => ({
      document: t.field({
        type: types.Document,
        directives: { leads: { by: 'documentId' } },
        description: 'The document that it is a passage of.',
        resolve: ({ documentId }, _, context) => loaders(context).byId.Document.load(documentId),
      }),
      surrounding: t.field({
        directives: { listSize: { slicingArguments: ['before', 'after'], requireOneSlicingArgument: false } },
        type: [types.Chunk],
        nullable: { list: true, items: false },
        description:
          'The chunks before and behind it in its document, in their order, without it: what a passage that was found is read with.',
        args: {
          before: t.arg.int({ defaultValue: 1, description: surroundingArgument('before') }),
          after: t.arg.int({ defaultValue: 1, description: surroundingArgument('behind') }),
        },
        resolve: (chunk, args, context) => {
          const most = RELATIONAL.surrounding;
          const before = checkBetween('`before`', args.before ?? 1, 0, most);
          const after = checkBetween('`after`', args.after ?? 1, 0, most);
          return loaders(context).chunksAround(before, after).load(placeOf(chunk));
        },
      }),
    }),
  );
  rootItem(parts, 'Chunk', 'chunk', 'chunk');
}
