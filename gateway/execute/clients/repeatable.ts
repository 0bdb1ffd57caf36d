/** Which operations on subgraphs may be sent twice, or serve two who ask. */
import { Kind, type DocumentNode, type SelectionSetNode } from 'graphql';

/** Root fields that must run exactly as often as the client asked: they cost money, and no two answers are the same. */
const UNREPEATABLE: ReadonlySet<string> = new Set(['generate', 'generateStream']);

const known = new WeakMap<DocumentNode, boolean>();

/** Whether the document's only operation is a query none of whose root fields is unrepeatable. */
export function isRepeatable(document: DocumentNode): boolean {
  let repeatable = known.get(document);
  if (repeatable === undefined) {
    const operation = document.definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION);
    repeatable = operation?.operation === 'query' && !selectsUnrepeatable(operation.selectionSet);
    known.set(document, repeatable);
  }
  return repeatable;
}

function selectsUnrepeatable(selectionSet: SelectionSetNode): boolean {
  return selectionSet.selections.some((selection) => {
    if (selection.kind === Kind.FIELD) return UNREPEATABLE.has(selection.name.value);
    // What a named fragment selects is not looked up: it counts as if it did.
    return selection.kind === Kind.FRAGMENT_SPREAD || selectsUnrepeatable(selection.selectionSet);
  });
}
