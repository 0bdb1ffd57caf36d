/** Turns paths in the engine's data into paths in the client's answer. */
import { Kind, type SelectionSetNode } from 'graphql';
import type { Path } from './response-errors.ts';
import type { ShapedOperation } from './shape.ts';

interface Selected {
  /** The client's name. */
  readonly name: string;
  /** For each place where it is selected: the types that the object must match. */
  readonly conditions: (readonly string[])[];
  readonly selectionSets: SelectionSetNode[];
  below: Map<string, Selected> | undefined;
}

/** Whether an object of the type `name` matches a type condition. */
type Matches = (name: string, condition: string) => boolean;

/** What an operation selects, by path. */
export class ClientPaths {
  readonly #source: ShapedOperation;
  readonly #matches: Matches;
  #root: Map<string, Selected> | undefined;

  constructor(source: ShapedOperation, matches: Matches) {
    this.#source = source;
    this.#matches = matches;
  }

  /**
   * The path in the client's names, ending where the client's selection does: what only the plan fetched has no place
   * in the answer.
   * @param data what the path is of
   * @returns undefined when the client selects the field of other types only: subgraphs may be asked for more than they
   *   need be
   */
  of(path: Path, data: unknown): (string | number)[] | undefined {
    const result: (string | number)[] = [];
    let fields = (this.#root ??= this.#select([this.#source.operation.selectionSet]));
    let value = data;
    for (const part of path) {
      const typeName = (value as { __typename?: unknown } | null | undefined)?.__typename;
      value = (value as Record<string | number, unknown> | null | undefined)?.[part];
      if (typeof part === 'number') {
        result.push(part);
        continue;
      }
      const selected = fields.get(part);
      if (selected === undefined) break;
      if (
        typeof typeName === 'string' &&
        !selected.conditions.some((conditions) => conditions.every((type) => this.#matches(typeName, type)))
      )
        return undefined;
      result.push(selected.name);
      fields = selected.below ??= this.#select(selected.selectionSets);
    }
    return result;
  }

  #select(selectionSets: readonly SelectionSetNode[]): Map<string, Selected> {
    const fields = new Map<string, Selected>();
    const collect = (selectionSet: SelectionSetNode, conditions: readonly string[]): void => {
      for (const selection of selectionSet.selections) {
        if (selection.kind === Kind.FIELD) {
          const key = selection.alias?.value ?? selection.name.value;
          let selected = fields.get(key);
          if (selected === undefined) {
            selected = {
              name: this.#source.responseNames.get(key) ?? key,
              conditions: [],
              selectionSets: [],
              below: undefined,
            };
            fields.set(key, selected);
          }
          selected.conditions.push(conditions);
          if (selection.selectionSet !== undefined) selected.selectionSets.push(selection.selectionSet);
        } else {
          const below =
            selection.kind === Kind.INLINE_FRAGMENT ? selection : this.#source.fragments.get(selection.name.value);
          const condition = below?.typeCondition?.name.value;
          if (below !== undefined)
            collect(below.selectionSet, condition === undefined ? conditions : [...conditions, condition]);
        }
      }
    };
    for (const selectionSet of selectionSets) collect(selectionSet, []);
    return fields;
  }
}
