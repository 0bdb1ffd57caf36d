/** Entity and its connections, and what the graph adds to Document. */
import type { GraphQLResolveInfo } from 'graphql';
import type { EnumRef, InputRef, ObjectRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { connectionType, pageArguments, pageOf, pageRequest } from '#subgraphs/shared/connections.ts';
import type { Edge, Page, PageArguments } from '#subgraphs/shared/connections.ts';
import { requireSystem, type RequestContext } from '#subgraphs/shared/context.ts';
import { encodeCursor } from '#subgraphs/shared/cursors.ts';
import { isIdOf } from '#subgraphs/shared/ids.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { selects } from '#subgraphs/shared/selections.ts';
import { mentionCursor, neighborCursor, relationCursor } from './cursors.ts';
import { GRAPH } from '../bounds.ts';
import { relationKey } from '../driver.ts';
import type { Direction, Entity, Relation, RelationOfEntity } from '../driver.ts';
import { checkKinds, checkRange, checkRelationTypes, entityCondition, type EntityFilter } from '../input.ts';
import type { GraphLoaders, NeighborSlice } from '../loaders.ts';
import { kindsNamed, type TellUnknown } from './unknown-names.ts';

/** The list's name, for its cursors. */
const DOCUMENT_ENTITIES = 'document.entities';

type Loaders = (context: RequestContext) => GraphLoaders;

/** The types that queries and mutations refer to. */
export interface GraphTypes {
  readonly Entity: ObjectRef<any, Entity>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  readonly Relation: ObjectRef<any, Relation>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  readonly Filter: InputRef<EntityFilter>;
  readonly Direction: EnumRef<any, Direction>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
}

interface RelationEdge extends Edge<Entity> {
  readonly of: RelationOfEntity;
}
interface NeighborEdge extends Edge<Entity> {
  readonly depth: number;
}
interface NeighborPage extends Page<Entity, NeighborEdge> {
  readonly truncated: boolean;
  readonly complete: boolean;
}

export const TYPES_ARGUMENT =
  'Follow only relations of these types, such as `DEPENDS_ON`; every type when absent, none for an empty list. At most 500.';

export function addEntityTypes(schema: SubgraphSchema, loaders: Loaders, tell: TellUnknown): GraphTypes {
  const { builder, shared } = schema;
  const filter = builder.inputRef<EntityFilter>('EntityFilter');
  filter.implement({
    description: 'Conditions on entities. All that are given must hold.',
    fields: (t) => ({
      id: t.field({ type: shared.IdFilter, description: 'Its id.' }),
      name: t.field({ type: shared.StringFilter, description: 'Its name.' }),
      kind: t.field({ type: shared.StringFilter, description: 'Its kind.' }),
      and: t.field({ type: [filter], description: 'All of these must hold.' }),
      or: t.field({ type: [filter], description: 'At least one of these must hold; an empty list matches nothing.' }),
      not: t.field({ type: filter, description: 'This must not hold.' }),
    }),
  });
  const direction = builder.enumType('RelationDirection', {
    description: 'Which relations of an entity to follow.',
    values: {
      OUT: { description: 'Those that start at the entity: what it depends on, has, or is part of.' },
      IN: { description: 'Those that end at the entity: what depends on it, has it, or is part of it.' },
      BOTH: { description: 'Those that start or end at it.' },
    } as const,
  }) as GraphTypes['Direction'];
  const entity = builder.objectRef<Entity>('Entity');
  const document = builder.externalRef('Document', builder.selection<{ id: string }>('id'), ({ id }) => ({ id }));

  const relations = connectionType<Entity, RelationEdge>(schema, 'EntityRelation', {
    node: entity,
    totalCount: true,
    items: 'relations of an entity, each with the entity at its other end',
    edgeFields: (t) => ({
      // Not `id`: a relation has one edge at each of its ends, which clients' caches would take for one thing.
      relationId: t.id({
        nullable: false,
        description: "The relation's id, as `node` and `deleteRelations` take it.",
        resolve: ({ of }: RelationEdge) => of.relation.id,
      }),
      type: t.string({
        nullable: false,
        description: "The relation's type, such as `DEPENDS_ON`.",
        resolve: ({ of }: RelationEdge) => of.relation.type,
      }),
      direction: t.field({
        type: direction,
        nullable: false,
        description:
          '`OUT` where the relation starts at the entity that was asked, `IN` where it ends there; a relation to itself is `OUT`.',
        resolve: ({ of }: RelationEdge) => of.direction,
      }),
      properties: t.field({
        type: 'JSON',
        nullable: false,
        description: "The relation's own properties.",
        resolve: ({ of }: RelationEdge) => of.relation.properties,
      }),
    }),
  });
  const neighbors = connectionType<Entity, NeighborEdge, NeighborPage>(schema, 'EntityNeighbor', {
    node: entity,
    items: 'neighbours of an entity',
    edgeFields: (t) => ({
      depth: t.int({
        nullable: false,
        description: 'How many relations away the neighbour is, on the shortest way.',
        resolve: (edge: NeighborEdge) => edge.depth,
      }),
    }),
    fields: (t) => ({
      totalCount: t.int({
        description:
          'How many neighbours there are in all pages together; counted only when asked for, by a walk to the end. Null where a cap of the server ended the walk before that: `truncated`, or `deepNeighbors` that are not `complete`.',
        resolve: (page: NeighborPage) => page.totalCount?.() ?? null,
      }),
      truncated: t.boolean({
        nullable: false,
        description: `True when a level met the server's cap of relations (\`GRAPH_LEVEL_RELATIONS\`), so that neighbours may be missing from this page.`,
        resolve: (page: NeighborPage) => page.truncated,
      }),
      complete: t.boolean({
        nullable: false,
        description:
          'True when all pages together hold everything that can be reached along these relations, at whatever depth (of what `where` lets through); false when the depth asked for, or a cap of the server, ended the walk before that. Asking for it reads one level more.',
        resolve: (page: NeighborPage) => page.complete,
      }),
    }),
  });
  const documentEntities = connectionType<Entity>(schema, 'DocumentEntity', {
    node: entity,
    totalCount: true,
    items: 'entities that a document names',
  });

  const walk = async (
    id: string,
    args: { types?: readonly string[] | null; direction?: Direction | null; where?: EntityFilter | null },
    depth: number,
    context: RequestContext,
    info: GraphQLResolveInfo,
    most?: number,
  ): Promise<NeighborPage> => {
    const page = pageRequest(args as PageArguments);
    const { backward } = page;
    const selection = { direction: args.direction ?? 'OUT', types: checkRelationTypes(args.types) } as const;
    const where = entityCondition(args.where);
    const list = `neighbors:${selection.direction}`;
    const after = page.from === undefined ? null : neighborCursor(list, page.from);
    const whole = most !== undefined || selects(info, ['complete', 'totalCount']);
    const found: NeighborSlice = await loaders(context)
      .neighbors({ ...selection, where, whole, most, depth, limit: page.size + 1, after, backward })
      .load(id);
    if (after === null && (found.neighbors.length === 0 || (selection.types ?? []).length > 1)) {
      await tell('types', selection.types ?? [], context, info);
      if (found.neighbors.length === 0 && where !== undefined) await tell('kinds', kindsNamed(where), context, info);
    }
    return {
      ...pageOf(found.neighbors, page, (neighbor): NeighborEdge => ({
        cursor: () => encodeCursor(list, [neighbor.depth, neighbor.name, neighbor.id]),
        node: neighbor.entity,
        depth: neighbor.depth,
      })),
      truncated: found.truncated,
      complete: found.complete,
      totalCount: () => Promise.resolve(found.total),
    };
  };

  const relation = builder.objectRef<Relation>('GraphRelation').implement({
    description: 'A directed, typed relation. From one entity to another there is at most one of each type.',
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: "The relation's id, as `deleteRelations` takes it." }),
      type: t.exposeString('type', { nullable: false, description: 'The type, such as `DEPENDS_ON`.' }),
      from: t.field({
        type: entity,
        description: 'Where the relation starts.',
        resolve: ({ from }, _, context) => loaders(context).entity.load(from),
      }),
      to: t.field({
        type: entity,
        description: 'Where the relation ends.',
        resolve: ({ to }, _, context) => loaders(context).entity.load(to),
      }),
      properties: t.field({
        type: 'JSON',
        nullable: false,
        description: "The relation's own properties.",
        resolve: (parent) => parent.properties,
      }),
    }),
  });

  builder.asEntity(relation, {
    key: builder.selection<{ id: string }>('id'),
    resolveReference: ({ id }, context) =>
      isIdOf('Relation', id) ? (loaders(context).relation.load(id) as Promise<Relation>) : (null as never),
  });
  builder.asEntity(entity, {
    key: builder.selection<{ id: string }>('id'),
    resolveReference: ({ id }, context) =>
      isIdOf('Entity', id) ? (loaders(context).entity.load(id) as Promise<Entity>) : (null as never),
  });
  entity.implement({
    description:
      'A thing that documents and relations are about: a package, a licence, a person, a concept. Its name and kind identify it.',
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: 'The id.' }),
      name: t.exposeString('name', {
        nullable: false,
        description: 'What it is called; unique among entities of its kind.',
      }),
      kind: t.exposeString('kind', {
        nullable: false,
        description: 'What sort of thing it is, such as `package` or `concept`.',
      }),
      properties: t.field({
        type: 'JSON',
        nullable: false,
        description: 'Everything else that is known about it, as a JSON object.',
        resolve: (parent) => parent.properties,
      }),
      relations: t.field({
        type: relations,
        description: 'Its relations, ordered by type and then by the name of the entity at the other end.',
        args: {
          direction: t.arg({
            type: direction,
            defaultValue: 'BOTH',
            description: 'Which relations: `BOTH` when absent, and each edge says which way it points.',
          }),
          types: t.arg.stringList({ description: TYPES_ARGUMENT }),
          where: t.arg({ type: filter, description: 'Which entities may be at the other end; all when absent.' }),
          ...pageArguments(t.arg as never),
        },
        resolve: async ({ id }, args, context, info) => {
          const page = pageRequest(args as PageArguments);
          const limit = page.size + 1;
          const { backward } = page;
          const selection = { direction: args.direction ?? 'BOTH', types: checkRelationTypes(args.types) } as const;
          const where = entityCondition(args.where);
          const list = `relations:${selection.direction}`;
          const after = page.from === undefined ? null : relationCursor(list, page.from);
          const rows = await loaders(context)
            .relations({ ...selection, where, limit, after, backward })
            .load(id);
          if (after === null && rows.length < limit) {
            const seen = new Set(rows.map(({ relation: { type } }) => type));
            const unseen = (selection.types ?? []).filter((type) => !seen.has(type));
            await tell('types', unseen, context, info);
            if (rows.length === 0 && where !== undefined) await tell('kinds', kindsNamed(where), context, info);
          }
          return {
            ...pageOf(rows, page, (of): RelationEdge => ({
              cursor: () => encodeCursor(list, relationKey(of)),
              node: of.node,
              of,
            })),
            totalCount: () =>
              loaders(context)
                .relationCount({ ...selection, where })
                .load(id),
          };
        },
      }),
      neighbors: t.field({
        directives: {
          cost: { weight: WEIGHT.walk },
          leads: {
            back: 'neighbors',
            takes: ['types', 'direction', 'depth'],
            turns: 'direction: OUT IN',
            cut: 'truncated',
          },
        },
        type: neighbors,
        description:
          'The entities within reach, breadth first: ordered by depth, then name. Each appears once, at its smallest depth; the entity itself does not.',
        args: {
          types: t.arg.stringList({ description: TYPES_ARGUMENT }),
          direction: t.arg({
            type: direction,
            defaultValue: 'OUT',
            description:
              'Which relations to follow at each step: `OUT` when absent (what only others point to has none: `IN` finds those), because following both ways through a hub, such as a licence, reaches everything.',
          }),
          depth: t.arg.int({
            defaultValue: 1,
            description: `How many relations to go at most: 1 to ${GRAPH.depth}. For all of them see \`deepNeighbors\`.`,
          }),
          where: t.arg({
            type: filter,
            description: 'Which of them; all when absent. The others are walked through all the same.',
          }),
          ...pageArguments(t.arg as never),
        },
        resolve: ({ id }, { depth, ...args }, context, info) =>
          walk(id, args, checkRange('depth', depth, { min: 1, max: GRAPH.depth, default: 1 }), context, info),
      }),
      deepNeighbors: t.field({
        directives: { cost: { weight: WEIGHT.walk * 5 } },
        type: neighbors,
        description: `Everything that can be reached, as \`neighbors\` without a depth: up to ${GRAPH.closureLevels} levels and about ${GRAPH.closureEntities} entities; \`complete\` says whether that was all.`,
        args: {
          types: t.arg.stringList({ description: TYPES_ARGUMENT }),
          direction: t.arg({
            type: direction,
            defaultValue: 'OUT',
            description:
              'Which relations to follow at each step: `OUT` when absent, so that what only others point to has none; `IN` finds those.',
          }),
          where: t.arg({
            type: filter,
            description: 'Which of them; all when absent. The others are walked through all the same.',
          }),
          ...pageArguments(t.arg as never),
        },
        resolve: ({ id }, args, context, info) =>
          walk(id, args, GRAPH.closureLevels, context, info, GRAPH.closureEntities),
      }),
      documentIds: t.idList({
        inaccessible: true,
        nullable: { list: true, items: false },
        description:
          "For the gateway's own subgraphs: the ids of the documents that name it, in the order of these ids.",
        args: {
          limit: t.arg.int({ defaultValue: GRAPH.documentIds, description: 'How many.' }),
          after: t.arg.id({ description: 'The id behind which to continue.' }),
          backward: t.arg.boolean({ defaultValue: false, description: 'Whether from the end.' }),
        },
        resolve: ({ id }, { limit, after, backward }, context) => {
          requireSystem(context);
          return loaders(context)
            .entityDocuments({
              limit: limit ?? GRAPH.documentIds,
              after: after == null ? null : [after],
              backward: backward ?? false,
            })
            .load(id);
        },
      }),
      documentCount: t.int({
        inaccessible: true,
        description: "For the gateway's own subgraphs: how many documents name it.",
        resolve: ({ id }, _, context) => {
          requireSystem(context);
          return loaders(context).entityDocumentCount.load(id);
        },
      }),
    }),
  });

  document.implement({
    externalFields: (t) => ({ id: t.id({ nullable: false, description: 'The id.' }) }),
    fields: (t) => ({
      entities: t.field({
        type: documentEntities,
        directives: { leads: { back: 'documents' } },
        description: "The entities that the document names, in the document's order.",
        args: {
          kinds: t.arg.stringList({
            description: 'Only entities of these kinds; every kind when absent, none for an empty list. At most 500.',
          }),
          ...pageArguments(t.arg as never),
        },
        resolve: async ({ id }, args, context, info) => {
          const page = pageRequest(args as PageArguments);
          const limit = page.size + 1;
          const { backward } = page;
          const kinds = checkKinds(args.kinds);
          const after = page.from === undefined ? null : mentionCursor(DOCUMENT_ENTITIES, page.from);
          if (!isIdOf('Document', id))
            return { edges: [], hasNextPage: false, hasPreviousPage: false, totalCount: () => Promise.resolve(0) };
          const rows = await loaders(context).documentEntities({ kinds, limit, after, backward }).load(id);
          if (after === null && rows.length === 0) await tell('kinds', kinds ?? [], context, info);
          return {
            ...pageOf(rows, page, (row) => ({
              cursor: () => encodeCursor(DOCUMENT_ENTITIES, [row.position, row.entity.id]),
              node: row.entity,
            })),
            totalCount: () => loaders(context).documentEntityCount({ kinds }).load(id),
          };
        },
      }),
    }),
  });

  return { Entity: entity, Relation: relation, Direction: direction, Filter: filter };
}
