/** Embedding and chat where none is configured: every call says what to set. */
import type { ChatDriver, EmbeddingDriver } from '../driver.ts';
import { chatNotConfigured, embeddingNotConfigured } from '../calls/not-configured.ts';

/** An embedding driver that raises `STORE_DISABLED`. */
export function createDisabledEmbedding(): EmbeddingDriver {
  return {
    provider: 'none',
    model: undefined,
    dimensions: undefined,
    metered: false,
    embed: () => Promise.reject(embeddingNotConfigured()),
  };
}

/** A chat driver that raises `STORE_DISABLED`. */
export function createDisabledChat(): ChatDriver {
  const refuse = (): Promise<never> => Promise.reject(chatNotConfigured());
  return {
    provider: 'none',
    model: undefined,
    generate: refuse,
    stream: () => ({ [Symbol.asyncIterator]: () => ({ next: refuse }) }),
  };
}
