/**
 * Semantic introspection, as the GraphQL AI working group drafts it: `__search` finds definitions of the schema by plain
 * words, `__definitions` shows those of which the coordinates are known. Where the draft was read, and what it leaves
 * open, is in docs/agents.md.
 *
 * Like `__schema` and `__type`, both are fields that the query type has and does not list, and their types are in the
 * schema without being listed: printed schemas, introspection and what clients generate of them stay as they are, while
 * graphql-js validates and executes them as any other.
 */
import {
  __Directive,
  __EnumValue,
  __Field,
  __InputValue,
  __Type,
  GraphQLFloat,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLString,
  GraphQLUnionType,
  isDirective,
  isType,
  resolveSchemaCoordinate,
  visit,
  type GraphQLArgument,
  type GraphQLDirective,
  type GraphQLEnumValue,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  type GraphQLSchema,
  type ValueNode,
} from 'graphql';
import { RESPOND } from '#gateway/bounds/respond.ts';
import type { OperationPart } from '#gateway/plan/flatten.ts';
import { decodeCursor, encodeCursor, malformedCursor } from '#subgraphs/shared/cursors.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { inputHash } from '#subgraphs/shared/input-hash.ts';

/** What has a coordinate in a schema. */
export type SchemaDefinition =
  | GraphQLNamedType
  | GraphQLField<unknown, unknown>
  | GraphQLInputField
  | GraphQLArgument
  | GraphQLEnumValue
  | GraphQLDirective;

/** A definition that fits a question. */
export interface FoundDefinition {
  /** `Query.documents`, `Document`. */
  readonly coordinate: string;
  readonly definition: SchemaDefinition;
  /** From above 0 to 1, which the best has. */
  readonly score: number;
  /** Ways from fields of a root type to the definition, as coordinates, the shortest first; none where no operation reaches it. */
  pathsToRoot(): readonly (readonly string[])[];
}

/** Finds what of one schema fits a question in plain words. */
export interface SchemaFinder {
  /**
   * The best first: at most so many as pages go through.
   * @throws CodedError `STORE_UNAVAILABLE` where the embedder cannot be read
   */
  find(question: string): Promise<readonly FoundDefinition[]>;
}

/** What the questions of an operation found, or why nothing was looked for. */
export type Found = ReadonlyMap<string, readonly FoundDefinition[] | CodedError>;

/** What resolvers are given as their context. */
export interface SearchContext {
  readonly found: Found;
  /** Coordinates that the operation has asked for so far. */
  readonly coordinates: Set<string>;
}

interface SearchArguments {
  readonly query: string;
  readonly first: number;
  readonly after?: string | null;
  readonly minScore?: number | null;
}

const text = new GraphQLNonNull(GraphQLString);
const listOf = (type: GraphQLUnionType | GraphQLObjectType) =>
  new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(type)));

const SchemaDefinitionType = new GraphQLUnionType({
  name: '__SchemaDefinition',
  description: 'Whatever a schema coordinate may name.',
  types: [__Type, __Field, __InputValue, __EnumValue, __Directive],
  resolveType: (definition: SchemaDefinition) => {
    if (isType(definition)) return __Type.name;
    if (isDirective(definition)) return __Directive.name;
    if ('args' in definition) return __Field.name;
    return 'type' in definition ? __InputValue.name : __EnumValue.name;
  },
});

const SearchResultType = new GraphQLObjectType<FoundDefinition & { readonly cursor: string }>({
  name: '__SearchResult',
  description: 'A definition of the schema that fits what was searched for.',
  fields: {
    coordinate: { type: text, description: 'Its schema coordinate, such as `Query.documents`: for `__definitions`.' },
    definition: { type: new GraphQLNonNull(SchemaDefinitionType), description: 'The definition itself.' },
    pathsToRoot: {
      type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(new GraphQLList(text)))),
      description:
        'Ways to it from a field of a root type, as coordinates, the shortest first. There may be others. Of a field it is the last; of a type the last is a field that gives it.',
      resolve: (found) => found.pathsToRoot(),
    },
    score: { type: GraphQLFloat, description: 'How well it fits beside the best, which has 1: above 0.' },
    cursor: { type: text, description: 'Pass it as `after` of the same search to continue behind this result.' },
  },
});

/** Both fields, as a type has them. */
const META = new GraphQLObjectType<unknown, SearchContext>({
  name: 'Query',
  fields: {
    __search: {
      type: listOf(SearchResultType),
      description:
        'What of the schema fits a question in plain words, the best first. Fewer results than `first` are the last.',
      args: {
        query: { type: text, description: 'What is looked for, in plain words: a question does.' },
        first: {
          type: new GraphQLNonNull(GraphQLInt),
          defaultValue: RESPOND.found,
          description: `The most results, from 1 to ${RESPOND.definitions}.`,
        },
        after: {
          type: GraphQLString,
          description: 'The `cursor` of a result of the same search, to continue behind it.',
        },
        minScore: { type: GraphQLFloat, description: 'Leaves out what has a lower score.' },
      },
      resolve: (_, args, { found }) => searched(args as SearchArguments, found),
    },
    __definitions: {
      type: listOf(SchemaDefinitionType),
      description:
        'The definitions with these schema coordinates, in their order. Coordinates that name nothing are passed over.',
      args: {
        coordinates: {
          type: new GraphQLNonNull(new GraphQLList(text)),
          description: `Such as \`Document\`, \`Query.documents\`, \`Query.documents(first:)\` and \`@deprecated\`; at most ${RESPOND.definitions}. One that is there twice is shown once.`,
        },
      },
      resolve: (_, { coordinates }, context, { schema }) =>
        definitionsOf(coordinates as readonly string[], context.coordinates, schema),
    },
  },
});

/** Gives the query type both fields, unlisted. */
export function addSemanticIntrospection(schema: GraphQLSchema): void {
  const unlisted = { enumerable: false, configurable: true, writable: true } as const;
  const fields = schema.getQueryType()!.getFields();
  for (const field of Object.values(META.getFields()))
    Object.defineProperty(fields, field.name, { ...unlisted, value: field });
  for (const type of [SearchResultType, SchemaDefinitionType])
    Object.defineProperty(schema.getTypeMap(), type.name, { ...unlisted, value: type });
}

/** What a part of an operation searches for: its arguments `query`, wherever in it they stand. */
export function searchesIn({ operation, fragments }: OperationPart): readonly ValueNode[] {
  const searches: ValueNode[] = [];
  for (const definition of [operation, ...fragments.values()])
    visit(definition, {
      Field({ name, arguments: given = [] }) {
        const query = given.find((argument) => argument.name.value === 'query');
        if (name.value === '__search' && query !== undefined) searches.push(query.value);
      },
    });
  return searches;
}

function searched(
  { query, first, after, minScore }: SearchArguments,
  all: Found,
): (FoundDefinition & { readonly cursor: string })[] {
  if (first < 1 || first > RESPOND.definitions)
    throw badUserInput(`\`first\` of \`__search\` must be from 1 to ${RESPOND.definitions}.`);
  const found = all.get(query)!;
  if (found instanceof CodedError) throw found;
  const list = `__search:${inputHash(query)}`;
  const from = after === undefined || after === null ? 0 : positionIn(list, after);
  return found
    .map((each, at) => ({ each, at }))
    .slice(from)
    .filter(({ each }) => each.score >= (minScore ?? 0))
    .slice(0, first)
    .map(({ each, at }) => ({ ...each, cursor: encodeCursor(list, [at + 1]) }));
}

function positionIn(list: string, after: string): number {
  const [position] = decodeCursor(list, after, 1);
  if (typeof position !== 'number' || !Number.isSafeInteger(position) || position < 1) throw malformedCursor();
  return position;
}

function definitionsOf(coordinates: readonly string[], asked: Set<string>, schema: GraphQLSchema): SchemaDefinition[] {
  if (coordinates.length > RESPOND.definitions)
    throw badUserInput(`\`coordinates\` of \`__definitions\` are at most ${RESPOND.definitions}.`);
  const distinct = new Set(coordinates);
  for (const coordinate of distinct) {
    if (asked.size >= RESPOND.coordinates && !asked.has(coordinate)) throw tooManyCoordinates;
    asked.add(coordinate);
  }
  return [...distinct].flatMap((coordinate) => definitionAt(coordinate, schema) ?? []);
}

const tooManyCoordinates = new CodedError(
  'QUERY_TOO_COSTLY',
  `An operation asks for the definitions of at most ${RESPOND.coordinates} schema coordinates.`,
  { hint: 'Ask for the others in another operation.' },
);

/** Undefined for what names nothing, and for what is no coordinate. */
function definitionAt(coordinate: string, schema: GraphQLSchema): SchemaDefinition | undefined {
  if (coordinate.length > RESPOND.coordinateCharacters) return undefined;
  try {
    const element = resolveSchemaCoordinate(schema, coordinate);
    switch (element?.kind) {
      case 'NamedType':
        return element.type;
      case 'Field':
        return element.field;
      case 'InputField':
        return element.inputField;
      case 'EnumValue':
        return element.enumValue;
      case 'FieldArgument':
        return element.fieldArgument;
      case 'Directive':
        return element.directive;
      case 'DirectiveArgument':
        return element.directiveArgument;
      case undefined:
        return undefined;
    }
  } catch {
    return undefined; // graphql-js throws at what is no coordinate, and at members of what is not there.
  }
}
