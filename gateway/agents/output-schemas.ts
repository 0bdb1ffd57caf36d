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
const ERRORS = {
  type: 'array',
  items: {
    type: 'object',
    required: ['message'],
    properties: { message: STRING, extensions: { type: 'object' } },
  },
} as const;
/** What is longer than a page, or no data at all: `next` says how to go on. */
const TEXT = { text: STRING, next: STRING } as const;

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

/** A selection, where it is made. */
interface Selected {
  readonly type: GraphQLNamedType;
  readonly selectionSet: SelectionSetNode;
}

/** What is selected under one name. */
interface Key {
  readonly nodes: { readonly node: FieldNode; readonly type: GraphQLOutputType }[];
  isCertain: boolean;
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
  return orNull(objectOf([{ type: root, selectionSet: operation.selectionSet }]));

  function objectOf(selected: readonly Selected[]): JsonSchema {
    const keys = new Map<string, Key>();
    for (const each of selected) collect(each, keys, true);
    const properties: Record<string, JsonSchema> = {};
    const required: string[] = [];
    for (const [name, { nodes, isCertain }] of keys) {
      if (left-- <= 0) return { type: 'object' };
      properties[name] = valueOf(nodes);
      if (isCertain) required.push(name);
    }
    return { type: 'object', properties, ...(required.length === 0 ? {} : { required }) };
  }

  function collect({ type, selectionSet }: Selected, keys: Map<string, Key>, isCertain: boolean): void {
    if (left <= 0) return;
    for (const selection of selectionSet.selections) {
      const certain = isCertain && (selection.directives ?? []).length === 0;
      if (selection.kind === Kind.FIELD) {
        const field = fieldOf(type, selection.name.value);
        if (field === undefined) continue;
        const name = selection.alias?.value ?? selection.name.value;
        const key = keys.get(name) ?? { nodes: [], isCertain: false };
        keys.set(name, key);
        key.nodes.push({ node: selection, type: field.type });
        key.isCertain ||= certain;
        continue;
      }
      left -= 1; // Fragments within fragments are many, however few fields they have.
      const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value)! : selection;
      const condition = fragment.typeCondition ? typeFromAST(schema, fragment.typeCondition) : type;
      if (condition === undefined) continue;
      const isEvery = condition === type || (isAbstractType(condition) && schema.isSubType(condition, type as never));
      collect({ type: condition, selectionSet: fragment.selectionSet }, keys, certain && isEvery);
    }
  }

  function fieldOf(type: GraphQLNamedType, name: string): GraphQLField<unknown, unknown> | undefined {
    const meta = [TypeNameMetaFieldDef, ...(type === root ? [SchemaMetaFieldDef, TypeMetaFieldDef] : [])];
    return (
      meta.find((each) => each.name === name) ??
      (isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined)
    );
  }

  /** Of what has one name, as one or another type has it. */
  function valueOf(nodes: Key['nodes']): JsonSchema {
    const byType = new Map<string, { type: GraphQLOutputType; selected: Selected[] }>();
    for (const { node, type } of nodes) {
      const named = getNamedType(type);
      const of = byType.get(String(type)) ?? { type, selected: [] };
      byType.set(String(type), of);
      if (node.selectionSet !== undefined) of.selected.push({ type: named, selectionSet: node.selectionSet });
    }
    const [one, ...others] = [...byType.values()].map(({ type, selected }) => wrapped(type, selected));
    return others.length === 0 ? one! : { anyOf: [one, ...others] };
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
      return values.length > AGENTS.outputValues ? STRING : { type: 'string', enum: values };
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

function orNull(schema: JsonSchema): JsonSchema {
  if (schema['enum'] !== undefined || schema['anyOf'] !== undefined) return { anyOf: [schema, { type: 'null' }] };
  return typeof schema['type'] === 'string' ? { ...schema, type: [schema['type'], 'null'] } : schema;
}
