/** The variables of one request, coerced once at the gateway. */
import { PLAN } from '#gateway/bounds/plan.ts';
import {
  getNamedType,
  getVariableValues,
  GraphQLError,
  GraphQLID,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  isScalarType,
  isSpecifiedScalarType,
  typeFromAST,
  type GraphQLInputType,
  type GraphQLScalarType,
  type GraphQLSchema,
  type TypeNode,
  type VariableDefinitionNode,
} from 'graphql';
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';
import { instead } from './bare-filters.ts';
import { withOurOperators } from './foreign-operators.ts';
import type { NormalisedOperation } from './normalise.ts';

/** Variables that do not fit; `errors` have the code `BAD_USER_INPUT`. */
export class VariablesError extends Error {
  readonly errors: readonly GraphQLError[];

  constructor(errors: readonly GraphQLError[]) {
    super(errors.map(({ message }) => shortened(message)).join('\n'));
    this.errors = errors.map(
      ({ message, nodes }) => new GraphQLError(shortened(message), { nodes, extensions: { code: 'BAD_USER_INPUT' } }),
    );
  }
}

/** A message without its middle where it is long: graphql-js quotes the value and its path as a whole, which may be megabytes, for each error. */
export const shortened = (message: string): string =>
  message.length <= PLAN.quotedCharacters
    ? message
    : `${message.slice(0, PLAN.quotedCharacters / 2)} … ${message.slice(-PLAN.quotedCharacters / 2)}`;

const NONE = Object.freeze(Object.create(null) as Record<string, unknown>);

/**
 * Coerces the client's variables and adds the lifted literals.
 * @throws VariablesError when a value does not fit its type
 */
export function coerceVariables(
  schema: GraphQLSchema,
  normalised: NormalisedOperation,
  given: Readonly<Record<string, unknown>> | null | undefined,
): Readonly<Record<string, unknown>> {
  const definitions = normalised.operation.variableDefinitions ?? [];
  if (definitions.length === 0) return NONE;
  const { literals, variableNames } = normalised;
  const inputs = Object.create(null) as Record<string, unknown>;
  const own = definitions.filter((definition) => !(definition.variable.name.value in literals));
  for (const { variable } of own) {
    const name = variable.name.value;
    const clientName = variableNames.get(name) ?? name;
    if (given !== null && given !== undefined && Object.hasOwn(given, clientName)) inputs[name] = given[clientName];
  }
  const { coerced, errors } =
    own.length === 0 ? { coerced: undefined, errors: undefined } : coerceInputs(schema, own, inputs, PLAN.errors);
  if (errors !== undefined) throw new VariablesError(errors.map((error) => toldOfFilters(error, schema, inputs)));
  return Object.assign(Object.create(null) as Record<string, unknown>, coerced, literals);
}

/** graphql-js's error of a variable's value, with what was meant by a value in the place of a filter, or by another API's operator. */
function toldOfFilters(
  error: GraphQLError,
  schema: GraphQLSchema,
  inputs: Readonly<Record<string, unknown>>,
): GraphQLError {
  const ours = withOurOperators(error.message, (type) => schema.getType(type));
  if (ours !== error.message) return new GraphQLError(ours, { nodes: error.nodes });
  const name =
    /Expected type "([^"]+)" to be an object\.$/.exec(error.message) ??
    /Field "0" is not defined by type "([^"]+)"\.$/.exec(error.message);
  const place = /^Variable "\$(\w+)" got invalid value [^]*? at "\1([^"]*)"; [A-Z]/.exec(error.message);
  const variable = place?.[1] ?? /^Variable "\$(\w+)"/.exec(error.message)?.[1];
  if (!name || variable === undefined) return error;
  const path = (place?.[2] ?? '').split(/[.[\]]+/).filter((key) => key !== '');
  const value = path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], inputs[variable]);
  const field = path.findLast((key) => !/^\d+$/.test(key));
  const text = JSON.stringify(value instanceof ExactNumber ? value.valueOf() : value) ?? '';
  const type = schema.getType(name[1]!) as GraphQLInputType | undefined;
  const said = instead(field, type, text, Array.isArray(value));
  return said === '' ? error : new GraphQLError(`${error.message}${said}`, { nodes: error.nodes });
}

/** `getVariableValues` of graphql-js for inputs in which an {@link ExactNumber} may stand for a number. */
export function coerceInputs(
  schema: GraphQLSchema,
  definitions: readonly VariableDefinitionNode[],
  inputs: Readonly<Record<string, unknown>>,
  maxErrors: number,
): ReturnType<typeof getVariableValues> {
  const coerced = getVariableValues(schema, definitions, inputs, { maxErrors });
  if (coerced.errors === undefined) return coerced;
  return getVariableValues(schema, definitions, withDoubles(schema, definitions, inputs), { maxErrors });
}

/**
 * The variables with doubles where GraphQL's own scalars take them, and texts where an `ID` was written as a whole
 * number. Custom scalars keep exact numbers, where they know them.
 */
export function withDoubles(
  schema: GraphQLSchema,
  definitions: readonly VariableDefinitionNode[],
  inputs: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const fitted = { ...inputs };
  for (const { variable, type } of definitions) {
    const name = variable.name.value;
    const inputType = typeFromAST(schema, type as TypeNode & { kind: never });
    if (isInputType(inputType) && Object.hasOwn(fitted, name)) fitted[name] = fittedTo(inputType, fitted[name]);
  }
  return fitted;
}

function fittedTo(outer: GraphQLInputType, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const type = isNonNullType(outer) ? outer.ofType : outer;
  if (value instanceof ExactNumber) return doubleOf(value, type);
  if (isListType(type)) {
    const item = type.ofType as GraphQLInputType;
    return Array.isArray(value) ? value.map((each) => fittedTo(item, each)) : fittedTo(item, value);
  }
  if (!isInputObjectType(type) || Array.isArray(value)) return value;
  const fields = type.getFields();
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => {
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
      return [key, field === undefined ? each : fittedTo(field.type, each)];
    }),
  );
}

function doubleOf(value: ExactNumber, type: GraphQLInputType): unknown {
  const named = getNamedType(type);
  const isCustom = isScalarType(named) && !isSpecifiedScalarType(named);
  if (isCustom && takes(named, value)) return value;
  return value.isInteger && (isCustom || named.name === GraphQLID.name) ? value.text : value.valueOf();
}

/** Whether a scalar that looks at its values, as one of a subgraph in this process does, knows exact numbers. */
function takes(scalar: GraphQLScalarType, value: ExactNumber): boolean {
  try {
    scalar.parseValue(value);
    return true;
  } catch {
    return false;
  }
}
