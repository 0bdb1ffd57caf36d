/**
 * How model servers that speak OpenAI's protocol differ in it, from their documentation and their users' reports: what
 * the stand-in says in each dialect.
 */

import type { ServedModel } from '#subgraphs/inference/driver.ts';

/** Why something is refused. */
export type RefusalKind = 'request' | 'field' | 'key' | 'model' | 'rate' | 'payment' | 'server';

export interface Dialect {
  readonly name: string;
  /** The body of a refusal. */
  refuse(status: number, message: string, kind: RefusalKind): unknown;
  /** How a text of `given` tokens is refused where `limit` are taken. */
  tooLong(limit: number, given: number): { status: number; message: string };
  /** Whether {@link tooLong} names the limit. */
  readonly saysLimit: boolean;
  /** Fields of requests that are refused, and the status that it is done with. */
  readonly unknown: readonly string[];
  readonly unknownStatus: 400 | 422;
  /** The server's count of tokens. */
  usage(prompt: number, completion: number): unknown;
  /** Whether {@link usage} is a count that can be meant. */
  readonly counts: boolean;
  /** The assistant's message, with what it thought before. */
  message(text: string, thought: string): object;
  /** The piece of a streamed message with the next words of the answer, or of the thought. */
  delta(words: string, thought: boolean, edge: { first: boolean; last: boolean }): object;
  /** What a stream ends with before `[DONE]`. */
  readonly finishes: boolean;
  /** The place of a vector in the answer. Servers whose places say nothing answer in order. */
  index(at: number): { index?: number };
  readonly rerank: 'jina' | 'tei' | undefined;
  /** Whether it serves chat. */
  readonly chats: boolean;
  /** What is in its list of models beside their ids; undefined where it has no list. */
  readonly listed: ((id: string) => object) | undefined;
  /** What it lists its one model as, which answers whatever a request calls it. @default it has several, by their names */
  readonly only?: string;
  /** Its answers about the embedding model, by path above `/v1`; those to a POST begin with `POST `. */
  describes(model: string): Readonly<Record<string, unknown>>;
  /** What is known from them and from the list. */
  readonly known: ServedModel;
  /** What it does with `dimensions`: makes as many, sends all, or refuses with this sentence. */
  readonly dimensions: 'made' | 'ignored' | { readonly refused: string };
}

const openaiError = (message: string, type: string, code: unknown) => ({ error: { message, type, param: null, code } });
const plain = (text: string) => ({ role: 'assistant', content: text });

const OPENAI: Dialect = {
  name: 'OpenAI',
  refuse: (status, message) => openaiError(message, status >= 500 ? 'server_error' : 'invalid_request_error', null),
  tooLong: (limit, given) => ({
    status: 400,
    message: `This model's maximum context length is ${limit} tokens, however you requested ${given} tokens (${given} in your prompt; 0 for the completion). Please reduce your prompt; or completion length.`,
  }),
  saysLimit: true,
  unknown: [],
  unknownStatus: 400,
  usage: (prompt, completion) => ({
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  }),
  counts: true,
  message: plain,
  delta: (words, thought) => (thought ? {} : { content: words }),
  finishes: true,
  index: (at) => ({ index: at }),
  rerank: undefined,
  chats: true,
  listed: () => ({ owned_by: 'system' }),
  describes: () => ({}),
  known: {},
  dimensions: 'made',
};

export const VLLM: Dialect = {
  ...OPENAI,
  name: 'vLLM',
  refuse: (status, message) => openaiError(message, status >= 500 ? 'InternalServerError' : 'BadRequestError', status),
  message: (text, thought) => ({ ...plain(text), reasoning: thought, reasoning_content: thought, tool_calls: [] }),
  delta: (words, thought) => (thought ? { reasoning: words } : { content: words }),
  rerank: 'jina',
  listed: (id) => ({ owned_by: 'vllm', root: id, parent: null, max_model_len: 8192, permission: [] }),
  known: { maxTokens: 8192 },
  dimensions: {
    refused:
      'Model "test-embedding" does not support matryoshka representation, changing output dimensions will lead to poor results.',
  },
};

const OLD_VLLM: Dialect = {
  ...VLLM,
  name: 'vLLM before 0.10',
  refuse: (status, message) => ({ object: 'error', message, type: 'BadRequestError', param: null, code: status }),
  tooLong: (limit, given) => ({
    status: 400,
    message: `This model's maximum context length is ${limit} tokens. However, you requested ${given} tokens in the input for embedding generation. Please reduce the length of the input.`,
  }),
  message: (text, thought) => ({ ...plain(text), reasoning_content: thought }),
  delta: (words, thought) => (thought ? { reasoning_content: words } : { content: words }),
};

const OLLAMA: Dialect = {
  ...OPENAI,
  name: 'Ollama',
  refuse: (status, message) => openaiError(message, status >= 500 ? 'api_error' : 'invalid_request_error', null),
  tooLong: () => ({ status: 400, message: 'the input length exceeds the context length' }),
  saysLimit: false,
  message: (text, thought) => ({ ...plain(text), reasoning: thought }),
  delta: (words, thought) => ({
    role: 'assistant',
    content: thought ? '' : words,
    ...(thought && { reasoning: words }),
  }),
  listed: () => ({ owned_by: 'library' }),
  describes: () => ({
    '/api/version': { version: '0.12.6' },
    'POST /api/show': {
      modelfile: '# Modelfile',
      parameters: 'stop                           "x"\nnum_ctx                        2048',
      details: { family: 'nomic-bert', format: 'gguf' },
      model_info: {
        'general.architecture': 'nomic-bert',
        'nomic-bert.context_length': 8192,
        'nomic-bert.embedding_length': 16,
      },
      capabilities: ['embedding'],
    },
  }),
  known: { dimensions: 16, maxTokens: 2048, truncates: true },
};

const LITELLM: Dialect = {
  ...OPENAI,
  name: 'LiteLLM',
  refuse: (status, message) => openaiError(message, null as never, String(status)),
  tooLong: (limit, given) => ({
    status: 400,
    message: `litellm.BadRequestError: litellm.ContextWindowExceededError: AnthropicError - {"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: ${given} tokens > ${limit} maximum"}}`,
  }),
  message: (text, thought) => ({
    ...plain(text),
    reasoning_content: thought,
    thinking_blocks: [{ type: 'thinking', thinking: thought, signature: 'c2ln' }],
  }),
  delta: (words, thought) => (thought ? { reasoning_content: words, content: null } : { content: words }),
  rerank: 'jina',
  listed: () => ({ owned_by: 'openai' }),
  describes: (model) => ({
    '/model/info': {
      data: [
        { model_name: 'another', litellm_params: { model: 'openai/gpt-x' }, model_info: { max_input_tokens: 1 } },
        {
          model_name: model,
          litellm_params: { model: `openai/${model}` },
          model_info: { id: 'a', mode: 'embedding', max_input_tokens: 8191, max_tokens: 8191, output_vector_size: 16 },
        },
      ],
    },
  }),
  known: { dimensions: 16, maxTokens: 8191 },
  dimensions: {
    refused:
      'litellm.UnsupportedParamsError: Setting dimensions is not supported for OpenAI `text-embedding-3` and later models. To drop it from the call, set `litellm.drop_params = True`.',
  },
};

const MISTRAL: Dialect = {
  ...OPENAI,
  name: 'Mistral',
  refuse: (_status, message, kind) => ({
    object: 'error',
    message:
      kind === 'field'
        ? { detail: [{ type: 'extra_forbidden', loc: ['body', message], msg: 'Extra inputs are not permitted' }] }
        : message,
    type: 'invalid_request_error',
    param: null,
    code: null,
  }),
  tooLong: (limit, given) => ({
    status: 400,
    message: `Input id 0 has ${given} tokens, exceeding max ${limit} tokens.`,
  }),
  unknown: ['stream_options', 'encoding_format'],
  unknownStatus: 422,
  message: (text, thought) => ({
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: [{ type: 'text', text: thought }] },
      { type: 'text', text },
    ],
  }),
  delta: (words, thought) => ({
    content: thought ? [{ type: 'thinking', thinking: [{ type: 'text', text: words }] }] : words,
  }),
};

const DATABRICKS: Dialect = {
  ...OPENAI,
  name: 'Databricks',
  refuse: (status, message) => ({
    error_code: status === 429 ? 'REQUEST_LIMIT_EXCEEDED' : 'BAD_REQUEST',
    message: JSON.stringify({ message }),
  }),
  tooLong: (limit, given) => ({
    status: 400,
    message: `Input length ${given} exceeds the maximum allowed context length of ${limit}.`,
  }),
  unknown: ['stream_options'],
  unknownStatus: 400,
  message: (text, thought) => ({
    role: 'assistant',
    content: [
      { type: 'reasoning', summary: [{ type: 'summary_text', text: thought }] },
      { type: 'text', text },
    ],
  }),
  delta: (words, thought) => ({
    content: thought ? [{ type: 'reasoning', summary: [{ type: 'summary_text', text: words }] }] : words,
  }),
};

const TEI: Dialect = {
  ...OPENAI,
  name: 'TEI',
  refuse: (status, message) => ({ message, code: status, type: status === 429 ? 'Overloaded' : 'Validation' }),
  tooLong: (limit, given) => ({
    status: 413,
    message: `Input validation error: \`inputs\` must have less than ${limit} tokens. Given: ${given}`,
  }),
  rerank: 'tei',
  chats: false,
  listed: undefined,
  describes: (model) => ({
    '/info': {
      model_id: model,
      model_sha: null,
      model_dtype: 'float32',
      model_type: { embedding: { pooling: 'mean' } },
      max_concurrent_requests: 512,
      max_input_length: 512,
      max_batch_tokens: 16384,
      max_batch_requests: null,
      max_client_batch_size: 8,
      auto_truncate: true,
      tokenization_workers: 8,
      version: '1.8.2',
    },
  }),
  known: { maxTokens: 512, batch: 8, truncates: true },
  dimensions: 'ignored',
};

const INFINITY: Dialect = {
  ...OPENAI,
  name: 'infinity',
  refuse: (status, message) => ({
    error: {
      message,
      type: status >= 500 ? 'InternalServerError' : 'invalid_request_error',
      param: null,
      code: status,
    },
  }),
  tooLong: (limit, given) => ({
    status: 400,
    message: `Input length ${given} exceeds the maximum length of ${limit}`,
  }),
  rerank: 'jina',
  chats: false,
  listed: () => ({
    owned_by: 'infinity',
    stats: { queue_fraction: 0, queue_absolute: 0, results_pending: 0, batch_size: 16 },
    backend: 'torch',
    capabilities: ['embed'],
  }),
  known: { batch: 16 },
};

const LLAMA_CPP: Dialect = {
  ...OPENAI,
  name: 'llama.cpp',
  refuse: (status, message) => ({
    error: { code: status, message, type: status >= 500 ? 'server_error' : 'invalid_request_error' },
  }),
  tooLong: (limit, given) => ({
    status: 500,
    message: `input (${given} tokens) is too large to process. increase the physical batch size (current batch size: ${limit})`,
  }),
  // With --reasoning-format none.
  message: (text, thought) => plain(`<think>\n${thought}\n</think>\n\n${text}`),
  delta: (words, thought, { first, last }) => ({
    content: thought ? `${first ? '<think>\n' : ''}${words}${last ? '\n</think>\n\n' : ''}` : words,
  }),
  rerank: 'jina',
  only: 'models/minilm.gguf',
  listed: () => ({
    owned_by: 'llamacpp',
    meta: { vocab_type: 3, n_vocab: 30522, n_ctx_train: 2048, n_embd: 16, n_params: 136727040, size: 274290560 },
  }),
  describes: () => ({
    '/props': {
      default_generation_settings: { n_ctx: 512 },
      total_slots: 4,
      model_path: 'm.gguf',
      build_info: 'b6000',
    },
  }),
  known: { dimensions: 16, maxTokens: 512 },
  dimensions: 'ignored',
};

/** What no one server does at once: a proxy that leaves out, and makes up, what it can. */
const CARELESS: Dialect = {
  ...OPENAI,
  name: 'a careless proxy',
  refuse: (_status, message) => ({ detail: message }),
  tooLong: (limit, given) => ({
    status: 422,
    message: `You passed ${given} input tokens. However, the model's context length is only ${limit} tokens.`,
  }),
  unknown: ['stream_options', 'encoding_format', 'max_tokens'],
  unknownStatus: 422,
  usage: (prompt) => ({ prompt_tokens: prompt + 0.5, completion_tokens: null, total_tokens: 1e12 }),
  counts: false,
  message: (text, thought) => plain(`[THINK]${thought}[/THINK]${text}`),
  delta: (words, thought, { first, last }) => ({
    content: thought ? `${first ? '[THINK]' : ''}${words}${last ? '[/THINK]' : ''}` : words,
  }),
  finishes: false,
  index: () => ({}),
};

const ZEROS: Dialect = {
  ...CARELESS,
  name: 'a proxy that numbers everything 0',
  index: () => ({ index: 0 }),
  usage: () => null,
};

export const DIALECTS: readonly Dialect[] = [
  OPENAI,
  VLLM,
  OLD_VLLM,
  OLLAMA,
  LITELLM,
  MISTRAL,
  DATABRICKS,
  TEI,
  INFINITY,
  LLAMA_CPP,
  CARELESS,
  ZEROS,
];
export { OPENAI };
