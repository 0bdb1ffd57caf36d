/** The root fields that read: entity, entities, shortestPath. */
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { listedBy } from '#subgraphs/shared/conditions.ts';
import { connectionType, pageArguments, pageOf, pageRequest } from '#subgraphs/shared/connections.ts';
import type { PageArguments } from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { encodeCursor } from '#subgraphs/shared/cursors.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { valuesNamed } from '#subgraphs/shared/filters/named.ts';
import { likeliest, noteHint, unknownName } from '#subgraphs/shared/hints.ts';
import { checkId, entityId, isIdOf } from '#subgraphs/shared/ids.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { entityCursor } from './cursors.ts';
import { GRAPH } from '../bounds.ts';
import type { Direction, Entity, Facet, Relation } from '../driver.ts';
import { checkRange, checkRelationTypes, checkText, entityCondition } from '../input.ts';
import type { ReferenceInput } from '../input.ts';
import type { GraphLoaders, GraphReads } from '../loaders.ts';
import { kindsNamed, type TellUnknown } from './unknown-names.ts';
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
  tell: TellUnknown,
): void {
  const { builder } = schema;
  const filter = types.Filter;
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
        description: `True when a level of the search met the server's cap of relations (\`GRAPH_LEVEL_RELATIONS\`), so that a shorter path (or, without \`length\`, any) may exist.`,
      }),
    }),
  });

  const facet = builder.objectRef<Facet>('Facet').implement({
    description: 'A name, and how many things have it.',
    fields: (t) => ({
      name: t.exposeString('name', { nullable: false, description: 'The name, as filters take it.' }),
      count: t.exposeInt('count', { nullable: false, description: 'How many have it.' }),
    }),
  });
  const facets = builder.objectRef<object>('GraphFacets').implement({
    description: `What there is to filter the graph by; of each at most ${GRAPH.facets}, the commonest first.`,
    fields: (t) => ({
      kinds: t.field({
        directives: { listSize: { assumedSize: GRAPH.facets } },
        type: [facet],
        nullable: { list: true, items: false },
        description: 'The kinds of entities.',
        resolve: (_, _args, context) => deps.driver.facets(context, 'kinds', GRAPH.facets),
      }),
      relationTypes: t.field({
        directives: { listSize: { assumedSize: GRAPH.facets } },
        type: [facet],
        nullable: { list: true, items: false },
        description: 'The types of relations.',
        resolve: (_, _args, context) => deps.driver.facets(context, 'types', GRAPH.facets),
      }),
    }),
  });
  /**
   * @param said the arguments: what comes before the message, and the one that gives the kind
   * @throws CodedError `BAD_USER_INPUT` where several have the name
   */
  const lookUp = async (
    { name, kind }: ReferenceInput,
    said: { readonly before: string; readonly kind: string },
    context: RequestContext,
  ): Promise<Entity | null> => {
    const checked = checkText('A name', name!, { min: 1, max: GRAPH.nameCharacters });
    if (kind != null) {
      const of = checkText('A kind', kind, { min: 1, max: GRAPH.kindCharacters });
      return await loaders(context).entity.load(entityId(context.principal.tenantId, of, checked));
    }
    const found = await loaders(context).named.load(checked);
    if (found.length < 2) return found[0] ?? null;
    const kinds = found.slice(0, GRAPH.namesakes).map((one) => one.kind);
    throw badUserInput(`${said.before}Several entities are named ${JSON.stringify(checked.slice(0, 80))}.`, {
      hint: `Say which, by its kind: ${kinds.map((each) => `\`${said.kind}: ${JSON.stringify(each)}\``).join(' or ')}.`,
      extensions: { suggestions: kinds },
    });
  };
  /** Names that are like one that nothing has, or nothing of the kind. */
  const likeNamed = async (
    name: string,
    kind: string | null | undefined,
    context: RequestContext,
  ): Promise<string[]> => {
    const letters = [...name];
    // All but the last of a short name, which may be the wrong one.
    const end = Math.min(3, Math.max(1, letters.length - 1));
    const begun = letters.slice(0, end).join('');
    const like = entityCondition({
      ...(kind == null ? {} : { kind: { eq: kind } }),
      or: [
        { name: { contains: name } },
        ...[...new Set([begun, begun.toLowerCase()])].map((text) => ({ name: { startsWith: text } })),
        { name: { endsWith: letters.slice(-end).join('') } },
      ],
    });
    const found = await deps.driver.findEntities(context, like, { limit: GRAPH.likeNames, after: null });
    return likeliest(name, new Set(found.map((one) => one.name)));
  };
  /** What is wrong with a name and a kind that no entity has: the kind, where nothing is of it, or where others have the name. */
  const unknownEntity = async (
    name: string,
    kind: string | null | undefined,
    context: RequestContext,
  ): Promise<ReturnType<typeof unknownName>> => {
    if (kind == null) return unknownName('entity', name, await likeNamed(name, kind, context));
    const kinds = await loaders(context).names.load('kinds');
    if (kinds.length < GRAPH.facets && !kinds.includes(kind)) return unknownName('kind of entity', kind, kinds);
    const namesakes = await loaders(context).named.load(name);
    if (namesakes.length === 0)
      return unknownName(`entity of the kind ${JSON.stringify(kind)}`, name, await likeNamed(name, kind, context));
    const suggestions = namesakes.slice(0, GRAPH.namesakes).map((one) => one.kind);
    const said = suggestions.map((each) => JSON.stringify(each)).join(', ');
    return {
      message: `There is no entity ${JSON.stringify(name.slice(0, 80))} of the kind ${JSON.stringify(kind)}. Of this name there is: ${said}.`,
      suggestions,
    };
  };
  const endOf = async (
    argument: 'from' | 'to',
    given: string,
    kind: string | null | undefined,
    context: RequestContext,
  ): Promise<string> => {
    if (kind == null && isIdOf('Entity', given)) return given;
    const before = `\`${argument}\`: `;
    const found = await lookUp({ name: given, kind }, { before, kind: `${argument}Kind` }, context);
    if (found !== null) return found.id;
    const { message, suggestions } = await unknownEntity(given, kind, context);
    throw badUserInput(`${before}${message}`, {
      hint: "Give an entity's id, or its name letter for letter.",
      extensions: { suggestions },
    });
  };

  builder.queryFields((t) => ({
    entity: t.field({
      type: types.Entity,
      description:
        'One entity by its id, by its name and kind, or by its name where only one has it; null when there is none.',
      args: {
        id: t.arg.id({ description: "The entity's id; then neither name nor kind." }),
        name: t.arg.string({ description: 'Its name, letter for letter.' }),
        kind: t.arg.string({ description: 'Its kind, beside the name.' }),
      },
      resolve: async (_, { id, name, kind }, context, info) => {
        if (id != null && name == null && kind == null) return loaders(context).entity.load(checkId('Entity', id));
        if (id != null || name == null)
          throw badUserInput('`entity` takes either `id`, or `name` and, where several have that name, `kind`.');
        const found = await lookUp({ name, kind }, { before: '', kind: 'kind' }, context);
        if (found === null) noteHint(info, await unknownEntity(name, kind, context));
        return found;
      },
    }),
    facets: t.field({
      directives: { cost: { weight: WEIGHT.walk } },
      type: facets,
      description: 'What entities and relations there are, by name, with how many of each.',
      resolve: () => ({}),
    }),
    entities: t.field({
      type: entities,
      directives: { lists: listedBy('id') },
      description: 'Entities, ordered by name.',
      args: {
        where: t.arg({ type: filter, description: 'Which entities; all when absent.' }),
        ...pageArguments(t.arg as never),
      },
      resolve: async (_, args, context, info) => {
        const request = pageRequest(args as PageArguments);
        const where = entityCondition(args.where);
        const after = request.from === undefined ? null : entityCursor('entities', request.from);
        const rows = await deps.driver.findEntities(context, where, {
          limit: request.size + 1,
          after,
          backward: request.backward,
        });
        if (after === null && rows.length <= request.size && request.size > 0) {
          const seen = new Set(rows.map(({ kind }) => kind));
          const unseen = kindsNamed(where).filter((kind) => !seen.has(kind));
          await tell('kinds', unseen, context, info);
          if (rows.length === 0 && unseen.length === 0)
            for (const name of valuesNamed(where, 'name').slice(0, GRAPH.namesakes))
              noteHint(info, unknownName('entity', String(name), await likeNamed(String(name), null, context)));
        }
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
        'How two entities connect: a path with as few relations as possible. Null when there is none of at most `maxDepth`, or no entity with such an id.',
      args: {
        from: t.arg.id({ required: true, description: 'The entity at which to start: its id, or its name.' }),
        to: t.arg.id({ required: true, description: 'The entity at which to end: its id, or its name.' }),
        fromKind: t.arg.string({ description: 'The kind of the one named by `from`, where several have that name.' }),
        toKind: t.arg.string({ description: 'The kind of the one named by `to`.' }),
        types: t.arg.stringList({ description: TYPES_ARGUMENT }),
        direction: t.arg({
          type: types.Direction,
          defaultValue: 'BOTH',
          description:
            'Which way relations may be walked on the way from start to end: `BOTH` when absent, since two things often connect through a third.',
        }),
        maxDepth: t.arg.int({
          defaultValue: 6,
          description: `How many relations the path may have at most: 1 to ${GRAPH.pathLength}; 6 when absent.`,
        }),
      },
      resolve: async (_, args, context, info) => {
        const maxLength = checkRange('maxDepth', args.maxDepth, {
          min: 1,
          max: GRAPH.pathLength,
          default: 6,
        });
        const direction = args.direction ?? 'BOTH';
        const relationTypes = checkRelationTypes(args.types);
        const [from, to] = await Promise.all([
          endOf('from', args.from, args.fromKind, context),
          endOf('to', args.to, args.toKind, context),
        ]);
        const found = await findPath(deps, loaders(context), context, from, to, direction, relationTypes, maxLength);
        if ('length' in found) return found;
        const ends = await loaders(context).entity.loadMany([from, to]);
        for (const [at, id] of [from, to].entries())
          if (ends[at] === null)
            noteHint(info, { message: `There is no entity with the id ${JSON.stringify(id)}.`, suggestions: [] });
        await tell('types', relationTypes ?? [], context, info);
        if (!ends.includes(null)) {
          const of = relationTypes === null ? '' : ' of these types';
          const way = direction === 'BOTH' ? '' : ` in the direction ${direction}`;
          const message = found.exhausted
            ? `No path of any length${of}${way} connects the two.`
            : `There is no path of at most ${maxLength} relations${of}${way}; there may be a longer one (\`maxDepth\`).`;
          noteHint(info, { message, suggestions: [] });
        }
        return null;
      },
    }),
  }));
}

/** A path, or, where there is none, whether that is so whatever its length. */
async function findPath(
  { driver, levelRelations }: GraphReads,
  { entity }: GraphLoaders,
  context: RequestContext,
  from: string,
  to: string,
  direction: Direction,
  types: readonly string[] | null,
  maxLength: number,
): Promise<GraphPath | { readonly exhausted: boolean }> {
  if (from === to) {
    const only = await entity.load(from);
    return only === null ? { exhausted: true } : { length: 0, nodes: [only], relations: [], truncated: false };
  }
  const backwards = ({ OUT: 'IN', IN: 'OUT', BOTH: 'BOTH' } as const)[direction];
  const expand = (way: Direction) => (nodes: readonly string[]) =>
    driver.expandFrontier(context, nodes, { direction: way, types }, levelRelations);
  const { path, truncated, exhausted } = await shortestPath(expand(direction), expand(backwards), from, to, maxLength);
  if (path === null) return truncated ? { length: null, nodes: [], relations: [], truncated } : { exhausted };
  const [nodes, relations] = await Promise.all([
    Promise.all(path.nodes.map((id) => entity.load(id))),
    driver.relationsByIds(context, path.relations),
  ]);
  const found = path.relations.map((id) => relations.get(id));
  // Deleted since it was found: then this is no path any more.
  if (nodes.includes(null) || found.includes(undefined)) return { exhausted: false };
  return { length: path.relations.length, nodes: nodes as Entity[], relations: found as Relation[], truncated };
}
