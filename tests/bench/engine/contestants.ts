/** The gateways that are compared. Each runs alone in a process: see contestant.ts. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { execute, parse, type DocumentNode, type GraphQLSchema } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import { documents } from '#gateway/admission/documents.ts';
import { maskResult } from '#gateway/admission/mask-result.ts';
import { costLimits } from '#gateway/admission/cost-limits.ts';
import { answerBudget, operations } from '#gateway/admission/operations.ts';
import type { OperationTexts } from '#gateway/admission/persisted/operation-texts.ts';
import { DEVELOPER, type Authenticator } from '#gateway/auth/authenticator.ts';
import { internalTokens } from '#gateway/auth/internal-token.ts';
import { clientOf } from '#gateway/mount/clients.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { createEngine, type Engine } from '#gateway/execute/engine.ts';
import { remoteClient } from '#gateway/execute/clients/remote-client.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import type { Exchange } from '#gateway/http/exchange.ts';
import { graphqlOverHttp } from '#gateway/http/graphql.ts';
import type { RequestGuard } from '#gateway/http/request-guard.ts';
import { arrivals } from '#gateway/limits/arrivals.ts';
import type { RequestLimits } from '#gateway/limits/request-limits.ts';
import { resultText } from '#gateway/respond/result-text.ts';
import { EngineHost } from '#gateway/supergraph/engine-host.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { bodyLimits } from '#gateway/http/body.ts';
import { ONE_SCHEMA, oneSchema, subgraphSchemas } from './data.ts';

export interface Setting {
  supergraphSdl: string;
  /** Endpoints of the subgraphs; in process where it is undefined. */
  urls: ReadonlyMap<string, string> | undefined;
}

/** Where a contestant can take part. */
export type Mode = 'over HTTP' | 'in process';

/** Makes the handler of a gateway's requests. */
export type Contestant = (setting: Setting) => Promise<RequestListener>;

/** The gateway as it serves: its clients of subgraphs, its HTTP handler, limits, masking. */
async function tributary({ supergraphSdl, urls }: Setting, env: Record<string, string>): Promise<RequestListener> {
  const schemas = subgraphSchemas();
  const mounted = new Map([...schemas].map(([name, schema]) => [name, Promise.resolve({ schema })]));
  const options = {
    mounted,
    apart: {},
    tokens: internalTokens('x'.repeat(32)),
    remote: loadConfig(env).remoteSubgraphs,
  };
  const clients = new Map(
    [...schemas.keys()].map((name) => {
      const routingUrl = urls?.get(name) ?? `local://${name}`;
      return [name, clientOf({ name, routingUrl, schema: { url: routingUrl } }, options)];
    }),
  );
  return productHandler(await createEngine({ supergraphSdl, clients }));
}

/** What the product's handler checks besides what it always does. */
export interface ProductGuards {
  /** @default everybody is the developer */
  readonly authenticate?: Authenticator['authenticate'];
  /** Rates, and how much is under way at once. @default none */
  readonly limits?: RequestLimits;
  /** Which operations may run. @default all */
  readonly texts?: OperationTexts;
  /** Which requests may come in at all. @default all */
  readonly guard?: RequestGuard;
}

/** The product's HTTP handler on an engine, with its masking. */
export async function productHandler(
  engine: Engine,
  { authenticate = () => Promise.resolve(DEVELOPER), limits, texts, guard }: ProductGuards = {},
): Promise<RequestListener> {
  const log = createLogger({ level: 'error' });
  const engines = new EngineHost<Engine>((error) => log.error({ err: error }));
  await engines.replace(engine, () => Promise.resolve());
  // The benchmark's lists have no declared sizes, so that its queries may cost more than is accepted by default.
  const { bounds } = loadConfig({ MAX_COST: '1000000' });
  const handler = graphqlOverHttp({
    operations: operations({
      engines,
      documents: documents(bounds.admission),
      timeoutMs: bounds.admission.timeoutMs,
      budget: answerBudget(bounds.admission),
      costLimit: costLimits(bounds.admission),
      ...(texts === undefined ? {} : { texts }),
      ...(limits === undefined ? {} : { limits }),
      mask: (result, request) => maskResult(result, request, log),
      mutated: () => undefined,
    }),
    authenticate,
    body: bodyLimits(bounds.http),
    log,
    stopping: new AbortController().signal,
  });
  const arrive = limits && arrivals(limits);
  return (request, response) => {
    const gone = new AbortController();
    // As the product's listener: an answer that was read leaves nothing to end.
    response.once('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    const exchange = { request, response, path: '/graphql', requestId: 'bench', signal: gone.signal } as Exchange;
    if (guard === undefined && arrive === undefined) return void handler(exchange);
    guard?.check(request);
    const arrived = arrive?.(exchange);
    void (arrived instanceof Promise ? arrived.then(() => handler(exchange)) : handler(exchange));
  };
}

export const CONTESTANTS: Readonly<Record<string, Contestant>> = {
  tributary: (setting) => tributary(setting, { SUBGRAPH_DEDUPLICATE: 'false' }),
  'tributary, deduplicating': (setting) => tributary(setting, {}),

  'tributary, bare http': async (setting) => {
    const engine = await engineOf(setting);
    return bare(async (document, variables) =>
      resultText(
        await engine.execute({
          document,
          variables,
          context: createRequestContext(DEVELOPER, { requestId: 'bench' }),
          asText: true,
        }),
      ),
    );
  },

  '@apollo/gateway under Yoga': async ({ supergraphSdl, urls }) => {
    process.env.APOLLO_TELEMETRY_DISABLED = 'true';
    const { ApolloGateway, LocalGraphQLDataSource, RemoteGraphQLDataSource } = await import('@apollo/gateway');
    const schemas = subgraphSchemas();
    const gateway = new ApolloGateway({
      supergraphSdl,
      buildService: ({ name, url }) =>
        urls === undefined ? new LocalGraphQLDataSource(schemas.get(name)!) : new RemoteGraphQLDataSource({ url }),
    });
    const { schema, executor } = await gateway.load();
    const { createHash } = await import('node:crypto');
    const run = (args: {
      document: DocumentNode;
      contextValue: object;
      operationName?: string;
      variableValues?: Record<string, unknown>;
    }) =>
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
      if (hash === undefined)
        hashes.set(document, (hash = createHash('sha256').update(JSON.stringify(document)).digest('hex')));
      return hash;
    };
    const plugin: Plugin = { onExecute: ({ setExecuteFn }) => setExecuteFn(run as never) };
    return yogaOf(schema, [plugin]);
  },

  'Hive Gateway': (setting) => hiveGateway(setting, false),
  'Hive Gateway, Rust planner': (setting) => hiveGateway(setting, true),

  'one graphql-js schema under Yoga': () => Promise.resolve(yogaOf(oneSchema(), [])),

  'one graphql-js schema, bare http': () => {
    const schema = oneSchema();
    return Promise.resolve(
      bare(async (document, variables) =>
        JSON.stringify(await execute({ schema, document, variableValues: variables })),
      ),
    );
  },

  'one graphql-jit schema, bare http': async () => {
    const { compiledSchema } = (await import('./peers/graphql-jit.mjs' as string)) as {
      compiledSchema(
        typeDefs: string,
        resolvers: object,
      ): (query: string, variables?: Record<string, unknown>) => object | Promise<object>;
    };
    const run = compiledSchema(ONE_SCHEMA.typeDefs, ONE_SCHEMA.resolvers);
    return bare(async (_, variables, query) => JSON.stringify(await run(query, variables)));
  },
};

/** Which take part only over HTTP, or only in process. */
export function takesPart(name: string, mode: Mode): boolean {
  if (name.startsWith('one ')) return mode === 'in process';
  return mode === 'over HTTP' || !/^Hive|deduplicating/.test(name);
}

async function hiveGateway({ supergraphSdl }: Setting, inRust: boolean): Promise<RequestListener> {
  const { createGatewayRuntime, rustPlanner } = (await import('./peers/hive-gateway.mjs' as string)) as {
    createGatewayRuntime(options: object): RequestListener;
    rustPlanner: unknown;
  };
  return createGatewayRuntime({
    supergraph: supergraphSdl,
    ...(inRust ? { unifiedGraphHandler: rustPlanner } : {}),
    // It shares equal fetches under way by default; here nobody does who is not said to.
    transportEntries: { '*': { options: { deduplicateInflightRequests: false } } },
    logging: false,
    landingPage: false,
    graphiql: false,
    maskedErrors: false,
  });
}

/** The engine alone: subgraphs where the setting says. */
export async function engineOf({ supergraphSdl, urls }: Setting): Promise<Engine> {
  const schemas = subgraphSchemas();
  const clients = new Map(
    [...schemas].map(([name, schema]) => [
      name,
      urls === undefined ? inProcessClient(name, schema) : remoteClient(name, { url: urls.get(name)! }),
    ]),
  );
  return await createEngine({ supergraphSdl, clients });
}

const yogaOf = (schema: GraphQLSchema, plugins: Plugin[]): RequestListener =>
  createYoga({ schema, plugins, graphiql: false, landingPage: false, logging: false, maskedErrors: false });

/** As little HTTP as answers a query: what an engine costs by itself. */
function bare(
  run: (document: DocumentNode, variables: Record<string, unknown> | undefined, query: string) => Promise<string>,
): RequestListener {
  const parsed = new Map<string, DocumentNode>();
  return (request, response) => void answer(request, response);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { query, variables } = JSON.parse(Buffer.concat(chunks).toString()) as {
      query: string;
      variables?: Record<string, unknown>;
    };
    let document = parsed.get(query);
    if (document === undefined) parsed.set(query, (document = parse(query)));
    const body = Buffer.from(await run(document, variables, query));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  }
}

export const serve = (listener: RequestListener): ReturnType<typeof createServer> =>
  createServer({ keepAliveTimeout: 60_000 }, listener);
