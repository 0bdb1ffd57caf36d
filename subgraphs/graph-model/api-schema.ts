/**
 * The type definitions that this subgraph gives to composition, made of the library's schema: generated names prefixed,
 * the tenant's field hidden, keys and references added, and root fields nullable, since the store may be down.
 */
import { Kind, parse, print, printSchema, visit } from 'graphql';
import type { DefinitionNode, DocumentNode, FieldDefinitionNode, GraphQLSchema, InterfaceTypeDefinitionNode, ObjectTypeDefinitionNode, StringValueNode, TypeNode } from 'graphql';
import { FEDERATION_LINK } from '#subgraphs/shared/builder.ts';
import { TENANT_FIELD } from './library.ts';
import { directive, namedType, type GraphModel, type Reference } from './model-file.ts';
import { PREFIX, type Names } from './names.ts';

/** What the API calls the library's bare names, for people. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  AND: 'All of these.',
  OR: 'At least one of these.',
  NOT: 'Not this.',
  where: 'Which ones.',
  sort: 'In which order.',
  limit: 'How many at most.',
  offset: 'How many to leave out first.',
  first: 'How many at most.',
  after: 'The cursor to go on from.',
};

/** @returns the subgraph's type definitions */
export function apiTypeDefs(library: GraphQLSchema, model: GraphModel, names: Names): string {
  const generated = parse(printSchema(library), { noLocation: true });
  const renamed = visit(generated, {
    NamedType: (node) => ({ ...node, name: { ...node.name, value: names.toApi(node.name.value) } }),
  });
  const unions = new Set(model.document.definitions.flatMap((definition) => (definition.kind === Kind.UNION_TYPE_DEFINITION ? [definition.name.value] : [])));
  const definitions = renamed.definitions.flatMap((definition) => definitionOf(definition, model, names, unions));
  const stubs = [...new Set(model.references.map(({ to }) => to))].map((name) => `type ${name} @key(fields: "id", resolvable: false) { id: ID! }`);
  const link = `extend schema @link(url: ${JSON.stringify(FEDERATION_LINK)}, import: ["@key"])`;
  return [link, print({ ...renamed, definitions } as DocumentNode), ...stubs].join('\n\n') + '\n';
}

function definitionOf(definition: DefinitionNode, model: GraphModel, names: Names, unions: ReadonlySet<string>): DefinitionNode[] {
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
      return [{ ...definition, name, fields: visible(definition).map((field) => ({ ...field, description: field.description ?? descriptionOf(field.name.value) })) }];
    case Kind.SCALAR_TYPE_DEFINITION:
      // Another subgraph's words for the same scalar would differ.
      return [{ ...definition, name, description: undefined }];
    case Kind.DIRECTIVE_DEFINITION:
      return [];
    default:
      return [{ ...definition, name } as DefinitionNode];
  }
}

function queryOf(definition: ObjectTypeDefinitionNode, unions: ReadonlySet<string>): ObjectTypeDefinitionNode {
  const fields = (definition.fields ?? [])
    // The library lists unions without a limit, so they are found at relationships only.
    .filter((field) => !unions.has(namedType(field.type)))
    .map((field) => ({ ...described(field), type: nullable(field.type), description: field.description ?? rootDescription(namedType(field.type)) }));
  // Described by the subgraph that owns it.
  return { ...definition, description: undefined, fields };
}

const rootDescription = (type: string): StringValueNode => ({ kind: Kind.STRING, value: type.startsWith(PREFIX) && type.endsWith('Connection') ? 'By pages, with how many there are and aggregates.' : `Nodes that are a ${type}.` });

function typeOf<T extends ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode>(definition: T, model: GraphModel): T {
  const name = definition.name.value;
  const keys = model.nodes.find((node) => node.name === name)?.keys ?? [];
  const inKey = new Set(keys.flat());
  // Of an entity only its key is sure: the rest may be asked for after a fetch that failed. An interface may not promise more.
  const unsure = definition.kind === Kind.INTERFACE_TYPE_DEFINITION ? model.nodes.some((node) => node.keys.length > 0) : keys.length > 0;
  const fields = visible(definition).map((field) => (unsure && !inKey.has(field.name.value) ? { ...described(field), type: nullable(field.type) } : described(field)));
  const references = model.references.filter(({ type }) => type === name).map(referenceField);
  const directives = keys.map((key) => directive(`@key(fields: ${JSON.stringify(key.join(' '))})`));
  return { ...definition, fields: [...fields, ...references], directives: [...(definition.directives ?? []), ...directives] };
}

const visible = <F extends { readonly name: { readonly value: string } }>({ fields = [] }: { readonly fields?: readonly F[] }): F[] => fields.filter(({ name }) => !name.value.startsWith(TENANT_FIELD));

const described = (field: FieldDefinitionNode): FieldDefinitionNode => ({
  ...field,
  arguments: field.arguments?.map((argument) => ({ ...argument, description: argument.description ?? descriptionOf(argument.name.value) })),
});

const descriptionOf = (name: string): StringValueNode | undefined => {
  const value = DESCRIPTIONS[name];
  return value === undefined ? undefined : { kind: Kind.STRING, value };
};

const nullable = (type: TypeNode): TypeNode => (type.kind === Kind.NON_NULL_TYPE ? type.type : type);

function referenceField({ field, to, list, by, description }: Reference): FieldDefinitionNode {
  const text = description ?? `The ${to} that \`${by}\` ${list ? 'names, in their order' : 'names'}.`;
  const [type] = parse(`type T { ${JSON.stringify(text)} ${field}: ${list ? `[${to}!]` : to} }`, { noLocation: true }).definitions;
  return (type as ObjectTypeDefinitionNode).fields![0]!;
}
