/** Where a tenant's data are, by the configuration. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '#gateway/config/config.ts';
import type { Endings } from '#gateway/endings.ts';
import { MIGRATIONS } from '#gateway/mount/migrations.ts';
import { openPostgres } from '#gateway/mount/postgres.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { mountAlone, startEmbedded } from '#ops/reconcile/open-stores.ts';
import { redisErasure } from '#subgraphs/shared/redis/erase.ts';
import type { Erased } from './erase.ts';

/**
 * Opens them.
 * @param tenant a tenant, or a project of one
 * @param endings closes them
 * @throws CodedError where one does not answer; EmbeddedStoreError where the embedded one cannot be started
 */
export async function openErased(config: Config, tenant: string, log: Logger, endings: Endings): Promise<Erased> {
  const { neo4j, qdrant, s3 } = config.stores;
  const mount = mountAlone(config, log, endings);
  const apart = {
    ...(typeof neo4j === 'object' ? { graph: {} } : {}),
    ...(typeof qdrant === 'object' ? { vector: { embedder: NO_EMBEDDER } } : {}),
    ...(s3 === 'off' ? {} : { object: {} }),
  };
  const mounted = await Promise.all(
    Object.entries(apart).map(([name, ports]) => mount(name as keyof typeof apart, ports)),
  );
  const others = mounted.flatMap(({ erasure }) => erasure ?? []);
  if (config.runs.redisUrl !== undefined) others.push(redisErasure(() => config.current.value('REDIS_URL')));
  return { tenant, others, postgres: await openRows(config, tenant, log, endings) };
}

async function openRows(config: Config, tenant: string, log: Logger, endings: Endings): Promise<Erased['postgres']> {
  const { stores, dataDir } = config;
  if (stores.postgres === 'off') return undefined;
  // What no server has made yet holds nobody's rows.
  if (stores.postgres === undefined && !existsSync(join(dataDir, 'postgres', 'cluster'))) return undefined;
  const embedded = stores.postgres === undefined ? startEmbedded(config, log, endings) : undefined;
  const postgres = await openPostgres(config, embedded, log);
  endings.add(async () => await postgres?.close());
  const rows = await postgres?.erasure(tenant, Object.keys(MIGRATIONS));
  endings.add(async () => await rows?.close());
  return rows;
}

const NO_EMBEDDER = {
  model: undefined,
  embed: () => Promise.reject(new Error('Nothing is embedded while a tenant is erased.')),
};
