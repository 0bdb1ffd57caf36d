/** What an operation asks for below a field. */
import {
  getDirectiveValues,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  Kind,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLResolveInfo,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

/** Whether the operation asks for one of these fields of what the resolver gives, or of what is at a path below it. */
export function selects(info: GraphQLResolveInfo, names: readonly string[], path: readonly string[] = []): boolean {
  const selected = selectedFields(info, [path]);
  return names.some((name) => selected.has(name));
}

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
        [...fieldsBelow(set, info.fragments)]
          .filter(({ name }) => name.value === step)
          .map(({ selectionSet }) => selectionSet),
      );
    for (const set of sets) for (const { name } of fieldsBelow(set, info.fragments)) found.add(name.value);
  }
  return found;
}

/**
 * The fields of a selection, those of its fragments included.
 * @param variables of the execution, to leave out what `@skip` and `@include` do. @default nothing is left out
 */
export function* fieldsBelow(
  set: SelectionSetNode | undefined,
  fragments: Readonly<Record<string, FragmentDefinitionNode>>,
  variables?: Readonly<Record<string, unknown>>,
): Generator<FieldNode> {
  for (const selection of set?.selections ?? []) {
    if (variables !== undefined && !isIncluded(selection, variables)) continue;
    if (selection.kind === Kind.FIELD) yield selection;
    else if (selection.kind === Kind.INLINE_FRAGMENT) yield* fieldsBelow(selection.selectionSet, fragments, variables);
    else yield* fieldsBelow(fragments[selection.name.value]?.selectionSet, fragments, variables);
  }
}

const isIncluded = (node: SelectionNode, variables: Readonly<Record<string, unknown>>): boolean =>
  node.directives === undefined ||
  node.directives.length === 0 ||
  (getDirectiveValues(GraphQLSkipDirective, node, variables)?.if !== true &&
    getDirectiveValues(GraphQLIncludeDirective, node, variables)?.if !== false);
