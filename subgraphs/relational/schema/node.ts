/**
 * `interface Node`, and anything by its id: what Relay's clients refetch by (https://relay.dev/graphql/objectidentification.htm).
 * Ids name their type, so it is known here of whom to ask whether there is such a thing; what is another subgraph's is then told by it.
 */
import type { SubgraphBuilder } from '#subgraphs/shared/builder-types.ts';
import { perRequest, type RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, forbidden } from '#subgraphs/shared/errors.ts';
import { typeOfId, type IdType } from '#subgraphs/shared/ids.ts';
import { requestLoader } from '#subgraphs/shared/request-loader.ts';
import { missingScopes } from '#subgraphs/shared/scopes.ts';
import { RELATIONAL } from '../bounds.ts';
import type { ModelName } from '../driver.ts';
import { MODELS, READ_SCOPES } from '../models/columns.ts';
import { notTold } from '../loaders.ts';
import type { NodeRef, NodeShape, SchemaParts } from './entity.ts';

/** The types that are other subgraphs', and whose they are, by the type of their ids. */
const FOREIGN = {
  Run: { type: 'Run', owner: 'runs' },
  Entity: { type: 'Entity', owner: 'graph' },
  Relation: { type: 'GraphRelation', owner: 'graph' },
} as const;
type Foreign = keyof typeof FOREIGN;

const isForeign = (type: IdType): type is Foreign => Object.hasOwn(FOREIGN, type);
const isOwn = (type: IdType): type is ModelName & IdType => Object.hasOwn(MODELS, type);

export const addNodeInterface = (builder: SubgraphBuilder): NodeRef =>
  builder.interfaceRef<NodeShape>('Node').implement({
    description: 'Something that has an id of its own, by which `node` finds it again.',
    resolveType: ({ id }) => {
      const type = checkNodeId(id);
      return isForeign(type) ? FOREIGN[type].type : type;
    },
    fields: (t) => ({ id: t.exposeID('id', { nullable: false, description: 'The id.' }) }),
  });

/** Adds `node` and `nodes`. */
export function addNodes({ builder, node: Node, loaders, ...lookups }: SchemaParts): void {
  const foreign = perRequest((context) => {
    const existing = (id: Foreign) => {
      const { type, owner } = FOREIGN[id];
      return requestLoader<string, NodeShape | null>(
        context,
        async (ids) => {
          const found = await (lookups[owner]() ?? notTold(`Whether this ${type} exists`, owner)).existing(
            context,
            type,
            [...new Set(ids)],
          );
          return ids.map((id) => (found.has(id) ? { id } : null));
        },
        { cache: false },
      );
    };
    return { Run: existing('Run'), Entity: existing('Entity'), Relation: existing('Relation') };
  });
  const load = async (id: string, context: RequestContext): Promise<NodeShape | null> => {
    const type = checkNodeId(id);
    if (isForeign(type)) return await foreign(context)[type].load(id);
    const model = type as ModelName;
    const scope = READ_SCOPES[model];
    if (scope !== undefined && !context.principal.scopes.includes(scope))
      throw forbidden(`The caller may not read ${MODELS[model].items}.`, { hint: missingScopes(`the scope ${scope}`) });
    return await loaders(context).byId[model].load(id);
  };

  builder.queryFields((t) => ({
    node: t.field({
      type: Node,
      description:
        'Whatever has this id: what the id begins with names its type. Null when there is no such thing. What a list of it takes a scope for, this does too.',
      args: { id: t.arg.id({ required: true, description: 'The id, such as `doc_…` or `run_…`.' }) },
      resolve: (_, { id }, context) => load(id, context),
    }),
    nodes: t.field({
      directives: { listSize: { assumedSize: RELATIONAL.nodes } },
      type: [Node],
      nullable: { list: true, items: true },
      description:
        'Things of whatever types by their ids, in the order of the ids; null in the place of each that does not exist, and with an error at its place for each that cannot be read.',
      args: {
        ids: t.arg.idList({ required: true, description: `The ids: at most ${RELATIONAL.nodes}.` }),
      },
      resolve: async (_, { ids }, context) => {
        if (ids.length > RELATIONAL.nodes)
          throw badUserInput(`\`ids\` has ${ids.length} items; at most ${RELATIONAL.nodes} are accepted.`);
        // An error in the place of its id: the others are answered. In one turn, so that those of one type are read together.
        return (await Promise.all(ids.map((id) => load(id, context).catch((error: Error) => error)))) as NodeShape[];
      },
    }),
  }));
}

/** @throws CodedError `BAD_USER_INPUT` for what is no id of a type that is found by it */
function checkNodeId(id: string): IdType {
  const type = typeOfId(id);
  if (type === undefined || !(isOwn(type) || isForeign(type)))
    throw badUserInput(`${JSON.stringify(id.slice(0, 80))} is not an id of this API.`, {
      hint: 'Ids look like `doc_…` or `run_…`; send one as an earlier answer gave it.',
    });
  return type;
}
