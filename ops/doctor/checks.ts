/** Which stores the configuration names, and how each is looked at: by its own health check, and closer where it has a closer look. */
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { mkdir, statfs } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { generatedSecret } from '#gateway/auth/generated-secrets.ts';
import { internalTokens } from '#gateway/auth/internal-token.ts';
import type { Config } from '#gateway/config/config.ts';
import { readPairs } from '#gateway/config/pairs.ts';
import { tlsOf } from '#gateway/config/remote-subgraphs.ts';
import { ANY_TLS } from '#gateway/config/tls.ts';
import type { Endings } from '#gateway/endings.ts';
import { ownServer } from '#gateway/http/own-server.ts';
import { MIGRATIONS } from '#gateway/mount/migrations.ts';
import { isOwnSubgraph, mountGraphModel } from '#gateway/mount/mount.ts';
import { openPostgres } from '#gateway/mount/postgres.ts';
import { mountSources } from '#gateway/mount/sources.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { mountAlone, startEmbedded } from '#ops/reconcile/open-stores.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { Examination, Finding } from '#subgraphs/shared/examination.ts';
import type { Ports } from '#subgraphs/shared/ports.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { StoreHealth, Subgraph, SubgraphName } from '#subgraphs/shared/subgraph.ts';
import { lookAtIssuer, lookAtSupergraph, lookAtTelemetry } from './beside.ts';
import { DOCTOR } from './bounds.ts';
import { failure, type Check, type Looked } from './diagnosis.ts';

/** Asks for nobody. */
const nobody = () =>
  createRequestContext({ tenantId: 'system', subject: 'system:doctor', roles: [], scopes: [], system: true });

/** What several checks share; each is made once, by whichever is first. */
interface Shared {
  readonly config: Config;
  readonly log: Logger;
  readonly endings: Endings;
  /** PostgreSQL where it answers and has all migrations, so that mounting on it changes nothing; else undefined. */
  readonly migrated: () => Promise<Postgres | undefined>;
  readonly mounted: ReturnType<typeof mountAlone>;
}

/**
 * All stores that the configuration names, those that are switched off left out.
 * @param isEmbedded whether PostgreSQL is the embedded one; where a server runs with it, `config` names that
 * @param endings ends what the checks open
 */
export function checksOf(config: Config, isEmbedded: boolean, log: Logger, endings: Endings): Check[] {
  const { stores, runs, subgraphUrls } = config;
  const here = (name: SubgraphName): boolean => subgraphUrls[name] === undefined;
  const postgres = postgresOf(config, isEmbedded, log, endings);
  const shared: Shared = {
    config,
    log,
    endings,
    migrated: postgres.migrated,
    mounted: mountAlone(config, log, endings),
  };
  const inference = once(() => lookAtModels(shared));
  const checks: (Check | false)[] = [
    stores.postgres !== 'off' && { store: 'relational', what: postgres.what, look: postgres.look },
    stores.postgresReplica !== undefined && {
      store: 'replica',
      what: `PostgreSQL at ${where(stores.postgresReplica.url)}`,
      look: async () => lookAtReplica(await postgres.migrated(), config),
    },
    here('graph') &&
      stores.neo4j !== undefined &&
      stores.neo4j !== 'off' && {
        store: 'graph',
        what: `Neo4j at ${where(stores.neo4j.uri)}`,
        look: async () => await closely(await shared.mounted('graph')),
      },
    stores.graphModel !== undefined && {
      store: 'graph model',
      what: stores.graphModel.file,
      look: async () => {
        const model = await mountGraphModel(config);
        if (model === undefined) return {};
        endings.add(() => model.subgraph.close());
        return { health: await model.subgraph.health() };
      },
    },
    here('vector') &&
      stores.qdrant !== 'off' &&
      !(stores.qdrant === undefined && stores.postgres === 'off') && {
        store: 'vector',
        what: stores.qdrant === undefined ? 'in PostgreSQL' : `Qdrant at ${where(stores.qdrant.url)}`,
        look: () => lookAtVectors(shared, inference),
      },
    here('object') &&
      stores.s3 !== 'off' && {
        store: 'object',
        what:
          stores.s3 === undefined
            ? `files in ${join(config.dataDir, 'objects')}`
            : `S3 at ${where(stores.s3.endpoint)}, bucket ${stores.s3.bucket}`,
        look: async () =>
          stores.s3 === undefined && !existsSync(join(config.dataDir, 'objects'))
            ? MADE_LATER
            : await closely(await shared.mounted('object')),
      },
    here('inference') &&
      stores.models !== 'off' && {
        store: 'inference',
        what: modelsOf(config),
        look: async () => (await inference()).looked,
      },
    runs.redisUrl !== undefined && {
      store: 'redis',
      what: `Redis at ${where(runs.redisUrl)}`,
      look: async () => {
        const { besideTheLog } = await import('#subgraphs/runs/index.ts');
        const redis = await besideTheLog.redis(() => config.current.value('REDIS_URL'));
        endings.add(() => redis.close());
        const health = await redis.health();
        return { health: [health], examination: health.state === 'ok' ? await redis.examine() : undefined };
      },
    },
    runs.temporal !== undefined && {
      store: 'temporal',
      what: `Temporal at ${runs.temporal.address}, namespace ${runs.temporal.namespace}`,
      look: async () => {
        const { besideTheLog } = await import('#subgraphs/runs/index.ts');
        const temporal = await besideTheLog.temporal(runs.temporal!);
        endings.add(() => temporal.close());
        return { health: [await temporal.health()] };
      },
    },
    runs.dramatiq !== undefined && {
      store: 'rabbitmq',
      what: `RabbitMQ at ${where(runs.dramatiq.url)}, queue ${runs.dramatiq.queue}`,
      look: async () => {
        const { besideTheLog } = await import('#subgraphs/runs/index.ts');
        const url = () => config.current.value('AMQP_URL');
        const queue = await besideTheLog.rabbitmq({ ...runs.dramatiq!, url });
        endings.add(() => queue.close());
        return { health: [await queue.health()] };
      },
    },
    runs.bullmq !== undefined && {
      store: 'bullmq',
      what: `BullMQ on Redis at ${where(runs.bullmq.url)}, queue ${runs.bullmq.queue}`,
      look: async () => {
        const { besideTheLog } = await import('#subgraphs/runs/index.ts');
        const url = () => config.current.value('BULLMQ_URL');
        const queue = await besideTheLog.bullmq({ ...runs.bullmq!, url });
        endings.add(() => queue.close());
        return { health: [await queue.health()] };
      },
    },
    runs.dispatch !== undefined && {
      store: 'webhooks',
      what: `hosts of DISPATCH_ALLOWED_HOSTS`,
      look: () => lookAtHosts(runs.dispatch!.allowedHosts),
    },
    stores.sources !== undefined && {
      store: 'sources',
      what: stores.sources,
      look: () => lookAtSources(shared, inference),
    },
    { store: 'supergraph', what: config.supergraphFile, look: () => lookAtSupergraph(config) },
    config.oidc !== undefined && {
      store: 'issuer',
      what: config.oidc.issuer,
      look: () => lookAtIssuer(config),
    },
    config.telemetry.otlp !== undefined && {
      store: 'telemetry',
      what: where(config.telemetry.otlp.endpoint),
      look: () => lookAtTelemetry(config, readPairs(config.current.value('OTEL_EXPORTER_OTLP_HEADERS') ?? '') ?? {}),
    },
    { store: 'disk', what: config.dataDir, look: () => lookAtDisk(config.dataDir) },
    ...Object.entries(subgraphUrls).map(
      ([name, url]) =>
        isOwnSubgraph(name) && {
          store: `subgraph ${name}`,
          what: where(url),
          look: () => lookApart(shared, name, url),
        },
    ),
  ];
  return checks.filter((check) => check !== false);
}

/** What is wrong there is told of PostgreSQL itself. */
const WAITS = 'It was not looked at: it stands in PostgreSQL, which does not answer or lacks migrations.';

const MADE_LATER: Looked = { examination: { facts: ['made by the first start'], findings: [] } };

/** Host and path, without user, password and query. */
function where(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

async function closely(subgraph: Subgraph): Promise<Looked> {
  const health = await subgraph.health();
  const isWell = (each: readonly StoreHealth[]): boolean => each.every(({ state }) => state === 'ok');
  if (subgraph.examine === undefined || health.some(({ state }) => state === 'disabled')) return { health };
  if (isWell(health)) return { health, examination: await subgraph.examine() };
  // A probe is short, and the first connection makes what is missing: who looks closer waits longer.
  const examination = await subgraph.examine();
  const again = await subgraph.health();
  return isWell(again) ? { health: again, examination } : { health: again };
}

function postgresOf(config: Config, isEmbedded: boolean, log: Logger, endings: Endings) {
  const { stores, dataDir } = config;
  const runs = stores.postgres !== undefined;
  const cluster = join(dataDir, 'postgres', 'cluster');
  const opened = once(async () => {
    const url = !runs ? startEmbedded(config, log, endings) : undefined;
    const postgres = await openPostgres(config, url, log);
    endings.add(async () => await postgres?.close());
    return postgres;
  });
  const look = once(async (): Promise<Looked> => {
    if (!runs && !existsSync(cluster)) return MADE_LATER;
    const postgres = await opened();
    if (postgres === undefined) return {};
    const health = await postgres.health();
    // Health leaves out what the client library says, which tells a wrong port from a wrong protocol.
    if (health.state !== 'ok') return { examination: await postgres.examine(MIGRATIONS) };
    return { health: [health], examination: await postgres.examine(MIGRATIONS, { superuser: isEmbedded }) };
  });
  return {
    what: isEmbedded
      ? 'embedded PostgreSQL'
      : `PostgreSQL${typeof stores.postgres === 'object' ? ` at ${where(stores.postgres.url)}` : ''}`,
    look,
    migrated: async () => {
      const { examination } = await look().catch((): Looked => ({}));
      return examination?.facts?.includes('migrated') === true ? await opened() : undefined;
    },
  };
}

async function lookAtReplica(postgres: Postgres | undefined, config: Config): Promise<Looked> {
  if (postgres === undefined) return { examination: { findings: [] } };
  const { detail } = await postgres.health();
  const told = detail ?? (postgres.replicaState === 'ready' ? undefined : 'Reads do not go there.');
  if (told === undefined) return { examination: { findings: [] } };
  const remedy = `Check DATABASE_REPLICA_URL (${where(config.stores.postgresReplica!.url)}): it must be a replica that streams from the server in DATABASE_URL.`;
  return { examination: { findings: [{ level: 'warning', what: told, remedy }] } };
}

/** The model server, and the port by which vectors are made. */
async function lookAtModels(shared: Shared): Promise<{ looked: Looked; ports: Partial<Ports> }> {
  const subgraph = await shared.mounted('inference');
  const { provides: ports } = subgraph;
  const health = await subgraph.health();
  const facts: string[] = [];
  const findings: Finding[] = [];
  const { models } = shared.config.stores;
  const served = models !== undefined && models !== 'off' ? models.embeddingModel : undefined;
  if (served !== undefined && health.every(({ state }) => state !== 'down')) {
    try {
      // What a server says of its models is not always what it does: one text, some tokens.
      const { model, dimensions } = await ports.embedder!.embed(nobody(), ['doctor']);
      facts.push(`${model} embeds with ${dimensions} dimensions`);
    } catch (error) {
      findings.push(failure(error));
    }
  }
  return { looked: { health, examination: { facts, findings } }, ports };
}

function modelsOf({ stores: { models, builtInEmbedder } }: Config): string {
  if (models === undefined || models === 'off') return `built-in ${builtInEmbedder}`;
  const { baseUrl, embeddingBaseUrl } = models;
  return [...new Set([baseUrl, embeddingBaseUrl].filter((url) => url !== undefined))].map(where).join(' and ');
}

type Inference = () => Promise<{ readonly ports: Partial<Ports> }>;

async function lookAtVectors({ config, migrated, mounted }: Shared, inference: Inference): Promise<Looked> {
  const { qdrant } = config.stores;
  const postgres = qdrant === undefined ? await migrated() : undefined;
  if (qdrant === undefined && postgres === undefined)
    return {
      examination: {
        findings: [{ level: 'warning', what: WAITS, remedy: 'Mend what is said of relational first, and look again.' }],
      },
    };
  const { ports } = await inference().catch((): { ports: Partial<Ports> } => ({ ports: {} }));
  const embedder = ports.embedder ?? {
    model: undefined,
    embed: () => Promise.reject(new Error('There is no embedder.')),
  };
  return await closely(await mounted('vector', { ...ports, embedder }, postgres));
}

async function lookAtSources({ config, log, endings }: Shared, inference: Inference): Promise<Looked> {
  const { ports } = await inference().catch((): { ports: Partial<Ports> } => ({ ports: {} }));
  const sources = await mountSources(config, log, () => ports);
  if (sources === undefined) return {};
  endings.add(() => sources.close());
  const { unavailable = [], leftOut } = await sources.load();
  const findings = [...unavailable, ...leftOut].map(({ subgraph, reason }): Finding => ({
    level: 'fault',
    what: `${subgraph}: ${reason}`,
  }));
  const health = await sources.health();
  const known = new Set(unavailable.map(({ subgraph }) => subgraph));
  return {
    health: health.filter(({ state, store }) => state !== 'down' || !known.has(store)),
    examination: { findings, facts: [`${health.length} ${health.length === 1 ? 'store' : 'stores'}`] },
  };
}

async function lookAtHosts(allowed: readonly string[]): Promise<Looked> {
  const names = allowed
    .filter((host) => !host.startsWith('*'))
    .map((host) => host.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''))
    .filter((host) => isIP(host) === 0);
  const findings = await Promise.all(
    names.slice(0, DOCTOR.hosts).map(async (host): Promise<Finding[]> => {
      try {
        await lookup(host);
        return [];
      } catch {
        const remedy = 'Correct it in DISPATCH_ALLOWED_HOSTS, or have the resolver of this machine know it.';
        return [{ level: 'warning', what: `${host} has no address.`, remedy }];
      }
    }),
  );
  return { examination: { findings: findings.flat(), facts: ['runs are sent there; nothing was sent'] } };
}

async function lookAtDisk(dataDir: string): Promise<Looked> {
  let folder = dataDir;
  while (!existsSync(folder)) folder = join(folder, '..');
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const findings: Finding[] =
    free < DOCTOR.diskBytes
      ? [
          {
            level: 'warning',
            what: `${inMebibytes(free)} are left.`,
            remedy: 'Free some, or set DATA_DIR to a larger disk.',
          },
        ]
      : [];
  if (folder === dataDir)
    await mkdir(join(dataDir, 'cache'), { recursive: true }).catch((error: NodeJS.ErrnoException) =>
      findings.push({
        level: 'fault',
        what: `DATA_DIR cannot be written to (${error.code}).`,
        remedy: 'Let the user of this process write there, or set DATA_DIR.',
      }),
    );
  const facts = [`${inMebibytes(free)} free`, ...(folder === dataDir ? [] : ['made by the first start'])];
  return { examination: { findings, facts } satisfies Examination };
}

const inMebibytes = (bytes: number): string => `${Math.floor(bytes / 2 ** 20).toLocaleString('en')} MiB`;

async function lookApart({ config, endings }: Shared, name: SubgraphName, url: string): Promise<Looked> {
  const tokens = internalTokens(
    config.keys.internalToken ?? (await generatedSecret(config.dataDir, 'internal-token')),
    config.keys.acceptedInternalToken,
  );
  const tls = tlsOf(config.remoteSubgraphs, name) ?? ANY_TLS;
  const server = ownServer(name, url, tokens, { tls, probeTimeoutMs: DOCTOR.storeMs });
  endings.add(() => server.close());
  return { health: await server.health() };
}
