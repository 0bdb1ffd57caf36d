/** Which fields of rows a client selects, so that nothing else is read. */
import { Kind, type FragmentDefinitionNode, type GraphQLResolveInfo, type SelectionSetNode } from 'graphql';

/**
 * Names of the fields selected of what is at one of `paths` below the field.
 * @param paths such as `[['nodes'], ['edges', 'node']]`; `[[]]` is the field itself
 */
export function selectedFields(info: GraphQLResolveInfo, paths: readonly (readonly string[])[]): Set<string> {
  const found = new Set<string>();
  for (const path of paths) {
    let sets = info.fieldNodes.map(({ selectionSet }) => selectionSet);
    for (const step of path)
      sets = sets.flatMap((set) =>
        [...fieldsOf(set, info.fragments)]
          .filter(({ name }) => name.value === step)
          .map(({ selectionSet }) => selectionSet),
      );
    for (const set of sets) for (const { name } of fieldsOf(set, info.fragments)) found.add(name.value);
  }
  return found;
}

function* fieldsOf(
  set: SelectionSetNode | undefined,
  fragments: Readonly<Record<string, FragmentDefinitionNode>>,
): Generator<Extract<SelectionSetNode['selections'][number], { kind: Kind.FIELD }>> {
  for (const selection of set?.selections ?? []) {
    if (selection.kind === Kind.FIELD) yield selection;
    else if (selection.kind === Kind.INLINE_FRAGMENT) yield* fieldsOf(selection.selectionSet, fragments);
    else yield* fieldsOf(fragments[selection.name.value]?.selectionSet, fragments);
  }
}
