// @ts-check
/*
 * The process that plans: whatever the planner does to its memory ends this process and no other. It has nothing of the
 * gateway's but the supergraph.
 *
 * In, once: `{ supergraphSdl, supportedFeatures, wantsApiSchema, warmUp }`, the last of which is an operation to try itself
 * on, `{ operation, overrides, limitMs }`, or undefined; out, once: `{ ready: true, apiSdl }` or `{ failed:
 * message }`. Then for each `{ id, operation, overrides, limitMs }`: `{ id, plan }` (JSON) or `{ id, error: message }`.
 */
import vm from 'node:vm';
import { buildPlanner } from './build-planner.mjs';

// Whoever started it ends it; a terminal's signals are for that process, which may still have requests to finish.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit());

/** @type {ReturnType<typeof buildPlanner> | undefined} */
let planner;

/** Runs `planning`; the clock stops what would go on after nobody is left to end this process. */
const clock = new vm.Script('globalThis.planning()');

process.on('message', (/** @type {any} */ message) => {
  if ('supergraphSdl' in message) return start(message);
  const { id } = message;
  try {
    send({ id, plan: plan(message) });
  } catch (error) {
    send({ id, error: messageOf(error) });
    // What was stopped half-way may have left the planner's own caches half-written.
    if (/** @type {any} */ (error)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') process.exit(1);
  }
});

/** @typedef {{ operation: string, overrides: string[], limitMs: number }} Request */

/** @param {Request} request */
function plan({ operation, overrides, limitMs }) {
  Object.assign(globalThis, { planning: () => planner?.plan(operation, overrides) });
  return clock.runInThisContext({ timeout: limitMs });
}

/** @param {{ supergraphSdl: string, supportedFeatures: string[], wantsApiSchema: boolean, warmUp?: Request }} options */
function start({ supergraphSdl, supportedFeatures, wantsApiSchema, warmUp }) {
  try {
    planner = buildPlanner(supergraphSdl, supportedFeatures);
    if (warmUp !== undefined) plan(warmUp);
    send({ ready: true, apiSdl: wantsApiSchema ? planner.apiSdl() : undefined });
  } catch (error) {
    send({ failed: messageOf(error) });
  }
}

/** @param {unknown} message */
function send(message) {
  process.send?.(message);
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
