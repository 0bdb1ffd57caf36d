/**
 * Per-request loaders. They batch and do not remember: the events of one subscription share a request, and a run
 * changes while it is followed.
 */
import type DataLoader from 'dataloader';
import { perRequest } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { grouped } from '#subgraphs/shared/grouped.ts';
import { requestLoader } from '#subgraphs/shared/request-loader.ts';
import type { Run, RunEvent, RunsDriver, RunsQuery } from './driver.ts';
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
  perRequest((context) => {
    const byArguments = new Map<string, DataLoader<string, unknown>>();
    /** One loader for each set of arguments. */
    const perArguments = <Value>(
      name: string,
      given: unknown,
      load: (ids: readonly string[]) => Promise<Map<string, Value>>,
      absent: Value,
    ): DataLoader<string, Value> => {
      const key = `${name} ${writeJson(given)}`;
      let found = byArguments.get(key) as DataLoader<string, Value> | undefined;
      if (found === undefined) {
        found = requestLoader<string, Value>(
          context,
          async (ids) => {
            const values = await load([...new Set(ids)]);
            return ids.map((id) => values.get(id) ?? absent);
          },
          { cache: false },
        );
        byArguments.set(key, found as DataLoader<string, unknown>);
      }
      return found;
    };
    return {
      /** A page of each agent's runs. */
      runsOfAgent: (query: RunsQuery) =>
        perArguments(
          'runs',
          query,
          async (ids) => grouped(await driver().runsOfAgents(context, ids, query), ({ agentId }) => agentId!),
          [],
        ),
      runCountOfAgent: (where: Condition | undefined) =>
        perArguments('count', where ?? null, (ids) => driver().countRunsOfAgents(context, ids, where), 0),
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
    };
  });

export type Loaders = ReturnType<typeof createLoaders>;
