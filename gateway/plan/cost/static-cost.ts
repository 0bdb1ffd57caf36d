/**
 * What an operation would cost, before it is planned: how many objects it may answer with, and what its fields weigh. The
 * rules are those of the cost specification; see weights.ts. What a schema does not say is assumed:
 *
 * - Objects, interfaces and unions weigh 1, scalars and enums 0; a mutation's root fields 10 more each.
 * - A field with an argument `first`, `last` or `limit` gives as many items, or as many `edges` and `nodes` of the
 *   connection that it gives.
 * - Any other list, and a page whose size is not said, has {@link ASSUMED_SIZE} items.
 */
import {
  __Schema,
  getNamedType,
  getNullableType,
  isCompositeType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  valueFromASTUntyped,
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import { PLAN } from '#gateway/bounds/plan.ts';
import { isMetaField } from '../meta-fields.ts';
import { introspectionSizes, type IntrospectionSizes } from './introspection-sizes.ts';
import { readWeights, type ListSize, type Weights } from './weights.ts';

/** Items of a list of which nothing is said: the usual page of this API. */
export const ASSUMED_SIZE = 20;
/** What a root field of a mutation weighs besides what it answers with. */
const MUTATION_WEIGHT = 10;
/** Arguments that say the size of a page where the schema does not say which do. */
const USUAL_SLICING = ['first', 'last', 'limit'];
/** Those of `__search` and `__definitions`. */
const META_SLICING = ['first', 'coordinates'];
/** Lists of what is a type's own, and of no other. */
const OWN: ReadonlySet<string> = new Set(['fields', 'args', 'enumValues', 'inputFields']);
/** What such an argument is about, where the field gives an object. */
const USUAL_SIZED = ['edges', 'nodes'];

type Variables = Readonly<Record<string, unknown>>;
/** A number, where variables do not matter. */
type Measure = number | ((variables: Variables) => number);

/** The costs of operations on one supergraph. */
export class StaticCost {
  readonly #schema: GraphQLSchema;
  readonly #weights: Weights;
  readonly #introspection: IntrospectionSizes;
  readonly #known = new WeakMap<DocumentNode, Map<string, Measure>>();

  /** @param schema the API schema */
  constructor(schema: GraphQLSchema, supergraphSdl: string) {
    this.#schema = schema;
    this.#weights = readWeights(supergraphSdl);
    this.#introspection = introspectionSizes(schema);
  }

  /**
   * The cost of a valid operation.
   * @param variables as the client gave them
   */
  of(document: DocumentNode, operationName: string | undefined, variables: Variables): number {
    let byName = this.#known.get(document);
    if (byName === undefined) this.#known.set(document, (byName = new Map()));
    let measure = byName.get(operationName ?? '');
    if (measure === undefined) {
      measure = new Compiler(this.#schema, this.#weights, this.#introspection, document).operation(operationName);
      if (byName.size < PLAN.costsKept) byName.set(operationName ?? '', measure);
    }
    return valueOf(measure, variables);
  }
}

/** Makes measures: functions of the variables, or of nothing where they do not matter. */
class Compiler {
  readonly #schema: GraphQLSchema;
  readonly #weights: Weights;
  readonly #introspection: IntrospectionSizes;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #document: DocumentNode;
  /** Defaults of the operation's variables. */
  readonly #defaults: Record<string, unknown> = {};

  constructor(schema: GraphQLSchema, weights: Weights, introspection: IntrospectionSizes, document: DocumentNode) {
    this.#schema = schema;
    this.#weights = weights;
    this.#introspection = introspection;
    this.#document = document;
    for (const definition of document.definitions)
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
  }

  operation(name: string | undefined): Measure {
    const operation = this.#document.definitions.find(
      (definition): definition is OperationDefinitionNode =>
        definition.kind === Kind.OPERATION_DEFINITION && (name === undefined || definition.name?.value === name),
    )!;
    for (const { variable, defaultValue } of operation.variableDefinitions ?? [])
      if (defaultValue !== undefined) this.#defaults[variable.name.value] = valueFromASTUntyped(defaultValue);
    const root = this.#schema.getRootType(operation.operation)!;
    const each = operation.operation === 'mutation' ? MUTATION_WEIGHT : 0;
    return this.#selections(operation.selectionSet, root, undefined, each);
  }

  /**
   * @param sizes what the field around it says of the lists in the object, by their names
   * @param each what every field costs besides
   */
  #selections(
    { selections }: SelectionSetNode,
    parent: GraphQLNamedType,
    sizes: ReadonlyMap<string, Measure> | undefined,
    each = 0,
  ): Measure {
    const measures = selections.flatMap((selection): Measure[] => {
      const measure = ((): Measure | undefined => {
        if (selection.kind === Kind.FIELD) return sum([each, this.#field(selection, parent, sizes)]);
        const fragment =
          selection.kind === Kind.FRAGMENT_SPREAD ? this.#fragments.get(selection.name.value) : selection;
        if (fragment === undefined) return undefined;
        const condition = fragment.typeCondition?.name.value;
        const type = condition === undefined ? parent : this.#schema.getType(condition);
        return type === undefined ? undefined : this.#selections(fragment.selectionSet, type, sizes, each);
      })();
      return measure === undefined ? [] : [this.#conditional(selection.directives, measure)];
    });
    return sum(measures);
  }

  #field(node: FieldNode, parent: GraphQLNamedType, sizes: ReadonlyMap<string, Measure> | undefined): Measure {
    const name = node.name.value;
    const field = this.#definition(parent, name);
    if (field === undefined) return 0; // `__typename`
    const cost = this.#weights.fields.get(`${parent.name}.${name}`);
    const type = getNamedType(field.type);
    const weight = cost?.weight ?? this.#weights.types.get(type.name) ?? (isCompositeType(type) ? 1 : 0);
    const isList = isListType(getNullableType(field.type));
    const sliced = this.#slicing(node, field, cost?.listSize);
    const below =
      node.selectionSet === undefined
        ? 0
        : this.#selections(
            node.selectionSet,
            type,
            this.#introspectedBelow(parent, name, sizes) ?? this.#sizesBelow(field, isList, cost?.listSize, sliced),
          );
    const size = isList ? (sizes?.get(name) ?? sliced ?? this.#assumed(parent, name, cost?.listSize)) : undefined;
    const inputs = this.#inputs(node, field, cost?.arguments);
    return sum([product(size ?? 1, sum([weight, below])), inputs, name === '__search' ? PLAN.searchWeight : 0]);
  }

  #definition(parent: GraphQLNamedType, name: string): GraphQLField<unknown, unknown> | undefined {
    if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
    if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef;
    return isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined;
  }

  /** How many items the field's arguments ask for; undefined where it has none that say. */
  #slicing(
    node: FieldNode,
    field: GraphQLField<unknown, unknown>,
    listSize: ListSize | undefined,
  ): Measure | undefined {
    const names = listSize?.slicingArguments ?? (isMetaField(field.name) ? META_SLICING : USUAL_SLICING);
    const slicing = field.args.filter((argument) => names.includes(argument.name));
    if (slicing.length === 0) return undefined;
    const fallback = listSize?.assumedSize ?? ASSUMED_SIZE;
    const given = slicing.map(({ name, defaultValue }) => ({
      value: node.arguments?.find((argument) => argument.name.value === name)?.value,
      defaultValue,
    }));
    const values = given.map(({ value, defaultValue }) =>
      value === undefined ? () => defaultValue : this.#value(value, defaultValue),
    );
    const measure = (variables: Variables): number => {
      let size = -1;
      for (const value of values) size = Math.max(size, sizeOf(value(variables)));
      return size < 0 ? fallback : size;
    };
    return given.some(({ value }) => value?.kind === Kind.VARIABLE || value?.kind === Kind.LIST)
      ? measure
      : measure({});
  }

  /** What is known of lists below `__schema { types }`, for as long as no type is gone to that was not listed there. */
  #introspectedBelow(
    parent: GraphQLNamedType,
    name: string,
    sizes: ReadonlyMap<string, Measure> | undefined,
  ): ReadonlyMap<string, Measure> | undefined {
    const { ofAll } = this.#introspection;
    const isListed = parent === __Schema ? name === 'types' : sizes === ofAll && OWN.has(name);
    return isListed ? ofAll : undefined;
  }

  /** What the field's arguments say of the lists in the object that it gives. */
  #sizesBelow(
    field: GraphQLField<unknown, unknown>,
    isList: boolean,
    listSize: ListSize | undefined,
    sliced: Measure | undefined,
  ): ReadonlyMap<string, Measure> | undefined {
    const size = sliced ?? listSize?.assumedSize;
    if (size === undefined || isList) return undefined;
    const names = listSize === undefined || listSize.sizedFields.length === 0 ? USUAL_SIZED : listSize.sizedFields;
    return isObjectType(getNamedType(field.type)) ? new Map(names.map((name) => [name, size])) : undefined;
  }

  #assumed(parent: GraphQLNamedType, name: string, listSize: ListSize | undefined): Measure {
    return listSize?.assumedSize ?? this.#introspection.greatest.get(`${parent.name}.${name}`) ?? ASSUMED_SIZE;
  }

  /** What arguments weigh, and the fields of input objects in them. */
  #inputs(
    node: FieldNode,
    field: GraphQLField<unknown, unknown>,
    weights: ReadonlyMap<string, number> | undefined,
  ): Measure {
    if (weights === undefined && !this.#weights.hasInputs) return 0;
    return sum(
      (node.arguments ?? []).map(({ name, value }) => {
        const own = weights?.get(name.value) ?? 0;
        const type = field.args.find((argument) => argument.name === name.value)?.type;
        if (type === undefined || !this.#weights.hasInputs) return own;
        const given = this.#value(value, undefined);
        return (variables: Variables) => own + this.#inputCost(given(variables), type);
      }),
    );
  }

  #inputCost(value: unknown, type: GraphQLInputType): number {
    const named = getNamedType(type);
    if (!isInputObjectType(named) || typeof value !== 'object' || value === null) return 0;
    if (Array.isArray(value)) return value.reduce((total: number, item) => total + this.#inputCost(item, named), 0);
    let total = 0;
    for (const [name, item] of Object.entries(value)) {
      const field = named.getFields()[name];
      if (field === undefined) continue;
      total += this.#weights.fields.get(`${named.name}.${name}`)?.weight ?? 0;
      total += this.#inputCost(item, field.type);
    }
    return total;
  }

  /** A value as the client means it, with variables in it. */
  #value(node: ValueNode, otherwise: unknown): (variables: Variables) => unknown {
    if (node.kind === Kind.VARIABLE) {
      const name = node.name.value;
      const fallback = name in this.#defaults ? this.#defaults[name] : otherwise;
      return (variables) => (Object.hasOwn(variables, name) ? (variables[name] ?? undefined) : fallback);
    }
    return (variables) => valueFromASTUntyped(node, variables);
  }

  /** Counts only what a condition leaves in. */
  #conditional(directives: readonly DirectiveNode[] | undefined, measure: Measure): Measure {
    let result = measure;
    for (const { name, arguments: given } of directives ?? []) {
      const condition = name.value === 'skip' || name.value === 'include' ? given?.[0]?.value : undefined;
      if (condition === undefined) continue;
      const value = this.#value(condition, undefined);
      const inner = result;
      const leavesOut = name.value === 'skip';
      result = (variables) => (value(variables) === leavesOut ? 0 : valueOf(inner, variables));
    }
    return result;
  }
}

const valueOf = (measure: Measure, variables: Variables): number =>
  typeof measure === 'number' ? measure : measure(variables);

function sum(measures: readonly Measure[]): Measure {
  let known = 0;
  const open: ((variables: Variables) => number)[] = [];
  for (const measure of measures) {
    if (typeof measure === 'number') known += measure;
    else open.push(measure);
  }
  if (open.length === 0) return known;
  return (variables) => {
    let total = known;
    for (let index = 0; index < open.length; index++) total += open[index]!(variables);
    return total;
  };
}

function product(size: Measure, each: Measure): Measure {
  if (typeof size === 'number' && typeof each === 'number') return size * each;
  return (variables) => valueOf(size, variables) * valueOf(each, variables);
}

/** -1 for what says nothing. */
function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  const size = typeof value === 'string' ? Number(value) : value;
  return typeof size === 'number' && size >= 0 ? size : -1;
}
