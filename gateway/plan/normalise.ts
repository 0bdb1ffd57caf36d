/**
 * Brings an operation into the engine's own form: only what it uses, without literals, and under names that are safe.
 * Operations that differ in nothing else share a plan.
 */
import {
  getNamedType,
  isCompositeType,
  isInputType,
  Kind,
  print,
  visit,
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLArgument,
  type GraphQLCompositeType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { directedFields, passedOn } from './executable-directives.ts';
import { LiteralLifter, type ValuePlace } from './literals.ts';
import { fieldOf, isMetaField } from './meta-fields.ts';
import { isUnsafeName, safeName, type ReservedNames } from './safe-names.ts';

/** One operation of a document, whatever its variables' values. */
export interface NormalisedOperation {
  readonly type: 'query' | 'mutation' | 'subscription';
  readonly name: string | undefined;
  /** The operation with everything the client selected, introspection included, under safe names. */
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Whether it asks anything of the schema itself. */
  readonly introspects: boolean;
  /** Variables of `@skip` and `@include`. */
  readonly conditions: readonly string[];
  /**
   * Variables that decide whether a `@defer` holds; undefined when there is none. Its absence or null means that it
   * does.
   */
  readonly deferConditions: readonly string[] | undefined;
  /** The same of `@stream`. */
  readonly streamConditions: readonly string[] | undefined;
  /** Values of the variables that stand for literals. */
  readonly literals: Readonly<Record<string, unknown>>;
  /** Where those literals stand in the client's text, by the same names. */
  readonly literalPlaces: ReadonlyMap<string, readonly ValuePlace[]>;
  /** The client's response names by the safe names that stand for them. */
  readonly responseNames: ReadonlyMap<string, string>;
  /** The client's variable names by the safe names that stand for them. */
  readonly variableNames: ReadonlyMap<string, string>;
}

/**
 * @param document validated against `schema`
 * @param reserved what response names must not be
 * @throws CodedError `BAD_USER_INPUT` when `operationName` does not name one of its operations
 */
export function normaliseOperation(
  document: DocumentNode,
  operationName: string | null | undefined,
  schema: GraphQLSchema,
  reserved: ReservedNames,
): NormalisedOperation {
  const source = findOperation(document, operationName);
  const normaliser = new Normaliser(document, source, schema, reserved);
  const operation = normaliser.operation();
  return {
    type: source.operation,
    name: source.name?.value,
    operation,
    fragments: normaliser.fragments,
    introspects: normaliser.introspects,
    conditions: [...normaliser.conditions].sort(),
    // A stream's events are whole: a server may ignore `@defer`.
    deferConditions:
      normaliser.defers && source.operation !== 'subscription' ? [...normaliser.deferConditions].sort() : undefined,
    streamConditions:
      normaliser.streams && source.operation !== 'subscription' ? [...normaliser.streamConditions].sort() : undefined,
    literals: normaliser.lifter.values,
    literalPlaces: normaliser.lifter.places,
    responseNames: normaliser.responseNames,
    variableNames: normaliser.variableNames,
  };
}

function findOperation(document: DocumentNode, name: string | null | undefined): OperationDefinitionNode {
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  if (name === undefined || name === null) {
    if (operations.length === 1) return operations[0]!;
    throw badUserInput(
      operations.length === 0
        ? 'The document has no operation.'
        : 'The document has several operations: say which with `operationName`.',
    );
  }
  const found = operations.find((operation) => operation.name?.value === name);
  if (found === undefined) throw badUserInput(`The document has no operation named ${JSON.stringify(name)}.`);
  return found;
}

class Normaliser {
  readonly fragments = new Map<string, FragmentDefinitionNode>();
  readonly responseNames = new Map<string, string>();
  readonly variableNames = new Map<string, string>();
  readonly lifter: LiteralLifter;
  readonly conditions = new Set<string>();
  readonly deferConditions = new Set<string>();
  readonly streamConditions = new Set<string>();
  defers = false;
  streams = false;
  introspects = false;
  readonly #schema: GraphQLSchema;
  readonly #reserved: ReservedNames;
  readonly #source: OperationDefinitionNode;
  readonly #sourceFragments = new Map<string, FragmentDefinitionNode>();
  /** For each response name: the names that it has in the engine, by what it stands for. */
  readonly #uses = new Map<string, Map<string, string>>();
  /** Safe names by the client's variable names. */
  readonly #renamed = new Map<string, string>();
  /** What fields with subgraphs' directives are told apart by. */
  readonly #directed: ReadonlyMap<FieldNode, string>;

  constructor(document: DocumentNode, source: OperationDefinitionNode, schema: GraphQLSchema, reserved: ReservedNames) {
    this.#schema = schema;
    this.#reserved = reserved;
    this.#source = source;
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#sourceFragments.set(definition.name.value, definition);
    }
    const names = (source.variableDefinitions ?? []).map((definition) => definition.variable.name.value);
    this.lifter = new LiteralLifter(new Set(names));
    for (const name of names) {
      // The planner's own variables in fetches of entities.
      if (isUnsafeName(name) || name === 'representations' || name.startsWith('contextualArgument_')) {
        this.#renamed.set(name, safeName(name));
        this.variableNames.set(safeName(name), name);
      }
    }
    this.#directed = directedFields(
      source,
      this.#sourceFragments,
      schema,
      (field) => `${responseNameOf(field)} ${meaningOf(field)}`,
    );
  }

  operation(): OperationDefinitionNode {
    const source = this.#source;
    const root = this.#schema.getRootType(source.operation);
    if (root === undefined || root === null) throw badUserInput(`The schema has no ${source.operation}s.`);
    const selectionSet = this.#selectionSet(source.selectionSet, root);
    const directives = this.#passedOn(source.directives);
    const variables = (source.variableDefinitions ?? []).map((definition) => ({
      kind: definition.kind,
      variable: this.#value(definition.variable) as typeof definition.variable,
      type: definition.type,
      defaultValue: definition.defaultValue,
      directives: passedOn(definition.directives),
    }));
    return {
      kind: Kind.OPERATION_DEFINITION,
      operation: source.operation,
      name: source.name,
      variableDefinitions: [...variables, ...this.lifter.definitions],
      directives,
      selectionSet,
    };
  }

  #selectionSet(selectionSet: SelectionSetNode, parent: GraphQLCompositeType): SelectionSetNode {
    return {
      kind: Kind.SELECTION_SET,
      selections: selectionSet.selections.map((selection) => this.#selection(selection, parent)),
    };
  }

  #selection(selection: SelectionNode, parent: GraphQLCompositeType): SelectionNode {
    switch (selection.kind) {
      case Kind.FIELD:
        return this.#field(selection, parent);
      case Kind.INLINE_FRAGMENT: {
        const type =
          selection.typeCondition === undefined
            ? parent
            : this.#compositeType(selection.typeCondition.name.value, parent);
        return {
          kind: Kind.INLINE_FRAGMENT,
          typeCondition: selection.typeCondition,
          directives: this.#directives(selection.directives),
          selectionSet: this.#selectionSet(selection.selectionSet, type),
        };
      }
      case Kind.FRAGMENT_SPREAD: {
        this.#useFragment(selection.name.value, parent);
        return { kind: Kind.FRAGMENT_SPREAD, name: selection.name, directives: this.#directives(selection.directives) };
      }
    }
  }

  #useFragment(name: string, parent: GraphQLCompositeType): void {
    const source = this.#sourceFragments.get(name);
    if (source === undefined || this.fragments.has(name)) return;
    this.fragments.set(name, source); // Marks it as under way; validation has excluded cycles.
    const type = this.#compositeType(source.typeCondition.name.value, parent);
    this.fragments.set(name, {
      kind: Kind.FRAGMENT_DEFINITION,
      name: source.name,
      typeCondition: source.typeCondition,
      selectionSet: this.#selectionSet(source.selectionSet, type),
    });
  }

  #field(field: FieldNode, parent: GraphQLCompositeType): FieldNode {
    const name = field.name.value;
    if (isMetaField(name)) {
      // graphql-js answers it, names and all; its fragments are wanted whole.
      this.introspects = true;
      this.#keepFragments(field.selectionSet);
      return this.#aliased(this.#introspection(field), field);
    }
    const definition = fieldOf(parent, name);
    const fieldType = definition === undefined ? undefined : getNamedType(definition.type);
    return this.#aliased(
      {
        kind: Kind.FIELD,
        alias: field.alias,
        name: field.name,
        arguments: field.arguments?.map((argument) => {
          const type = definition?.args.find(
            (candidate: GraphQLArgument) => candidate.name === argument.name.value,
          )?.type;
          const value = this.#value(argument.value);
          return {
            kind: Kind.ARGUMENT,
            name: argument.name,
            value: isInputType(type)
              ? this.lifter.lift(value, type, `${parent.name}.${name}`, argument.name.value)
              : value,
          };
        }),
        // The gateway says the names of types: a directive would change nothing.
        directives: [
          ...this.#directives(field.directives),
          ...(name === '__typename' ? [] : this.#passedOn(field.directives)),
        ],
        selectionSet:
          field.selectionSet === undefined
            ? undefined
            : this.#selectionSet(field.selectionSet, isCompositeType(fieldType) ? fieldType : parent),
      },
      field,
    );
  }

  /** @param source as the client wrote it */
  #aliased(field: FieldNode, source: FieldNode): FieldNode {
    const responseName = responseNameOf(field);
    const isAlias = responseName !== field.name.value;
    let uses = this.#uses.get(responseName);
    if (uses === undefined) {
      uses = new Map();
      this.#uses.set(responseName, uses);
    }
    const directed = this.#directed.get(source);
    const meaning = `${meaningOf(source)}${directed ?? ''}`;
    let name = uses.get(meaning);
    if (name === undefined) {
      const clashes = directed !== undefined || (isAlias && this.#reserved.fieldNames.has(responseName));
      name = uses.size > 0 || clashes || isUnsafeName(responseName) ? safeName(responseName, uses.size) : responseName;
      uses.set(meaning, name);
    }
    if (name === responseName) return field;
    this.responseNames.set(name, responseName);
    return { ...field, alias: { kind: Kind.NAME, value: name } };
  }

  #keepFragments(selectionSet: SelectionSetNode | undefined): void {
    for (const selection of selectionSet?.selections ?? []) {
      if (selection.kind !== Kind.FRAGMENT_SPREAD) {
        this.#keepFragments(selection.selectionSet);
        continue;
      }
      const fragment = this.#sourceFragments.get(selection.name.value);
      if (fragment === undefined || this.fragments.has(selection.name.value)) continue;
      this.fragments.set(selection.name.value, this.#introspection(fragment));
      this.#keepFragments(fragment.selectionSet);
    }
  }

  /** Introspection as the client wrote it, but for names of variables. */
  #introspection<Node extends FieldNode | FragmentDefinitionNode>(node: Node): Node {
    return visit(node, {
      Variable: (variable) => this.#value(variable),
      Directive: (directive) => {
        this.#directives([directive]); // Notes its condition.
      },
    });
  }

  /** Only the directives that decide what is selected, and when. */
  #directives(directives: readonly DirectiveNode[] | undefined): DirectiveNode[] {
    return (directives ?? [])
      .filter(({ name }) => DECIDING.has(name.value))
      .map((directive) => {
        const name = directive.name.value;
        if (name === 'defer') this.defers = true;
        if (name === 'stream') this.streams = true;
        return {
          ...directive,
          arguments: directive.arguments?.map((argument) => {
            const value = this.#value(argument.value);
            if (value.kind === Kind.VARIABLE && argument.name.value === 'if')
              this.#conditionsOf(name).add(value.name.value);
            return { ...argument, value };
          }),
        };
      });
  }

  #conditionsOf(directive: string): Set<string> {
    if (directive === 'defer') return this.deferConditions;
    return directive === 'stream' ? this.streamConditions : this.conditions;
  }

  /** The subgraphs' own, with their literals lifted. */
  #passedOn(directives: readonly DirectiveNode[] | undefined): DirectiveNode[] {
    return passedOn(directives).map((directive) => {
      const { args = [] } = this.#schema.getDirective(directive.name.value) ?? {};
      return {
        ...directive,
        arguments: directive.arguments?.map((argument) => {
          const name = argument.name.value;
          const type = args.find((candidate) => candidate.name === name)?.type;
          const value = this.#value(argument.value);
          if (type === undefined) return { ...argument, value };
          return { ...argument, value: this.lifter.lift(value, type, `@${directive.name.value}`, name) };
        }),
      };
    });
  }

  #value<Value extends ValueNode>(value: Value): Value {
    if (this.#renamed.size === 0) return value;
    switch (value.kind) {
      case Kind.VARIABLE: {
        const renamed = this.#renamed.get(value.name.value);
        return renamed === undefined ? value : { ...value, name: { kind: Kind.NAME, value: renamed } };
      }
      case Kind.LIST:
        return { ...value, values: value.values.map((item) => this.#value(item)) };
      case Kind.OBJECT:
        return { ...value, fields: value.fields.map((field) => ({ ...field, value: this.#value(field.value) })) };
      default:
        return value;
    }
  }

  #compositeType(name: string, otherwise: GraphQLCompositeType): GraphQLCompositeType {
    const type = this.#schema.getType(name);
    return isCompositeType(type) ? type : otherwise;
  }
}

/** The directives that decide what is selected, and when it comes. */
const DECIDING: ReadonlySet<string> = new Set(['skip', 'include', 'defer', 'stream']);

const responseNameOf = ({ alias, name }: FieldNode): string => alias?.value ?? name.value;

/** The field and its arguments as a text: equal for what validation lets merge. */
function meaningOf({ name, arguments: given = [] }: FieldNode): string {
  if (given.length === 0) return name.value;
  const texts = given.map((argument) => `${argument.name.value}:${valueText(argument.value)}`);
  return `${name.value}(${texts.sort().join()})`;
}

function valueText(value: ValueNode): string {
  if (value.kind === Kind.LIST) return `[${value.values.map(valueText).join()}]`;
  if (value.kind === Kind.OBJECT)
    return `{${value.fields
      .map((field) => `${field.name.value}:${valueText(field.value)}`)
      .sort()
      .join()}}`;
  return print(value);
}
