/** A planner in this thread: the same library as the engine's worker, without the time to start one. */
import { operationFromDocument, Supergraph } from '@apollo/federation-internals';
import { QueryPlanner, type QueryPlan } from '@apollo/query-planner';
import { parse, printSchema } from 'graphql';
import { preparePlanning } from '#gateway/plan/planning-supergraph.ts';
import { SUPPORTED_FEATURES } from '#gateway/plan/supported-features.ts';
import type { Planner } from '#gateway/plan/planner.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';

export function plannerInThread(supergraphSdl: string): Planner {
  const prepared = preparePlanning(supergraphSdl);
  const supergraph = Supergraph.build(prepared.sdl, { supportedFeatures: new Set(SUPPORTED_FEATURES) });
  const planner = new QueryPlanner(supergraph, {
    reuseQueryFragments: false,
    incrementalDelivery: { enableDefer: true },
  });
  const api = supergraph.apiSchema();
  return {
    apiSdl: prepared.apiSdl(printSchema(api.toGraphQLJSSchema({ includeDefer: true }))),
    plan: async ({ operation, overrides }) => {
      await Promise.resolve(); // As the real one, it never answers at once.
      try {
        const overrideConditions = new Map(overrides.map((label) => [label, true]));
        const plan = planner.buildQueryPlan(operationFromDocument(api, parse(operation), { validate: false }), {
          overrideConditions,
        });
        return { plan: prepared.restore(JSON.parse(JSON.stringify(plan)) as QueryPlan), bytes: 1 };
      } catch (cause) {
        throw new CodedError('INTERNAL_SERVER_ERROR', 'The operation could not be planned.', { cause });
      }
    },
    close: () => Promise.resolve(),
  };
}
