/** Retrieval measured through the search code itself: chunks indexed in the embedded PostgreSQL, questions by `searchAll`. */
import type { BuiltInModel } from '#subgraphs/shared/built-in-models.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import { createInference } from '#subgraphs/inference/index.ts';
import type { PostgresVectors } from '#subgraphs/vector/drivers/postgres/index.ts';
import { upsertVectors } from '#subgraphs/vector/indexing/indexing.ts';
import { checkSearch, searchAll, type SearchMode } from '#subgraphs/vector/search/search.ts';

export interface RetrievalSet {
  readonly documents: readonly { readonly id: string; readonly title: string; readonly text: string }[];
  /** Each with the ids of the documents of which any one answers it. */
  readonly questions: readonly { readonly text: string; readonly expected: readonly string[] }[];
}

export interface Measured {
  readonly recallAt1: number;
  readonly recallAt10: number;
  /** Mean reciprocal rank; what is not among the first hundred counts 0. */
  readonly mrr: number;
}

export const MODES: readonly SearchMode[] = ['VECTOR', 'KEYWORD', 'HYBRID'];
const DEPTH = 100;
const BATCH = 100;

export async function builtIn(model: BuiltInModel): Promise<Embedder> {
  return (await createInference({ embeddings: model }, { usageSink: undefined })).provides.embedder!;
}

export async function served(baseUrl: string, model: string): Promise<Embedder> {
  // A transformer takes its time for a thousand texts.
  const slow = { timeoutMs: 600_000, embeddingConcurrency: 1 };
  const config = { embeddings: 'openai' as const, embeddingModel: model, openai: { baseUrl }, ...slow };
  return (await createInference(config, { usageSink: undefined })).provides.embedder!;
}

export const asTenant = (tenantId: string) =>
  createRequestContext({ tenantId, subject: 'bench', roles: [], scopes: [], system: true });

/** Stores a set as a tenant's. */
export async function store(driver: PostgresVectors, embedder: Embedder, tenant: string, { documents }: RetrievalSet) {
  for (let from = 0; from < documents.length; from += BATCH) {
    const items = documents.slice(from, from + BATCH).map(({ id, title, text }) => ({
      chunkId: id,
      documentId: id,
      title,
      text,
    }));
    await upsertVectors(asTenant(tenant), driver, embedder, items as never, undefined);
  }
}

/** Asks every question of a stored set in one mode. */
export async function measure(
  driver: PostgresVectors,
  embedder: Embedder,
  tenant: string,
  { questions }: RetrievalSet,
  mode: SearchMode,
): Promise<Measured> {
  let [first, ten, reciprocal] = [0, 0, 0];
  for (let from = 0; from < questions.length; from += 20) {
    const some = questions.slice(from, from + 20);
    const requests = some.map(({ text }) => checkSearch({ query: text, mode, first: DEPTH }));
    const pages = await searchAll(asTenant(tenant), { searching: driver, embedder, reranker: undefined }, requests);
    for (const [index, { expected }] of some.entries()) {
      const rank = pages[index]!.edges.findIndex(({ node }) => expected.includes(node.id)) + 1;
      if (rank === 0) continue;
      first += Number(rank === 1);
      ten += Number(rank <= 10);
      reciprocal += 1 / rank;
    }
  }
  const of = questions.length;
  return { recallAt1: first / of, recallAt10: ten / of, mrr: reciprocal / of };
}
