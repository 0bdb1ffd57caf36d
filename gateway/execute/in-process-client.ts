/** A subgraph in this very process: parsed documents straight into graphql-js, with no printing, parsing or JSON between. */
import { execute, GraphQLError, subscribe, type ExecutionArgs, type ExecutionResult, type GraphQLSchema } from 'graphql';
import type { SubgraphClient, SubgraphRequest } from './subgraph-client.ts';

/** Makes a client of an executable subgraph schema. Its resolvers receive the request's own context, so loaders are shared between fetches. */
export function inProcessClient(name: string, schema: GraphQLSchema): SubgraphClient {
  const argumentsOf = (request: SubgraphRequest): ExecutionArgs => ({
    schema,
    document: request.document,
    contextValue: request.context,
    variableValues: request.variables,
    operationName: request.operationName,
  });
  return {
    name,
    async execute(request) {
      return refusedAsBadInput(await execute(argumentsOf(request)));
    },
    async subscribe(request) {
      const events = await subscribe(argumentsOf(request));
      return Symbol.asyncIterator in events ? events : refusedAsBadInput(events);
    },
    close: () => Promise.resolve(),
  };
}

/**
 * A result without data was refused before a resolver ran: its variables did not fit the subgraph's own scalars, which know more than
 * the gateway's schema does. That is the caller's fault, and graphql-js gives no code.
 */
function refusedAsBadInput(result: ExecutionResult): ExecutionResult {
  if (result.data !== undefined || result.errors === undefined) return result;
  const errors = result.errors.map((error) =>
    error.extensions.code === undefined && error.path === undefined
      ? new GraphQLError(error.message, { extensions: { ...error.extensions, code: 'BAD_USER_INPUT' } })
      : error,
  );
  return { ...result, errors };
}
