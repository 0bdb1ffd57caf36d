/**
 * Keeps fetches from asking for fields of objects whose fields the caller may not see. The planner asks for what several
 * types need of one interface together: a subgraph with an interface object would be asked for a field of all of them,
 * though it was selected of some.
 */
import { Kind, print, stripIgnoredCharacters, visit, type SelectionNode, type SelectionSetNode } from 'graphql';
import type { ShownTypes } from '#gateway/respond/shape-plan.ts';
import type { JsonObject } from '../json-object.ts';
import type { SupergraphTypes } from '../supergraph-types.ts';
import type { ExecutableFetch } from './executable-plan.ts';

/** Objects of which the same may be asked. */
export interface ShownGroup {
  readonly fetch: ExecutableFetch;
  readonly objects: readonly JsonObject[];
}

/** Fetches without some of their fields, by the names of those. */
const trimmed = new WeakMap<ExecutableFetch, Map<string, ExecutableFetch | undefined>>();

/** Groups the objects of a fetch of entities by what of it may be asked of them; those of which nothing may are left out. */
export function groupByShown(
  fetch: ExecutableFetch,
  objects: readonly JsonObject[],
  shown: ShownTypes,
  types: SupergraphTypes,
): readonly ShownGroup[] {
  const names = fieldsOfInterfaces(fetch, types);
  if (names.length === 0) return [{ fetch, objects }];
  const hiddenOf = new Map<unknown, string>();
  const groups = new Map<string, JsonObject[]>();
  for (const object of objects) {
    const type = object.__typename;
    let hidden = hiddenOf.get(type);
    if (hidden === undefined) {
      hidden = typeof type === 'string' ? names.filter((name) => shown.ofField(type, name) !== undefined).join() : '';
      hiddenOf.set(type, hidden);
    }
    const group = groups.get(hidden);
    if (group === undefined) groups.set(hidden, [object]);
    else group.push(object);
  }
  return [...groups].flatMap(([hidden, of]) => {
    const rest = hidden === '' ? fetch : without(fetch, hidden, types);
    return rest === undefined ? [] : [{ fetch: rest, objects: of }];
  });
}

/** Names of the fields that a fetch asks of interfaces; not of those by which entities are told apart. */
function fieldsOfInterfaces(fetch: ExecutableFetch, types: SupergraphTypes): string[] {
  const names = new Set<string>();
  for (const { selections } of interfaceSelections(fetch, types))
    for (const selection of selections)
      if (selection.kind === Kind.FIELD && isHideable(selection.name.value, types)) names.add(selection.name.value);
  return [...names].sort();
}

const isHideable = (name: string, types: SupergraphTypes): boolean =>
  !name.startsWith('__') && !types.keyFields.has(name);

/** What is asked of interfaces, of the entities themselves. */
function interfaceSelections(fetch: ExecutableFetch, types: SupergraphTypes): SelectionSetNode[] {
  const [definition] = fetch.document.definitions;
  const [entities] = definition?.kind === Kind.OPERATION_DEFINITION ? definition.selectionSet.selections : [];
  if (entities?.kind !== Kind.FIELD) return [];
  return (entities.selectionSet?.selections ?? []).flatMap((selection) =>
    isOfInterface(selection, types) ? [selection.selectionSet] : [],
  );
}

const isOfInterface = (
  selection: SelectionNode,
  types: SupergraphTypes,
): selection is Extract<SelectionNode, { kind: Kind.INLINE_FRAGMENT }> =>
  selection.kind === Kind.INLINE_FRAGMENT &&
  selection.typeCondition !== undefined &&
  types.isInterface(selection.typeCondition.name.value);

/** The fetch without the fields; undefined where nothing is left of it. */
function without(fetch: ExecutableFetch, hidden: string, types: SupergraphTypes): ExecutableFetch | undefined {
  let known = trimmed.get(fetch);
  if (known === undefined) trimmed.set(fetch, (known = new Map()));
  if (!known.has(hidden)) known.set(hidden, trim(fetch, new Set(hidden.split(',')), types));
  return known.get(hidden);
}

function trim(
  fetch: ExecutableFetch,
  hidden: ReadonlySet<string>,
  types: SupergraphTypes,
): ExecutableFetch | undefined {
  const [definition] = fetch.document.definitions;
  if (definition?.kind !== Kind.OPERATION_DEFINITION) return fetch;
  const [entities] = definition.selectionSet.selections;
  if (entities?.kind !== Kind.FIELD) return fetch;
  const lost = new Set<string>();
  const selections = entities.selectionSet!.selections.flatMap((selection): SelectionNode[] => {
    if (!isOfInterface(selection, types)) return [selection];
    const left = selection.selectionSet.selections.filter((below) => {
      const isHidden = below.kind === Kind.FIELD && hidden.has(below.name.value);
      if (isHidden) lost.add(below.alias?.value ?? below.name.value);
      return !isHidden;
    });
    return left.length === 0 ? [] : [{ ...selection, selectionSet: { kind: Kind.SELECTION_SET, selections: left } }];
  });
  if (selections.length === 0) return undefined;
  const used = new Set<string>();
  const selectionSet: SelectionSetNode = {
    kind: Kind.SELECTION_SET,
    selections: [{ ...entities, selectionSet: { kind: Kind.SELECTION_SET, selections } }],
  };
  visit(selectionSet, { Variable: ({ name }) => void used.add(name.value) });
  const operation = {
    ...definition,
    selectionSet,
    variableDefinitions: definition.variableDefinitions?.filter(({ variable }) => used.has(variable.name.value)),
  };
  const gone = new Set(fetch.shape.fields.flatMap(({ from, to }) => (lost.has(from) ? [to] : [])));
  return {
    ...fetch,
    document: { kind: Kind.DOCUMENT, definitions: [operation] },
    text: stripIgnoredCharacters(print(operation)),
    variables: fetch.variables.filter((name) => used.has(name)),
    keys: fetch.keys.filter(({ key }) => !gone.has(key)),
  };
}
