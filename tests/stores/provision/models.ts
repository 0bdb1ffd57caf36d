import { startLiteLlm } from './litellm.ts';
import { OLLAMA_MODEL, ollamaUnavailable, startOllama } from './ollama.ts';
import type { Store } from './store.ts';
import { LITELLM, OLLAMA } from './versions.ts';

/** Two real servers of models, one before the other, and a real transformer. */
export const models: Store = {
  name: 'models',
  title: `Ollama ${OLLAMA.version.slice(1)} with all-MiniLM-L6-v2, and LiteLLM ${LITELLM.version} before it`,
  slow: true,
  suites: ['tests/stores/models.test.ts'],
  limits: [
    { test: 'generate, with usage', why: 'no package registry has the weights of a chat model' },
    { test: 'stream, with one reason', why: 'likewise' },
  ],
  available: ollamaUnavailable,
  start: async (workplace) => {
    const ollama = await startOllama(workplace);
    const proxy = await startLiteLlm(workplace, ollama);
    return {
      env: {
        TEST_OLLAMA_BASE_URL: `http://127.0.0.1:${ollama.port}/v1`,
        TEST_LITELLM_BASE_URL: `http://127.0.0.1:${proxy.port}/v1`,
        TEST_LITELLM_API_KEY: proxy.key,
        TEST_SERVED_EMBEDDING_MODEL: OLLAMA_MODEL,
      },
      close: async () => {
        await proxy.close();
        await ollama.close();
      },
    };
  },
};
