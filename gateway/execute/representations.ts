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
  const steps = compileSteps(requires);
  return (objects) => {
    const values: JsonObject[] = [];
    const targets: JsonObject[][] = [];
    const known = new Map<string, JsonObject[]>();
    for (const object of objects) {
      const representation = emptyObject();
      if (!select(object, steps, representation, types) || typeof representation.__typename !== 'string') continue;
      if (rewrites !== undefined) {
        const { __typename: name } = representation;
        // The planner merges fetches through an interface's key with those through a type's own. Where the subgraph is asked for the type
        // itself it gets the type itself: the interface's resolver knows nothing of what the type's fields require.
        const isAskedItself = requires.some((selection) => selection.kind === 'InlineFragment' && selection.typeCondition === name);
        for (const rewrite of rewrites) {
          if (!isAskedItself || rewrite.kind === 'KeyRenamer' || rewrite.path[0] === `... on ${name}`) applyRewrite(representation, rewrite, 0, types);
        }
      }
      if (objects.length > 1) {
        const key = textOf(representation);
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

type Step =
  | { readonly kind: 'fragment'; readonly condition: string | undefined; readonly steps: readonly Step[] }
  | { readonly kind: 'field'; readonly key: string; readonly isUnsafe: boolean; readonly steps: readonly Step[] | undefined };

const compileSteps = (selections: readonly QueryPlanSelectionNode[]): Step[] =>
  selections.map((selection): Step => {
    if (selection.kind === 'InlineFragment') return { kind: 'fragment', condition: selection.typeCondition, steps: compileSteps(selection.selections) };
    const key = selection.alias ?? selection.name;
    return { kind: 'field', key, isUnsafe: key in Object.prototype, steps: selection.selections && compileSteps(selection.selections) };
  });

/** A text that equal representations share and others do not. The length of each string keeps it apart from what follows. */
function textOf(representation: JsonObject): string {
  let text = '';
  for (const key in representation) {
    const value = representation[key];
    text += typeof value === 'string' ? `${key} ${value.length} ${value}` : `${key}=${JSON.stringify(value)};`;
  }
  return text;
}

/** Copies what is selected; false when something is missing, which a null is not. */
function select(source: JsonObject, steps: readonly Step[], into: JsonObject, types: SupergraphTypes): boolean {
  for (const step of steps) {
    if (step.kind === 'fragment') {
      const name = source.__typename;
      const { condition } = step;
      if (condition !== undefined && (typeof name !== 'string' || !types.matches(name, condition))) continue;
      if (!select(source, step.steps, into, types)) return false;
      continue;
    }
    const { key, steps: below } = step;
    const value = step.isUnsafe ? own(source, key) : source[key];
    if (value === undefined) return false;
    if (below === undefined) {
      into[key] = value;
    } else {
      const copy = selectValue(value, below, into[key], types);
      if (copy === undefined) return false;
      into[key] = copy;
    }
  }
  return true;
}

function selectValue(value: unknown, steps: readonly Step[], into: unknown, types: SupergraphTypes): unknown {
  if (value === null) return null;
  if (Array.isArray(value)) {
    const copies: unknown[] = [];
    for (let index = 0; index < value.length; index++) {
      const copy = selectValue(value[index], steps, Array.isArray(into) ? into[index] : undefined, types);
      if (copy === undefined) return undefined;
      copies.push(copy);
    }
    return copies;
  }
  if (!isObject(value)) return value;
  const copy = isObject(into) ? into : emptyObject();
  return select(value, steps, copy, types) ? copy : undefined;
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
