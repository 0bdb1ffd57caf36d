/** The rules and dashboards that come with the project, on what the server tells: by Prometheus' and Alertmanager's own tools, and by a Prometheus. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startStandIn, type StandIn } from '#tests/contract/openai-server.ts';
import { post } from '#tests/e2e/contract/clients.ts';
import { freePort } from '#tests/stores/provision/server.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const FOLDER = fileURLToPath(new URL('../../../ops/observability/', import.meta.url));

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly description: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}
const names = (await readdir(join(FOLDER, 'grafana'))).filter((name) => name.endsWith('.json'));
const dashboards = await Promise.all(
  names.map(async (name) => JSON.parse(await readFile(join(FOLDER, 'grafana', name), 'utf8')) as Dashboard),
);
const panels = dashboards.flatMap(({ uid, panels: all }) => all.map((panel) => ({ ...panel, uid })));

test('dashboards say what each panel shows, once', () => {
  expect(dashboards.length).toBeGreaterThanOrEqual(4);
  expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(dashboards.length);
  for (const { uid, title, description } of panels) expect(description, `${uid}: ${title}`).toMatch(/\.$/);
});

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const run = (program: string, ...args: string[]): string =>
  String(execFileSync(program, args, { cwd: FOLDER, stdio: ['ignore', 'pipe', 'pipe'] }));

describe.runIf(has('promtool'))("by Prometheus' own tool", () => {
  test('the configuration and its rules hold', () => void run('promtool', 'check', 'config', 'prometheus.yaml'));
  test('alerts are told when they should be, and not else', () =>
    void run('promtool', 'test', 'rules', 'rules.test.yaml'));
});

describe.runIf(has('amtool'))("by Alertmanager's own tool", () => {
  test('the configuration holds', () => void run('amtool', 'check-config', 'alertmanager.yaml'));
  test.each([
    ['critical', 'on-call'],
    ['warning', 'channel'],
  ])('what is %s goes to %s', (severity, receiver) => {
    const told = run('amtool', 'config', 'routes', 'test', '--config.file=alertmanager.yaml', `severity=${severity}`);
    expect(told.trim()).toBe(receiver);
  });
});

/** Panels that are empty where all is well, and here: nothing is remote, and nothing was refused. */
const EMPTY = ['Circuit breakers', 'Requests refused by limits', 'Errors of subscriptions', 'Calls that failed'];

describe.runIf(has('prometheus'))('by a Prometheus that reads a server', () => {
  let it: TestServer;
  let models: StandIn;
  let folder: string;
  let prometheus: ChildProcess;
  let url: string;

  beforeAll(async () => {
    models = await startStandIn();
    it = await startTestServer({
      METRICS_PORT: '0',
      OPENAI_BASE_URL: models.baseUrl,
      OPENAI_API_KEY: models.apiKey,
      CHAT_MODEL: models.chatModel,
      MODEL_PRICES: '*=1/2',
    });
    folder = await mkdtemp(join(tmpdir(), 'tributary-prometheus-'));
    const given = await readFile(join(FOLDER, 'prometheus.yaml'), 'utf8');
    const config = given
      .replace('tributary:9464', `127.0.0.1:${it.server.metricsPort}`)
      .replaceAll('_interval: 15s', '_interval: 1s')
      .replace('rules.yaml', join(FOLDER, 'rules.yaml'));
    await writeFile(join(folder, 'prometheus.yaml'), config);
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    prometheus = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yaml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore' },
    );
  });
  afterAll(async () => {
    if (prometheus.exitCode === null) {
      const ended = once(prometheus, 'exit');
      prometheus.kill('SIGTERM');
      await ended;
    }
    await it[Symbol.asyncDispose]();
    await models[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  /** Something of everything that panels show. */
  async function use(): Promise<void> {
    await post(
      it.url,
      'query Titles { documents(first: 2) { nodes { title entities(first: 1) { nodes { name } } } } }',
    );
    await post(it.url, 'query Fails { document(id: "nothing") { title } }');
    await post(
      it.url,
      'mutation Writes { upsertDocument(input: { title: "Seen", source: "seen.md", mediaType: "text/markdown", text: "Seen.", entities: [{ name: "seen", kind: "PACKAGE" }] }) { document { id } } }',
    );
    const { data } = await post(it.url, 'mutation Starts { startRun(input: {}) { run { id } } }');
    const runId = (data!['startRun'] as { run: { id: string } }).run.id;
    const append = (key: string) =>
      post(
        it.url,
        'mutation Appends($runId: ID!, $key: String!) { appendRunEvents(input: { runId: $runId, idempotencyKey: $key, events: [{ type: CUSTOM, payload: { name: "n", value: 1 } }] }) { run { id } } }',
        { runId, key },
      );
    await append('a');
    const client = createClient({ url: `${it.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket });
    const query = 'subscription Follow($runId: ID!) { runEvents(runId: $runId) { __typename } }';
    let events = 0;
    for await (const _ of client.iterate({ query, variables: { runId } })) {
      events += 1;
      // What comes while it is followed is late or not; what was there before is neither.
      if (events === 2) await append('b');
      if (events === 3) break;
    }
    await post(it.url, '{ generate(input: { messages: [{ role: USER, content: "one two" }] }) { text } }');
    await client.dispose();
  }

  async function ask(expr: string): Promise<{ status: string; error?: string; data: { result: unknown[] } }> {
    const asked = expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m');
    const response = await fetch(`${url}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: asked }),
    });
    return (await response.json()) as Awaited<ReturnType<typeof ask>>;
  }

  test(
    'every panel but those of what is wrong shows something, and none asks for what cannot be',
    { timeout: 120_000 },
    async () => {
      await vi.waitFor(
        async () => {
          await use();
          const blank: string[] = [];
          for (const { uid, title, targets } of panels)
            for (const { expr } of targets) {
              const { status, error, data } = await ask(expr);
              expect(status, `${uid}: ${title}: ${error}`).toBe('success');
              if (data.result.length === 0 && !EMPTY.includes(title)) blank.push(`${uid}: ${title}: ${expr}`);
            }
          expect(blank).toEqual([]);
        },
        { timeout: 100_000, interval: 1_000 },
      );
    },
  );

  test('and no alert is told of a server that is well', async () => {
    const response = await fetch(`${url}/api/v1/rules`);
    const { data } = (await response.json()) as {
      data: { groups: { rules: { name: string; health: string; lastError?: string; alerts: unknown[] }[] }[] };
    };
    const rules = data.groups.flatMap(({ rules: all }) => all);
    expect(rules.length).toBeGreaterThan(5);
    expect(rules.filter(({ health }) => health === 'err')).toEqual([]);
    expect(rules.find(({ name }) => name === 'TributaryAway')!.alerts).toEqual([]);
    expect(rules.find(({ name }) => name === 'TributaryStoreDown')!.alerts).toEqual([]);
  });
});
