/** The variables of an operation on a subgraph, as its own scalars understand them. */
import {
  GraphQLScalarType,
  isLeafType,
  isScalarType,
  Kind,
  print,
  typeFromAST,
  type GraphQLError,
  type GraphQLSchema,
  type NamedTypeNode,
  type TypeNode,
  type VariableDefinitionNode,
} from 'graphql';
import { EXECUTE } from '#gateway/bounds/execute.ts';
import { coerceInputs } from '#gateway/plan/variables.ts';
import { keeps, keptBy, type Kept } from './leaf.ts';

export interface Variables {
  readonly values: Record<string, unknown>;
  /** What is wrong with them: nothing has been run. */
  readonly errors?: readonly GraphQLError[];
}

export type VariableReader = (inputs: Readonly<Record<string, unknown>>) => Variables;

/** Whether a value of a variable is what it would be coerced to. */
interface Passing {
  readonly name: string;
  readonly passes: (value: unknown) => boolean;
}

/**
 * Compiles the coercion of variables: values that would stay as they are, as most do, are taken; all others go to
 * graphql-js.
 */
export function readVariables(schema: GraphQLSchema, definitions: readonly VariableDefinitionNode[]): VariableReader {
  const coerce: VariableReader = (inputs) => {
    const { coerced, errors } = coerceInputs(schema, definitions, inputs, EXECUTE.errors);
    return errors === undefined ? { values: coerced! } : { values: {}, errors };
  };
  const known = definitions.map((definition) => passingOf(schema, definition));
  if (known.includes(undefined)) return coerce;
  const all = known as Passing[];
  return (inputs) => {
    const values: Record<string, unknown> = {};
    for (const { name, passes } of all) {
      const value = inputs[name];
      if (!passes(value)) return coerce(inputs);
      values[name] = value;
    }
    return { values };
  };
}

function passingOf(schema: GraphQLSchema, { variable, type }: VariableDefinitionNode): Passing | undefined {
  const name = variable.name.value;
  if (name in Object.prototype) return undefined;
  if (print(type) === '[_Any!]!' && takesAll(schema.getType('_Any'))) {
    return {
      name,
      passes: (value) => Array.isArray(value) && !value.some((item) => item === null || item === undefined),
    };
  }
  const kept = scalarOf(schema, type);
  return kept === undefined ? undefined : { name, passes: (value) => keeps(kept, value) };
}

function scalarOf(schema: GraphQLSchema, type: TypeNode): Kept {
  const bare = type.kind === Kind.NON_NULL_TYPE ? type.type : type;
  if (bare.kind !== Kind.NAMED_TYPE) return undefined;
  const named = typeFromAST(schema, bare as NamedTypeNode);
  return isLeafType(named) ? keptBy(named, 'parseValue') : undefined;
}

/** Whether a scalar takes values as they are, as one without functions of its own does. */
const takesAll = (type: unknown): boolean => isScalarType(type) && type.parseValue === PLAIN.parseValue;

const PLAIN = new GraphQLScalarType({ name: 'Plain' });
