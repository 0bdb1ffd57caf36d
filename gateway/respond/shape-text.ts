/** A shape's output as JSON text, without objects between. See shape.ts; shape-objects.ts is the same as objects. */
import { jsonOf, quoted } from './json-text.ts';
import {
  INTROSPECTION,
  isReadyList,
  LIST,
  OBJECT,
  planOf,
  reportLeaf,
  reportList,
  reportMissing,
  STRING,
  TYPENAME,
  type Data,
  type ObjectPlan,
  type ShapeRun,
  type ValuePlan,
} from './shape-plan.ts';

/**
 * The text grows at its end; what must be taken back (a null that moves up) is taken back by keeping the text from
 * before.
 */
export interface TextRun extends ShapeRun {
  text: string;
}

/**
 * Writes the object. False when a field that must not be null is, with the error reported: what was written since is
 * void.
 */
export function writeFields(data: Data, plan: ObjectPlan, run: TextRun): boolean {
  const { fields } = plan;
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index]!;
    run.text += field.label;
    if (!write(data[field.from], field.value, field.to, run)) return false;
  }
  run.text += fields.length === 0 ? '{}' : '}';
  return true;
}

/** Writes one value; null where it cannot be shown and null is allowed, and otherwise gives false. */
function write(value: unknown, plan: ValuePlan, key: string | number, run: TextRun): boolean {
  if (plan.kind === TYPENAME) {
    run.text += quoted(plan.typeName!);
    return true;
  }
  if (plan.kind === INTROSPECTION) {
    run.text += jsonOf(run.introspection?.[key] ?? null);
    return true;
  }
  if (value === null || value === undefined) {
    if (plan.nonNull) {
      reportMissing(plan, key, run);
      return false;
    }
    run.text += 'null';
    return true;
  }
  const before = run.text;
  if (writePresent(value, plan, key, run)) return true;
  if (plan.nonNull) return false;
  run.text = `${before}null`;
  return true;
}

/** Writes a value that is there; false when it cannot be shown, with the error reported. */
function writePresent(value: unknown, plan: ValuePlan, key: string | number, run: TextRun): boolean {
  if (plan.kind === STRING && typeof value === 'string') {
    run.text += quoted(value);
    return true;
  }
  if (plan.kind === OBJECT) {
    const objectPlan = planOf(value, plan, key, run);
    if (objectPlan === undefined) return false;
    run.path[run.depth++] = key;
    const written = writeFields(value as Data, objectPlan, run);
    run.depth -= 1;
    return written;
  }
  if (plan.kind === LIST) {
    if (!Array.isArray(value)) {
      reportList(plan, key, run);
      return false;
    }
    if (isReadyList(value, plan)) {
      run.text += JSON.stringify(value);
      return true;
    }
    run.path[run.depth++] = key;
    const written = writeItems(value, plan.item!, run);
    run.depth -= 1;
    return written;
  }
  const check = plan.check!;
  if (!check.accepts(value)) {
    reportLeaf(plan, key, run);
    return false;
  }
  if (typeof value === 'number' && check.convert === undefined && Number.isFinite(value)) run.text += value;
  else run.text += jsonOf(check.convert === undefined ? value : check.convert(value));
  return true;
}

function writeItems(items: readonly unknown[], plan: ValuePlan, run: TextRun): boolean {
  run.text += '[';
  for (let index = 0; index < items.length; index++) {
    if (index > 0) run.text += ',';
    if (!write(items[index], plan, index, run)) return false;
  }
  run.text += ']';
  return true;
}
