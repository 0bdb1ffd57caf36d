/** The mutations of the gateway's own indexing, which clients cannot see. */
import type { InputRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { requireSystem, type RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { differingDocuments, documentProperties, type DocumentProperty } from '../writes/agreement.ts';
import { GRAPH } from '../bounds.ts';
import type { DocumentGraph, GraphDriver } from '../driver.ts';
import { checkCount, checkEntity, checkRelation, checkText } from '../input.ts';
import type { RelationInput } from '../input.ts';
import type { EntityInput } from '../input.ts';

/** As the input arrives: what `properties` holds is checked, not assumed. */
interface Checkable {
  documentId: string;
  entities: { name: string; kind: string; properties?: unknown }[];
  relations: RelationInput[];
}
interface DocumentGraphInput {
  documentId: string;
  entities: EntityInput[];
  relations: RelationInput[];
}

/** @param write runs a write and clears the request's loaders */
export function addIndexing(
  { builder }: SubgraphSchema,
  { entityInput, relationInput }: { entityInput: InputRef<EntityInput>; relationInput: InputRef<RelationInput> },
  deps: { readonly driver: GraphDriver },
  write: <T>(context: RequestContext, work: () => Promise<T>) => Promise<T>,
): void {
  const documentInput = builder.inputRef<DocumentGraphInput>('DocumentGraphInput').implement({
    description: 'What one document says.',
    inaccessible: true,
    fields: (t) => ({
      documentId: t.id({ required: true, description: "The document's id." }),
      entities: t.field({
        type: [entityInput],
        required: true,
        description: 'The entities that it names, in its order.',
      }),
      relations: t.field({
        type: [relationInput],
        required: true,
        description: 'The relations that it asserts; their ends are given by name and kind.',
      }) as never,
    }),
  });
  const indexInput = builder.inputRef<{ documents: DocumentGraphInput[] }>('IndexDocumentGraphInput').implement({
    description: 'What documents say.',
    inaccessible: true,
    fields: (t) => ({
      documents: t.field({
        type: [documentInput],
        required: true,
        description: `The documents, at most ${GRAPH.documents}.`,
      }),
    }),
  });
  const removeInput = builder.inputRef<{ documentIds: string[] }>('RemoveDocumentGraphInput').implement({
    description: 'Which documents to forget.',
    inaccessible: true,
    fields: (t) => ({
      documentIds: t.idList({ required: true, description: `The documents' ids, at most ${GRAPH.documents}.` }),
    }),
  });
  const donePayload = (name: string, of: string) =>
    builder.objectRef<{ documentIds: string[] }>(name).implement({
      description: `What \`${of}\` did.`,
      inaccessible: true,
      fields: (t) => ({
        documentIds: t.idList({
          nullable: { list: false, items: false },
          description: 'The documents that were dealt with.',
          resolve: (parent) => parent.documentIds,
        }),
      }),
    });
  const indexPayload = donePayload('IndexDocumentGraphPayload', 'indexDocumentGraph');
  const removePayload = donePayload('RemoveDocumentGraphPayload', 'removeDocumentGraph');

  const property = builder.objectRef<DocumentProperty>('DocumentGraphProperty').implement({
    description: 'A property of an entity or a relation, as one document gives it.',
    inaccessible: true,
    fields: (t) => ({
      documentId: t.exposeID('documentId', { nullable: false, description: "The document's id." }),
      itemId: t.exposeID('itemId', { nullable: false, description: "The entity's or relation's id." }),
      key: t.exposeString('key', { nullable: false, description: "The property's name." }),
      agrees: t.exposeBoolean('agrees', { nullable: false, description: 'Whether it is stored so.' }),
      documents: t.idList({
        nullable: { list: false, items: false },
        description: 'Documents that name the same entity or relation.',
        resolve: ({ documents }) => [...documents],
      }),
    }),
  });
  const index = async (context: RequestContext, documents: readonly DocumentGraph[]) => {
    await write(context, () => deps.driver.indexDocuments(context, documents));
    return { documentIds: documents.map(({ documentId }) => documentId) };
  };
  builder.queryFields((t) => ({
    graphDocuments: t.idList({
      inaccessible: true,
      nullable: { list: true, items: false },
      description: "For the gateway's own indexing: documents that the graph knows something from, by id.",
      args: {
        first: t.arg.int({ required: true, description: 'How many: 1 to 1,000.' }),
        after: t.arg.id({ description: 'The id that the page begins behind.' }),
      },
      resolve: async (_, { first, after }, context) => {
        requireSystem(context);
        return await deps.driver.documentIds(context, after ?? null, Math.min(Math.max(first, 1), GRAPH.documentIds));
      },
    }),
    differingDocumentGraphs: t.idList({
      inaccessible: true,
      nullable: { list: true, items: false },
      description:
        "For the gateway's own indexing: those of the given documents of which the graph knows something else.",
      args: { input: t.arg({ type: indexInput, required: true, description: 'The documents as they should be.' }) },
      resolve: async (_, { input }, context) => {
        requireSystem(context);
        return await differingDocuments(context, deps.driver, checkDocuments(input.documents));
      },
    }),
    documentGraphProperties: t.field({
      type: [property],
      inaccessible: true,
      nullable: { list: true, items: false },
      description:
        "For the gateway's own indexing: properties that documents give and that are stored with another value, or not at all.",
      args: {
        input: t.arg({ type: indexInput, required: true, description: 'What the documents say.' }),
        itemIds: t.arg.idList({
          description: 'Only these entities and relations; and then also what is stored as it is given.',
        }),
      },
      resolve: async (_, { input, itemIds }, context) => {
        requireSystem(context);
        return await documentProperties(context, deps.driver, checkDocuments(input.documents), itemIds?.map(String));
      },
    }),
  }));

  builder.mutationFields((t) => ({
    indexDocumentGraph: t.field({
      type: indexPayload,
      inaccessible: true,
      description: "For the gateway's own indexing: makes what the graph knows from these documents exactly this.",
      args: { input: t.arg({ type: indexInput, required: true, description: 'What to write.' }) },
      resolve: async (_, { input }, context) => {
        requireSystem(context);
        return await index(context, checkDocuments(input.documents));
      },
    }),
    removeDocumentGraph: t.field({
      type: removePayload,
      inaccessible: true,
      description: "For the gateway's own indexing: forgets what the graph knows from these documents.",
      args: { input: t.arg({ type: removeInput, required: true, description: 'What to remove.' }) },
      resolve: async (_, { input }, context) => {
        requireSystem(context);
        return await index(
          context,
          checkDocuments(input.documentIds.map((documentId) => ({ documentId, entities: [], relations: [] }))),
        );
      },
    }),
  }));
}

function checkDocuments(documents: readonly Checkable[]): DocumentGraph[] {
  checkCount('documents', documents.length, GRAPH.documents);
  const count = documents.reduce((sum, { entities, relations }) => sum + entities.length + relations.length, 0);
  checkCount('entities and relations', count, GRAPH.documentItems);
  return documents.map(({ documentId, entities, relations }) => ({
    documentId: checkText("A document's id", documentId, { min: 1, max: GRAPH.idCharacters }),
    entities: entities.map(checkEntity),
    relations: relations.map((input) => {
      const relation = checkRelation(input);
      if ('id' in relation.from || 'id' in relation.to)
        throw badUserInput("A document's relations take `name` and `kind` at both ends.");
      return relation;
    }),
  }));
}
