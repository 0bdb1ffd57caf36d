/** One subgraph as a server of its own, over the same edge as the gateway: limits, streams, health, and who may ask. */
import type { Engine } from '#gateway/execute/engine.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import type { SubgraphName } from '#subgraphs/shared/subgraph.ts';
import { paceWork } from '#subgraphs/shared/turns.ts';
import { APART } from '#gateway/bounds/apart.ts';
import { bodyLimits } from './http/body.ts';
import { documents } from './admission/documents.ts';
import { maskResult } from './admission/mask-result.ts';
import { unlimitedCost } from './admission/cost-limits.ts';
import { KeptQueries } from './admission/persisted/automatic.ts';
import { operationTexts } from './admission/persisted/operation-texts.ts';
import { answerBudget, operations } from './admission/operations.ts';
import { DEVELOPER, type Authenticator } from './auth/authenticator.ts';
import { apiKeyPeppers, generatedSecret } from './auth/generated-secrets.ts';
import { internalTokens } from './auth/internal-token.ts';
import { ConfigError, type Config } from '#gateway/config/config.ts';
import { isLoopback } from '#gateway/config/rules.ts';
import { Endings } from './endings.ts';
import { guardRequests } from './http/cors.ts';
import { GRAPHQL_PATH, graphqlOverHttp } from './http/graphql.ts';
import { health, probeAll } from './http/health.ts';
import { originOf } from './http/origin.ts';
import type { Handler } from './http/exchange.ts';
import { createListener } from './http/listener.ts';
import { requestGuard, type RequestGuard } from './http/request-guard.ts';
import { openLimits } from './limits/open-limits.ts';
import { subgraphRoutes } from './http/subgraph-routes.ts';
import { mountInOrder, type MountedSubgraph } from '#gateway/mount/mount-in-order.ts';
import { openPostgres } from '#gateway/mount/postgres.ts';
import { graphqlOverWebSocket } from './subscribe/websocket.ts';
import { EngineHost } from './supergraph/engine-host.ts';
import type { Logger } from './telemetry/logger.ts';

/** Which others each subgraph needs something of. */
const NEEDS: Readonly<Record<SubgraphName, readonly SubgraphName[]>> = {
  relational: [],
  object: [],
  inference: ['relational'],
  graph: [],
  vector: ['relational', 'inference'],
  runs: ['object'],
};

/** Which others each asks where `SUBGRAPH_<NAME>_URL` says where they are, and does without otherwise. */
const ASKS: Readonly<Partial<Record<SubgraphName, readonly SubgraphName[]>>> = {
  relational: ['runs', 'graph', 'inference'],
  object: ['relational'],
  graph: ['relational'],
  runs: ['relational'],
};

export interface SubgraphServer {
  /** Where the gateway reaches it, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Where it answers health probes without TLS; undefined where it does not. */
  readonly healthPort: number | undefined;
  close(): Promise<void>;
}

/**
 * Serves `name` alone. What it needs of others is asked of them where `SUBGRAPH_<NAME>_URL` says where they are, and
 * made here otherwise.
 */
export async function startSubgraphServer(name: SubgraphName, config: Config, log: Logger): Promise<SubgraphServer> {
  const endings = new Endings((error) => log.error({ err: error }, 'Something did not end as it should.'));
  try {
    const tokens = internalTokens(
      config.keys.internalToken ?? (await generatedSecret(config.dataDir, 'internal-token')),
      config.keys.acceptedInternalToken,
    );
    const open = config.mode === 'development' && isLoopback(config.server.host);
    const authenticator = subgraphAuthenticator(tokens.verifier(name), open);
    let port = config.server.port;
    const { tls, healthPort } = config.subgraphServer;
    const listening = (): string => originOf(config.server.host, port, tls === undefined ? 'http' : 'https');
    if (
      name === 'object' &&
      tls?.now().ca !== undefined &&
      config.server.publicBaseUrl === undefined &&
      signsHere(config)
    )
      throw new ConfigError([
        'PUBLIC_BASE_URL must be set to where clients reach the gateway: links of files would lead here, where SERVE_TLS_CLIENT_CA lets no client in.',
      ]);
    const publicBaseUrl = (): string => config.server.publicBaseUrl ?? listening();
    // No embedded one: it is the gateway's.
    const postgres =
      typeof config.stores.postgres === 'object' ? await openPostgres(config, undefined, log) : undefined;
    if (postgres !== undefined) endings.add(() => postgres.close());
    paceWork(config.bounds.shared);
    const work = new WorkPool(config.bounds.shared);
    endings.add(() => work.close());
    const peppers = await apiKeyPeppers(config);
    const objectSigningKey = config.keys.objectSigning ?? (await generatedSecret(config.dataDir, 'object-signing'));
    // Of requests the gateway has counted; of calls of models whoever makes them.
    const { limits, close: closeLimits } = await openLimits({
      rates: config.rates.limits,
      bounds: config.bounds.limits,
      redisUrl: config.runs.redisUrl === undefined ? undefined : () => config.current.value('REDIS_URL'),
      withoutRedis: config.rates.withoutRedis,
      isProxy: () => false,
      log,
    });
    endings.add(closeLimits);
    const { [name]: _, ...apart } = config.subgraphUrls; // Its own URL is where others find it.
    const mounted = mountInOrder({
      deps: () =>
        Promise.resolve({
          config,
          postgres,
          objectSigningKey,
          apiKeyPeppers: peppers,
          publicBaseUrl,
          log,
          work,
          mayCallModel: ({ principal }) => limits.modelCall(principal),
        }),
      names: [...NEEDS[name], ...(ASKS[name] ?? []).filter((other) => apart[other] !== undefined), name],
      apart,
      remote: config.remoteSubgraphs,
      log,
      tokens,
      endings,
    });
    await mounted.all;
    const subgraph = await mounted.byName.get(name)!;

    const engines = new EngineHost<Engine>((error) => log.error({ err: error }, 'An engine did not end.'));
    await engines.replace(soleEngine(subgraph), () => Promise.resolve());
    // The gateway's fetches are longer than people's operations, and were bounded there.
    const admitted = operations({
      engines,
      documents: documents({
        ...config.bounds.admission,
        depth: APART.depth,
        tokens: APART.tokens,
        aliases: APART.aliases,
        rootFields: APART.rootFields,
      }),
      texts: config.server.persistsQueries ? operationTexts(new KeptQueries(config.bounds.admission)) : undefined,
      timeoutMs: config.bounds.admission.timeoutMs,
      budget: answerBudget(config.bounds.admission),
      costLimit: unlimitedCost,
      mask: (result, request) => maskResult(result, request, log),
      mutated: () => undefined,
    });
    // Whoever has a token may come by any name; without tokens, names are what keeps web pages out.
    const guard = open ? requestGuard(config.server) : anyHost(requestGuard(config.server));
    const stopping = new AbortController();
    const { authenticate } = authenticator;
    // So are its bodies.
    const given = bodyLimits(config.bounds.http);
    const body = {
      ...given,
      bytes: Math.max(given.bytes, APART.bodyBytes),
      depth: APART.jsonDepth,
      values: APART.jsonValues,
    };
    const probes = (asked: RequestGuard): Handler =>
      health(
        {
          state: () => 'ready',
          stores: () => probeAll([subgraph], config.bounds.http.probeTimeoutMs),
          supergraph: () => ({ since: '', subgraphs: [name], failure: undefined, unavailable: [], leftOut: [] }),
        },
        asked,
      );
    const listener = createListener(
      [
        probes(guard),
        guardRequests(guard, config.server),
        subgraphRoutes(subgraph.routes, {
          authenticate,
          stopping: stopping.signal,
          senderStallMs: config.bounds.http.senderStallMs,
        }),
        graphqlOverHttp({ operations: admitted, authenticate, body, log, stopping: stopping.signal }),
      ],
      // The gateway's connections are of one address, or few.
      { ...config.bounds.http, connectionsPerAddress: config.bounds.http.connections },
      log,
      { tls },
    );
    const sockets = graphqlOverWebSocket(listener.server, {
      path: GRAPHQL_PATH,
      operations: admitted,
      guard,
      authenticate,
      log,
      message: body,
      ...config.bounds.subscribe,
      // The gateway may put all its subscribers on one socket.
      operationsPerSocket: APART.operationsPerSocket,
    });
    endings.add(async () => {
      stopping.abort(new DOMException('The server is stopping.', 'AbortError'));
      await Promise.all([listener.close(config.bounds.http.shutdownTimeoutMs), sockets.close()]);
    });
    let probePort: number | undefined;
    if (healthPort !== undefined) {
      // Whoever comes without a certificate learns whether it is ready, and no more.
      const plain = createListener([probes({ ...guard, knowsHost: () => false })], config.bounds.http, log);
      endings.add(() => plain.close(0));
      probePort = await plain.listen(config.server.host, healthPort);
    }
    port = await listener.listen(config.server.host, config.server.port);
    // Not where clients reach the gateway, which PUBLIC_BASE_URL is.
    return { url: listening(), port, healthPort: probePort, close: () => endings.close() };
  } catch (error) {
    await endings.close();
    throw error;
  }
}

/** Whether signed links lead to the server of the files, and not to an S3 server. */
const signsHere = ({ stores: { s3 } }: Config): boolean =>
  s3 === undefined || (s3 !== 'off' && s3.publicEndpoint === 'off');

/** Internal tokens; on a developer's own machine also nothing at all, for a look with curl. */
function subgraphAuthenticator(verifier: Authenticator, open: boolean): Authenticator {
  return {
    authenticate: async (authorization) =>
      open && authorization === undefined ? DEVELOPER : await verifier.authenticate(authorization),
  };
}

const anyHost = (guard: RequestGuard): RequestGuard => ({
  ...guard,
  knowsHost: () => true,
  check: (request) => {
    if (request.headers.origin !== undefined) guard.check(request);
  },
});

/** The subgraph's own schema where a gateway has a supergraph. */
function soleEngine({ name, schema }: MountedSubgraph): Engine {
  const client = inProcessClient(name, schema);
  const request = ({ document, operationName, variables, context }: Parameters<Engine['execute']>[0]) => ({
    document,
    operationType: 'query' as const,
    operationName: operationName ?? undefined,
    variables: variables ?? {},
    context,
  });
  return {
    schema,
    supergraphSdl: '',
    execute: async (operation) => {
      const result = await client.execute(request(operation));
      const spent = operation.context.budget?.failure;
      if (spent !== undefined) throw spent;
      return result;
    },
    subscribe: (operation) => client.subscribe(request(operation)),
    warm: () => Promise.resolve(),
    close: () => client.close(),
  };
}
