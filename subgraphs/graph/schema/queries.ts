/** The root fields that read: entity, entities, shortestPath. */
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { connectionType, pageArguments, pageOf, pageRequest } from '#subgraphs/shared/connections.ts';
import type { PageArguments } from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { encodeCursor } from '#subgraphs/shared/cursors.ts';
import { isIdOf } from '#subgraphs/shared/ids.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { entityCursor } from './cursors.ts';
import { GRAPH } from '../bounds.ts';
import type { Direction, Entity, EntityFilter, Relation } from '../driver.ts';
import { checkFilter, checkRange, checkRelationTypes, checkText } from '../input.ts';
import type { GraphLoaders, GraphReads } from '../loaders.ts';
import { TYPES_ARGUMENT } from './types.ts';
import type { GraphTypes } from './types.ts';
import { shortestPath } from '../traversal/traversal.ts';

interface GraphPath {
  readonly length: number | null;
  readonly nodes: readonly Entity[];
  readonly relations: readonly Relation[];
  readonly truncated: boolean;
}

export function addQueries(
  schema: SubgraphSchema,
  types: GraphTypes,
  deps: GraphReads,
  loaders: (context: RequestContext) => GraphLoaders,
): void {
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
  const entities = connectionType<Entity>(schema, 'Entity', {
    node: types.Entity,
    items: 'entities',
    totalCount: true,
  });
  const path = builder.objectRef<GraphPath>('GraphPath').implement({
    description: 'A shortest path between two entities.',
    fields: (t) => ({
      length: t.exposeInt('length', {
        description:
          'The number of relations on the path; 0 from an entity to itself. Null when `truncated` and no path was found.',
      }),
      nodes: t.field({
        type: [types.Entity],
        nullable: { list: false, items: false },
        description: 'The entities on the path, from start to end.',
        resolve: (parent) => parent.nodes,
      }),
      relations: t.field({
        type: [types.Relation],
        nullable: { list: false, items: false },
        description: 'The relations on the path, in order; each keeps its own direction.',
        resolve: (parent) => parent.relations,
      }),
      truncated: t.exposeBoolean('truncated', {
        nullable: false,
        description: `True when a level of the search met the server’s cap of relations (\`GRAPH_LEVEL_RELATIONS\`), so that a shorter path (or, without \`length\`, any) may exist.`,
      }),
    }),
  });

  builder.queryFields((t) => ({
    entity: t.field({
      type: types.Entity,
      description: 'One entity by id; null when there is none.',
      args: { id: t.arg.id({ required: true, description: 'The entity’s id.' }) },
      resolve: (_, { id }, context) => (isIdOf('Entity', id) ? loaders(context).entity.load(id) : null),
    }),
    entities: t.field({
      type: entities,
      description: 'Entities, ordered by name.',
      args: {
        where: t.arg({ type: filter, description: 'Which entities; all when absent.' }),
        ...pageArguments(t.arg as never),
      },
      resolve: async (_, args, context) => {
        const request = pageRequest(args as PageArguments);
        const where = checkFilter(args.where);
        const after = request.from === undefined ? null : entityCursor('entities', request.from);
        const rows = await deps.driver.findEntities(context, where, {
          limit: request.size + 1,
          after,
          backward: request.backward,
        });
        const page = pageOf(rows, request, (node) => ({
          cursor: () => encodeCursor('entities', [node.name, node.id]),
          node,
        }));
        return { ...page, totalCount: () => deps.driver.countEntities(context, where) };
      },
    }),
    shortestPath: t.field({
      directives: { cost: { weight: WEIGHT.walk } },
      type: path,
      description:
        'How two entities connect: a path with as few relations as possible. Null when there is none of at most `maxDepth`, or no such entity.',
      args: {
        from: t.arg.id({ required: true, description: 'The id of the entity at which to start.' }),
        to: t.arg.id({ required: true, description: 'The id of the entity at which to end.' }),
        types: t.arg.stringList({ description: TYPES_ARGUMENT }),
        direction: t.arg({
          type: types.Direction,
          defaultValue: 'BOTH',
          description:
            'Which way relations may be walked on the way from start to end: `BOTH` when absent, since two things often connect through a third.',
        }),
        maxDepth: t.arg.int({
          defaultValue: 6,
          description: `How many relations the path may have at most: 1 to ${GRAPH.pathLength}.`,
        }),
      },
      resolve: async (_, args, context) => {
        const maxLength = checkRange('maxDepth', args.maxDepth, {
          min: 1,
          max: GRAPH.pathLength,
          default: 6,
        });
        const direction = args.direction ?? 'BOTH';
        const relationTypes = checkRelationTypes(args.types);
        for (const id of [args.from, args.to]) checkText('An id', id, { min: 0, max: GRAPH.idCharacters });
        if (!isIdOf('Entity', args.from) || !isIdOf('Entity', args.to)) return null;
        return await findPath(deps, loaders(context), context, args.from, args.to, direction, relationTypes, maxLength);
      },
    }),
  }));
}

async function findPath(
  { driver, levelRelations }: GraphReads,
  { entity }: GraphLoaders,
  context: RequestContext,
  from: string,
  to: string,
  direction: Direction,
  types: readonly string[] | null,
  maxLength: number,
): Promise<GraphPath | null> {
  if (from === to) {
    const only = await entity.load(from);
    return only && { length: 0, nodes: [only], relations: [], truncated: false };
  }
  const backwards = ({ OUT: 'IN', IN: 'OUT', BOTH: 'BOTH' } as const)[direction];
  const expand = (way: Direction) => (nodes: readonly string[]) =>
    driver.expandFrontier(context, nodes, { direction: way, types }, levelRelations);
  const { path, truncated } = await shortestPath(expand(direction), expand(backwards), from, to, maxLength);
  if (path === null) return truncated ? { length: null, nodes: [], relations: [], truncated } : null;
  const [nodes, relations] = await Promise.all([
    Promise.all(path.nodes.map((id) => entity.load(id))),
    driver.relationsByIds(context, path.relations),
  ]);
  const found = path.relations.map((id) => relations.get(id));
  // Deleted since it was found: then this is no path any more.
  if (nodes.includes(null) || found.includes(undefined)) return null;
  return { length: path.relations.length, nodes: nodes as Entity[], relations: found as Relation[], truncated };
}
