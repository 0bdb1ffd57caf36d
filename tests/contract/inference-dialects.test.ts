/** The OpenAI drivers on every dialect of the protocol: what callers get does not depend on who serves. */
import { afterEach, describe, expect, it } from 'vitest';
import { graphql } from 'graphql';
import type { ChatDelta, ChatRequest } from '#subgraphs/inference/driver.ts';
import { OpenAIServer } from '#subgraphs/inference/drivers/openai/index.ts';
import { createOpenAIChat } from '#subgraphs/inference/drivers/openai/chat.ts';
import { createOpenAIEmbedding } from '#subgraphs/inference/drivers/openai/embeddings.ts';
import { askServedModel } from '#subgraphs/inference/drivers/openai/served-model.ts';
import { createOpenAIRerank } from '#subgraphs/inference/drivers/openai/rerank.ts';
import { createInference } from '#subgraphs/inference/index.ts';
import { createRequestContext, StatementCounter } from '#subgraphs/shared/context.ts';
import { tooLongOf } from '#subgraphs/shared/errors.ts';
import { DIALECTS, OPENAI, type Dialect } from './model-dialects.ts';
import { startStandIn, type StandInOptions } from './openai-server.ts';

const THOUGHT = 'Words come back turned around.';
const call = () => ({ statements: new StatementCounter() });
const ask = (content: string): ChatRequest => ({ messages: [{ role: 'USER', content }], maxTokens: 50 });
const collect = async (deltas: AsyncIterable<ChatDelta>) => {
  const all: ChatDelta[] = [];
  for await (const delta of deltas) all.push(delta);
  return {
    all,
    text: all.map(({ text }) => text).join(''),
    reasoning: all.map(({ reasoning }) => reasoning).join(''),
  };
};

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

async function start(dialect: Dialect, options: StandInOptions = {}) {
  const standIn = await startStandIn({ dialect, ...options });
  const server = new OpenAIServer({
    baseUrl: standIn.baseUrl,
    apiKey: standIn.apiKey,
    timeoutMs: 10_000,
    urlVariable: 'OPENAI_BASE_URL',
  });
  opened.push(
    () => server.close(),
    async () => standIn[Symbol.asyncDispose](),
  );
  return {
    standIn,
    server,
    embedding: createOpenAIEmbedding(server, standIn.embeddingModel),
    chat: createOpenAIChat(server, standIn.chatModel),
    rerank: createOpenAIRerank(server, undefined),
  };
}

describe('what stands before texts', () => {
  it('is one thing before queries and another before passages, and that of passages tells vectors apart', async () => {
    const { server, standIn } = await start(OPENAI);
    const { embeddingModel } = standIn;
    const embedding = createOpenAIEmbedding(server, embeddingModel, {
      queryPrefix: 'search_query: ',
      passagePrefix: 'search_document: ',
    });
    const [[passage], [query]] = [
      (await embedding.embed(call(), ['a text'])).vectors,
      (await embedding.embed(call(), ['a text'], 'QUERY')).vectors,
    ];
    expect(standIn.requests.map(({ body }) => body.input)).toEqual([
      ['search_document: a text'],
      ['search_query: a text'],
    ]);
    expect(passage).not.toEqual(query);
    expect(embedding.space).toMatch(/^test-embedding\+[0-9a-f]{8}$/);
    const spaceOf = (options: object) => createOpenAIEmbedding(server, embeddingModel, options).space;
    expect(spaceOf({ passagePrefix: 'passage: ' })).not.toBe(embedding.space);
    expect(spaceOf({ queryPrefix: 'query: ' })).toBe('test-embedding');
  });

  it('is given to whom it belongs by the API, and by ranking with vectors', async () => {
    const { standIn } = await start(OPENAI);
    const inference = await createInference(
      {
        openai: { baseUrl: standIn.baseUrl, apiKey: standIn.apiKey },
        embeddings: 'openai',
        embeddingModel: standIn.embeddingModel,
        embedding: { queryPrefix: 'q: ', passagePrefix: 'p: ' },
      },
      { usageSink: undefined },
    );
    opened.push(() => inference.close());
    const principal = { tenantId: 'acme', subject: 'ada', roles: [], scopes: ['models:use'] };
    const { data, errors } = await graphql({
      schema: inference.schema,
      source: `{ a: embed(input: ["x"]) { model } b: embed(input: ["x"], as: QUERY) { model } rerank(query: "y", documents: ["z"]) { method } }`,
      contextValue: createRequestContext(principal),
    });
    expect(errors).toBeUndefined();
    expect(data).toMatchObject({ a: [{ model: expect.stringMatching(/^test-embedding\+/) as string }] });
    const sent = standIn.requests.filter(({ path }) => path.endsWith('/embeddings')).flatMap(({ body }) => body.input);
    expect([...sent].sort()).toEqual(['p: x', 'p: z', 'q: x', 'q: y']);
  });
});

/** A server that answers every question with `answer`, or with nothing at all. */
const answering = (answer: (url: string) => unknown) =>
  ({ baseUrl: 'http://models/v1', look: (url: string) => Promise.resolve(answer(url)) }) as unknown as OpenAIServer;

describe('what a server says of its model', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', '<html>'],
    ['a list', [1, 2]],
    ['a list of nothing', { data: [null, 1, 'x', []] }],
    ['no list', { data: { id: 'm' } }],
    [
      'numbers that are none',
      { max_client_batch_size: -1, version: 3, data: [{ id: 'm', owned_by: 'vllm', max_model_len: '8192' }] },
    ],
    ['more than any model takes', { data: [{ id: 'm', owned_by: 'vllm', max_model_len: 1e300 }] }],
    ['another model', { data: [{ id: 'n', owned_by: 'vllm', max_model_len: 4 }] }],
    ['models of no fields', { data: [{ model_name: 'm' }] }],
  ])('is nothing where it answers %s', async (_, answer) => {
    await expect(
      askServedModel(
        answering(() => answer),
        'm',
      ),
    ).resolves.toEqual({});
  });

  it('is read from hostile lines', async () => {
    const parameters = `${' \t'.repeat(32_768)}\nnum_ctx 4`;
    const hostile = (url: string) =>
      url.endsWith('/version')
        ? { version: '0' }
        : url.endsWith('/show')
          ? { parameters, model_info: { 'general.architecture': '__proto__', '__proto__.context_length': 9 } }
          : undefined;
    await expect(askServedModel(answering(hostile), 'm')).resolves.toEqual({ maxTokens: 9, truncates: true });
  });

  it('is not needed: where none of the questions is answered, texts are embedded all the same', async () => {
    const failing = await startStandIn({
      dialect: {
        ...OPENAI,
        listed: () => {
          throw new Error('gone');
        },
      },
    });
    const server = new OpenAIServer({
      baseUrl: failing.baseUrl,
      apiKey: failing.apiKey,
      urlVariable: 'OPENAI_BASE_URL',
    });
    opened.push(
      () => server.close(),
      async () => failing[Symbol.asyncDispose](),
    );
    const embedding = createOpenAIEmbedding(server, failing.embeddingModel);
    expect((await embedding.embed(call(), ['a text'])).vectors).toHaveLength(1);
    await expect(embedding.served!()).resolves.toEqual({});
  });
});

describe.each(DIALECTS)('as $name speaks', (dialect) => {
  it('embeds each text with its own vector, and asks for what is refused only once', async () => {
    const { embedding, standIn } = await start(dialect);
    const input = Array.from({ length: 40 }, (_, at) => `text number ${at}`);
    const { vectors, usage } = await embedding.embed(call(), input);
    const before = standIn.requests.length;
    const [alone] = (await embedding.embed(call(), [input[7]!])).vectors;
    expect(vectors[7]).toEqual(alone);
    expect(vectors[39]).not.toEqual(alone);
    expect(standIn.requests.length - before).toBe(1);
    expect(usage).toEqual(dialect.counts ? { inputTokens: 120, outputTokens: 0 } : undefined);
  });

  it('is asked what its model takes, once, and sent no more texts at once than that', async () => {
    const { embedding, standIn } = await start(dialect);
    await expect(embedding.served!()).resolves.toEqual(dialect.known);
    await embedding.embed(
      call(),
      Array.from({ length: 40 }, (_, at) => `text number ${at}`),
    );
    const sent = standIn.requests.flatMap(({ body }) => (Array.isArray(body.input) ? [body.input.length] : []));
    expect(Math.max(...sent)).toBe(Math.min(32, dialect.known.batch ?? 32));
  });

  it('gives as many dimensions as are wanted, of length 1, whoever cuts them', async () => {
    const { embedding: whole, server, standIn } = await start(dialect);
    const embedding = createOpenAIEmbedding(server, standIn.embeddingModel, { dimensions: 6 });
    const [full, cut] = await Promise.all(
      [whole, embedding].map(async (each) => (await each.embed(call(), ['some text'])).vectors[0]),
    );
    const norm = Math.hypot(...full!.slice(0, 6));
    expect(Array.from(cut!, (value) => value.toFixed(5))).toEqual(
      Array.from(full!.slice(0, 6), (value) => (value / norm).toFixed(5)),
    );
    expect(embedding.dimensions).toBe(6);
    // What was refused is not asked for again.
    const before = standIn.requests.length;
    await embedding.embed(call(), ['another text']);
    expect(standIn.requests.length - before).toBe(1);
    await expect(
      createOpenAIEmbedding(server, standIn.embeddingModel, { dimensions: 17 }).embed(call(), ['some text']),
    ).rejects.toMatchObject({ message: expect.stringContaining('EMBEDDING_DIMENSIONS is 17') as string });
  });

  it('names the texts that are too long', async () => {
    const { embedding } = await start(dialect, { maxInputTokens: 4 });
    const { vectors, tooLong } = await embedding.embed(call(), ['a b', 'a b c d e', 'c']);
    expect(Array.from(vectors, Boolean)).toEqual([true, false, true]);
    expect([...tooLong!.keys()]).toEqual([1]);
    expect(tooLongOf(tooLong!.get(1))).toEqual({ unit: 'TOKENS', ...(dialect.saysLimit ? { limit: 4 } : {}) });
  });

  it('reranks where it is served, also after a refusal', async () => {
    const { rerank, standIn } = await start(dialect);
    const documents = ['nothing', 'retry with jitter', 'retry'];
    standIn.next({ kind: 'status', status: 422, body: dialect.refuse(422, 'The query is odd.', 'request') });
    const refused = await rerank.rerank(call(), 'odd', documents).catch((error: unknown) => error);
    if (dialect.rerank === undefined) return expect(refused).toBeNull();
    const answer = await rerank.rerank(call(), 'retry jitter', documents);
    expect(answer!.results.map(({ index }) => index)).toEqual([1, 2, 0]);
    // Known by now: what this one is refused for is told, and it is asked again for the next.
    standIn.next({ kind: 'status', status: 400, body: dialect.refuse(400, 'The query is odd.', 'request') });
    await expect(rerank.rerank(call(), 'odd', documents)).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      message: 'The model server refused the request: The query is odd.',
    });
    expect((await rerank.rerank(call(), 'retry jitter', documents))!.results).toHaveLength(3);
  });

  it.runIf(dialect.chats)('keeps reasoning apart from the answer, and counts or estimates', async () => {
    const { chat } = await start(dialect, { thought: THOUGHT });
    const answer = await chat.generate(call(), ask('one two three'));
    expect(answer.text).toBe('three two one');
    expect(answer.reasoning).toBe(dialect === OPENAI ? '' : THOUGHT);
    expect(answer.usage).toEqual(dialect.counts ? { inputTokens: 3, outputTokens: 3 } : undefined);
  });

  it.runIf(dialect.chats)(
    'streams the same, with at most one reason, and asks for what is refused only once',
    async () => {
      const { chat, standIn } = await start(dialect, { thought: THOUGHT });
      const first = await collect(chat.stream(call(), ask('one two three')));
      expect(first.text).toBe('three two one');
      expect(first.reasoning.trim()).toBe(dialect === OPENAI ? '' : THOUGHT);
      expect(first.all.filter(({ finishReason }) => finishReason)).toHaveLength(dialect.finishes ? 1 : 0);
      const before = standIn.requests.length;
      expect((await collect(chat.stream(call(), ask('four five')))).text).toBe('five four');
      expect(standIn.requests.length - before).toBe(1);
    },
  );

  it.runIf(dialect.chats)('streams an answer that only speaks of the marks', async () => {
    const { chat } = await start(dialect);
    const { text, reasoning } = await collect(chat.stream(call(), ask('</think> tag the is this')));
    expect(text).toBe('this is the tag </think>');
    expect(reasoning).toBe('');
  });

  it.runIf(dialect.chats)('tells what the server says in a stream that it breaks off', async () => {
    const { chat, standIn } = await start(dialect);
    await chat.generate(call(), ask('x'));
    await collect(chat.stream(call(), ask('x')));
    standIn.next({ kind: 'refusal', after: 2, status: 500, message: 'CUDA out of memory' });
    const seen: string[] = [];
    const broken = (async () => {
      for await (const { text } of chat.stream(call(), ask('a b c d'))) if (text) seen.push(text);
    })();
    await expect(broken).rejects.toMatchObject({
      code: expect.stringMatching(/^(STORE_UNAVAILABLE|BAD_USER_INPUT)$/) as string,
      message: expect.stringContaining('CUDA out of memory') as string,
    });
    expect(seen.join('')).toBe('d c');
  });

  it.runIf(dialect.chats)('tells what the server says in an answer of status 200', async () => {
    const { chat, standIn } = await start(dialect);
    await chat.generate(call(), ask('x'));
    standIn.next({ kind: 'status', status: 200, body: dialect.refuse(500, 'The engine died', 'server') });
    await expect(chat.generate(call(), ask('x'))).rejects.toMatchObject({
      message: expect.stringContaining('The engine died') as string,
    });
    // A streamed request may be answered with one whole body, too.
    await collect(chat.stream(call(), ask('x')));
    standIn.next({ kind: 'status', status: 200, body: dialect.refuse(500, 'The engine died', 'server') });
    await expect(collect(chat.stream(call(), ask('x')))).rejects.toMatchObject({
      message: expect.stringContaining('The engine died') as string,
    });
  });

  it.each([
    { status: 402, kind: 'payment', code: 'STORE_UNAVAILABLE' },
    { status: 429, kind: 'rate', code: 'RATE_LIMITED' },
    { status: 500, kind: 'server', code: 'STORE_UNAVAILABLE' },
    { status: 503, kind: 'server', code: 'STORE_UNAVAILABLE' },
  ] as const)("keeps the server's words with status $status", async ({ status, kind, code }) => {
    const { embedding, standIn } = await start(dialect);
    await embedding.embed(call(), ['x']);
    standIn.next({
      kind: 'status',
      status,
      body: dialect.refuse(status, 'Come back tomorrow', kind),
      headers: { 'retry-after': '90' },
    });
    await expect(embedding.embed(call(), ['x'])).rejects.toMatchObject({
      code,
      message: expect.stringContaining('Come back tomorrow') as string,
      ...(status === 402 ? {} : { extensions: { retryAfterSeconds: 90 } }),
    });
  });

  it.runIf(dialect.chats)('sums up without the reasoning, and not by a model that wrote nothing', async () => {
    const standIn = await startStandIn({ dialect, thought: THOUGHT });
    opened.push(async () => standIn[Symbol.asyncDispose]());
    const inference = await createInference(
      {
        openai: { baseUrl: standIn.baseUrl, apiKey: standIn.apiKey },
        embeddings: 'off',
        chatModel: standIn.chatModel,
      },
      { usageSink: undefined },
    );
    opened.push(() => inference.close());
    const summary = async () => {
      const { data, errors } = await graphql({
        schema: inference.schema,
        source: `query ($representations: [_Any!]!) {
          _entities(representations: $representations) { ... on Document { summary(method: MODEL) { text method model } } }
        }`,
        variableValues: {
          representations: [{ __typename: 'Document', id: 'doc_1', text: 'This is a sentence about retries.' }],
        },
        contextValue: createRequestContext({ tenantId: 'a', subject: 'tester', roles: [], scopes: ['models:use'] }),
      });
      expect(errors).toBeUndefined();
      return (data!._entities as { summary: unknown }[])[0]!.summary;
    };
    expect(await summary()).toEqual({
      text: 'retries. about sentence a is This',
      method: 'MODEL',
      model: standIn.chatModel,
    });
    standIn.next({
      kind: 'status',
      status: 200,
      body: { model: 'x', choices: [{ message: dialect.message('', THOUGHT), finish_reason: 'length' }] },
    });
    expect(await summary()).toEqual({ text: 'This is a sentence about retries.', method: 'EXTRACTIVE', model: null });
  });
});

describe('answers of chat models', () => {
  it('that refuse say so', async () => {
    const { chat, standIn } = await start(OPENAI);
    const message = { role: 'assistant', content: null, refusal: 'I cannot help with that.' };
    standIn.next({ kind: 'status', status: 200, body: { choices: [{ message, finish_reason: 'stop' }] } });
    expect(await chat.generate(call(), ask('x'))).toMatchObject({
      text: 'I cannot help with that.',
      finishReason: 'REFUSED',
    });
  });

  it('of which only the end of the reasoning is marked are told apart all the same', async () => {
    const { chat, standIn } = await start(OPENAI);
    const message = { role: 'assistant', content: 'Let me see.\n</think>\n\nForty-two.' };
    standIn.next({ kind: 'status', status: 200, body: { choices: [{ message, finish_reason: 'stop' }] } });
    expect(await chat.generate(call(), ask('x'))).toMatchObject({ text: 'Forty-two.', reasoning: 'Let me see.' });
  });

  it('come whole to a streamed request of some servers', async () => {
    const { chat, standIn } = await start(OPENAI);
    const choices = [{ message: { role: 'assistant', content: 'All at once.' }, finish_reason: 'stop' }];
    standIn.next({ kind: 'status', status: 200, body: { choices } });
    expect((await collect(chat.stream(call(), ask('x')))).text).toBe('All at once.');
  });

  it('are told from a page of HTML', async () => {
    const { chat, standIn } = await start(OPENAI);
    standIn.next({ kind: 'status', status: 200, body: '<html>', headers: { 'content-type': 'text/html' } });
    await expect(chat.generate(call(), ask('x'))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      extensions: { hint: expect.stringContaining('/v1') as string },
    });
  });

  it('survive a model that does not know the temperature, where nobody asked for one', async () => {
    const { chat, standIn } = await start(OPENAI);
    const unknown = { error: { message: "Unsupported value: 'temperature' does not support 0 with this model." } };
    standIn.next({ kind: 'status', status: 400, body: unknown });
    expect((await chat.generate(call(), { ...ask('a b'), temperature: 0, optional: ['temperature'] })).text).toBe(
      'b a',
    );
    // What a caller asks for is not left out in silence, also where the server was found not to know it.
    standIn.next({ kind: 'status', status: 400, body: unknown });
    await expect(chat.generate(call(), { ...ask('a b'), temperature: 0 })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    });
    expect(standIn.requests.at(-1)!.body.temperature).toBe(0);
  });
});

/** Streams as users of servers reported them: what is made of them. */
describe('streams of chat models', () => {
  const chunk = (delta: unknown, more: object = {}): string =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'm', choices: [{ index: 0, delta, finish_reason: null, ...more }] })}\n\n`;
  const words = chunk({ role: 'assistant', content: 'Forty' }) + chunk({ content: '-two.' });
  const stop = chunk({}, { finish_reason: 'stop' });
  const done = 'data: [DONE]\n\n';
  const thought = (text: string) => [{ type: 'thinking', thinking: [{ type: 'text', text }] }];
  const usage = (counted: unknown): string => `data: ${JSON.stringify({ id: 'c', choices: [], usage: counted })}\n\n`;
  const counted = { inputTokens: 3, outputTokens: 2 };
  const count = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };

  it.each<[string, string, { text?: string; reasoning?: string; usage?: object }]>([
    ['without a reason before [DONE]', words + done, {}],
    ['that ends behind its reason, without [DONE]', words + stop, {}],
    ["of Windows' line ends", (words + stop + done).replaceAll('\n', '\r\n'), {}],
    ['without a space behind the colon', (words + stop + done).replaceAll('data: ', 'data:'), {}],
    ['with a byte order mark', `\uFEFF${words}${stop}${done}`, {}],
    ['kept alive by comments', `: OPENROUTER PROCESSING\n\n${words}: ping - 2025-11-24\n\n${stop}${done}`, {}],
    ['kept alive by empty events', `event: ping\ndata:\n\n${words}data: \n\n${stop}${done}`, {}],
    [
      'of events with names and numbers',
      words.replaceAll('data:', 'event: message\nid: 7\nretry: 3000\ndata:') + stop + done,
      {},
    ],
    [
      'that begins with filters of its prompt',
      `data: {"choices":[],"prompt_filter_results":[{}]}\n\n${words}${stop}${done}`,
      {},
    ],
    ['whose delta is null', words + chunk(null, { finish_reason: 'stop' }) + done, {}],
    [
      'whose choices are null beside the usage',
      `${words}${stop}data: {"choices":null,"usage":${JSON.stringify(count)}}\n\n${done}`,
      { usage: counted },
    ],
    ['with usage in an event of its own', words + stop + usage(count) + done, { usage: counted }],
    [
      'with usage beside the reason',
      words +
        chunk({}, { finish_reason: 'stop' }).replace('"choices"', `"usage":${JSON.stringify(count)},"choices"`) +
        done,
      { usage: counted },
    ],
    ['with usage {}', words + stop + usage({}) + done, {}],
    ['with fractions in its usage', words + stop + usage({ prompt_tokens: 3.5, completion_tokens: 2 }) + done, {}],
    ['with texts in its usage', words + stop + usage({ prompt_tokens: '3', completion_tokens: '2' }) + done, {}],
    ['with nulls in its usage', words + stop + usage({ prompt_tokens: null, completion_tokens: 2 }) + done, {}],
    ['with huge numbers in its usage', words + stop + usage({ prompt_tokens: 1e15, completion_tokens: 2 }) + done, {}],
    [
      'with negative numbers in its usage',
      words + stop + usage({ prompt_tokens: -1, completion_tokens: 2 }) + done,
      {},
    ],
    [
      'of parts, thinking first (Magistral)',
      chunk({ content: thought('Let ') }) + chunk({ content: thought('me see.') }) + words + stop + done,
      { reasoning: 'Let me see.' },
    ],
    [
      'of parts of text',
      chunk({ content: [{ type: 'text', text: 'Forty' }] }) +
        chunk({
          content: [
            { type: 'text', text: '-two.' },
            { type: 'reference', reference_ids: [1] },
          ],
        }) +
        stop +
        done,
      {},
    ],
    [
      'with reasoning_content and null for content (DeepSeek)',
      chunk({ reasoning_content: 'Hm.', content: null }) + words + stop + done,
      { reasoning: 'Hm.' },
    ],
    [
      'with reasoning and details of it (OpenRouter)',
      chunk({ content: '', reasoning: 'Hm.', reasoning_details: [{ type: 'reasoning.text', text: 'Hm.' }] }) +
        words +
        stop +
        done,
      { reasoning: 'Hm.' },
    ],
    [
      'with marks in pieces',
      ['<th', 'ink>', 'Hm.', '</thi', 'nk>', '\n\n'].map((content) => chunk({ content })).join('') +
        words +
        stop +
        done,
      { reasoning: 'Hm.' },
    ],
    [
      "with Gemini's marks",
      ['<thought>', 'Hm.', '</thought>'].map((content) => chunk({ content })).join('') + words + stop + done,
      { reasoning: 'Hm.' },
    ],
    [
      "with Seed's marks",
      ['<seed:think>Hm.</seed', ':think>'].map((content) => chunk({ content })).join('') + words + stop + done,
      { reasoning: 'Hm.' },
    ],
    ['that thinks of nothing', chunk({ content: '<think>\n\n</think>\n\n' }) + words + stop + done, { reasoning: '' }],
    [
      'whose reasoning is never ended',
      chunk({ content: '<think>Hm, Forty-two.' }) + chunk({}, { finish_reason: 'length' }) + done,
      { text: '', reasoning: 'Hm, Forty-two.' },
    ],
    ['that refuses', chunk({ refusal: 'I ' }) + chunk({ refusal: 'cannot.' }) + stop + done, { text: 'I cannot.' }],
  ])('%s', async (_, body, { text = 'Forty-two.', reasoning = '', usage: expected }) => {
    const { chat, standIn } = await start(OPENAI);
    standIn.next({
      kind: 'status',
      status: 200,
      body,
      headers: { 'content-type': 'text/event-stream; charset=utf-8' },
    });
    const read = await collect(chat.stream(call(), ask('x')));
    expect(read.text).toBe(text);
    expect(read.reasoning.trim()).toBe(reasoning);
    expect(read.all.findLast((delta) => delta.usage)?.usage).toEqual(expected);
  });

  it.each<[string, string, string, RegExp]>([
    [
      'an error before the first word (vLLM)',
      `data: {"error":{"message":"EngineCore died","type":"InternalServerError","param":null,"code":500}}\n\n${done}`,
      'STORE_UNAVAILABLE',
      /EngineCore died/,
    ],
    [
      'an event named error',
      `${words}event: error\ndata: {"error":{"message":"Context size has been exceeded."}}\n\n`,
      'BAD_USER_INPUT',
      /Context size/,
    ],
    [
      'an error in a choice',
      words + chunk({}, { finish_reason: 'error', error: { code: 502, message: 'Upstream error' } }) + done,
      'STORE_UNAVAILABLE',
      /Upstream error/,
    ],
    [
      'nothing but [DONE] behind a quota',
      `data: {"error":{"message":"quota exceeded"}}\n\n${done}`,
      'RATE_LIMITED',
      /quota exceeded/,
    ],
    ['the end of the connection in the midst', words, 'STORE_UNAVAILABLE', /cut the answer off/],
    [
      'half an event',
      `${words}data: {"choices":[{"delta":{"cont\n\n`,
      'STORE_UNAVAILABLE',
      /something else than its protocol/,
    ],
    ['a page', '<html>504</html>', 'STORE_UNAVAILABLE', /cut the answer off/],
  ])('%s is told', async (_, body, code, message) => {
    const { chat, standIn } = await start(OPENAI);
    standIn.next({ kind: 'status', status: 200, body, headers: { 'content-type': 'text/event-stream' } });
    await expect(collect(chat.stream(call(), ask('x')))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });
});

/** What users of servers were refused for, without the field the same request is answered. */
describe('fields that a server does not know', () => {
  it.each<[string, number, unknown]>([
    [
      'Mistral',
      422,
      {
        object: 'error',
        message: {
          detail: [
            {
              type: 'extra_forbidden',
              loc: ['body', 'stream_options', 'include_usage'],
              msg: 'Extra inputs are not permitted',
              input: true,
            },
          ],
        },
      },
    ],
    [
      'vLLM before 0.4',
      400,
      {
        object: 'error',
        message:
          "[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options'), 'msg': 'Extra inputs are not permitted', 'input': {}}]",
        code: 400,
      },
    ],
    [
      'Azure',
      400,
      { error: { code: 400, message: 'Validation error at #/stream_options: Extra inputs are not permitted' } },
    ],
    [
      'Fireworks',
      400,
      { error: { message: "Extra inputs are not permitted, field: 'stream_options'", type: 'invalid_request_error' } },
    ],
    [
      'Databricks',
      400,
      { error_code: 'BAD_REQUEST', message: '{"message":"stream_options: Extra inputs are not permitted"}' },
    ],
    [
      "Databricks, Go's words",
      400,
      { error_code: 'BAD_REQUEST', message: 'Bad request: json: unknown field "stream_options"\n' },
    ],
    [
      'OpenAI',
      400,
      { error: { message: 'Unrecognized request argument supplied: stream_options', type: 'invalid_request_error' } },
    ],
    [
      'FastAPI',
      422,
      { detail: [{ loc: ['body', 'stream_options'], msg: 'extra fields not permitted', type: 'value_error.extra' }] },
    ],
    [
      'LiteLLM',
      400,
      {
        error: {
          message:
            "litellm.UnsupportedParamsError: bedrock does not support parameters: ['stream_options'], for model=x",
          code: '400',
        },
      },
    ],
    ['one without words', 422, {}],
  ])('as %s says it', async (_, status, body) => {
    const { chat, standIn } = await start(OPENAI);
    standIn.next({ kind: 'status', status, body });
    expect((await collect(chat.stream(call(), ask('a b')))).text).toBe('b a');
    expect(standIn.requests.map((request) => 'stream_options' in request.body)).toEqual([true, false]);
    expect((await collect(chat.stream(call(), ask('c d')))).text).toBe('d c');
    expect(standIn.requests).toHaveLength(3);
  });
});
