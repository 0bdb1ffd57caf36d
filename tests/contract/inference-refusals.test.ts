/** What model servers say when they refuse: bodies as their documentation and their users' reports show them. */
import { describe, expect, it } from 'vitest';
import { refusalOf } from '#subgraphs/inference/drivers/openai/refusal.ts';

/** A body, the HTTP status that it came with, and what is read in it. */
interface Case {
  readonly from: string;
  readonly status: number;
  readonly body: unknown;
  readonly message: string | RegExp;
  /** Default: the HTTP status */
  readonly read?: number;
  readonly excess?: { of: 'INPUT' | 'BATCH'; limit?: number; unit: 'TOKENS' | 'CHARACTERS' | 'TEXTS' };
}

const tokens = (limit?: number) => ({ of: 'INPUT' as const, unit: 'TOKENS' as const, limit });

const CASES: readonly Case[] = [
  {
    from: 'OpenAI',
    status: 400,
    body: {
      error: {
        message:
          "This model's maximum context length is 8192 tokens, however you requested 9000 tokens (9000 in your prompt; 0 for the completion). Please reduce your prompt; or completion length.",
        type: 'invalid_request_error',
        param: null,
        code: null,
      },
    },
    message: /^This model's maximum context length is 8192 tokens/,
    excess: tokens(8192),
  },
  {
    from: 'OpenAI, embeddings',
    status: 400,
    body: {
      error: { message: "Invalid 'input': maximum input length is 8192 tokens.", type: 'invalid_request_error' },
    },
    message: "Invalid 'input': maximum input length is 8192 tokens.",
    excess: tokens(8192),
  },
  {
    from: 'OpenAI, newer models',
    status: 400,
    body: {
      error: {
        message: 'Your input exceeds the context window of this model. Please adjust your input and try again.',
        code: 'context_length_exceeded',
      },
    },
    message: /^Your input exceeds/,
    excess: tokens(),
  },
  {
    from: 'OpenAI, a whole request',
    status: 400,
    body: {
      error: {
        message: 'Requested 319487 tokens, max 300000 tokens per request',
        type: 'max_tokens_per_request',
        code: 'max_tokens_per_request',
      },
    },
    message: /^Requested/,
    excess: { of: 'BATCH', limit: 300_000, unit: 'TOKENS' },
  },
  {
    from: 'vLLM before 0.10',
    status: 400,
    body: {
      object: 'error',
      message:
        "This model's maximum context length is 512 tokens. However, you requested 1451 tokens in the input for embedding generation. Please reduce the length of the input.",
      type: 'BadRequestError',
      param: null,
      code: 400,
    },
    message: /^This model's/,
    excess: tokens(512),
  },
  {
    from: 'vLLM, a prompt',
    status: 400,
    body: {
      error: {
        message: 'The decoder prompt (length 5000) is longer than the maximum model length of 4096.',
        type: 'BadRequestError',
        code: 400,
      },
    },
    message: /^The decoder prompt/,
    excess: tokens(4096),
  },
  {
    from: 'vLLM, an answer that would be too long: a shorter input is not what is missing',
    status: 400,
    body: {
      error: {
        message:
          "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4096 tokens and your request has 10 input tokens (5000 > 4096 - 10).",
        type: 'BadRequestError',
        code: 400,
      },
    },
    message: /is too large: 5000/,
  },
  {
    from: 'TEI, its own routes',
    status: 413,
    body: {
      error: 'Input validation error: `inputs` must have less than 512 tokens. Given: 534',
      error_type: 'Validation',
    },
    message: /must have less than 512 tokens/,
    excess: tokens(512),
  },
  {
    from: "TEI, OpenAI's routes",
    status: 413,
    body: {
      message: 'Input validation error: `inputs` must have less than 512 tokens. Given: 516',
      code: 413,
      type: 'Validation',
    },
    message: /must have less than 512 tokens/,
    excess: tokens(512),
  },
  {
    from: 'TEI, characters',
    status: 413,
    body: { error: 'Input validation error: `inputs` must have less than 32000 characters. Given: 67337' },
    message: /32000 characters/,
    excess: { of: 'INPUT', limit: 32_000, unit: 'CHARACTERS' },
  },
  {
    from: 'TEI, a batch',
    status: 422,
    body: { message: 'batch size 33 > maximum allowed batch size 32', code: 422, type: 'Validation' },
    message: /batch size 33/,
    excess: { of: 'BATCH', limit: 32, unit: 'TEXTS' },
  },
  {
    from: 'Ollama, its own words',
    status: 400,
    body: { error: { message: 'the input length exceeds the context length', type: 'invalid_request_error' } },
    message: 'the input length exceeds the context length',
    excess: tokens(),
  },
  {
    from: 'Ollama, its own routes',
    status: 400,
    body: { error: 'input length exceeds maximum context length' },
    message: 'input length exceeds maximum context length',
    excess: tokens(),
  },
  {
    from: 'llama.cpp, the batch that a text must fit',
    status: 500,
    body: {
      error: {
        code: 500,
        message:
          'input (992 tokens) is too large to process. increase the physical batch size (current batch size: 512)',
        type: 'server_error',
      },
    },
    message: /^input \(992 tokens\)/,
    excess: tokens(512),
  },
  {
    from: 'llama.cpp, the context',
    status: 400,
    body: {
      error: {
        code: 400,
        message: 'the request exceeds the available context size, try increasing it',
        type: 'exceed_context_size_error',
        n_prompt_tokens: 3000,
        n_ctx: 2048,
      },
    },
    message: /^the request exceeds/,
    excess: tokens(2048),
  },
  {
    from: 'Mistral, a batch',
    status: 400,
    body: {
      object: 'error',
      message: 'Too many tokens in batch. Max is 16384 got 17555',
      type: 'invalid_request_error',
      param: null,
      code: null,
    },
    message: /^Too many tokens/,
    excess: { of: 'BATCH', limit: 16_384, unit: 'TOKENS' },
  },
  {
    from: 'Mistral, a prompt',
    status: 400,
    body: {
      object: 'error',
      message: 'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
      type: 'invalid_request_prompt',
      code: '3051',
    },
    message: /^Prompt contains/,
    excess: tokens(32_768),
  },
  {
    from: 'Mistral, a field that it does not know',
    status: 422,
    body: {
      object: 'error',
      message: {
        detail: [
          {
            type: 'extra_forbidden',
            loc: ['body', 'stream_options'],
            msg: 'Extra inputs are not permitted',
            input: {},
          },
        ],
      },
      type: 'invalid_request_error',
    },
    message: 'stream_options: Extra inputs are not permitted',
  },
  {
    from: 'FastAPI',
    status: 422,
    body: { detail: [{ loc: ['body', 'input'], msg: 'field required', type: 'value_error.missing' }] },
    message: 'input: field required',
  },
  { from: 'FastAPI, a sentence', status: 400, body: { detail: 'No such model.' }, message: 'No such model.' },
  {
    from: 'Databricks',
    status: 400,
    body: {
      error_code: 'BAD_REQUEST',
      message: '{"message":"messages.98.thinking_blocks: Extra inputs are not permitted"}',
    },
    message: 'messages.98.thinking_blocks: Extra inputs are not permitted',
  },
  {
    from: 'LiteLLM',
    status: 400,
    body: {
      error: {
        message:
          'litellm.BadRequestError: litellm.ContextWindowExceededError: AnthropicError - {"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 209303 tokens > 200000 maximum"}}',
        type: null,
        param: null,
        code: '400',
      },
    },
    message: /^litellm\.BadRequestError/,
    excess: tokens(200_000),
  },
  {
    from: 'LiteLLM, a rate that counts tokens',
    status: 429,
    body: { error: { message: 'Rate limit reached: exceeds maximum 30000 tokens per minute', code: '429' } },
    message: /^Rate limit/,
  },
  {
    from: 'Gemini, a list',
    status: 400,
    body: [
      {
        error: {
          code: 400,
          message: 'The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).',
          status: 'INVALID_ARGUMENT',
        },
      },
    ],
    message: /^The input token count/,
    excess: tokens(1_048_576),
  },
  { from: "a proxy's page", status: 502, body: '<html><body>Bad Gateway</body></html>', message: '' },
  { from: "a proxy's words", status: 503, body: 'upstream connect error', message: 'upstream connect error' },
  { from: 'nothing at all', status: 500, body: undefined, message: '' },
  // As users of these servers reported them:
  {
    from: 'llama.cpp, a context that ran full',
    status: 500,
    body: { error: { code: 500, message: 'Context size has been exceeded.', type: 'server_error' } },
    message: 'Context size has been exceeded.',
    excess: tokens(),
  },
  {
    from: 'llama.cpp, in an answer of status 200',
    status: 200,
    body: {
      error: {
        code: 400,
        message:
          'the request exceeds the available context size. try increasing the context size or enable context shift',
        type: 'exceed_context_size_error',
        n_prompt_tokens: 14429,
        n_ctx: 8192,
      },
    },
    message: /^the request exceeds/,
    read: 400,
    excess: tokens(8192),
  },
  {
    from: 'llama.cpp, while it loads',
    status: 503,
    body: { error: { message: 'Loading model', type: 'unavailable_error', code: 503 } },
    message: 'Loading model',
  },
  {
    from: 'Databricks, an answer that would be too long',
    status: 400,
    body: {
      error_code: 'BAD_REQUEST',
      message:
        'Bad request: rpc error: code = InvalidArgument desc = max_tokens (10000) cannot exceed 8192. Please reduce the length of max output tokens generated.',
    },
    message: /max_tokens \(10000\) cannot exceed 8192/,
  },
  {
    from: 'Databricks, Bedrock behind it',
    status: 400,
    body: { error_code: 'BAD_REQUEST', message: '{"message":"Input is too long for requested model."}' },
    message: 'Input is too long for requested model.',
    excess: tokens(),
  },
  {
    from: 'kronk',
    status: 500,
    body: {
      error: {
        message:
          'imc: failed to decode extension tokens at pos 16384: unable to process request: the context window is full. Please reduce the input size or increase the context window',
        type: 'server_error',
        code: 'internal',
      },
    },
    message: /the context window is full/,
    excess: tokens(),
  },
  {
    from: 'GPUStack',
    status: 400,
    body: {
      error: {
        code: 400,
        message: 'Illegal param: prefill 744 tokens exceed n_ctx_per_seq, try increasing total context size',
        type: 'invalid_request_error',
      },
      detail: 'Illegal param',
    },
    message: /^Illegal param: prefill/,
    excess: tokens(),
  },
  {
    from: 'LM Studio',
    status: 400,
    body: {
      error:
        'Trying to keep the first 5123 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.',
    },
    message: /^Trying to keep/,
    excess: tokens(4096),
  },
  {
    from: 'SGLang',
    status: 400,
    body: {
      object: 'error',
      message: 'Input length (4097 tokens) exceeds the maximum allowed length (4091 tokens). Use a shorter input.',
      type: 'BadRequestError',
      param: null,
      code: 400,
    },
    message: /^Input length/,
    excess: tokens(4091),
  },
  {
    from: 'SGLang, a prompt',
    status: 400,
    body: {
      object: 'error',
      message: "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
      code: 400,
    },
    message: /^The input/,
    excess: tokens(8192),
  },
  {
    from: 'Fireworks',
    status: 400,
    body: {
      error: {
        message: 'The prompt is too long: 131088, model maximum context length: 131071',
        code: 'invalid_request_error',
      },
    },
    message: /^The prompt is too long/,
    excess: tokens(131_071),
  },
  {
    from: 'LMDeploy',
    status: 400,
    body: { object: 'error', message: 'Request input_len=9000 exceeds session_len=8192', code: 400 },
    message: /^Request input_len/,
    excess: tokens(8192),
  },
  {
    from: 'NIM',
    status: 400,
    body: {
      object: 'error',
      message: 'Input length 545 exceeds maximum allowed token size 512',
      detail: {},
      type: 'invalid_request_error',
    },
    message: /^Input length 545/,
    excess: tokens(512),
  },
  {
    from: 'Infinity',
    status: 422,
    body: {
      error: { message: 'ValidationError: String should have at most 122880 characters', type: null, code: 422 },
    },
    message: /at most 122880 characters/,
    excess: { of: 'INPUT', limit: 122_880, unit: 'CHARACTERS' },
  },
  {
    from: 'DashScope',
    status: 400,
    body: {
      error: {
        code: 'invalid_parameter_error',
        message: '<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 8192]',
      },
    },
    message: /Range of input length/,
    excess: tokens(8192),
  },
  {
    from: 'Voyage, a batch',
    status: 400,
    body: {
      detail:
        "Request to model 'voyage-3' failed. The max allowed tokens per submitted batch is 120000. Your batch has 150000 tokens after truncation.",
    },
    message: /^Request to model/,
    excess: { of: 'BATCH', limit: 120_000, unit: 'TOKENS' },
  },
  {
    from: 'a gateway, in a stream',
    status: 200,
    body: { error: { message: 'Context length exceeded', code: 'CONTEXT_LENGTH_EXCEEDED' } },
    message: 'Context length exceeded',
    read: 400,
    excess: tokens(),
  },
  {
    from: 'a provider that says no more than this, in a stream',
    status: 200,
    body: { error: { message: 'quota exceeded' } },
    message: 'quota exceeded',
    read: 429,
  },
  {
    from: 'OpenRouter, in a stream',
    status: 200,
    body: {
      choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
      error: { code: 'server_error', message: 'Provider disconnected unexpectedly' },
    },
    message: 'Provider disconnected unexpectedly',
    read: 500,
  },
  {
    from: 'OpenRouter, in a choice',
    status: 200,
    body: {
      choices: [
        { index: 0, message: { content: '' }, finish_reason: 'error', error: { code: 502, message: 'Upstream error' } },
      ],
    },
    message: 'Upstream error',
    read: 502,
  },
  {
    from: 'TGI, in a stream',
    status: 200,
    body: {
      error:
        'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 6 `inputs` tokens and 4091 `max_new_tokens`',
      error_type: 'validation',
    },
    message: /^Input validation error/,
    read: 400,
  },
  {
    from: 'TEI, a backend that died',
    status: 424,
    body: { error: 'DriverError(CUDA_ERROR_ILLEGAL_ADDRESS)', error_type: 'backend' },
    message: 'DriverError(CUDA_ERROR_ILLEGAL_ADDRESS)',
  },
  { from: 'Ollama, an empty object', status: 400, body: {}, message: '' },
  {
    from: 'LiteLLM, a stream that another model could not go on with',
    status: 200,
    body: { error: { message: 'litellm.MidStreamFallbackError: Overloaded', type: null, param: null, code: '503' } },
    message: /Overloaded$/,
    read: 503,
  },
  {
    from: 'Mistral, its capacity',
    status: 429,
    body: { message: 'Service tier capacity exceeded for this model.', type: 'invalid_request_error', code: null },
    message: 'Service tier capacity exceeded for this model.',
  },
  // Inside a body or a stream of status 200:
  {
    from: 'vLLM, in a stream',
    status: 200,
    body: { error: { message: 'TimeoutError', type: 'GatewayTimeout', code: 504 } },
    message: 'TimeoutError',
    read: 504,
  },
  {
    from: 'older vLLM, in a stream',
    status: 200,
    body: { object: 'error', message: 'CUDA error', type: 'InternalServerError', param: null, code: 500 },
    message: 'CUDA error',
    read: 500,
  },
  {
    from: 'LiteLLM, in a stream',
    status: 200,
    body: { error: { message: 'Rate limited', type: 'throttling_error', param: null, code: '429' } },
    message: 'Rate limited',
    read: 429,
  },
  {
    from: 'a proxy that names no number',
    status: 200,
    body: { error: { message: 'quota exceeded', type: 'insufficient_quota' } },
    message: 'quota exceeded',
    read: 429,
  },
  {
    from: 'LiteLLM without a database, a key that is not its own',
    status: 400,
    body: { error: { message: 'No connected db.', type: 'no_db_connection', param: null, code: '400' } },
    message: 'No connected db.',
    read: 401,
  },
  {
    from: 'LiteLLM, a model that it does not have',
    status: 400,
    body: {
      error: {
        message:
          "{'error': '/embeddings: Invalid model name passed in model=nope. Call `/v1/models` to view available models for your key.'}",
        type: 'None',
        param: 'None',
        code: '400',
      },
    },
    message:
      '/embeddings: Invalid model name passed in model=nope. Call `/v1/models` to view available models for your key.',
    read: 404,
  },
  {
    from: 'LiteLLM, reranking by a provider that has none',
    status: 500,
    body: {
      error: {
        message:
          'litellm.APIConnectionError: Unsupported provider: openai\nTraceback (most recent call last):\n  File "/app/litellm/rerank_api/main.py", line 444, in rerank\n    raise ValueError\n',
        type: null,
        param: null,
        code: '500',
      },
    },
    message: 'litellm.APIConnectionError: Unsupported provider: openai',
    read: 501,
  },
  {
    from: 'Ollama, in a stream',
    status: 200,
    body: { error: 'llama runner process has terminated' },
    message: 'llama runner process has terminated',
    read: 500,
  },
];

describe('refusals of model servers', () => {
  it.each(CASES)('$from', ({ status, body, message, read = status, excess }) => {
    const refusal = refusalOf(body, status)!;
    if (typeof message === 'string') expect(refusal.message).toBe(message);
    else expect(refusal.message).toMatch(message);
    expect(refusal.status).toBe(read);
    expect(refusal.excess).toEqual(excess);
  });

  it.each([
    { choices: [], usage: null },
    { object: 'chat.completion.chunk', choices: [{ delta: { content: 'An error' } }], error: null },
    { object: 'list', data: [], message: 'fine' },
    [{ index: 0, score: 0.5 }],
    { results: [], detail: 'none' },
    { choices: [{ delta: {}, finish_reason: 'stop', error: null }], error: undefined },
    { choices: [null] },
    { choices: null, usage: {} },
    { id: 'chunk without anything' },
    'text',
    null,
  ])('are not seen in an answer: %j', (body) => expect(refusalOf(body, 200)).toBeUndefined());

  it('show no key, and no more than a screen can hold', () => {
    const message = `Incorrect API key provided: sk-proj-abcdef123456. ${'x'.repeat(10_000)}`;
    const refusal = refusalOf({ error: { message } }, 400)!;
    expect(refusal.message).not.toContain('abcdef');
    expect(refusal.message.length).toBeLessThanOrEqual(500);
  });
});
