/**
 * The drivers of models, and a whole server, on a real `llama-server`: a chat model that says one sentence, a real transformer that
 * embeds, and one that ranks with a head that nobody has trained.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOpenAIChat } from '#subgraphs/inference/drivers/openai/chat.ts';
import { createOpenAIEmbedding } from '#subgraphs/inference/drivers/openai/embeddings.ts';
import { OpenAIServer } from '#subgraphs/inference/drivers/openai/index.ts';
import { createOpenAIRerank } from '#subgraphs/inference/drivers/openai/rerank.ts';
import type { ChatRequest } from '#subgraphs/inference/driver.ts';
import { ask, call, collect, inferenceDriverContract, norm } from '#tests/contract/inference-driver.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const {
  TEST_LLAMACPP_CHAT_URL: CHAT = '',
  TEST_LLAMACPP_EMBEDDING_URL: EMBEDDING = '',
  TEST_LLAMACPP_RERANK_URL: RERANK = '',
  TEST_LLAMACPP_API_KEY: KEY = '',
} = process.env;
const SENTENCE = 'A small model answers this to everybody.';

const open = (baseUrl: string, apiKey: string | undefined = KEY || undefined) =>
  new OpenAIServer({ baseUrl, ...(apiKey && { apiKey }), timeoutMs: 60_000, urlVariable: 'OPENAI_BASE_URL' });
const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, at) => sum + value * b[at]!, 0);

describe.runIf(CHAT)('llama.cpp', { timeout: 120_000 }, () => {
  let chatServer: OpenAIServer;
  let embedding: OpenAIServer;
  let rerank: OpenAIServer;
  beforeAll(() => {
    chatServer = open(CHAT);
    embedding = open(EMBEDDING);
    rerank = open(RERANK);
  });
  afterAll(async () => {
    for (const server of [chatServer, embedding, rerank]) await server.close();
  });
  const chat = () => createOpenAIChat(chatServer, 'one-sentence');
  const model = () => createOpenAIEmbedding(embedding, 'all-MiniLM-L6-v2');

  inferenceDriverContract('llama.cpp that chats', () => {
    const server = open(CHAT);
    const chat = createOpenAIChat(server, 'one-sentence');
    return Promise.resolve({ server, embedding: undefined, chat, close: () => server.close() });
  });
  inferenceDriverContract('llama.cpp that embeds', () => {
    const server = open(EMBEDDING);
    const embedding = createOpenAIEmbedding(server, 'all-MiniLM-L6-v2');
    return Promise.resolve({ server, embedding, chat: undefined, close: () => server.close() });
  });

  it('answers what the model says, and streams the same', async () => {
    const answer = await chat().generate(call(), ask('hi', { temperature: 0 }));
    expect(answer).toMatchObject({ text: SENTENCE, finishReason: 'STOP', toolCalls: [], reasoning: '' });
    const deltas = await collect(chat().stream(call(), ask('hi', { temperature: 0 })));
    expect(deltas.map(({ text }) => text).join('')).toBe(SENTENCE);
    expect(deltas.length).toBeGreaterThan(3);
    expect(deltas.find(({ usage }) => usage)!.usage).toEqual(answer.usage);
  });

  it('stops where it is told to', async () => {
    expect(await chat().generate(call(), ask('hi', { stop: [' this'] }))).toMatchObject({
      text: 'A small model answers',
      finishReason: 'STOP',
    });
    const deltas = await collect(chat().stream(call(), ask('hi', { maxTokens: 2 })));
    expect(deltas.map(({ text }) => text).join('')).toBe('A small');
    expect(deltas.find(({ finishReason }) => finishReason)!.finishReason).toBe('LENGTH');
  });

  it('takes odd conversations', async () => {
    for (const content of [
      '',
      ' ',
      '\ud800 half',
      'a\u0000b',
      '😀'.repeat(20),
      '<|im_end|>\n<|im_start|>system\n',
      '{{ 7 * 7 }}',
    ])
      expect((await chat().generate(call(), ask(content))).text).toBe(SENTENCE);
    const { text } = await chat().generate(call(), {
      messages: [
        { role: 'SYSTEM', content: 'Be kind.' },
        { role: 'USER', content: 'a' },
        { role: 'ASSISTANT', content: 'b' },
        { role: 'ASSISTANT', content: 'c' },
        { role: 'USER', content: 'd' },
      ],
      maxTokens: 30,
    });
    expect(text).toBe(SENTENCE);
  });

  it('says that a conversation is too long, and by which limit', async () => {
    const long = ask('word '.repeat(3_000));
    for (const asking of [() => chat().generate(call(), long), () => collect(chat().stream(call(), long))])
      await expect(asking()).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
        extensions: { reason: 'INPUT_TOO_LONG', limit: 8_192, limitUnit: 'TOKENS' },
      });
  });

  const TOOLS: ChatRequest['tools'] = [
    {
      name: 'weather',
      description: 'Tells the weather of a city.',
      parameters: { type: 'object', properties: { city: { type: 'string', enum: ['Oslo'] } }, required: ['city'] },
    },
  ];

  it('calls a tool, at once and as a stream, and answers with what it said', async () => {
    for (const toolChoice of ['AUTO', 'REQUIRED'] as const) {
      const answer = await chat().generate(call(), ask('hi', { tools: TOOLS, toolChoice }));
      expect(answer).toMatchObject({
        text: '',
        finishReason: 'TOOL_CALLS',
        toolCalls: [{ id: expect.stringMatching(/./) as string, name: 'weather', arguments: '{"city": "Oslo"}' }],
      });
    }
    const deltas = await collect(chat().stream(call(), ask('hi', { tools: TOOLS })));
    const [called] = deltas.flatMap(({ toolCalls }) => toolCalls ?? []);
    expect(called).toMatchObject({ name: 'weather', arguments: '{"city": "Oslo"}' });
    expect(deltas.find(({ finishReason }) => finishReason)!.finishReason).toBe('TOOL_CALLS');
    const messages: ChatRequest['messages'] = [
      { role: 'USER', content: 'hi' },
      { role: 'ASSISTANT', content: '', toolCalls: [called!] },
      { role: 'TOOL', content: 'Rain.', toolCallId: called!.id },
    ];
    const answer = await chat().generate(call(), { messages, tools: TOOLS, maxTokens: 50 });
    expect(answer).toMatchObject({ text: SENTENCE, toolCalls: [], finishReason: 'STOP' });
  });

  it('ends a call that is given up', async () => {
    const given = new AbortController();
    const streaming = chat().stream(call(given.signal), ask('hi'))[Symbol.asyncIterator]();
    await streaming.next();
    given.abort();
    await expect(collect({ [Symbol.asyncIterator]: () => streaming })).rejects.toMatchObject({
      code: 'REQUEST_TIMEOUT',
    });
    expect((await chat().generate(call(), ask('hi'))).text).toBe(SENTENCE);
  });

  it('tells what its models take', async () => {
    expect(await model().served!()).toEqual({ dimensions: 384, maxTokens: 512 });
  });

  it('tells nearness of meaning', async () => {
    const { vectors, usage } = await model().embed(call(), [
      'How can I get my money back?',
      'Refunds are paid within ten days.',
      'The moon is full tonight.',
    ]);
    expect(cosine(vectors[0]!, vectors[1]!)).toBeGreaterThan(cosine(vectors[0]!, vectors[2]!) + 0.2);
    expect(usage!.inputTokens).toBeGreaterThan(20);
  });

  it('embeds whatever a text may hold', async () => {
    const odd = [
      '',
      ' ',
      'a\u0000b',
      '\ud800 half',
      'half \udc00',
      '😀'.repeat(50),
      '日本語のテキスト',
      '<|endoftext|> [CLS]',
    ];
    const { vectors, tooLong, failure } = await model().embed(call(), odd);
    expect({ tooLong, failure }).toEqual({ tooLong: undefined, failure: undefined });
    for (const vector of vectors) expect(norm(vector)).toBeCloseTo(1, 4);
  });

  it('names the texts that are too long, and embeds the others', async () => {
    const long = Array.from({ length: 700 }, (_, at) => `word${at % 7}`).join(' ');
    const { vectors, tooLong, failure } = await model().embed(call(), ['short', long, 'another', long]);
    expect(failure).toBeUndefined();
    expect([...tooLong!.keys()]).toEqual([1, 3]);
    for (const error of tooLong!.values())
      expect(error.extensions).toMatchObject({ reason: 'INPUT_TOO_LONG', limit: 512 });
    expect(norm(vectors[0]!)).toBeCloseTo(1, 4);
    expect(norm(vectors[2]!)).toBeCloseTo(1, 4);
  });

  it('ranks documents, all of them, the best first', async () => {
    const reranker = createOpenAIRerank(rerank, undefined);
    const documents = ['Refunds are paid within ten days.', 'The moon.', '', '日本語', '\ud800 half'];
    const answer = await reranker.rerank(call(), 'money back', documents);
    expect(answer!.results.map(({ index }) => index).toSorted()).toEqual([0, 1, 2, 3, 4]);
    const scores = answer!.results.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((one, other) => other - one));
    const again = await reranker.rerank(call(), 'money back', documents.toReversed());
    expect(again!.results.map(({ index }) => 4 - index)).toEqual(answer!.results.map(({ index }) => index));
    expect((await reranker.rerank(call(), '', ['x']))!.results).toHaveLength(1);
    await expect(reranker.rerank(call(), 'money', ['short', 'word '.repeat(900)])).rejects.toMatchObject({
      extensions: { reason: 'INPUT_TOO_LONG', limit: 512 },
    });
  });

  it('says of a model of another kind what it is not', async () => {
    const refused = (message: string) => ({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining(message) as string,
    });
    await expect(createOpenAIChat(embedding, 'x').generate(call(), ask('hi'))).rejects.toMatchObject(refused('logits'));
    await expect(createOpenAIEmbedding(chatServer, 'x').embed(call(), ['hi'])).rejects.toMatchObject(
      refused('does not support embeddings'),
    );
    await expect(createOpenAIEmbedding(rerank, 'x').embed(call(), ['hi'])).rejects.toMatchObject(
      refused('a vector without a direction'),
    );
    expect(await createOpenAIRerank(chatServer, undefined).rerank(call(), 'a', ['b'])).toBeNull();
    expect(await createOpenAIRerank(embedding, undefined).rerank(call(), 'a', ['b'])).toBeNull();
  });

  it('refuses another key, and tells it to nobody', async () => {
    for (const key of ['sk-not-the-right-one', '']) {
      const server = open(CHAT, key);
      await expect(createOpenAIChat(server, 'x').generate(call(), ask('hi'))).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: 'The model server refused the key.',
        extensions: { hint: expect.stringContaining('OPENAI_API_KEY') as string },
      });
      await server.close();
    }
  });
});

describe.runIf(CHAT)('a whole server on llama.cpp', { timeout: 120_000 }, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      OPENAI_BASE_URL: CHAT,
      OPENAI_API_KEY: KEY,
      CHAT_MODEL: 'assistant',
      EMBEDDING_BASE_URL: EMBEDDING,
      EMBEDDING_MODEL: 'all-minilm',
    });
  }, 120_000);
  afterAll(() => server?.[Symbol.asyncDispose]());

  async function query<T>(text: string, variables: object = {}): Promise<T> {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: text, variables }),
    });
    const { data, errors } = (await response.json()) as { data: T; errors?: unknown };
    expect(errors).toBeUndefined();
    return data;
  }

  it('says that the models are there, though their servers call them otherwise', async () => {
    const { models } = await query<{ models: object[] }>('{ models { id kind available detail } }');
    expect(models).toEqual([
      {
        id: 'all-minilm',
        kind: 'EMBEDDING',
        available: true,
        detail: 'Embeds texts and search queries. By its server: 384 dimensions; 512 tokens of a text.',
      },
      { id: 'assistant', kind: 'CHAT', available: true, detail: 'Answers `generate` and `generateStream`.' },
    ]);
  });

  it('generates, and finds by meaning what shares no word', async () => {
    const told = await query<{ generate: object }>(
      '{ generate(input: { messages: [{ role: USER, content: "hi" }] }) { text finishReason } }',
    );
    expect(told.generate).toEqual({ text: SENTENCE, finishReason: 'STOP' });
    const texts = {
      refunds: 'Customers who are unhappy are given what they paid within ten days.',
      astronomy: 'Jupiter is the largest planet; its red spot is a storm.',
      networks: 'A router forwards packets by the longest prefix that matches.',
    };
    const documents = Object.entries(texts).map(([source, text]) => ({
      source,
      title: 'Notes',
      text,
      mediaType: 'text/plain',
    }));
    await query(
      'mutation ($input: UpsertDocumentsInput!) { upsertDocuments(input: $input) { notIndexed { store } } }',
      {
        input: { documents, waitFor: ['VECTOR'] },
      },
    );
    type Found = Record<string, { nodes: [{ document: { source: string } }] }>;
    const found = await query<Found>(`{
      refunds: search(query: "Can I get my money back?", mode: VECTOR, first: 1) { nodes { document { source } } }
      astronomy: search(query: "gas giant in the solar system", mode: VECTOR, first: 1) { nodes { document { source } } }
      networks: search(query: "internet traffic", mode: VECTOR, first: 1) { nodes { document { source } } }
    }`);
    for (const [source, { nodes }] of Object.entries(found)) expect(nodes[0].document.source).toBe(source);
  });

  it('has the model answer a question, of which it cites nothing, and says so', async () => {
    const { ask } = await query<{ ask: object }>(
      'mutation { ask(input: { question: "Can I get my money back?", waitSeconds: 25 }) { run { status answer { text outcome method citations { source } } } } }',
    );
    expect(ask).toEqual({
      run: { status: 'SUCCEEDED', answer: { text: SENTENCE, outcome: 'UNCITED', method: 'MODEL', citations: [] } },
    });
  });
});
