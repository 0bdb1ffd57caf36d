/**
 * `@oneOf` input objects (https://spec.graphql.org/September2025/#sec-OneOf-Input-Objects). Composition and the query
 * planner know nothing of them: the directive is taken out of what they are given, and put back into what they make.
 */
import {
  GraphQLOneOfDirective,
  Kind,
  parse,
  print,
  type ConstDirectiveNode,
  type DefinitionNode,
  type DocumentNode,
  type InputObjectTypeDefinitionNode,
  type InputObjectTypeExtensionNode,
} from 'graphql';

const { name: NAME } = GraphQLOneOfDirective;

const ONE_OF: ConstDirectiveNode = { kind: Kind.DIRECTIVE, name: { kind: Kind.NAME, value: NAME } };

type InputObject = InputObjectTypeDefinitionNode | InputObjectTypeExtensionNode;

const isInputObject = (definition: DefinitionNode): definition is InputObject =>
  definition.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION || definition.kind === Kind.INPUT_OBJECT_TYPE_EXTENSION;

const isOneOf = ({ name }: ConstDirectiveNode): boolean => name.value === NAME;

/** The definitions of input objects, whether or not they take one field. */
export const inputObjectsOf = ({ definitions }: DocumentNode): InputObject[] => definitions.filter(isInputObject);

/** Those of which exactly one field is to be given. */
export const oneOfObjectsOf = (document: DocumentNode): InputObject[] =>
  inputObjectsOf(document).filter(({ directives }) => directives?.some(isOneOf));

/** The same document without the directive; itself where it has none. */
export function withoutOneOf(document: DocumentNode): DocumentNode {
  const isDefinition = (definition: DefinitionNode): boolean =>
    definition.kind === Kind.DIRECTIVE_DEFINITION && definition.name.value === NAME;
  if (oneOfObjectsOf(document).length === 0 && !document.definitions.some(isDefinition)) return document;
  return {
    ...document,
    definitions: document.definitions
      .filter((definition) => !isDefinition(definition))
      .map((definition) =>
        isInputObject(definition)
          ? { ...definition, directives: definition.directives?.filter((directive) => !isOneOf(directive)) }
          : definition,
      ),
  };
}

/** The same schema with the directive on the types of these names. */
export function withOneOf(sdl: string, types: ReadonlySet<string>): string {
  if (types.size === 0) return sdl;
  const document = parse(sdl, { noLocation: true });
  return print({
    ...document,
    definitions: document.definitions.map((definition) =>
      definition.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION && types.has(definition.name.value)
        ? { ...definition, directives: [...(definition.directives ?? []), ONE_OF] }
        : definition,
    ),
  });
}
