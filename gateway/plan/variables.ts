/** The variables of one request, coerced once at the gateway. */
import { getVariableValues, GraphQLError, type GraphQLSchema } from 'graphql';
import type { NormalisedOperation } from './normalise.ts';

/** Most errors reported of one request's variables. */
const MAX_ERRORS = 20;

export type CoercedVariables = { variables: Readonly<Record<string, unknown>>; errors?: undefined } | { errors: readonly GraphQLError[] };

const NONE = Object.freeze(Object.create(null) as Record<string, unknown>);

/**
 * Coerces the client's variables and adds the lifted literals.
 * @returns errors with the code `BAD_USER_INPUT` when a value does not fit its type
 */
export function coerceVariables(
  schema: GraphQLSchema,
  normalised: NormalisedOperation,
  given: Readonly<Record<string, unknown>> | null | undefined,
): CoercedVariables {
  const definitions = normalised.operation.variableDefinitions ?? [];
  if (definitions.length === 0) return { variables: NONE };
  const { literals, variableNames } = normalised;
  const inputs = Object.create(null) as Record<string, unknown>;
  const own = definitions.filter((definition) => !(definition.variable.name.value in literals));
  for (const { variable } of own) {
    const name = variable.name.value;
    const clientName = variableNames.get(name) ?? name;
    if (given !== null && given !== undefined && Object.hasOwn(given, clientName)) inputs[name] = given[clientName];
  }
  const { coerced, errors } = own.length === 0 ? { coerced: undefined, errors: undefined } : getVariableValues(schema, own, inputs, { maxErrors: MAX_ERRORS });
  if (errors !== undefined) {
    return { errors: errors.map((error) => new GraphQLError(error.message, { nodes: error.nodes, extensions: { code: 'BAD_USER_INPUT' } })) };
  }
  return { variables: Object.assign(Object.create(null) as Record<string, unknown>, coerced, literals) };
}
