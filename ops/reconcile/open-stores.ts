/** Subgraphs without a server before them, for work on stores from the command line. */
import { join } from 'node:path';
import { apiKeyPeppers, generatedSecret } from '#gateway/auth/generated-secrets.ts';
import { internalTokens } from '#gateway/auth/internal-token.ts';
import { clientOf } from '#gateway/mount/clients.ts';
import { loadConfig, type Config } from '#gateway/config/config.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { MOUNT_ORDER, mountSubgraph, type MountDeps } from '#gateway/mount/mount.ts';
import { mountInOrder } from '#gateway/mount/mount-in-order.ts';
import { openPostgres } from '#gateway/mount/postgres.ts';
import { Endings } from '#gateway/endings.ts';
import type { Ports } from '#subgraphs/shared/ports.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Subgraph, SubgraphName } from '#subgraphs/shared/subgraph.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { lockDataFolder } from '#ops/embedded/data-folder.ts';
import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { runningEmbeddedPostgres } from '#ops/embedded/running-postgres.ts';

/**
 * The configuration; where its store is the embedded one of a server that runs, with that.
 * @param env as for the server
 * @throws ConfigError with every fault
 */
export async function configBesideServer(env: Readonly<Record<string, string | undefined>>): Promise<Config> {
  const config = loadConfig(env);
  if (config.stores.postgres !== undefined) return config;
  const DATABASE_URL = await runningEmbeddedPostgres(join(config.dataDir, 'postgres'));
  return DATABASE_URL === undefined ? config : loadConfig({ ...env, DATABASE_URL });
}

export interface OpenStores extends AsyncDisposable {
  readonly clients: ReadonlyMap<string, SubgraphClient>;
}

/** The subgraphs that keep documents, and those that these need. */
const OF_DOCUMENTS: readonly SubgraphName[] = MOUNT_ORDER.filter((name) => name !== 'runs');

/**
 * Mounts them in this process, or connects to those that `SUBGRAPH_<NAME>_URL` names. An embedded PostgreSQL is
 * started, unless the configuration is that of `configBesideServer` and a server runs.
 * @param names which
 * @throws EmbeddedStoreError when one does; CodedError when the relational store cannot be reached
 */
export async function openStores(
  config: Config,
  log: Logger,
  names: readonly SubgraphName[] = OF_DOCUMENTS,
): Promise<OpenStores> {
  const endings = new Endings((error) => log.error({ err: error }, 'Something did not end as it should.'));
  try {
    const here = names.some((name) => config.subgraphUrls[name] === undefined);
    const embedded = here && config.stores.postgres === undefined ? startEmbedded(config, log, endings) : undefined;
    const postgres = here ? await openPostgres(config, embedded, log) : undefined;
    if (postgres !== undefined) endings.add(() => postgres.close());
    const tokens = internalTokens(
      config.keys.internalToken ?? (await generatedSecret(config.dataDir, 'internal-token')),
      config.keys.acceptedInternalToken,
    );
    const peppers = await apiKeyPeppers(config);
    const objectSigningKey = config.keys.objectSigning ?? (await generatedSecret(config.dataDir, 'object-signing'));
    const deps: MountDeps = {
      config,
      postgres,
      objectSigningKey,
      apiKeyPeppers: peppers,
      publicBaseUrl: () => 'http://127.0.0.1',
      log,
    };
    const mounted = mountInOrder({
      deps: () => Promise.resolve(deps),
      names,
      apart: config.subgraphUrls,
      remote: config.remoteSubgraphs,
      log,
      tokens,
      endings,
    });
    await mounted.all;
    const clients = new Map<string, SubgraphClient>();
    for (const name of names) {
      const routingUrl = config.subgraphUrls[name] ?? `local://${name}`;
      const client = clientOf({ name, routingUrl, schema: { url: routingUrl } }, mounted.clients);
      endings.add(() => client.close());
      clients.set(name, client);
    }
    return { clients, [Symbol.asyncDispose]: () => endings.close() };
  } catch (error) {
    await endings.close();
    throw error;
  }
}

/**
 * Starts the embedded PostgreSQL of a data folder that no server has; it ends with `endings`.
 * @returns where it listens
 * @throws EmbeddedStoreError
 */
export async function startEmbedded({ dataDir }: Config, log: Logger, endings: Endings): Promise<string> {
  const lock = await lockDataFolder(
    dataDir,
    'If that is a server, it is starting or stopping: run this again once it has. Or stop that process.',
  );
  endings.add(() => lock.release());
  const embedded = await startEmbeddedPostgres({
    dataDir: join(dataDir, 'postgres'),
    log: (line) => log.debug({ store: 'postgres' }, line),
  });
  endings.add(() => embedded.close());
  return embedded.url;
}

/**
 * Mounts single subgraphs on their own stores, for whoever works on stores and answers nobody: without PostgreSQL unless it is given,
 * so that nothing is migrated.
 * @param endings ends what is mounted
 */
export function mountAlone(
  config: Config,
  log: Logger,
  endings: Endings,
): (name: SubgraphName, ports?: Partial<Ports>, postgres?: Postgres) => Promise<Subgraph> {
  return async (name, ports = {}, postgres) => {
    const deps: MountDeps = {
      // Nothing begins to embed by itself.
      config: { ...config, stores: { ...config.stores, reindex: 'OFF' } },
      postgres,
      // Nothing is signed, and no key is made: secrets that are not there yet are for the server to make.
      objectSigningKey: 'nothing is signed by whoever answers nobody',
      apiKeyPeppers: ['no key is made by whoever answers nobody'],
      publicBaseUrl: () => 'http://127.0.0.1',
      log,
    };
    const subgraph = await mountSubgraph(name, deps, ports);
    endings.add(() => subgraph.close());
    return subgraph;
  };
}
