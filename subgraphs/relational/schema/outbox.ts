/** How the gateway delivers documents to the other stores: absent from the public API, and for the gateway alone. */
import { requireSystem } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { RELATIONAL } from '../bounds.ts';
import {
  STORES,
  type IndexedStore,
  type OutboxEntryRow,
  type OutboxFailure,
  type OutboxSettlement,
  type OutboxStatus,
} from '../driver.ts';
import type { SchemaParts } from './entity.ts';
import { addMutation } from './mutation.ts';
import { contentTypes, type ContentTypes } from './outbox-content.ts';
import { addReconciling } from './reconcile.ts';

const inaccessible = true;

export function addOutbox(parts: SchemaParts): void {
  const content = contentTypes(parts);
  addClaim(parts, content);
  addReconciling(parts, content);
  addSettling(parts);
  addStatus(parts);
}

interface ClaimInput {
  limit: number;
  leaseSeconds: number;
  stores?: IndexedStore[] | null;
  documentIds?: string[] | null;
  disabledForSeconds?: number | null;
}

function addClaim(parts: SchemaParts, content: ContentTypes): void {
  const { driver, indexedStore } = parts;
  const entry = addEntryTypes(parts, content);
  addMutation<ClaimInput, { entries: OutboxEntryRow[] }>(parts, 'claimOutbox', {
    takes: 'system',
    description: 'Leases entries that are due, of all tenants. An entry whose lease ends unsettled is due again.',
    input: 'How many entries to lease, and which.',
    inputFields: (t) => ({
      limit: t.int({ required: true, description: `1 to ${RELATIONAL.outboxEntries}.` }),
      leaseSeconds: t.int({ required: true, description: 'How long nobody else gets them: 1 to 3,600.' }),
      stores: t.field({ type: [indexedStore], description: 'Only for these stores; all of them when absent.' }),
      documentIds: t.idList({ description: 'Only of these documents; all of them when absent.' }),
      disabledForSeconds: t.float({
        description:
          'Also those whose store was off when it was last tried, at least so long ago (0 or more), though they are not due: by a process that has just started, the store may be on.',
      }),
    }),
    payload: 'The leased entries.',
    payloadFields: (t) => ({
      entries: t.field({
        type: [entry],
        nullable: { list: false, items: false },
        description: 'What to deliver, longest due first.',
        resolve: (payload) => payload.entries,
      }),
    }),
    run: async ({ limit, leaseSeconds, stores, documentIds, disabledForSeconds }, context, selected) => {
      if (limit < 1 || limit > RELATIONAL.outboxEntries)
        throw badUserInput(`\`limit\` is 1 to ${RELATIONAL.outboxEntries}; got ${limit}.`);
      if (leaseSeconds < 1 || leaseSeconds > RELATIONAL.leaseSeconds)
        throw badUserInput(`\`leaseSeconds\` is 1 to 3,600; got ${leaseSeconds}.`);
      if (disabledForSeconds != null && !(disabledForSeconds >= 0))
        throw badUserInput(`\`disabledForSeconds\` is 0 or more; got ${disabledForSeconds}.`);
      const has = selected();
      const entries = await driver().claimOutbox(context, {
        limit,
        leaseSeconds,
        stores: stores ?? STORES,
        documentIds: documentIds ?? undefined,
        disabledForSeconds: disabledForSeconds ?? undefined,
        content: {
          text: has('entries', 'document', 'text'),
          graph: has('entries', 'entities') || has('entries', 'relations'),
          chunks: has('entries', 'chunks'),
        },
      });
      return { entries };
    },
  });
}

function addEntryTypes({ builder, indexedStore }: SchemaParts, { document, chunk, entity, relation }: ContentTypes) {
  const operation = builder.enumType('OutboxOperation', {
    description: 'What is to be done to a store.',
    inaccessible,
    values: {
      UPSERT: { description: 'Make it what the document is.' },
      DELETE: { description: 'Remove the document from it.' },
    } as const,
  });
  return builder.objectRef<OutboxEntryRow>('OutboxEntry').implement({
    description: "One store's work on one document, or on one remembered fact. Its content is that of its revision.",
    inaccessible,
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: "The entry's id: one for each document and store." }),
      tenantId: t.exposeID('tenantId', { nullable: false, description: 'The tenant to deliver as.' }),
      documentId: t.exposeID('documentId', { nullable: false, description: "The document's id, or the fact's." }),
      revision: t.exposeInt('revision', {
        nullable: false,
        description: 'Names the state that is delivered; settle with it. Only equality means anything.',
      }),
      store: t.field({
        type: indexedStore,
        nullable: false,
        description: 'The store to deliver to.',
        resolve: (row) => row.store,
      }),
      operation: t.field({
        type: operation,
        nullable: false,
        description: 'What is to be done.',
        resolve: (row) => row.operation,
      }),
      attempts: t.exposeInt('attempts', {
        nullable: false,
        description: 'Deliveries tried since the document last changed, this one included.',
      }),
      objectKey: t.exposeString('objectKey', { description: 'Where the bytes are kept, also for a deletion.' }),
      document: t.field({
        type: document,
        description:
          'The document, or the fact as one: its key is the title, its value the one passage. Null for a deletion.',
        resolve: (row) => row.content,
      }),
      chunks: t.field({
        type: [chunk],
        nullable: { list: false, items: false },
        description: 'Its passages; read only when selected.',
        resolve: (row) => row.content?.chunks ?? [],
      }),
      entities: t.field({
        type: [entity],
        nullable: { list: false, items: false },
        description: 'The entities that it is about.',
        resolve: (row) => row.content?.entities ?? [],
      }),
      relations: t.field({
        type: [relation],
        nullable: { list: false, items: false },
        description: 'The relations that it tells of.',
        resolve: (row) => row.content?.relations ?? [],
      }),
    }),
  });
}

function addSettling(parts: SchemaParts): void {
  const { builder, driver } = parts;
  const settlement = builder.inputRef<OutboxSettlement>('OutboxSettlementInput').implement({
    description: 'A delivery that succeeded.',
    inaccessible,
    fields: (t) => ({
      id: t.id({ required: true, description: "The entry's id." }),
      revision: t.int({ required: true, description: 'The revision that was delivered.' }),
    }),
  });
  addMutation<{ entries: OutboxSettlement[] }, { completed: number }>(parts, 'completeOutbox', {
    takes: 'system',
    description: 'Records deliveries. An entry with a newer revision stays to be delivered.',
    input: 'What was delivered.',
    inputFields: (t) => ({
      entries: t.field({ type: [settlement], required: true, description: `At most ${RELATIONAL.outboxEntries}.` }),
    }),
    payload: 'What completing did.',
    payloadFields: (t) => ({
      completed: t.exposeInt('completed', { nullable: false, description: 'Entries that are done now.' }),
    }),
    run: async ({ entries }, context) => ({ completed: await driver().completeOutbox(context, checkEntries(entries)) }),
  });

  const failure = builder.inputRef<OutboxFailure>('OutboxFailureInput').implement({
    description: 'A delivery that failed.',
    inaccessible,
    fields: (t) => ({
      id: t.id({ required: true, description: "The entry's id." }),
      revision: t.int({ required: true, description: 'The revision that was tried.' }),
      error: t.string({
        required: true,
        description: `Why, for people and without secrets; cut to ${RELATIONAL.errorCharacters} characters.`,
      }),
      disabled: t.boolean({
        required: true,
        defaultValue: false,
        description: 'Whether the store is switched off, which is no fault.',
      }),
      retryInSeconds: t.float({ required: true, description: 'When it is due again: 0 to 86,400.' }),
    }),
  });
  addMutation<{ entries: OutboxFailure[] }, { failed: number }>(parts, 'failOutbox', {
    takes: 'system',
    description: 'Records deliveries that failed. They are due again later; nothing is given up.',
    input: 'What failed.',
    inputFields: (t) => ({
      entries: t.field({ type: [failure], required: true, description: `At most ${RELATIONAL.outboxEntries}.` }),
    }),
    payload: 'What failing did.',
    payloadFields: (t) => ({
      failed: t.exposeInt('failed', {
        nullable: false,
        description: 'Entries that were recorded as failed or disabled.',
      }),
    }),
    run: async ({ entries }, context) => {
      const checked = checkEntries(entries).map((entry) => {
        if (!(entry.retryInSeconds >= 0 && entry.retryInSeconds <= RELATIONAL.retrySeconds)) {
          throw badUserInput(`\`retryInSeconds\` is 0 to 86,400; got ${entry.retryInSeconds}.`);
        }
        return { ...entry, error: cleaned(entry.error) };
      });
      return { failed: await driver().failOutbox(context, checked) };
    },
  });
}

function checkEntries<E extends OutboxSettlement>(entries: E[]): E[] {
  if (entries.length > RELATIONAL.outboxEntries)
    throw badUserInput(`\`entries\` has ${entries.length} items; at most ${RELATIONAL.outboxEntries} are accepted.`);
  if (new Set(entries.map(({ id }) => id)).size < entries.length) throw badUserInput('`entries` names an entry twice.');
  return entries;
}

/**
 * An error's text may hold anything; what PostgreSQL cannot hold is replaced, for a failure must not fail to be
 * recorded.
 */
const cleaned = (error: string): string =>
  [...error.slice(0, RELATIONAL.errorCharacters)].join('').replace(/\0|\p{Cs}/gu, '\uFFFD');

function addStatus({ builder, driver }: SchemaParts): void {
  const status = builder.objectRef<OutboxStatus>('OutboxStatus').implement({
    description: 'How much is to be delivered, over all tenants.',
    inaccessible,
    fields: (t) => ({
      pending: t.exposeInt('pending', { nullable: false, description: 'Entries not delivered yet.' }),
      failed: t.exposeInt('failed', { nullable: false, description: 'Entries whose last delivery failed.' }),
      disabled: t.exposeInt('disabled', { nullable: false, description: 'Entries for stores that are switched off.' }),
      done: t.exposeInt('done', { nullable: false, description: 'Entries that are delivered.' }),
      oldestPendingSeconds: t.exposeFloat('oldestPendingSeconds', {
        description: 'Age of the oldest change that is pending or failed, in seconds; null when there is none.',
      }),
    }),
  });
  builder.queryField('outboxStatus', (t) =>
    t.field({
      type: status,
      inaccessible,
      description: 'How much is to be delivered.',
      resolve: (_, __, context) => {
        requireSystem(context);
        return driver().outboxStatus(context);
      },
    }),
  );
}
