/** A shape's output as objects. See shape.ts; shape-text.ts is the same as text. */
import { emptyObject } from '#gateway/execute/json-object.ts';
import {
  isReadyList,
  LIST,
  OBJECT,
  planOf,
  reportLeaf,
  reportList,
  reportMissing,
  STRING,
  TYPENAME,
  INTROSPECTION,
  type Data,
  type DeferredPart,
  type ObjectPlan,
  type ShapeRun,
  type ValuePlan,
} from './shape-plan.ts';

/** @returns undefined when a field that must not be null is, with the error reported */
export function completeFields(data: Data, plan: ObjectPlan, run: ShapeRun): Data | undefined {
  const answer: Data = emptyObject();
  const { fields } = plan;
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index]!;
    const value = complete(data[field.from], field.value, field.to, run);
    if (value === undefined) return undefined;
    answer[field.to] = value;
  }
  if (plan.deferred !== undefined && run.deferred !== undefined) {
    const at = run.path.slice(0, run.depth);
    for (const [label, below] of plan.deferred) run.deferred.push(deferredPart(label, below, data, at));
  }
  return answer;
}

function deferredPart(label: string, plan: ObjectPlan, data: Data, path: readonly (string | number)[]): DeferredPart {
  return {
    label,
    path,
    shape: (errors, introspection, deferred) =>
      completeFields(data, plan, { errors, introspection, deferred, path: [...path], depth: path.length }),
  };
}

/**
 * Completes one value. Gives null only where null is allowed, and undefined for a violation of non-null, whose error is
 * reported.
 */
function complete(value: unknown, plan: ValuePlan, key: string | number, run: ShapeRun): unknown {
  if (plan.kind === TYPENAME) return plan.typeName;
  if (plan.kind === INTROSPECTION) return run.introspection?.[key] ?? null;
  if (value === null || value === undefined) {
    if (!plan.nonNull) return null;
    reportMissing(plan, key, run);
    return undefined;
  }
  const completed = completePresent(value, plan, key, run);
  return completed === undefined && !plan.nonNull ? null : completed;
}

/** Completes a value that is there; gives undefined when it cannot be shown, with the error reported. */
function completePresent(value: unknown, plan: ValuePlan, key: string | number, run: ShapeRun): unknown {
  if (plan.kind === STRING && typeof value === 'string') return value;
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
    if (isReadyList(value, plan)) return value as unknown[];
    run.path[run.depth++] = key;
    const items = completeItems(value, plan.item!, run);
    run.depth -= 1;
    return items;
  }
  const check = plan.check!;
  if (check.accepts(value)) return check.convert === undefined ? value : check.convert(value);
  reportLeaf(plan, key, run);
  return undefined;
}

function completeItems(value: readonly unknown[], plan: ValuePlan, run: ShapeRun): unknown[] | undefined {
  const items = new Array<unknown>(value.length);
  for (let index = 0; index < value.length; index++) {
    const item = complete(value[index], plan, index, run);
    if (item === undefined) return undefined;
    items[index] = item;
  }
  return items;
}
