/** Makes a failing operation small: what can be left out while it still fails, is. */
import { Kind, visit, type ASTNode, type DocumentNode } from 'graphql';

/** @param fails whether a (possibly invalid) document still shows the fault */
export async function shrinkOperation(
  document: DocumentNode,
  fails: (document: DocumentNode) => Promise<boolean>,
): Promise<DocumentNode> {
  let smallest = document;
  for (let changed = true; changed;) {
    changed = false;
    for (let index = 0; index < removable(smallest).length; index++) {
      const candidate = without(smallest, index);
      if (candidate !== undefined && (await fails(candidate))) {
        smallest = candidate;
        changed = true;
        index -= 1;
      }
    }
  }
  return smallest;
}

const isRemovable = ({ kind }: ASTNode): boolean =>
  [
    Kind.FIELD,
    Kind.INLINE_FRAGMENT,
    Kind.FRAGMENT_SPREAD,
    Kind.DIRECTIVE,
    Kind.ARGUMENT,
    Kind.VARIABLE_DEFINITION,
    Kind.FRAGMENT_DEFINITION,
  ].includes(kind as Kind.FIELD);

function removable(document: DocumentNode): ASTNode[] {
  const nodes: ASTNode[] = [];
  visit(document, {
    enter(node) {
      if (isRemovable(node)) nodes.push(node);
    },
  });
  return nodes;
}

function without(document: DocumentNode, index: number): DocumentNode | undefined {
  const unwanted = removable(document)[index];
  const left = visit(document, { enter: (node) => (node === unwanted ? null : undefined) });
  let isWhole = true;
  visit(left, {
    SelectionSet: ({ selections }) => {
      if (selections.length === 0) isWhole = false;
    },
  });
  return isWhole ? left : undefined;
}
