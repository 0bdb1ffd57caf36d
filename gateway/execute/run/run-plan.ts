/** Runs a plan: fetches from subgraphs in the plan's order, and gathers their answers in one tree of data. */
import type { ExecutionResult } from 'graphql';
import { isStretchOver, nextTurn } from '#subgraphs/shared/turns.ts';
import { EXECUTE } from '#gateway/bounds/execute.ts';
import { groupByContext } from './contexts.ts';
import type { ExecutableFetch, ExecutableNode } from './executable-plan.ts';
import { ErrorReporter } from './error-reporter.ts';
import { cancelled } from './fetch-errors.ts';
import { emptyObject, isObject, type JsonObject } from '../json-object.ts';
import { mergeInto } from './merge.ts';
import { objectsAt } from './positions.ts';
import { batchesOf, inCommonOrder, type Representations } from './representations.ts';
import { groupByShown } from './shown-fields.ts';
import type { FetchTrace } from './trace.ts';
import type { PlanRun } from './plan-run.ts';
import { notGraphQL, send } from './send.ts';

/**
 * Runs a node to its end, but for what it defers. Never rejects for what a subgraph does: that is in `run.errors`.
 * @throws CodedError `QUERY_TOO_COSTLY` when the budget is spent
 */
export function runNode(node: ExecutableNode, run: PlanRun): Promise<void> {
  switch (node.kind) {
    case 'fetch':
      return runFetchNode(node, run);
    case 'sequence':
      return runInOrder(node.nodes, run);
    case 'parallel':
      return runTogether(node.nodes, run);
    case 'condition': {
      const chosen = run.variables[node.variable] === true ? node.then : node.otherwise;
      return chosen === undefined ? Promise.resolve() : runNode(chosen, run);
    }
    case 'defer': {
      const deferral = run.deferral!;
      for (const { label, depends, node: below } of node.parts) {
        deferral.begin(label, depends, () => (below === undefined ? Promise.resolve() : runNode(below, run)));
      }
      return node.primary === undefined ? Promise.resolve() : runNode(node.primary, run);
    }
  }
}

async function runInOrder(nodes: readonly ExecutableNode[], run: PlanRun): Promise<void> {
  for (const node of nodes) await runNode(node, run);
}

async function runTogether(nodes: readonly ExecutableNode[], run: PlanRun): Promise<void> {
  await Promise.all(nodes.map((node) => runNode(node, run)));
}

function runFetchNode(fetch: ExecutableFetch, run: PlanRun): Promise<void> {
  let ran: Promise<void>;
  if (run.only !== undefined && !run.only.has(fetch)) ran = Promise.resolve();
  else if (run.trace === undefined) ran = runFetch(fetch, run, undefined);
  else ran = run.trace.record(fetch, (trace) => runFetch(fetch, run, trace));
  const { id } = fetch;
  const { deferral } = run;
  return id === undefined || deferral === undefined ? ran : ran.then(() => deferral.fetched(id));
}

async function runFetch(fetch: ExecutableFetch, run: PlanRun, trace: FetchTrace | undefined): Promise<void> {
  const objects = objectsAt(run.data, fetch.path, run.types, run.meeting, run.context.budget);
  if (objects.length === 0) {
    if (trace !== undefined) trace.ran = false;
    return;
  }
  const before = run.errors.list.length;
  if (trace !== undefined && fetch.representations !== undefined) trace.objects = objects.length;
  if (fetch.representations === undefined) {
    await fetchFields(fetch, run, objects, pickVariables(fetch, run.variables), trace);
  } else if (run.shown === undefined) {
    await fetchObjects(fetch, run, objects, trace);
  } else {
    const groups = groupByShown(fetch, objects, run.shown, run.types);
    if (groups.length === 0 && trace !== undefined) trace.ran = false;
    await Promise.all(groups.map((group) => fetchObjects(group.fetch, run, group.objects, trace)));
  }
  if (trace !== undefined && run.errors.list.length > before) trace.errors = run.errors.list.length - before;
}

async function fetchObjects(
  fetch: ExecutableFetch,
  run: PlanRun,
  objects: readonly JsonObject[],
  trace: FetchTrace | undefined,
): Promise<void> {
  const variables = pickVariables(fetch, run.variables);
  if (fetch.contexts === undefined) {
    await fetchRepresentations(fetch, run, objects, variables, trace);
    return;
  }
  const chosen = new Set(objects);
  const groups = groupByContext(fetch.contexts, run.data, fetch.path, run.types, run.context.budget);
  await Promise.all(
    groups.map((group) => {
      const those = group.objects.filter((object) => chosen.has(object));
      return fetchRepresentations(fetch, run, those, { ...variables, ...group.variables }, trace);
    }),
  );
}

async function fetchRepresentations(
  fetch: ExecutableFetch,
  run: PlanRun,
  objects: readonly JsonObject[],
  variables: Record<string, unknown>,
  trace: FetchTrace | undefined,
): Promise<void> {
  const found = fetch.representations!();
  for (let from = 0; from < objects.length; from += EXECUTE.objectsPerLook) {
    found.add(objects, from, Math.min(from + EXECUTE.objectsPerLook, objects.length));
    if (from + EXECUTE.objectsPerLook < objects.length && isStretchOver()) await turn(run);
  }
  if (found.lacking.length > 0 && !run.losses.isEmpty) new ErrorReporter(fetch, run).reportLacking(found.lacking);
  // Sorting many costs more than an equal question that is asked twice.
  const isShareable = fetch.shareable && found.values.length <= EXECUTE.sorted;
  const representations = isShareable ? inCommonOrder(found) : found;
  const count = representations.values.length;
  if (found.objects.length > count && !fetch.shape.isFlat) run.meeting = true;
  if (trace !== undefined) {
    trace.representations = (trace.representations ?? 0) + count;
    trace.ran = trace.representations > 0;
  }
  if (count > run.entityBatchSize) {
    const fetching: Promise<void>[] = [];
    for (const batch of batchesOf(representations, run.entityBatchSize)) {
      const fetched = fetchEntities(fetch, run, batch, variables, trace);
      fetched.catch(() => undefined); // Told below, unless the operation ends before.
      fetching.push(fetched);
      if (isStretchOver()) await turn(run);
    }
    await Promise.all(fetching);
  } else if (count > 0) {
    await fetchEntities(fetch, run, representations, variables, trace);
  }
}

/** The variables that a fetch uses; one the client left out stays out. */
export function pickVariables(
  fetch: ExecutableFetch,
  variables: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const picked = emptyObject();
  for (const name of fetch.variables) if (variables[name] !== undefined) picked[name] = variables[name];
  return picked;
}

/** Root fields, of the operation or of an object that has the root's type. */
async function fetchFields(
  fetch: ExecutableFetch,
  run: PlanRun,
  objects: readonly JsonObject[],
  variables: Record<string, unknown>,
  trace: FetchTrace | undefined,
): Promise<void> {
  let result: ExecutionResult;
  try {
    result = await send(fetch, run, variables, trace);
  } catch (failure) {
    new ErrorReporter(fetch, run).reportFailure(failure, objects);
    return;
  }
  takeRootResult(fetch, run, objects, result);
}

/** Merges the answer of a fetch of root fields, or the event of a subscription. */
export function takeRootResult(
  fetch: ExecutableFetch,
  run: PlanRun,
  objects: readonly JsonObject[],
  result: ExecutionResult,
): void {
  const { data } = result;
  if (result.extensions?.hints !== undefined) new ErrorReporter(fetch, run).hintRoot(result.extensions.hints, objects);
  if (isObject(data)) for (const object of objects) mergeInto(object, data, fetch.shape, run.types);
  if (objects.length > 1) run.meeting = true;
  if (result.errors === undefined || result.errors.length === 0) {
    if (!isObject(data)) new ErrorReporter(fetch, run).reportFailure(notGraphQL(fetch.service), objects);
    // A null that nobody explains would look like data.
    else if (fetch.shape.fields.some(({ from }) => data[from] === undefined))
      new ErrorReporter(fetch, run).reportLeftOut(objects);
    return;
  }
  new ErrorReporter(fetch, run).reportRoot(result.errors, objects);
}

async function fetchEntities(
  fetch: ExecutableFetch,
  run: PlanRun,
  { values, objects, indices }: Representations,
  variables: Record<string, unknown>,
  trace: FetchTrace | undefined,
): Promise<void> {
  let result: ExecutionResult;
  try {
    result = await send(fetch, run, { ...variables, representations: values }, trace);
  } catch (failure) {
    new ErrorReporter(fetch, run).reportFailure(failure, objects);
    return;
  }
  if (result.extensions?.hints !== undefined)
    new ErrorReporter(fetch, run).hintEntities(result.extensions.hints, objects, indices);
  const entities: unknown = result.data?._entities;
  if (Array.isArray(entities) && entities.length === values.length) {
    for (let place = 0; place < objects.length; place++) {
      const entity: unknown = entities[indices[place]!];
      if (isObject(entity)) mergeInto(objects[place]!, entity, fetch.shape, run.types);
      if (place % EXECUTE.objectsPerLook === EXECUTE.objectsPerLook - 1 && isStretchOver()) await turn(run);
    }
  } else if (result.errors === undefined || result.errors.length === 0) {
    new ErrorReporter(fetch, run).reportFailure(notGraphQL(fetch.service), objects);
  }
  if (result.errors !== undefined && result.errors.length > 0)
    new ErrorReporter(fetch, run).reportEntities(result.errors, objects, indices);
}

/** Lets others work. @throws CodedError when the operation has ended meanwhile */
async function turn({ context }: PlanRun): Promise<void> {
  await nextTurn(context.principal.tenantId, context.began);
  if (context.budget?.failure !== undefined) throw context.budget.failure;
  if (context.signal?.aborted === true) throw cancelled(context.signal);
}
