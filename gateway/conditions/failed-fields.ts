/** Fields whose conditions could not be looked at: they are null, and the others are not. */
import {
  GraphQLError,
  Kind,
  type DocumentNode,
  type ExecutionResult,
  type FieldNode,
  type FragmentDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { FilteredOperation } from './filter-places.ts';

type Json = Record<string, unknown>;
type Path = readonly (string | number)[];

/**
 * @param result of the operation with `__typename` in the place of the fields
 * @param document that operation
 * @param failed the fields of the client's, with the reason
 */
export function nullFields(
  result: ExecutionResult,
  { operation }: FilteredOperation,
  document: DocumentNode,
  failed: ReadonlyMap<FieldNode, GraphQLError>,
): ExecutionResult {
  if (result.data == null) return result;
  const fragments = new Map<string, FragmentDefinitionNode>();
  let root: SelectionSetNode = operation.selectionSet;
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
    else if (definition.kind === Kind.OPERATION_DEFINITION) root = definition.selectionSet;
  // By their response names: what has the same name in one place has the same arguments.
  const reasons = new Map<string, GraphQLError>();
  for (const [{ alias, name }, reason] of failed) reasons.set((alias ?? name).value, reason);
  const errors: GraphQLError[] = [];
  const walk = (selections: SelectionSetNode, data: Json, path: Path): void => {
    for (const selection of selections.selections) {
      if (selection.kind !== Kind.FIELD) {
        const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value)! : selection;
        walk(fragment.selectionSet, data, path);
        continue;
      }
      const key = (selection.alias ?? selection.name).value;
      const value = data[key];
      const reason = selection.name.value === '__typename' ? reasons.get(key) : undefined;
      if (reason === undefined) descend(selection.selectionSet, value, [...path, key]);
      // An object in this place is of another type than the one whose field failed.
      else if (typeof value === 'string') {
        data[key] = null;
        errors.push(
          new GraphQLError(reason.message, {
            path: [...path, key],
            originalError: reason.originalError,
            extensions: reason.extensions,
          }),
        );
      }
    }
  };
  const descend = (selections: SelectionSetNode | undefined, value: unknown, path: Path): void => {
    if (selections === undefined || typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) value.forEach((each, index) => descend(selections, each, [...path, index]));
    else walk(selections, value as Json, path);
  };
  walk(root, result.data, []);
  return { ...result, errors: [...(result.errors ?? []), ...errors] };
}
