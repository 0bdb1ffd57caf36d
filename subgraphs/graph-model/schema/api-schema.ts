/**
 * The type definitions that this subgraph gives to composition, made of the library's schema: generated names prefixed,
 * the tenant's field hidden, keys and references added, and root fields nullable, since the store may be down.
 */
import { Kind, parse, print, printSchema, visit } from 'graphql';
import type {
  DefinitionNode,
  DocumentNode,
  FieldDefinitionNode,
  GraphQLSchema,
  InputValueDefinitionNode,
  InterfaceTypeDefinitionNode,
  ObjectTypeDefinitionNode,
  StringValueNode,
  TypeNode,
} from 'graphql';
import { FEDERATION_LINK } from '#subgraphs/shared/builder.ts';
import { TENANT_FIELD } from '../model/library.ts';
import { directive, has, namedType, type GraphModel, type Reference } from '../model/file.ts';
import { PREFIX, type Names } from '../model/names.ts';

/** What the API calls the library's bare names, for people. */
const DESCRIPTIONS: ReadonlyMap<string, string> = new Map(
  Object.entries<string>({
    AND: 'All of these.',
    OR: 'At least one of these.',
    NOT: 'Not this.',
    where: 'Which ones.',
    sort: 'In which order.',
    limit: 'How many at most.',
    offset: 'How many to leave out first.',
    first: 'How many at most.',
    after: 'The cursor to go on from.',
  }),
);

/** @returns the subgraph's type definitions */
export function apiTypeDefs(library: GraphQLSchema, model: GraphModel, names: Names): string {
  const generated = parse(printSchema(library), { noLocation: true });
  const renamed = visit(generated, {
    NamedType: (node) => ({ ...node, name: { ...node.name, value: names.toApi(node.name.value) } }),
  });
  const unions = new Set(
    model.document.definitions.flatMap((definition) =>
      definition.kind === Kind.UNION_TYPE_DEFINITION ? [definition.name.value] : [],
    ),
  );
  const hidden = faultyFields(model);
  const definitions = reachable(
    renamed.definitions.flatMap((definition) => definitionOf(withoutFields(definition, hidden), model, names, unions)),
  );
  const stubs = [...new Set(model.references.map(({ to }) => to))].map(
    (name) => `type ${name} @key(fields: "id", resolvable: false) { id: ID! }`,
  );
  const link = `extend schema @link(url: ${JSON.stringify(FEDERATION_LINK)}, import: ["@key"])`;
  return [link, print({ ...renamed, definitions } as DocumentNode), ...stubs].join('\n\n') + '\n';
}

function definitionOf(
  definition: DefinitionNode,
  model: GraphModel,
  names: Names,
  unions: ReadonlySet<string>,
): DefinitionNode[] {
  if (!('name' in definition) || definition.name === undefined) return [];
  const inLibrary = definition.name.value;
  const name = { ...definition.name, value: names.toApi(inLibrary) };
  switch (definition.kind) {
    case Kind.OBJECT_TYPE_DEFINITION:
      if (inLibrary === 'Query') return [queryOf(definition, unions)];
      return [{ ...typeOf(definition, model), name }];
    case Kind.INTERFACE_TYPE_DEFINITION:
      return [{ ...typeOf(definition, model), name }];
    case Kind.INPUT_OBJECT_TYPE_DEFINITION:
      return [
        {
          ...definition,
          name,
          fields: visible(definition).map((field) => ({
            ...field,
            description: field.description ?? descriptionOf(field.name.value),
          })),
        },
      ];
    case Kind.SCALAR_TYPE_DEFINITION:
      // Another subgraph's words for the same scalar would differ.
      return [{ ...definition, name, description: undefined }];
    case Kind.DIRECTIVE_DEFINITION:
      return [];
    default:
      return [{ ...definition, name } as DefinitionNode];
  }
}

/**
 * What the library offers on interfaces and cannot do, as of 7.6: filters on declared relationships and on `typename`
 * (`Attribute … not found`), and aggregates (Cypher that does not compile, or `likely a bug`). Tells by type and field,
 * in the library's names.
 */
function faultyFields({ document }: GraphModel): (type: string, field: string, of: string) => boolean {
  const types = document.definitions.filter(
    (definition) =>
      definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION,
  );
  const interfaces = new Set(
    types.flatMap(({ kind, name }) => (kind === Kind.INTERFACE_TYPE_DEFINITION ? [name.value] : [])),
  );
  const fields = new Set<string>();
  for (const { name: type, fields: declared = [] } of types) {
    if (interfaces.has(type.value)) fields.add(`${type.value}Where.typename`);
    for (const { name, type: of, directives } of declared) {
      if (has({ directives }, 'declareRelationship'))
        for (const suffix of ['', 'Connection']) fields.add(`${type.value}Where.${name.value}${suffix}`);
      if (interfaces.has(namedType(of)))
        fields.add(`${type.value}${name.value.replace(/^./, (first) => first.toUpperCase())}Connection.aggregate`);
    }
  }
  const ofInterfaces = new Set([...interfaces].map((name) => `${PREFIX}${name}Aggregate`));
  return (type, field, of) => fields.has(`${type}.${field}`) || (field === 'aggregate' && ofInterfaces.has(of));
}

function withoutFields(definition: DefinitionNode, hidden: ReturnType<typeof faultyFields>): DefinitionNode {
  if (!('fields' in definition) || definition.fields === undefined) return definition;
  const fields = (definition.fields as readonly (FieldDefinitionNode | InputValueDefinitionNode)[]).filter(
    (field) => !hidden(definition.name.value, field.name.value, namedType(field.type)),
  );
  return { ...definition, fields } as DefinitionNode;
}

/** Without types that nothing shown leads to. */
function reachable(definitions: readonly DefinitionNode[]): DefinitionNode[] {
  const byName = new Map(
    definitions.flatMap((definition) =>
      'name' in definition && definition.name !== undefined ? [[definition.name.value, definition] as const] : [],
    ),
  );
  const found = new Set<string>();
  const enter = (name: string): void => {
    const definition = byName.get(name);
    if (definition === undefined || found.has(name)) return;
    found.add(name);
    visit(definition, { NamedType: ({ name: { value } }) => enter(value) });
    // What implements an interface is reached by it.
    if (definition.kind === Kind.INTERFACE_TYPE_DEFINITION)
      for (const other of byName.values())
        if ('interfaces' in other && other.interfaces?.some((each) => each.name.value === name))
          enter(other.name!.value);
  };
  enter('Query');
  return definitions.filter(
    (definition) => 'name' in definition && definition.name !== undefined && found.has(definition.name.value),
  );
}

function queryOf(definition: ObjectTypeDefinitionNode, unions: ReadonlySet<string>): ObjectTypeDefinitionNode {
  const fields = (definition.fields ?? [])
    // The library lists unions without a limit, so they are found at relationships only.
    .filter((field) => !unions.has(namedType(field.type)))
    .map((field) => ({
      ...described(field),
      type: nullable(field.type),
      description: field.description ?? rootDescription(namedType(field.type)),
    }));
  // Described by the subgraph that owns it.
  return { ...definition, description: undefined, fields };
}

const rootDescription = (type: string): StringValueNode => ({
  kind: Kind.STRING,
  value:
    type.startsWith(PREFIX) && type.endsWith('Connection')
      ? 'By pages, with how many there are and aggregates.'
      : `Nodes that are a ${type}.`,
});

function typeOf<T extends ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode>(definition: T, model: GraphModel): T {
  const name = definition.name.value;
  const keys = model.nodes.find((node) => node.name === name)?.keys ?? [];
  // Of an entity only its key is sure: the rest may be asked for after a fetch that failed. The same for all types, or
  // what two have in common could not be asked of both at once.
  const sure = (field: FieldDefinitionNode): boolean =>
    !model.names.has(name) || keys.flat().includes(field.name.value);
  const fields = visible(definition).map((field) =>
    sure(field) ? described(field) : { ...described(field), type: nullable(field.type) },
  );
  const references = model.references.filter(({ type }) => type === name).map(referenceField);
  const directives = keys.map((key) => directive(`@key(fields: ${JSON.stringify(key.join(' '))})`));
  return {
    ...definition,
    fields: [...fields, ...references],
    directives: [...(definition.directives ?? []), ...directives],
  };
}

const visible = <F extends { readonly name: { readonly value: string } }>({
  fields = [],
}: {
  readonly fields?: readonly F[];
}): F[] => fields.filter(({ name }) => !name.value.startsWith(TENANT_FIELD));

const described = (field: FieldDefinitionNode): FieldDefinitionNode => ({
  ...field,
  arguments: field.arguments?.map((argument) => ({
    ...argument,
    description: argument.description ?? descriptionOf(argument.name.value),
  })),
});

const descriptionOf = (name: string): StringValueNode | undefined => {
  const value = DESCRIPTIONS.get(name);
  return value === undefined ? undefined : { kind: Kind.STRING, value };
};

const nullable = (type: TypeNode): TypeNode => (type.kind === Kind.NON_NULL_TYPE ? type.type : type);

function referenceField({ field, to, list, by, description }: Reference): FieldDefinitionNode {
  const text = description ?? `The ${to} that \`${by}\` ${list ? 'names, in their order' : 'names'}.`;
  const [type] = parse(`type T { ${JSON.stringify(text)} ${field}: ${list ? `[${to}!]` : to} }`, {
    noLocation: true,
  }).definitions;
  return (type as ObjectTypeDefinitionNode).fields![0]!;
}
