/** The OpenAI drivers, on the stand-in and, where TEST_OPENAI_BASE_URL is set, on the server that it names. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { OpenAIServer } from '#subgraphs/inference/drivers/openai/index.ts';
import { ToolCalls } from '#subgraphs/inference/drivers/openai/tool-calls.ts';
import { createOpenAIChat } from '#subgraphs/inference/drivers/openai/chat.ts';
import { createOpenAIEmbedding } from '#subgraphs/inference/drivers/openai/embeddings.ts';
import { createOpenAIRerank } from '#subgraphs/inference/drivers/openai/rerank.ts';
import { tooLongOf } from '#subgraphs/shared/errors.ts';
import { ask, call, collect, inferenceDriverContract } from './inference-driver.ts';
import { startStandIn, type StandIn, type StandInOptions } from './openai-server.ts';

const { TEST_OPENAI_BASE_URL, TEST_OPENAI_API_KEY, TEST_EMBEDDING_MODEL, TEST_CHAT_MODEL } = process.env;

inferenceDriverContract('stand-in', async () => {
  const standIn = await startStandIn();
  const { server, embedding, chat } = connect(standIn);
  return {
    server,
    embedding,
    chat,
    async close() {
      await server.close();
      await standIn[Symbol.asyncDispose]();
    },
  };
});

if (TEST_OPENAI_BASE_URL) {
  inferenceDriverContract('TEST_OPENAI_BASE_URL', () => {
    const server = new OpenAIServer({
      baseUrl: TEST_OPENAI_BASE_URL,
      apiKey: TEST_OPENAI_API_KEY,
      timeoutMs: 60_000,
      urlVariable: 'OPENAI_BASE_URL',
    });
    return Promise.resolve({
      server,
      embedding: TEST_EMBEDDING_MODEL ? createOpenAIEmbedding(server, TEST_EMBEDDING_MODEL) : undefined,
      chat: TEST_CHAT_MODEL ? createOpenAIChat(server, TEST_CHAT_MODEL) : undefined,
      close: () => server.close(),
    });
  });
} else {
  describe.skip('openai drivers: a real server (set TEST_OPENAI_BASE_URL, TEST_EMBEDDING_MODEL and TEST_CHAT_MODEL)', () => {
    it('needs a server', () => undefined);
  });
}

describe('openai drivers against faults', () => {
  const start = async (options: StandInOptions & { timeoutMs?: number; key?: string; model?: string } = {}) => {
    const standIn = await startStandIn(options);
    const connected = connect(standIn, options);
    return {
      standIn,
      ...connected,
      async [Symbol.asyncDispose]() {
        await connected.server.close();
        await standIn[Symbol.asyncDispose]();
      },
    };
  };

  it('are not led elsewhere: a redirection is no answer, and nothing is sent to where it points', async () => {
    const elsewhere: string[] = [];
    const pointing = createServer((request, response) => {
      if (request.url!.startsWith('/elsewhere')) elsewhere.push(request.headers.authorization ?? '');
      response.writeHead(307, { location: '/elsewhere' }).end();
    }).listen(0, '127.0.0.1');
    await once(pointing, 'listening');
    const server = new OpenAIServer({
      baseUrl: `http://127.0.0.1:${(pointing.address() as AddressInfo).port}/v1`,
      apiKey: 'sk-secret-value',
      timeoutMs: 5_000,
      urlVariable: 'OPENAI_BASE_URL',
    });
    await expect(createOpenAIChat(server, 'any').generate(call(), ask('x'))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(elsewhere).toEqual([]);
    await server.close();
    pointing.close();
  });

  it('say which variable is wrong', async () => {
    await using wrong = await start({ key: 'sk-secret-value', model: 'absent' });
    const refused = await wrong.chat
      .generate(call(), ask('x'))
      .catch((error: unknown) => error as { code: string; message: string; extensions: { hint: string } });
    expect(refused).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      extensions: { hint: expect.stringContaining('OPENAI_API_KEY') as string },
    });
    expect(JSON.stringify(refused)).not.toContain('sk-secret-value');

    await using unserved = await start({ model: 'absent' });
    await expect(unserved.chat.generate(call(), ask('x'))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('"absent"') as string,
      extensions: { hint: expect.stringContaining('CHAT_MODEL') as string },
    });
    await expect(unserved.embedding.embed(call(), ['x'])).rejects.toMatchObject({
      extensions: { hint: expect.stringContaining('EMBEDDING_MODEL') as string },
    });

    const nobody = new OpenAIServer({
      baseUrl: 'http://127.0.0.1:1/v1',
      timeoutMs: 5_000,
      urlVariable: 'OPENAI_BASE_URL',
    });
    const down = {
      code: 'STORE_UNAVAILABLE',
      extensions: { hint: expect.stringContaining('OPENAI_BASE_URL') as string },
    };
    await expect(createOpenAIChat(nobody, 'm').generate(call(), ask('x'))).rejects.toMatchObject(down);
    await expect(collect(createOpenAIChat(nobody, 'm').stream(call(), ask('x')))).rejects.toMatchObject(down);
    await expect(nobody.probe()).rejects.toMatchObject(down);
    await nobody.close();
    await nobody.close();
  });

  it('never send a generation twice, but embeddings they do', async () => {
    await using it = await start();
    it.standIn.next({ kind: 'status', status: 500 });
    await expect(it.chat.generate(call(), ask('x'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    it.standIn.next({ kind: 'status', status: 503 });
    await expect(collect(it.chat.stream(call(), ask('x')))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(it.standIn.requests).toHaveLength(2);
    it.standIn.next({ kind: 'status', status: 503, headers: { 'retry-after': '0' } });
    const counted = call();
    expect((await it.embedding.embed(counted, ['x'])).vectors).toHaveLength(1);
    expect(it.standIn.requests).toHaveLength(4);
    expect(counted.statements.counts()).toEqual({ openai: 1 });
  });

  it('pass on how long to wait', async () => {
    await using it = await start();
    it.standIn.next({ kind: 'status', status: 429, headers: { 'retry-after': '7' } });
    await expect(it.chat.generate(call(), ask('x'))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      extensions: { retryAfterSeconds: 7, hint: 'Try again in 7 s.' },
    });
    it.standIn.next({
      kind: 'status',
      status: 400,
      body: { error: { message: 'maximum context length is 8 tokens' } },
    });
    await expect(it.chat.generate(call(), ask('x'))).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      message: expect.stringContaining('maximum context length') as string,
    });
  });

  it('find each text that is too long, and embed the others', async () => {
    await using it = await start({ maxInputTokens: 5 });
    const input = Array.from({ length: 70 }, (_, at) => ([3, 40, 41, 69].includes(at) ? 'a b c d e f' : `text ${at}`));
    const { vectors, tooLong, usage } = await it.embedding.embed(call(), input);
    expect([...tooLong!.keys()].sort((a, b) => a - b)).toEqual([3, 40, 41, 69]);
    expect(tooLongOf(tooLong!.get(40))).toEqual({ limit: 5, unit: 'TOKENS' });
    expect(vectors.filter(Boolean)).toHaveLength(66);
    expect(usage).toEqual({ inputTokens: 2 * 66, outputTokens: 0 });
    const [alone] = (await it.embedding.embed(call(), [input[42]!])).vectors;
    expect(vectors[42]).toEqual(alone);
    // Each refused batch costs a request for each halving, not one for each text.
    expect(it.standIn.requests.length).toBeLessThan(40);
  });

  it('learn how many texts one request may hold', async () => {
    await using it = await start({ maxBatch: 10 });
    const input = Array.from({ length: 40 }, (_, at) => `text ${at}`);
    expect((await it.embedding.embed(call(), input)).vectors.filter(Boolean)).toHaveLength(40);
    const asked = it.standIn.requests.length;
    await it.embedding.embed(call(), input);
    expect(it.standIn.requests.length - asked).toBe(4);
  });

  it('hold as many texts, and are sent again as often, as the operator sets', async () => {
    await using it = await start();
    const embedding = createOpenAIEmbedding(it.server, it.standIn.embeddingModel, {
      embeddingBatch: 3,
      embeddingRetries: 0,
    });
    const { vectors } = await embedding.embed(
      call(),
      Array.from({ length: 7 }, (_, at) => `text ${at}`),
    );
    expect(vectors.filter(Boolean)).toHaveLength(7);
    expect(it.standIn.requests).toHaveLength(3);
    it.standIn.next({ kind: 'status', status: 503 });
    await expect(embedding.embed(call(), ['x'])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(it.standIn.requests).toHaveLength(4);
  });

  it('wait no longer than a moment before they send again, and not at all for what would be refused again', async () => {
    await using it = await start();
    it.standIn.next({ kind: 'status', status: 503, headers: { 'retry-after': '86400' } });
    await expect(it.embedding.embed(call(), ['x'])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'The model server failed: Ordered by the test.',
      extensions: { retryAfterSeconds: 86_400 },
    });
    it.standIn.next({
      kind: 'status',
      status: 500,
      body: {
        error: {
          code: 500,
          message:
            'input (992 tokens) is too large to process. increase the physical batch size (current batch size: 512)',
          type: 'server_error',
        },
      },
    });
    const { tooLong } = await it.embedding.embed(call(), ['x']);
    expect(tooLongOf(tooLong!.get(0))).toEqual({ limit: 512, unit: 'TOKENS' });
    expect(it.standIn.requests).toHaveLength(2);
    // The wait ends with the caller.
    it.standIn.next({ kind: 'status', status: 429, headers: { 'retry-after': '5' } });
    const leaving = new AbortController();
    const answer = it.embedding.embed(call(leaving.signal), ['x']);
    await it.standIn.answered(3);
    leaving.abort();
    await expect(answer).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  it('end a call that hangs', async () => {
    await using it = await start({ timeoutMs: 300 });
    it.standIn.next({ kind: 'hang' });
    await expect(it.chat.generate(call(), ask('x'))).rejects.toMatchObject({ code: 'STORE_TIMEOUT' });
    await it.standIn.abandoned();
    it.standIn.next({ kind: 'silent', after: 1 });
    await expect(collect(it.chat.stream(call(), ask('a b c')))).rejects.toMatchObject({ code: 'STORE_TIMEOUT' });
    // Nothing of it stays behind: the next call is answered.
    expect((await it.chat.generate(call(), ask('a b'))).text).toBe('b a');
  });

  it('end a call when the caller goes away', async () => {
    await using it = await start();
    it.standIn.next({ kind: 'hang' });
    const leaving = new AbortController();
    const answer = it.chat.generate(call(leaving.signal), ask('x'));
    leaving.abort();
    await expect(answer).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  it('end the request to the model when a stream is left', async () => {
    await using it = await start();
    it.standIn.next({ kind: 'silent', after: 2 });
    for await (const delta of it.chat.stream(call(), ask('a b c d'))) if (delta.text !== '') break;
    await it.standIn.abandoned();
  });

  it('tell an answer that was cut off from one that is complete', async () => {
    await using it = await start();
    it.standIn.next({ kind: 'cut', after: 2 });
    await expect(collect(it.chat.stream(call(), ask('a b c d')))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('speak to models that know `max_completion_tokens` only', async () => {
    await using it = await start({ newTokensParameter: true });
    expect((await it.chat.generate(call(), ask('a b'))).text).toBe('b a');
    expect((await collect(it.chat.stream(call(), ask('a b')))).map(({ text }) => text).join('')).toBe('b a');
    expect(it.standIn.requests.map(({ body }) => 'max_tokens' in body)).toEqual([true, false, false]);
  });

  it('send no key where there is none, and what was asked as the protocol writes it', async () => {
    await using it = await start({ apiKey: '', key: '' });
    await it.chat.generate(call(), {
      messages: [
        { role: 'SYSTEM', content: 's' },
        { role: 'ASSISTANT', content: 'a' },
        { role: 'USER', content: 'u' },
      ],
      maxTokens: 9,
      temperature: 0,
      stop: ['\n'],
    });
    expect(it.standIn.requests[0]).toEqual({
      path: '/v1/chat/completions',
      authorization: undefined,
      body: {
        model: 'test-chat',
        messages: [
          { role: 'system', content: 's' },
          { role: 'assistant', content: 'a' },
          { role: 'user', content: 'u' },
        ],
        max_tokens: 9,
        temperature: 0,
        stop: ['\n'],
        stream: false,
      },
    });
  });

  it('tell which tools are wanted, whole and streamed, and send back what they gave', async () => {
    const wanted = { name: 'search', arguments: { query: 'Wie backt man "Brot"? 🍞', first: 3 } };
    await using it = await start({
      answers: ({ messages, tools }) =>
        messages.at(-1)!.role === 'tool'
          ? { text: `It gave ${messages.at(-1)!.content}.` }
          : { text: 'Let me see.', calls: tools === undefined ? [] : [wanted, { name: 'now', arguments: {} }] },
    });
    const tools = [
      {
        name: 'search',
        description: 'Finds.',
        parameters: { type: 'object', properties: { query: { type: 'string' } } },
      },
      { name: 'now', parameters: { type: 'object' } },
    ];
    const request = ask('How is bread made?', { tools, toolChoice: 'AUTO' });
    const whole = await it.chat.generate(call(), request);
    expect(whole).toMatchObject({ text: 'Let me see.', finishReason: 'TOOL_CALLS' });
    const streamed = await collect(it.chat.stream(call(), request));
    const [last, ...others] = streamed.flatMap(({ toolCalls }) => (toolCalls === undefined ? [] : [toolCalls]));
    expect(others).toEqual([]);
    for (const calls of [whole.toolCalls, last!]) {
      expect(calls.map(({ name, arguments: given }) => ({ name, arguments: JSON.parse(given) as unknown }))).toEqual([
        wanted,
        { name: 'now', arguments: {} },
      ]);
      expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    }
    expect(it.standIn.requests[0]!.body).toMatchObject({
      tools: [
        { type: 'function', function: tools[0] },
        { type: 'function', function: tools[1] },
      ],
      tool_choice: 'auto',
    });
    const goingOn = await it.chat.generate(call(), {
      ...request,
      messages: [
        ...request.messages,
        { role: 'ASSISTANT', content: '', toolCalls: whole.toolCalls },
        ...whole.toolCalls.map(({ id }) => ({ role: 'TOOL' as const, content: 'flour', toolCallId: id })),
      ],
    });
    expect(goingOn).toMatchObject({ text: 'It gave flour.', toolCalls: [], finishReason: 'STOP' });
  });

  it('read calls of tools as servers write them', () => {
    const read = (...pieces: object[]) => {
      const calls = new ToolCalls();
      for (const tool_calls of pieces) calls.push({ tool_calls });
      return calls.calls;
    };
    const one = { id: 'call_0', name: 'search', arguments: '{"q":1}' };
    // Ollama: whole, without an id, arguments as an object or as text.
    expect(read([{ function: { name: 'search', arguments: { q: 1 } } }])).toEqual([one]);
    // Gemini numbers nothing and sends each whole.
    expect(
      read([{ function: { name: 'a', arguments: '{}' } }], [{ function: { name: 'b', arguments: '{}' } }]),
    ).toMatchObject([
      { id: 'call_0', name: 'a' },
      { id: 'call_1', name: 'b' },
    ]);
    // Pieces of two that alternate, the id in the first piece alone.
    expect(
      read(
        [{ index: 0, id: 'x', function: { name: 'search', arguments: '{"q"' } }],
        [{ index: 1, id: 'y', function: { name: 'now' } }],
        [{ index: 0, function: { arguments: ':1}' } }],
      ),
    ).toEqual([
      { ...one, id: 'x' },
      { id: 'y', name: 'now', arguments: '' },
    ]);
    // What is none.
    for (const nothing of [[], [null], [{}], [{ function: null }], [{ function: { arguments: '{}' } }], ['x']])
      expect(read(nothing)).toEqual([]);
    expect(read(Array.from({ length: 1_000 }, (_, index) => ({ index, function: { name: 'x' } })))).toHaveLength(64);
  });

  it('refuse vectors that cannot be meant', async () => {
    await using it = await start();
    const answer = (data: unknown) =>
      it.standIn.next({ kind: 'status', status: 200, body: { object: 'list', data, model: 'test-embedding' } });
    for (const data of [
      [],
      [{ index: 0, embedding: [] }],
      [{ index: 0, embedding: [0, 0] }],
      [{ index: 1, embedding: [1, 2] }],
      [{ index: 0, embedding: 'AAAA' }],
    ]) {
      answer(data);
      await expect(it.embedding.embed(call(), ['x']), JSON.stringify(data)).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
    }
    expect(it.embedding.dimensions).toBeUndefined();
    await it.embedding.embed(call(), ['x']);
    answer([{ index: 0, embedding: [3, 4, 0] }]);
    await expect(it.embedding.embed(call(), ['x'])).rejects.toMatchObject({
      message: expect.stringContaining('3 dimensions where it had 16') as string,
    });
  });

  it.each(['jina', 'tei'] as const)("rerank where it is served, in %s's form", async (rerank) => {
    await using it = await start({ rerank });
    const driver = createOpenAIRerank(it.server, undefined);
    for (let time = 0; time < 2; time++) {
      const answer = await driver.rerank(call(), 'retry jitter', ['nothing', 'retry with jitter', 'retry']);
      expect(answer!.results.map(({ index }) => index)).toEqual([1, 2, 0]);
      expect(answer!.model).toBe(rerank === 'jina' ? 'test-rerank' : null);
    }
    // Once it is known where, nothing else is tried.
    expect(new Set(it.standIn.requests.slice(-2).map(({ path }) => path)).size).toBe(1);
  });

  it('find that reranking is not served, and do not ask again at once', async () => {
    await using it = await start();
    const driver = createOpenAIRerank(it.server, undefined);
    expect(await driver.rerank(call(), 'q', ['d'])).toBeNull();
    const asked = it.standIn.requests.length;
    expect(await driver.rerank(call(), 'q', ['d'])).toBeNull();
    expect(it.standIn.requests).toHaveLength(asked);
    it.standIn.next({ kind: 'status', status: 500 });
    const other = createOpenAIRerank(it.server, undefined);
    it.standIn.next({ kind: 'status', status: 500 });
    await expect(other.rerank(call(), 'q', ['d'])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

function connect(standIn: StandIn, options: { timeoutMs?: number; key?: string; model?: string } = {}) {
  const apiKey = options.key ?? standIn.apiKey;
  const server = new OpenAIServer({
    baseUrl: standIn.baseUrl,
    ...(apiKey ? { apiKey } : {}),
    timeoutMs: options.timeoutMs ?? 10_000,
    urlVariable: 'OPENAI_BASE_URL',
  });
  return {
    server,
    embedding: createOpenAIEmbedding(server, options.model ?? standIn.embeddingModel),
    chat: createOpenAIChat(server, options.model ?? standIn.chatModel),
  };
}
