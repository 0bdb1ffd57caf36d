/** The inference subgraph: embeddings, chat, reranking and summaries, built in or from an OpenAI-compatible server. */
import type { UsageSink } from '#subgraphs/shared/ports.ts';
import type { StoreHealth, Subgraph } from '#subgraphs/shared/subgraph.ts';
import type { ChatDriver, EmbeddingDriver, ModelServer, RerankDriver } from './driver.ts';
import { createDisabledChat, createDisabledEmbedding } from './drivers/disabled.ts';
import { createHashingDriver } from './drivers/hashing.ts';
import { createEmbedder } from './embedding.ts';
import { buildSchema } from './schema.ts';
import { createUsageRecorder } from './usage.ts';

export interface InferenceConfig {
  /** The OpenAI-compatible server; absent when there is none. */
  openai?: {
    /** Such as `http://127.0.0.1:11434/v1`. */
    baseUrl: string;
    apiKey?: string;
    /** Where embeddings are served, when elsewhere. Default: `baseUrl` */
    embeddingBaseUrl?: string;
  };
  /** Required for `embeddings: 'openai'`. */
  embeddingModel?: string;
  /** Without it, `generate` and `generateStream` are switched off. */
  chatModel?: string;
  embeddings: 'hashing' | 'openai' | 'off';
  /** The longest wait for a model, in milliseconds: for a whole answer, and between two pieces of a stream. Default: 60,000 */
  timeoutMs?: number;
}

export interface InferencePorts {
  /** Where spent tokens are recorded; without it they are not. */
  usageSink: UsageSink | undefined;
  /** Receives what went wrong beside a call that succeeded. Default: `console.error` */
  log?: (message: string, error: unknown) => void;
}

/** Builds the subgraph. A model server that is down does not fail this: its fields do, until it is back. */
export async function createInference(config: InferenceConfig, ports: InferencePorts): Promise<Subgraph> {
  const { embedding, chat, reranker, servers } = await openDrivers(config);
  const recordUsage = createUsageRecorder(ports.usageSink, ports.log ?? ((message, error) => console.error(message, error)));
  const embedder = createEmbedder(embedding, recordUsage);
  return {
    name: 'inference',
    schema: buildSchema({ embedder, embedding, chat, reranker, servers, recordUsage }),
    routes: [],
    provides: { embedder },
    health: () => health(embedding, servers),
    async close() {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

interface Drivers {
  embedding: EmbeddingDriver;
  chat: ChatDriver;
  reranker: RerankDriver | undefined;
  servers: readonly ModelServer[];
}

async function openDrivers(config: InferenceConfig): Promise<Drivers> {
  return {
    embedding: config.embeddings === 'hashing' ? createHashingDriver() : createDisabledEmbedding(),
    chat: createDisabledChat(),
    reranker: undefined,
    servers: [],
  };
}

async function health(embedding: EmbeddingDriver, servers: readonly ModelServer[]): Promise<StoreHealth[]> {
  const own: StoreHealth[] = embedding.provider === 'built-in' ? [{ store: 'hashing', state: 'ok', latencyMs: 0 }] : [];
  return own.concat(await Promise.all(servers.map(probe)));
}

async function probe(server: ModelServer): Promise<StoreHealth> {
  try {
    return { store: 'openai', state: 'ok', latencyMs: await server.probe() };
  } catch (error) {
    return { store: 'openai', state: 'down', detail: (error as Error).message };
  }
}
