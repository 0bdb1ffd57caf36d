/** `Mutation.upsertVectors` and `Mutation.deleteVectors`. */
import { DELETED_IDS } from '#subgraphs/shared/deletions.ts';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { takes } from '#subgraphs/shared/scopes.ts';
import { VECTOR } from '../bounds.ts';
import type { CollectionInfo } from '../driver.ts';
import { upsertVectors, type VectorItem } from '../indexing/indexing.ts';
import { checkIds } from '../input.ts';
import type { VectorLoaders } from '../loaders.ts';
import type { VectorSchemaDeps } from './deps.ts';
import type { StubRef } from './similar.ts';

export function addMutations(
  { builder }: SubgraphSchema,
  deps: VectorSchemaDeps,
  loaders: (context: RequestContext) => VectorLoaders,
  Chunk: StubRef,
): void {
  const Collection = builder.objectRef<CollectionInfo>('VectorCollection').implement({
    description: "Where a tenant's vectors are kept, as the first write defined it.",
    fields: (t) => ({
      name: t.exposeString('name', { nullable: false, description: "The collection's name." }),
      model: t.exposeString('model', {
        nullable: false,
        description: 'The model that made its vectors. Vectors of another are refused.',
      }),
      dimensions: t.exposeInt('dimensions', {
        nullable: false,
        description: 'The numbers in each vector. Others are refused.',
      }),
    }),
  });

  const Item = builder.inputRef<VectorItem>('UpsertVectorsItem').implement({
    description: 'One chunk to make findable.',
    fields: (t) => ({
      chunkId: t.id({ required: true, description: "The chunk's id; what is stored under it is replaced." }),
      documentId: t.id({ required: true, description: 'The id of the document that the chunk belongs to.' }),
      text: t.string({
        required: true,
        description:
          'The text that keyword search sees, and that is embedded where `vector` is absent. At most 65,536 characters.',
      }),
      vector: t.floatList({
        description:
          "The chunk's vector, in the collection's dimensions; made from `text` when absent. Finite numbers, not all zero; stored with length 1.",
      }),
      title: t.string({
        description: "The document's title; embedded with the text, and counts more in keyword search.",
      }),
      metadata: t.field({ type: 'JSON', description: 'A JSON object that `where.metadata` can filter on.' }),
      mediaType: t.string({ description: "The document's media type, such as `text/markdown`." }),
      collection: t.string({ description: 'The collection that the document is in; `default` when absent.' }),
      source: t.string({ description: 'Where the document comes from, such as `notes/field.md`.' }),
    }),
  });
  const UpsertInput = builder.inputRef<{ items: VectorItem[]; model?: string | null }>('UpsertVectorsInput').implement({
    description: 'The chunks to store.',
    fields: (t) => ({
      items: t.field({
        type: [Item],
        required: true,
        description: `The chunks, each id once; at most ${VECTOR.items}.`,
      }),
      model: t.string({
        description:
          "The model that made the given vectors; the configured embedding model when absent. Must be the collection's.",
      }),
    }),
  });
  const UpsertPayload = builder
    .objectRef<{ chunkIds: readonly string[]; collection: CollectionInfo | undefined }>('UpsertVectorsPayload')
    .implement({
      description: 'What was stored.',
      fields: (t) => ({
        chunks: t.field({
          type: [Chunk],
          nullable: { list: false, items: false },
          description: 'The chunks, in the order of the input. They can be searched for at once.',
          resolve: (payload) => payload.chunkIds.map((id) => ({ id })),
        }),
        collection: t.field({
          type: Collection,
          description: 'The collection that they are in.',
          resolve: (payload) => payload.collection ?? null,
        }),
      }),
    });
  const DeleteInput = builder.inputRef<{ chunkIds: string[] }>('DeleteVectorsInput').implement({
    description: 'The chunks whose vectors to delete.',
    fields: (t) => ({
      chunkIds: t.idList({ required: true, description: `The chunks' ids, each once; at most ${VECTOR.items}.` }),
    }),
  });
  const DeletePayload = builder.objectRef<{ deletedChunkIds: readonly string[] }>('DeleteVectorsPayload').implement({
    description: 'What was deleted.',
    fields: (t) => ({
      deletedIds: t.idList({ ...DELETED_IDS, resolve: ({ deletedChunkIds }) => [...deletedChunkIds] }),
      deletedChunkIds: t.idList({
        deprecationReason: 'Use `deletedIds`, as all deletions have it.',
        nullable: { list: false, items: false },
        description: 'The ids that had a vector; the others of the input had none.',
        resolve: (payload) => [...payload.deletedChunkIds],
      }),
    }),
  });

  builder.mutationFields((t) => ({
    upsertVectors: t.field({
      directives: takes('vectors:write'),
      type: UpsertPayload,
      description:
        'Stores vectors and texts of single chunks. Documents written with `upsertDocument` get theirs by themselves; this is for vectors that come from elsewhere.',
      args: { input: t.arg({ type: UpsertInput, required: true, description: 'The chunks.' }) },
      resolve: async (_, { input }, context) => {
        const payload = await upsertVectors(
          context,
          deps.driver,
          deps.embedder,
          input.items as VectorItem[],
          input.model,
        );
        loaders(context).clearAll();
        return payload;
      },
    }),
    deleteVectors: t.field({
      directives: takes('vectors:write'),
      type: DeletePayload,
      description: 'Deletes the vectors of single chunks, so that no search finds them. The chunks themselves stay.',
      args: { input: t.arg({ type: DeleteInput, required: true, description: 'The chunks.' }) },
      resolve: async (_, { input }, context) => {
        const deletedChunkIds = await deps.driver.delete(context, checkIds(input.chunkIds, '`chunkIds`', VECTOR.items));
        loaders(context).clearAll();
        return { deletedChunkIds };
      },
    }),
  }));
}
