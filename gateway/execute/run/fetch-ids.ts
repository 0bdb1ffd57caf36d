/**
 * By what deferred parts tell the fetches that they wait for. The planner numbers the fetches of each root field of a
 * mutation anew, so that one number may be of several; here each fetch has its own.
 */
import type { FetchNode } from '@apollo/query-planner';
import { Kind, parse } from 'graphql';

interface Numbered {
  readonly node: FetchNode;
  readonly path: readonly (string | number)[];
  readonly id: string;
}

/** The fetches of a plan that somebody waits for. */
export class FetchIds {
  readonly #byNumber = new Map<string, Numbered[]>();
  readonly #ids = new Map<FetchNode, string>();

  /** @param path at which the fetch is */
  add(node: FetchNode, path: readonly (string | number)[]): void {
    if (node.id === undefined) return;
    const known = this.#byNumber.get(node.id) ?? [];
    const id = known.length === 0 ? node.id : `${node.id}.${known.length}`;
    this.#byNumber.set(node.id, [...known, { node, path, id }]);
    this.#ids.set(node, id);
  }

  idOf(node: FetchNode): string | undefined {
    return this.#ids.get(node);
  }

  /**
   * The id of a fetch by the planner's number; undefined when the plan has none such.
   * @param queryPath of the part that waits for it
   */
  of(number: string, queryPath: readonly string[] = []): string | undefined {
    const candidates = this.#byNumber.get(number) ?? [];
    const found = candidates.length > 1 ? candidates.find((each) => isBelow(each, queryPath[0])) : undefined;
    return (found ?? candidates.at(-1))?.id;
  }
}

/** Whether a fetch is for the root field. */
function isBelow({ node, path }: Numbered, rootKey: string | undefined): boolean {
  const [first] = path;
  if (first !== undefined) return String(first).split('|')[0] === rootKey;
  return parse(node.operation, { noLocation: true }).definitions.some(
    (definition) =>
      definition.kind === Kind.OPERATION_DEFINITION &&
      definition.selectionSet.selections.some(
        (selection) => selection.kind === Kind.FIELD && (selection.alias?.value ?? selection.name.value) === rootKey,
      ),
  );
}
