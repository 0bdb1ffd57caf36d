/**
 * Reranking of servers that serve it beside OpenAI's protocol, which has none: Jina's and Cohere's form (vLLM, LiteLLM,
 * Infinity, llama.cpp) at `<base>/rerank`, or TEI's at the root. Which one, if any, is found out by asking.
 */
import { INFERENCE, type InferenceBounds } from '../../bounds.ts';
import type { InferenceCall, RerankDriver, RerankScore, TokenCount } from '../../driver.ts';
import { refusalIn } from './errors.ts';
import type { OpenAIServer } from './index.ts';
import { inputTokens } from './token-count.ts';

/** The status of a server that knows the path, and does not rerank. */
const NOT_IMPLEMENTED = 501;
/** Statuses of a server that does not know the path. */
const NOT_SERVED = new Set([404, 405]);
/** Statuses of a server that does not know the form; or does not accept this one request. */
const REFUSED = new Set([400, 422]);

interface Form {
  readonly path: string;
  body(query: string, documents: readonly string[]): Record<string, unknown>;
}

/** @param model the reranking model's name; servers that have just one do without */
export function createOpenAIRerank(
  server: OpenAIServer,
  model: string | undefined,
  bounds: Pick<InferenceBounds, 'rerankRetries'> = {},
): RerankDriver {
  return new OpenAIRerank(server, model, bounds);
}

class OpenAIRerank implements RerankDriver {
  readonly provider: string;
  readonly #server: OpenAIServer;
  readonly #model: string | undefined;
  readonly #retries: number;
  readonly #forms: readonly Form[];
  #served: Form | undefined;
  #notServedUntil = 0;

  constructor(
    server: OpenAIServer,
    model: string | undefined,
    { rerankRetries = INFERENCE.rerankRetries }: Pick<InferenceBounds, 'rerankRetries'>,
  ) {
    this.#retries = rerankRetries;
    this.#server = server;
    this.#model = model;
    this.provider = server.provider;
    const root = server.baseUrl.replace(/\/v\d+$/, '');
    const jina = (query: string, documents: readonly string[]) => ({ ...(model ? { model } : {}), query, documents });
    const tei = (query: string, documents: readonly string[]) => ({ query, texts: documents, truncate: true });
    this.#forms = [
      { path: `${server.baseUrl}/rerank`, body: jina },
      { path: `${root}/rerank`, body: tei },
      ...(root === server.baseUrl ? [] : [{ path: `${root}/rerank`, body: jina }]),
    ];
  }

  async rerank(call: InferenceCall, query: string, documents: readonly string[]) {
    if (this.#served) return this.#send(call, this.#served, query, documents);
    if (Date.now() < this.#notServedUntil) return null;
    let refused = false;
    for (const form of this.#forms) {
      try {
        const answer = await this.#send(call, form, query, documents);
        if (!answer) continue;
        this.#served = form;
        return answer;
      } catch (error) {
        const refusal = refusalIn(error);
        // The path is known; the model that the operator has named is not.
        if (refusal?.status === 404 && this.#model !== undefined && refusal.message.includes(this.#model)) throw error;
        if (refusal?.status === NOT_IMPLEMENTED) break;
        if (refusal && REFUSED.has(refusal.status) && !/not support|unsupported/i.test(refusal.message)) refused = true;
        else if (!refusal || !(NOT_SERVED.has(refusal.status) || REFUSED.has(refusal.status))) throw error;
      }
    }
    // What was refused may have been this query or these documents alone: the next may be served.
    if (!refused) this.#notServedUntil = Date.now() + INFERENCE.rerankAskAgainMs;
    return null;
  }

  async #send(call: InferenceCall, form: Form, query: string, documents: readonly string[]) {
    const answer = await this.#server.ask(
      call,
      { model: this.#model, modelVariable: 'RERANK_MODEL', retries: this.#retries },
      ({ post }) => post<unknown>(form.path, form.body(query, documents)),
    );
    const results = scoresOf(answer, documents.length);
    return results && { model: modelOf(answer) ?? this.#model ?? null, results, usage: usageOf(answer) };
  }
}

/** The scores, highest first; null where the answer is not one to this question. */
function scoresOf(answer: unknown, count: number): RerankScore[] | null {
  const list: unknown = Array.isArray(answer)
    ? answer
    : ((answer as Record<string, unknown> | null)?.results ?? (answer as Record<string, unknown> | null)?.data);
  if (!Array.isArray(list) || list.length === 0) return null;
  const scores: RerankScore[] = [];
  for (const item of list as Record<string, unknown>[]) {
    const index = item?.index;
    const score = item?.relevance_score ?? item?.score;
    if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= count || typeof score !== 'number')
      return null;
    scores.push({ index: index as number, score });
  }
  return scores.sort((a, b) => b.score - a.score || a.index - b.index);
}

function modelOf(answer: unknown): string | undefined {
  const model = (answer as { model?: unknown } | null)?.model;
  return typeof model === 'string' ? model : undefined;
}

function usageOf(answer: unknown): TokenCount | undefined {
  const tokens = inputTokens((answer as { usage?: unknown } | null)?.usage);
  return tokens === undefined ? undefined : { inputTokens: tokens, outputTokens: 0 };
}
