/**
 * How large the answer to a question of the schema is, before it is made: graphql-js makes one in a single turn, and looks
 * at no budget. What a definition is shown as is the same wherever it is shown, so each is looked at once for each selection.
 */
import {
  getArgumentValues,
  getNamedType,
  getVariableValues,
  isAbstractType,
  isObjectType,
  Kind,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  type InlineFragmentNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { SearchContext } from './semantic-introspection.ts';

/** Of an answer: at most so many. */
export interface IntrospectionSize {
  objects: number;
  /** Of its JSON, about. */
  bytes: number;
}

const MEASURED = { includeDeprecated: true };
/** Of a key besides its name, and of a leaf that is no text. */
const PUNCTUATION = '"":,'.length;

/**
 * Measures what a question would be answered with: nothing where it fails.
 * @param question with one root field
 * @param check told now and then how large it is at least; what it throws ends the measuring
 */
export function introspectionSize(
  schema: GraphQLSchema,
  question: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
  context: SearchContext,
  check: (least: IntrospectionSize) => void,
): IntrospectionSize {
  const [operation, ...fragments] = question.definitions as [OperationDefinitionNode, ...FragmentDefinitionNode[]];
  const total: IntrospectionSize = { objects: 0, bytes: 0 };
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  if (coerced === undefined) return total;
  const measuring = new Measuring(schema, fragments, context, check);
  for (const node of operation.selectionSet.selections as readonly FieldNode[])
    try {
      const { name } = node;
      const field = ROOTS.get(name.value) ?? schema.getQueryType()!.getFields()[name.value]!;
      measuring.add(total, field, node, undefined, getArgumentValues(field, node, coerced));
    } catch (error) {
      if (measuring.ended === error) throw error; // What else is thrown, answering tells.
    }
  return total;
}

const ROOTS: ReadonlyMap<string, GraphQLField<unknown, unknown>> = new Map(
  [SchemaMetaFieldDef, TypeMetaFieldDef].map((field) => [field.name, field]),
);

class Measuring {
  /** Why it ended before its end. */
  ended: unknown;
  readonly #schema: GraphQLSchema;
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #context: SearchContext;
  readonly #check: (least: IntrospectionSize) => void;
  readonly #known = new Map<SelectionSetNode, Map<unknown, IntrospectionSize>>();
  /** What was looked at so far: the answer has all of it. */
  readonly #least: IntrospectionSize = { objects: 0, bytes: 0 };

  constructor(
    schema: GraphQLSchema,
    fragments: readonly FragmentDefinitionNode[],
    context: SearchContext,
    check: (least: IntrospectionSize) => void,
  ) {
    this.#schema = schema;
    this.#fragments = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
    this.#context = context;
    this.#check = check;
  }

  /** Adds one field of a value. */
  add(
    size: IntrospectionSize,
    field: GraphQLField<unknown, unknown>,
    { name, alias, selectionSet }: FieldNode,
    parent: unknown,
    given: Readonly<Record<string, unknown>>,
  ): void {
    const info = { schema: this.#schema } as GraphQLResolveInfo;
    const value: unknown =
      field.resolve === undefined
        ? (parent as Record<string, unknown>)[field.name]
        : field.resolve(parent, given, this.#context, info);
    const type = getNamedType(field.type);
    const label = (alias ?? name).value.length + PUNCTUATION;
    size.bytes += label;
    this.#least.bytes += label;
    if (selectionSet === undefined) {
      const bytes = lengthOf(value);
      size.bytes += bytes;
      this.#least.bytes += bytes;
      return;
    }
    for (const item of (Array.isArray(value) ? value : [value]) as unknown[]) {
      const below = item === null || item === undefined ? undefined : this.#sizeOf(item, type, selectionSet);
      size.objects += below?.objects ?? 0;
      size.bytes += (below?.bytes ?? 0) + PUNCTUATION;
    }
  }

  #sizeOf(value: unknown, type: GraphQLNamedType, selectionSet: SelectionSetNode): IntrospectionSize {
    let known = this.#known.get(selectionSet);
    if (known === undefined) this.#known.set(selectionSet, (known = new Map<unknown, IntrospectionSize>()));
    let size = known.get(value);
    if (size === undefined) {
      size = { objects: 1, bytes: 0 };
      known.set(value, size);
      this.#least.objects += 1;
      this.#look();
      const runtimeType = this.#runtimeType(value, type);
      if (runtimeType !== undefined) this.#addSelections(size, value, runtimeType, selectionSet);
    }
    return size;
  }

  #look(): void {
    try {
      this.#check(this.#least);
    } catch (error) {
      this.ended = error;
      throw error;
    }
  }

  #runtimeType(value: unknown, type: GraphQLNamedType): GraphQLObjectType | undefined {
    if (!isAbstractType(type)) return isObjectType(type) ? type : undefined;
    const name = type.resolveType?.(value, this.#context, { schema: this.#schema } as GraphQLResolveInfo, type);
    const named = typeof name === 'string' ? this.#schema.getType(name) : undefined;
    return isObjectType(named) ? named : undefined;
  }

  #addSelections(
    size: IntrospectionSize,
    value: unknown,
    type: GraphQLObjectType,
    { selections }: SelectionSetNode,
    spread = new Set<string>(),
  ): void {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        const field = type.getFields()[selection.name.value];
        if (field !== undefined) this.add(size, field, selection, value, MEASURED);
        else size.bytes += (selection.alias ?? selection.name).value.length + type.name.length + PUNCTUATION;
        continue;
      }
      let fragment: FragmentDefinitionNode | InlineFragmentNode = selection as InlineFragmentNode;
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const name = selection.name.value;
        if (spread.has(name)) continue; // As graphql-js has it: once for an object.
        spread.add(name);
        fragment = this.#fragments.get(name)!;
      }
      if (fits(fragment.typeCondition?.name.value, type, this.#schema))
        this.#addSelections(size, value, type, fragment.selectionSet, spread);
    }
  }
}

function fits(condition: string | undefined, type: GraphQLObjectType, schema: GraphQLSchema): boolean {
  if (condition === undefined || condition === type.name) return true;
  const named = schema.getType(condition);
  return isAbstractType(named) && schema.isSubType(named, type);
}

/** About the length of a leaf, or a list of them, as JSON. */
function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length + 2;
  if (!Array.isArray(value)) return PUNCTUATION;
  return (value as unknown[]).reduce<number>((total, item) => total + lengthOf(item) + 1, 2);
}
