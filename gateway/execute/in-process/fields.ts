/**
 * What an operation selects of an object: its fields without fragments, conditions and doubles, each ready to be asked
 * for.
 */
import {
  getArgumentValues,
  getDirectiveValues,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  isNonNullType,
  Kind,
  valueFromAST,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { matchesCondition } from '#gateway/plan/type-conditions.ts';
import { collectFields } from '../collect-fields.ts';
import type { Run } from './run.ts';

/** Collects fields. Conditions are decided here, by the variables that they name. */
export class FieldCollector {
  readonly #schema: GraphQLSchema;
  readonly #fragments: Readonly<Record<string, FragmentDefinitionNode>>;
  readonly #conditions: Readonly<Record<string, unknown>>;

  constructor(
    schema: GraphQLSchema,
    fragments: Readonly<Record<string, FragmentDefinitionNode>>,
    conditions: Readonly<Record<string, unknown>>,
  ) {
    this.#schema = schema;
    this.#fragments = fragments;
    this.#conditions = conditions;
  }

  /** The fields by response key, in the order in which they are first selected. */
  collect(type: GraphQLObjectType, selectionSets: readonly SelectionSetNode[]): Map<string, FieldNode[]> {
    return collectFields(selectionSets, {
      fragment: (name) => this.#fragments[name],
      applies: (condition) => matchesCondition(this.#schema, type, condition),
      isIncluded: (selection) => this.#isIncluded(selection),
    });
  }

  #isIncluded(node: SelectionNode): boolean {
    if (node.directives === undefined || node.directives.length === 0) return true;
    return (
      getDirectiveValues(GraphQLSkipDirective, node, this.#conditions)?.if !== true &&
      getDirectiveValues(GraphQLIncludeDirective, node, this.#conditions)?.if !== false
    );
  }
}

/** Gives the arguments for one call of a resolver, which may change them: each call has an object of its own. */
export type ArgumentReader = (run: Run) => Record<string, unknown>;

const NO_ARGUMENTS: ArgumentReader = () => ({});

/** An argument whose value needs no more than to be put there. */
type PlainArgument =
  | { readonly name: string; readonly value: unknown }
  | { readonly name: string; readonly variable: string; readonly nullable: boolean };

/**
 * Reads a field's arguments. Plain values are known once for ever; what holds lists or objects is coerced once for each
 * run, since resolvers of other requests must not see it.
 * @returns a reader that throws when an argument is missing or wrong
 */
export function readArguments(field: GraphQLField<unknown, unknown>, node: FieldNode): ArgumentReader {
  if (field.args.length === 0) return NO_ARGUMENTS;
  // Not the node: types that share a fragment have arguments of their own.
  const key = {};
  const coerce: ArgumentReader = (run) => {
    const known = (run.arguments ??= new Map());
    let values = known.get(key);
    if (values === undefined) known.set(key, (values = getArgumentValues(field, node, run.variables)));
    return { ...values };
  };
  const plain = plainArguments(field, node);
  if (plain === undefined) return coerce;
  return (run) => {
    const values: Record<string, unknown> = {};
    for (const argument of plain) {
      if ('value' in argument) {
        values[argument.name] = argument.value;
      } else {
        const value = run.variables[argument.variable];
        if (value === undefined || (value === null && !argument.nullable)) return coerce(run);
        values[argument.name] = value;
      }
    }
    return values;
  };
}

/** The arguments in the order of their definitions, if all are plain. */
function plainArguments(field: GraphQLField<unknown, unknown>, node: FieldNode): PlainArgument[] | undefined {
  const arguments_: PlainArgument[] = [];
  for (const { name, type, defaultValue } of field.args) {
    const given = node.arguments?.find((argument) => argument.name.value === name)?.value;
    if (name in Object.prototype) return undefined;
    if (given?.kind === Kind.VARIABLE) {
      const variable = given.name.value;
      if (variable in Object.prototype) return undefined;
      arguments_.push({ name, variable, nullable: !isNonNullType(type) });
      continue;
    }
    const value: unknown = given === undefined ? defaultValue : valueFromAST(given, type);
    if (given === undefined && value === undefined && !isNonNullType(type)) continue;
    if (value === undefined || (typeof value === 'object' && value !== null)) return undefined;
    arguments_.push({ name, value });
  }
  return arguments_;
}
