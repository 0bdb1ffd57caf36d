/** `Subscription.runEvents`. */
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { RunEvent } from './driver.ts';
import { parseCursor } from './input.ts';
import type { EventTypes } from './schema-events.ts';
import type { RunsSchemaDeps } from './schema.ts';

export function addSubscriptions({ builder }: SubgraphSchema, deps: RunsSchemaDeps, events: EventTypes): void {
  builder.subscriptionField('runEvents', (t) =>
    t.field({
      type: events.RunEvent,
      description:
        'Follows a run’s log: everything behind the cursor, then each event as it is appended, without a gap or a duplicate, to the terminal ' +
        'event, then completes. A finished run replays and completes. After a disconnect, pass the last `sequence` seen as `after`, on any server.',
      args: {
        runId: t.arg.id({ required: true, description: 'The run to follow.' }),
        after: t.arg.string({ description: 'The `sequence` of the last event seen, in decimal; from the start when absent.' }),
        types: t.arg({ type: [events.RunEventType], description: 'Only events of these types, and the terminal one in any case; all when absent.' }),
      },
      subscribe: (_root, { runId, after, types }, context): Promise<AsyncIterable<RunEvent>> =>
        deps.hub.follow(context, runId, { after: parseCursor(after), types }),
      resolve: (event) => event,
    }),
  );
}
