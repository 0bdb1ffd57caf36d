/** The model that makes vectors. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';

/**
 * The model; asked for where it is not known yet, for whoever provides it may have started later.
 * @throws CodedError `STORE_DISABLED` where embedding is switched off; what the embedder throws while it cannot be asked
 */
export async function modelOf(context: RequestContext, embedder: Embedder): Promise<NonNullable<Embedder['model']>> {
  if (embedder.model === undefined) await embedder.learn?.(context);
  const { model } = embedder;
  // HYBRID does not quietly become KEYWORD: what was asked for could not be told from what was answered.
  if (model === undefined)
    throw new CodedError('STORE_DISABLED', 'Embedding is not configured.', {
      hint: 'Set OPENAI_BASE_URL and EMBEDDING_MODEL, or leave both unset for the built-in embedder, and restart. `mode: KEYWORD` needs no model.',
    });
  return model;
}
