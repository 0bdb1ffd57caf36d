/** Puts `@defer` around parts of an operation: applied in order, the parts must make the answer that it has without. */
import { Kind, parse, visit, type DocumentNode, type InlineFragmentNode, type SelectionNode } from 'graphql';
import { Random } from './random.ts';

const [DEFER] = (
  parse('{ ... @defer { a } }').definitions[0] as unknown as {
    selectionSet: { selections: [InlineFragmentNode] };
  }
).selectionSet.selections[0].directives!;

/** The planner takes very long where much is deferred within one another. */
const MOST = 3;

/**
 * The operation with some of what it selects in deferred fragments, without conditions or on the type that their fragment
 * had.
 * @param probability of each part to be deferred
 */
export function deferParts(document: DocumentNode, seed: number, probability = 0.2): DocumentNode {
  const random = new Random(seed);
  let left = MOST;
  const isChosen = (): boolean => left > 0 && random.chance(probability) && left-- > 0;
  return visit(document, {
    InlineFragment: (fragment) =>
      !(fragment.directives ?? []).some(({ name }) => name.value === 'defer') && isChosen()
        ? { ...fragment, directives: [...(fragment.directives ?? []), DEFER!] }
        : undefined,
    SelectionSet: {
      leave({ kind, selections }) {
        // One run of them, whatever it holds.
        if (!isChosen()) return undefined;
        const from = random.below(selections.length);
        const to = from + 1 + random.below(selections.length - from);
        const part: SelectionNode = {
          kind: Kind.INLINE_FRAGMENT,
          directives: [DEFER!],
          selectionSet: { kind, selections: selections.slice(from, to) },
        };
        return { kind, selections: [...selections.slice(0, from), part, ...selections.slice(to)] };
      },
    },
  });
}
