/** Whether a server refused a request for its length, and what it accepts. */

/** What was too much, and the most that is accepted where the server says so. */
export interface Excess {
  /** `INPUT`: one text is longer than the model takes. `BATCH`: the texts together are too many for one request. */
  readonly of: 'INPUT' | 'BATCH';
  readonly limit: number | undefined;
  readonly unit: 'TOKENS' | 'CHARACTERS' | 'TEXTS';
}

/** Statuses that are about the caller or the moment, not about what was sent: a rate has tokens in it, too. */
const OF_SOMETHING_ELSE = new Set([401, 402, 403, 404, 429]);

/** One request holds too much: it can be sent in parts. Sentences of TEI, Mistral, OpenAI, DashScope. */
const BATCH: readonly (readonly [RegExp, Excess['unit']])[] = [
  [/too many tokens in batch\. max is (?<limit>\d+)/i, 'TOKENS'],
  [/max (?<limit>\d+) tokens per request/i, 'TOKENS'],
  [/tokens per (?:submitted )?batch is (?<limit>\d+)/i, 'TOKENS'],
  [/too many tokens overall|split into more batches/i, 'TOKENS'],
  [/maximum allowed batch size (?<limit>\d+)/i, 'TEXTS'],
  [/batch size is invalid.*?(?:larger|greater|more) than (?<limit>\d+)/i, 'TEXTS'],
  [/(?:at most|maximum of|no more than) (?<limit>\d+) (?:inputs|items|texts|elements)/i, 'TEXTS'],
];

/**
 * One text is too long. The first that matches decides: those that name the limit stand before those that do not. Sentences of OpenAI, vLLM,
 * TEI, Mistral, Ollama, llama.cpp, LM Studio, SGLang, LMDeploy, NIM, Infinity, DashScope, and of Anthropic, Gemini, Cohere and Bedrock by way of
 * LiteLLM.
 */
const INPUT: readonly (readonly [RegExp, Excess['unit']])[] = [
  [/(?:less than|fewer than|at most) (?<limit>\d+) characters/i, 'CHARACTERS'],
  [/(?:less|fewer) than (?<limit>\d+) tokens/i, 'TOKENS'],
  [/maximum input length of (?<limit>\d+)/i, 'TOKENS'],
  [/maximum (?:context|input|model|sequence) length (?:is |of |for this model is )(?:only )?(?<limit>\d+)/i, 'TOKENS'],
  [/context length (?:is|of) (?:only )?(?<limit>\d+)/i, 'TOKENS'],
  [/context length(?:: | \()(?<limit>\d+)/i, 'TOKENS'],
  [/maximum allowed (?:length \(|token size )(?<limit>\d+)/i, 'TOKENS'],
  [/input length should be \[\d+, ?(?<limit>\d+)\]/i, 'TOKENS'],
  [/exceeds session_len=(?<limit>\d+)/i, 'TOKENS'],
  [/with (?<limit>\d+) maximum context length/i, 'TOKENS'],
  [/available context size \((?<limit>\d+)/i, 'TOKENS'],
  [/too large to process.*?current batch size: (?<limit>\d+)/i, 'TOKENS'],
  [/exceed\w* max(?:imum)?(?: length of| of)? (?<limit>\d+) tokens/i, 'TOKENS'],
  [/configured limit of (?<limit>\d+) tokens/i, 'TOKENS'],
  [/tokens > (?<limit>\d+) maximum/i, 'TOKENS'],
  [/maximum number of (?:input )?tokens allowed \((?<limit>\d+)\)/i, 'TOKENS'],
  [/cannot exceed (?<limit>\d+)/i, 'TOKENS'],
  [
    /exceeds? the (?:maximum )?(?:allowed )?(?:context (?:length|size|window)|maximum length)(?: of (?<limit>\d+))?/i,
    'TOKENS',
  ],
  [
    /exceeds? (?:the )?(?:available |maximum |max )?context (?:length|size|window)|larger than the max context size/i,
    'TOKENS',
  ],
  [/context (?:length|size|window) (?:has been exceeded|is full|exceeded)/i, 'TOKENS'],
  [/input is too (?:long|large)|too large to process|prompt is too long|exceed n_ctx/i, 'TOKENS'],
];

const INPUT_KIND = /context_length_exceeded|exceed_context_size|ContextWindowExceeded|string_above_max_length/i;
/** The answer's length is a parameter, which the caller names: a shorter input would not help. */
const OF_THE_ANSWER =
  /\bmax_(?:completion_|new_)?tokens\b.*?(?:too large|must be|cannot exceed|at most|is not|integer|greater)/i;

/**
 * @param message the server's sentence
 * @param kind its names for the error
 * @param fields the error's own fields; llama.cpp's have the limit in `n_ctx`
 */
export function excessOf(
  message: string,
  kind: string,
  status: number,
  fields: Readonly<Record<string, unknown>>,
): Excess | undefined {
  if (OF_SOMETHING_ELSE.has(status) || OF_THE_ANSWER.test(message)) return undefined;
  const batch = match(BATCH, message);
  if (batch) return { of: 'BATCH', ...batch };
  const input = match(INPUT, message);
  if (!input && !INPUT_KIND.test(kind) && !INPUT_KIND.test(message)) return undefined;
  const window = Number(fields.n_ctx);
  return {
    of: 'INPUT',
    unit: input?.unit ?? 'TOKENS',
    limit: input?.limit ?? (Number.isSafeInteger(window) && window > 0 ? window : undefined),
  };
}

function match(
  patterns: readonly (readonly [RegExp, Excess['unit']])[],
  message: string,
): { limit: number | undefined; unit: Excess['unit'] } | undefined {
  for (const [pattern, unit] of patterns) {
    const found = pattern.exec(message);
    if (!found) continue;
    const limit = Number(found.groups?.limit);
    return { unit, limit: Number.isSafeInteger(limit) && limit > 0 ? limit : undefined };
  }
  return undefined;
}
