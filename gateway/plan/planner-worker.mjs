// @ts-check
/*
 * The worker thread that plans. Plain JavaScript, because a loader for TypeScript would cost each worker some 30 MB.
 *
 * In: `{ id, operation, overrides }`: the text of one valid operation, and the labels of overrides that hold. Out,
 * once: `{ ready: true, apiSdl }` or `{ failed: message }`; then for each operation `{ id, plan }` (JSON) or `{ id,
 * error: message }`.
 */
import { parentPort, workerData } from 'node:worker_threads';
import internals from '@apollo/federation-internals';
import queryPlanner from '@apollo/query-planner';
import { parse, printSchema } from 'graphql';

if (parentPort === null) throw new Error('planner-worker.mjs runs in a worker thread only.');
const port = parentPort;

/** @type {import('@apollo/query-planner').QueryPlanner} */
let planner;
/** @type {import('@apollo/federation-internals').Schema} */
let api;

try {
  const supergraph = internals.Supergraph.build(workerData.supergraphSdl, {
    supportedFeatures: new Set(workerData.supportedFeatures),
  });
  // Named fragments in fetches save bytes on the wire and cost planning time; the engine needs neither.
  planner = new queryPlanner.QueryPlanner(supergraph, {
    reuseQueryFragments: false,
    incrementalDelivery: { enableDefer: true },
  });
  api = supergraph.apiSchema();
  port.postMessage({
    ready: true,
    apiSdl: workerData.wantsApiSchema ? printSchema(api.toGraphQLJSSchema({ includeDefer: true })) : undefined,
  });
} catch (error) {
  port.postMessage({ failed: messageOf(error) });
}

port.on('message', ({ id, operation, overrides }) => {
  try {
    const overrideConditions = new Map(overrides.map((/** @type {string} */ label) => [label, true]));
    const plan = planner.buildQueryPlan(
      internals.operationFromDocument(api, parse(operation, { noLocation: true }), { validate: false }),
      { overrideConditions },
    );
    port.postMessage({ id, plan: JSON.stringify(plan) });
  } catch (error) {
    port.postMessage({ id, error: messageOf(error) });
  }
});

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
