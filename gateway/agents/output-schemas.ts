/**
 * What tools answer, as JSON Schema (`outputSchema` of the Model Context Protocol): of an operation's data, what its selection says. Schemas
 * leave room for more than they name, so that a client that checks them takes what a later server answers.
 */
import {
  getNamedType,
  getNullableType,
  isAbstractType,
  isEnumType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  print,
  SchemaMetaFieldDef,
  typeFromAST,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';
import { AGENTS } from '#gateway/bounds/agents.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

const STRING = { type: 'string' } as const;
/** As GraphQL has them: whoever reads a list of tools knows what else is in one. */
const ERRORS = { type: 'array', items: { type: 'object' } } as const;
/** What is longer than a page, or no data at all: `next` says how to go on, `nextOffset` is the `offset` of the page behind it. */
const TEXT = { text: STRING, next: STRING, nextOffset: { type: 'integer' } } as const;

/** What tools answer that run operations: data and errors, or a page of both as text. @param data what data are */
export const answerSchema = (data: JsonSchema = { type: ['object', 'null'] }): JsonSchema => ({
  type: 'object',
  properties: { data, errors: ERRORS, ...TEXT },
});

/** What tools answer that tell of the schema: its text, or why there is none. */
export const TEXT_SCHEMA: JsonSchema = { type: 'object', properties: { ...TEXT, errors: ERRORS } };

/** What `validate` answers: what the operation is, or what is wrong with it. */
export const VALIDATION_SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    valid: { type: 'boolean' },
    type: { enum: ['query', 'mutation', 'subscription'] },
    cost: { type: 'number' },
    errors: ERRORS,
  },
};

/**
 * What must hold for a selection to be made: directives as they are written, which hold or do not in the whole operation, and types of
 * objects, each said with the place of the object.
 */
type Conditions = ReadonlySet<string>;

/** A selection, where it is made. */
interface Selected {
  readonly type: GraphQLNamedType;
  readonly selectionSet: SelectionSetNode;
  readonly when: Conditions;
}

/** A field that is selected under a name, of what type it is, and when. */
interface SelectedField {
  readonly node: FieldNode;
  readonly type: GraphQLOutputType;
  readonly when: Conditions;
}

/**
 * What the data of a valid document's only operation are. Past a bound of fields (`AGENTS.outputFields`) anything may be.
 * @returns undefined where it has no operation that the schema has a root for
 */
export function dataSchemaOf(schema: GraphQLSchema, document: DocumentNode): JsonSchema | undefined {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const each of document.definitions)
    if (each.kind === Kind.FRAGMENT_DEFINITION) fragments.set(each.name.value, each);
  const operation = document.definitions.find((each) => each.kind === Kind.OPERATION_DEFINITION);
  const root = operation === undefined ? undefined : schema.getRootType(operation.operation);
  if (operation === undefined || root == null) return undefined;
  let left = AGENTS.outputFields;
  let places = 0;
  return orNull(objectOf([{ type: root, selectionSet: operation.selectionSet, when: new Set() }]));

  /** @param selected what it has, of which one at least is there: else there were no such object */
  function objectOf(selected: readonly Selected[]): JsonSchema {
    const place = (places += 1);
    const [first, ...others] = selected.map(({ when }) => when);
    const known = new Set([...(first ?? [])].filter((condition) => others.every((when) => when.has(condition))));
    const keys = new Map<string, SelectedField[]>();
    for (const each of selected) collect(each, keys, place);
    // Of `constructor` and its like nothing is said but whether it is there: clients' validators find it in every object.
    const properties: Record<string, JsonSchema> = {};
    const required: string[] = [];
    for (const [name, fields] of keys) {
      if (left-- <= 0) return { type: 'object' };
      if (!(name in Object.prototype)) properties[name] = valueOf(fields);
      if (fields.some(({ when }) => [...when].every((condition) => known.has(condition)))) required.push(name);
    }
    return { type: 'object', properties, ...(required.length === 0 ? {} : { required }) };
  }

  function collect({ type, selectionSet, when }: Selected, keys: Map<string, SelectedField[]>, place: number): void {
    if (left <= 0) return;
    for (const selection of selectionSet.selections) {
      const directives = (selection.directives ?? []).map((directive) => print(directive));
      if (selection.kind === Kind.FIELD) {
        const field = fieldOf(type, selection.name.value);
        if (field === undefined) continue;
        const name = selection.alias?.value ?? selection.name.value;
        const fields = keys.get(name) ?? [];
        keys.set(name, fields);
        fields.push({ node: selection, type: field.type, when: withMore(when, directives) });
        continue;
      }
      left -= 1; // Fragments within fragments are many, however few fields they have.
      const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value)! : selection;
      const condition = fragment.typeCondition ? typeFromAST(schema, fragment.typeCondition) : type;
      if (condition === undefined) continue;
      const isEvery = condition === type || (isAbstractType(condition) && schema.isSubType(condition, type as never));
      const types = isEvery ? [] : [`${place} ${condition.name}`];
      const more = withMore(when, [...directives, ...types]);
      collect({ type: condition, selectionSet: fragment.selectionSet, when: more }, keys, place);
    }
  }

  function fieldOf(type: GraphQLNamedType, name: string): GraphQLField<unknown, unknown> | undefined {
    const meta = [TypeNameMetaFieldDef, ...(type === root ? [SchemaMetaFieldDef, TypeMetaFieldDef] : [])];
    return (
      meta.find((each) => each.name === name) ??
      (isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined)
    );
  }

  /**
   * Of what has one name. In a valid document its types have one shape: they differ in which objects they are alone, and what is
   * selected of either is told of both.
   */
  function valueOf(fields: readonly SelectedField[]): JsonSchema {
    const selected = fields.flatMap(({ node: { selectionSet }, type, when }): Selected[] =>
      selectionSet === undefined ? [] : [{ type: getNamedType(type), selectionSet, when }],
    );
    return wrapped(fields[0]!.type, selected);
  }

  function wrapped(type: GraphQLOutputType, selected: readonly Selected[]): JsonSchema {
    if (!isNonNullType(type)) return orNull(present(type, selected));
    return present(getNullableType(type), selected);
  }

  function present(type: GraphQLOutputType, selected: readonly Selected[]): JsonSchema {
    if (isListType(type)) return { type: 'array', items: wrapped(type.ofType as GraphQLOutputType, selected) };
    const named = getNamedType(type);
    if (isEnumType(named)) {
      const values = named.getValues().map(({ name }) => name);
      return values.length > AGENTS.outputValues ? STRING : { enum: values };
    }
    // What another scalar is written as, its own server knows.
    return isLeafType(named) ? (SCALARS[named.name] ?? {}) : objectOf(selected);
  }
}

const SCALARS: Readonly<Record<string, JsonSchema>> = {
  Int: { type: 'integer' },
  Float: { type: 'number' },
  Boolean: { type: 'boolean' },
  String: STRING,
  ID: STRING,
};

const withMore = (when: Conditions, more: readonly string[]): Conditions =>
  more.length === 0 ? when : new Set([...when, ...more]);

function orNull(schema: JsonSchema): JsonSchema {
  if (Array.isArray(schema['enum'])) return { enum: [...(schema['enum'] as unknown[]), null] };
  return typeof schema['type'] === 'string' ? { ...schema, type: [schema['type'], 'null'] } : schema;
}
