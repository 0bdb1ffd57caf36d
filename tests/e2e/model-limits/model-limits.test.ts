/** Limits and budgets of models on a whole server, on every way in, and after a restart. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '#gateway/config/config.ts';
import { startServer } from '#gateway/server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { startStandIn, type StandIn } from '#tests/contract/openai-server.ts';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const GENERATE = {
  query: '{ generate(input: { messages: [{ role: USER, content: "one two" }], maxTokens: 400 }) { finishReason } }',
};
let standIn: StandIn;
let server: TestServer;
let env: Record<string, string>;
beforeAll(async () => {
  standIn = await startStandIn();
  env = {
    OPENAI_BASE_URL: standIn.baseUrl,
    OPENAI_API_KEY: standIn.apiKey,
    CHAT_MODEL: standIn.chatModel,
    MODEL_PRICES: '*=1/2',
    TRUSTED_PROXIES: '127.0.0.1',
    FORWARD_AUTH_USER_HEADER: 'remote-user',
    FORWARD_AUTH_TENANT_HEADER: 'remote-tenant',
    ROLE_SCOPES: '*=models:use usage:read audit:read',
    AUDIT_REFUSALS_WINDOW_MS: '3600000',
    RATE_LIMIT_PRINCIPAL_MODELS: '3/1d',
    MODEL_BUDGET_PRINCIPAL_MONEY: '0.0011',
    MODEL_BUDGET_TENANT_TOKENS: '1000',
  };
  server = await startTestServer(env);
}, 120_000);
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await standIn?.[Symbol.asyncDispose]();
});

const as = (user: string, tenant: string): Record<string, string> => ({ 'remote-user': user, 'remote-tenant': tenant });
const asked = (): number => standIn.requests.filter(({ path }) => path.endsWith('/chat/completions')).length;

describe('calls of models', () => {
  test.each(Object.entries(WAYS_IN).filter(([name]) => name !== 'GET'))('are limited: %s', async (name, send) => {
    const says = as('alice', name.replaceAll(/\W/g, '-'));
    const before = asked();
    for (let at = 0; at < 3; at++) expect((await send(server.url, GENERATE, says)).answer.errors).toBeUndefined();
    const { errors, data } = (await send(server.url, GENERATE, says)).answer;
    expect(data).toEqual({ generate: null });
    expect(errors![0]!.extensions).toMatchObject({ code: 'RATE_LIMITED', limit: 'principal-models' });
    expect(errors![0]!.extensions['retryAfterSeconds']).toBeGreaterThan(0);
    expect(asked() - before).toBe(3);
  });

  test.each(Object.entries(WAYS_IN).filter(([name]) => name !== 'GET'))('have a budget: %s', async (name, send) => {
    const says = as('bob', `budget-${name}`.replaceAll(/\W/g, '-'));
    const before = asked();
    // 600 tokens made cost 0.0012, and 400 cost 0.0008.
    const { errors } = (await send(server.url, { query: GENERATE.query.replace('400', '600') }, says)).answer;
    expect(errors![0]!.extensions).toMatchObject({ code: 'BUDGET_EXCEEDED', budget: 'principal-money', left: 0.0011 });
    expect((await send(server.url, GENERATE, says)).answer.errors).toBeUndefined();
    expect(asked() - before).toBe(1);
  });
});

test("what a budget refuses is in the tenant's audit log, once, without what was sent", async () => {
  const says = as('dora', 'audited');
  const input = 'input: { messages: [{ role: USER, content: "do not keep this" }], maxTokens: 600 }';
  const twice = `{ a: generate(${input}) { text } b: generate(${input}) { text } }`;
  await WAYS_IN['POST']!(server.url, { query: twice }, says);
  await WAYS_IN['WebSocket']!(server.url, { query: `subscription { generateStream(${input}) { delta } }` }, says);
  const query = '{ auditEntries(first: 100) { edges { node { actor action subjectId details } } } }';
  const nodes = await vi.waitFor(
    async () => {
      const { edges } = (await WAYS_IN['POST']!(server.url, { query }, says)).answer.data!.auditEntries;
      expect(edges).toHaveLength(2);
      return edges.map(({ node }: { node: { subjectId: string } }) => node);
    },
    { timeout: 20_000, interval: 100 },
  );
  const details = { code: 'BUDGET_EXCEEDED', address: '127.0.0.1' };
  expect(nodes).toEqual(
    expect.arrayContaining([
      { actor: 'dora', action: 'refused', subjectId: 'Query.generate', details: { ...details, count: 1 } },
      { actor: 'dora', action: 'refused', subjectId: 'Subscription.generateStream', details: { ...details, count: 1 } },
    ]),
  );
}, 60_000);

test('what was spent is known to another process, and still is after a restart', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'tributary-model-limits-'));
  const config = loadConfig({
    ...env,
    RATE_LIMIT_PRINCIPAL_MODELS: '0',
    MODEL_BUDGET_PRINCIPAL_MONEY: '100',
    MODEL_BUDGET_TENANT_TOKENS: '403',
    DATABASE_URL: server.databaseUrl,
    DATA_DIR: dataDir,
    PORT: '0',
  });
  const codes: unknown[] = [];
  const ask = async (url: string, user: string): Promise<void> => {
    const { errors } = (await WAYS_IN['POST']!(url, GENERATE, as(user, 'restarted'))).answer;
    codes.push(errors?.[0]?.extensions['code']);
  };
  // The same tenant, by the first server and by two that come after one another.
  await ask(server.url, 'carol');
  for (const user of ['dave', 'erin']) {
    const other = await startServer(config, { log: createLogger({ level: 'error' }) });
    try {
      await other.ready;
      await ask(other.url, user);
    } finally {
      await other.close();
    }
  }
  await rm(dataDir, { recursive: true, force: true });
  // The first took a few of 403, so that 400 more do not fit any longer.
  expect(codes).toEqual([undefined, 'BUDGET_EXCEEDED', 'BUDGET_EXCEEDED']);
}, 120_000);
