// @ts-check
/* The published planner as the engine uses it. Plain JavaScript: a loader for TypeScript would cost each process some 30 MB. */
import internals from '@apollo/federation-internals';
import queryPlanner from '@apollo/query-planner';
import { parse, printSchema } from 'graphql';
import { guardAgainstCycles } from './acyclic-groups.mjs';
import { leaveOutImpossibleFragments } from './possible-fragments.mjs';

/**
 * @param {string} supergraphSdl as `preparePlanning` writes it
 * @param {readonly string[]} supportedFeatures
 * @throws when the supergraph cannot be planned on
 */
export function buildPlanner(supergraphSdl, supportedFeatures) {
  guardAgainstCycles();
  leaveOutImpossibleFragments();
  const supergraph = internals.Supergraph.build(supergraphSdl, { supportedFeatures: new Set(supportedFeatures) });
  // Named fragments in fetches save bytes on the wire and cost planning time; the engine needs neither.
  const planner = new queryPlanner.QueryPlanner(supergraph, {
    reuseQueryFragments: false,
    incrementalDelivery: { enableDefer: true },
  });
  const api = supergraph.apiSchema();
  return {
    /** The API schema with `@defer`. */
    apiSdl: () => printSchema(api.toGraphQLJSSchema({ includeDefer: true })),

    /**
     * @param {string} operation the text of one valid operation
     * @param {readonly string[]} overrides labels that hold
     * @returns the plan as JSON
     * @throws what the planner does
     */
    plan(operation, overrides) {
      const overrideConditions = new Map(overrides.map((label) => [label, true]));
      return JSON.stringify(
        planner.buildQueryPlan(
          internals.operationFromDocument(api, parse(operation, { noLocation: true }), { validate: false }),
          { overrideConditions },
        ),
      );
    },
  };
}
