/** Finds the objects that a plan's path leads to, and the paths that lead to an object. */
import type { Budget } from '#subgraphs/shared/budget.ts';
import { isObject, own, type JsonObject } from '../json-object.ts';
import type { SupergraphTypes } from '../supergraph-types.ts';
import { EXECUTE } from '#gateway/bounds/execute.ts';

/** One step of a plan's path: into a key, or into every item of a list, when the object there has one of the types. */
export interface PathStep {
  /** The key, or undefined for `@`. */
  readonly key: string | undefined;
  /** Whether every object inherits something by that name. */
  readonly isUnsafe: boolean;
  /** Types of the object that the step arrives at; undefined for any. */
  readonly types: readonly string[] | undefined;
}

/** Reads a plan's path: `['products', '@', 'owner|[User,Team]']`. */
export function compilePath(path: readonly (string | number)[]): PathStep[] {
  return path.map((part) => {
    const [key, conditions] = String(part).split('|');
    return {
      key: key === '@' ? undefined : key,
      isUnsafe: key! in Object.prototype,
      types: conditions === undefined ? undefined : conditions.slice(1, -1).split(','),
    };
  });
}

/**
 * The distinct objects at `path` below `data`.
 * @param meet whether two places of the data may lead to one object, which is then there once
 * @throws CodedError `QUERY_TOO_COSTLY` where there are more places than the answer may have objects: a few objects that
 *   lead to one another are in very many places
 */
export function objectsAt(
  data: JsonObject,
  path: readonly PathStep[],
  types: SupergraphTypes,
  meet = true,
  budget?: Budget,
): JsonObject[] {
  if (path.length === 0) return [data];
  const found: JsonObject[] = [];
  collect(data, path, 0, types, found, budget);
  return meet && found.length > 1 ? [...new Set(found)] : found;
}

function collect(
  value: unknown,
  path: readonly PathStep[],
  depth: number,
  types: SupergraphTypes,
  found: JsonObject[],
  budget: Budget | undefined,
): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    const next = depthOfItems(path, depth);
    for (let index = 0; index < value.length; index++) collect(value[index], path, next, types, found, budget);
    return;
  }
  const object = value as JsonObject;
  if (depth > 0) {
    const conditions = path[depth - 1]!.types;
    if (conditions !== undefined && !matchesOne(object, conditions, types)) return;
  }
  if (depth === path.length) {
    if (found.push(object) % EXECUTE.objectsPerLook === 0) budget?.reach(found.length);
    return;
  }
  const { key, isUnsafe } = path[depth]!;
  if (key !== undefined) collect(isUnsafe ? own(object, key) : object[key], path, depth + 1, types, found, budget);
}

/** All paths to the objects at `path`, by object. Throws as {@link objectsAt} does. */
export function pathsAt(
  data: JsonObject,
  path: readonly PathStep[],
  types: SupergraphTypes,
  budget?: Budget,
): Map<JsonObject, (string | number)[][]> {
  const paths = new Map<JsonObject, (string | number)[][]>();
  const at: (string | number)[] = [];
  let places = 0;
  const visit = (value: unknown, depth: number): void => {
    if (Array.isArray(value)) {
      const next = depthOfItems(path, depth);
      for (let index = 0; index < value.length; index++) {
        at.push(index);
        visit(value[index], next);
        at.pop();
      }
      return;
    }
    if (!isObject(value)) return;
    const conditions = depth > 0 ? path[depth - 1]!.types : undefined;
    if (conditions !== undefined && !matchesOne(value, conditions, types)) return;
    if (depth === path.length) {
      if (++places % EXECUTE.objectsPerLook === 0) budget?.reach(places);
      const known = paths.get(value);
      if (known === undefined) paths.set(value, [[...at]]);
      else known.push([...at]);
      return;
    }
    const { key } = path[depth]!;
    if (key === undefined) return;
    at.push(key);
    visit(own(value, key), depth + 1);
    at.pop();
  };
  visit(data, 0);
  return paths;
}

/** The depth at which a list's items stand: past `@`; a path that ends at a list means its items. */
const depthOfItems = (path: readonly PathStep[], depth: number): number =>
  depth < path.length && path[depth]!.key === undefined ? depth + 1 : depth;

function matchesOne(value: JsonObject, conditions: readonly string[], types: SupergraphTypes): boolean {
  const name = value.__typename;
  return typeof name !== 'string' || conditions.some((condition) => types.matches(name, condition));
}
