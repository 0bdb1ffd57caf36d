/**
 * Where in an operation filters stand, and the operation with a variable in the place of each: whatever their values, its plan is
 * the same.
 */
import {
  getNamedType,
  isInputObjectType,
  isListType,
  isNonNullType,
  Kind,
  parseType,
  print,
  separateOperations,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type ArgumentNode,
  type ASTNode,
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type ValueNode,
  type VariableDefinitionNode,
} from 'graphql';
import { CONDITIONS } from '#gateway/bounds/conditions.ts';
import { jsonOfLiteral } from '#subgraphs/shared/exact-literal.ts';
import type { Declared, DeclaredConditions, DeclaredOrder, TypeList } from './declared-types.ts';
import { APPROXIMATE, APPROXIMATE_DESCRIPTION, askedOf, responseNameOf, type Asked, type Fragments } from './asked.ts';
import { byKeys, variableNode } from './by-keys.ts';

export type Variables = Readonly<Record<string, unknown>>;

/** What a list of an operation is given, or several that are written alike. */
interface Place {
  /** The variable that stands for it. */
  readonly variable: string;
  readonly type: GraphQLInputType;
  readonly value: ValueNode;
  /** The fields that it is given to, with their definitions. */
  readonly fields: Map<FieldNode, GraphQLField<unknown, unknown>>;
  /** Directives around each, in its operation or fragment, which say whether it is asked for at all. */
  readonly guards: (readonly DirectiveNode[])[];
  /** The list, where it is one at the root. */
  readonly list: TypeList | undefined;
}

/** One filter of an operation. */
export interface FilterPlace extends Place {
  /** What is asked of it. */
  asked: Asked;
  /** Whether the client takes what was found before a bound. */
  readonly approximate: ValueNode | undefined;
}

/** What a list of an operation is sorted by, where that may be of another store. */
export interface OrderPlace extends Place {
  readonly order: DeclaredOrder;
  /** The variables that stand for its filter and for the length of its page. */
  readonly where: string;
  readonly first: string;
}

export interface FilteredOperation {
  readonly operation: OperationDefinitionNode;
  readonly places: readonly FilterPlace[];
  readonly orders: readonly OrderPlace[];
  readonly fragments: Fragments;
  /**
   * With variables in the places.
   * @param ordered lists that are asked for by keys
   * @param without fields in whose place `__typename` stands
   */
  rewritten(ordered: ReadonlySet<OrderPlace>, without?: ReadonlySet<FieldNode>): DocumentNode;
  /** Values of variables that the client left out. */
  readonly defaults: Variables;
}

/** @returns undefined where the operation takes none of the filters, or literals that ask for nothing of another store */
export function filterPlaces(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  schema: GraphQLSchema,
  filters: Filters,
): FilteredOperation | undefined {
  const taken = new Set((operation.variableDefinitions ?? []).map(({ variable }) => variable.name.value));
  const byText = new Map<string, FilterPlace>();
  const byArgument = new Map<ArgumentNode, Place>();
  const ownArguments = new Set<ArgumentNode>();
  const orders = new Map<string, OrderPlace>();
  const newVariable = (): string => {
    let variable = `conditions_${made++}`;
    while (taken.has(variable)) variable = `_${variable}`;
    return variable;
  };
  let made = 0;
  const types = new TypeInfo(schema);
  const query = schema.getQueryType();
  const used = separateOperations(document)[operation.name?.value ?? '']!;
  const guards: DirectiveNode[][] = [];
  const fields: FieldNode[] = [];
  const enter = (node: ASTNode): void => {
    if (node.kind === Kind.FIELD) fields.push(node);
    if (node.kind === Kind.FIELD || node.kind === Kind.INLINE_FRAGMENT)
      guards.push((node.directives ?? []).filter(decides));
    if (node.kind !== Kind.ARGUMENT || types.getDirective() != null) return;
    const list = types.getParentType() === query ? filters.lists.get(types.getFieldDef()!.name) : undefined;
    if (list !== undefined && types.getArgument()?.description === APPROXIMATE_DESCRIPTION)
      return void ownArguments.add(node);
    const type = types.getArgument()?.type;
    const order = type && filters.orders.get(getNamedType(type).name);
    if (order !== undefined) {
      // What the list itself has not is never asked of it.
      if (order.own) ownArguments.add(node);
      else if (isPlainOrder(node.value, order)) return;
      const field = fields.at(-1)!;
      const key = list === undefined ? print(node.value) : `${responseNameOf(field)} at the root`;
      let place = orders.get(key);
      if (place === undefined)
        orders.set(
          key,
          (place = {
            order,
            variable: newVariable(),
            type: type!,
            value: node.value,
            fields: new Map(),
            guards: [],
            list,
            where: newVariable(),
            first: newVariable(),
          }),
        );
      place.fields.set(field, types.getFieldDef()!);
      place.guards.push(guards.flat());
      byArgument.set(node, place);
      return;
    }
    if (type === undefined || !filters.reaching.has(getNamedType(type).name) || isPlain(node.value, type, filters))
      return;
    const field = fields.at(-1)!;
    const isList = list?.argument === node.name.value;
    // A list at the root has a filter of its own: it may be worked out by walking it.
    const owner = isList ? responseNameOf(field) : '';
    const key = `${owner} ${String(type)} ${print(sorted(node.value))}`;
    let place = byText.get(key);
    if (place === undefined) {
      place = {
        variable: newVariable(),
        type,
        value: node.value,
        fields: new Map(),
        guards: [],
        list: isList ? list : undefined,
        asked: 'more',
        approximate: isList ? field.arguments?.find(({ name }) => name.value === APPROXIMATE)?.value : undefined,
      };
      byText.set(key, place);
    }
    place.fields.set(field, types.getFieldDef()!);
    place.guards.push(guards.flat());
    byArgument.set(node, place);
  };
  const leave = (node: ASTNode): void => {
    if (node.kind === Kind.FIELD) fields.pop();
    if (node.kind === Kind.FIELD || node.kind === Kind.INLINE_FRAGMENT) guards.pop();
  };
  visit(used, visitWithTypeInfo(types, { enter, leave }));
  if (byArgument.size === 0 && ownArguments.size === 0) return undefined;
  const fragments: Fragments = new Map(
    used.definitions.flatMap((each) =>
      each.kind === Kind.FRAGMENT_DEFINITION ? [[each.name.value, each] as const] : [],
    ),
  );
  for (const place of byText.values())
    if (place.list !== undefined) place.asked = askedOf(place.fields.keys(), fragments);
  const rewrite = (ordered: ReadonlySet<OrderPlace>, left: ReadonlySet<FieldNode>): DocumentNode =>
    withVariables(
      visit(used, {
        Field: (node) => {
          if (left.has(node)) return typenameFor(node);
          for (const place of ordered) if (place.fields.has(node)) return byKeys(node, place);
          return undefined;
        },
        Argument: (node) => {
          if (ownArguments.has(node)) return null;
          const place = byArgument.get(node);
          return place && { ...node, value: variableNode(place.variable) };
        },
      }),
      operation.name?.value,
      [
        ...byText.values(),
        ...orders.values(),
        ...[...ordered].flatMap(({ where, first, list }) => [
          { variable: where, type: list!.filter },
          { variable: first, type: 'Int' },
        ]),
      ],
    );
  const rewritten = new Map<string, DocumentNode>();
  const all = [...orders.values()];
  return {
    operation,
    places: [...byText.values()],
    orders: all,
    fragments,
    rewritten: (ordered, without) => {
      if (without !== undefined) return rewrite(ordered, without);
      const key = all.map((place) => (ordered.has(place) ? '1' : '0')).join('');
      let document = rewritten.get(key);
      if (document === undefined) {
        document = rewrite(ordered, new Set());
        if (rewritten.size < CONDITIONS.kept) rewritten.set(key, document);
      }
      return document;
    },
    defaults: Object.fromEntries(
      (operation.variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
        defaultValue === undefined ? [] : [[variable.name.value, jsonOfLiteral(defaultValue)]],
      ),
    ),
  };
}

/** A filter's value as JSON would say it. What is said by no variable and has no default is left out. */
export function valueOf(value: ValueNode, outer: GraphQLInputType, variables: Variables): unknown {
  if (value.kind === Kind.VARIABLE) return variables[value.name.value];
  if (value.kind === Kind.NULL) return null;
  const type = isNonNullType(outer) ? outer.ofType : outer;
  if (isListType(type)) {
    const item = type.ofType as GraphQLInputType;
    return value.kind === Kind.LIST
      ? value.values.map((each) => valueOf(each, item, variables) ?? null)
      : [valueOf(value, item, variables)];
  }
  if (!isInputObjectType(type) || value.kind !== Kind.OBJECT) return jsonOfLiteral(value, variables);
  const fields = type.getFields();
  return Object.fromEntries(
    value.fields.flatMap(({ name, value: given }) => {
      const plain = valueOf(given, fields[name.value]!.type, variables);
      return plain === undefined ? [] : [[name.value, plain]];
    }),
  );
}

/** Whether a directive says if something is asked for at all. */
const decides = ({ name }: DirectiveNode): boolean => name.value === 'skip' || name.value === 'include';

/** Whether any field that has the filter may be asked for. */
export const isAskedFor = ({ guards }: Pick<FilterPlace, 'guards'>, variables: Variables): boolean =>
  guards.some((directives) =>
    directives.every((directive) => {
      const given = directive.arguments?.[0]?.value;
      const holds = given?.kind === Kind.VARIABLE ? variables[given.name.value] : given && jsonOfLiteral(given);
      return (directive.name.value === 'include') === (holds === true);
    }),
  );

/** Whether a literal says all, and asks for nothing of another store. */
function isPlain(value: ValueNode, outer: GraphQLInputType, filters: Filters): boolean {
  const type = getNamedType(outer);
  // In a scalar's literal, or another filter's, nothing is added.
  if (!filters.reaching.has(type.name)) return true;
  if (value.kind === Kind.VARIABLE) return false;
  if (value.kind === Kind.LIST) return value.values.every((each) => isPlain(each, type, filters));
  if (value.kind !== Kind.OBJECT || !isInputObjectType(type)) return true;
  const fields = type.getFields();
  return value.fields.every(({ name, value: given }) => {
    const field = fields[name.value];
    return (
      field === undefined ||
      (filters.conditions.get(type.name)?.has(name.value) !== true && isPlain(given, field.type, filters))
    );
  });
}

/** Whether a literal says what the list's own store sorts by, and nothing else. */
function isPlainOrder(value: ValueNode, order: DeclaredOrder): boolean {
  if (value.kind === Kind.NULL) return true;
  if (value.kind === Kind.LIST) return value.values.every((each) => isPlainOrder(each, order));
  if (value.kind !== Kind.OBJECT) return false;
  return (
    value.fields.every(
      ({ name, value: given }) =>
        name.value === 'direction' ||
        (name.value === 'field' && given.kind === Kind.ENUM && !order.ranks.has(given.value)),
    ) && value.fields.some(({ name }) => name.value === 'field')
  );
}

/** The input types with conditions on other stores. */
export interface Filters {
  readonly conditions: DeclaredConditions;
  /** By their input types. */
  readonly orders: ReadonlyMap<string, DeclaredOrder>;
  /** By the root field. */
  readonly lists: ReadonlyMap<string, TypeList>;
  /** They, and those that have them somewhere in them. */
  readonly reaching: ReadonlySet<string>;
}

/** @param schema with the added conditions */
export function filtersOf(schema: GraphQLSchema, { conditions, lists, orders }: Declared): Filters {
  const reaching = new Set(conditions.keys());
  const inputs = Object.values(schema.getTypeMap()).filter(isInputObjectType);
  for (let before = -1; before !== reaching.size;) {
    before = reaching.size;
    for (const input of inputs)
      if (Object.values(input.getFields()).some(({ type }) => reaching.has(getNamedType(type).name)))
        reaching.add(input.name);
  }
  return { conditions, lists, orders, reaching };
}

/** Fields of one response name say the same arguments, in whatever order: they get the same variable. */
function sorted(value: ValueNode): ValueNode {
  if (value.kind === Kind.LIST) return { ...value, values: value.values.map(sorted) };
  if (value.kind !== Kind.OBJECT) return value;
  const fields = value.fields.map((field) => ({ ...field, value: sorted(field.value) }));
  return { ...value, fields: fields.sort((one, other) => (one.name.value < other.name.value ? -1 : 1)) };
}

const typenameFor = ({ alias, name, directives }: FieldNode): FieldNode => ({
  kind: Kind.FIELD,
  alias: alias ?? name,
  name: { kind: Kind.NAME, value: '__typename' },
  directives: directives?.filter(decides),
});

/** The variables that are used, and those of the places. */
function withVariables(
  document: DocumentNode,
  name: string | undefined,
  places: readonly { readonly variable: string; readonly type: GraphQLInputType | string }[],
): DocumentNode {
  const used = new Set<string>();
  const definitions = new Set<VariableDefinitionNode>();
  visit(document, {
    VariableDefinition: (definition) => {
      definitions.add(definition);
      return false;
    },
    Variable: ({ name: { value } }) => void used.add(value),
  });
  const kept = [...definitions].filter(({ variable }) => used.has(variable.name.value));
  const own = places
    .filter(({ variable }) => used.has(variable))
    .map(({ variable, type }) => ({
      kind: Kind.VARIABLE_DEFINITION as const,
      variable: variableNode(variable),
      type: parseType(String(type), { noLocation: true }),
    }));
  return {
    ...document,
    definitions: document.definitions.map((definition) =>
      definition.kind === Kind.OPERATION_DEFINITION && definition.name?.value === name
        ? { ...definition, variableDefinitions: [...kept, ...own] }
        : definition,
    ),
  };
}
