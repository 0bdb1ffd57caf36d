/**
 * Relay connections, forward only, over keyset cursors. A connection is named for the field that it serves
 * (`EntityDocumentConnection`), because two subgraphs may not define one connection.
 */
import type { ObjectRef, OutputType } from '@pothos/core';
import { SHARED } from './bounds.ts';
import type { SubgraphSchema } from './builder.ts';
import { badUserInput } from './errors.ts';

/** The page sizes that every connection accepts. */
export const PAGE = { default: SHARED.pageDefault, max: SHARED.pageMost } as const;

export interface Edge<Node> {
  cursor: string;
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
        resolve: (parent) => parent.cursor,
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
        resolve: (page) => ({ hasNextPage: page.hasNextPage, endCursor: page.edges.at(-1)?.cursor ?? null }),
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
