/** `@apollo/gateway`, as the other side. Loaded only in the process that is it (docs/decisions/0008-no-apollo-gateway.md). */
import { createHash } from 'node:crypto';
import { getOperationAST, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { withPlainNumbers } from '#subgraphs/shared/exact-number.ts';
import { FetchCount, type EngineOfSide, type EngineSetting } from './side.ts';
import { withoutAccessRules } from './supergraph.ts';

const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export async function apolloGateway({ supergraphSdl, urls, headers }: EngineSetting): Promise<EngineOfSide> {
  // It reports to its vendor unless told not to, before it is loaded.
  process.env.APOLLO_TELEMETRY_DISABLED = 'true';
  const { ApolloGateway, RemoteGraphQLDataSource } = await import('@apollo/gateway');
  const fetches = new FetchCount();
  const gateway = new ApolloGateway({
    supergraphSdl: withoutAccessRules(supergraphSdl),
    logger: QUIET,
    buildService: ({ name }) =>
      new RemoteGraphQLDataSource({
        url: urls[name!],
        willSendRequest({ request }) {
          fetches.add(name!);
          for (const [header, value] of Object.entries(headers)) request.http?.headers.set(header, value);
        },
      }),
  });
  const { schema, executor } = (await gateway.load()) as unknown as {
    schema: GraphQLSchema;
    executor: (context: unknown) => Promise<ExecutionResult>;
  };
  return {
    schema,
    execute: (document, { query, operationName, variables: given }) => {
      // As its server reads them.
      const variables = withPlainNumbers(given);
      // What Apollo Server's request pipeline gives to a gateway's executor.
      return executor({
        document,
        operation: getOperationAST(document, operationName),
        operationName: operationName ?? null,
        source: query,
        queryHash: createHash('sha256').update(query).digest('hex'),
        request: { query, variables, operationName, http: { headers: new Headers() } },
        metrics: {},
        context: {},
        logger: QUIET,
        schema,
      });
    },
    takeFetches: () => fetches.take(),
  };
}
