/** The drivers of models, and a whole server, on real servers: Ollama with a real transformer, and LiteLLM's proxy before it. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createOpenAIChat } from '#subgraphs/inference/drivers/openai/chat.ts';
import { createOpenAIEmbedding } from '#subgraphs/inference/drivers/openai/embeddings.ts';
import { OpenAIServer } from '#subgraphs/inference/drivers/openai/index.ts';
import { createOpenAIRerank } from '#subgraphs/inference/drivers/openai/rerank.ts';
import { ask, call, collect, inferenceDriverContract, norm } from '#tests/contract/inference-driver.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const {
  TEST_OLLAMA_BASE_URL: OLLAMA = '',
  TEST_LITELLM_BASE_URL: LITELLM = '',
  TEST_LITELLM_API_KEY: KEY = '',
  TEST_SERVED_EMBEDDING_MODEL: MODEL = '',
} = process.env;

const open = (baseUrl: string, apiKey: string | undefined = undefined) =>
  new OpenAIServer({ baseUrl, ...(apiKey && { apiKey }), timeoutMs: 60_000, urlVariable: 'OPENAI_BASE_URL' });
const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, at) => sum + value * b[at]!, 0);

const SERVERS = [
  { name: 'Ollama', url: OLLAMA, key: undefined, served: { dimensions: 384, maxTokens: 512, truncates: true } },
  { name: 'LiteLLM', url: LITELLM, key: KEY, served: { dimensions: 384, maxTokens: 512 } },
];

// A transformer on a busy processor takes its time.
const SLOW = { timeout: 300_000 };

describe.runIf(OLLAMA)('real servers of models', SLOW, () => {
  for (const { name, url, key } of SERVERS)
    inferenceDriverContract(name, () => {
      const server = open(url, key);
      return Promise.resolve({
        server,
        embedding: createOpenAIEmbedding(server, MODEL),
        chat: undefined,
        close: () => server.close(),
      });
    });

  describe.each(SERVERS)('$name', ({ url, key, served }) => {
    let server: OpenAIServer;
    beforeAll(() => {
      server = open(url, key);
    });
    afterAll(() => server.close());

    it('tells what its model takes', async () => {
      expect(await createOpenAIEmbedding(server, MODEL).served!()).toEqual(served);
    });

    it('tells nearness of meaning', async () => {
      const { vectors, usage } = await createOpenAIEmbedding(server, MODEL).embed(call(), [
        'How can I get my money back?',
        'Refunds are paid within ten days.',
        'The moon is full tonight.',
      ]);
      expect(cosine(vectors[0]!, vectors[1]!)).toBeGreaterThan(cosine(vectors[0]!, vectors[2]!) + 0.2);
      expect(usage!.inputTokens).toBeGreaterThan(20);
    });

    it('embeds whatever a text may hold, halves of surrogate pairs included, which Python cannot encode', async () => {
      const odd = [
        '',
        'a\u0000b',
        '\ud800 half',
        'half \udc00',
        '😀'.repeat(50),
        '日本語のテキスト',
        '<|endoftext|> [CLS]',
      ];
      const { vectors, tooLong, failure } = await createOpenAIEmbedding(server, MODEL).embed(call(), odd);
      expect({ tooLong, failure }).toEqual({ tooLong: undefined, failure: undefined });
      for (const vector of vectors) expect(norm(vector)).toBeCloseTo(1, 4);
    });

    it('cuts a text that is too long, as it says', async () => {
      const long = (words: number) => Array.from({ length: words }, (_, at) => `word${at % 7}`).join(' ');
      const { vectors } = await createOpenAIEmbedding(server, MODEL).embed(call(), [long(2_000), long(3_000), 'short']);
      expect(cosine(vectors[0]!, vectors[1]!)).toBeGreaterThan(0.999);
      expect(cosine(vectors[0]!, vectors[2]!)).toBeLessThan(0.9);
    });

    it('gives as many dimensions as were asked for, whether it knows how or not', async () => {
      const cut = createOpenAIEmbedding(server, MODEL, { dimensions: 128 });
      const { vectors, dimensions } = await cut.embed(call(), ['first dimensions alone']);
      expect(dimensions).toBe(128);
      expect(norm(vectors[0]!)).toBeCloseTo(1, 4);
      const whole = (await createOpenAIEmbedding(server, MODEL).embed(call(), ['first dimensions alone'])).vectors[0]!;
      const first = whole.subarray(0, 128);
      expect(cosine(vectors[0]!, first) / norm(first)).toBeCloseTo(1, 3);
      await expect(
        createOpenAIEmbedding(server, MODEL, { dimensions: 1_024 }).embed(call(), ['x']),
      ).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', extensions: { hint: expect.stringContaining('384') } });
    });

    it('has its refusals told as what they are: a model that is not there, one of another kind', async () => {
      await expect(createOpenAIEmbedding(server, 'no-such-model').embed(call(), ['x'])).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringContaining('does not serve the model "no-such-model"'),
        extensions: { hint: expect.stringContaining('EMBEDDING_MODEL') },
      });
      await expect(createOpenAIChat(server, MODEL).generate(call(), ask('hello'))).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
        message: expect.stringContaining('does not support chat'),
      });
    });

    it('does not rerank, which is found out once', async () => {
      const reranker = createOpenAIRerank(server, MODEL);
      const [first, second] = [call(), call()];
      expect(await reranker.rerank(first, 'q', ['a', 'b'])).toBeNull();
      expect(await reranker.rerank(second, 'q', ['a', 'b'])).toBeNull();
      expect(second.statements.total).toBe(0);
    });
  });

  it("LiteLLM's refusal of a key is the operator's to mend, and tells the key to nobody", async () => {
    for (const key of ['sk-not-the-right-one', undefined]) {
      const server = open(LITELLM, key);
      const refused = createOpenAIEmbedding(server, MODEL).embed(call(), ['x']);
      await expect(refused).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: 'The model server refused the key.',
        extensions: { hint: expect.stringContaining('OPENAI_API_KEY') },
      });
      await server.close();
    }
  });

  it('LiteLLM generates and streams, with usage', async () => {
    const server = open(LITELLM, KEY);
    const chat = createOpenAIChat(server, 'mocked-chat');
    const answer = await chat.generate(call(), ask('Say hello'));
    expect(answer).toMatchObject({ text: 'A mocked answer.', finishReason: 'STOP' });
    expect(answer.usage!.outputTokens).toBeGreaterThan(0);
    const deltas = await collect(chat.stream(call(), ask('Say hello \ud800')));
    expect(deltas.map(({ text }) => text).join('')).toBe('A mocked answer.');
    expect(deltas.filter(({ finishReason }) => finishReason)).toHaveLength(1);
    await server.close();
  });
});

describe.runIf(OLLAMA)(
  'a whole server',
  () => {
    const models = { OPENAI_BASE_URL: LITELLM, OPENAI_API_KEY: KEY, CHAT_MODEL: 'mocked-chat', EMBEDDING_MODEL: MODEL };
    const TEXTS: Readonly<Record<string, string>> = {
      refunds: 'Customers who are unhappy are given what they paid within ten days.',
      astronomy: 'Jupiter is the largest planet; its red spot is a storm.',
      cooking: 'Simmer the onions in butter until they are golden.',
      gardening: 'Roses want to be pruned before the last frost.',
      networks: 'A router forwards packets by the longest prefix that matches.',
    };
    /** Of which no word stands in the text that answers it. */
    const QUESTIONS: Readonly<Record<string, string>> = {
      refunds: 'Can I get my money back?',
      astronomy: 'gas giant in the solar system',
      cooking: 'recipe for frying vegetables',
      gardening: 'When should I cut flowers in my yard?',
      networks: 'internet traffic',
    };
    let server: TestServer | undefined;
    afterAll(() => server?.[Symbol.asyncDispose]());

    async function query<T>(text: string, variables: object = {}): Promise<T> {
      const response = await fetch(`${server!.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: text, variables }),
      });
      const { data, errors } = (await response.json()) as { data: T; errors?: unknown };
      expect(errors).toBeUndefined();
      return data;
    }

    const found = async (): Promise<Record<string, string>> => {
      const aliases = Object.entries(QUESTIONS).map(
        ([name, question]) =>
          `${name}: search(query: ${JSON.stringify(question)}, mode: VECTOR, first: 1) { nodes { document { source } } }`,
      );
      type Found = Record<string, { nodes: [{ document: { source: string } }] }>;
      const answers = await query<Found>(`{ ${aliases.join(' ')} }`);
      return Object.fromEntries(Object.entries(answers).map(([name, { nodes }]) => [name, nodes[0].document.source]));
    };

    it('finds by meaning what shares no word, also after it was embedded by another model, and generates', async () => {
      await using database = await createTestDatabase();
      const wanted = Object.fromEntries(Object.keys(QUESTIONS).map((name) => [name, name]));

      server = await startTestServer({ DATABASE_URL: database.url, EMBEDDING_MODEL: 'hashing-384-v1' });
      await query(
        'mutation ($input: UpsertDocumentsInput!) { upsertDocuments(input: $input) { notIndexed { store } } }',
        {
          input: {
            documents: Object.entries(TEXTS).map(([source, text]) => ({
              source,
              title: 'Notes',
              text,
              mediaType: 'text/plain',
            })),
            waitFor: ['VECTOR'],
          },
        },
      );
      // Spelling alone does not.
      expect(await found()).not.toEqual(wanted);
      await server[Symbol.asyncDispose]();

      // Through the proxy, in the background.
      server = await startTestServer({ DATABASE_URL: database.url, ...models });
      await vi.waitFor(async () => expect(await found()).toEqual(wanted), { timeout: 120_000, interval: 500 });
      const told = await query<{ models: { id: string }[]; generate: { text: string } }>(
        '{ models { id } generate(input: { messages: [{ role: USER, content: "hi" }], maxTokens: 20 }) { text } }',
      );
      expect(told.generate.text).toBe('A mocked answer.');
      expect(told.models).toContainEqual(expect.objectContaining({ id: MODEL }));
      await server[Symbol.asyncDispose]();

      // The same model, asked without the proxy: nothing is embedded again.
      server = await startTestServer({
        DATABASE_URL: database.url,
        EMBEDDING_BASE_URL: OLLAMA,
        EMBEDDING_MODEL: MODEL,
      });
      expect(await found()).toEqual(wanted);
    });
  },
  300_000,
);
