/** The inference subgraph: embeddings, chat, reranking and summaries, built in or from an OpenAI-compatible server. */
import { messageWithHint } from '#subgraphs/shared/errors.ts';
import type { UsageSink } from '#subgraphs/shared/ports.ts';
import type { Secret } from '#subgraphs/shared/secret.ts';
import type { StoreHealth, Subgraph } from '#subgraphs/shared/subgraph.ts';
import { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import type { InferenceBounds } from './bounds.ts';
import type { ChatDriver, EmbeddingDriver, ModelServer, RerankDriver } from './driver.ts';
import { createDisabledChat, createDisabledEmbedding } from './drivers/disabled.ts';
import { createHashingDriver } from './drivers/hashing/index.ts';
import { createEmbedder } from './calls/embedding.ts';
import { buildSchema } from './schema/index.ts';
import { createUsageRecorder } from './calls/usage.ts';

/** Bounds are said in `INFERENCE` (./bounds.ts), with their defaults. */
export interface InferenceConfig extends InferenceBounds {
  /** The OpenAI-compatible server; absent when there is none. */
  openai?: {
    /** Such as `http://127.0.0.1:11434/v1`. */
    baseUrl: string;
    /** Asked for with each request. */
    apiKey?: Secret;
    /** Where embeddings are served, when elsewhere. Default: `baseUrl` */
    embeddingBaseUrl?: string;
  };
  /** Required for `embeddings: 'openai'`. */
  embeddingModel?: string;
  /** Without it, `generate` and `generateStream` are switched off. */
  chatModel?: string;
  /** For servers whose `/rerank` needs a model's name. Reranking goes by embeddings where none is served. */
  rerankModel?: string;
  embeddings: 'hashing' | 'openai' | 'off';
}

export interface InferencePorts {
  /** Where spent tokens are recorded; without it they are not. */
  usageSink: UsageSink | undefined;
  /** Threads for summaries. @default threads of its own */
  work?: WorkPool | undefined;
  /** Receives what went wrong beside a call that succeeded. Default: `console.error` */
  log?: (message: string, error: unknown) => void;
}

/** Builds the subgraph. A model server that is down does not fail this: its fields do, until it is back. */
export async function createInference(config: InferenceConfig, ports: InferencePorts): Promise<Subgraph> {
  const { summaryCharacters } = config;
  const { embedding, chat, reranker, servers } = await openDrivers(config);
  const recordUsage = createUsageRecorder(
    ports.usageSink,
    ports.log ?? ((message, error) => console.error(message, error)),
  );
  const ownWork = ports.work === undefined ? new WorkPool() : undefined;
  const work = ports.work ?? ownWork!;
  const embedder = createEmbedder(embedding, recordUsage);
  return {
    name: 'inference',
    schema: buildSchema({
      embedder,
      embedding,
      chat,
      reranker,
      servers,
      recordUsage,
      work,
      bounds: { summaryCharacters },
    }),
    routes: [],
    provides: { embedder },
    health: () => health(embedding, servers),
    async close() {
      await Promise.all([ownWork?.close(), ...servers.map((server) => server.close())]);
    },
  };
}

interface Drivers {
  embedding: EmbeddingDriver;
  chat: ChatDriver;
  reranker: RerankDriver | undefined;
  servers: readonly ModelServer[];
}

async function openDrivers({
  openai,
  embeddings,
  embeddingModel,
  chatModel,
  rerankModel,
  ...bounds
}: InferenceConfig): Promise<Drivers> {
  const hashing = embeddings === 'hashing' ? createHashingDriver() : undefined;
  if (!openai)
    return {
      embedding: hashing ?? createDisabledEmbedding(),
      chat: createDisabledChat(),
      reranker: undefined,
      servers: [],
    };

  const [{ OpenAIServer }, { createOpenAIEmbedding }, { createOpenAIChat }, { createOpenAIRerank }] = await Promise.all(
    [
      import('./drivers/openai/index.ts'),
      import('./drivers/openai/embeddings.ts'),
      import('./drivers/openai/chat.ts'),
      import('./drivers/openai/rerank.ts'),
    ],
  );
  const { baseUrl, apiKey, embeddingBaseUrl } = openai;
  const main = new OpenAIServer({ baseUrl, apiKey, ...bounds, urlVariable: 'OPENAI_BASE_URL' });
  const servers = [main];
  let embedding = hashing ?? createDisabledEmbedding();
  if (embeddings === 'openai' && embeddingModel) {
    const elsewhere = embeddingBaseUrl !== undefined && embeddingBaseUrl !== baseUrl;
    if (elsewhere)
      servers.push(
        new OpenAIServer({ baseUrl: embeddingBaseUrl, apiKey, ...bounds, urlVariable: 'EMBEDDING_BASE_URL' }),
      );
    embedding = createOpenAIEmbedding(servers.at(-1)!, embeddingModel, bounds);
  }
  return {
    embedding,
    chat: chatModel ? createOpenAIChat(main, chatModel) : createDisabledChat(),
    reranker: createOpenAIRerank(main, rerankModel, bounds),
    servers,
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
    return { store: 'openai', state: 'down', detail: messageWithHint(error) };
  }
}
