/** Fields that lead from what a subgraph has to rows of this one. */
import type { GraphQLResolveInfo } from 'graphql';
import type { SubgraphTypes } from '#subgraphs/shared/builder-types.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { SourceRow } from '../driver.ts';
import type { ModelLink } from '../model/model.ts';
import { linkedOne, linkedPage, listArguments, listType } from './lists.ts';
import type { SchemaParts } from './parts.ts';

export type Fields<Row extends object = SourceRow> = PothosSchemaTypes.ObjectFieldBuilder<
  PothosSchemaTypes.ExtendDefaultTypes<SubgraphTypes>,
  Row
>;

/**
 * The field of a link.
 * @param rowOf what the link compares of the field's parent
 * @param more what else the field is defined with
 */
export function linkField<Row extends object = SourceRow>(
  parts: SchemaParts,
  t: Fields<Row>,
  link: ModelLink,
  rowOf: (row: Row) => Pick<SourceRow, 'texts'> = (row) => row as unknown as SourceRow,
  more: object = {},
) {
  const to = parts.typeOf(link.to);
  if (!link.many)
    return t.field({
      ...more,
      type: parts.refs.get(link.to)! as never,
      description: link.description,
      resolve: ((row: Row, _: unknown, context: RequestContext, info: GraphQLResolveInfo) =>
        linkedOne(parts, link, rowOf(row), context, info)) as never,
    });
  return t.field({
    ...more,
    type: listType(parts, to) as never,
    description: link.description,
    args: listArguments(parts, to, t.arg) as never,
    resolve: ((row: Row, args: object, context: RequestContext, info: GraphQLResolveInfo) =>
      linkedPage(parts, link, rowOf(row), args, context, info)) as never,
  });
}
