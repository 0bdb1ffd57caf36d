/**
 * A field that ranks objects of another subgraph by how near they are to a query, and by which their own lists are filtered and sorted
 * (`@ranks`, docs/cross-store-filters.md).
 */
import type { ImplementableObjectRef, InputRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { SubgraphTypes } from '#subgraphs/shared/builder-types.ts';
import { connectionType, pageArguments } from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { VECTOR } from '../bounds.ts';
import type { FactFilterShape } from '../input.ts';
import type { NearArguments, NearDocumentEdge, NearDocumentPage } from '../search/nearest-documents.ts';
import type { Stub, StubRef } from './similar.ts';

type EdgeFields = NonNullable<
  Parameters<typeof connectionType<Stub, NearDocumentEdge, NearDocumentPage>>[2]['edgeFields']
>;

export interface NearRanking<Filter> {
  /** The root field. */
  readonly field: string;
  readonly description: string;
  /** Of its types: `SimilarDocument`. */
  readonly prefix: string;
  readonly node: StubRef;
  /** What is ranked, one and many: `document`, `documents`. */
  readonly item: string;
  readonly items: string;
  /** What its score is the cosine of the query's vector with. */
  readonly scored: string;
  /** Where a phrase of the query must stand. */
  readonly phrases: string;
  readonly Filter: InputRef<Filter>;
  /** What `where` says. */
  readonly filtered: string;
  /** The filter's field that takes keys of what is ranked. */
  readonly by: string;
  /** Further fields of its edges. */
  readonly edgeFields?: EdgeFields;
  page(args: NearArguments<Filter>, context: RequestContext): Promise<NearDocumentPage>;
}

export function addNearRanking<Filter>(
  subgraph: SubgraphSchema,
  {
    field,
    description,
    prefix,
    node,
    item,
    items,
    scored,
    phrases,
    Filter,
    filtered,
    by,
    edgeFields,
    page,
  }: NearRanking<Filter>,
): void {
  const { builder } = subgraph;
  const Connection = connectionType<Stub, NearDocumentEdge, NearDocumentPage>(subgraph, prefix, {
    node,
    items: `nearest ${items}`,
    totalCount: `How many there are in all pages together, at most ${VECTOR.rankedDocuments.toLocaleString('en')}. Asking for it ranks that many.`,
    edgeFields: (t) => ({
      score: t.float({
        nullable: false,
        description: `How near it is: the cosine of the query's vector and that of ${scored}, -1 to 1.`,
        resolve: (edge: NearDocumentEdge) => edge.score,
      }),
      ...edgeFields?.(t),
    }),
    fields: (t) => ({
      approximate: t.boolean({
        nullable: false,
        description: `Whether an approximate index ranked, which may have missed a ${item}.`,
        resolve: (found: NearDocumentPage) => found.approximate,
      }),
    }),
  });
  builder.queryField(field, (t) =>
    t.field({
      directives: {
        cost: { weight: WEIGHT.search },
        ranks: {
          by,
          condition: 'similarTo',
          takes: ['query', 'minScore'],
          least: 'minScore',
          order: 'SIMILARITY',
          approximate: 'approximate',
          most: VECTOR.rankedDocuments,
        },
      },
      type: Connection,
      description,
      args: {
        query: t.arg.string({
          required: true,
          description: `What ${items} should be near to: words or a question, 1 to 8,000 characters. A \`"phrase"\` must stand in ${phrases}, and \`-without\` must not.`,
        }),
        minScore: t.arg.float({ description: `Only ${items} that are at least so near: -1 to 1.` }),
        where: t.arg({ type: Filter, description: filtered }),
        ...pageArguments(t.arg as never),
      },
      resolve: async (_, args, context) => await page(args as NearArguments<Filter>, context),
    }),
  );
}

interface NearById<Filter> extends Pick<
  NearRanking<Filter>,
  'field' | 'description' | 'item' | 'items' | 'scored' | 'phrases' | 'page'
> {
  /** The type of what is ranked. */
  readonly type: string;
  readonly node: ImplementableObjectRef<PothosSchemaTypes.ExtendDefaultTypes<SubgraphTypes>, Stub>;
  /** What they are called in the filter's description. @default `items` */
  readonly called?: string;
}

/** Ranks objects of another subgraph, which the caller has implemented by their ids, that are asked for by their ids alone: all else is asked of their own lists. */
export function addNearById<Filter extends FactFilterShape>(
  subgraph: SubgraphSchema,
  { type, node, called, ...ranking }: NearById<Filter>,
): void {
  const { builder, shared } = subgraph;
  // Led to, and never asked for here.
  builder.asEntity(node, {
    key: builder.keyDirective(builder.selection<Stub>('id'), false),
    resolveReference: ({ id }) => ({ id }),
  });
  const { item, items } = ranking;
  const Filter = builder.inputRef<FactFilterShape>(`Similar${type}Filter`);
  Filter.implement({
    description: `Which ${called ?? items} are ranked. All that is given must hold. At most ${VECTOR.conditionDepth} levels deep, with ${VECTOR.conditions} conditions.`,
    fields: (t) => ({
      and: t.field({ type: [Filter], description: 'All of these must match.' }),
      or: t.field({ type: [Filter], description: 'At least one of these must match; an empty list matches nothing.' }),
      not: t.field({ type: Filter, description: 'Must not match this.' }),
      id: t.field({ type: shared.IdFilter, description: `Conditions on the ${item}'s id.` }),
    }),
  });
  addNearRanking(subgraph, {
    ...ranking,
    prefix: `Similar${type}`,
    node,
    Filter: Filter as unknown as InputRef<Filter>,
    filtered: `Which ${items} are ranked; all when absent.`,
    by: 'id',
  });
}
