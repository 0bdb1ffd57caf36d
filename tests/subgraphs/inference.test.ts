/** The inference subgraph through its schema: built in, against the stand-in server, and switched off. */
import { graphql, parse, subscribe, type ExecutionResult } from 'graphql';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createInference, type InferenceConfig } from '#subgraphs/inference/index.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Usage, UsageSink } from '#subgraphs/shared/ports.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { startStandIn, type StandInOptions } from '#tests/contract/openai-server.ts';

type Answer = ExecutionResult<Record<string, any>>; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers of any shape

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const { close } of opened.splice(0)) await close();
});

class Recorder implements UsageSink {
  readonly records: (Usage & { tenantId: string })[] = [];
  record(context: RequestContext, usage: Usage): Promise<void> {
    context.signal?.throwIfAborted(); // As a store would that is given an ended request.
    this.records.push({ ...usage, tenantId: context.principal.tenantId });
    return Promise.resolve();
  }
}

const as = (tenantId: string, scopes: readonly string[] = ['models:use']): RequestContext =>
  createRequestContext({ tenantId, subject: 'tester', roles: [], scopes });
const run = async (
  subgraph: Subgraph,
  source: string,
  variables: Record<string, unknown> = {},
  context = as('a'),
): Promise<Answer> =>
  (await graphql({ schema: subgraph.schema, source, variableValues: variables, contextValue: context })) as Answer;
const codes = (result: Answer) => result.errors?.map(({ extensions }) => extensions.code) ?? [];

async function open(config: InferenceConfig, usageSink?: UsageSink, log?: (message: string, error: unknown) => void) {
  const subgraph = await createInference(config, { usageSink, log });
  opened.push(subgraph);
  return subgraph;
}

async function openWithServer(
  options: StandInOptions & { usageSink?: UsageSink; log?: (message: string) => void } = {},
) {
  const standIn = await startStandIn(options);
  const usage = new Recorder();
  const subgraph = await open(
    {
      openai: { baseUrl: standIn.baseUrl, apiKey: standIn.apiKey },
      embeddings: 'openai',
      embeddingModel: standIn.embeddingModel,
      chatModel: standIn.chatModel,
      timeoutMs: 10_000,
    },
    options.usageSink ?? usage,
    options.log,
  );
  opened.push({ close: async () => standIn[Symbol.asyncDispose]() });
  return { standIn, usage, subgraph };
}

const GENERATE = `query Generate($prompt: String!) {
  generate(input: { messages: [{ role: USER, content: $prompt }], maxTokens: 200 }) { text model finishReason usage { inputTokens outputTokens estimated } }
}`;
const STREAM = `subscription GenerateStream($prompt: String!) {
  generateStream(input: { messages: [{ role: USER, content: $prompt }], maxTokens: 200 }) { delta done finishReason usage { outputTokens estimated } }
}`;
const stream = async (subgraph: Subgraph, prompt: string, context = as('a')) =>
  (await subscribe({
    schema: subgraph.schema,
    document: parse(STREAM),
    variableValues: { prompt },
    contextValue: context,
  })) as AsyncGenerator<Answer, void, undefined>;

describe('built in', () => {
  it('embeds, and records nothing, since it costs nothing', async () => {
    const usage = new Recorder();
    const inference = await open({ embeddings: 'hashing-384-v1' }, usage);
    const context = as('a');
    const { data, errors } = await run(
      inference,
      `query Embed { embed(input: ["retry with backoff", "exponential backoff"]) { index model dimensions vector } }`,
      {},
      context,
    );
    expect(errors).toBeUndefined();
    expect(data!.embed).toHaveLength(2);
    expect(data!.embed[1]).toMatchObject({ index: 1, model: 'hashing-384-v1', dimensions: 384 });
    expect(data!.embed[1].vector).toHaveLength(384);
    expect(inference.provides.embedder!.model).toEqual({ name: 'hashing-384-v1', dimensions: 384 });
    expect((await inference.provides.embedder!.embed(context, [])).vectors).toEqual([]);
    expect(usage.records).toEqual([]);
    expect(context.statements.total).toBe(0);
  });

  it('says what it has, and what generation needs', async () => {
    const inference = await open({ embeddings: 'hashing-384-v1' });
    expect((await run(inference, `query Models { models { id kind provider available } }`)).data!.models).toEqual([
      { id: 'hashing-384-v1', kind: 'EMBEDDING', provider: 'built-in', available: true },
    ]);
    const refused = await run(inference, GENERATE, { prompt: 'x' });
    expect(refused.data).toEqual({ generate: null });
    expect(refused.errors![0]!.extensions).toMatchObject({
      code: 'STORE_DISABLED',
      hint: expect.stringMatching(/CHAT_MODEL.*OPENAI_BASE_URL/) as string,
    });
    expect(await stream(inference, 'x')).toMatchObject({ errors: [{ extensions: { code: 'STORE_DISABLED' } }] });
    expect(await inference.health()).toMatchObject([{ store: 'built-in', state: 'ok' }]);
  });

  it('reranks by embeddings, and says so', async () => {
    const inference = await open({ embeddings: 'hashing-384-v1' });
    const { data } = await run(
      inference,
      `{ rerank(query: "retry with jitter", documents: ["apples and pears", "retries need jitter", "jitter"], first: 2) { method model results { index score document } } }`,
    );
    expect(data!.rerank).toMatchObject({
      method: 'EMBEDDING',
      model: 'hashing-384-v1',
      results: [
        { document: expect.stringContaining('jitter') as string },
        { document: expect.stringContaining('jitter') as string },
      ],
    });
    expect(data!.rerank.results[0].score).toBeGreaterThanOrEqual(data!.rerank.results[1].score);
  });

  it('sums documents up', async () => {
    const inference = await open({ embeddings: 'hashing-384-v1' });
    const text =
      'Retries need jitter, or clients stampede. Clients that stampede overload the server. The office has a green door. Jitter spreads the retries of clients over time.';
    const query = (args: string) =>
      `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Document { id summary${args} { text method model } } } }`;
    const documents = {
      r: [
        { __typename: 'Document', id: 'doc_1', text },
        { __typename: 'Document', id: 'doc_2', text: null },
        { __typename: 'Document', id: 'doc_3' },
      ],
    };
    const { data, errors } = await run(inference, query('(maxSentences: 2)'), documents);
    expect(errors).toBeUndefined();
    expect(data!._entities[0].summary).toMatchObject({ method: 'EXTRACTIVE', model: null });
    expect(data!._entities[0].summary.text).not.toContain('door');
    expect(data!._entities[1]).toEqual({ id: 'doc_2', summary: null });
    expect(data!._entities[2]).toEqual({ id: 'doc_3', summary: null });
    const wished = await run(inference, query('(method: MODEL)'), documents);
    expect(wished.data!._entities[0].summary.method).toBe('EXTRACTIVE');
    for (const wrong of ['(maxSentences: 0)', '(maxSentences: 21)', '(maxSentences: -1)'])
      expect(codes(await run(inference, query(wrong), documents))).toContain('BAD_USER_INPUT');
  });

  it('refuses input that cannot be meant', async () => {
    const inference = await open({ embeddings: 'hashing-384-v1' });
    const embed = (input: string[]) =>
      run(inference, `query ($input: [String!]!) { embed(input: $input) { index } }`, { input });
    for (const input of [[], [''], [' \n'], ['a\0b'], ['x'.repeat(8_001)], Array.from({ length: 257 }, () => 'x')])
      expect(codes(await embed(input))).toEqual(['BAD_USER_INPUT']);
    expect((await embed(Array.from({ length: 256 }, () => 'x'.repeat(8_000)))).data!.embed).toHaveLength(256);
    const rerank = (variables: Record<string, unknown>) =>
      run(
        inference,
        `query ($q: String!, $d: [String!]!, $f: Int) { rerank(query: $q, documents: $d, first: $f) { method } }`,
        variables,
      );
    for (const variables of [
      { q: '', d: ['x'] },
      { q: 'x', d: [] },
      { q: 'x', d: [''] },
      { q: 'x', d: ['x'], f: 0 },
      { q: 'x'.repeat(1_000_000), d: ['x'] },
    ]) {
      expect(codes(await rerank(variables))).toEqual(['BAD_USER_INPUT']);
    }
    const generate = (input: Record<string, unknown>) =>
      run(inference, `query ($input: GenerateInput!) { generate(input: $input) { text } }`, {
        input: { messages: [{ role: 'USER', content: 'x' }], ...input },
      });
    for (const input of [
      { messages: [] },
      { messages: [{ role: 'USER', content: '' }] },
      { messages: [{ role: 'USER', content: 'x'.repeat(400_001) }] },
      { maxTokens: 0 },
      { maxTokens: -5 },
      { temperature: 2.5 },
      { stop: ['', 'a'] },
      { stop: ['1', '2', '3', '4', '5'] },
      { tools: [{ name: 'no spaces', parameters: {} }] },
      { tools: [{ name: 'a', parameters: [] }] },
      { tools: [1, 2].map(() => ({ name: 'twice', parameters: {} })) },
      { toolChoice: 'AUTO' },
      { messages: [{ role: 'TOOL', content: 'of no call' }] },
      { messages: [{ role: 'USER', content: 'x', toolCallId: 'a' }] },
      { messages: [{ role: 'USER', content: 'x', toolCalls: [{ id: 'a', name: 'b', arguments: '' }] }] },
      { messages: [{ role: 'ASSISTANT', content: '', toolCalls: [{ id: '', name: 'b', arguments: '' }] }] },
    ]) {
      expect(codes(await generate(input)), JSON.stringify(input).slice(0, 80)).toEqual(['BAD_USER_INPUT']);
    }
  });
});

describe('with a model server', () => {
  it('generates, and records the tokens for the tenant', async () => {
    const { subgraph, usage, standIn } = await openWithServer();
    const context = as('b');
    const { data, errors } = await run(subgraph, GENERATE, { prompt: 'one two three' }, context);
    expect(errors).toBeUndefined();
    expect(data!.generate).toEqual({
      text: 'three two one',
      model: 'test-chat',
      finishReason: 'STOP',
      usage: { inputTokens: 3, outputTokens: 3, estimated: false },
    });
    expect(usage.records).toEqual([
      {
        tenantId: 'b',
        operation: 'GENERATE',
        provider: new URL(standIn.baseUrl).host,
        model: 'test-chat',
        inputTokens: 3,
        outputTokens: 3,
        estimated: false,
      },
    ]);
    expect(context.statements.counts()).toEqual({ openai: 1 });
  });

  it('says which texts are too long, with the limit, and bills the others', async () => {
    const { subgraph, usage } = await openWithServer({ maxInputTokens: 3 });
    const input = ['a b', 'a b c d', 'c d', 'a b c d e'];
    const { data, errors } = await run(subgraph, 'query Embed($input: [String!]!) { embed(input: $input) { index } }', {
      input,
    });
    expect(data).toEqual({ embed: null });
    expect(errors![0]!.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      reason: 'INPUT_TOO_LONG',
      limit: 3,
      limitUnit: 'TOKENS',
      inputs: [1, 3],
    });
    expect(errors![0]!.message).toMatch(
      /^2 of 4 texts are too long for the embedding model\..*maximum context length is 3/,
    );
    await vi.waitFor(() => expect(usage.records).toMatchObject([{ operation: 'EMBED', inputTokens: 4 }]));
    // What the API itself does not accept is told in the same way.
    const long = await run(subgraph, 'query Embed($input: [String!]!) { embed(input: $input) { index } }', {
      input: ['a', 'b'.repeat(8_001)],
    });
    expect(long.errors![0]!.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      limit: 8_000,
      limitUnit: 'CHARACTERS',
      inputs: [1],
    });
  });

  it('estimates tokens where the server counts none, and says so', async () => {
    const { subgraph, usage } = await openWithServer({ withoutUsage: true });
    expect((await run(subgraph, GENERATE, { prompt: '12345678' })).data!.generate.usage).toEqual({
      inputTokens: 2,
      outputTokens: 2,
      estimated: true,
    });
    for await (const _ of await stream(subgraph, '12345678'));
    expect(usage.records).toMatchObject([
      { inputTokens: 2, outputTokens: 2, estimated: true },
      { inputTokens: 2, outputTokens: 2, estimated: true },
    ]);
  });

  it('answers although the tokens cannot be recorded, and logs that', async () => {
    for (const usageSink of [
      { record: () => Promise.reject(new Error('database is down')) },
      {
        record: (): Promise<void> => {
          throw new Error('database is down');
        },
      },
    ]) {
      let log!: (message: string) => void;
      const logged = new Promise<string>((resolve) => (log = resolve));
      const { subgraph } = await openWithServer({ usageSink, log });
      expect((await run(subgraph, GENERATE, { prompt: 'a b' })).data!.generate.text).toBe('b a');
      expect(await logged).toContain('usage record');
    }
  });

  it('streams pieces, then exactly one end', async () => {
    const { subgraph, usage } = await openWithServer();
    const pieces: Record<string, any>[] = []; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers of any shape
    for await (const { data, errors } of await stream(subgraph, 'world there hello')) {
      expect(errors).toBeUndefined();
      pieces.push(data!.generateStream);
    }
    expect(pieces.map(({ delta }) => delta).join('')).toBe('hello there world');
    expect(pieces.filter(({ done }) => done)).toEqual([
      { delta: '', done: true, finishReason: 'STOP', usage: { outputTokens: 3, estimated: false } },
    ]);
    expect(pieces.at(-1)!.done).toBe(true);
    expect(usage.records).toMatchObject([{ operation: 'GENERATE', outputTokens: 3 }]);
  });

  it('ends the generation when the reader leaves, and records what it took', async () => {
    const { subgraph, usage, standIn } = await openWithServer();
    standIn.next({ kind: 'silent', after: 2 });
    const pieces = await stream(subgraph, 'd c b a');
    await pieces.next();
    await pieces.next();
    const waiting = pieces.next(); // The model is silent; leaving must not wait for it.
    await pieces.return(undefined);
    await standIn.abandoned();
    expect((await waiting).done).toBe(true);
    expect(usage.records).toMatchObject([{ operation: 'GENERATE', estimated: true }]);
  });

  it('ends the generation when the request is aborted', async () => {
    const { subgraph, standIn, usage } = await openWithServer();
    standIn.next({ kind: 'silent', after: 1 });
    const leaving = new AbortController();
    const pieces = await stream(
      subgraph,
      'b a',
      createRequestContext(
        { tenantId: 'a', subject: 't', roles: [], scopes: ['models:use'] },
        { signal: leaving.signal },
      ),
    );
    await pieces.next();
    const waiting = pieces.next();
    leaving.abort();
    await expect(waiting).rejects.toMatchObject({ extensions: { code: 'REQUEST_TIMEOUT' } });
    await standIn.abandoned();
    expect(usage.records).toMatchObject([{ operation: 'GENERATE', estimated: true }]);
  });

  it('tells of a stream that fails half way', async () => {
    const { subgraph, standIn } = await openWithServer();
    standIn.next({ kind: 'cut', after: 1 });
    const pieces = await stream(subgraph, 'b a');
    expect((await pieces.next()).value).toMatchObject({ data: { generateStream: { delta: 'a' } } });
    await expect(pieces.next()).rejects.toMatchObject({ extensions: { code: 'STORE_UNAVAILABLE' } });
  });

  it("embeds with the server's model, and records that", async () => {
    const { subgraph, usage } = await openWithServer();
    const { data } = await run(subgraph, `{ embed(input: ["one two", "three"]) { index model dimensions } }`);
    expect(data!.embed).toEqual([
      { index: 0, model: 'test-embedding', dimensions: 16 },
      { index: 1, model: 'test-embedding', dimensions: 16 },
    ]);
    expect(subgraph.provides.embedder!.model).toEqual({ name: 'test-embedding', dimensions: 16 });
    expect(usage.records).toMatchObject([{ operation: 'EMBED', inputTokens: 3, outputTokens: 0, estimated: false }]);
  });

  it("reranks with the server's model where it serves one", async () => {
    const { subgraph, usage } = await openWithServer({ rerank: 'jina' });
    const query = `{ rerank(query: "b", documents: ["a", "b"], first: 1) { method model results { index } } }`;
    expect((await run(subgraph, query)).data!.rerank).toEqual({
      method: 'MODEL',
      model: 'test-rerank',
      results: [{ index: 1 }],
    });
    expect(usage.records).toMatchObject([{ operation: 'RERANK', inputTokens: 7 }]);
    const other = await openWithServer();
    expect((await run(other.subgraph, query)).data!.rerank).toMatchObject({
      method: 'EMBEDDING',
      model: 'test-embedding',
    });
  });

  it('lets the chat model sum up where that is asked for', async () => {
    const { subgraph, usage, standIn } = await openWithServer();
    const query = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Document { summary(method: MODEL) { text method model } plain: summary { method } } } }`;
    const { data } = await run(subgraph, query, { r: [{ __typename: 'Document', id: 'd', text: 'one two three' }] });
    expect(data!._entities[0]).toEqual({
      summary: { text: 'three two one', method: 'MODEL', model: 'test-chat' },
      plain: { method: 'EXTRACTIVE' },
    });
    expect(usage.records).toHaveLength(1);
    expect(standIn.requests).toHaveLength(1);

    // Nor does it for whoever may not spend, however the field was reached.
    const given = { r: [{ __typename: 'Document', id: 'd', text: 'one two three' }] };
    const refused = await run(subgraph, query, given, as('a', ['documents:write']));
    expect(refused.data!._entities[0]).toEqual({ summary: null, plain: { method: 'EXTRACTIVE' } });
    expect(refused.errors).toMatchObject([
      { extensions: { code: 'FORBIDDEN', hint: expect.stringContaining('models:use') as string } },
    ]);
    expect(standIn.requests).toHaveLength(1);
  });

  it('lists what is used and what is served besides', async () => {
    const { subgraph, standIn } = await openWithServer();
    const provider = new URL(standIn.baseUrl).host;
    const models = `{ models { id kind provider available detail } }`;
    expect((await run(subgraph, models)).data!.models).toMatchObject([
      { id: 'test-embedding', kind: 'EMBEDDING', provider, available: true },
      { id: 'test-chat', kind: 'CHAT', provider, available: true },
      {
        id: 'other-embed-large',
        kind: 'EMBEDDING',
        provider,
        available: true,
        detail: expect.stringContaining('guessed') as string,
      },
    ]);
    expect(await subgraph.health()).toMatchObject([{ store: 'openai', state: 'ok' }]);
    const wrong = await open({
      openai: { baseUrl: standIn.baseUrl, apiKey: standIn.apiKey },
      embeddings: 'hashing-384-v1',
      chatModel: 'absent',
    });
    expect((await run(wrong, models)).data!.models[1]).toMatchObject({
      id: 'absent',
      available: false,
      detail: expect.stringContaining('does not list') as string,
    });
    const down = await open({
      openai: { baseUrl: 'http://127.0.0.1:1/v1' },
      embeddings: 'hashing-384-v1',
      chatModel: 'm',
    });
    expect((await run(down, models)).data!.models).toMatchObject([
      { id: 'hashing-384-v1', available: true },
      { id: 'm', available: false, detail: expect.stringContaining('cannot be reached') as string },
    ]);
    expect(await down.health()).toMatchObject([
      { store: 'built-in', state: 'ok' },
      { store: 'openai', state: 'down' },
    ]);
  });
});

describe('switched off', () => {
  it('has the same fields, which say what to set', async () => {
    const inference = await open({ embeddings: 'off' });
    const result = await run(
      inference,
      `{ embed(input: ["x"]) { index } rerank(query: "q", documents: ["d"]) { method } models { id } }`,
    );
    expect(result.data).toEqual({ embed: null, rerank: null, models: [] });
    expect(codes(result)).toEqual(['STORE_DISABLED', 'STORE_DISABLED']);
    expect(inference.provides.embedder!.model).toBeUndefined();
    expect(result.errors![0]!.extensions.hint).toContain('EMBEDDING_MODEL');
  });
});
