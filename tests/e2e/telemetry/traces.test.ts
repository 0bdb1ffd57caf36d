/** Traces of a whole server as they are sent by OTLP: what is a part of what, whose decision holds, and what is never in them. */
import { randomBytes } from 'node:crypto';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startStandIn, type StandIn } from '#tests/contract/openai-server.ts';
import { startTestServer as startSmallServer } from '#tests/gateway/fixture.ts';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '#tests/setup/otlp-receiver.ts';
import { readMetrics, valueOf } from '#tests/setup/prometheus-text.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

/** Of OpenTelemetry's kinds of spans. */
const SERVER = 2;
const CLIENT = 3;

async function post(
  { url }: Pick<TestServer, 'url'>,
  query: string,
  { variables, headers }: { variables?: object; headers?: Record<string, string> } = {},
): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Record<string, unknown>;
}

const NESTED = 'query Nested { documents(first: 2) { nodes { title entities(first: 1) { nodes { name } } } } }';
const WRITE = `mutation Write($text: String!) {
  upsertDocument(input: { title: "Traced", source: "traced.md", mediaType: "text/markdown", text: $text }) { document { id } }
}`;

/** From the outermost to `span`. */
function wayTo(span: ReceivedSpan, spans: readonly ReceivedSpan[]): string[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return [...(parent === undefined ? [] : wayTo(parent, spans)), span.name];
}

/** How long spans may take to come. */
const PATIENCE = { timeout: 20_000 };
const SOON = { OTEL_BSP_SCHEDULE_DELAY: '10' };
let receiver: OtlpReceiver;
let server: TestServer;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  server = await startTestServer({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...SOON });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
});

/** All spans of the trace `traceId`, once its outermost one has come, which ends last. */
async function traceOf(traceId: string, from = receiver): Promise<ReceivedSpan[]> {
  return await vi.waitFor(() => {
    const spans = from.spans.filter((span) => span.traceId === traceId);
    const known = new Set(spans.map(({ spanId }) => spanId));
    const outermost = spans.filter(({ parentSpanId = '' }) => !known.has(parentSpanId));
    expect(outermost.map(({ kind }) => kind)).toEqual([SERVER]);
    return spans;
  }, PATIENCE);
}

/** Headers of a caller whose request is traced, or is not to be. */
function caller(flags = '01'): { traceId: string; headers: Record<string, string> } {
  const traceId = randomBytes(16).toString('hex');
  return { traceId, headers: { traceparent: `00-${traceId}-${'c'.repeat(16)}-${flags}` } };
}

test('a request is its operation, its calls to subgraphs, and their statements', async () => {
  await post(server, WRITE, { variables: { text: 'What is found.' } });
  const { traceId, headers } = caller();
  await post(server, NESTED, { headers });
  const spans = await traceOf(traceId);
  const ways = spans.map((span) => wayTo(span, spans).join(' > '));
  expect(ways).toContain('POST /graphql > query Nested > fetch relational > postgres');
  expect(ways).toContain('POST /graphql > query Nested > fetch graph > postgres');
  expect(spans.every(({ failed }) => !failed)).toBe(true);
  const statement = spans.find(({ name }) => name === 'postgres')!;
  expect(statement).toMatchObject({ kind: CLIENT, attributes: { 'db.system.name': 'postgresql' } });
  expect(spans.find(({ name }) => name === 'POST /graphql')).toMatchObject({
    parentSpanId: 'c'.repeat(16),
    attributes: { 'http.request.method': 'POST', 'http.route': '/graphql' },
  });
});

test('one that is traced asks stores no more often', async () => {
  const statements = async (flags: string): Promise<unknown> => {
    const headers = { ...caller(flags).headers, 'x-tributary-trace': 'true' };
    const { extensions } = await post(server, NESTED, { headers });
    return (extensions as { trace: { statements: unknown } }).trace.statements;
  };
  const plain = await statements('00');
  expect(plain).toEqual({ postgres: expect.any(Number) as number });
  expect(await statements('01')).toEqual(plain);
});

test('what fails says its code, and nothing that was sent', async () => {
  const secret = 'a-secret-of-the-client';
  await post(server, WRITE, { variables: { text: secret } });
  const { traceId, headers } = caller();
  const query = `query Failing($id: ID!) { document(id: $id) { title } search(query: "${secret}") { edges { score } } }`;
  await post(server, query, { variables: { id: secret }, headers: { ...headers, authorization: `Bearer ${secret}` } });
  const failed = (await traceOf(traceId)).find(({ name }) => name === 'query Failing')!;
  expect(failed).toMatchObject({ failed: true, attributes: { 'error.type': 'BAD_USER_INPUT' } });
  expect(receiver.bodies.join('')).not.toContain(secret);
});

test('an operation over a WebSocket is a trace of its own', async () => {
  const client = createClient({ url: `${server.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket });
  const query = NESTED.replace('Nested', 'OverSocket');
  for (let count = 0; count < 2; count++) for await (const _ of client.iterate({ query })) break;
  await client.dispose();
  const operations = await vi.waitFor(() => {
    const found = receiver.spans.filter(({ name }) => name === 'query OverSocket');
    expect(found).toHaveLength(2);
    return found;
  }, PATIENCE);
  expect(operations.map(({ parentSpanId }) => parentSpanId)).toEqual([undefined, undefined]);
  expect(new Set(operations.map(({ traceId }) => traceId)).size).toBe(2);
});

test('an operation that is not known is planned within it; one that is known is not', async () => {
  const query = NESTED.replace('Nested', 'PlannedOnce').replace('title', 'other: title');
  const plans: number[] = [];
  for (let count = 0; count < 2; count++) {
    const { traceId, headers } = caller();
    await post(server, query, { headers });
    const spans = await traceOf(traceId);
    const planned = spans.filter(({ name }) => name === 'plan');
    for (const span of planned) expect(wayTo(span, spans)).toEqual(['POST /graphql', 'query PlannedOnce', 'plan']);
    plans.push(planned.length);
  }
  expect(plans).toEqual([1, 0]);
});

test('each event of a subscription is a step of its own, with what it asked', async () => {
  const started = await post(server, 'mutation { startRun(input: {}) { run { id } } }');
  const { id } = (started['data'] as { startRun: { run: { id: string } } }).startRun.run;
  const client = createClient({ url: `${server.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket });
  const append = `mutation ($id: ID!, $key: String!) {
    appendRunEvents(input: { runId: $id, idempotencyKey: $key, events: [{ type: CUSTOM, payload: { name: "n", value: 1 } }] }) { run { id } } }`;
  const events = client.iterate({
    query: 'subscription Watched($id: ID!) { runEvents(runId: $id) { __typename run { agent { name } } } }',
    variables: { id },
  });
  for (const key of ['a', 'b']) {
    const next = events.next();
    await post(server, append, { variables: { id, key } });
    await next;
  }
  await events.return?.();
  await client.dispose();
  const spans = await vi.waitFor(() => {
    const outermost = receiver.spans.find(({ name }) => name === 'subscription Watched');
    expect(outermost).toBeDefined();
    const all = receiver.spans.filter(({ traceId }) => traceId === outermost!.traceId);
    // A run begins with its first event.
    expect(all.filter(({ name }) => name === 'event').length).toBeGreaterThanOrEqual(2);
    return all;
  }, PATIENCE);
  for (const span of spans.filter(({ name }) => name === 'event'))
    expect(wayTo(span, spans)).toEqual(['subscription Watched', 'event']);
});

describe('calls of models, by the conventions for generative AI', () => {
  const ASK = `query Ask($messages: [ChatMessageInput!]!) { generate(input: { messages: $messages, maxTokens: 50 }) { text } }`;
  const messages = [{ role: 'USER', content: 'one two three' }];
  let models: StandIn;
  beforeAll(async () => {
    models = await startStandIn();
  });
  afterAll(async () => await models[Symbol.asyncDispose]());
  const start = (env: Record<string, string>) =>
    startTestServer({
      ...SOON,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      METRICS: 'true',
      OPENAI_BASE_URL: models.baseUrl,
      OPENAI_API_KEY: models.apiKey,
      CHAT_MODEL: models.chatModel,
      MODEL_PRICES: `${models.chatModel}=1000000/2000000`,
      ...env,
    });

  test('say model, tokens, cost and why they ended; texts where the operator has them shown alone', async () => {
    for (const shown of [false, true]) {
      await using asked = await start({ OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: String(shown) });
      const { traceId, headers } = caller();
      const before = receiver.bodies.length;
      const answer = await post(asked, ASK, { variables: { messages }, headers });
      expect(answer).toMatchObject({ data: { generate: { text: 'three two one' } } });
      const spans = await traceOf(traceId);
      const call = spans.find(({ name }) => name === `chat ${models.chatModel}`)!;
      expect(wayTo(call, spans)).toEqual(['POST /graphql', 'query Ask', 'fetch inference', `chat ${models.chatModel}`]);
      const { 'gen_ai.input.messages': input, 'gen_ai.output.messages': output, ...rest } = call.attributes;
      expect(call.kind).toBe(CLIENT);
      expect(rest).toEqual({
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'server.address': '127.0.0.1',
        'server.port': Number(new URL(models.baseUrl).port),
        'gen_ai.request.model': models.chatModel,
        'gen_ai.response.model': models.chatModel,
        'gen_ai.response.finish_reasons': { values: [{ stringValue: 'stop' }] },
        'gen_ai.usage.input_tokens': expect.any(Number) as number,
        'gen_ai.usage.output_tokens': 3,
        'gen_ai.usage.cost': Number(rest['gen_ai.usage.input_tokens']) + 6,
        'tributary.gen_ai.usage.estimated': false,
      });
      if (shown) {
        expect(JSON.parse(input as string)).toEqual([
          { role: 'user', parts: [{ type: 'text', content: 'one two three' }] },
        ]);
        expect(JSON.parse(output as string)).toEqual([
          { role: 'assistant', parts: [{ type: 'text', content: 'three two one' }], finish_reason: 'stop' },
        ]);
      } else {
        expect([input, output]).toEqual([undefined, undefined]);
        expect(receiver.bodies.slice(before).join('')).not.toMatch(/one two three|three two one/);
      }
      const metrics = readMetrics(await (await fetch(`${asked.url}/metrics`)).text());
      const known = { gen_ai_operation_name: 'chat', gen_ai_request_model: models.chatModel };
      expect(valueOf(metrics, 'gen_ai_client_operation_duration_seconds_count', known)).toBe(1);
      expect(valueOf(metrics, 'gen_ai_client_token_usage_sum', { ...known, gen_ai_token_type: 'output' })).toBe(3);
      expect(valueOf(metrics, 'tributary_model_cost_total', known)).toBe(rest['gen_ai.usage.cost']);
    }
  });

  test('streamed, refused, and longer than is shown', async () => {
    await using asked = await start({ OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true' });
    const client = createClient({ url: `${asked.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket });
    const long = `${'x'.repeat(70_000)} end`;
    const query =
      'subscription Streamed($messages: [ChatMessageInput!]!) { generateStream(input: { messages: $messages, maxTokens: 50 }) { delta done } }';
    for await (const _ of client.iterate({
      query,
      variables: { messages: [...messages, { role: 'USER', content: long }] },
    }));
    await client.dispose();
    const { traceId, headers } = caller();
    models.next({ kind: 'status', status: 401 });
    await post(asked, ASK, { variables: { messages }, headers });
    const refused = (await traceOf(traceId)).find(({ name }) => name === `chat ${models.chatModel}`)!;
    expect(refused).toMatchObject({ failed: true, attributes: { 'error.type': 'STORE_UNAVAILABLE' } });
    const streamed = await vi.waitFor(() => {
      const [found] = receiver.spans.filter(
        ({ name, attributes }) =>
          name === `chat ${models.chatModel}` && String(attributes['gen_ai.input.messages']).includes('xxx'),
      );
      expect(found).toBeDefined();
      return found!;
    }, PATIENCE);
    const input = streamed.attributes['gen_ai.input.messages'] as string;
    expect(JSON.parse(input)).toMatchObject([
      { parts: [{ content: 'one two three' }] },
      { parts: [{ content: expect.stringMatching(/^x{32768}… \(37236 more characters\)$/) as string }] },
    ]);
    expect(streamed.attributes['gen_ai.usage.output_tokens']).toBe(2);
  });
});

test('lines of the log are sent where the operator has them sent, with the trace that they belong to', async () => {
  await using told = await startOtlpReceiver();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: told.url, OTEL_LOGS_EXPORTER: 'otlp', LOG_LEVEL: 'debug', ...SOON };
  await using small = await startSmallServer(env);
  const { traceId, headers } = caller();
  await small.post({ query: '{ fail }' }, headers);
  const line = await vi.waitFor(() => {
    const found = told.logs.find((each) => each.traceId === traceId);
    expect(found).toBeDefined();
    return found!;
  }, PATIENCE);
  expect(line).toMatchObject({
    severity: 'error',
    body: 'A field failed.',
    attributes: { 'exception.message': expect.any(String) as string, requestId: expect.any(String) as string },
  });
  // What is written is the same.
  expect(small.log.join('')).toContain(traceId);
});

describe('as the operator says', () => {
  let told: OtlpReceiver;
  let set: TestServer;
  beforeAll(async () => {
    told = await startOtlpReceiver();
    set = await startTestServer({
      ...SOON,
      OTEL_EXPORTER_OTLP_ENDPOINT: `${told.url}/`,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc',
      OTEL_METRIC_EXPORT_INTERVAL: '1000',
      OTEL_TRACES_SAMPLER_ARG: '0',
      OTEL_SERVICE_NAME: 'data',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test, team=a%2Cb',
      MAX_SPANS_PER_REQUEST: '3',
    });
  });
  afterAll(async () => {
    await set[Symbol.asyncDispose]();
    await told[Symbol.asyncDispose]();
  });

  test('nothing is traced but for a caller who decided so, and no more spans than a request may have', async () => {
    const [wanted, unwanted] = [caller(), caller('00')];
    await post(set, NESTED);
    for (const traceparent of ['nonsense', `00-${'0'.repeat(32)}-${'c'.repeat(16)}-01`, 'x'.repeat(5_000)])
      await post(set, NESTED, { headers: { traceparent } });
    await post(set, NESTED, { headers: unwanted.headers });
    await post(set, WRITE, { variables: { text: 'More than three.' }, headers: wanted.headers });
    const spans = await traceOf(wanted.traceId, told);
    expect(spans).toHaveLength(3);
    expect(spans.find(({ name }) => name === 'POST /graphql')!.attributes).toMatchObject({
      'tributary.spans.dropped': expect.any(Number) as number,
    });
    expect(new Set(told.spans.map(({ traceId }) => traceId))).toEqual(new Set([wanted.traceId]));
  });

  test('metrics are sent as well, with who they are of, and a header', async () => {
    await vi.waitFor(() => expect(told.metrics.at(-1)?.names).toContain('tributary.operation.duration'), {
      timeout: 20_000,
    });
    expect(told.metrics[0]!.resource).toMatchObject({
      'service.name': 'data',
      'deployment.environment.name': 'test',
      team: 'a,b',
    });
    expect(new Set(told.authorizations)).toEqual(new Set(['Bearer abc']));
  });
});

test('whoever does not take them holds up nothing, and the log says so', async () => {
  await using hanging = await startOtlpReceiver();
  hanging.hangs = true;
  for (const endpoint of [hanging.url, 'http://127.0.0.1:1']) {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_TIMEOUT: '200', ...SOON };
    await using small = await startSmallServer(env);
    const { json } = await small.post({ query: '{ book(id: "1") { title } }' });
    expect(json.data).toEqual({ book: { title: 'The Left Hand of Darkness' } });
    await vi.waitFor(() => expect(small.log.join('')).toContain('What was measured could not be sent.'), PATIENCE);
  }
});
