/** A shape's output as objects. See shape.ts; shape-text.ts is the same as text. */
import { emptyObject } from '#gateway/execute/json-object.ts';
import { RESPOND } from '#gateway/bounds/respond.ts';
import { doubleOf } from './leaves.ts';
import { PAUSED, Progress } from './pauses.ts';
import {
  isReadyList,
  LIST,
  OBJECT,
  planForType,
  planOf,
  reportDenial,
  reportIntrospection,
  reportHidden,
  reportLeaf,
  reportList,
  reportMissing,
  STRING,
  TYPENAME,
  INTROSPECTION,
  type Data,
  type DeferredPart,
  type DeferredPlan,
  type ObjectPlan,
  type ShapeRun,
  type ValuePlan,
} from './shape-plan.ts';

/**
 * Completes the object, or the rest of it.
 * @returns undefined when a field that must not be null is, with the error reported; or {@link PAUSED}
 */
export function completeFields(
  data: Data,
  plan: ObjectPlan,
  run: ShapeRun,
  from = 0,
  answer: Data = emptyObject(),
): Data | undefined | typeof PAUSED {
  const { fields } = plan;
  const { progress } = run;
  if (from === 0 && progress.count()) progress.charge();
  for (let index = from; index < fields.length; index++) {
    const field = fields[index]!;
    progress.bytes += field.label.length;
    const value = complete(data[field.from], field.value, field.to, run);
    if (value === undefined) return undefined;
    if (value === PAUSED) return pauseFields(data, plan, run, index, answer);
    answer[field.to] = value;
    if (progress.isDue && field.value.kind === INTROSPECTION) return pauseBehind(data, plan, run, index, answer);
  }
  if (plan.deferred !== undefined && run.deferred !== undefined) {
    const at = run.path.slice(0, run.depth);
    for (const part of plan.deferred) run.deferred.push(deferredPart(part, data, at));
  }
  return answer;
}

/** Completes items one by one, up to the first that cannot be shown, whose error is then reported. */
export function completeEach(values: readonly unknown[], plan: ValuePlan, run: ShapeRun): unknown[] {
  const items: unknown[] = [];
  for (let index = 0; index < values.length; index++) {
    const item = complete(values[index], plan, index, run);
    if (item === undefined) break;
    items.push(item);
    if (index % RESPOND.leaves === RESPOND.leaves - 1 && run.progress.count()) run.progress.charge();
  }
  return items;
}

function deferredPart(
  { label, applies, type }: DeferredPlan,
  data: Data,
  path: readonly (string | number)[],
): DeferredPart {
  return {
    label,
    path,
    shape: (errors, introspect, deferred) => {
      const plan = planForType(type, data.__typename);
      if (plan !== undefined && !applies(plan.typeName)) return undefined;
      const progress = new Progress(errors.budget, false);
      const run = { errors, introspect, deferred, path: [...path], depth: path.length, progress };
      if (plan === undefined || plan.denial !== undefined) {
        reportHidden(plan?.denial, run);
        return null;
      }
      const shaped = completeFields(data, plan, run) as Data | undefined;
      progress.spend();
      return shaped ?? null;
    },
  };
}

/**
 * Completes one value. Gives null only where null is allowed, and undefined for a violation of non-null, whose error is
 * reported; or {@link PAUSED}.
 */
function complete(value: unknown, plan: ValuePlan, key: string | number, run: ShapeRun): unknown {
  if (plan.kind >= TYPENAME) {
    if (plan.kind === TYPENAME) return plan.typeName;
    if (plan.kind === INTROSPECTION) {
      const { value: answer, text, failures } = run.introspect(plan.question!);
      run.progress.bytes += text.length;
      run.progress.charge();
      reportIntrospection(failures, key, run);
      return answer === null && plan.nonNull ? undefined : answer;
    }
    reportDenial(plan.denial!, key, run);
    return plan.nonNull ? undefined : null;
  }
  if (value === null || value === undefined) {
    if (!plan.nonNull) return null;
    reportMissing(plan, key, run);
    return undefined;
  }
  const completed = completePresent(value, plan, key, run);
  if (completed === PAUSED && !plan.nonNull) return pauseNullable(run);
  return completed === undefined && !plan.nonNull ? null : completed;
}

/** Completes a value that is there; gives undefined when it cannot be shown, with the error reported. */
function completePresent(value: unknown, plan: ValuePlan, key: string | number, run: ShapeRun): unknown {
  if (plan.kind === STRING && typeof value === 'string') {
    run.progress.bytes += value.length + 2;
    return value;
  }
  if (plan.kind === OBJECT) {
    const objectPlan = planOf(value, plan, key, run);
    if (objectPlan === undefined) return undefined;
    run.path[run.depth++] = key;
    const completed = completeFields(value as Data, objectPlan, run);
    run.depth -= 1;
    return completed;
  }
  if (plan.kind === LIST) {
    if (!Array.isArray(value)) {
      reportList(plan, key, run);
      return undefined;
    }
    if (isReadyList(value, plan)) {
      run.progress.bytes += lengthOf(value);
      return value as unknown[];
    }
    run.path[run.depth++] = key;
    const items = completeItems(value, plan.item!, run, 0, new Array<unknown>(value.length));
    run.depth -= 1;
    return items;
  }
  const check = plan.check!;
  if (check.accepts(value)) {
    run.progress.bytes += lengthOf(value);
    return check.convert === undefined ? value : check.convert(value);
  }
  const double = doubleOf(value, check);
  if (double === undefined) reportLeaf(plan, key, run);
  return double;
}

/** About the length of a leaf as JSON; JSON of a subgraph's own is looked into. */
function lengthOf(leaf: unknown): number {
  if (typeof leaf === 'string') return leaf.length + 2;
  if (typeof leaf !== 'object' || leaf === null) return 6;
  let length = 2;
  const open: object[] = [leaf];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    for (const [key, item] of Object.entries(value)) {
      length += Array.isArray(value) ? 1 : key.length + 4;
      if (typeof item === 'object' && item !== null) open.push(item as object);
      else length += typeof item === 'string' ? item.length + 2 : 6;
    }
  }
  return length;
}

/** Completes the items of a list from one on. */
function completeItems(
  value: readonly unknown[],
  plan: ValuePlan,
  run: ShapeRun,
  from: number,
  items: unknown[],
): unknown[] | undefined | typeof PAUSED {
  const { progress } = run;
  for (let index = from; index < value.length; index++) {
    if (progress.isDue) return pauseItems(value, plan, run, index, items, false);
    const item = complete(value[index], plan, index, run);
    if (item === undefined) return undefined;
    if (item === PAUSED) return pauseItems(value, plan, run, index, items, true);
    items[index] = item;
    if (index % RESPOND.leaves === RESPOND.leaves - 1 && progress.count()) progress.charge();
  }
  return items;
}

// How what has paused goes on. In functions of their own: what a closure holds is slower to reach for the loops.

function pauseFields(data: Data, plan: ObjectPlan, run: ShapeRun, index: number, answer: Data): typeof PAUSED {
  const { depth } = run;
  run.progress.steps.push((value) => {
    if (value === undefined) return undefined;
    answer[plan.fields[index]!.to] = value;
    run.depth = depth;
    return completeFields(data, plan, run, index + 1, answer);
  });
  return PAUSED;
}

function pauseBehind(data: Data, plan: ObjectPlan, run: ShapeRun, index: number, answer: Data): typeof PAUSED {
  const { depth } = run;
  run.progress.steps.push(() => {
    run.depth = depth;
    return completeFields(data, plan, run, index + 1, answer);
  });
  return PAUSED;
}

/** @param within whether the item at `index` is what paused, rather than the list before it */
function pauseItems(
  value: readonly unknown[],
  plan: ValuePlan,
  run: ShapeRun,
  index: number,
  items: unknown[],
  within: boolean,
): typeof PAUSED {
  const { depth } = run;
  run.progress.steps.push((item) => {
    run.depth = depth;
    if (!within) return completeItems(value, plan, run, index, items);
    if (item === undefined) return undefined;
    items[index] = item;
    return completeItems(value, plan, run, index + 1, items);
  });
  return PAUSED;
}

function pauseNullable(run: ShapeRun): typeof PAUSED {
  run.progress.steps.push((completed) => (completed === undefined ? null : completed));
  return PAUSED;
}
