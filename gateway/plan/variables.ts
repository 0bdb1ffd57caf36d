/** The variables of one request, coerced once at the gateway. */
import { getVariableValues, GraphQLError, type GraphQLSchema } from 'graphql';
import { PLAN } from '#gateway/bounds/plan.ts';
import type { NormalisedOperation } from './normalise.ts';

/** Variables that do not fit; `errors` have the code `BAD_USER_INPUT`. */
export class VariablesError extends Error {
  readonly errors: readonly GraphQLError[];

  constructor(errors: readonly GraphQLError[]) {
    super(errors.map(({ message }) => message).join('\n'));
    this.errors = errors.map(
      ({ message, nodes }) => new GraphQLError(message, { nodes, extensions: { code: 'BAD_USER_INPUT' } }),
    );
  }
}

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
    own.length === 0
      ? { coerced: undefined, errors: undefined }
      : getVariableValues(schema, own, inputs, { maxErrors: PLAN.errors });
  if (errors !== undefined) throw new VariablesError(errors);
  return Object.assign(Object.create(null) as Record<string, unknown>, coerced, literals);
}
