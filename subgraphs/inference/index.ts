/** The inference subgraph: embeddings, chat, reranking and summaries, built in or from an OpenAI-compatible server. */
import { DEFAULT_BUILT_IN, isBuiltIn, type BuiltInModel } from '#subgraphs/shared/built-in-models.ts';
import { StatementCounter, type RequestContext } from '#subgraphs/shared/context.ts';
import { messageWithHint } from '#subgraphs/shared/errors.ts';
import type { ModelObserver } from '#subgraphs/shared/model-observer.ts';
import type { ModelPrices } from '#subgraphs/shared/model-prices.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { UsageSink } from '#subgraphs/shared/ports.ts';
import type { Secret } from '#subgraphs/shared/secret.ts';
import type { StoreHealth, Subgraph } from '#subgraphs/shared/subgraph.ts';
import { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import type { InferenceBounds } from './bounds.ts';
import type { ChatDriver, EmbeddingDriver, ModelServer, RerankDriver } from './driver.ts';
import type { OpenAIEmbeddingOptions } from './drivers/openai/embeddings.ts';
import { createDisabledChat, createDisabledEmbedding } from './drivers/disabled.ts';
import { createBuiltInDriver } from './drivers/built-in.ts';
import { memoryLedger } from './drivers/memory-ledger.ts';
import { postgresLedger } from './drivers/postgres/ledger.ts';
import { createEmbedder } from './calls/embedding.ts';
import type { InferenceDeps } from './calls/deps.ts';
import { chatOf, rerankerOf } from './calls/service.ts';
import { buildSchema } from './schema/index.ts';
import { createUsageRecorder } from './calls/usage.ts';
import { Budgets, type BudgetsOptions } from './spending/budgets.ts';
import { Spending } from './spending/spending.ts';

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
  /** How that model is asked. */
  embedding?: Pick<OpenAIEmbeddingOptions, 'queryPrefix' | 'passagePrefix' | 'dimensions'>;
  /** How many tokens chunks are cut for: told of where the model takes fewer. @default nobody cuts */
  chunkTokens?: number | undefined;
  /** Without it, `generate` and `generateStream` are switched off. */
  chatModel?: string;
  /** For servers whose `/rerank` needs a model's name. Reranking goes by embeddings where none is served. */
  rerankModel?: string;
  /** Who embeds: one that is built in, the server, or nobody. */
  embeddings: BuiltInModel | 'openai' | 'off';
  /** The most money that a tenant and a caller may spend in a day, in the currency of the prices. @default no budget */
  tenantMoney?: number | undefined;
  principalMoney?: number | undefined;
  /** What models cost. @default nothing */
  prices?: ModelPrices;
}

export interface InferencePorts {
  /** Where spent tokens are recorded; without it they are not. */
  usageSink: UsageSink | undefined;
  /** Where it is kept what was spent of budgets; without it in memory. It is not closed with the subgraph. */
  postgres?: Postgres | undefined;
  /** Whether there may be one more call of a model that costs tokens. @throws CodedError `RATE_LIMITED` @default there may */
  mayCall?: ((context: RequestContext) => Promise<void>) | undefined;
  /** Told of each call of a model that costs tokens. @default nobody is */
  observe?: ModelObserver | undefined;
  /** Threads for summaries. @default threads of its own */
  work?: WorkPool | undefined;
  /** Receives what went wrong beside a call that succeeded. Default: `console.error` */
  log?: (message: string, error?: unknown) => void;
}

/** Builds the subgraph. A model server that is down does not fail this: its fields do, until it is back. */
export async function createInference(config: InferenceConfig, ports: InferencePorts): Promise<Subgraph> {
  const { summaryCharacters } = config;
  const { embedding, chat, reranker, servers } = await openDrivers(config);
  const log =
    ports.log ??
    ((message: string, error?: unknown) => console.error(message, ...(error === undefined ? [] : [error])));
  const spending = new Spending({
    recordUsage: createUsageRecorder(ports.usageSink, log),
    mayCall: ports.mayCall,
    budgets: await openBudgets(config, ports.postgres, log),
    observe: ports.observe,
    prices: config.prices,
  });
  void tellOfShortModel(embedding, config.chunkTokens, log);
  const ownWork = ports.work === undefined ? new WorkPool() : undefined;
  const work = ports.work ?? ownWork!;
  const embedder = createEmbedder(embedding, spending);
  const deps: InferenceDeps = {
    embedder,
    embedding,
    chat,
    reranker,
    servers,
    spending,
    work,
    bounds: { summaryCharacters },
  };
  return {
    name: 'inference',
    schema: buildSchema(deps),
    routes: [],
    provides: { embedder, reranker: rerankerOf(deps), chat: chatOf(deps) },
    health: () => health(embedding, servers),
    async close() {
      await Promise.all([ownWork?.close(), ...servers.map((server) => server.close())]);
    },
  };
}

async function openBudgets(
  { tenantTokens, principalTokens, tenantMoney, principalMoney, prices = new Map() }: InferenceConfig,
  postgres: Postgres | undefined,
  log: BudgetsOptions['log'],
): Promise<Budgets | undefined> {
  await postgres?.migrate('inference', new URL('./migrations/', import.meta.url));
  const limits = { tenantTokens, principalTokens, tenantMoney, principalMoney };
  if (Object.values(limits).every((limit) => limit === undefined)) return undefined;
  const ledger = postgres === undefined ? memoryLedger() : postgresLedger(postgres);
  return new Budgets({ limits, prices, ledger, log });
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
  embedding: asked,
  chatModel,
  rerankModel,
  ...bounds
}: InferenceConfig): Promise<Drivers> {
  const builtIn = isBuiltIn(embeddings) ? createBuiltInDriver(embeddings) : undefined;
  if (!openai)
    return {
      embedding: builtIn ?? createDisabledEmbedding(),
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
  let embedding = builtIn ?? createDisabledEmbedding();
  if (embeddings === 'openai' && embeddingModel) {
    const elsewhere = embeddingBaseUrl !== undefined && embeddingBaseUrl !== baseUrl;
    if (elsewhere)
      servers.push(
        new OpenAIServer({ baseUrl: embeddingBaseUrl, apiKey, ...bounds, urlVariable: 'EMBEDDING_BASE_URL' }),
      );
    embedding = createOpenAIEmbedding(servers.at(-1)!, embeddingModel, { ...bounds, ...asked });
  }
  return {
    embedding,
    chat: chatModel ? createOpenAIChat(main, chatModel) : createDisabledChat(),
    reranker: createOpenAIRerank(main, rerankModel, bounds),
    servers,
  };
}

/** Chunks keep their length until their documents are written again, so a model does not change it by itself. */
async function tellOfShortModel(
  driver: EmbeddingDriver,
  chunkTokens: number | undefined,
  log: NonNullable<InferencePorts['log']>,
): Promise<void> {
  const { maxTokens, truncates } = (chunkTokens === undefined ? undefined : await driver.served?.()) ?? {};
  if (maxTokens === undefined || maxTokens >= chunkTokens!) return;
  log(
    `The server of ${driver.model} takes ${maxTokens} tokens of a text, and chunks are cut for ${chunkTokens}: ${truncates ? 'what is over is not searched by meaning' : 'longer ones are embedded in parts'}. Set EMBEDDING_MAX_TOKENS to ${maxTokens}.`,
  );
}

async function health(embedding: EmbeddingDriver, servers: readonly ModelServer[]): Promise<StoreHealth[]> {
  const own: StoreHealth[] =
    embedding.provider === 'built-in' ? [{ store: 'built-in', state: 'ok', latencyMs: 0 }] : [];
  if (own.length + servers.length === 0)
    own.push({ store: 'models', state: 'disabled', detail: 'Set EMBEDDING_MODEL, CHAT_MODEL or OPENAI_BASE_URL.' });
  return own.concat(await Promise.all(servers.map(probe)));
}

async function probe(server: ModelServer): Promise<StoreHealth> {
  try {
    return { store: 'openai', state: 'ok', latencyMs: await server.probe() };
  } catch (error) {
    return { store: 'openai', state: 'down', detail: messageWithHint(error) };
  }
}

/**
 * The model that is built in, without a subgraph around it: gives texts their vectors, of length 1.
 * @throws CodedError `STORE_UNAVAILABLE` while embedding, where what the model is made of cannot be read
 */
export function embedsBuiltIn(): (texts: readonly string[]) => Promise<readonly Float32Array[]> {
  const driver = createBuiltInDriver(DEFAULT_BUILT_IN);
  return async (texts) => (await driver.embed({ statements: new StatementCounter() }, texts)).vectors;
}
