/**
 * Reads the values of `@fromContext` arguments: from the objects around an entity, up to the one whose type sets the
 * context. Entities that differ in them are asked for apart, since a request has one set of variables.
 * (https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/entities/use-contexts)
 */
import type { FetchNode } from '@apollo/query-planner';
import type { Budget } from '#subgraphs/shared/budget.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { emptyObject, isObject, own, type JsonObject } from '../json-object.ts';
import { pathsAt, type PathStep } from './positions.ts';
import type { SupergraphTypes } from '../supergraph-types.ts';

/** One way to a value; of several for the same variable the first that leads anywhere counts. */
export interface ContextArgument {
  readonly variable: string;
  /** How many fields up the object is. */
  readonly levels: number;
  /** What leads down from there: type conditions that must hold, and keys. */
  readonly steps: readonly ContextStep[];
}

type ContextStep = { readonly type: string } | { readonly key: string };

/** Objects for which the arguments have the same values. */
export interface ContextGroup {
  readonly objects: JsonObject[];
  readonly variables: Record<string, unknown>;
}

/** Reads what the planner says: `['..', '..', '... on User', 'currency']`, renamed to the variable. */
export function compileContexts(rewrites: FetchNode['contextRewrites']): readonly ContextArgument[] | undefined {
  if (rewrites === undefined || rewrites.length === 0) return undefined;
  return rewrites.map(({ path, renameKeyTo }) => ({
    variable: renameKeyTo,
    levels: path.filter((part) => part === '..').length,
    steps: path.flatMap((part): ContextStep[] =>
      part === '..' ? [] : part.startsWith('... on ') ? [{ type: part.slice('... on '.length) }] : [{ key: part }],
    ),
  }));
}

/** Groups the objects at a path by the values of their arguments. */
export function groupByContext(
  contexts: readonly ContextArgument[],
  data: JsonObject,
  path: readonly PathStep[],
  types: SupergraphTypes,
  budget?: Budget,
): ContextGroup[] {
  const groups = new Map<string, ContextGroup>();
  for (const [object, [at]] of pathsAt(data, path, types, budget)) {
    const variables = emptyObject();
    for (const { variable, levels, steps } of contexts) {
      if (variables[variable] !== undefined) continue;
      const value = valueFrom(ancestor(data, at!, levels), steps, 0, types);
      if (value !== undefined) variables[variable] = value;
    }
    const key = writeJson(contexts.map(({ variable }) => variables[variable]));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { objects: [object], variables });
    else group.objects.push(object);
  }
  return [...groups.values()];
}

/** The object that is `levels` fields above the one at a path; items of lists are no level of their own. */
function ancestor(data: JsonObject, path: readonly (string | number)[], levels: number): unknown {
  let length = path.length;
  for (let level = 0; level < levels; level++) {
    while (length > 0 && typeof path[length - 1] === 'number') length -= 1;
    length -= 1;
  }
  let value: unknown = data;
  for (const part of path.slice(0, Math.max(length, 0))) value = (value as Record<string | number, unknown>)[part];
  return value;
}

/** @returns undefined when the type is another, or the value is not there */
function valueFrom(value: unknown, steps: ContextArgument['steps'], depth: number, types: SupergraphTypes): unknown {
  const step = steps[depth];
  if (step === undefined || value === null || value === undefined) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => valueFrom(item, steps, depth, types));
    return items.includes(undefined) ? undefined : items;
  }
  if (!isObject(value)) return undefined;
  if ('key' in step) return valueFrom(own(value, step.key), steps, depth + 1, types);
  const name = value.__typename;
  return typeof name !== 'string' || types.matches(name, step.type)
    ? valueFrom(value, steps, depth + 1, types)
    : undefined;
}
