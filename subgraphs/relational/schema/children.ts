/** Lists of what belongs to one row, in the order of one whole number: a document's chunks, an agent's versions. */
import type { GraphQLResolveInfo } from 'graphql';
import { pageOfRows, pageRequest, type Edge, type Page, type PageArguments } from '#subgraphs/shared/connections.ts';
import { decodeCursor, encodeCursor } from '#subgraphs/shared/cursors.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { ChildRequest } from '../driver.ts';

/**
 * A page of such a list.
 * @param list the list's name, which its cursors carry
 * @param placeOf the number that orders it
 * @param load the rows that a request is for
 * @throws CodedError `BAD_USER_INPUT` for a cursor of another list, or a size that may not be
 */
export async function pageOfChildren<Row>(
  list: string,
  args: PageArguments,
  placeOf: (row: Row) => number,
  load: (request: ChildRequest) => Promise<Row[]>,
  info: GraphQLResolveInfo,
): Promise<Page<Row, Edge<Row>>> {
  const page = pageRequest(args);
  const { backward, from } = page;
  const after = from === undefined ? undefined : placeIn(list, from);
  const reader = {
    page,
    read: (_: unknown, limit: number) => load({ after, backward, limit }),
    edgeOf: (node: Row) => ({ cursor: () => encodeCursor(list, [placeOf(node)]), node }),
  };
  return await pageOfRows(reader, info);
}

function placeIn(list: string, cursor: string): number {
  const [value] = decodeCursor(list, cursor, 1);
  if (typeof value !== 'number' || !Number.isInteger(value) || Math.abs(value) > 0x7fffffff) {
    throw badUserInput('`after` or `before` is not a cursor of this list.');
  }
  return value;
}
