/** The subgraphs that keep documents, without a server before them, for work on all stores from the command line. */
import { join } from 'node:path';
import { generatedSecret } from '#gateway/auth/generated-secrets.ts';
import { internalTokens } from '#gateway/auth/internal-token.ts';
import { clientOf } from '#gateway/mount/clients.ts';
import type { Config } from '#gateway/config/config.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { MOUNT_ORDER, mountSubgraph, type MountDeps } from '#gateway/mount/mount.ts';
import { postgresOptions } from '#gateway/mount/postgres-options.ts';
import { remotePorts } from '#gateway/mount/remote-ports.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { lockDataFolder } from '#ops/embedded/data-folder.ts';
import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Ports } from '#subgraphs/shared/ports.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';

export interface OpenStores extends AsyncDisposable {
  readonly clients: ReadonlyMap<string, SubgraphClient>;
}

/**
 * Mounts them in this process, or connects to those that `SUBGRAPH_<NAME>_URL` names. An embedded PostgreSQL is
 * started, for which no server may run on the same data folder.
 * @throws EmbeddedStoreError when one does; CodedError when the relational store cannot be reached
 */
export async function openStores(config: Config, log: Logger): Promise<OpenStores> {
  const endings: (() => Promise<void>)[] = [];
  const dispose = async (): Promise<void> => {
    for (const end of endings.splice(0).reverse())
      await end().catch((error: unknown) => log.error({ err: error }, 'Something did not end as it should.'));
  };
  try {
    const postgres = await openPostgres(config, log, endings);
    const tokens = internalTokens(
      config.keys.internalToken ?? (await generatedSecret(config.dataDir, 'internal-token')),
    );
    const objectSigningKey = config.keys.objectSigning ?? (await generatedSecret(config.dataDir, 'object-signing'));
    const deps: MountDeps = { config, postgres, objectSigningKey, publicBaseUrl: () => 'http://127.0.0.1', log };
    const mounted = new Map<string, Promise<Subgraph>>();
    const clients = new Map<string, SubgraphClient>();
    const ports: Partial<Ports> = {};
    for (const name of MOUNT_ORDER) {
      if (name === 'runs') continue;
      const url = config.subgraphUrls[name];
      if (url === undefined) {
        const subgraph = await mountSubgraph(name, deps, ports);
        endings.push(() => subgraph.close());
        mounted.set(name, Promise.resolve(subgraph));
        Object.assign(ports, subgraph.provides);
      }
      const routingUrl = url ?? `local://${name}`;
      const client = clientOf(
        { name, routingUrl, schema: { url: routingUrl } },
        { mounted, apart: config.subgraphUrls, tokens, remote: config.remoteSubgraphs },
      );
      endings.push(() => client.close());
      clients.set(name, client);
      if (url !== undefined) Object.assign(ports, await remotePorts(name, client));
    }
    return { clients, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function openPostgres(
  config: Config,
  log: Logger,
  endings: (() => Promise<void>)[],
): Promise<Postgres | undefined> {
  const { stores, dataDir } = config;
  if (stores.postgres === 'off') return undefined;
  let url: string | (() => string) = config.current.postgresUrl;
  if (stores.postgres === undefined) {
    const lock = await lockDataFolder(dataDir);
    endings.push(() => lock.release());
    const embedded = await startEmbeddedPostgres({
      dataDir: join(dataDir, 'postgres'),
      log: (line) => log.debug({ store: 'postgres' }, line),
    });
    endings.push(() => embedded.close());
    url = embedded.url;
  }
  const postgres = new Postgres(postgresOptions(config, url, log));
  endings.push(() => postgres.close());
  return postgres;
}
