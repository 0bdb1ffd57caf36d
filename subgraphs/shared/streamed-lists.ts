/**
 * What a resolver can know of lists below its field that the client would have item by item (`@stream`): it may then read them a
 * page at a time. Where nobody asks for that, or nobody tells, a list is read whole.
 */
import { Kind, type FieldNode, type GraphQLResolveInfo, type SelectionSetNode } from 'graphql';

/** A list that may be given item by item. */
export interface StreamableList {
  /** The keys that lead to it in the answer, without the places of items. */
  readonly path: readonly string[];
  /** How many items the client wants at once. */
  readonly initialCount: number;
}

/** What the client wants of a list. */
export interface WantedStream {
  readonly initialCount: number;
  /** Names of the fields that are selected beside it. */
  readonly beside: ReadonlySet<string>;
}

const known = new WeakMap<GraphQLResolveInfo, readonly StreamableList[]>();

/** Has a resolver know. */
export function noteStreams(info: GraphQLResolveInfo, lists: readonly StreamableList[]): void {
  known.set(info, lists);
}

/**
 * Whether the list that is the field's own `field` may be an `AsyncIterable` that is read as it goes.
 * @returns undefined where it is to be whole
 */
export function wantedStream(info: GraphQLResolveInfo, field: string): WantedStream | undefined {
  const lists = known.get(info);
  if (lists === undefined) return undefined;
  const at: string[] = [];
  for (let path: GraphQLResolveInfo['path'] | undefined = info.path; path !== undefined; path = path.prev)
    if (typeof path.key === 'string') at.unshift(path.key);
  const selected = info.fieldNodes.flatMap(({ selectionSet }) => [...fieldsOf(selectionSet)]);
  for (const { path, initialCount } of lists) {
    if (path.length !== at.length + 1 || !at.every((key, index) => key === path[index])) continue;
    const key = path.at(-1);
    const isIt = ({ alias, name }: FieldNode): boolean => (alias ?? name).value === key;
    if (!selected.some((node) => isIt(node) && node.name.value === field)) continue;
    return {
      initialCount,
      beside: new Set(selected.filter((node) => !isIt(node)).map(({ name }) => name.value)),
    };
  }
  return undefined;
}

function* fieldsOf(selectionSet: SelectionSetNode | undefined): Generator<FieldNode> {
  for (const selection of selectionSet?.selections ?? []) {
    if (selection.kind === Kind.FIELD) yield selection;
    else if (selection.kind === Kind.INLINE_FRAGMENT) yield* fieldsOf(selection.selectionSet);
  }
}
