/** Model servers in every way absent, on the strict stand-in for OpenAI's protocol. */
import { createInference, type InferenceConfig } from '#subgraphs/inference/index.ts';
import { startStandIn } from '#tests/contract/openai-server.ts';
import { absences, ask, SECRET, silence, type Absence } from './absent.ts';

const EMBED = '{ embed(input: ["some text"]) { model } }';
const GENERATE = '{ generate(input: { messages: [{ role: USER, content: "some text" }] }) { text } }';
const inference = (config: Partial<InferenceConfig>, query: string) =>
  ask(createInference({ embeddings: 'off', ...config }, { usageSink: undefined }), query);
const at = (baseUrl: string, query: string, changes: Partial<InferenceConfig> & { apiKey?: string } = {}) =>
  inference(
    {
      openai: { baseUrl, apiKey: changes.apiKey ?? SECRET },
      embeddings: 'openai',
      embeddingModel: 'test-embedding',
      chatModel: 'test-chat',
      timeoutMs: 5_000,
      ...changes,
    },
    query,
  );
const onServer = async (query: string, changes: Partial<InferenceConfig> & { apiKey?: string }) => {
  await using server = await startStandIn();
  return await at(server.baseUrl, query, { apiKey: server.apiKey, ...changes });
};

const rows: Absence[] = [
  { how: 'embeddings off', attempt: () => inference({}, EMBED), code: 'STORE_DISABLED', names: /EMBEDDING_MODEL/ },
  {
    how: 'chat off',
    attempt: () => inference({}, GENERATE),
    code: 'STORE_DISABLED',
    names: /CHAT_MODEL.*OPENAI_BASE_URL/,
  },
  {
    how: 'wrong host',
    attempt: () => at('http://no-such-host.invalid/v1', GENERATE),
    code: 'STORE_UNAVAILABLE',
    names: /OPENAI_BASE_URL/,
  },
  {
    how: 'refused',
    attempt: () => at('http://127.0.0.1:1/v1', EMBED),
    code: 'STORE_UNAVAILABLE',
    names: /OPENAI_BASE_URL/,
  },
  {
    how: 'silent',
    attempt: async () => {
      await using nobody = await silence();
      return await at(`http://127.0.0.1:${nobody.port}/v1`, GENERATE, { timeoutMs: 300 });
    },
    code: 'STORE_TIMEOUT',
    names: /OPENAI_BASE_URL/,
  },
  {
    how: 'wrong key',
    attempt: () => onServer(EMBED, { apiKey: SECRET }),
    code: 'STORE_UNAVAILABLE',
    names: /OPENAI_API_KEY/,
  },
  {
    how: 'embedding model not served',
    attempt: () => onServer(EMBED, { embeddingModel: 'nobodys' }),
    code: 'STORE_UNAVAILABLE',
    names: /EMBEDDING_MODEL/,
  },
  {
    how: 'chat model not served',
    attempt: () => onServer(GENERATE, { chatModel: 'nobodys' }),
    code: 'STORE_UNAVAILABLE',
    names: /CHAT_MODEL/,
  },
  {
    how: 'wrong path',
    attempt: async () => {
      await using server = await startStandIn();
      return await at(server.baseUrl.replace(/\/v1$/, ''), GENERATE, { apiKey: server.apiKey });
    },
    code: 'STORE_UNAVAILABLE',
    names: /OPENAI_BASE_URL.*\/v1/,
  },
];
absences('Model server', rows, ['sk-test']);
