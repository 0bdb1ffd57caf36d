/** What an operation asks of a list besides its filter. */
import { Kind, type FieldNode, type FragmentDefinitionNode } from 'graphql';

/** What is asked of a list: rows alone, rows with what tells their place, or more than rows. */
export type Asked = 'rows' | 'places' | 'more';

const ROWS: ReadonlySet<string> = new Set(['nodes', 'edges', 'pageInfo', '__typename']);

/** @param fields the same list, wherever the operation mentions it */
export function askedOf(fields: Iterable<FieldNode>, fragments: Fragments): Asked {
  let asked: Asked = 'rows';
  for (const field of fields)
    for (const selected of selectedIn(field, fragments)) {
      const name = selected.name.value;
      if (!ROWS.has(name)) return 'more';
      if (name !== 'edges') continue;
      for (const of of selectedIn(selected, fragments))
        if (of.selectionSet !== undefined && of.name.value !== 'node') asked = 'places';
    }
  return asked;
}

/** The fragments of an operation, by their names. */
export type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** What a field is called in the answer. */
export const responseNameOf = ({ alias, name }: FieldNode): string => (alias ?? name).value;

/** The fields that are selected in something, in its fragments too. */
export function* selectedIn(
  { selectionSet }: { readonly selectionSet?: FieldNode['selectionSet'] },
  fragments: Fragments,
): Generator<FieldNode> {
  for (const selection of selectionSet?.selections ?? [])
    if (selection.kind === Kind.FIELD) yield selection;
    else
      yield* selectedIn(
        selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value)! : selection,
        fragments,
      );
}

/** The argument that the gateway adds to lists: whether what was found before a bound is enough. */
export const APPROXIMATE = 'approximate';

/** How it is described, by which it is told from one of a subgraph's. */
export const APPROXIMATE_DESCRIPTION =
  'Whether what was found is enough where conditions on other stores take more than a bound of the server lets through, instead of QUERY_TOO_COSTLY. All of it matches; some that match may be missing, and `extensions.approximate` says so.';
