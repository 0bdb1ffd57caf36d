/**
 * What two texts have in common that are the same operation to those who list operations: white space, commas and comments
 * do not count, nor the order of definitions, nor `__typename`, which clients with a cache add by themselves.
 */
import { Kind, print, visit, type DocumentNode, type SelectionNode } from 'graphql';

export function normalForm(document: DocumentNode): string {
  const definitions = document.definitions.map((definition) =>
    print(
      visit(definition, {
        SelectionSet: (node) => {
          const selections = node.selections.filter((selection) => !isAddedTypename(selection));
          // Of what selects nothing else it is what was asked for.
          if (selections.length === 0) return { ...node, selections: node.selections.slice(0, 1) };
          return selections.length === node.selections.length ? undefined : { ...node, selections };
        },
      }),
    ),
  );
  return definitions.sort().join('\n');
}

const isAddedTypename = (selection: SelectionNode): boolean =>
  selection.kind === Kind.FIELD &&
  selection.name.value === '__typename' &&
  selection.alias === undefined &&
  (selection.directives ?? []).length === 0;
