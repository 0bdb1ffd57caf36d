/**
 * Makes the project's own subgraphs from the configuration. Modules are loaded when they are mounted, so that a process
 * carries only the clients of stores that it uses.
 */
import type { GraphModelSubgraph } from '#subgraphs/graph-model/index.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Ports } from '#subgraphs/shared/ports.ts';
import { SUBGRAPH_NAMES, type Subgraph, type SubgraphName } from '#subgraphs/shared/subgraph.ts';
import type { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import type { VariableName } from '#gateway/config/variables.ts';
import type { MadeEntry } from '#gateway/supergraph/manager.ts';
import { LOCAL } from '#gateway/supergraph/supergraph-file.ts';
import type { Config } from '#gateway/config/config.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import type { Telemetry } from '#gateway/telemetry/telemetry.ts';

/** What subgraphs are given. */
export interface MountDeps {
  readonly config: Config;
  /** `undefined` when PostgreSQL is switched off. */
  readonly postgres: Postgres | undefined;
  readonly objectSigningKey: string;
  /** What API keys are made and verified with: the first makes them. */
  readonly apiKeyPeppers: readonly [string, ...string[]];
  /** Where clients reach the server; known once it listens. */
  readonly publicBaseUrl: () => string;
  readonly log: Logger;
  /** Whether there may be one more call of a model that costs tokens. @throws CodedError `RATE_LIMITED` @default there may */
  readonly mayCallModel?: ((context: RequestContext) => Promise<void>) | undefined;
  /** Told of calls of models, and of how late events are. @default nobody is */
  readonly telemetry?: Pick<Telemetry, 'model' | 'lag'> | undefined;
  /** Called when a question waits to be answered. @default whoever answers looks for itself */
  readonly asked?: (() => void) | undefined;
  /** Threads for what would keep the event loop busy. @default each subgraph has its own */
  readonly work?: WorkPool | undefined;
}

/**
 * In an order in which each finds its ports provided: relational records usage and tells what is shared, inference embeds, object archives. What runs, graph
 * and inference provide, relational asks for when it needs it.
 */
export const MOUNT_ORDER: readonly SubgraphName[] = ['relational', 'object', 'inference', 'graph', 'vector', 'runs'];

type Mount = (deps: MountDeps, ports: Partial<Ports>) => Promise<Subgraph>;

const MOUNTS: Readonly<Record<SubgraphName, Mount>> = {
  relational: async ({ config, postgres, work, apiKeyPeppers, log }, ports) => {
    const { createRelational } = await import('#subgraphs/relational/index.ts');
    return createRelational(
      {
        ...config.bounds.relational,
        maxTokens: config.stores.maxTokens,
        messagesIndexed: config.stores.messagesIndexed,
        apiKeyPeppers,
        requestMs: config.bounds.admission.timeoutMs,
      },
      {
        postgres,
        work,
        runs: () => ports.runLookup,
        graph: () => ports.graphLookup,
        chat: () => ports.chat,
        log: logTo(log, 'relational'),
      },
    );
  },
  graph: async ({ config, postgres }, { shares }) => {
    const { createGraph } = await import('#subgraphs/graph/index.ts');
    const { neo4j } = config.stores;
    if (neo4j === 'off') return createGraph({}, {});
    const password = current(config, 'NEO4J_PASSWORD') ?? '';
    return createGraph(
      {
        ...config.bounds.graph,
        ...(neo4j === undefined ? {} : { neo4j: { ...config.bounds.neo4j, ...neo4j, password } }),
      },
      { postgres, shares },
    );
  },
  vector: async ({ config, postgres, work, log }, { embedder, reranker, shares }) => {
    const { createVector } = await import('#subgraphs/vector/index.ts');
    const { qdrant, vectorCollection: collection, pgvector, reindex, messagesIndexed } = config.stores;
    if (qdrant === 'off') return createVector({}, { embedder: needed(embedder, 'embedder') });
    return createVector(
      {
        ...config.bounds.vector,
        collection,
        pgvector,
        reindex,
        messagesIndexed,
        ...(qdrant === undefined ? {} : { qdrant: { ...qdrant, apiKey: current(config, 'QDRANT_API_KEY') } }),
      },
      { postgres, embedder: needed(embedder, 'embedder'), reranker, shares, work, log: logTo(log, 'vector') },
    );
  },
  object: async ({ config, objectSigningKey, publicBaseUrl }, { shares }) => {
    const { createObject } = await import('#subgraphs/object/index.ts');
    const { s3 } = config.stores;
    if (s3 === 'off') return createObject({ driver: { kind: 'off' } });
    const gateway = { signingKey: new TextEncoder().encode(objectSigningKey), publicBaseUrl };
    const driver =
      s3 === undefined
        ? ({ kind: 'files', dataDir: config.dataDir, ...gateway } as const)
        : ({
            kind: 's3',
            ...s3,
            accessKey: current(config, 'S3_ACCESS_KEY')!,
            secretKey: current(config, 'S3_SECRET_KEY')!,
            gateway,
          } as const);
    return createObject({ ...config.bounds.object, driver }, { shares });
  },
  inference: async ({ config, postgres, log, work, mayCallModel: mayCall, telemetry }, { usageSink }) => {
    const { createInference } = await import('#subgraphs/inference/index.ts');
    const { models } = config.stores;
    const ports = { usageSink, postgres, mayCall, observe: telemetry?.model, work, log: logTo(log, 'inference') };
    if (models === 'off') return createInference({ ...config.bounds.inference, embeddings: 'off' }, ports);
    const embedder = config.stores.builtInEmbedder;
    if (models === undefined) return createInference({ ...config.bounds.inference, embeddings: embedder }, ports);
    const { baseUrl, embeddingBaseUrl, embeddingModel, embedding, chatModel, rerankModel } = models;
    return createInference(
      {
        ...config.bounds.inference,
        ...config.modelBudgets,
        openai: {
          baseUrl: (baseUrl ?? embeddingBaseUrl)!,
          apiKey: current(config, 'OPENAI_API_KEY'),
          embeddingBaseUrl,
        },
        embeddingModel,
        embedding,
        chunkTokens: config.stores.maxTokens,
        chatModel,
        rerankModel,
        embeddings: embeddingModel === undefined ? embedder : 'openai',
      },
      ports,
    );
  },
  runs: async ({ config, postgres, log, telemetry, asked }, { archiveSink, agentLookup }) => {
    const { createRuns } = await import('#subgraphs/runs/index.ts');
    const { retention, dispatch, temporal, dramatiq, bullmq } = config.runs;
    return createRuns(
      {
        ...config.bounds.runs,
        redisUrl: current(config, 'REDIS_URL'),
        retention,
        dispatch,
        temporal,
        dramatiq: dramatiq && { ...dramatiq, url: current(config, 'AMQP_URL')! },
        bullmq: bullmq && { ...bullmq, url: current(config, 'BULLMQ_URL')! },
      },
      { postgres, archiveSink, agents: agentLookup, asked, lag: telemetry?.lag, log: logTo(log, 'runs') },
    );
  },
};

/**
 * Mounts one subgraph: migrates its store and builds its schema.
 * @param ports what other subgraphs provide
 */
export const mountSubgraph = (name: SubgraphName, deps: MountDeps, ports: Partial<Ports>): Promise<Subgraph> =>
  MOUNTS[name](deps, ports);

/**
 * Makes the subgraph of the operator's own labels, where they are configured. Nothing of it is loaded otherwise.
 * @returns it, and what composition is given of it, since its schema is made here
 */
export async function mountGraphModel(
  config: Config,
): Promise<{ readonly subgraph: GraphModelSubgraph; readonly entry: MadeEntry } | undefined> {
  const { neo4j, graphModel } = config.stores;
  if (graphModel === undefined || neo4j === undefined || neo4j === 'off') return undefined;
  const { createGraphModel } = await import('#subgraphs/graph-model/index.ts');
  const subgraph = await createGraphModel({
    ...graphModel,
    neo4j: { ...config.bounds.neo4j, ...neo4j, password: current(config, 'NEO4J_PASSWORD') ?? '' },
  });
  const { name, typeDefs } = subgraph;
  return {
    subgraph,
    entry: {
      name,
      routingUrl: `${LOCAL}//${name}`,
      schema: { sdl: typeDefs, origin: graphModel.file, rename: RENAME_LABELS },
    },
  };
}

/** How the file of a graph model gives other names. */
export const RENAME_LABELS: MadeEntry['schema']['rename'] = {
  field: 'Name it otherwise with @plural(value:) on its type.',
  type: (name) => `Rename it; its label stays with @node(labels: ["${name}"]).`,
};

export const isOwnSubgraph = (name: string): name is SubgraphName =>
  (SUBGRAPH_NAMES as readonly string[]).includes(name);

/** A secret that is asked for anew whenever it is used; undefined for one that is not configured. */
const current = ({ current: { value } }: Config, name: VariableName): (() => string | undefined) | undefined =>
  value(name) === undefined ? undefined : () => value(name);

function needed<T>(port: T | undefined, name: string): T {
  if (port === undefined) throw new Error(`The port ${name} is not provided.`);
  return port;
}

const logTo =
  (log: Logger, subgraph: string) =>
  (message: string, error?: unknown): void =>
    log.warn({ subgraph, ...(error === undefined ? {} : { err: error }) }, message);
