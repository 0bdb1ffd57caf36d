/**
 * Relay connections (https://relay.dev/graphql/connections.htm) over keyset cursors, in both directions where the store can
 * read both. A connection is named for the field that it serves
 * (`EntityDocumentConnection`), because two subgraphs may not define one connection.
 */
import type { ObjectRef, OutputType } from '@pothos/core';
import type { GraphQLResolveInfo } from 'graphql';
import { SHARED } from './bounds.ts';
import type { SubgraphSchema } from './builder.ts';
import { badUserInput } from './errors.ts';
import { selects } from './selections.ts';
import { wantedStream } from './streamed-lists.ts';

/** The page sizes that every connection accepts. */
export const PAGE = { default: SHARED.pageDefault, max: SHARED.pageMost } as const;

export interface Edge<Node> {
  /** Made when it is asked for: encoding those of a long list that nobody reads is work in vain. */
  cursor: () => string;
  node: Node;
}

/** What a resolver of a connection returns. `totalCount` runs only when the field is selected; null where it is not known. */
export interface Page<Node, E extends Edge<Node> = Edge<Node>> {
  edges: E[];
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  totalCount?: () => number | null | Promise<number | null>;
}

/** The arguments of a connection field, as they come; see {@link pageArguments}. */
export interface PageArguments {
  first?: number | null;
  after?: string | null;
  last?: number | null;
  before?: string | null;
}

/** Which page of a list: how many rows, which way they are read, and where that begins. */
export interface PageRequest {
  readonly size: number;
  /** Whether the list is read from its end towards its start. The page is in the list's order all the same. */
  readonly backward: boolean;
  /** The cursor behind which reading begins, in the direction of reading; undefined for an end of the list. */
  readonly from: string | undefined;
}

/**
 * Checks `first`, or `last`.
 * @throws CodedError `BAD_USER_INPUT` when it is negative or over {@link PAGE}.max
 */
export function pageSize(
  first: number | null | undefined,
  limits: { default: number; max: number } = PAGE,
  name: 'first' | 'last' = 'first',
): number {
  const size = first ?? limits.default;
  if (size < 0) throw badUserInput(`\`${name}\` must not be negative; got ${size}.`);
  if (size > limits.max)
    throw badUserInput(`\`${name}\` is at most ${limits.max}; got ${size}.`, {
      hint: `Page with \`${name === 'last' ? 'before' : 'after'}\`.`,
    });
  return size;
}

/**
 * What `first` and `after`, or `last` and `before`, ask for; the list's start where nothing does.
 * @throws CodedError `BAD_USER_INPUT` for a size that may not be, and for the two ways mixed
 */
export function pageRequest(
  { first, after, last, before }: PageArguments,
  limits: { default: number; max: number } = PAGE,
): PageRequest {
  const backward = last != null;
  if (backward && first != null) throw mixed('`first` and `last` cannot both be given.');
  if (backward && after != null) throw mixed('`after` goes with `first`, not with `last`.');
  if (!backward && before != null) throw mixed('`before` goes with `last`.');
  const size = backward ? pageSize(last, limits, 'last') : pageSize(first, limits);
  return { size, backward, from: (backward ? before : after) ?? undefined };
}

const mixed = (message: string) =>
  badUserInput(message, { hint: 'Page forwards with `first` and `after`, or backwards with `last` and `before`.' });

/**
 * Turns `size + 1` rows, in the direction in which they were read, into a page of `size` in the list's order: the extra row only
 * says that there are more. On the other side there are some where the page begins behind a cursor, which was once of one.
 * @param edgeOf the edge of one row; its cursor: see {@link encodeCursor}
 */
export function pageOf<Row, Node, E extends Edge<Node>>(
  rows: readonly Row[],
  { size, backward, from }: PageRequest,
  edgeOf: (row: Row) => E,
): Page<Node, E> {
  const edges = rows.slice(0, size).map(edgeOf);
  const further = rows.length > size;
  const behind = from !== undefined;
  return backward
    ? { edges: edges.reverse(), hasNextPage: behind, hasPreviousPage: further }
    : { edges, hasNextPage: further, hasPreviousPage: behind };
}

/** Fields of a connection that may stand beside edges that are read as they go: they do not need the end of the page. */
const INDEPENDENT: ReadonlySet<string> = new Set(['totalCount', '__typename']);

/** How the rows of a list are read. */
export interface RowReader<Node, E extends Edge<Node>> {
  readonly page: PageRequest;
  /** Rows behind an edge (where the page begins where it is undefined) in the direction of reading, at most `limit`. */
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
  const { page } = reader;
  // What is read backwards is known in its order only when all of it is there.
  const wanted = page.backward ? undefined : wantedStream(info, 'edges');
  if (wanted !== undefined && [...wanted.beside].every((name) => INDEPENDENT.has(name)))
    // To whoever executes, which is the only one to look at them, an iterable is a list.
    return {
      edges: edgesAsRead(reader, wanted.initialCount) as unknown as E[],
      hasNextPage: false,
      hasPreviousPage: page.from !== undefined,
    };
  return await pageOfRows(reader, info);
}

/** A page of rows, which are read with one more. Of an empty page nothing is read, unless it is asked whether there is something behind it. */
export async function pageOfRows<Node, E extends Edge<Node>>(
  { page, read, edgeOf }: RowReader<Node, E>,
  info: GraphQLResolveInfo,
): Promise<Page<Node, E>> {
  const isCounted = page.size === 0 && !selects(info, ['pageInfo']);
  return pageOf(isCounted ? [] : await read(undefined, page.size + 1), page, edgeOf);
}

async function* edgesAsRead<Node, E extends Edge<Node>>(
  { page: { size }, read, edgeOf }: RowReader<Node, E>,
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
 * @param options.totalCount whether the connection has a `totalCount` (counted only when selected), or what it counts where that is not all items
 * @param options.edgeFields further fields of the edge, such as `score`
 * @param options.fields further fields of the connection, such as `truncated`
 */
export function connectionType<Node, E extends Edge<Node> = Edge<Node>, P extends Page<Node, E> = Page<Node, E>>(
  { builder, shared }: SubgraphSchema,
  name: string,
  options: {
    node: OutputType<any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- any subgraph's output type
    items: string;
    totalCount?: boolean | string;
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
      nodes: t.field({
        type: [options.node as never],
        nullable: { list: false, items: false },
        description: `The ${options.items} of this page, in order: the \`node\` of each edge.`,
        resolve: (page) => page.edges.map(({ node }) => node) as never,
      }),
      pageInfo: t.field({
        type: shared.PageInfo,
        nullable: false,
        description: 'Where this page begins and ends.',
        resolve: ({ edges, hasNextPage, hasPreviousPage }) => ({
          hasNextPage,
          hasPreviousPage,
          startCursor: edges[0]?.cursor,
          endCursor: edges.at(-1)?.cursor,
        }),
      }),
      ...(options.totalCount
        ? {
            totalCount: t.int({
              description:
                typeof options.totalCount === 'string'
                  ? options.totalCount
                  : 'How many items there are in all pages together; counted only when asked for.',
              resolve: (page) => page.totalCount?.() ?? null,
            }),
          }
        : {}),
      ...options.fields?.(t as never),
    }),
  }) as never;
}

/** The arguments `first` and `after` of a connection field: all that a list takes whose store reads it one way only. */
export function forwardArguments(
  t: Pick<PothosSchemaTypes.InputFieldBuilder<any, 'Arg'>, 'int' | 'string'>, // eslint-disable-line @typescript-eslint/no-explicit-any -- any subgraph's builder
  limits: { default: number; max: number } = PAGE,
) {
  return {
    first: t.int({ description: `How many items to return: 0 to ${limits.max}; ${limits.default} when absent.` }),
    after: t.string({ description: 'The cursor behind which to continue; from the start when absent.' }),
  };
}

/** {@link forwardArguments}, and `last` and `before`. */
export function pageArguments(
  t: Pick<PothosSchemaTypes.InputFieldBuilder<any, 'Arg'>, 'int' | 'string'>, // eslint-disable-line @typescript-eslint/no-explicit-any -- any subgraph's builder
  limits: { default: number; max: number } = PAGE,
) {
  return {
    ...forwardArguments(t, limits),
    last: t.int({ description: `How many items to return from the end, instead of \`first\`: 0 to ${limits.max}.` }),
    before: t.string({ description: 'The cursor before which `last` ends; at the end of the list when absent.' }),
  };
}
