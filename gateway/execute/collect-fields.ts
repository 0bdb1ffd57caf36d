/** What selections say of one type of object, without fragments (https://spec.graphql.org/October2021/#CollectFields()). */
import {
  Kind,
  type FieldNode,
  type FragmentDefinitionNode,
  type InlineFragmentNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

/** Whose fields are collected, and by what. */
export interface Collecting {
  /** A fragment by its name. */
  readonly fragment: (name: string) => FragmentDefinitionNode | undefined;
  /** Whether an object of the type meets a fragment's condition. */
  readonly applies: (condition: string) => boolean;
  /**
   * Whether a selection counts, by its directives. @default each does: they have been decided, as the planner's operations are
   */
  readonly isIncluded?: (selection: SelectionNode) => boolean;
}

/** The fields by response key, in the order in which they are first selected. Each named fragment is walked once. */
export function collectFields(
  selectionSets: readonly SelectionSetNode[],
  { fragment, applies, isIncluded }: Collecting,
): Map<string, FieldNode[]> {
  const fields = new Map<string, FieldNode[]>();
  const spread = new Set<string>();
  const collect = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      if (isIncluded?.(selection) === false) continue;
      if (selection.kind === Kind.FIELD) {
        const key = selection.alias?.value ?? selection.name.value;
        const known = fields.get(key);
        if (known === undefined) fields.set(key, [selection]);
        else known.push(selection);
        continue;
      }
      let inner: FragmentDefinitionNode | InlineFragmentNode | undefined;
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        inner = selection;
      } else if (!spread.has(selection.name.value)) {
        spread.add(selection.name.value);
        inner = fragment(selection.name.value);
      }
      const condition = inner?.typeCondition?.name.value;
      if (inner !== undefined && (condition === undefined || applies(condition))) collect(inner.selectionSet);
    }
  };
  for (const selectionSet of selectionSets) collect(selectionSet);
  return fields;
}
