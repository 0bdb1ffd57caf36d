/** Turns paths in the engine's data into paths in the client's answer. */
import { Kind, type SelectionSetNode } from 'graphql';
import type { Path } from './response-errors.ts';
import type { ShapedOperation } from './shape.ts';

interface Selected {
  /** The client's name. */
  readonly name: string;
  readonly selectionSets: SelectionSetNode[];
  below: Map<string, Selected> | undefined;
}

/** What an operation selects, whatever the types. */
export class ClientPaths {
  readonly #source: ShapedOperation;
  #root: Map<string, Selected> | undefined;

  constructor(source: ShapedOperation) {
    this.#source = source;
  }

  /** The path in the client's names, ending where the client's selection does: what only the plan fetched has no place in the answer. */
  of(path: Path): (string | number)[] {
    const result: (string | number)[] = [];
    let fields = (this.#root ??= this.#select([this.#source.operation.selectionSet]));
    for (const part of path) {
      if (typeof part === 'number') {
        result.push(part);
        continue;
      }
      const selected = fields.get(part);
      if (selected === undefined) break;
      result.push(selected.name);
      fields = selected.below ??= this.#select(selected.selectionSets);
    }
    return result;
  }

  #select(selectionSets: readonly SelectionSetNode[]): Map<string, Selected> {
    const fields = new Map<string, Selected>();
    const collect = (selectionSet: SelectionSetNode): void => {
      for (const selection of selectionSet.selections) {
        if (selection.kind === Kind.FIELD) {
          const key = selection.alias?.value ?? selection.name.value;
          let selected = fields.get(key);
          if (selected === undefined) {
            selected = { name: this.#source.responseNames.get(key) ?? key, selectionSets: [], below: undefined };
            fields.set(key, selected);
          }
          if (selection.selectionSet !== undefined) selected.selectionSets.push(selection.selectionSet);
        } else {
          const below = selection.kind === Kind.INLINE_FRAGMENT ? selection : this.#source.fragments.get(selection.name.value);
          if (below !== undefined) collect(below.selectionSet);
        }
      }
    };
    selectionSets.forEach(collect);
    return fields;
  }
}
