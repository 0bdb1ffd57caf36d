/** A first model from what a database holds, by `@neo4j/introspector`, in the form that a graph model has here. */
import { toGraphQLTypeDefs } from '@neo4j/introspector';
import { Kind, parse, print } from 'graphql';
import type { ConstDirectiveNode, FieldDefinitionNode, ObjectTypeDefinitionNode, TypeNode } from 'graphql';
import neo4j from 'neo4j-driver';
import { toNeo4jError } from '#subgraphs/shared/neo4j/errors.ts';
import { INTROSPECT } from './bounds.ts';

/** Where to look. */
export interface Database {
  readonly uri: string;
  readonly username: string;
  readonly password: string;
  readonly database?: string;
}

export interface Introspected {
  /** The file's text. */
  readonly text: string;
  /** The types of nodes in it. */
  readonly types: readonly string[];
  /** Those of which some or all nodes lack the tenant's property. */
  readonly without: readonly string[];
}

/** Labels of the graph contract, which the API has already. */
const OWN = /^Tributary[A-Z]/;

/** @throws CodedError when the database cannot be reached */
export async function introspect(
  { uri, username, password, database }: Database,
  tenantProperty: string,
): Promise<Introspected> {
  let driver;
  try {
    driver = neo4j.driver(uri, neo4j.auth.basic(username, password), {
      connectionTimeout: INTROSPECT.connectMs,
      maxTransactionRetryTime: INTROSPECT.retryMs,
      telemetryDisabled: true,
    });
    const text = await toGraphQLTypeDefs(() => {
      const session = driver!.session({ database, defaultAccessMode: neo4j.session.READ });
      // What version 5 of the client, which the introspector is for, called it.
      return Object.assign(session, { readTransaction: session.executeRead.bind(session) }) as never;
    }, true);
    const types = parse(text).definitions.filter((definition) => definition.kind === Kind.OBJECT_TYPE_DEFINITION);
    return modelOf(types, tenantProperty);
  } catch (error) {
    throw toNeo4jError(error);
  } finally {
    await driver?.close();
  }
}

/** The introspector's types in our form. Exported for its test. */
export function modelOf(types: readonly ObjectTypeDefinitionNode[], tenantProperty: string): Introspected {
  const own = new Set(
    types.flatMap((type) => (labelsOf(type).some((label) => OWN.test(label)) ? [type.name.value] : [])),
  );
  const kept = types.filter((type) => !own.has(type.name.value));
  const nodes = kept.filter((type) => has(type, 'node'));
  // Only properties of relations that are kept.
  const properties = new Set(
    nodes.flatMap((type) =>
      (type.fields ?? []).flatMap((field) => (own.has(named(field.type)) ? [] : (relationshipProperties(field) ?? []))),
    ),
  );
  const without: string[] = [];
  const definitions = kept
    .filter((type) => has(type, 'node') || properties.has(type.name.value))
    .map((type) => {
      const tenant = type.fields?.find((field) => property(field) === tenantProperty);
      if (has(type, 'node') && tenant?.type.kind !== Kind.NON_NULL_TYPE) without.push(type.name.value);
      const fields = (type.fields ?? [])
        .filter((field) => field !== tenant && !own.has(named(field.type)))
        .map(withoutWrites);
      const directives = type.directives?.filter(
        ({ name }) => !['mutation', 'query', 'subscription'].includes(name.value),
      );
      const note = !has(type, 'node')
        ? ''
        : tenant === undefined
          ? `# ${type.name.value}: no node has \`${tenantProperty}\`, so nobody would see any.\n`
          : tenant.type.kind === Kind.NON_NULL_TYPE
            ? ''
            : `# ${type.name.value}: nodes without \`${tenantProperty}\` are seen by nobody.\n`;
      return note + print({ ...type, fields, directives });
    });
  const head = [
    `# A first model, as the database was; the tenant's property, \`${tenantProperty}\`, is not shown.`,
    '# Cut it to what is to be served, and describe what stays. See docs/graph-model.md.',
    '',
    '',
  ].join('\n');
  return { text: `${head}${definitions.join('\n\n')}\n`, types: nodes.map(({ name }) => name.value), without };
}

const has = (type: ObjectTypeDefinitionNode, name: string): boolean =>
  type.directives?.some((directive) => directive.name.value === name) ?? false;
const named = (type: TypeNode): string => (type.kind === Kind.NAMED_TYPE ? type.name.value : named(type.type));

/** A type's labels: those of @node, else its name. */
function labelsOf(type: ObjectTypeDefinitionNode): string[] {
  const labels = argument(
    type.directives?.find(({ name }) => name.value === 'node'),
    'labels',
  );
  return labels?.kind === Kind.LIST
    ? labels.values.flatMap((value) => (value.kind === Kind.STRING ? [value.value] : []))
    : [type.name.value];
}

function property(field: FieldDefinitionNode): string {
  const alias = argument(
    field.directives?.find(({ name }) => name.value === 'alias'),
    'property',
  );
  return alias?.kind === Kind.STRING ? alias.value : field.name.value;
}

function relationshipProperties(field: FieldDefinitionNode): string | undefined {
  const value = argument(
    field.directives?.find(({ name }) => name.value === 'relationship'),
    'properties',
  );
  return value?.kind === Kind.STRING ? value.value : undefined;
}

const argument = (directive: ConstDirectiveNode | undefined, name: string) =>
  directive?.arguments?.find((found) => found.name.value === name)?.value;

const withoutWrites = (field: FieldDefinitionNode): FieldDefinitionNode => ({
  ...field,
  directives: field.directives?.map((directive) =>
    directive.name.value === 'relationship'
      ? { ...directive, arguments: directive.arguments?.filter(({ name }) => name.value !== 'nestedOperations') }
      : directive,
  ),
});
