/** A list that is asked for by keys, and its answer as the client asked for it. */
import { GraphQLError, Kind, type ExecutionResult, type FieldNode } from 'graphql';
import { APPROXIMATE, responseNameOf, selectedIn, type Fragments } from './asked.ts';
import { ORDER } from './declared-orders.ts';
import type { TypeList } from './declared-types.ts';

/** Names in the answer that are this file's own. */
const NODES = 'conditions_nodes';
const KEY = 'conditions_key';

const GIVEN: ReadonlySet<string> = new Set([ORDER, APPROXIMATE, 'first', 'after', 'last', 'before']);

const nameNode = (value: string) => ({ kind: Kind.NAME, value }) as const;
export const variableNode = (name: string) => ({ kind: Kind.VARIABLE, name: nameNode(name) }) as const;

/** Where the keys stand in an operation. */
export interface ByKeys {
  readonly list: TypeList | undefined;
  /** The variables that have them, and how many they are. */
  readonly where: string;
  readonly first: string;
}

/** The list by keys, with its keys. */
export function byKeys(field: FieldNode, { list, where, first }: ByKeys): FieldNode {
  const { argument, key } = list!;
  const given = (name: string, variable: string) =>
    ({ kind: Kind.ARGUMENT, name: nameNode(name), value: variableNode(variable) }) as const;
  const kept = (field.arguments ?? []).filter(({ name }) => name.value !== argument && !GIVEN.has(name.value));
  const keys: FieldNode = {
    kind: Kind.FIELD,
    alias: nameNode(NODES),
    name: nameNode('nodes'),
    selectionSet: {
      kind: Kind.SELECTION_SET,
      selections: [{ kind: Kind.FIELD, alias: nameNode(KEY), name: nameNode(key) }],
    },
  };
  const { selections } = field.selectionSet!;
  return {
    ...field,
    arguments: [...kept, given(argument, where), given('first', first)],
    selectionSet: { kind: Kind.SELECTION_SET, selections: [...selections, keys] },
  };
}

/** A page of a list whose order was worked out. */
export interface OrderedPage {
  readonly items: readonly { readonly key: string; cursor(): string }[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  /** How many there are in all pages; null where that is not known. */
  readonly total: number | null;
}

const TOLD: ReadonlySet<string> = new Set(['nodes', 'edges', 'pageInfo', 'totalCount', '__typename']);

/** What of a list tells more than its rows and how many they are: it would be told of the page alone. */
export function moreThanRows(fields: Iterable<FieldNode>, fragments: Fragments): string | undefined {
  for (const field of fields)
    for (const { name } of selectedIn(field, fragments)) if (!TOLD.has(name.value)) return name.value;
  return undefined;
}

type Json = Record<string, unknown>;

/**
 * Puts what was found by keys in the order of the page.
 * @param fields the list, wherever the client mentions it
 */
export function inOrder(
  result: ExecutionResult,
  fields: readonly FieldNode[],
  fragments: Fragments,
  page: OrderedPage,
): ExecutionResult {
  const name = responseNameOf(fields[0]!);
  const connection = result.data?.[name] as Json | null | undefined;
  if (connection === null || connection === undefined) return result;
  const at = new Map((connection[NODES] as (Json | null)[]).map((node, index) => [String(node?.[KEY]), index]));
  delete connection[NODES];
  // What was deleted meanwhile is not among them.
  const items = page.items.filter(({ key }) => at.has(key));
  const from = items.map(({ key }) => at.get(key)!);
  const moved = new Set<string>();
  const selected = fields.flatMap((field) => [...selectedIn(field, fragments)]);
  for (const field of selected) {
    const own = responseNameOf(field);
    const value = connection[own];
    const children = [...selectedIn(field, fragments)];
    if (field.name.value === 'totalCount') connection[own] = page.total;
    if (field.name.value === 'pageInfo')
      for (const child of children) {
        const told = pageInfoOf(child.name.value, items, page);
        if (told !== undefined) (value as Json)[responseNameOf(child)] = told;
      }
    if (field.name.value !== 'nodes' && field.name.value !== 'edges') continue;
    if (!moved.has(own)) connection[own] = from.map((index) => (value as unknown[])[index]);
    moved.add(own);
    if (field.name.value === 'edges')
      for (const child of children)
        if (child.name.value === 'cursor')
          (connection[own] as Json[]).forEach((edge, index) => {
            edge[responseNameOf(child)] = items[index]!.cursor();
          });
  }
  if (result.errors === undefined) return result;
  return { ...result, errors: result.errors.flatMap((error) => movedError(error, name, moved, from)) };
}

function pageInfoOf(
  field: string,
  items: OrderedPage['items'],
  { hasNextPage, hasPreviousPage }: OrderedPage,
): unknown {
  if (field === 'hasNextPage') return hasNextPage;
  if (field === 'hasPreviousPage') return hasPreviousPage;
  if (field === 'startCursor') return items[0]?.cursor() ?? null;
  return field === 'endCursor' ? (items.at(-1)?.cursor() ?? null) : undefined;
}

/** An error where its field stands now. */
function movedError(
  error: GraphQLError,
  list: string,
  moved: ReadonlySet<string>,
  from: readonly number[],
): GraphQLError[] {
  const { path, message, extensions, originalError } = error;
  if (path?.[0] !== list || typeof path[2] !== 'number') return [error];
  if (path[1] === NODES) return [];
  if (!moved.has(String(path[1]))) return [error];
  const at = from.indexOf(path[2]);
  if (at === -1) return [];
  return [new GraphQLError(message, { path: [list, path[1]!, at, ...path.slice(3)], extensions, originalError })];
}
