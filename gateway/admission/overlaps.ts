/**
 * Bounds what it costs to validate that fields with one response name can be merged (GraphQL's specification, section
 * 5.3.2): each pair that meets in one place is compared, and what is selected below them, too. Fragments and repeated
 * fields make pairs by the square at each level.
 */
import {
  Kind,
  visit,
  type ASTNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { ADMISSION } from '#gateway/bounds/admission.ts';

/**
 * Looks at each field once for each place it is in, so its cost is that of the document with fragments written out,
 * which is bounded before.
 * @returns an operation with too many pairs; undefined when there is none
 */
export function tooManyOverlaps(document: DocumentNode): ASTNode | undefined {
  const counter = new OverlapCounter(document);
  if (counter.hasCycle()) return undefined; // Written out it would have no end; validation refuses it.
  return document.definitions.find(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION && counter.exceeds(definition.selectionSet),
  );
}

class OverlapCounter {
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  #pairs = 0;

  constructor(document: DocumentNode) {
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
    }
  }

  /** Whether a fragment leads back to itself, at whatever depth. */
  hasCycle(): boolean {
    const done = new Set<string>();
    const open = new Set<string>();
    const leadsBack = (name: string): boolean => {
      const fragment = this.#fragments.get(name);
      if (fragment === undefined || done.has(name)) return false;
      if (open.has(name)) return true;
      open.add(name);
      const spread = new Set<string>();
      visit(fragment, { FragmentSpread: (node) => void spread.add(node.name.value) });
      if ([...spread].some(leadsBack)) return true;
      open.delete(name);
      done.add(name);
      return false;
    };
    return [...this.#fragments.keys()].some(leadsBack);
  }

  exceeds(selectionSet: SelectionSetNode): boolean {
    this.#pairs = 0;
    this.#count([selectionSet]);
    return this.#pairs > ADMISSION.overlaps;
  }

  #count(selectionSets: readonly SelectionSetNode[]): void {
    const met = new Map<string, { times: number; below: SelectionSetNode[] }>();
    const collect = ({ selections }: SelectionSetNode): void => {
      for (const selection of selections) {
        if (selection.kind === Kind.FRAGMENT_SPREAD) {
          const fragment = this.#fragments.get(selection.name.value);
          if (fragment !== undefined) collect(fragment.selectionSet);
        } else if (selection.kind === Kind.INLINE_FRAGMENT) {
          collect(selection.selectionSet);
        } else {
          const name = selection.alias?.value ?? selection.name.value;
          let known = met.get(name);
          if (known === undefined) met.set(name, (known = { times: 0, below: [] }));
          this.#pairs += known.times;
          known.times += 1;
          if (selection.selectionSet !== undefined) known.below.push(selection.selectionSet);
        }
        if (this.#pairs > ADMISSION.overlaps) return;
      }
    };
    for (const selectionSet of selectionSets) collect(selectionSet);
    for (const { below } of met.values()) {
      if (this.#pairs > ADMISSION.overlaps) return;
      if (below.length > 0) this.#count(below);
    }
  }
}
