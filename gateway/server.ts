/**
 * The whole server at a glance: what is started, in which order, and what a request passes on its way. Everything named
 * here is implemented elsewhere.
 */
import { join } from 'node:path';
import { createEngine, type Engine } from '#gateway/execute/engine.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Ports } from '#subgraphs/shared/ports.ts';
import { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import type { Route, Subgraph } from '#subgraphs/shared/subgraph.ts';
import { documents } from './admission/documents.ts';
import { maskResult } from './admission/mask-result.ts';
import { operations, type Operations } from './admission/operations.ts';
import { mcpEndpoint } from './agents/mcp.ts';
import { developmentAuthenticator } from './auth/authenticator.ts';
import { policyService } from './auth/directives/policy-service.ts';
import { generatedSecret } from './auth/generated-secrets.ts';
import { internalTokens } from './auth/internal-token.ts';
import { oidcAuthenticator } from './auth/oidc.ts';
import { clientOf } from '#gateway/mount/clients.ts';
import type { Config } from '#gateway/config/config.ts';
import { passesHeadersBack } from '#gateway/config/subgraphs.ts';
import { guardRequests } from './http/cors.ts';
import { examplePages } from './http/example-pages.ts';
import type { Handler } from './http/exchange.ts';
import { EXAMPLES } from './http/graphiql-examples.ts';
import { graphiql } from './http/graphiql.ts';
import { GRAPHQL_PATH, graphqlOverHttp } from './http/graphql.ts';
import { health, probeAll } from './http/health.ts';
import { createListener } from './http/listener.ts';
import { remoteRunEvents } from './http/remote-run-events.ts';
import { requestGuard } from './http/request-guard.ts';
import { subgraphRoutes } from './http/subgraph-routes.ts';
import { isOwnSubgraph, MOUNT_ORDER, mountGraphModel, mountSubgraph, type MountDeps } from '#gateway/mount/mount.ts';
import { postgresOptions } from '#gateway/mount/postgres-options.ts';
import { remotePorts } from '#gateway/mount/remote-ports.ts';
import { graphqlOverWebSocket } from './subscribe/websocket.ts';
import { EngineHost } from './supergraph/engine-host.ts';
import { openSupergraph, type SupergraphManager } from './supergraph/manager.ts';
import { LOCAL } from './supergraph/supergraph-file.ts';
import { createLogger, type Logger } from './telemetry/logger.ts';

/** Where the example page is, in development mode. */
export const RUN_VIEWER_PATH = '/examples/run-viewer';

/** A subgraph as the server keeps it; tests mount some under other names. */
export type MountedSubgraph = Omit<Subgraph, 'name'> & { readonly name: string };

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
  subgraphs?: Readonly<Record<string, (deps: MountDeps, ports: Partial<Ports>) => Promise<MountedSubgraph>>>;
  /** Started once all subgraphs are mounted and the supergraph serves. @default nothing */
  background?: (services: BackgroundServices) => BackgroundWork;
  /** How often supergraph files are looked at although nothing reported a change, in milliseconds. @default 10000 */
  pollMs?: number;
}

export interface RunningServer {
  /** Where clients reach it, without a slash at the end. */
  readonly url: string;
  /** The port it listens on. */
  readonly port: number;
  readonly supergraph: SupergraphManager;
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
  const log = options.log ?? createLogger(config.logLevel);
  const began = performance.now();
  const timing = (step: string): void => log.debug({ step, ms: Math.round(performance.now() - began) }, 'start-up');
  // What has been started is ended in the opposite order, at shutdown and when a later step fails.
  const endings: (() => Promise<void>)[] = [];
  let state: 'starting' | 'ready' | 'stopping' = 'starting';
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closing ??= (async () => {
      state = 'stopping';
      for (const end of endings.reverse())
        await end().catch((error: unknown) => log.error({ err: error }, 'Something did not end as it should.'));
    })());

  try {
    // ── Who may come in ──────────────────────────────────────────────────────────────────────────────────────────────
    const guard = requestGuard(config.server);
    const authenticator = config.oidc === undefined ? developmentAuthenticator : oidcAuthenticator(config.oidc);
    const authenticate = (authorization: string | undefined) => authenticator.authenticate(authorization);
    const tokens = internalTokens(
      config.keys.internalToken ?? (await generatedSecret(config.dataDir, 'internal-token')),
    );
    const policies =
      config.authorization.policies === undefined ? undefined : policyService(config.authorization.policies);
    endings.push(async () => policies?.close());
    const objectSigningKey = config.keys.objectSigning ?? (await generatedSecret(config.dataDir, 'object-signing'));

    // ── What answers: subgraphs are mounted while the supergraph is composed and the engine starts ───────────────────
    let port = config.server.port;
    const publicBaseUrl = (): string =>
      config.server.publicBaseUrl ??
      `http://${config.server.host.includes(':') ? `[${config.server.host}]` : config.server.host}:${port}`;
    const postgres = openPostgres(config, options.embeddedPostgres, log);
    endings.push(async () => await (await postgres.catch(() => undefined))?.close());
    const work = new WorkPool(config.limits.work);
    endings.push(() => work.close());
    const names =
      options.subgraphs === undefined
        ? MOUNT_ORDER.filter((name) => config.subgraphUrls[name] === undefined)
        : Object.keys(options.subgraphs);
    const clients = new Map<string, SubgraphClient>();
    const clientOptions = { apart: config.subgraphUrls, tokens, remote: config.remoteSubgraphs };
    const mounted = new Map<string, Promise<MountedSubgraph>>();
    const mounting = mountInOrder();
    mounting.catch(() => undefined); // Awaited below; until then it must not count as unhandled.
    // One whose schema is not in the project: it is made of the operator's file.
    const graphModel = options.subgraphs === undefined ? await mountGraphModel(config) : undefined;
    if (graphModel !== undefined) {
      endings.push(() => graphModel.close());
      mounted.set(graphModel.name, Promise.resolve(graphModel));
    }

    const engines = new EngineHost<Engine>((error) =>
      log.error({ err: error }, 'An engine that was replaced did not end.'),
    );
    endings.push(() => engines.close());
    const supergraph = await openSupergraph({
      file: config.supergraphFile,
      overrides: config.subgraphUrls,
      additional:
        graphModel === undefined
          ? []
          : [
              {
                name: graphModel.name,
                routingUrl: `${LOCAL}//${graphModel.name}`,
                schema: { sdl: graphModel.typeDefs, origin: config.stores.graphModel!.file },
              },
            ],
      cacheFolder: join(config.dataDir, 'cache'),
      log,
      pollMs: options.pollMs,
      async activate({ sdl, subgraphs }) {
        const fresh = new Map(subgraphs.map((entry) => [entry.name, clientOf(entry, { ...clientOptions, mounted })]));
        const endClients = async (): Promise<void> =>
          void (await Promise.all([...fresh.values()].map((client) => client.close())));
        try {
          const engine = await createEngine({
            supergraphSdl: sdl,
            clients: fresh,
            authorization: { unauthorized: config.authorization.unauthorized, policies: policies?.evaluate },
            log: (message, error) => log.warn({ err: error }, message),
          });
          await engines.replace(engine, endClients);
        } catch (error) {
          await endClients();
          throw error;
        }
        clients.clear();
        for (const [name, client] of fresh) clients.set(name, client);
      },
    });
    endings.push(() => supergraph.close());
    timing('engine');

    const admitted = operations({
      engines,
      documents: documents(config.limits),
      timeoutMs: config.limits.requestTimeoutMs,
      budget: config.limits.answer,
      maxCost: config.limits.cost,
      mask: (result, requestId) => maskResult(result, { requestId, log }),
      mutated: () => background?.mutated(),
    });

    // ── What a request passes, in this order ─────────────────────────────────────────────────────────────────────────
    const stopping = new AbortController();
    let routes: Handler = () => false;
    let background: BackgroundWork | undefined = undefined;
    const handlers: Handler[] = [
      // Probes by orchestrators know no host name; whoever does not send one of ours learns only whether we are ready.
      health(
        {
          state: () => state,
          stores: async () =>
            probeAll(
              await Promise.all(
                [...mounted].map(async ([name, subgraph]) => ({ name, health: async () => (await subgraph).health() })),
              ),
            ),
          supergraph: () => ({
            since: supergraph.since,
            subgraphs: supergraph.current.subgraphs.map(({ name }) => name),
            failure: supergraph.failure,
            unavailable: supergraph.unavailable,
          }),
          progress: async () => background?.progress(),
        },
        guard,
      ),
      // From here on only hosts and origins that are ours or allowed.
      guardRequests(guard),
      // Pages for people; everything they load comes from here.
      graphiql(EXAMPLES),
      config.mode === 'development'
        ? examplePages({ [RUN_VIEWER_PATH]: new URL('../examples/run-viewer/index.html', import.meta.url) })
        : () => false,
      // Nothing below answers before the stores are there.
      () => {
        if (state === 'starting')
          throw new CodedError('SUBGRAPH_UNAVAILABLE', 'The server is starting.', {
            hint: 'Wait until GET /health/ready answers 200.',
          });
        return false;
      },
      // Signed links, whose signature is their authorization; runs' events, for verified callers.
      (exchange) => routes(exchange),
      // Agents.
      mcpEndpoint({
        operations: admitted,
        schema: () => engines.schema,
        authenticate,
        body: config.limits.body,
        maxBatch: config.limits.mcpBatch,
        budget: { ...config.limits.answer, bytes: config.limits.mcpAnswerBytes },
        maxCost: config.limits.cost,
        log,
      }),
      // Programs: queries, mutations, and streams over server-sent events.
      graphqlOverHttp({
        operations: admitted,
        authenticate,
        body: config.limits.body,
        passHeadersBack: passesHeadersBack(config.remoteSubgraphs),
        log,
        stopping: stopping.signal,
      }),
    ];
    const listener = createListener(handlers, config.limits.connections, log);
    const sockets = graphqlOverWebSocket(listener.server, {
      path: GRAPHQL_PATH,
      operations: admitted,
      guard,
      authenticate,
      log,
      message: config.limits.body,
      maxSockets: config.limits.sockets,
      maxOperationsPerSocket: config.limits.subscriptionsPerSocket,
      bufferLimitBytes: config.limits.socketBufferBytes,
      stallMs: config.limits.connections.stallMs,
    });
    endings.push(async () => {
      // Streams first: they would never end by themselves. Then requests, which do.
      stopping.abort(new DOMException('The server is stopping.', 'AbortError'));
      await Promise.all([listener.close(config.server.shutdownTimeoutMs), sockets.close()]);
    });
    port = await listener.listen(config.server.host, config.server.port);
    timing('listening');

    const subgraphs = await mounting;
    const elsewhere =
      options.subgraphs === undefined && config.subgraphUrls.runs !== undefined
        ? [remoteRunEvents(config.subgraphUrls.runs, tokens)]
        : [];
    routes = subgraphRoutes([...subgraphs.flatMap((subgraph): readonly Route[] => subgraph.routes), ...elsewhere], {
      authenticate,
      stopping: stopping.signal,
    });
    timing('subgraphs');

    // ── What goes on behind the requests ─────────────────────────────────────────────────────────────────────────────
    background = options.background?.({ config, log, clients, operations: admitted, database: databaseName(config) });
    if (background !== undefined) endings.push(() => background!.close());
    const ready = (background?.ready ?? Promise.resolve()).then(() => {
      if (state === 'starting') state = 'ready';
      timing('ready');
    });
    ready.catch(() => undefined); // For those who await it.
    for (const name of config.unused) log.warn({ variable: name }, 'This variable has no effect in this version.');
    return { url: publicBaseUrl(), port, supergraph, ready, close };

    /** One after the other: each may need what the ones before provide, and migrations take one lock. */
    async function mountInOrder(): Promise<MountedSubgraph[]> {
      const ports: Partial<Ports> = {};
      let before: Promise<unknown> = Promise.resolve();
      for (const name of MOUNT_ORDER) {
        const url = options.subgraphs === undefined ? config.subgraphUrls[name] : undefined;
        if (url === undefined) continue;
        const client = clientOf({ name, routingUrl: url, schema: { url } }, { ...clientOptions, mounted });
        endings.push(() => client.close());
        before = before.then(async () => Object.assign(ports, await remotePorts(name, client)));
      }
      const result: Promise<MountedSubgraph>[] = [];
      for (const name of names) {
        const subgraph = before.then(async () => {
          const deps: MountDeps = { config, postgres: await postgres, objectSigningKey, publicBaseUrl, log, work };
          const made =
            options.subgraphs === undefined && isOwnSubgraph(name)
              ? await mountSubgraph(name, deps, ports)
              : await options.subgraphs![name]!(deps, ports);
          Object.assign(ports, made.provides);
          return made as MountedSubgraph;
        });
        endings.push(async () => await (await subgraph.catch(() => undefined))?.close());
        subgraph.catch(() => undefined);
        mounted.set(name, subgraph);
        result.push(subgraph);
        before = subgraph;
      }
      return await Promise.all(result);
    }
  } catch (error) {
    await close();
    throw error;
  }
}

async function openPostgres(
  config: Config,
  embedded: Promise<string> | undefined,
  log: Logger,
): Promise<Postgres | undefined> {
  if (config.stores.postgres === 'off') return undefined;
  const url = config.stores.postgres === undefined ? await embedded : config.current.postgresUrl;
  if (url === undefined) throw new Error('The configuration names no PostgreSQL, and no embedded one was started.');
  return new Postgres(postgresOptions(config, url, log));
}

/** Tells one database from another, so that what was ingested into one is not taken to be in the other. */
function databaseName({ stores, dataDir }: Config): string | undefined {
  if (stores.postgres === 'off') return undefined;
  if (stores.postgres === undefined) return `embedded:${dataDir}`;
  const { host, pathname, search } = new URL(stores.postgres.url);
  return `${host}${pathname}${search}`;
}
