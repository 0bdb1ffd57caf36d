/**
 * How the gateway compares the other stores with this one, which is the truth: absent from the public API, and for the
 * gateway alone.
 */
import { requireSystem } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { indexedKindType } from '#subgraphs/shared/indexed-kind.ts';
import { RELATIONAL } from '../bounds.ts';
import type { Redelivery, ReferenceDocument } from '../driver.ts';
import type { SchemaParts } from './entity.ts';
import { addMutation } from './mutation.ts';
import type { ContentTypes } from './outbox-content.ts';

const inaccessible = true;

export function addReconciling(parts: SchemaParts, { document, chunk, entity, relation }: ContentTypes): void {
  const { builder, driver, indexedStore } = parts;
  const kind = indexedKindType(builder);
  const limited = (name: string, given: number): number => {
    if (given < 1 || given > RELATIONAL.compared)
      throw badUserInput(`\`${name}\` is 1 to ${RELATIONAL.compared}; got ${given}.`);
    return given;
  };
  const reference = builder.objectRef<ReferenceDocument>('ReferenceDocument').implement({
    description: 'A document, or a remembered fact, as every store should have it.',
    inaccessible,
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: "The document's id." }),
      objectKey: t.exposeString('objectKey', { description: 'Where its bytes are kept.' }),
      delivered: t.field({
        type: [indexedStore],
        nullable: { list: false, items: false },
        description: 'The stores that were told of this state; the others will be.',
        resolve: (row) => row.delivered,
      }),
      document: t.field({ type: document, nullable: false, description: 'The document.', resolve: (row) => row }),
      chunks: t.field({
        type: [chunk],
        nullable: { list: false, items: false },
        description: 'Its passages.',
        resolve: (row) => row.chunks,
      }),
      entities: t.field({
        type: [entity],
        nullable: { list: false, items: false },
        description: 'The entities that it is about.',
        resolve: (row) => row.entities,
      }),
      relations: t.field({
        type: [relation],
        nullable: { list: false, items: false },
        description: 'The relations that it tells of.',
        resolve: (row) => row.relations,
      }),
    }),
  });
  builder.queryFields((t) => ({
    tenantIds: t.idList({
      inaccessible,
      nullable: { list: true, items: false },
      description: 'Tenants that ever wrote, by name.',
      args: {
        first: t.arg.int({ required: true, description: `1 to ${RELATIONAL.compared}.` }),
        after: t.arg.id({ description: 'The tenant that the page begins behind.' }),
      },
      resolve: (_, { first, after }, context) => {
        requireSystem(context);
        return driver().tenantIds(context, { limit: limited('first', first), after: after ?? null });
      },
    }),
    referenceDocuments: t.field({
      type: [reference],
      inaccessible,
      nullable: { list: true, items: false },
      description: "The tenant's documents, or its remembered facts, by id, as every store should have them.",
      args: {
        kind: t.arg({
          type: kind,
          required: true,
          defaultValue: 'DOCUMENT',
          description: 'Documents, or remembered facts.',
        }),
        first: t.arg.int({ required: true, description: `1 to ${RELATIONAL.compared}.` }),
        after: t.arg.id({ description: 'The id that the page begins behind.' }),
        ids: t.arg.idList({ description: 'Only these.' }),
      },
      resolve: (_, { kind: of, first, after, ids }, context) => {
        requireSystem(context);
        return driver().referenceDocuments(
          context,
          { limit: limited('first', first), after: after ?? null },
          of,
          ids?.map(String),
        );
      },
    }),
    knownDocuments: t.idList({
      inaccessible,
      nullable: { list: true, items: false },
      description:
        'Those of the given ids that are documents or remembered facts, or are still being removed from the store.',
      args: {
        store: t.arg({ type: indexedStore, required: true, description: 'The store that has something of them.' }),
        ids: t.arg.idList({ required: true, description: `At most ${RELATIONAL.compared}.` }),
      },
      resolve: (_, { store, ids }, context) => {
        requireSystem(context);
        if (ids.length > RELATIONAL.compared)
          throw badUserInput(`\`ids\` has ${ids.length} items; at most ${RELATIONAL.compared} are accepted.`);
        return driver().knownDocuments(context, store, ids.map(String));
      },
    }),
  }));

  const redelivery = builder
    .inputRef<{ documentId: string; store: Redelivery['store']; objectKey?: string | null }>('RedeliveryInput')
    .implement({
      description: 'What to deliver again.',
      inaccessible,
      fields: (t) => ({
        documentId: t.id({ required: true, description: "The document's id, or the remembered fact's." }),
        store: t.field({ type: indexedStore, required: true, description: 'The store to deliver to.' }) as never,
        objectKey: t.string({ description: 'Where a document that does not exist any more left bytes.' }),
      }),
    });
  addMutation<
    { entries: { documentId: string; store: Redelivery['store']; objectKey?: string | null }[] },
    { redelivered: number }
  >(parts, 'redeliverDocuments', {
    takes: 'system',
    description: 'Makes entries of the outbox due again, for what does not exist as deletions.',
    input: 'What to deliver again.',
    inputFields: (t) => ({
      entries: t.field({ type: [redelivery], required: true, description: `At most ${RELATIONAL.compared}.` }),
    }),
    payload: 'What delivering again did.',
    payloadFields: (t) => ({
      redelivered: t.exposeInt('redelivered', { nullable: false, description: 'Entries that are due now.' }),
    }),
    run: async ({ entries }, context) => {
      if (entries.length > RELATIONAL.compared)
        throw badUserInput(`\`entries\` has ${entries.length} items; at most ${RELATIONAL.compared} are accepted.`);
      // An entry of the outbox is one for each document and store.
      const distinct = new Map(
        entries.map((entry) => [
          `${entry.store} ${entry.documentId}`,
          { ...entry, objectKey: entry.objectKey ?? null },
        ]),
      );
      return { redelivered: await driver().redeliver(context, [...distinct.values()]) };
    },
  });
}
