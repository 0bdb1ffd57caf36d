/** What the gateway itself sends while it delivers documents; not part of the public API. */
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { requireSystem, type RequestContext } from '#subgraphs/shared/context.ts';
import { indexedKindType, type IndexedKind } from '#subgraphs/shared/indexed-kind.ts';
import { VECTOR } from '../bounds.ts';
import { differingDocuments, indexDocuments, type DocumentInput, type Indexed } from '../indexing/indexing.ts';
import { checkIds } from '../input.ts';
import type { VectorDriver } from '../driver.ts';
import type { VectorLoaders } from '../loaders.ts';
import type { VectorSchemaDeps } from './deps.ts';
import type { StubRef } from './similar.ts';

export function addIndexing(
  { builder }: SubgraphSchema,
  deps: VectorSchemaDeps,
  loaders: (context: RequestContext) => VectorLoaders,
  Document: StubRef,
): void {
  const inaccessible = true;
  const Kind = indexedKindType(builder);
  const driverOf = (kind: IndexedKind): VectorDriver =>
    ({ DOCUMENT: deps.driver, MEMORY_FACT: deps.facts, MESSAGE: deps.messages })[kind];
  const kindOption = {
    type: Kind,
    required: true,
    defaultValue: 'DOCUMENT',
    description: 'Documents, or remembered facts or messages, each as a document of one chunk.',
  } as const;
  const Chunk = builder.inputRef<{ id: string; text: string }>('IndexDocumentVectorsChunk').implement({
    description: 'A chunk of a document.',
    fields: (t) => ({
      id: t.id({ required: true, description: "The chunk's id." }),
      text: t.string({ required: true, description: "The chunk's text; at most 65,536 characters." }),
    }),
    inaccessible,
  });
  const Item = builder.inputRef<DocumentInput>('IndexDocumentVectorsItem').implement({
    description: 'A document with all its chunks.',
    fields: (t) => ({
      documentId: t.id({ required: true, description: "The document's id." }),
      title: t.string({ description: 'The title; embedded with each chunk, and counts more in keyword search.' }),
      source: t.string({ required: true, description: 'The source.' }),
      collection: t.string({ description: 'The collection that it is in; `default` when absent.' }),
      mediaType: t.string({ required: true, description: 'The media type.' }),
      metadata: t.field({ type: 'JSON', description: 'The metadata, a JSON object.' }),
      chunks: t.field({
        type: [Chunk],
        required: true,
        description: 'All chunks of the document; stored ones that are not among them are removed.',
      }),
    }),
    inaccessible,
  });
  const IndexInput = builder
    .inputRef<{ kind: IndexedKind; documents: DocumentInput[] }>('IndexDocumentVectorsInput')
    .implement({
      description: 'The documents to index.',
      fields: (t) => ({
        kind: t.field(kindOption),
        documents: t.field({
          type: [Item],
          required: true,
          description: `At most ${VECTOR.documents} documents with ${VECTOR.documentChunks} chunks together.`,
        }),
      }),
      inaccessible,
    });
  const IndexPayload = builder.objectRef<Indexed & { kind: IndexedKind }>('IndexDocumentVectorsPayload').implement({
    description: 'What indexing did.',
    fields: (t) => ({
      documents: t.field({
        type: [Document],
        nullable: { list: false, items: false },
        description: 'The documents, in the order of the input; none where they are remembered facts or messages.',
        resolve: ({ kind, documentIds }) => (kind === 'DOCUMENT' ? documentIds.map((id) => ({ id })) : []),
      }),
      embedded: t.exposeInt('embedded', {
        nullable: false,
        description: 'Chunks that were embedded, because their text was new.',
      }),
      kept: t.exposeInt('kept', {
        nullable: false,
        description: 'Chunks whose vector was kept, because their text was the same.',
      }),
      removed: t.exposeInt('removed', { nullable: false, description: 'Stored chunks that were removed.' }),
    }),
    inaccessible,
  });
  const RemoveInput = builder
    .inputRef<{ kind: IndexedKind; documentIds: string[] }>('RemoveDocumentVectorsInput')
    .implement({
      description: 'The documents whose chunks to remove.',
      fields: (t) => ({
        kind: t.field(kindOption),
        documentIds: t.idList({ required: true, description: `The documents' ids; at most ${VECTOR.items}.` }),
      }),
      inaccessible,
    });
  const RemovePayload = builder.objectRef<{ removed: number }>('RemoveDocumentVectorsPayload').implement({
    description: 'What removing did.',
    fields: (t) => ({
      removed: t.exposeInt('removed', { nullable: false, description: 'Stored chunks that were removed.' }),
    }),
    inaccessible,
  });

  const Page = builder.objectRef<{ ids: readonly string[]; next: string | null }>('VectorDocumentPage').implement({
    description: 'Documents of which chunks are stored.',
    fields: (t) => ({
      ids: t.idList({
        nullable: { list: false, items: false },
        description: 'Their ids; some may come again in later pages.',
        resolve: ({ ids }) => [...ids],
      }),
      next: t.exposeString('next', { description: 'Where the next page begins; null after the last.' }),
    }),
    inaccessible,
  });
  builder.queryFields((t) => ({
    vectorDocuments: t.field({
      type: Page,
      inaccessible,
      description: 'Documents of which chunks are stored, in pages. For the gateway itself.',
      args: {
        kind: t.arg(kindOption),
        first: t.arg.int({ required: true, description: 'How many to look at: 1 to 1,000.' }),
        after: t.arg.string({ description: 'The `next` of the page before.' }),
      },
      resolve: async (_, { kind, first, after }, context) => {
        requireSystem(context);
        const limit = Math.min(Math.max(first, 1), VECTOR.documentIds);
        return await driverOf(kind).documentIds(context, after ?? null, limit);
      },
    }),
    differingDocumentVectors: t.idList({
      inaccessible,
      nullable: { list: true, items: false },
      description:
        'Those of the given documents of which other chunks are stored than the input says. For the gateway itself.',
      args: { input: t.arg({ type: IndexInput, required: true, description: 'The documents as they should be.' }) },
      resolve: async (_, { input: { kind, documents } }, context) => {
        requireSystem(context);
        return await differingDocuments(context, driverOf(kind), deps.embedder, documents as DocumentInput[]);
      },
    }),
  }));

  builder.mutationFields((t) => ({
    indexDocumentVectors: t.field({
      type: IndexPayload,
      inaccessible,
      description:
        'Makes the stored chunks of the given documents exactly the input, and embeds only texts that are new. Idempotent. For the gateway itself.',
      args: { input: t.arg({ type: IndexInput, required: true, description: 'The documents.' }) },
      resolve: async (_, { input: { kind, documents } }, context) => {
        requireSystem(context);
        const given = documents as DocumentInput[];
        const indexed = await indexDocuments(context, driverOf(kind), deps.embedder, given);
        loaders(context).clearAll();
        return { ...indexed, kind };
      },
    }),
    removeDocumentVectors: t.field({
      type: RemovePayload,
      inaccessible,
      description: 'Removes all chunks of the given documents. Idempotent. For the gateway itself.',
      args: { input: t.arg({ type: RemoveInput, required: true, description: 'The documents.' }) },
      resolve: async (_, { input }, context) => {
        requireSystem(context);
        const removed = await driverOf(input.kind).removeDocuments(
          context,
          checkIds(input.documentIds, '`documentIds`', VECTOR.items),
        );
        loaders(context).clearAll();
        return { removed };
      },
    }),
  }));
}
