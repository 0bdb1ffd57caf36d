// @ts-check
/*
 * Mends a fault of `@apollo/query-planner` 2.14: what a field of an interface object requires is asked of every type of
 * the interface, also below an object that can be of one type only, and the planner then refuses its own fragments
 * ("Cannot add fragment of condition …"). Fragments on types that the object cannot have are left out as they are added.
 */
import internals from '@apollo/federation-internals';

let mended = false;

/** Mends every planner of this process. */
export function leaveOutImpossibleFragments() {
  if (mended) return;
  mended = true;
  const { prototype } = internals.SelectionSetUpdates;
  const { addAtPath } = prototype;
  prototype.addAtPath = function (path, selections) {
    const type = selections === undefined ? undefined : typeAt(path);
    if (type?.kind !== 'ObjectType' || selections === undefined) return addAtPath.call(this, path, selections);
    const all = Array.isArray(selections)
      ? selections
      : 'selections' in selections
        ? selections.selections()
        : [selections];
    const possible = all.flatMap((selection) => possibleOf(type, selection));
    return addAtPath.call(this, path, possible);
  };
}

/**
 * The type that the selections at the end of a path are of; undefined where the path does not tell.
 *
 * @param {import('@apollo/federation-internals').OperationPath} path
 */
function typeAt(path) {
  const last = path.at(-1);
  if (last === undefined) return undefined;
  const type = last.kind === 'Field' ? last.baseType() : last.castedType();
  return internals.isCompositeType(type) ? type : undefined;
}

/**
 * What is left of a selection below an object of the type; fragments on abstract types are taken apart, as the planner
 * does where it adds them.
 *
 * @param {import('@apollo/federation-internals').CompositeType} type
 * @param {import('@apollo/federation-internals').Selection} selection
 * @returns {import('@apollo/federation-internals').Selection[]}
 */
function possibleOf(type, selection) {
  if (selection.kind !== 'FragmentSelection' || type.kind !== 'ObjectType' || isInterfaceObject(type))
    return [selection];
  const { typeCondition, appliedDirectives } = selection.element;
  if (typeCondition === undefined || appliedDirectives.length > 0) return [selection];
  if (typeCondition.kind === 'ObjectType')
    return typeCondition.name === type.name || isInterfaceObject(typeCondition) ? [selection] : [];
  if (!internals.possibleRuntimeTypes(typeCondition).some(({ name }) => name === type.name)) return [selection];
  return selection.selectionSet.selections().flatMap((below) => possibleOf(type, below));
}

/** An interface object is of kind `ObjectType`, and stands for every type of the interface. */
function isInterfaceObject(/** @type {import('@apollo/federation-internals').CompositeType} */ type) {
  return internals.isInterfaceObjectType(type);
}
