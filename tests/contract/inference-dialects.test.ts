/** The OpenAI drivers on every dialect of the protocol: what callers get does not depend on who serves. */
import { afterEach, describe, expect, it } from 'vitest';
import { graphql } from 'graphql';
import type { ChatDelta, ChatRequest } from '#subgraphs/inference/driver.ts';
import { OpenAIServer } from '#subgraphs/inference/drivers/openai/index.ts';
import { createOpenAIChat } from '#subgraphs/inference/drivers/openai/chat.ts';
import { createOpenAIEmbedding } from '#subgraphs/inference/drivers/openai/embeddings.ts';
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
  ] as const)('keeps the server’s words with status $status', async ({ status, kind, code }) => {
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
        contextValue: createRequestContext({ tenantId: 'a', subject: 'tester', roles: [], scopes: [] }),
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
