/** Traces of a whole server as they are sent by OTLP: what is a part of what, whose decision holds, and what is never in them. */
import { randomBytes } from 'node:crypto';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startTestServer as startSmallServer } from '#tests/gateway/fixture.ts';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '#tests/setup/otlp-receiver.ts';
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
