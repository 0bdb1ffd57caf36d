/** Entity and its connections, and what the graph adds to Document. */
import type { EnumRef, ObjectRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { connectionType, pageArguments, pageOf, pageRequest } from '#subgraphs/shared/connections.ts';
import type { Edge, Page, PageArguments } from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { encodeCursor } from '#subgraphs/shared/cursors.ts';
import { isIdOf } from '#subgraphs/shared/ids.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { documentCursor, mentionCursor, neighborCursor, relationCursor } from './cursors.ts';
import { GRAPH } from '../bounds.ts';
import { relationKey } from '../driver.ts';
import type { Direction, Entity, Relation, RelationOfEntity } from '../driver.ts';
import { checkKinds, checkRange, checkRelationTypes } from '../input.ts';
import type { GraphLoaders, NeighborSlice } from '../loaders.ts';

/** The names of the two lists without arguments, for their cursors. */
const ENTITY_DOCUMENTS = 'entity.documents';
const DOCUMENT_ENTITIES = 'document.entities';

type Loaders = (context: RequestContext) => GraphLoaders;

/** The types that queries and mutations refer to. */
export interface GraphTypes {
  readonly Entity: ObjectRef<any, Entity>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  readonly Relation: ObjectRef<any, Relation>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
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
}

export const TYPES_ARGUMENT =
  'Follow only relations of these types, such as `DEPENDS_ON`; every type when absent, none for an empty list. At most 500.';

export function addEntityTypes(schema: SubgraphSchema, loaders: Loaders): GraphTypes {
  const { builder } = schema;
  const direction = builder.enumType('RelationDirection', {
    description: 'Which relations of an entity to follow.',
    values: {
      OUT: { description: 'Those that start at the entity: what it depends on, has, or is part of.' },
      IN: { description: 'Those that end at the entity: what depends on it.' },
      BOTH: { description: 'Those that start or end at it.' },
    } as const,
  }) as GraphTypes['Direction'];
  const entity = builder.objectRef<Entity>('Entity');
  const document = builder.externalRef('Document', builder.selection<{ id: string }>('id'), ({ id }) => ({ id }));

  const relations = connectionType<Entity, RelationEdge>(schema, 'EntityRelation', {
    node: entity,
    items: 'relations of an entity, each with the entity at its other end',
    edgeFields: (t) => ({
      id: t.id({
        nullable: false,
        description: 'The relation’s id, as `deleteRelations` takes it.',
        resolve: ({ of }: RelationEdge) => of.relation.id,
      }),
      type: t.string({
        nullable: false,
        description: 'The relation’s type, such as `DEPENDS_ON`.',
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
        description: 'The relation’s own properties.',
        resolve: ({ of }: RelationEdge) => of.relation.properties,
      }),
    }),
  });
  const neighbors = connectionType<Entity, NeighborEdge, NeighborPage>(schema, 'EntityNeighbor', {
    node: entity,
    items: 'neighbours of an entity, nearest first',
    edgeFields: (t) => ({
      depth: t.int({
        nullable: false,
        description: 'How many relations away the neighbour is, on the shortest way.',
        resolve: (edge: NeighborEdge) => edge.depth,
      }),
    }),
    fields: (t) => ({
      truncated: t.boolean({
        nullable: false,
        description: `True when a level met the server’s cap of relations (\`GRAPH_LEVEL_RELATIONS\`), so that neighbours may be missing from this page.`,
        resolve: (page: NeighborPage) => page.truncated,
      }),
    }),
  });
  const documents = connectionType<{ id: string }>(schema, 'EntityDocument', {
    node: document,
    items: 'documents that name an entity',
  });
  const documentEntities = connectionType<Entity>(schema, 'DocumentEntity', {
    node: entity,
    items: 'entities that a document names',
  });

  const relation = builder.objectRef<Relation>('GraphRelation').implement({
    description: 'A directed, typed relation. From one entity to another there is at most one of each type.',
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: 'The relation’s id, as `deleteRelations` takes it.' }),
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
        description: 'The relation’s own properties.',
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
          ...pageArguments(t.arg as never),
        },
        resolve: async ({ id }, args, context) => {
          const page = pageRequest(args as PageArguments);
          const limit = page.size + 1;
          const { backward } = page;
          const selection = { direction: args.direction ?? 'BOTH', types: checkRelationTypes(args.types) } as const;
          const list = `relations:${selection.direction}`;
          const after = page.from === undefined ? null : relationCursor(list, page.from);
          const rows = await loaders(context)
            .relations({ ...selection, limit, after, backward })
            .load(id);
          return pageOf(rows, page, (of): RelationEdge => ({
            cursor: () => encodeCursor(list, relationKey(of)),
            node: of.node,
            of,
          }));
        },
      }),
      neighbors: t.field({
        directives: { cost: { weight: WEIGHT.walk } },
        type: neighbors,
        description:
          'The entities within reach, breadth first: ordered by depth, then name. Each appears once, at its smallest depth; the entity itself does not.',
        args: {
          types: t.arg.stringList({ description: TYPES_ARGUMENT }),
          direction: t.arg({
            type: direction,
            defaultValue: 'OUT',
            description:
              'Which relations to follow at each step: `OUT` when absent, because following both ways through a hub, such as a licence, reaches everything.',
          }),
          depth: t.arg.int({
            defaultValue: 1,
            description: `How many relations to go at most: 1 to ${GRAPH.depth}.`,
          }),
          ...pageArguments(t.arg as never),
        },
        resolve: async ({ id }, args, context) => {
          const page = pageRequest(args as PageArguments);
          const limit = page.size + 1;
          const { backward } = page;
          const selection = { direction: args.direction ?? 'OUT', types: checkRelationTypes(args.types) } as const;
          const depth = checkRange('depth', args.depth, { min: 1, max: GRAPH.depth, default: 1 });
          const list = `neighbors:${selection.direction}`;
          const after = page.from === undefined ? null : neighborCursor(list, page.from);
          const found: NeighborSlice = await loaders(context)
            .neighbors({ ...selection, depth, limit, after, backward })
            .load(id);
          return {
            ...pageOf(found.neighbors, page, (neighbor): NeighborEdge => ({
              cursor: () => encodeCursor(list, [neighbor.depth, neighbor.name, neighbor.id]),
              node: neighbor.entity,
              depth: neighbor.depth,
            })),
            truncated: found.truncated,
          };
        },
      }),
      documents: t.field({
        type: documents,
        description: 'The documents that name it, ordered by their ids.',
        args: pageArguments(t.arg as never),
        resolve: async ({ id }, args, context) => {
          const page = pageRequest(args as PageArguments);
          const limit = page.size + 1;
          const { backward } = page;
          const after = page.from === undefined ? null : documentCursor(ENTITY_DOCUMENTS, page.from);
          const rows = await loaders(context).entityDocuments({ limit, after, backward }).load(id);
          return pageOf(
            rows.map((documentId) => ({ id: documentId })),
            page,
            (node) => ({ cursor: () => encodeCursor(ENTITY_DOCUMENTS, [node.id]), node }),
          );
        },
      }),
    }),
  });

  document.implement({
    externalFields: (t) => ({ id: t.id({ nullable: false, description: 'The id.' }) }),
    fields: (t) => ({
      entities: t.field({
        type: documentEntities,
        description: 'The entities that the document names, in the document’s order.',
        args: {
          kinds: t.arg.stringList({
            description: 'Only entities of these kinds; every kind when absent, none for an empty list. At most 500.',
          }),
          ...pageArguments(t.arg as never),
        },
        resolve: async ({ id }, args, context) => {
          const page = pageRequest(args as PageArguments);
          const limit = page.size + 1;
          const { backward } = page;
          const kinds = checkKinds(args.kinds);
          const after = page.from === undefined ? null : mentionCursor(DOCUMENT_ENTITIES, page.from);
          if (!isIdOf('Document', id)) return { edges: [], hasNextPage: false, hasPreviousPage: false };
          const rows = await loaders(context).documentEntities({ kinds, limit, after, backward }).load(id);
          return pageOf(rows, page, (row) => ({
            cursor: () => encodeCursor(DOCUMENT_ENTITIES, [row.position, row.entity.id]),
            node: row.entity,
          }));
        },
      }),
    }),
  });

  return { Entity: entity, Relation: relation, Direction: direction };
}
