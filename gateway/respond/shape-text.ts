/** A shape's output as JSON text, without objects between. See shape.ts; shape-objects.ts is the same as objects. */
import { RESPOND } from '#gateway/bounds/respond.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { jsonOf, quoted } from './json-text.ts';
import { doubleOf } from './leaves.ts';
import { PAUSED } from './pauses.ts';
import {
  DENIED,
  INTROSPECTION,
  isReadyList,
  LIST,
  OBJECT,
  planOf,
  reportDenial,
  reportIntrospection,
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
  /** How much of the text the budget has been charged. */
  charged: number;
}

/** What came of writing something; or {@link PAUSED}. */
export const WRITTEN = true;
/** A field that must not be null is, with the error reported: what was written since is void. */
const VOID = false;
type Outcome = typeof WRITTEN | typeof VOID | typeof PAUSED;

/** Writes the object, or the rest of it. */
export function writeFields(data: Data, plan: ObjectPlan, run: TextRun, from = 0): Outcome {
  const { fields } = plan;
  if (from === 0 && run.progress.count()) charge(run);
  for (let index = from; index < fields.length; index++) {
    const field = fields[index]!;
    run.text += field.label;
    const outcome = write(data[field.from], field.value, field.to, run);
    if (outcome !== WRITTEN) return outcome === PAUSED ? pauseFields(data, plan, run, index + 1) : VOID;
    if (run.progress.isDue && field.value.kind === INTROSPECTION) return pauseBehind(data, plan, run, index + 1);
  }
  run.text += fields.length === 0 ? '{}' : '}';
  return WRITTEN;
}

/** Counts the text so far. What is taken back later has been paid for all the same. */
export function count(run: TextRun): void {
  const length = run.text.length;
  run.progress.bytes += Math.max(length - run.charged, 0);
  run.charged = length;
}

function charge(run: TextRun): void {
  count(run);
  run.progress.charge();
}

/** Writes one value; null where it cannot be shown and null is allowed. */
function write(value: unknown, plan: ValuePlan, key: string | number, run: TextRun): Outcome {
  if (plan.kind >= TYPENAME) {
    if (plan.kind === DENIED) {
      reportDenial(plan.denial!, key, run);
      if (plan.nonNull) return VOID;
      run.text += 'null';
    } else if (plan.kind === TYPENAME) {
      run.text += quoted(plan.typeName!);
    } else {
      const { value: answer, text, failures } = run.introspect(plan.question!);
      reportIntrospection(failures, key, run);
      if (answer === null && plan.nonNull) return VOID;
      run.text += text;
      charge(run);
    }
    return WRITTEN;
  }
  if (value === null || value === undefined) {
    if (plan.nonNull) {
      reportMissing(plan, key, run);
      return VOID;
    }
    run.text += 'null';
    return WRITTEN;
  }
  const before = run.text;
  const outcome = writePresent(value, plan, key, run);
  if (outcome === WRITTEN || plan.nonNull) return outcome;
  if (outcome === PAUSED) return pauseNullable(before, run);
  run.text = `${before}null`;
  return WRITTEN;
}

/** Writes a value that is there. */
function writePresent(value: unknown, plan: ValuePlan, key: string | number, run: TextRun): Outcome {
  if (plan.kind === STRING && typeof value === 'string') {
    run.text += quoted(value);
    return WRITTEN;
  }
  if (plan.kind === OBJECT) {
    const objectPlan = planOf(value, plan, key, run);
    if (objectPlan === undefined) return VOID;
    run.path[run.depth++] = key;
    const outcome = writeFields(value as Data, objectPlan, run);
    run.depth -= 1;
    return outcome;
  }
  if (plan.kind === LIST) {
    if (!Array.isArray(value)) {
      reportList(plan, key, run);
      return VOID;
    }
    if (isReadyList(value, plan)) {
      run.text += writeJson(value);
      return WRITTEN;
    }
    run.path[run.depth++] = key;
    run.text += '[';
    const outcome = writeItems(value, plan.item!, run, 0);
    run.depth -= 1;
    return outcome;
  }
  const check = plan.check!;
  if (!check.accepts(value)) {
    const double = doubleOf(value, check);
    if (double !== undefined) {
      run.text += jsonOf(double);
      return WRITTEN;
    }
    reportLeaf(plan, key, run);
    return VOID;
  }
  if (typeof value === 'number' && check.convert === undefined && Number.isFinite(value)) run.text += value;
  else run.text += jsonOf(check.convert === undefined ? value : check.convert(value));
  return WRITTEN;
}

/** Writes the items of a list from one on. */
function writeItems(items: readonly unknown[], plan: ValuePlan, run: TextRun, from: number): Outcome {
  for (let index = from; index < items.length; index++) {
    if (run.progress.isDue) return pauseItems(items, plan, run, index);
    if (index > 0) run.text += ',';
    const outcome = write(items[index], plan, index, run);
    if (outcome !== WRITTEN) return outcome === PAUSED ? pauseItems(items, plan, run, index + 1) : VOID;
    if (index % RESPOND.leaves === RESPOND.leaves - 1 && run.progress.count()) charge(run);
  }
  run.text += ']';
  return WRITTEN;
}

// How what has paused goes on. In functions of their own: what a closure holds is slower to reach for the loops.

function pauseFields(data: Data, plan: ObjectPlan, run: TextRun, next: number): typeof PAUSED {
  const { depth } = run;
  run.progress.steps.push((outcome) => {
    if (outcome !== WRITTEN) return outcome;
    run.depth = depth;
    return writeFields(data, plan, run, next);
  });
  return PAUSED;
}

function pauseBehind(data: Data, plan: ObjectPlan, run: TextRun, next: number): typeof PAUSED {
  const { depth } = run;
  run.progress.steps.push(() => {
    run.depth = depth;
    return writeFields(data, plan, run, next);
  });
  return PAUSED;
}

function pauseItems(items: readonly unknown[], plan: ValuePlan, run: TextRun, next: number): typeof PAUSED {
  const { depth } = run;
  run.progress.steps.push((outcome) => {
    if (outcome === VOID) return VOID;
    run.depth = depth;
    return writeItems(items, plan, run, next);
  });
  return PAUSED;
}

function pauseNullable(before: string, run: TextRun): typeof PAUSED {
  run.progress.steps.push((outcome) => {
    if (outcome === VOID) run.text = `${before}null`;
    return WRITTEN;
  });
  return PAUSED;
}
