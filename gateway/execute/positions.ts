/** Finds the objects that a plan's path leads to, and the paths that lead to an object. */
import { isObject, own, type JsonObject } from './json-object.ts';
import type { SupergraphTypes } from './supergraph-types.ts';

/** One step of a plan's path: into a key, or into every item of a list, when the object there has one of the types. */
export interface PathStep {
  /** The key, or undefined for `@`. */
  readonly key: string | undefined;
  /** Types of the object that the step arrives at; undefined for any. */
  readonly types: readonly string[] | undefined;
}

/** Reads a plan's path: `['products', '@', 'owner|[User,Team]']`. */
export function compilePath(path: readonly (string | number)[]): PathStep[] {
  return path.map((part) => {
    const [key, conditions] = String(part).split('|');
    return {
      key: key === '@' ? undefined : key,
      types: conditions === undefined ? undefined : conditions.slice(1, -1).split(','),
    };
  });
}

/** The distinct objects at `path` below `data`. An object that two entities share is there once. */
export function objectsAt(data: JsonObject, path: readonly PathStep[], types: SupergraphTypes): JsonObject[] {
  if (path.length === 0) return [data];
  const found = new Set<JsonObject>();
  visit(data, path, 0, types, undefined, (object) => found.add(object));
  return [...found];
}

/** All paths to the objects at `path`, by object. */
export function pathsAt(data: JsonObject, path: readonly PathStep[], types: SupergraphTypes): Map<JsonObject, (string | number)[][]> {
  const paths = new Map<JsonObject, (string | number)[][]>();
  visit(data, path, 0, types, [], (object, at) => {
    const known = paths.get(object);
    if (known === undefined) paths.set(object, [[...at!]]);
    else known.push([...at!]);
  });
  return paths;
}

function visit(
  value: unknown,
  path: readonly PathStep[],
  depth: number,
  types: SupergraphTypes,
  at: (string | number)[] | undefined,
  found: (object: JsonObject, at: readonly (string | number)[] | undefined) => void,
): void {
  if (value === null || value === undefined) return;
  if (depth > 0) {
    const conditions = path[depth - 1]!.types;
    if (conditions !== undefined && isObject(value) && !matchesOne(value, conditions, types)) return;
  }
  if (depth === path.length) {
    // A path that ends at a list means its items.
    if (Array.isArray(value)) visitItems(value, path, depth, types, at, found);
    else if (isObject(value)) found(value, at);
    return;
  }
  const { key } = path[depth]!;
  if (Array.isArray(value)) {
    visitItems(value, path, key === undefined ? depth + 1 : depth, types, at, found);
  } else if (isObject(value) && key !== undefined) {
    at?.push(key);
    visit(own(value, key), path, depth + 1, types, at, found);
    at?.pop();
  }
}

function visitItems(
  items: readonly unknown[],
  path: readonly PathStep[],
  depth: number,
  types: SupergraphTypes,
  at: (string | number)[] | undefined,
  found: (object: JsonObject, at: readonly (string | number)[] | undefined) => void,
): void {
  for (let index = 0; index < items.length; index++) {
    at?.push(index);
    visit(items[index], path, depth, types, at, found);
    at?.pop();
  }
}

function matchesOne(value: JsonObject, conditions: readonly string[], types: SupergraphTypes): boolean {
  const name = value.__typename;
  return typeof name !== 'string' || conditions.some((condition) => types.matches(name, condition));
}
