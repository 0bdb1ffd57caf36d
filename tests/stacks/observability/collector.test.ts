/** A real OpenTelemetry Collector between the server and whoever keeps what it tells: the file of ops/observability, but for addresses. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startStandIn, type StandIn } from '#tests/contract/openai-server.ts';
import { startOtlpReceiver, type OtlpReceiver } from '#tests/setup/otlp-receiver.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { startServer, type Server } from '#tests/stores/provision/server.ts';

const COLLECTOR = process.env['TEST_COLLECTOR'] ?? '';
const FILE = fileURLToPath(new URL('../../../ops/observability/collector.yaml', import.meta.url));
const PATIENCE = { timeout: 60_000 };
const KEYS = Buffer.from('public:secret').toString('base64');

/** What stands where Tempo, Langfuse, Loki and Prometheus would. */
const kept: Record<string, OtlpReceiver> = {};
let folder: string;
let models: StandIn;
let collector: Server | undefined;
/** Where it is to be found, whether it is there or not: a port of its own is another's while it is away. */
let relay: NetServer;
let it: TestServer;

async function startCollector(): Promise<Server> {
  let text = await readFile(FILE, 'utf8');
  for (const [name, { url }] of Object.entries(kept)) {
    const before = text;
    // JSON, which the stand-ins read; the default is protobuf.
    text = text.replace(
      new RegExp(`(otlp_http/${name}:\\n    endpoint: )\\S+`),
      (_, start: string) => `${start}${url}\n    encoding: json`,
    );
    expect(text).not.toBe(before);
  }
  return await startServer({
    command: COLLECTOR,
    args: async (free) => {
      const file = join(folder, 'collector.yaml');
      await writeFile(file, text.replace('0.0.0.0:4318', `127.0.0.1:${free}`));
      return ['--config', file];
    },
    cwd: folder,
    env: { LANGFUSE_KEYS: KEYS },
    ready: /Everything is ready/,
  });
}

describe.skipIf(COLLECTOR === '')('an OpenTelemetry Collector (TEST_COLLECTOR)', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-collector-'));
    for (const name of ['traces', 'models', 'logs', 'metrics']) kept[name] = await startOtlpReceiver();
    models = await startStandIn();
    collector = await startCollector();
    relay = createServer((socket) => {
      socket.on('error', () => undefined);
      if (collector === undefined) return void socket.destroy();
      const there = connect(collector.port, '127.0.0.1').on('error', () => socket.destroy());
      socket.pipe(there).pipe(socket);
    });
    await new Promise<void>((listening) => relay.listen(0, '127.0.0.1', listening));
    it = await startTestServer({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(relay.address() as AddressInfo).port}`,
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_BSP_SCHEDULE_DELAY: '10',
      OTEL_METRIC_EXPORT_INTERVAL: '1000',
      LOG_LEVEL: 'debug',
      OPENAI_BASE_URL: models.baseUrl,
      OPENAI_API_KEY: models.apiKey,
      CHAT_MODEL: models.chatModel,
      OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true',
    });
  }, 120_000);
  afterAll(async () => {
    await it?.[Symbol.asyncDispose]();
    await collector?.close();
    relay?.close();
    await models?.[Symbol.asyncDispose]();
    await Promise.all(Object.values(kept).map((each) => each[Symbol.asyncDispose]()));
    await rm(folder, { recursive: true, force: true });
  });

  /** @returns the trace's id */
  async function ask(query: string): Promise<string> {
    const traceId = randomBytes(16).toString('hex');
    const response = await fetch(`${it.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent: `00-${traceId}-${'c'.repeat(16)}-01` },
      body: JSON.stringify({ query }),
    });
    expect(response.status).toBe(200);
    await response.arrayBuffer();
    return traceId;
  }

  /** Names of a trace's spans, where it is kept. */
  const spansOf = (where: string, traceId: string): string[] =>
    kept[where]!.spans.filter((span) => span.traceId === traceId).map(({ name }) => name);

  test('its own tool finds nothing wrong with the file', () => {
    execFileSync(COLLECTOR, ['validate', '--config', FILE], { env: { ...process.env, LANGFUSE_KEYS: KEYS } });
  });

  test('a request, its plan, its fetches, their statements and what a model was asked come through it', async () => {
    const traceId = await ask(
      'query Both { documents(first: 1) { nodes { title } } generate(input: { messages: [{ role: USER, content: "one two" }] }) { text } }',
    );
    for (const where of ['traces', 'models'])
      await vi.waitFor(() => {
        expect(spansOf(where, traceId)).toEqual(
          expect.arrayContaining([
            'POST /graphql',
            'query Both',
            'plan',
            'fetch relational',
            'postgres',
            `chat ${models.chatModel}`,
          ]),
        );
      }, PATIENCE);
    const call = kept['models']!.spans.find((span) => span.traceId === traceId && span.name.startsWith('chat'))!;
    expect(JSON.parse(call.attributes['gen_ai.output.messages'] as string)).toMatchObject([
      { parts: [{ content: 'two one' }] },
    ]);
    expect(new Set(kept['models']!.authorizations)).toEqual(new Set([`Basic ${KEYS}`]));
  });

  test('metrics and lines of the log too, with the trace that they belong to', async () => {
    models.next({ kind: 'status', status: 503 });
    const traceId = await ask('{ generate(input: { messages: [{ role: USER, content: "fails" }] }) { text } }');
    await vi.waitFor(() => expect(kept['logs']!.logs.find((line) => line.traceId === traceId)).toBeDefined(), PATIENCE);
    await vi.waitFor(
      () =>
        expect(kept['metrics']!.metrics.flatMap(({ names }) => names)).toEqual(
          expect.arrayContaining(['tributary.operation.duration', 'gen_ai.client.token.usage']),
        ),
      PATIENCE,
    );
  });

  test(
    'while it is away everybody is answered, and once it is back it is told again',
    { timeout: 120_000 },
    async () => {
      const before = collector!;
      collector = undefined;
      await before.close();
      await ask('query Away { documents(first: 1) { nodes { title } } }');
      collector = await startCollector();
      await vi.waitFor(async () => {
        const traceId = await ask('query Back { documents(first: 1) { nodes { title } } }');
        await vi.waitFor(() => expect(spansOf('traces', traceId)).toContain('query Back'), { timeout: 3_000 });
      }, PATIENCE);
    },
  );
});
