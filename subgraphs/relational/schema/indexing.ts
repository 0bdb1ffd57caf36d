/** How far documents are indexed: told, followed, and waited for. */
import type { SubgraphBuilder } from '#subgraphs/shared/builder-types.ts';
import { requireSystem, type RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { checkId } from '#subgraphs/shared/ids.ts';
import { RELATIONAL } from '../bounds.ts';
import type { IndexedStore, IndexingRow } from '../driver.ts';
import type { Due } from '../indexing/streams.ts';
import type { InputFields, ObjectFields, Ref, SchemaParts } from './entity.ts';

export const indexingType = (builder: SubgraphBuilder, indexedStore: SchemaParts['indexedStore']): Ref<IndexingRow> => {
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
    description: 'How far one store has come in following a document, or a remembered fact.',
    fields: (t) => ({
      documentId: t.exposeID('documentId', { nullable: false, description: "The document's id, or the fact's." }),
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
  }) as Ref<IndexingRow>;
};

export function addIndexing({ builder, indexing }: SchemaParts): void {
  builder.subscriptionField('documentIndexing', (t) =>
    t.field({
      type: indexing.type,
      description:
        'Follows how far a document is indexed: where each store stands, then each as it changes, until every store has the document or is switched ' +
        'off, or the document is gone; then it completes. After a disconnect, subscribe again: it begins with where each store stands. What came between two ' +
        'events may be passed over, never the last. NOT_FOUND where there is no such document.',
      args: { id: t.arg.id({ required: true, description: "The document's id." }) },
      subscribe: (_root, { id }, context): Promise<AsyncIterable<IndexingRow>> =>
        indexing.hub().follow(context, checkId('Document', id)),
      resolve: (row: IndexingRow) => row,
    }),
  );
  builder.subscriptionField('outboxDue', (t) =>
    t.boolean({
      inaccessible: true,
      nullable: false,
      description: 'Tells that something is to be delivered: at once, and whenever something becomes so.',
      subscribe: (_root, _arguments, context): Promise<AsyncIterable<Due>> => {
        requireSystem(context);
        return indexing.hub().followDue(context);
      },
      resolve: () => true,
    }),
  );
}

/** What a mutation that writes documents may be told to wait for. */
export interface WaitInput {
  waitFor?: readonly IndexedStore[] | null;
  timeoutMs?: number | null;
}

const usualMs = RELATIONAL.waitMs;
const mostMs = RELATIONAL.waitMaxMs;

export const waitInputs = (t: InputFields, { indexedStore }: SchemaParts) => ({
  waitFor: t.field({
    type: [indexedStore],
    description:
      'Answer only when these stores have what was written, or the time is up; at once when absent. Whatever comes of that, what was written stays: ' +
      '`notIndexed` tells.',
  }),
  timeoutMs: t.int({
    description: `For how long to wait at most, in milliseconds: 0 to ${mostMs}; ${usualMs} when absent, or what the server is set to. Nothing without \`waitFor\`.`,
  }),
});

/** How a wait went: what is missing, or why that is not known. Null where nothing was waited for. */
export type Waited = { readonly missing: readonly IndexingRow[] } | { readonly failure: unknown } | null;

export const waitedFields = (t: ObjectFields<{ waited: Waited }>, { indexing }: SchemaParts) => ({
  notIndexed: t.field({
    type: [indexing.type],
    nullable: { list: true, items: false },
    description:
      'The stores of `waitFor` that do not have what was written, and how far they are: empty when all have it. They follow by themselves; ' +
      '`subscription documentIndexing` tells when. Null where nothing was waited for.',
    resolve: ({ waited }) => {
      if (waited === null) return null;
      if ('failure' in waited) throw waited.failure;
      return [...waited.missing];
    },
  }),
});

/**
 * Checks what is to be waited for, before anything is written.
 * @returns what waits, once it is; it never rejects but when the caller is gone: what was written is written
 * @throws CodedError `BAD_USER_INPUT`
 */
export function waiting(
  { indexing }: SchemaParts,
  context: RequestContext,
  { waitFor, timeoutMs }: WaitInput,
): (ids: readonly string[]) => Promise<Waited> {
  const { waitMs, waitMaxMs, requestMs } = indexing.waits();
  if (timeoutMs != null && (timeoutMs < 0 || timeoutMs > waitMaxMs))
    throw badUserInput(`\`timeoutMs\` is 0 to ${waitMaxMs}; got ${timeoutMs}.`, {
      hint: 'Follow `subscription documentIndexing` for what takes longer.',
    });
  return async (ids) => {
    if (!waitFor?.length) return null;
    const end = performance.now() + (timeoutMs ?? Math.min(waitMs, waitMaxMs));
    const until = Math.min(end, context.began + requestMs - RELATIONAL.waitMarginMs);
    try {
      return { missing: await indexing.hub().wait(context, { ids, stores: waitFor, until }) };
    } catch (failure) {
      if (context.signal?.aborted) throw failure;
      return { failure };
    }
  };
}
