/**
 * Which lists of a plan's answer are given item by item: those that one fetch brings alone, from a subgraph that can. What the
 * plan does behind their items it does for each batch of them.
 */
import { initialCountOf, type StreamedField } from '#gateway/plan/streamed-fields.ts';
import type { ItemStream, StreamRequest } from '../clients/subgraph-client.ts';
import type { ExecutableFetch, ExecutableNode } from './executable-plan.ts';
import type { MergeShape } from './merge.ts';

/** A list that one fetch of a plan brings. */
interface StreamableList {
  readonly field: StreamedField;
  readonly fetch: ExecutableFetch;
  /** Its path in that subgraph's answer, without the places of items. */
  readonly from: readonly string[];
  /** What the fetch selects of its items; undefined for leaves. */
  readonly shape: MergeShape | undefined;
  /** The fetches for its items. */
  readonly behind: ReadonlySet<ExecutableFetch>;
  /** Labels of the deferred parts that it is in, from the outermost. */
  readonly parts: readonly string[];
}

/** A list whose first items are in the answer. */
export interface OpenedList extends StreamableList {
  readonly items: ItemStream;
}

/** The lists of one run. */
export class Streaming {
  /** In the order in which they were opened. */
  readonly opened: OpenedList[] = [];
  readonly #requests = new Map<ExecutableFetch, StreamRequest[]>();

  /** @throws CodedError `BAD_USER_INPUT` for an `initialCount` that is none */
  constructor(
    fields: readonly StreamedField[],
    node: ExecutableNode | undefined,
    variables: Readonly<Record<string, unknown>>,
  ) {
    const fetches = node === undefined ? [] : [...fetchesOf(node)];
    for (const field of fields) {
      const initialCount = initialCountOf(field, variables);
      const list = streamable(field, fetches);
      if (list === undefined) continue;
      const { fetch, from } = list;
      const request = {
        path: from,
        initialCount,
        opened: (items: ItemStream) => void this.opened.push({ ...list, items }),
      };
      this.#requests.set(fetch, [...(this.#requests.get(fetch) ?? []), request]);
    }
  }

  /** What a fetch's subgraph may give item by item; undefined for nothing. */
  requestsOf(fetch: ExecutableFetch): readonly StreamRequest[] | undefined {
    return this.#requests.get(fetch);
  }
}

type FoundFetch = Pick<StreamableList, 'fetch' | 'parts'>;

function* fetchesOf(node: ExecutableNode, parts: readonly string[] = []): Generator<FoundFetch> {
  switch (node.kind) {
    case 'fetch':
      yield { fetch: node, parts };
      return;
    case 'condition':
      if (node.then !== undefined) yield* fetchesOf(node.then, parts);
      if (node.otherwise !== undefined) yield* fetchesOf(node.otherwise, parts);
      return;
    case 'defer':
      if (node.primary !== undefined) yield* fetchesOf(node.primary, parts);
      for (const { label, node: below } of node.parts)
        if (below !== undefined) yield* fetchesOf(below, [...parts, label]);
      return;
    default:
      for (const child of node.nodes) yield* fetchesOf(child, parts);
  }
}

/** @returns undefined where several fetches bring the list together, or the list is not their own */
function streamable(field: StreamedField, fetches: readonly FoundFetch[]): StreamableList | undefined {
  const { path } = field;
  const found = fetches.flatMap(({ fetch, parts }) => {
    const selected = selectedBy(fetch, path);
    return selected === undefined ? [] : [{ field, fetch, parts, ...selected }];
  });
  const [list] = found;
  if (list === undefined || found.length > 1 || list.fetch.shareable) return undefined;
  const behind = fetches
    .map(({ fetch }) => fetch)
    .filter((fetch) => path.every((key, index) => fetch.path[index]?.key === key));
  return { ...list, behind: new Set(behind) };
}

/** Where the list at the path is in the answer to the fetch. */
function selectedBy(
  fetch: ExecutableFetch,
  path: readonly string[],
): Pick<StreamableList, 'from' | 'shape'> | undefined {
  const above = fetch.path.length;
  if (above >= path.length || !fetch.path.every(({ key }, index) => key === path[index])) return undefined;
  const from = fetch.representations === undefined ? [] : ['_entities'];
  let shape: MergeShape | undefined = fetch.shape;
  for (const key of path.slice(above)) {
    const field: MergeShape['fields'][number] | undefined = shape?.fields.find(({ to }) => to === key);
    if (field === undefined) return undefined;
    from.push(field.from);
    shape = field.shape;
  }
  return { from, shape };
}
