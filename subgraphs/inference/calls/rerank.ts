/** Reranking by a model's server and, where none serves it, by the cosine between query and document. */
import { cosine } from '#subgraphs/shared/cosine.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { RerankDriver, RerankScore } from '../driver.ts';
import { UNKNOWN_MODEL, type Spending } from '../spending/spending.ts';

/** @returns null where the server serves no reranking */
export async function rerankByModel(
  reranker: RerankDriver,
  spending: Spending,
  context: RequestContext,
  query: string,
  documents: readonly string[],
): ReturnType<RerankDriver['rerank']> {
  const input = documents.reduce((sum, text) => sum + text.length, query.length);
  const { provider } = reranker;
  const planned = { operation: 'rerank', provider, model: undefined, inputCharacters: input, outputTokens: 0 } as const;
  const { answer, begun } = await spending.call(context, planned, () => reranker.rerank(context, query, documents));
  if (answer === null) await begun.nothing();
  else
    await begun.took({
      operation: 'RERANK',
      provider: reranker.provider,
      model: answer.model ?? UNKNOWN_MODEL,
      counted: answer.usage,
      input: () => input,
      output: () => 0,
    });
  return answer;
}

/** Scores are cosines, from -1 to 1, highest first; equal ones in the order of the documents. */
export async function rerankByEmbedding(
  embedder: Embedder,
  context: RequestContext,
  query: string,
  documents: readonly string[],
): Promise<{ model: string; results: RerankScore[] }> {
  const [
    {
      vectors: [of],
    },
    { model, vectors: others },
  ] = await Promise.all([embedder.embed(context, [query], 'QUERY'), embedder.embed(context, documents, 'PASSAGE')]);
  const results = others.map((vector, index) => ({ index, score: cosine(of!, vector) }));
  return { model, results: results.sort((a, b) => b.score - a.score || a.index - b.index) };
}
