/**
 * Per-request loaders. They batch and do not remember: the events of one subscription share a request, and a run
 * changes while it is followed.
 */
import { perRequest } from '#subgraphs/shared/context.ts';
import { requestLoader } from '#subgraphs/shared/request-loader.ts';
import type { Run, RunEvent, RunsDriver } from './driver.ts';
import type { RunEventType } from './events/event-types.ts';

export interface EventsKey {
  runId: string;
  after: number;
  backward: boolean;
  limit: number;
  types: readonly RunEventType[] | null;
}

/** Loaders over the driver that `driver` answers when a request first needs one. */
export const createLoaders = (driver: () => RunsDriver) =>
  perRequest((context) => ({
    run: requestLoader<string, Run | null>(
      context,
      async (ids) => {
        const found = new Map((await driver().runsById(context, [...new Set(ids)])).map((run) => [run.id, run]));
        return ids.map((id) => found.get(id) ?? null);
      },
      { cache: false },
    ),
    events: requestLoader<EventsKey, RunEvent[]>(
      context,
      async (keys) => {
        // One statement for each way in which the field is asked for.
        const groups = new Map<string, EventsKey[]>();
        for (const key of keys) {
          const way = JSON.stringify([key.after, key.backward, key.limit, key.types]);
          groups.set(way, [...(groups.get(way) ?? []), key]);
        }
        const answers = new Map<EventsKey, RunEvent[]>();
        for (const group of groups.values()) {
          const { after, backward, limit, types } = group[0]!;
          const runIds = [...new Set(group.map(({ runId }) => runId))];
          const events = await driver().events(
            context,
            runIds.map((runId) => ({ runId, after })),
            { limit, types, backward },
          );
          for (const key of group)
            answers.set(
              key,
              events.filter(({ runId }) => runId === key.runId),
            );
        }
        return keys.map((key) => answers.get(key) ?? []);
      },
      { cache: false },
    ),
  }));

export type Loaders = ReturnType<typeof createLoaders>;
