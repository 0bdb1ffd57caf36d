/**
 * Relay connections, forward only, over keyset cursors. A connection is named for the field that it serves
 * (`EntityDocumentConnection`), because two subgraphs may not define one connection.
 */
import type { ObjectRef, OutputType } from '@pothos/core';
import type { GraphQLResolveInfo } from 'graphql';
import { SHARED } from './bounds.ts';
import type { SubgraphSchema } from './builder.ts';
import { badUserInput } from './errors.ts';
import { wantedStream } from './streamed-lists.ts';

/** The page sizes that every connection accepts. */
export const PAGE = { default: SHARED.pageDefault, max: SHARED.pageMost } as const;

export interface Edge<Node> {
  /** Made when it is asked for: encoding those of a long list that nobody reads is work in vain. */
  cursor: () => string;
  node: Node;
}

/** What a resolver of a connection returns. `totalCount` runs only when the field is selected. */
export interface Page<Node, E extends Edge<Node> = Edge<Node>> {
  edges: E[];
  hasNextPage: boolean;
  totalCount?: () => Promise<number>;
}

/** The arguments of a connection field, as they come; see {@link pageArguments}. */
export interface PageArguments {
  first?: number | null;
  after?: string | null;
}

/**
 * Checks `first`.
 * @throws CodedError `BAD_USER_INPUT` when it is negative or over {@link PAGE}.max
 */
export function pageSize(first: number | null | undefined, limits: { default: number; max: number } = PAGE): number {
  const size = first ?? limits.default;
  if (size < 0) throw badUserInput(`\`first\` must not be negative; got ${size}.`);
  if (size > limits.max)
    throw badUserInput(`\`first\` is at most ${limits.max}; got ${size}.`, { hint: 'Page with `after`.' });
  return size;
}

/**
 * Turns `size + 1` rows into a page of `size`: the extra row only says that more follow.
 * @param cursorOf the cursor of one row: see {@link encodeCursor}
 */
export function pageOf<Node, E extends Edge<Node>>(
  rows: readonly Node[],
  size: number,
  edgeOf: (node: Node) => E,
): Page<Node, E> {
  return { edges: rows.slice(0, size).map(edgeOf), hasNextPage: rows.length > size };
}

/** Fields of a connection that may stand beside edges that are read as they go: they do not need the end of the page. */
const INDEPENDENT: ReadonlySet<string> = new Set(['totalCount', '__typename']);

/** How the rows of a list are read. */
export interface RowReader<Node, E extends Edge<Node>> {
  /** The most rows. */
  readonly size: number;
  /** Rows behind an edge (at the start where it is undefined), at most `limit`. */
  read(after: E | undefined, limit: number): Promise<readonly Node[]>;
  edgeOf(node: Node): E;
}

/**
 * A page of `size` rows. Where the client would have its edges as they come (`@stream`), they are read in smaller pages by their
 * keys, as far as somebody reads them; but where it asks for `pageInfo` too, which needs the end, all at once.
 */
export async function readPage<Node, E extends Edge<Node>>(
  reader: RowReader<Node, E>,
  info: GraphQLResolveInfo,
): Promise<Page<Node, E>> {
  const { size, read, edgeOf } = reader;
  const wanted = wantedStream(info, 'edges');
  if (wanted !== undefined && [...wanted.beside].every((name) => INDEPENDENT.has(name)))
    // To whoever executes, which is the only one to look at them, an iterable is a list.
    return { edges: edgesAsRead(reader, wanted.initialCount) as unknown as E[], hasNextPage: false };
  return pageOf(size === 0 ? [] : await read(undefined, size + 1), size, edgeOf);
}

async function* edgesAsRead<Node, E extends Edge<Node>>(
  { size, read, edgeOf }: RowReader<Node, E>,
  initialCount: number,
): AsyncGenerator<E> {
  let last: E | undefined;
  let limit = initialCount > 0 ? initialCount : SHARED.streamedRows;
  for (let left = size; left > 0;) {
    const most = Math.min(limit, left);
    const rows = await read(last, most);
    for (const row of rows) yield (last = edgeOf(row));
    if (rows.length < most) return;
    left -= most;
    limit = SHARED.streamedRows;
  }
}

/**
 * Defines `<name>Edge` and `<name>Connection`.
 * @param name what the field serves, such as `EntityDocument`
 * @param options.node the type of `node`
 * @param options.items what a page holds, in the plural, for the descriptions
 * @param options.totalCount whether the connection has a `totalCount` (counted only when selected)
 * @param options.edgeFields further fields of the edge, such as `score`
 * @param options.fields further fields of the connection, such as `truncated`
 */
export function connectionType<Node, E extends Edge<Node> = Edge<Node>, P extends Page<Node, E> = Page<Node, E>>(
  { builder, shared }: SubgraphSchema,
  name: string,
  options: {
    node: OutputType<any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- any subgraph's output type
    items: string;
    totalCount?: boolean;
    edgeFields?: (t: PothosSchemaTypes.ObjectFieldBuilder<any, E>) => Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
    fields?: (t: PothosSchemaTypes.ObjectFieldBuilder<any, P>) => Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  },
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
): ObjectRef<any, P> {
  const edge = builder.objectRef<E>(`${name}Edge`).implement({
    description: `One of the ${options.items}, with its place in the list.`,
    fields: (t) => ({
      cursor: t.string({
        nullable: false,
        description: 'Pass it as `after` to continue behind this item.',
        resolve: (parent) => parent.cursor(),
      }),
      node: t.field({
        type: options.node as never,
        nullable: false,
        description: 'The item itself.',
        resolve: (parent) => parent.node as never,
      }),
      ...options.edgeFields?.(t as never),
    }),
  });
  return builder.objectRef<P>(`${name}Connection`).implement({
    description: `A page of ${options.items}.`,
    fields: (t) => ({
      edges: t.field({
        type: [edge],
        nullable: { list: false, items: false },
        description: `The ${options.items} of this page, in order.`,
        resolve: (page) => page.edges,
      }),
      pageInfo: t.field({
        type: shared.PageInfo,
        nullable: false,
        description: 'Where this page ends.',
        resolve: (page) => ({ hasNextPage: page.hasNextPage, endCursor: page.edges.at(-1)?.cursor }),
      }),
      ...(options.totalCount
        ? {
            totalCount: t.int({
              description: 'How many items there are in all pages together; counted only when asked for.',
              resolve: (page) => page.totalCount?.() ?? null,
            }),
          }
        : {}),
      ...options.fields?.(t as never),
    }),
  }) as never;
}

/** The arguments `first` and `after` of a connection field. */
export function pageArguments(
  t: Pick<PothosSchemaTypes.InputFieldBuilder<any, 'Arg'>, 'int' | 'string'>, // eslint-disable-line @typescript-eslint/no-explicit-any -- any subgraph's builder
  limits: { default: number; max: number } = PAGE,
) {
  return {
    first: t.int({ description: `How many items to return: 0 to ${limits.max}; ${limits.default} when absent.` }),
    after: t.string({ description: 'The cursor behind which to continue; from the start when absent.' }),
  };
}
