/** The tokens that a server says a call took. */
import type { TokenCount } from '../../driver.ts';

/** GraphQL's `Int` and the record of usage hold no more. */
const MAX = 2 ** 31 - 1;

const countIn = (usage: Readonly<Record<string, unknown>>, ...names: readonly string[]): number | undefined =>
  names
    .map((name) => usage[name])
    .find((value): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX);

/**
 * Undefined where there is no count that can be meant (none, null, a fraction, more than any call takes): it is then
 * estimated, since an answer that is paid for must not be lost to it.
 */
export function chatTokens(usage: unknown): TokenCount | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  const inputTokens = countIn(usage as Record<string, unknown>, 'prompt_tokens', 'input_tokens');
  const outputTokens = countIn(usage as Record<string, unknown>, 'completion_tokens', 'output_tokens');
  return inputTokens === undefined || outputTokens === undefined ? undefined : { inputTokens, outputTokens };
}

/** The same for calls that answer with no tokens: embeddings and reranking. */
export function inputTokens(usage: unknown): number | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  return countIn(usage as Record<string, unknown>, 'prompt_tokens', 'input_tokens', 'total_tokens');
}
