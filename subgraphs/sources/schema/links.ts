/** Fields that lead from what a subgraph has to rows of this one. */
import type { GraphQLResolveInfo } from 'graphql';
import type { SubgraphTypes } from '#subgraphs/shared/builder-types.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { SourceRow } from '../driver.ts';
import type { ModelLink } from '../model/model.ts';
import { linkedAggregate } from './aggregates.ts';
import { linkedOne, linkedPage, listArguments, listType } from './lists.ts';
import type { SchemaParts } from './parts.ts';

export type Fields<Row extends object = SourceRow> = PothosSchemaTypes.ObjectFieldBuilder<
  PothosSchemaTypes.ExtendDefaultTypes<SubgraphTypes>,
  Row
>;

/** What else the fields of a link are defined with. */
export interface LinkOptions {
  /** All of them. */
  readonly all?: object;
  /** The one by which filters of other stores go. */
  readonly led?: object;
}

/**
 * The fields of a link, by name: what it leads to, and of many how many they are.
 * @param rowOf what the link compares of the fields' parent
 */
export function linkFields<Row extends object = SourceRow>(
  parts: SchemaParts,
  t: Fields<Row>,
  link: ModelLink,
  rowOf: (row: Row) => Pick<SourceRow, 'texts'> = (row) => row as unknown as SourceRow,
  { all = {}, led = {} }: LinkOptions = {},
): Record<string, unknown> {
  const to = parts.typeOf(link.to);
  if (!link.many)
    return {
      [link.field]: t.field({
        ...all,
        ...led,
        type: parts.refs.get(link.to)! as never,
        description: link.description,
        resolve: ((row: Row, _: unknown, context: RequestContext, info: GraphQLResolveInfo) =>
          linkedOne(parts, link, rowOf(row), context, info)) as never,
      }),
    };
  const listed = t.field({
    ...all,
    ...led,
    type: listType(parts, to) as never,
    description: link.description,
    args: listArguments(parts, to, t.arg) as never,
    resolve: ((row: Row, args: object, context: RequestContext, info: GraphQLResolveInfo) =>
      linkedPage(parts, link, rowOf(row), args, context, info)) as never,
  });
  if (link.aggregate === undefined || parts.driver.aggregate === undefined) return { [link.field]: listed };
  return {
    [link.field]: listed,
    [link.aggregate]: t.field({ ...all, ...linkedAggregate(parts, t, link, rowOf) } as never),
  };
}
