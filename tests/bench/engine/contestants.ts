/** The gateways that are compared. Each runs alone in a process: see contestant.ts. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { execute, parse, type DocumentNode, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import { documents } from '#gateway/admission/documents.ts';
import { maskResult } from '#gateway/admission/mask-result.ts';
import { operations } from '#gateway/admission/operations.ts';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { createEngine, type Engine } from '#gateway/execute/engine.ts';
import { inProcessClient, remoteClient } from '#gateway/execute/subgraph-client.ts';
import { graphqlOverHttp } from '#gateway/http/graphql.ts';
import { EngineHost } from '#gateway/supergraph/engine-host.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { oneSchema, subgraphSchemas } from './data.ts';

export interface Setting {
  supergraphSdl: string;
  /** Endpoints of the subgraphs; in process where it is undefined. */
  urls: ReadonlyMap<string, string> | undefined;
}

/** Makes the handler of a gateway's requests. */
export type Contestant = (setting: Setting) => Promise<RequestListener>;

export const CONTESTANTS: Readonly<Record<string, Contestant>> = {
  'tributary': async (setting) => {
    const engine = await engineOf(setting);
    const log = createLogger('error');
    const engines = new EngineHost<Engine>((error) => log.error({ err: error }));
    await engines.replace(engine, () => Promise.resolve());
    const limits = { depth: 15, tokens: 10_000, aliases: 100, rootFields: 50 };
    const handler = graphqlOverHttp({
      operations: operations({ engines, documents: documents(limits), timeoutMs: 30_000, mask: (result, requestId) => maskResult(result, { requestId, log }), mutated: () => undefined }),
      authenticate: () => Promise.resolve(DEVELOPER),
      bodyLimitBytes: 1_000_000,
      log,
      stopping: new AbortController().signal,
    });
    return (request, response) => {
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      void handler({ request, response, path: '/graphql', requestId: 'bench', signal: gone.signal } as never);
    };
  },

  'tributary, bare http': async (setting) => {
    const engine = await engineOf(setting);
    return bare((document, variables) => engine.execute({ document, variables, context: createRequestContext(DEVELOPER, { requestId: 'bench' }) }));
  },

  '@apollo/gateway under Yoga': async ({ supergraphSdl, urls }) => {
    process.env.APOLLO_TELEMETRY_DISABLED = 'true';
    const { ApolloGateway, LocalGraphQLDataSource, RemoteGraphQLDataSource } = await import('@apollo/gateway');
    const schemas = subgraphSchemas();
    const gateway = new ApolloGateway({
      supergraphSdl,
      buildService: ({ name, url }) => (urls === undefined ? new LocalGraphQLDataSource(schemas.get(name)!) : new RemoteGraphQLDataSource({ url })),
    });
    const { schema, executor } = await gateway.load();
    const { createHash } = await import('node:crypto');
    const run = (args: { document: DocumentNode; contextValue: object; operationName?: string; variableValues?: Record<string, unknown> }) =>
      executor({
        document: args.document,
        request: { query: '', variables: args.variableValues ?? {}, http: { headers: new Headers() } as never },
        overallCachePolicy: undefined as never,
        operationName: args.operationName ?? null,
        queryHash: hashOf(args.document),
        context: args.contextValue,
        cache: undefined,
        schema,
        logger: console,
        operation: args.document.definitions.find((definition) => definition.kind === 'OperationDefinition')!,
        metrics: {},
        source: '',
      } as never);
    const hashes = new WeakMap<DocumentNode, string>();
    const hashOf = (document: DocumentNode): string => {
      let hash = hashes.get(document);
      if (hash === undefined) hashes.set(document, (hash = createHash('sha256').update(JSON.stringify(document)).digest('hex')));
      return hash;
    };
    const plugin: Plugin = { onExecute: ({ setExecuteFn }) => setExecuteFn(run as never) };
    return yogaOf(schema, [plugin]);
  },

  'Hive Gateway': async ({ supergraphSdl, urls }) => {
    if (urls === undefined) throw new Error('Only over HTTP.');
    const { createGatewayRuntime } = (await import('./peers/hive-gateway.mjs' as string)) as { createGatewayRuntime(options: object): RequestListener };
    return createGatewayRuntime({ supergraph: supergraphSdl, logging: false, landingPage: false, graphiql: false, maskedErrors: false });
  },

  'one graphql-js schema under Yoga': () => Promise.resolve(yogaOf(oneSchema(), [])),

  'one graphql-js schema, bare http': () => {
    const schema = oneSchema();
    return Promise.resolve(bare((document, variables) => execute({ schema, document, variableValues: variables })));
  },
};

async function engineOf({ supergraphSdl, urls }: Setting): Promise<Engine> {
  const schemas = subgraphSchemas();
  const clients = new Map([...schemas].map(([name, schema]) => [name, urls === undefined ? inProcessClient(name, schema) : remoteClient(name, { url: urls.get(name)! })]));
  return await createEngine({ supergraphSdl, clients });
}

const yogaOf = (schema: GraphQLSchema, plugins: Plugin[]): RequestListener => createYoga({ schema, plugins, graphiql: false, landingPage: false, logging: false, maskedErrors: false });

/** As little HTTP as answers a query: what an engine costs by itself. */
function bare(run: (document: DocumentNode, variables: Record<string, unknown> | undefined) => ExecutionResult | Promise<ExecutionResult>): RequestListener {
  const parsed = new Map<string, DocumentNode>();
  return (request, response) => void answer(request, response);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { query, variables } = JSON.parse(Buffer.concat(chunks).toString()) as { query: string; variables?: Record<string, unknown> };
    let document = parsed.get(query);
    if (document === undefined) parsed.set(query, (document = parse(query)));
    const body = Buffer.from(JSON.stringify(await run(document, variables)));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  }
}

export const serve = (listener: RequestListener): ReturnType<typeof createServer> => createServer({ keepAliveTimeout: 60_000 }, listener);
