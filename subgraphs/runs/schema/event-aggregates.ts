/** `Query.runEventsAggregate`: events of all runs, counted and measured by group. */
import { addAggregateField } from '#subgraphs/shared/aggregates/types.ts';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { RUN_EVENT_KINDS, runEventCondition, type RunEventFilter } from '../driver.ts';
import type { RunsSchemaDeps } from './deps.ts';
import type { EventTypes } from './events.ts';

export function addEventAggregates(schema: SubgraphSchema, deps: RunsSchemaDeps, { RunEventType }: EventTypes): void {
  const { builder, shared } = schema;
  const types = { id: 'ID', int: 'Int', enum: RunEventType, text: 'String', moment: 'DateTime' };
  const filter = builder.inputRef<RunEventFilter>('RunEventFilter');
  filter.implement({
    description: 'Which events of runs. All conditions that are given must hold.',
    fields: (t) => ({
      runId: t.field({ type: shared.IdFilter, description: 'On the run.' }),
      agentId: t.field({ type: shared.IdFilter, description: 'On the agent that the run was started for.' }),
      sequence: t.field({ type: shared.IntFilter, description: "On the event's place in the run's log." }),
      type: t.field({
        type: shared.enumFilter('RunEventTypeFilter', "an event's type", RunEventType),
        description: 'On what the event says.',
      }),
      actor: t.field({ type: shared.StringFilter, description: 'On who appended it.' }),
      createdAt: t.field({ type: shared.DateTimeFilter, description: 'On when it was appended.' }),
      and: t.field({ type: [filter], description: 'All of these must match.' }),
      or: t.field({ type: [filter], description: 'At least one of these must match; an empty list matches nothing.' }),
      not: t.field({ type: filter, description: 'Must not match this.' }),
    }),
  });
  addAggregateField(
    schema,
    {
      name: 'RunEvent',
      items: 'events of runs',
      columns: Object.fromEntries(
        Object.entries(RUN_EVENT_KINDS).map(([field, kind]) => [field, { kind, type: types[kind] }]),
      ),
    },
    {
      name: 'runEventsAggregate',
      description:
        'How many events match, of all runs whose events are kept: by run, agent, type, who appended them or when. How many tools were called by day, say.',
      where: filter,
      conditionOf: (where) => runEventCondition(where as RunEventFilter | null | undefined),
      aggregate: (context, request) => deps.driver.aggregateEvents(context, request),
    },
  );
}
