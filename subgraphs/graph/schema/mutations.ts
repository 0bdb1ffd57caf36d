/** The root fields that write. */
import { DELETED_IDS } from '#subgraphs/shared/deletions.ts';
import type { InputRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { takes } from '#subgraphs/shared/scopes.ts';
import { GRAPH } from '../bounds.ts';
import type { Entity, GraphDriver, Relation } from '../driver.ts';
import { checkCount, checkEntity, checkRelation, checkText } from '../input.ts';
import type { EntityInput, ReferenceInput, RelationInput } from '../input.ts';
import type { GraphLoaders } from '../loaders.ts';
import { addIndexing } from './indexing.ts';
import type { GraphTypes } from './types.ts';

export function addMutations(
  schema: SubgraphSchema,
  types: GraphTypes,
  deps: { readonly driver: GraphDriver },
  loaders: (context: RequestContext) => GraphLoaders,
): void {
  const { builder } = schema;
  /** Runs a write, and lets what the rest of the operation reads see it. */
  const write = async <T>(context: RequestContext, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } finally {
      loaders(context).clear();
    }
  };

  const entityInput = builder.inputRef<EntityInput>('GraphEntityInput').implement({
    description: 'An entity to create or change.',
    fields: (t) => ({
      name: t.string({ required: true, description: `What it is called: 1 to ${GRAPH.nameCharacters} characters.` }),
      kind: t.string({
        required: true,
        description: `What sort of thing it is, such as \`package\`: 1 to ${GRAPH.kindCharacters} characters.`,
      }),
      properties: t.field({
        type: 'JSON',
        description:
          'A JSON object. Its top-level keys are merged into those stored: a new value replaces the old, null removes the key, others stay.',
      }),
    }),
  });
  const reference = builder.inputRef<ReferenceInput>('GraphEntityReferenceInput').implement({
    description: 'One end of a relation: either `id`, or `name` and `kind`.',
    fields: (t) => ({
      id: t.id({ description: 'The id of an entity that exists.' }),
      name: t.string({ description: "The entity's name; it is created where it is missing." }),
      kind: t.string({ description: "The entity's kind." }),
    }),
  });
  const relationInput = builder.inputRef<RelationInput>('GraphRelationInput').implement({
    description: 'A relation to create or change. From one entity to another there is at most one of each type.',
    fields: (t) => ({
      from: t.field({ type: reference, required: true, description: 'Where it starts.' }),
      to: t.field({ type: reference, required: true, description: 'Where it ends; may be where it starts.' }),
      type: t.string({
        required: true,
        description:
          'Capital letters, digits and underscores, starting with a letter, at most 64, such as `DEPENDS_ON`.',
      }),
      properties: t.field({
        type: 'JSON',
        description: "A JSON object, merged into what is stored as an entity's is.",
      }),
    }),
  });

  const payload = <Shape extends object, Key extends keyof Shape & string>(
    name: string,
    of: string,
    field: Key,
    type: unknown,
    description: string,
  ) =>
    builder.objectRef<Shape>(name).implement({
      description: `What \`${of}\` did.`,
      fields: (t) => ({
        [field]: t.field({
          type: [type] as never,
          nullable: { list: false, items: false } as never,
          description,
          resolve: ((parent: Shape) => parent[field]) as never,
        }),
      }),
    });
  const idsInput = (name: string, what: string) =>
    builder.inputRef<{ ids: string[] }>(name).implement({
      description: `Which ${what} to delete.`,
      fields: (t) => ({
        ids: t.idList({
          required: { list: true, items: true } as never,
          description: `Their ids, at most ${GRAPH.items}. Unknown ones are passed over.`,
        }) as never,
      }),
    });
  const checkIds = (ids: readonly string[]): readonly string[] => {
    checkCount('ids', ids.length, GRAPH.items);
    return ids.map((id) => checkText('An id', id, { min: 1, max: GRAPH.idCharacters }));
  };

  const upsertEntitiesInput = builder.inputRef<{ entities: EntityInput[] }>('UpsertEntitiesInput').implement({
    description: 'Which entities to create or change.',
    fields: (t) => ({
      entities: t.field({
        type: [entityInput],
        required: true,
        description: `The entities, at most ${GRAPH.items}; one given twice is applied in order.`,
      }),
    }),
  });
  const upsertRelationsInput = builder.inputRef<{ relations: RelationInput[] }>('UpsertRelationsInput').implement({
    description: 'Which relations to create or change.',
    fields: (t) => ({
      relations: t.field({
        type: [relationInput],
        required: true,
        description: `The relations, at most ${GRAPH.items}; one given twice is applied in order.`,
      }),
    }),
  });
  const deleteEntitiesInput = idsInput('DeleteEntitiesInput', 'entities');
  const deleteRelationsInput = idsInput('DeleteRelationsInput', 'relations');
  const upsertEntitiesPayload = payload<{ entities: Entity[] }, 'entities'>(
    'UpsertEntitiesPayload',
    'upsertEntities',
    'entities',
    types.Entity,
    'The entities as they are now, each once, in the order given.',
  );
  const upsertRelationsPayload = payload<{ relations: Relation[] }, 'relations'>(
    'UpsertRelationsPayload',
    'upsertRelations',
    'relations',
    types.Relation,
    'The relations as they are now, each once, in the order given.',
  );
  const deletion = (name: string, of: string) =>
    builder.objectRef<{ ids: readonly string[] }>(name).implement({
      description: `What \`${of}\` did.`,
      fields: (t) => ({
        deletedIds: t.idList({ ...DELETED_IDS, resolve: ({ ids }) => [...ids] }),
        ids: t.idList({
          ...DELETED_IDS,
          deprecationReason: 'Use `deletedIds`, as all deletions have it.',
          resolve: ({ ids }) => [...ids],
        }),
      }),
    });
  const deletedEntities = deletion('DeleteEntitiesPayload', 'deleteEntities');
  const deletedRelations = deletion('DeleteRelationsPayload', 'deleteRelations');

  builder.mutationFields((t) => ({
    upsertEntities: t.field({
      directives: takes('graph:write'),
      type: upsertEntitiesPayload,
      description:
        'Creates entities, or changes the properties of those whose name and kind exist. What is written here stays when documents no longer name it.',
      args: { input: t.arg({ type: upsertEntitiesInput, required: true, description: 'What to write.' }) },
      resolve: async (_, { input }, context) => {
        checkCount('entities', input.entities.length, GRAPH.items);
        const entities = input.entities.map(checkEntity);
        return { entities: await write(context, () => deps.driver.upsertEntities(context, entities)) };
      },
    }),
    upsertRelations: t.field({
      directives: takes('graph:write'),
      type: upsertRelationsPayload,
      description:
        'Creates relations, or changes their properties; all or, when an end given by id does not exist, none. What is written here stays when documents no longer assert it.',
      args: { input: t.arg({ type: upsertRelationsInput, required: true, description: 'What to write.' }) },
      resolve: async (_, { input }, context) => {
        checkCount('relations', input.relations.length, GRAPH.items);
        const relations = input.relations.map(checkRelation);
        return { relations: await write(context, () => deps.driver.upsertRelations(context, relations)) };
      },
    }),
    deleteEntities: t.field({
      directives: takes('graph:write'),
      type: deletedEntities,
      description: 'Deletes entities with all their relations. Indexing a document that names one creates it again.',
      args: { input: t.arg({ type: deleteEntitiesInput, required: true, description: 'What to delete.' }) },
      resolve: async (_, { input }, context) => {
        const ids = checkIds(input.ids);
        return { ids: await write(context, () => deps.driver.deleteEntities(context, ids)) };
      },
    }),
    deleteRelations: t.field({
      directives: takes('graph:write'),
      type: deletedRelations,
      description: 'Deletes relations, also those that documents assert. Indexing such a document creates them again.',
      args: { input: t.arg({ type: deleteRelationsInput, required: true, description: 'What to delete.' }) },
      resolve: async (_, { input }, context) => {
        const ids = checkIds(input.ids);
        return { ids: await write(context, () => deps.driver.deleteRelations(context, ids)) };
      },
    }),
  }));

  addIndexing(schema, { entityInput: entityInput as InputRef<EntityInput>, relationInput }, deps, write);
}
