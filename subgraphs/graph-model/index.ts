/**
 * The operator's own graph: types of nodes that a file names, read from Neo4j, as one more subgraph. Its schema is made
 * of the file when the server starts, so it is not among the printed ones.
 */
import { relative } from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { isAbstractType, isIntrospectionType, isObjectType, parse } from 'graphql';
import type { GraphQLFieldResolver, GraphQLObjectType, GraphQLSchema } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Neo4jOptions } from '#subgraphs/shared/neo4j/neo4j.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { apiTypeDefs } from './schema/api-schema.ts';
import { createDelegate, idsAlias, TYPENAME, type Delegate } from './schema/delegate.ts';
import type { GraphModelDriver } from './driver.ts';
import { createNeo4jModelDriver } from './drivers/neo4j/index.ts';
import { createEntities, type ResolveEntities } from './schema/entities.ts';
import { librarySchema } from './model/library.ts';
import { readModel, type GraphModel } from './model/file.ts';
import { namesOf } from './model/names.ts';
import { proveTenancy } from './tenancy/prove.ts';

export interface GraphModelConfig {
  /** The file of type definitions. */
  readonly file: string;
  /** The property that holds the tenant, on every node. */
  readonly tenantProperty: string;
  readonly neo4j: Neo4jOptions;
}

export const GRAPH_MODEL = 'graph-model';

/** A subgraph whose schema is known only once its file has been read. */
export interface GraphModelSubgraph extends Omit<Subgraph, 'name'> {
  readonly name: typeof GRAPH_MODEL;
  /** What composition is given. */
  readonly typeDefs: string;
}

/**
 * Reads the model and makes the subgraph. Neo4j is first contacted when it is first used.
 * @throws CodedError `BAD_USER_INPUT` for a file that is missing, is not a model, or holds what is refused
 */
export async function createGraphModel(config: GraphModelConfig): Promise<GraphModelSubgraph> {
  const model = await readModel(relative(process.cwd(), config.file) || config.file);
  const driver = createNeo4jModelDriver(config.neo4j);
  const { schema, typeDefs } = await buildSchema(model, driver, config.tenantProperty);
  return {
    name: GRAPH_MODEL,
    schema,
    typeDefs,
    routes: [],
    provides: {},
    health: async () => [await driver.health()],
    close: () => driver.close(),
  };
}

/** Builds the schema that serves, and what composition gets of it. */
export async function buildSchema(
  model: GraphModel,
  driver: GraphModelDriver,
  tenantProperty: string,
): Promise<{ schema: GraphQLSchema; typeDefs: string }> {
  const library = await librarySchema(model, tenantProperty);
  await proveTenancy(library, tenantProperty);
  const names = namesOf(library, model);
  const typeDefs = apiTypeDefs(library, model, names);
  const delegate = createDelegate({
    library,
    names,
    references: model.references,
    tenantProperty,
    run: (...statement) => driver.read(...statement),
    api: () => schema,
  });
  const entities = createEntities(model, library, () => schema, delegate);
  const schema = buildSubgraphSchema({ typeDefs: parse(typeDefs, { noLocation: true }) });
  resolve(schema, model, delegate, entities);
  return { schema, typeDefs };
}

type Resolver = GraphQLFieldResolver<Readonly<Record<string, unknown>>, RequestContext>;

/** What the library answered stands under response keys, as the API's own answer will. */
const fromAnswer: Resolver = (source, _, __, info) => source[info.path.key];

function resolve(schema: GraphQLSchema, model: GraphModel, delegate: Delegate, entities: ResolveEntities): void {
  const references = new Map(model.references.map((reference) => [`${reference.type}.${reference.field}`, reference]));
  const query = schema.getQueryType();
  for (const type of Object.values(schema.getTypeMap())) {
    if (isIntrospectionType(type) || type.name === '_Service' || type.name === '_Entity') continue;
    if (isAbstractType(type)) type.resolveType = (value) => (value as Record<string, string>)[TYPENAME];
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      if (type === query) {
        if (field.name === '_entities')
          field.resolve = (_, { representations }, context: RequestContext, info) =>
            entities(context, representations as never, info);
        else if (field.name !== '_service')
          field.resolve = (_, __, context: RequestContext, info) => delegate.root(context, info);
        continue;
      }
      const reference = references.get(`${type.name}.${field.name}`);
      field.resolve =
        reference === undefined
          ? (fromAnswer as GraphQLFieldResolver<unknown, unknown>)
          : (source) => referred((source as Record<string, unknown>)[idsAlias(reference)], reference.to);
    }
    keepStub(type, model);
  }
}

/** The entities that ids name, for their own subgraph to answer. */
function referred(ids: unknown, to: string): unknown {
  if (Array.isArray(ids)) return ids.map((id) => referred(id, to));
  return typeof ids === 'string' && ids !== '' ? { __typename: to, id: ids } : null;
}

function keepStub(type: GraphQLObjectType, model: GraphModel): void {
  if (model.references.some(({ to }) => to === type.name))
    type.getFields()['id']!.resolve = (source: { id: string }) => source.id;
}
