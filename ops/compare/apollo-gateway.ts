/** `@apollo/gateway`, as the other side. Loaded only in the process that is it (docs/decisions/0008-no-apollo-gateway.md). */
import { createHash } from 'node:crypto';
import { parse, validate, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { FetchCount, type Answered, type EngineOfSide, type EngineSetting } from './side.ts';

const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export async function apolloGateway({ supergraphSdl, urls, headers }: EngineSetting): Promise<EngineOfSide> {
  // It reports to its vendor unless told not to, before it is loaded.
  process.env.APOLLO_TELEMETRY_DISABLED = 'true';
  const { ApolloGateway, RemoteGraphQLDataSource } = await import('@apollo/gateway');
  const fetches = new FetchCount();
  const gateway = new ApolloGateway({
    supergraphSdl,
    logger: QUIET,
    buildService: ({ name, url }) =>
      new RemoteGraphQLDataSource({
        url: urls[name!] ?? url,
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
    async execute({ query, operationName, variables }) {
      const document = parse(query);
      const faults = validate(schema, document);
      if (faults.length > 0) return { errors: faults.map((fault) => fault.toJSON()) };
      const operations = document.definitions.filter((definition) => definition.kind === 'OperationDefinition');
      const operation =
        operationName === undefined
          ? operations[0]
          : operations.find((definition) => definition.name?.value === operationName);
      // What Apollo Server's request pipeline gives to a gateway's executor.
      const result = await executor({
        document,
        operation,
        operationName: operationName ?? null,
        source: query,
        queryHash: createHash('sha256').update(query).digest('hex'),
        request: { query, variables, operationName, http: { headers: new Headers() } },
        metrics: {},
        context: {},
        logger: QUIET,
        schema,
      });
      return JSON.parse(JSON.stringify(result)) as Answered;
    },
    takeFetches: () => fetches.take(),
  };
}
