/** `Subscription.runEvents` and `Subscription.tenantEvents`. */
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { RunEvent } from '../driver.ts';
import { checkAgentId, parseCursor } from '../input.ts';
import type { EventTypes } from './events.ts';
import type { RunsSchemaDeps } from './deps.ts';
import { parsePosition } from '../streams/tenant-position.ts';
import type { TenantEvent } from '../streams/tenant-reader.ts';

export function addSubscriptions({ builder }: SubgraphSchema, deps: RunsSchemaDeps, events: EventTypes): void {
  builder.subscriptionField('runEvents', (t) =>
    t.field({
      type: events.RunEvent,
      description:
        "Follows a run's log: everything behind the cursor, then each event as it is appended, without a gap or a duplicate, to the terminal " +
        'event, then completes. A finished run replays and completes. After a disconnect, pass the last `sequence` seen as `after`, on any server.',
      args: {
        runId: t.arg.id({ required: true, description: 'The run to follow.' }),
        after: t.arg.string({
          description: 'The `sequence` of the last event seen, in decimal; from the start when absent.',
        }),
        types: t.arg({
          type: [events.RunEventType],
          description: 'Only events of these types, and the terminal one in any case; all when absent.',
        }),
      },
      subscribe: (_root, { runId, after, types }, context): Promise<AsyncIterable<RunEvent>> =>
        deps.hub.follow(context, runId, { after: parseCursor(after), types }),
      resolve: (event) => event,
    }),
  );

  const TenantEventType = builder.objectRef<TenantEvent>('TenantEvent').implement({
    description: 'An event of some run, and its place among the events of all runs.',
    fields: (t) => ({
      cursor: t.exposeString('cursor', {
        nullable: false,
        description: 'Pass it as `after` to continue behind this event.',
      }),
      event: t.field({
        type: events.RunEvent,
        nullable: false,
        description: 'The event itself.',
        resolve: ({ event }) => event,
      }),
    }),
  });
  builder.subscriptionField('tenantEvents', (t) =>
    t.field({
      type: TenantEventType,
      description:
        'Follows the events of all runs, for dashboards: everything behind the cursor that is kept, then each event as it is appended, without a gap ' +
        'or a duplicate; it never completes. The events of one run come in their order. An event comes once every transaction that began before its own ' +
        'has ended, so it may come a little later than through `runEvents`. After a disconnect, pass the last `cursor` seen as `after`, on any server.',
      args: {
        after: t.arg.string({
          description:
            'The `cursor` of the last event seen, or `now` for what comes (and perhaps what came a moment ago); all events that are kept when absent.',
        }),
        types: t.arg({ type: [events.RunEventType], description: 'Only events of these types; all when absent.' }),
        agentId: t.arg.id({ description: "Only events of this agent's runs; all runs when absent." }),
      },
      subscribe: (_root, { after, types, agentId }, context): Promise<AsyncIterable<TenantEvent>> => {
        const from = after === 'now' ? after : parsePosition(after);
        return deps.hub.followTenant(context, from, { types, agentId: checkAgentId(agentId) });
      },
      resolve: (event) => event,
    }),
  );
}
