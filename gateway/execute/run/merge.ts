/**
 * Merges a fetch's answer into the data so far. What the fetch selected guides it, so that leaves are taken as they are
 * (they may be JSON of the subgraph's own) and the planner's aliases become the client's again.
 */
import type { FetchDataRewrite } from '@apollo/query-planner';
import { Kind, type SelectionSetNode } from 'graphql';
import { emptyObject, isObject, type JsonObject } from '../json-object.ts';
import type { SupergraphTypes } from '../supergraph-types.ts';

/** What a fetch selects of an object, whatever its type. */
export interface MergeShape {
  readonly fields: readonly MergeField[];
  /**
   * Whether the answer's own objects cannot be kept: a key changes its name in this object or below, or they must not
   * be shared.
   */
  readonly renames: boolean;
  /** Whether all fields are leaves (or JSON of the subgraph's own), so that objects may share the answer's values. */
  readonly isFlat: boolean;
}

export interface MergeField {
  /** The key in the subgraph's answer. */
  readonly from: string;
  /** The key in the data. */
  readonly to: string;
  /** What is selected of it; undefined for a leaf. */
  readonly shape: MergeShape | undefined;
}

/**
 * Compiles the shape of a selection set of a fetch (which has no fragment spreads) and the renames that follow it.
 * @param copies whether each place in the data has objects of its own, even those of one entity: what is around them
 *   matters
 */
export function compileMergeShape(
  selectionSet: SelectionSetNode,
  rewrites: readonly FetchDataRewrite[] = [],
  copies = false,
): MergeShape {
  const renames = rewrites.flatMap((rewrite) =>
    rewrite.kind === 'KeyRenamer'
      ? [{ path: rewrite.path.filter((part) => !part.startsWith('... on ')), to: rewrite.renameKeyTo }]
      : [],
  );
  return shapeOf([selectionSet], renames, copies);
}

function shapeOf(
  selectionSets: readonly SelectionSetNode[],
  renames: readonly { path: readonly string[]; to: string }[],
  copies: boolean,
): MergeShape {
  const selected = new Map<string, SelectionSetNode[]>();
  const collect = (selectionSet: SelectionSetNode): void => {
    for (const selection of selectionSet.selections) {
      if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet);
      if (selection.kind !== Kind.FIELD) continue;
      const key = selection.alias?.value ?? selection.name.value;
      const below = selected.get(key) ?? [];
      if (selection.selectionSet !== undefined) below.push(selection.selectionSet);
      selected.set(key, below);
    }
  };
  selectionSets.forEach(collect);
  const fields = [...selected].map(([from, below]): MergeField => {
    const here = renames.find(({ path }) => path.length === 1 && path[0] === from);
    // Below a renamed key the planner's paths speak of the key's later name.
    const inside = renames.flatMap(({ path, to }) =>
      path.length > 1 && (path[0] === from || path[0] === here?.to) ? [{ path: path.slice(1), to }] : [],
    );
    return { from, to: here?.to ?? from, shape: below.length === 0 ? undefined : shapeOf(below, inside, copies) };
  });
  return {
    fields,
    renames: copies || fields.some(({ from, to, shape }) => from !== to || shape?.renames === true),
    isFlat: fields.every(({ shape }) => shape === undefined),
  };
}

/**
 * Merges `source` into `target`. A value once known is not replaced by null: the subgraph that gave null failed, and
 * says so in its errors.
 */
export function mergeInto(target: JsonObject, source: JsonObject, shape: MergeShape, types: SupergraphTypes): void {
  const { fields } = shape;
  for (let index = 0; index < fields.length; index++) {
    const { from, to, shape: below } = fields[index]!;
    const value = source[from];
    if (value === undefined) continue;
    const present = target[to];
    if (present === undefined || present === null) {
      target[to] = below?.renames === true ? renamed(value, below, types) : value;
    } else if (value !== null) {
      if (below !== undefined) mergeValue(present, value, below, types);
      // An interface object's subgraph knows the interface only: the type that another found stays.
      else if (to !== '__typename' || !types.isInterface(value as string)) target[to] = value;
    }
  }
}

/** Items of a fetch's answer as they stand in the data. */
export const mergedItems = (
  items: readonly unknown[],
  shape: MergeShape | undefined,
  types: SupergraphTypes,
): unknown[] => (shape?.renames === true ? items.map((item) => renamed(item, shape, types)) : [...items]);

function mergeValue(target: unknown, source: unknown, shape: MergeShape, types: SupergraphTypes): void {
  if (Array.isArray(target)) {
    if (!Array.isArray(source)) return;
    for (let index = 0; index < target.length && index < source.length; index++) {
      const present: unknown = target[index];
      const value: unknown = source[index];
      if (present === undefined || present === null)
        target[index] = shape.renames ? renamed(value, shape, types) : value;
      else mergeValue(present, value, shape, types);
    }
  } else if (isObject(target) && isObject(source)) {
    mergeInto(target, source, shape, types);
  }
}

function renamed(value: unknown, shape: MergeShape, types: SupergraphTypes): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, shape, types));
  if (!isObject(value)) return value;
  const copy = emptyObject();
  mergeInto(copy, value, shape, types);
  return copy;
}

/** A path in a fetch's answer as a path in the data. */
export function renamedPath(path: readonly (string | number)[], shape: MergeShape): (string | number)[] {
  let current: MergeShape | undefined = shape;
  return path.map((part) => {
    if (typeof part === 'number') return part;
    const field: MergeField | undefined = current?.fields.find(({ from }) => from === part);
    current = field?.shape;
    return field?.to ?? part;
  });
}
