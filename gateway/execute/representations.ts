/** Builds the representations of entities that a fetch asks for, each once. */
import type { FetchDataRewrite, QueryPlanSelectionNode } from '@apollo/query-planner';
import { emptyObject, isObject, own, type JsonObject } from './json-object.ts';
import type { SupergraphTypes } from './supergraph-types.ts';

/** The distinct representations and the objects that each stands for. */
export interface Representations {
  readonly values: JsonObject[];
  /** Objects of the data, in the order of `values`. */
  readonly targets: JsonObject[][];
}

/** Builds the representations of `objects`. One that lacks something required has none. */
export type RepresentationBuilder = (objects: readonly JsonObject[]) => Representations;

/**
 * @param requires what the subgraph needs to know of an entity
 * @param rewrites what changes in it, such as the type name for an interface object
 */
export function compileRepresentations(
  requires: readonly QueryPlanSelectionNode[],
  rewrites: readonly FetchDataRewrite[] | undefined,
  types: SupergraphTypes,
): RepresentationBuilder {
  return (objects) => {
    const values: JsonObject[] = [];
    const targets: JsonObject[][] = [];
    const known = new Map<string, JsonObject[]>();
    for (const object of objects) {
      const representation = emptyObject();
      if (!select(object, requires, representation, types) || typeof representation.__typename !== 'string') continue;
      if (rewrites !== undefined) {
        const { __typename: name } = representation;
        // The planner merges fetches through an interface's key with those through a type's own. Where the subgraph is asked for the type
        // itself it gets the type itself: the interface's resolver knows nothing of what the type's fields require.
        const isAskedItself = requires.some((selection) => selection.kind === 'InlineFragment' && selection.typeCondition === name);
        for (const rewrite of rewrites) {
          if (!isAskedItself || rewrite.path[0] === `... on ${name}`) applyRewrite(representation, rewrite, 0, types);
        }
      }
      if (objects.length > 1) {
        const key = JSON.stringify(representation);
        const same = known.get(key);
        if (same !== undefined) {
          same.push(object);
          continue;
        }
        const mine = [object];
        known.set(key, mine);
        targets.push(mine);
      } else {
        targets.push([object]);
      }
      values.push(representation);
    }
    return { values, targets };
  };
}

/** Copies what is selected; false when something is missing, which a null is not. */
function select(source: JsonObject, selections: readonly QueryPlanSelectionNode[], into: JsonObject, types: SupergraphTypes): boolean {
  for (const selection of selections) {
    if (selection.kind === 'InlineFragment') {
      const name = source.__typename;
      const { typeCondition } = selection;
      if (typeCondition !== undefined && (typeof name !== 'string' || !types.matches(name, typeCondition))) continue;
      if (!select(source, selection.selections, into, types)) return false;
      continue;
    }
    const key = selection.alias ?? selection.name;
    const value = own(source, key);
    if (value === undefined) return false;
    if (selection.selections === undefined) {
      into[key] = value;
    } else {
      const copy = selectValue(value, selection.selections, into[key], types);
      if (copy === undefined) return false;
      into[key] = copy;
    }
  }
  return true;
}

function selectValue(value: unknown, selections: readonly QueryPlanSelectionNode[], into: unknown, types: SupergraphTypes): unknown {
  if (value === null) return null;
  if (Array.isArray(value)) {
    const copies: unknown[] = [];
    for (let index = 0; index < value.length; index++) {
      const copy = selectValue(value[index], selections, Array.isArray(into) ? into[index] : undefined, types);
      if (copy === undefined) return undefined;
      copies.push(copy);
    }
    return copies;
  }
  if (!isObject(value)) return value;
  const copy = isObject(into) ? into : emptyObject();
  return select(value, selections, copy, types) ? copy : undefined;
}

/** Unlike `@apollo/gateway`'s, renames falsy values too. */
function applyRewrite(value: unknown, rewrite: FetchDataRewrite, depth: number, types: SupergraphTypes): void {
  if (Array.isArray(value)) {
    for (const item of value) applyRewrite(item, rewrite, depth, types);
    return;
  }
  if (!isObject(value)) return;
  const part = rewrite.path[depth]!;
  if (part.startsWith('... on ')) {
    const name = value.__typename;
    if (typeof name !== 'string' || types.matches(name, part.slice('... on '.length))) applyRewrite(value, rewrite, depth + 1, types);
  } else if (depth < rewrite.path.length - 1) {
    applyRewrite(own(value, part), rewrite, depth + 1, types);
  } else if (rewrite.kind === 'ValueSetter') {
    value[part] = rewrite.setValueTo;
  } else if (Object.hasOwn(value, part)) {
    value[rewrite.renameKeyTo] = value[part];
    delete value[part];
  }
}
