/** The model as `@neo4j/graphql` gets it, and the schema that it makes: read only, each node the tenant's own. */
import { randomUUID } from 'node:crypto';
import { Neo4jGraphQL } from '@neo4j/graphql';
import { GraphQLError, Kind, parse } from 'graphql';
import type { DocumentNode, FieldDefinitionNode, GraphQLSchema, ObjectTypeDefinitionNode } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { directive, has, type GraphModel } from './file.ts';
import { guardPatterns, TENANT_PARAMETER, withTenantProperty } from '../tenancy/tenancy.ts';

/** The field that the rules speak of; it is hidden from the API. */
export const TENANT_FIELD = 'tributaryTenant';

/** Runs one read. The answer is the driver's: records, and a summary. */
export type RunStatement = (
  context: RequestContext,
  cypher: string,
  parameters: Record<string, unknown>,
) => Promise<unknown>;

/**
 * Makes the library's schema.
 * @param tenantProperty the property that holds the tenant on every node
 * @throws CodedError `BAD_USER_INPUT` for what the library finds wrong
 */
export async function librarySchema(model: GraphModel, tenantProperty: string): Promise<GraphQLSchema> {
  guardPatterns();
  try {
    return await new Neo4jGraphQL({
      typeDefs: withRules(model.document, tenantProperty),
      features: {
        // Verifies no token: who asks is verified before, and comes in the context. Without it the library warns on
        // every start.
        authorization: { key: randomUUID() },
        excludeDeprecatedFields: {
          mutationOperations: true,
          aggregationFilters: true,
          aggregationFiltersOutsideConnection: true,
          relationshipFilters: true,
          attributeFilters: true,
        },
      },
    }).getSchema();
  } catch (error) {
    const faults = (Array.isArray(error) ? error : [error]).map((each: unknown) =>
      each instanceof Error ? each.message + placeOf(each) : String(each),
    );
    throw badUserInput(
      `GRAPH_MODEL is not a model that can be served:\n${faults.map((line) => `  - ${line}`).join('\n')}`,
      { cause: error, hint: 'What may stand in the file is in docs/graph-model.md.' },
    );
  }
}

/** Which type, field and directive an error of the library is about. */
const placeOf = (error: Error & { path?: unknown }): string =>
  error instanceof GraphQLError && error.path?.length ? ` (${error.path.join('.')})` : '';

function withRules(document: DocumentNode, tenantProperty: string): DocumentNode {
  const tenant = fieldOf(
    `${TENANT_FIELD}: String! @alias(property: ${JSON.stringify(tenantProperty)}) @selectable(onRead: false, onAggregate: false) @sortable(byValue: false)`,
  );
  const ofNodes = [
    directive('@mutation(operations: [])'),
    directive('@subscription(events: [])'),
    directive(`@authorization(filter: [{ where: { node: { ${TENANT_FIELD}: { eq: "$jwt.tenant" } } } }])`),
  ];
  const none = directive('@relationship(nestedOperations: [])').arguments!;
  const definitions = document.definitions.map((definition) => {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION)
      return definition;
    const fields = (definition.fields ?? []).map((field): FieldDefinitionNode => ({
      ...field,
      directives: field.directives?.map((found) =>
        ['relationship', 'declareRelationship'].includes(found.name.value)
          ? {
              ...found,
              arguments: [...(found.arguments ?? []).filter(({ name }) => name.value !== 'nestedOperations'), ...none],
            }
          : found,
      ),
    }));
    if (!has(definition, 'node')) return { ...definition, fields };
    return { ...definition, fields: [...fields, tenant], directives: [...(definition.directives ?? []), ...ofNodes] };
  });
  return { ...document, definitions };
}

function fieldOf(text: string): FieldDefinitionNode {
  const [type] = parse(`type T { ${text} }`, { noLocation: true }).definitions;
  return (type as ObjectTypeDefinitionNode).fields![0]!;
}

/** What the library's resolvers are given: the verified caller, and the one way to the store. */
export function libraryContext(context: RequestContext, run: RunStatement, tenantProperty: string): object {
  const { tenantId, subject, roles } = context.principal;
  return {
    jwt: { tenant: tenantId, sub: subject, roles: [...roles] },
    executionContext: {
      run: async (cypher: string, parameters: Record<string, unknown>) =>
        SERVER_VERSION.test(cypher)
          ? VERSION_ANSWER
          : await run(context, withTenantProperty(withoutApoc(cypher), tenantProperty), {
              ...parameters,
              [TENANT_PARAMETER]: tenantId,
            }),
    },
  };
}

/** The library asks once whether the server is older than 5, which the client has seen to. */
const SERVER_VERSION =
  /^(CYPHER 5\s+)?CALL dbms\.components\(\) YIELD versions, edition UNWIND versions AS version RETURN version, edition\s*$/;
const VERSION_ANSWER = { records: [['5.0.0', 'any']], summary: { counters: { updates: () => ({}) } } };

/**
 * The one thing that the library reads with APOC: a point in time with an offset and no name of a zone. Cypher has that
 * too.
 */
const withoutApoc = (cypher: string): string =>
  cypher.replace(
    /apoc\.date\.convertFormat\(toString\(((?:[^()]|\([^()]*\))+)\), 'iso_zoned_date_time', 'iso_offset_date_time'\)/g,
    'CASE WHEN $1 IS NULL THEN NULL ELSE toString(datetime({ datetime: $1, timezone: "Z" })) END',
  );
