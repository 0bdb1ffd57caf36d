/**
 * The GraphQL types of events, generated from the table of event types: an interface, and an object type for each type.
 */
import type { EnumRef, InterfaceRef, ObjectRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Run, RunEvent } from '../driver.ts';
import {
  EVENT_TYPES,
  graphqlTypeName,
  RUN_EVENT_TYPES,
  type EventField,
  type RunEventType,
} from '../events/event-types.ts';
import { referenceTo, type RunReference } from './run-reference.ts';
import type { RunsSchemaDeps } from './deps.ts';
import { runOfStreamed } from '../streams/streamed-runs.ts';

export interface EventTypes {
  readonly RunEvent: InterfaceRef<any, RunEvent>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  readonly RunEventType: EnumRef<any, RunEventType>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
}

/** @param run the `Run` type, for the events' way back to their run */
export function addEventTypes(
  { builder }: SubgraphSchema,
  run: ObjectRef<any, RunReference>, // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  deps: RunsSchemaDeps,
): EventTypes {
  const RunEventType = builder.enumType('RunEventType', {
    description: 'What an event says. Names follow AG-UI 1.0; `ARTIFACT_CREATED` is added.',
    values: Object.fromEntries(
      RUN_EVENT_TYPES.map((type) => [type, { value: type, description: EVENT_TYPES[type].description }]),
    ),
  }) as unknown as EventTypes['RunEventType'];

  const RunEvent = builder.interfaceRef<RunEvent>('RunEvent').implement({
    description:
      "One event of a run's log. The log only grows: an event never changes, moves or goes before its run does.",
    resolveType: ({ type }) => graphqlTypeName(type),
    fields: (t) => ({
      sequence: t.exposeInt('sequence', {
        nullable: false,
        description:
          "The event's place in the run's log: 1, 2, 3 … without a hole. As text it is the cursor behind this event.",
      }),
      cursor: t.string({
        nullable: false,
        description:
          'Pass it as `after` of `runEvents` or `Run.events` to continue behind this event: `sequence` as text.',
        resolve: ({ sequence }) => String(sequence),
      }),
      type: t.field({
        type: RunEventType,
        nullable: false,
        description: 'What the event says.',
        resolve: ({ type }) => type,
      }),
      createdAt: t.expose('createdAt', {
        type: 'DateTime',
        nullable: false,
        description: 'When it was appended; never before the event before it.',
      }),
      payload: t.expose('payload', {
        type: 'JSON',
        nullable: false,
        description: 'What belongs to the event, as AG-UI defines it for the type, further keys included.',
      }),
      actor: t.exposeString('actor', { nullable: false, description: 'Who appended it.' }),
      run: t.field({
        type: run,
        nullable: false,
        description: 'The run, as it stands now (not as it stood at this event).',
        resolve: async (event, _arguments, context) => {
          const shared = await runOfStreamed(event, () => readRun(deps, context, event.runId));
          return shared ? referenceTo(shared) : { id: event.runId };
        },
      }),
    }),
  });

  const Artifact = builder.objectRef<{ id: string }>('Artifact').implement({
    fields: (t) => ({ id: t.exposeID('id', { nullable: false, description: 'The id.' }) }),
  });
  builder.asEntity(Artifact, {
    key: builder.keyDirective(builder.selection<{ id: string }>('id'), false),
    resolveReference: (reference) => reference,
  });

  for (const type of RUN_EVENT_TYPES) {
    const { description, fields } = EVENT_TYPES[type];
    builder.objectRef<RunEvent>(graphqlTypeName(type)).implement({
      description,
      interfaces: [RunEvent],
      fields: (t) => ({
        ...Object.fromEntries(
          Object.entries<EventField>(fields).map(([name, field]) => [
            name,
            t.field({
              type: field.type as 'JSON',
              description: `${field.description} From the payload's \`${field.key ?? name}\`; null where it has none.`,
              resolve: ({ payload }) => (payload[field.key ?? name] ?? null) as JsonValue,
            }),
          ]),
        ),
        ...(type === 'ARTIFACT_CREATED'
          ? {
              artifact: t.field({
                type: Artifact,
                description: 'The artifact itself.',
                resolve: ({ payload }) => ({ id: payload['artifactId'] as string }),
              }),
            }
          : {}),
      }),
    });
  }
  return { RunEvent, RunEventType };
}

/** For all followers of a run: so not under the signal of the one who happens to ask first. */
async function readRun(
  { driver }: RunsSchemaDeps,
  { principal, statements }: RequestContext,
  id: string,
): Promise<Run | null> {
  return (await driver.runsById(createRequestContext(principal, { statements }), [id]))[0] ?? null;
}
