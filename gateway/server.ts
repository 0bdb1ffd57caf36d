/**
 * The whole server at a glance: what is started, in which order, and what a request passes on its way. Everything named
 * here is implemented elsewhere.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { GraphQLSchema } from 'graphql';
import type { Engine } from '#gateway/execute/engine.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { SUBGRAPH_NAMES } from '#subgraphs/shared/subgraph.ts';
import { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import { paceWork } from '#subgraphs/shared/turns.ts';
import { costLimits } from './admission/cost-limits.ts';
import { documents } from './admission/documents.ts';
import { maskResult } from './admission/mask-result.ts';
import { KeptQueries, noPersistedQueries } from './admission/persisted/automatic.ts';
import { openListedFiles, type ListedFiles } from './admission/persisted/listed-files.ts';
import { operationTexts } from './admission/persisted/operation-texts.ts';
import { answerBudget, operations, type Operations } from './admission/operations.ts';
import { resourceMetadata, type ResourceMetadata } from './agents/mcp/resource-metadata.ts';
import { agUiEndpoint, type AgUiOptions } from './agents/ag-ui.ts';
import { AgentRequests, SEARCH_REFUSED } from './agents/agent-requests.ts';
import { Answering } from './agents/ask/answering.ts';
import { functionCalling } from './agents/function-calling.ts';
import { mcpEndpoint } from './agents/mcp/endpoint.ts';
import { schemaSearches } from './agents/schema-search.ts';
import { apiKeys } from './auth/api-keys.ts';
import { auditedSignIns } from './auth/audited-sign-ins.ts';
import { authenticatorBy, type Authenticator } from './auth/authenticator.ts';
import { policyService } from './auth/directives/policy-service.ts';
import { forwardAuth } from './auth/forward-auth.ts';
import { apiKeyPeppers, generatedSecret } from './auth/generated-secrets.ts';
import { internalTokens } from './auth/internal-token.ts';
import { issuerMetadata } from './auth/issuer-metadata.ts';
import { oidcAuthenticator, type OidcAuthenticator } from './auth/oidc.ts';
import { RefusedActions } from './auth/refused-actions.ts';
import { trustedProxies } from './auth/trusted-proxies.ts';
import { ASK } from './bounds/ask.ts';
import type { Config } from '#gateway/config/config.ts';
import { readPairs } from '#gateway/config/pairs.ts';
import { passesHeadersBack } from '#gateway/config/remote-subgraphs.ts';
import { Outbox } from './indexing/outbox.ts';
import { systemCalls } from './indexing/subgraph-call.ts';
import { Endings } from './endings.ts';
import { guardRequests } from './http/cors.ts';
import { examplePages } from './http/example-pages.ts';
import type { Handler } from './http/exchange.ts';
import { graphiql } from './http/graphiql.ts';
import type { SignIn } from './http/graphiql-sign-in.ts';
import { askWithoutToken } from './http/graphiql-tabs.ts';
import { originOf } from './http/origin.ts';
import { ownServer, type OwnServer } from './http/own-server.ts';
import { bodyLimits } from './http/body.ts';
import { Compression } from './http/compression.ts';
import { GRAPHQL_PATH, graphqlOverHttp } from './http/graphql.ts';
import { health, probeAll } from './http/health.ts';
import { createListener } from './http/listener.ts';
import { listenForMetrics, metricsHandler } from './http/metrics.ts';
import { requestGuard, type RequestGuard } from './http/request-guard.ts';
import { subgraphRoutes } from './http/subgraph-routes.ts';
import { builtInEmbedder } from '#gateway/mount/built-in-embedder.ts';
import { subgraphTls } from '#gateway/mount/clients.ts';
import { Engines } from '#gateway/mount/engines.ts';
import { mountGraphModel, type MountDeps } from '#gateway/mount/mount.ts';
import { mountInOrder, type MountedSubgraphs, type OtherSubgraphs } from '#gateway/mount/mount-in-order.ts';
import { databaseName, openPostgres } from '#gateway/mount/postgres.ts';
import { mountSources, type MountedSources } from '#gateway/mount/sources.ts';
import { arrivals } from './limits/arrivals.ts';
import { openLimits } from './limits/open-limits.ts';
import type { RequestLimits } from './limits/request-limits.ts';
import { limitSignIns } from './limits/sign-ins.ts';
import { graphqlOverWebSocket } from './subscribe/websocket.ts';
import { EngineHost } from './supergraph/engine-host.ts';
import { openSupergraph, type SupergraphManager } from './supergraph/manager.ts';
import { createLogger, tellLines, type Logger } from './telemetry/logger.ts';
import type { SharedMetrics } from './telemetry/metrics.ts';
import { openTelemetry } from './telemetry/open.ts';

/** What work behind the requests (see {@link ServerOptions.background}) is given. */
export interface BackgroundServices {
  readonly config: Config;
  readonly log: Logger;
  /** The clients of the supergraph that serves; the map is kept up to date through reloads. */
  readonly clients: ReadonlyMap<string, SubgraphClient>;
  /** The same way in as for clients' operations. */
  readonly operations: Operations;
  /** Names the database that the stores are in, without secrets; absent when PostgreSQL is off. */
  readonly database: string | undefined;
}

/** Work that runs behind the requests: delivering the outbox, ingesting the first corpus. */
export interface BackgroundWork {
  /** Resolves when the server may call itself ready; rejects when it never will. */
  readonly ready: Promise<void>;
  /** Shown in `GET /health/ready`. */
  progress(): Promise<unknown>;
  /** Called after every mutation: the outbox may have new entries. */
  mutated(): void;
  /** Ends it; what it has begun and not finished it must find again at the next start. */
  close(): Promise<void>;
}

export interface ServerOptions {
  /** @default one that writes to standard error at the configured level */
  log?: Logger;
  /** The URL of the embedded PostgreSQL once it runs; needed where the configuration names none. */
  embeddedPostgres?: Promise<string>;
  /** Subgraphs to mount in the place of the project's own six. */
  subgraphs?: OtherSubgraphs;
  /** Started once all subgraphs are mounted and the supergraph serves. @default nothing */
  background?: (services: BackgroundServices) => BackgroundWork;
  /** A folder of GraphiQL's tabs, as `http/graphiql-tabs.ts` reads it. @default one tab, empty */
  graphiqlTabs?: URL;
  /** Pages served in development mode, by path. @default none */
  pages?: Readonly<Record<string, URL>>;
  /** Of all processes that serve together; undefined where this one serves alone, and opens `METRICS_PORT` itself. */
  collected?: SharedMetrics;
  /** How often supergraph files are looked at although nothing reported a change, in milliseconds. Default: `SUPERGRAPH_POLL_MS`. */
  pollMs?: number;
}

type ServerState = 'starting' | 'ready' | 'stopping';

export interface RunningServer {
  /** Where clients reach it, without a slash at the end. */
  readonly url: string;
  /** The port it listens on. */
  readonly port: number;
  /** The one at which metrics alone are read; undefined where there is none. */
  readonly metricsPort: number | undefined;
  readonly supergraph: SupergraphManager;
  /** What clients see of it now: the API. */
  readonly schema: GraphQLSchema;
  /** Resolves when the server is ready; rejects when background work failed before. */
  readonly ready: Promise<void>;
  /** Lets running requests end (for at most the configured time), then ends everything it started. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts the server; resolves once it listens, serves the supergraph and has mounted its subgraphs.
 * @throws when a store cannot be migrated, the port is taken, or there is no supergraph to serve; nothing is left
 *   running then
 */
export async function startServer(config: Config, options: ServerOptions = {}): Promise<RunningServer> {
  const log = options.log ?? createLogger(config.log);
  const began = performance.now();
  const timing = (step: string): void => log.debug({ step, ms: Math.round(performance.now() - began) }, 'start-up');
  const endings = new Endings((error) => log.error({ err: error }, 'Something did not end as it should.'));
  let state: ServerState = 'starting';
  let leave = (): void => undefined;
  let answering: Answering | undefined;
  let closing: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    const served = state === 'ready';
    state = 'stopping';
    leave();
    if (served && config.bounds.http.shutdownDelayMs > 0) await delay(config.bounds.http.shutdownDelayMs);
    await endings.close();
  };
  const close = (): Promise<void> => (closing ??= stop());

  try {
    // ── Who watches ──────────────────────────────────────────────────────────────────────────────────────────────────
    const telemetry = await openTelemetry({
      ...config.telemetry,
      metrics: config.telemetry.onMainPort || config.telemetry.port !== undefined,
      otlp: config.telemetry.otlp && { ...config.telemetry.otlp, headers: () => otlpHeaders(config) },
      bounds: config.bounds.telemetry,
      log: (message, error) => log.warn({ err: error }, message),
    });
    endings.add(async () => telemetry?.close());
    if (telemetry?.line !== undefined) {
      const end = tellLines(log, telemetry.line);
      endings.add(async () => end());
    }

    // ── Who may come in ──────────────────────────────────────────────────────────────────────────────────────────────
    const proxies = trustedProxies(config.trustedProxies);
    const guard = requestGuard({ ...config.server, onlyOfProxies: { proxies, headers: config.proxyHeaders } });
    const oidc = config.oidc === undefined ? undefined : issuerOf(config, config.oidc);
    endings.add(async () => oidc?.close());
    const keys =
      config.apiKeys === 'off' ? undefined : apiKeys({ ...config.bounds.auth, store: () => mounted.ports.keyStore });
    endings.add(async () => keys?.close());
    const authenticator = authenticatorBy({
      keys,
      onlyKeys: config.apiKeys === 'only',
      tokens: oidc,
      forwarded:
        config.forwardAuth === undefined
          ? undefined
          : forwardAuth({ ...config.forwardAuth, proxies, sessionMs: config.bounds.auth.forwardedSessionMs }),
      anonymousTenant: config.anonymousTenant,
      roleScopes: config.authorization.roleScopes,
      onIgnored: () =>
        log.warn(
          'A token was sent, and is not looked at: in development mode everybody is the developer. `API_KEYS=only npm start` asks who calls.',
        ),
    });
    const { limits, close: closeLimits } = await openLimits({
      rates: config.rates.limits,
      bounds: config.bounds.limits,
      redisUrl: config.runs.redisUrl === undefined ? undefined : () => config.current.value('REDIS_URL'),
      withoutRedis: config.rates.withoutRedis,
      isProxy: proxies.trusts,
      log,
    });
    endings.add(closeLimits);
    const refused =
      config.auditRefused === 'off'
        ? undefined
        : new RefusedActions({
            ...config.bounds.auth,
            sink: () => mounted.ports.auditSink,
            withAddresses: config.auditRefused === 'on',
            log: (message, error) => log.warn({ err: error }, message),
          });
    // Before the limit of those that do not hold: what it refuses nobody looked at.
    const signIns =
      refused === undefined
        ? authenticator.authenticate
        : auditedSignIns(authenticator.authenticate, {
            refused,
            keys,
            store: () => mounted.ports.keyStore,
            addressOf: (asked) => limits.arrivalOf(asked)?.address,
            log: (message, error) => log.debug({ err: error }, message),
          });
    const authenticate = limitSignIns(signIns, limits);
    const tokens = internalTokens(
      config.keys.internalToken ?? (await generatedSecret(config.dataDir, 'internal-token')),
      config.keys.acceptedInternalToken,
    );
    const policies =
      config.authorization.policies === undefined
        ? undefined
        : policyService({ ...config.authorization.policies, ...config.bounds.auth });
    endings.add(async () => policies?.close());
    const peppers = await apiKeyPeppers(config);
    const objectSigningKey = config.keys.objectSigning ?? (await generatedSecret(config.dataDir, 'object-signing'));

    // ── What answers: subgraphs are mounted while the supergraph is composed and the engine starts ───────────────────
    let port = config.server.port;
    const publicBaseUrl = (): string => config.server.publicBaseUrl ?? originOf(config.server.host, port);
    const postgres = openPostgres(config, options.embeddedPostgres, log);
    endings.add(async () => await (await postgres.catch(() => undefined))?.close());
    paceWork(config.bounds.shared);
    const work = new WorkPool(config.bounds.shared);
    endings.add(() => work.close());
    // One whose schema is not in the project: it is made of the operator's file.
    const graphModel = options.subgraphs === undefined ? await mountGraphModel(config) : undefined;
    if (graphModel !== undefined) endings.add(() => graphModel.subgraph.close());
    const sources = options.subgraphs === undefined ? await mountSources(config, log, () => mounted.ports) : undefined;
    endings.add(async () => sources?.close());
    const mounted = mountInOrder({
      deps: async (): Promise<MountDeps> => ({
        config,
        postgres: await postgres,
        objectSigningKey,
        apiKeyPeppers: peppers,
        publicBaseUrl,
        mayCallModel: ({ principal }) => limits.modelCall(principal),
        telemetry,
        asked: () => answering?.nudge(),
        log,
        work,
      }),
      apart: config.subgraphUrls,
      remote: config.remoteSubgraphs,
      log,
      tokens,
      others: options.subgraphs,
      ready: graphModel === undefined ? [] : [graphModel.subgraph],
      endings,
    });

    const apart = new Map(
      SUBGRAPH_NAMES.flatMap((name) => {
        const url = options.subgraphs === undefined ? config.subgraphUrls[name] : undefined;
        if (url === undefined) return [];
        const { probeTimeoutMs } = config.bounds.http;
        const tls = subgraphTls(name, mounted.clients);
        return [[name as string, ownServer(name, url, tokens, { ...tls, probeTimeoutMs })]];
      }),
    );
    for (const server of apart.values()) endings.add(() => server.close());

    endings.add(async () => refused?.close());
    const engines = new EngineHost<Engine>((error) =>
      log.error({ err: error }, 'An engine that was replaced did not end.'),
    );
    endings.add(() => engines.close());
    const searches = schemaSearches(builtInEmbedder());
    const serving = new Engines({
      engines,
      finderOf: (schema) => ({ find: (question) => searches(schema).finder.find(question) }),
      clients: mounted.clients,
      planning: config.bounds.plan,
      conditions: config.bounds.conditions,
      ...config.bounds.execute,
      authorization: { unauthorized: config.authorization.unauthorized, policies: policies?.evaluate },
      log: (message, error) => log.warn({ err: error }, message),
      telemetry,
    });
    const supergraph = await openSupergraph({
      file: config.supergraphFile,
      overrides: config.subgraphUrls,
      additional: async () => {
        const { entries, ...rest } = (await sources?.load()) ?? {
          entries: [],
          unavailable: [],
          leftOut: [],
          files: [],
        };
        return { entries: [...(graphModel === undefined ? [] : [graphModel.entry]), ...entries], ...rest };
      },
      cacheFolder: join(config.dataDir, 'cache'),
      log,
      ...config.bounds.supergraph,
      pollMs: options.pollMs ?? config.bounds.supergraph.pollMs,
      tlsOf: (name) => subgraphTls(name, mounted.clients),
      activate: (fresh) => serving.serve(fresh),
    });
    endings.add(() => supergraph.close());
    timing('engine');

    const lists =
      config.listedOperations === undefined
        ? undefined
        : await openListedFiles({
            ...config.bounds.admission,
            paths: config.listedOperations.paths,
            pollMs: options.pollMs ?? config.bounds.supergraph.pollMs,
            log,
          });
    endings.add(async () => lists?.close());
    const { traceScope } = config.authorization;
    const texts = operationTexts(
      config.server.persistsQueries ? new KeptQueries(config.bounds.admission) : noPersistedQueries,
      lists === undefined
        ? undefined
        : {
            ...config.listedOperations!,
            listed: lists,
            learned: (operation) => log.info({ operation }, 'An operation is not listed.'),
          },
    );
    const admitted = operations({
      engines,
      documents: documents(config.bounds.admission),
      texts,
      timeoutMs: config.bounds.admission.timeoutMs,
      budget: answerBudget(config.bounds.admission),
      costLimit: costLimits(config.bounds.admission),
      limits,
      mayTrace: ({ scopes }) => traceScope === undefined || scopes.includes(traceScope),
      mask: (result, request) => maskResult(result, request, log),
      refused: refused && ((attempt) => refused.note(attempt)),
      mutated: () => background?.mutated(),
      telemetry,
    });

    // ── Where requests come in ───────────────────────────────────────────────────────────────────────────────────────
    const stopping = new AbortController();
    let routes: Handler = () => false;
    let runEvents: AgUiOptions['events'] = noRuns;
    let background: BackgroundWork | undefined = undefined;
    if (telemetry !== undefined) options.collected?.provide(() => telemetry.collect());
    const metrics =
      telemetry === undefined
        ? undefined
        : async () => {
            const { prometheusText, prometheusTextOfAll } = await import('./telemetry/prometheus-text.ts');
            return options.collected === undefined
              ? prometheusText(await telemetry.collect())
              : prometheusTextOfAll(await options.collected.all());
          };
    const stores = async (): ReturnType<typeof probeAll> =>
      await probeAll(probedOf(mounted, apart, sources), config.bounds.http.probeTimeoutMs);
    let metricsPort: number | undefined;
    const agents = new AgentRequests({
      operations: admitted,
      schema: () => engines.schema,
      mayExplore: ({ principal, requestId, address }) => {
        if (!texts.binds({ principal })) return true;
        const { tenantId, subject } = principal;
        refused?.note({ ...SEARCH_REFUSED, tenantId, subject, requestId, address });
        return false;
      },
      capabilities: config.agentCapabilities,
      listed: () => (config.agentOperations === undefined ? undefined : lists?.current.textsOf(config.agentOperations)),
      search: searches,
      authenticate,
      ...config.bounds.agents,
      body: bodyLimits(config.bounds.http),
      limits,
      budget: answerBudget(config.bounds.admission),
      log,
    });
    const handlers = requestPath({
      agents,
      stores,
      metrics: config.telemetry.onMainPort ? metrics : undefined,
      config,
      resource: config.oidc === undefined ? undefined : resourceMetadata(publicBaseUrl, config.oidc.issuer),
      options,
      guard,
      limits,
      authenticate,
      operations: admitted,
      engines,
      supergraph,
      lists,
      log,
      state: () => state,
      progress: async () => background?.progress(),
      routes: (exchange) => routes(exchange),
      runEvents: (request, principal) => runEvents(request, principal),
      stopping: stopping.signal,
    });
    const listener = createListener(handlers, { ...config.bounds.http, mayHaveMore: proxies.trusts }, log, {
      telemetry,
    });
    const sockets = graphqlOverWebSocket(listener.server, {
      path: GRAPHQL_PATH,
      operations: admitted,
      guard,
      authenticate,
      limits,
      log,
      message: bodyLimits(config.bounds.http),
      ...config.bounds.subscribe,
      stallMs: config.bounds.http.stallMs,
    });
    endings.add(async () => {
      // Streams first: they would never end by themselves. Then requests, which do.
      stopping.abort(new DOMException('The server is stopping.', 'AbortError'));
      await Promise.all([listener.close(config.bounds.http.shutdownTimeoutMs), sockets.close()]);
    });
    leave = () => listener.leave();
    port = await listener.listen(config.server.host, config.server.port);
    timing('listening');

    const own = (await mounted.all).flatMap((subgraph) => subgraph.routes);
    const passedOn = [...apart.values()].flatMap((server) => server.routes);
    const served = [...own, ...passedOn];
    const ofRuns = served.find(({ prefix }) => prefix === '/runs/');
    if (ofRuns !== undefined) runEvents = (request, principal) => ofRuns.handle(request, principal);
    routes = subgraphRoutes(served, {
      authenticate,
      limits,
      stopping: stopping.signal,
      senderStallMs: config.bounds.http.senderStallMs,
    });
    timing('subgraphs');

    if (telemetry !== undefined) {
      const pool = await postgres;
      telemetry.watch({
        stores,
        ready: () => state === 'ready',
        current: () => supergraph.failure === undefined && supergraph.unavailable.length === 0,
        refused: () => limits.refused(),
        plans: () => engines.engine.plans ?? { entries: 0, hits: 0, misses: 0 },
        pool: () => pool?.use,
        outbox: async () =>
          serving.clients.has('relational')
            ? await new Outbox(systemCalls(serving.clients, stopping.signal)).status()
            : undefined,
        breakers: () => serving.breakers(),
        sockets: () => sockets.open,
      });
    }
    if (metrics !== undefined && config.telemetry.port !== undefined && options.collected === undefined) {
      const alone = await listenForMetrics(config, config.telemetry.port, metrics, log);
      endings.add(() => alone.listener.close(0));
      metricsPort = alone.port;
    }
    // ── What goes on behind the requests ─────────────────────────────────────────────────────────────────────────────
    if (options.subgraphs === undefined && serving.clients.has('runs')) {
      answering = new Answering({
        ...config.bounds.ask,
        agents,
        callAs: (subject) =>
          systemCalls(serving.clients, new AbortController().signal, ASK.callTimeoutMs, { subject, scopes: [] }),
        embedder: () => mounted.ports.embedder,
        model: config.stores.models === 'off' ? undefined : config.stores.models?.chatModel,
        log,
      });
      answering.start();
      endings.add(() => answering!.close());
    }
    background = options.background?.({
      config,
      log,
      clients: serving.clients,
      operations: admitted,
      database: databaseName(config),
    });
    if (background !== undefined) endings.add(() => background!.close());
    const ready = (background?.ready ?? Promise.resolve()).then(() => {
      if (state === 'starting') state = 'ready';
      timing('ready');
    });
    ready.catch(() => undefined); // For those who await it.
    for (const { name, meant } of config.unknown)
      log.warn({ variable: name }, `This variable is not one that is read; was ${meant} meant?`);
    return {
      url: publicBaseUrl(),
      port,
      metricsPort,
      supergraph,
      get schema() {
        return engines.schema;
      },
      ready,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the way of a request is made of. */
interface RequestPath {
  readonly config: Config;
  /** Where users of agents sign in. */
  readonly resource: ResourceMetadata | undefined;
  readonly options: ServerOptions;
  readonly guard: RequestGuard;
  readonly limits: RequestLimits;
  readonly authenticate: Authenticator['authenticate'];
  readonly operations: Operations;
  readonly engines: EngineHost<Engine>;
  readonly supergraph: SupergraphManager;
  readonly lists: ListedFiles | undefined;
  readonly agents: AgentRequests;
  readonly log: Logger;
  readonly state: () => ServerState;
  readonly stores: () => ReturnType<typeof probeAll>;
  /** What Prometheus reads; undefined where it does not read it here. */
  readonly metrics: (() => Promise<string>) | undefined;
  readonly progress: () => Promise<unknown>;
  /** The subgraphs' own, once they are mounted. */
  readonly routes: Handler;
  readonly runEvents: AgUiOptions['events'];
  readonly stopping: AbortSignal;
}

const issuerOf = (config: Config, { introspection, ...oidc }: NonNullable<Config['oidc']>): OidcAuthenticator =>
  oidcAuthenticator({
    ...oidc,
    ...config.bounds.auth,
    ...(introspection === undefined
      ? {}
      : { introspection: { ...introspection, clientSecret: () => config.current.value('OIDC_CLIENT_SECRET')! } }),
  });

/** Everything that has stores. */
const probedOf = (
  mounted: MountedSubgraphs,
  /** Own subgraphs that are servers of their own, by name. */
  apart: ReadonlyMap<string, OwnServer>,
  /** The operator's own stores; undefined where there are none. */
  sources: MountedSources | undefined,
): Parameters<typeof probeAll>[0] => [
  ...[...mounted.byName].map(([name, subgraph]) => ({ name, health: async () => (await subgraph).health() })),
  ...[...apart].map(([name, server]) => ({ name, health: () => server.health() })),
  ...(sources === undefined ? [] : [{ name: 'sources', health: () => sources.health() }]),
];

/** Headers of what is sent by OTLP, as they are now. */
const otlpHeaders = ({ current }: Config): Readonly<Record<string, string>> =>
  readPairs(current.value('OTEL_EXPORTER_OTLP_HEADERS') ?? '') ?? {};

/** How GraphiQL signs people in; undefined where it does not. */
function signInOf(
  { oidc, graphiql: page, anonymousTenant, bounds }: Config,
  log: Logger,
): () => Promise<SignIn | undefined> {
  if (oidc === undefined || page === undefined) return () => Promise.resolve(undefined);
  const metadata = issuerMetadata(oidc.issuer, bounds.auth.oidcTimeoutMs);
  return async () => {
    // The page is of use without: it says then that the issuer is away.
    const known = await metadata().catch((error: unknown) => {
      log.warn({ err: error }, 'GraphiQL cannot sign people in: the issuer does not say where.');
      return undefined;
    });
    const { authorizationEndpoint, tokenEndpoint } = known ?? {};
    return {
      ...page,
      issuer: oidc.issuer,
      authorizationEndpoint,
      tokenEndpoint,
      required: anonymousTenant === undefined,
    };
  };
}

/** What a request passes, in this order: each handler answers it or leaves it to the next. */
function requestPath(path: RequestPath): Handler[] {
  const { config, options, guard, limits, authenticate, operations, engines, supergraph, lists, log } = path;
  const { agents, state, stores, metrics, progress, routes, runEvents, stopping, resource } = path;
  return [
    // Probes by orchestrators know no host name; whoever does not send one of ours learns only whether we are ready.
    health(
      {
        state,
        stores,
        supergraph: () => ({
          since: supergraph.since,
          subgraphs: supergraph.current.subgraphs.map(({ name }) => name),
          failure: supergraph.failure,
          unavailable: supergraph.unavailable,
          leftOut: supergraph.leftOut,
        }),
        refused: () => limits.refused(),
        persistedOperations: () => lists?.state,
        progress,
        timeoutMs: config.bounds.http.probeTimeoutMs,
      },
      guard,
    ),
    // From here on only hosts and origins that are ours or allowed.
    guardRequests(guard, config.server),
    // Not too many from one address, whoever asks. What follows counts callers and tenants once they are known.
    arrivals(limits),
    // Prometheus.
    metrics === undefined
      ? () => false
      : metricsHandler({ text: metrics, admits: { authenticate, scope: config.telemetry.scope } }),
    // Where agents learn who signs their users in.
    resource?.handler ?? (() => false),
    // Pages for people; everything they load comes from here.
    graphiql(
      options.graphiqlTabs,
      {
        schema: () => engines.schema,
        ask: askWithoutToken({ authenticate, operations, timeoutMs: config.bounds.http.probeTimeoutMs, stopping }),
      },
      signInOf(config, log),
    ),
    examplePages(config.mode === 'development' ? (options.pages ?? {}) : {}),
    // Nothing below answers before the stores are there.
    () => {
      if (state() === 'starting')
        throw new CodedError('SUBGRAPH_UNAVAILABLE', 'The server is starting.', {
          hint: 'Wait until GET /health/ready answers 200.',
        });
      return false;
    },
    // Signed links, whose signature is their authorization; runs' events, for verified callers.
    routes,
    // Agents.
    mcpEndpoint(agents, { resource, batch: config.bounds.agents.batch }),
    agUiEndpoint({
      operations,
      authenticate,
      body: bodyLimits(config.bounds.http),
      limits,
      events: runEvents,
      stopping,
    }),
    functionCalling(agents),
    // Programs: queries, mutations, and streams over server-sent events.
    graphqlOverHttp({
      operations,
      authenticate,
      body: bodyLimits(config.bounds.http),
      limits,
      budget: answerBudget(config.bounds.admission),
      batchOperations: config.bounds.http.batchOperations,
      uploads: { files: config.bounds.http.uploadFiles, bytes: config.bounds.http.uploadBytes },
      compression: new Compression({ encodings: config.server.encodings, ...config.bounds.http }),
      passHeadersBack: passesHeadersBack(config.remoteSubgraphs),
      eventStreams: config.bounds.subscribe,
      log,
      stopping,
    }),
  ];
}

/** Answers for runs where neither this server nor another has them. */
const noRuns: AgUiOptions['events'] = () => Promise.reject(new CodedError('NOT_FOUND', 'This gateway serves no runs.'));
