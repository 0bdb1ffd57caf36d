/** What Prometheus reads of a whole server: that it counts what happened, whoever may read it, and no more than can be kept. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { post } from '#tests/e2e/contract/clients.ts';
import { startIssuer, type Issuer } from '#tests/gateway/issuer.ts';
import { startTestServer as startSmallServer, type TestServer as SmallServer } from '#tests/gateway/fixture.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { readMetrics, valueOf, type Sample } from '#tests/setup/prometheus-text.ts';

/** How long the server may take to tell what has happened. */
const PATIENCE = { timeout: 20_000 };

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer({ METRICS: 'true', METRICS_PORT: '0', METRICS_OPERATIONS: '2' });
});
afterAll(async () => await it[Symbol.asyncDispose]());

const ask = (query: string, variables?: Record<string, unknown>) => post(it.url, query, variables);
const textOf = async (url: string): Promise<string> => {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('version=0.0.4');
  return await response.text();
};
const read = async (): Promise<Sample[]> => readMetrics(await textOf(`${it.url}/metrics`));

describe('what is counted', () => {
  test('operations by name, type and outcome, with what they asked of subgraphs and stores', async () => {
    const before = await read();
    for (let count = 0; count < 3; count++)
      await ask('query Titles { documents(first: 2) { nodes { title entities(first: 1) { nodes { name } } } } }');
    await ask('query Fails { document(id: "nothing") { title } }');
    const after = await read();
    const grown = (name: string, labels: Record<string, string>): number =>
      (valueOf(after, name, labels) ?? 0) - (valueOf(before, name, labels) ?? 0);
    const operation = { graphql_operation_type: 'query', graphql_operation_name: 'Titles', outcome: 'ok' };
    expect(grown('tributary_operation_duration_seconds_count', operation)).toBe(3);
    expect(valueOf(after, 'tributary_operation_duration_seconds_sum', operation)).toBeGreaterThan(0);
    const failed = { graphql_operation_name: 'Fails', code: 'BAD_USER_INPUT' };
    expect(grown('tributary_operation_errors_total', failed)).toBe(1);
    const fetches = { subgraph: 'relational', caller: 'client', outcome: 'ok' };
    expect(grown('tributary_subgraph_duration_seconds_count', fetches)).toBe(3);
    expect(
      grown('db_client_operation_duration_seconds_count', { db_system_name: 'postgresql' }),
    ).toBeGreaterThanOrEqual(3);
    expect(
      grown('http_server_request_duration_seconds_count', { http_route: '/graphql', http_response_status_code: '200' }),
    ).toBe(4);
    expect(grown('tributary_plan_cache_requests_total', { result: 'hit' })).toBe(2);
  });

  test('what is refused before it runs, and who asks for what is not there', async () => {
    await ask('{ nothingOfTheKind }');
    await fetch(`${it.url}/some/path/of/a/client`);
    const samples = await read();
    const refused = { code: 'GRAPHQL_VALIDATION_FAILED', graphql_operation_name: '' };
    expect(valueOf(samples, 'tributary_operation_errors_total', refused)).toBe(1);
    expect(
      valueOf(samples, 'http_server_request_duration_seconds_count', {
        http_route: '*',
        http_response_status_code: '404',
      }),
    ).toBe(1);
  });

  test('stores, the pool, the outbox and the process', async () => {
    const samples = await read();
    expect(valueOf(samples, 'tributary_store_up', { subgraph: 'relational', store: 'postgres' })).toBe(1);
    expect(valueOf(samples, 'tributary_ready')).toBe(1);
    expect(valueOf(samples, 'tributary_supergraph_current')).toBe(1);
    expect(valueOf(samples, 'tributary_postgres_connections_max')).toBe(10);
    expect(valueOf(samples, 'tributary_outbox_entries', { state: 'pending' })).toBe(0);
    expect(valueOf(samples, 'tributary_outbox_age_seconds')).toBe(0);
    expect(valueOf(samples, 'process_memory_usage_bytes')).toBeGreaterThan(50_000_000);
    expect(valueOf(samples, 'process_cpu_time_seconds_total', { cpu_mode: 'user' })).toBeGreaterThan(0);
    expect(valueOf(samples, 'nodejs_eventloop_delay_p99_seconds')).toBeGreaterThan(0);
  });

  test('subscriptions while they are open, on every transport, and their events', async () => {
    const { data } = await ask('mutation { startRun(input: {}) { run { id } } }');
    const runId = (data as { startRun: { run: { id: string } } }).startRun.run.id;
    const client = createClient({ url: it.url.replace('http', 'ws') + '/graphql', webSocketImpl: WebSocket });
    const stream = client.iterate({
      query: 'subscription Follow($runId: ID!) { runEvents(runId: $runId) { __typename } }',
      variables: { runId },
    });
    const open = { graphql_operation_type: 'subscription' };
    const first = stream.next();
    await vi.waitFor(async () => expect(valueOf(await read(), 'tributary_subscription_open', open)).toBe(1), PATIENCE);
    expect(valueOf(await read(), 'tributary_sockets_open')).toBe(1);
    await ask(
      'mutation ($runId: ID!) { appendRunEvents(input: { runId: $runId, idempotencyKey: "a", events: [{ type: CUSTOM, payload: { name: "n", value: 1 } }] }) { run { id } } }',
      { runId },
    );
    await first;
    await vi.waitFor(
      async () => expect(valueOf(await read(), 'tributary_subscription_events_total', open)).toBeGreaterThanOrEqual(1),
      PATIENCE,
    );
    await stream.return?.();
    await vi.waitFor(async () => expect(valueOf(await read(), 'tributary_subscription_open', open)).toBe(0), PATIENCE);
    await client.dispose();
  });
});

describe('what clients choose', () => {
  test('names beyond the most are one, however many and whatever they are', async () => {
    for (let count = 0; count < 20; count++) await ask(`query Name${count} { __typename }`);
    await ask(`query ${'A'.repeat(3_000)} { __typename }`);
    const names = new Set(
      (await read()).flatMap(({ name, labels }) =>
        name === 'tributary_operation_duration_seconds_count' ? [labels['graphql_operation_name']] : [],
      ),
    );
    expect(names.size).toBeLessThanOrEqual(4); // Two, those without a name, and all others.
    expect(names).toContain('other');
  });

  test('methods and paths that nobody knows make no series of their own', async () => {
    const before = (await read()).length;
    for (let count = 0; count < 10; count++)
      await fetch(`${it.url}/path${count}`, { method: count % 2 ? 'PROPFIND' : 'PATCH' });
    for (let count = 0; count < 10; count++) await fetch(`${it.url}/runs/run${count}/events`);
    const grown = (await read()).length - before;
    // Some series of a few routes, each of some 20 buckets.
    expect(grown).toBeLessThan(130);
  });
});

describe('who reads it', () => {
  test('a port of its own answers nothing else', async () => {
    const own = `http://127.0.0.1:${it.server.metricsPort}`;
    expect(readMetrics(await textOf(`${own}/metrics`)).length).toBeGreaterThan(100);
    expect((await fetch(`${own}/graphql`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${own}/metrics`, { method: 'POST' })).status).toBe(405);
    const head = await fetch(`${own}/metrics`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test('without the variables there is nothing', async () => {
    await using plain = await startSmallServer();
    expect((await fetch(`${plain.url}/metrics`)).status).toBe(404);
    expect(plain.server.metricsPort).toBeUndefined();
  });

  describe('behind an issuer', () => {
    let issuer: Issuer;
    let guarded: SmallServer;
    beforeAll(async () => {
      issuer = await startIssuer();
      guarded = await startSmallServer({ METRICS: 'true', OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'tributary' });
    });
    afterAll(async () => {
      await guarded[Symbol.asyncDispose]();
      await issuer[Symbol.asyncDispose]();
    });

    test.each([
      [undefined, 401],
      ['documents:write', 403],
      ['metrics:read', 200],
    ])('a token with %s is answered %i', async (scope, status) => {
      const headers: Record<string, string> =
        scope === undefined ? {} : { authorization: `Bearer ${await issuer.token({ tenant: 'acme', scope })}` };
      expect((await fetch(`${guarded.url}/metrics`, { headers })).status).toBe(status);
    });
  });
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
test.runIf(promtool)("Prometheus' own tool finds nothing to say", async () => {
  const text = await textOf(`${it.url}/metrics`);
  expect(String(execFileSync('promtool', ['check', 'metrics'], { input: text, stdio: ['pipe', 'pipe', 'pipe'] }))).toBe(
    '',
  );
});
