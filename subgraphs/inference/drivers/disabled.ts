/** Embedding and chat where none is configured: every call says what to set. */
import { storeDisabled, type CodedError } from '#subgraphs/shared/errors.ts';
import type { ChatDriver, EmbeddingDriver } from '../driver.ts';

/** @param missing the error of every call. Default: embedding is switched off */
export function createDisabledEmbedding(missing: () => CodedError = () => storeDisabled('The embedding model', 'EMBEDDING_MODEL')): EmbeddingDriver {
  return {
    provider: 'none',
    model: undefined,
    dimensions: undefined,
    metered: false,
    embed: () => Promise.reject(missing()),
  };
}

/** A chat driver that raises `STORE_DISABLED`. */
export function createDisabledChat(): ChatDriver {
  const refuse = (): Promise<never> =>
    Promise.reject(storeDisabled('The chat model', 'CHAT_MODEL (and OPENAI_BASE_URL, the server that serves it)'));
  return {
    provider: 'none',
    model: undefined,
    generate: refuse,
    stream: () => ({ [Symbol.asyncIterator]: () => ({ next: refuse }) }),
  };
}
