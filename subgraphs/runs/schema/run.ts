/** The entity `Run`. */
import type { EnumRef, ImplementableObjectRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { SubgraphTypes } from '#subgraphs/shared/builder-types.ts';
import {
  connectionType,
  pageArguments,
  pageOf,
  pageRequest,
  type PageArguments,
} from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { RUN_STATUSES, type Run, type RunEvent, type RunStatus } from '../driver.ts';
import { parseCursor } from '../input.ts';
import { referenceTo, type RunReference } from './run-reference.ts';
import { answerOf, type AnswerRefs } from './answer.ts';
import type { AgentRef } from './agent.ts';
import type { EventTypes } from './events.ts';
import type { Loaders } from '../loaders.ts';
import { checkCursor, checkCursorBefore } from '../streams/stream-hub.ts';

const STATUS_DESCRIPTIONS: Record<RunStatus, string> = {
  QUEUED: 'Started, and its log is empty; a worker may have claimed it.',
  RUNNING: 'At work.',
  WAITING: 'Waiting for something outside it; the next append takes it up again.',
  SUCCEEDED: 'Ended without failing.',
  FAILED: 'Ended with an error.',
  CANCELLED: 'Ended by `cancelRun`.',
};

export function addRunType(
  schema: SubgraphSchema,
  ref: ImplementableObjectRef<PothosSchemaTypes.ExtendDefaultTypes<SubgraphTypes>, RunReference>,
  events: EventTypes & Pick<AnswerRefs, 'Answer'>,
  loaders: Loaders,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
): { RunStatus: EnumRef<any, RunStatus>; Agent: AgentRef } {
  const { builder } = schema;
  const RunStatus = builder.enumType('RunStatus', {
    description:
      'Where a run stands: QUEUED, then RUNNING and WAITING in turn, then one of SUCCEEDED, FAILED and CANCELLED for good.',
    values: Object.fromEntries(
      RUN_STATUSES.map((status) => [status, { value: status, description: STATUS_DESCRIPTIONS[status] }]),
    ),
  }) as unknown as EnumRef<any, RunStatus>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  const RunError = builder.objectRef<NonNullable<Run['error']>>('RunError').implement({
    description: 'How a run failed.',
    fields: (t) => ({
      message: t.exposeString('message', { nullable: false, description: 'What went wrong, for a person.' }),
      code: t.exposeString('code', { description: 'What went wrong, for a program; null where nobody said.' }),
    }),
  });
  const Agent = builder.objectRef<{ id: string }>('Agent').implement({
    fields: (t) => ({ id: t.exposeID('id', { nullable: false, description: 'The id.' }) }),
  });
  builder.asEntity(Agent, {
    key: builder.selection<{ id: string }>('id'),
    resolveReference: ({ id }) => ({ id }),
  });
  const StoredObject = builder.objectRef<{ key: string }>('StoredObject');
  builder.asEntity(StoredObject, {
    key: builder.keyDirective(builder.selection<{ key: string }>('key'), false),
    resolveReference: ({ key }) => ({ key }),
  });
  // Its owner describes the key.
  StoredObject.implement({ fields: (t) => ({ key: t.exposeString('key', { nullable: false }) }) });
  const RunEventConnection = connectionType<RunEvent>(schema, 'RunEvent', {
    node: events.RunEvent,
    items: 'events of a run',
    totalCount:
      'How many events of the run are kept, in all pages together; null where `types` says which, for those are not counted.',
  });

  const rowOf = async (reference: RunReference, context: RequestContext): Promise<Run | null> =>
    reference.run ?? (await loaders(context).run.load(reference.id));
  /** Resolves a field that is a column of the run's row. */
  const column =
    <Key extends keyof Run>(key: Key) =>
    async (reference: RunReference, _arguments: unknown, context: RequestContext): Promise<Run[Key] | null> =>
      (await rowOf(reference, context))?.[key] ?? null;

  ref.implement({
    description:
      'One execution of an agent: a durable log of events that can be read as a list, followed as a stream, and resumed anywhere.',
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: 'The id.' }),
      agent: t.field({
        type: Agent,
        directives: { leads: { by: 'agentId' } },
        description: 'The agent that the run was started for; null where it was started for none.',
        resolve: async (run, _arguments, context) => {
          const id = (await rowOf(run, context))?.agentId;
          return id ? { id } : null;
        },
      }),
      threadId: t.id({
        description: "The conversation that the run belongs to; the run's own id where none was given.",
        resolve: column('threadId'),
      }),
      status: t.field({
        type: RunStatus,
        description: 'Where the run stands now.',
        resolve: column('status'),
      }),
      input: t.field({ type: 'JSON', description: 'What the run was started with.', resolve: column('input') }),
      output: t.field({
        type: 'JSON',
        description: 'What the run produced; null until it ends.',
        resolve: column('output'),
      }),
      answer: t.field({
        type: events.Answer,
        description: 'What `ask` has found; null before that, where it failed, and for what it did not start.',
        resolve: async (run, _arguments, context) => {
          const row = await rowOf(run, context);
          return row?.asks === true && row.status === 'SUCCEEDED' ? answerOf(row.output) : null;
        },
      }),
      error: t.field({ type: RunError, description: 'How the run failed, where it did.', resolve: column('error') }),
      state: t.field({
        type: 'JSON',
        description:
          "The run's state: the last STATE_SNAPSHOT with every STATE_DELTA since applied; null before the first of either.",
        resolve: column('state'),
      }),
      lastSequence: t.int({
        description:
          "The sequence of the last event; 0 while there is none. As text it is the cursor at the log's end.",
        resolve: column('lastSequence'),
      }),
      priority: t.int({ description: 'Runs of a greater priority are claimed first.', resolve: column('priority') }),
      scheduledAt: t.field({
        type: 'DateTime',
        description: 'Workers do not claim the run before this moment; null for at once.',
        resolve: column('scheduledAt'),
      }),
      attempts: t.int({
        description: 'How often workers have claimed the run since one handed it back in order.',
        resolve: column('attempts'),
      }),
      maxAttempts: t.int({
        description: 'The run fails instead of being claimed more often than this.',
        resolve: column('maxAttempts'),
      }),
      claimedBy: t.string({
        description: 'Who claimed the run last; null where no worker has.',
        resolve: column('claimedBy'),
      }),
      leaseExpiresAt: t.field({
        type: 'DateTime',
        description:
          "When the present worker's lease ends, or ended where nobody has claimed the run since; null where no worker holds it.",
        resolve: column('leaseExpiresAt'),
      }),
      webhook: t.string({
        description: 'The URL that the run is dispatched to; null where workers claim it.',
        resolve: column('webhook'),
      }),
      workflowId: t.string({
        description: 'The Temporal workflow that owns the run; null where none does.',
        resolve: column('workflowId'),
      }),
      dispatchError: t.string({
        description:
          'Why the last dispatch to the webhook or to Temporal failed; null where it was accepted, or none has been made.',
        resolve: column('dispatchError'),
      }),
      archive: t.field({
        type: StoredObject,
        description:
          "Where the run's events are once retention has archived them, as JSON Lines: the run, then its events; further parts (`000002.jsonl` …) follow " +
          'under the same prefix until `lastSequence` is reached. Null while the events are here.',
        resolve: async (run, _arguments, context) => {
          const key = (await rowOf(run, context))?.archiveKey;
          return key ? { key } : null;
        },
      }),
      startedBy: t.string({ description: 'Who started the run.', resolve: column('actor') }),
      createdAt: t.field({ type: 'DateTime', description: 'When the run was queued.', resolve: column('createdAt') }),
      startedAt: t.field({
        type: 'DateTime',
        description: 'When the run left the queue: the moment of its first event.',
        resolve: column('startedAt'),
      }),
      finishedAt: t.field({
        type: 'DateTime',
        description: 'When the run ended: the moment of its last event.',
        resolve: column('finishedAt'),
      }),
      events: t.field({
        type: RunEventConnection,
        description:
          "The run's log from a cursor on, or its end (`last`). CURSOR_EXPIRED where retention has archived it (see `archive`). A cursor is an event's sequence in decimal, the same as for `runEvents`.",
        args: {
          ...pageArguments(t.arg as never),
          types: t.arg({ type: [events.RunEventType], description: 'Only events of these types; all when absent.' }),
        },
        resolve: async (reference, { types, ...args }, context) => {
          const page = pageRequest(args as PageArguments);
          const position = page.from ? parseCursor(page.from, page.backward ? 'before' : 'after') : undefined;
          const run = await rowOf(reference, context);
          if (!run) return null;
          const { backward, size } = page;
          const after = position ?? (backward ? run.lastSequence + 1 : 0);
          const head = {
            runId: run.id,
            lastSequence: run.lastSequence,
            firstAvailable: run.firstAvailable,
            finished: run.finishedAt !== null,
            archiveKey: run.archiveKey,
          };
          if (backward) checkCursorBefore(head, after);
          else checkCursor(head, after);
          const limit = size + 1;
          const rows = await loaders(context).events.load({
            runId: run.id,
            after,
            backward,
            limit,
            types: types ?? null,
          });
          return {
            ...pageOf(rows, page, (event) => ({ cursor: () => String(event.sequence), node: event })),
            // Sequences have no holes. Those of a type are found by going through all.
            totalCount: () => (types ? null : run.lastSequence - run.firstAvailable + 1),
          };
        },
      }),
    }),
  });
  builder.asEntity(ref, {
    key: builder.selection<{ id: string }>('id'),
    resolveReference: async ({ id }, context) => {
      const run = await loaders(context).run.load(id);
      return run ? referenceTo(run) : null;
    },
  });
  return { RunStatus, Agent };
}
