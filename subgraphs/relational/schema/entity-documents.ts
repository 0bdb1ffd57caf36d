/**
 * `Entity.documents`. Which documents name an entity the graph tells; what they are, which of them match, and in which order they come, is
 * known here.
 */
import { connectionType, pageOfRows, type Edge, type Page } from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { DocumentRow, ListRequest } from '../driver.ts';
import { MODELS, type Model } from '../models/columns.ts';
import type { Order } from '../models/sort.ts';
import { listArguments, rowReader, type ListArguments, type SchemaParts } from './entity.ts';

interface NamingPage extends Page<DocumentRow> {
  readonly truncated: () => Promise<boolean>;
}

/** That of the graph: a list that asks for nothing else is read there, however long it is. */
const BY_ID: Order = { field: 'id', direction: 'ASC' };

export function addEntityDocuments({ subgraph, builder, types, stubs, inputs, loaders }: SchemaParts): void {
  const model = MODELS.Document as Model;
  const connection = connectionType<DocumentRow, Edge<DocumentRow>, NamingPage>(subgraph, 'EntityDocument', {
    node: types.Document,
    items: 'documents that name an entity',
    fields: (t) => ({
      totalCount: t.int({
        description:
          'How many items there are in all pages together; counted only when asked for. Null where the list is `truncated`.',
        resolve: (page: NamingPage) => page.totalCount?.() ?? null,
      }),
      truncated: t.boolean({
        nullable: false,
        description:
          'True where `where` or `orderBy` was given and more documents name the entity than are looked through for that (`ENTITY_DOCUMENTS`, for all entities of one level of the query together): the list has some of those with the smallest ids.',
        resolve: (page: NamingPage) => page.truncated(),
      }),
    }),
  });
  /** A page of all, in the order of their ids. */
  const allOf = (entity: string, { order, after, limit }: ListRequest, context: RequestContext) =>
    loaders(context)
      .naming({ limit, after: (after?.[0] as string | undefined) ?? null, backward: order[0]?.direction === 'DESC' })
      .load(entity);

  builder.objectField(stubs.Entity, 'documents', (t) =>
    t.field({
      type: connection,
      directives: { leads: { back: 'entities' } },
      description: 'The documents that name it.',
      args: listArguments(t, model, inputs.get('Document')!, BY_ID),
      resolve: async ({ id }, given, context, info) => {
        const args = given as ListArguments;
        const isUnordered = !args.orderBy?.length;
        const { condition, reader } = rowReader(
          'Document',
          args,
          (request) =>
            request.where === undefined && isUnordered
              ? allOf(id, request, context)
              : loaders(context).namingList(request).load(id),
          BY_ID,
        );
        const isPlain = condition === undefined && isUnordered;
        const isTruncated = async () => !isPlain && (await loaders(context).namingAll.load(id)).truncated;
        return {
          ...(await pageOfRows(reader, info)),
          truncated: isTruncated,
          totalCount: async () => {
            if (isPlain) return await loaders(context).namingCount.load(id);
            return (await isTruncated()) ? null : await loaders(context).namingListCount(condition).load(id);
          },
        };
      },
    }),
  );
}
