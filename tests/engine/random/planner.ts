/** A planner in this thread: what the engine's planning process runs, without the time to start one. */
import type { QueryPlan } from '@apollo/query-planner';
import { preparePlanning } from '#gateway/plan/planning-supergraph.ts';
import { buildPlanner } from '#gateway/plan/process/build-planner.mjs';
import { SUPPORTED_FEATURES } from '#gateway/plan/supported-features.ts';
import type { Planner } from '#gateway/plan/planner.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';

export function plannerInThread(supergraphSdl: string): Planner {
  const prepared = preparePlanning(supergraphSdl);
  const planner = buildPlanner(prepared.sdl, SUPPORTED_FEATURES);
  return {
    apiSdl: prepared.apiSdl(planner.apiSdl()),
    plan: async ({ operation, overrides }) => {
      await Promise.resolve(); // As the real one, it never answers at once.
      try {
        return {
          plan: prepared.restore(JSON.parse(planner.plan(operation, overrides)) as QueryPlan, operation),
          bytes: 1,
        };
      } catch (cause) {
        throw new CodedError('INTERNAL_SERVER_ERROR', 'The operation could not be planned.', { cause });
      }
    },
    close: () => Promise.resolve(),
  };
}
