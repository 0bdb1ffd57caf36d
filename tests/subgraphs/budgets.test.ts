/** Daily budgets of models: reserved before a call, settled after it, by clocks that the tests move. */
import { graphql, parse, subscribe, type ExecutionResult } from 'graphql';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '#gateway/config/config.ts';
import { memoryLedger } from '#subgraphs/inference/drivers/memory-ledger.ts';
import { postgresLedger } from '#subgraphs/inference/drivers/postgres/ledger.ts';
import type { BudgetLedger, DaySums } from '#subgraphs/inference/driver.ts';
import { createInference, type InferenceConfig } from '#subgraphs/inference/index.ts';
import { Budgets, type BudgetLimits } from '#subgraphs/inference/spending/budgets.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { priceOf, readModelPrices } from '#subgraphs/shared/model-prices.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { startStandIn, type StandIn, type StandInOptions } from '#tests/contract/openai-server.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';

const as = (
  tenantId: string,
  subject = 'alice',
  more: { system?: boolean; signal?: AbortSignal } = {},
): RequestContext =>
  createRequestContext(
    { tenantId, subject, roles: [], scopes: ['models:use'], ...(more.system === true ? { system: true } : {}) },
    { signal: more.signal },
  );
const MORNING = Date.UTC(2026, 10, 28, 8);

let database: TestDatabase;
let postgres: Postgres;
beforeAll(async () => {
  database = await createTestDatabase();
  postgres = new Postgres({ url: database.url });
  await postgres.migrate('inference', new URL('../../subgraphs/inference/migrations/', import.meta.url));
});
afterAll(async () => {
  await postgres?.close();
  await database?.[Symbol.asyncDispose]();
});

describe.each<[string, () => BudgetLedger]>([
  ['memory', memoryLedger],
  ['PostgreSQL', () => postgresLedger(postgres)],
])('a ledger in %s', (kind, open) => {
  const sumsOf = async (ledger: BudgetLedger, context: RequestContext, day = '2026-11-28'): Promise<DaySums> => {
    let found: DaySums | undefined;
    await ledger.add(context, day, { tokens: 0, money: 0 }, (sums) => (found = sums));
    return found!;
  };

  test('adds up what a tenant and each of its callers spend', async () => {
    const [ledger, tenant] = [open(), `${kind}-adds`];
    await ledger.add(as(tenant), '2026-11-28', { tokens: 100, money: 0.25 });
    await ledger.add(as(tenant, 'bob'), '2026-11-28', { tokens: 10, money: 0.5 });
    await ledger.add(as(tenant, 'system:indexer', { system: true }), '2026-11-28', { tokens: 1, money: 0 });
    await ledger.add(as(`${tenant}-other`), '2026-11-28', { tokens: 5_000, money: 9 });
    await ledger.add(as(tenant), '2026-11-28', { tokens: -60, money: -0.25 });
    expect(await sumsOf(ledger, as(tenant))).toMatchObject({
      tenant: { tokens: 51, money: 0.5 },
      principal: { tokens: 40, money: 0 },
    });
    expect(await sumsOf(ledger, as(tenant, 'bob'))).toMatchObject({ principal: { tokens: 10, money: 0.5 } });
  });

  test('adds nothing that does not pass', async () => {
    const [ledger, context] = [open(), as(`${kind}-check`)];
    const refuse = ledger.add(context, '2026-11-28', { tokens: 7, money: 7 }, () => {
      throw new CodedError('BUDGET_EXCEEDED', 'No.');
    });
    await expect(refuse).rejects.toThrow('No.');
    expect(await sumsOf(ledger, context)).toMatchObject({ tenant: { tokens: 0, money: 0 } });
  });

  test('begins each day anew, and does not begin one again for a clock that goes back', async () => {
    const [ledger, context] = [open(), as(`${kind}-days`)];
    await ledger.add(context, '2026-11-28', { tokens: 7, money: 0 });
    expect(await sumsOf(ledger, context, '2026-11-29')).toMatchObject({ tenant: { tokens: 0 } });
    // What began yesterday ends on its day.
    await ledger.add(context, '2026-11-28', { tokens: -5, money: 0 });
    await ledger.add(context, '2026-11-29', { tokens: 3, money: 0 });
    const back = await sumsOf(ledger, context, '2026-11-28');
    expect(back.tenant.tokens).toBeGreaterThan(0);
    expect(await sumsOf(ledger, context, '2026-11-29')).toMatchObject({ tenant: { tokens: 3 } });
  });

  test('lets no more pass than there is, however many ask at once', async () => {
    const [ledger, context] = [open(), as(`${kind}-at-once`)];
    const budgets = new Budgets({
      limits: { tenantTokens: 100 },
      prices: new Map(),
      ledger,
      log: unexpected,
      now: () => MORNING,
    });
    const asked = await Promise.allSettled(
      Array.from({ length: 30 }, () => budgets.reserve(context, 'm', { inputTokens: 5, outputTokens: 15 })),
    );
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect((await sumsOf(ledger, context)).tenant.tokens).toBe(100);
  });
});

test('a ledger in PostgreSQL holds for all processes, and through restarts', async () => {
  const context = as('replicas');
  const replica = (): Budgets =>
    new Budgets({
      limits: { tenantTokens: 30 },
      prices: new Map(),
      ledger: postgresLedger(postgres),
      log: unexpected,
      now: () => MORNING,
    });
  await replica().reserve(context, 'm', { inputTokens: 20, outputTokens: 0 });
  await expect(replica().reserve(context, 'm', { inputTokens: 20, outputTokens: 0 })).rejects.toThrow(/10 of 30/);
});

test("a tenant sees and changes nothing of another's, and old days go", async () => {
  const ledger = postgresLedger(postgres);
  await ledger.add(as('seen'), '2026-11-01', { tokens: 1, money: 0 });
  const rows = async (tenant: string): Promise<unknown[]> =>
    await postgres.read(as(tenant), {
      sql: 'SELECT day::text, subject FROM inference.budget_days ORDER BY 1, 2',
      parameters: [],
    });
  expect(await rows('unseen')).toEqual([]);
  await ledger.add(as('unseen'), '2026-11-28', { tokens: 1, money: 0 });
  expect(await rows('seen')).toHaveLength(2);
  await ledger.add(as('seen'), '2026-11-28', { tokens: 1, money: 0 });
  expect(await rows('seen')).toEqual([
    { day: '2026-11-28', subject: '' },
    { day: '2026-11-28', subject: 'alice' },
  ]);
});

const unexpected = (message: string, error: unknown): void => {
  throw new Error(message, { cause: error });
};

describe('a budget', () => {
  const budgets = (limits: BudgetLimits, clock = { now: MORNING }) =>
    new Budgets({
      limits,
      prices: readModelPrices('m=2/8; free=0')!,
      ledger: memoryLedger(),
      log: unexpected,
      now: () => clock.now,
    });
  const thousand = { inputTokens: 1_000, outputTokens: 0 };

  test('says what is left, and when it is renewed', async () => {
    const clock = { now: MORNING };
    const of = budgets({ principalTokens: 1_500 }, clock);
    await of.reserve(as('t'), 'm', thousand);
    const refused = await of.reserve(as('t'), 'm', thousand).catch((error: CodedError) => error);
    expect((refused as CodedError).extensions).toEqual({
      code: 'BUDGET_EXCEEDED',
      budget: 'principal-tokens',
      limit: 1_500,
      left: 500,
      resetsAt: '2026-11-29T00:00:00.000Z',
      retryAfterSeconds: 16 * 3_600,
      hint: expect.stringContaining('2026-11-29T00:00:00.000Z') as string,
    });
    await of.reserve(as('t'), 'm', { inputTokens: 500, outputTokens: 0 });
    await of.reserve(as('t', 'bob'), 'm', thousand);
    clock.now += 16 * 3_600_000;
    await of.reserve(as('t'), 'm', thousand);
  });

  test('is of the tenant and of the caller, however many projects they have', async () => {
    const of = budgets({ tenantTokens: 2_500, principalTokens: 1_500 });
    const { settle } = await of.reserve(as('t.red'), 'm', thousand);
    await expect(of.reserve(as('t.blue'), 'm', thousand)).rejects.toMatchObject({
      extensions: { budget: 'principal-tokens' },
    });
    await of.reserve(as('t.blue', 'bob'), 'm', thousand);
    await expect(of.reserve(as('t', 'carol'), 'm', thousand)).rejects.toMatchObject({
      extensions: { budget: 'tenant-tokens' },
    });
    await of.reserve(as('u.red', 'carol'), 'm', thousand);
    // What was not taken is given back to all of them.
    await settle('m', 'nothing');
    await of.reserve(as('t', 'carol'), 'm', thousand);
  });

  test('is of money, by the price of the model', async () => {
    const of = budgets({ tenantMoney: 0.01 });
    // 1,000 × 2 + 1,000 × 8 for a million: exactly all.
    const reservation = await of.reserve(as('t'), 'm', { inputTokens: 1_000, outputTokens: 1_000 });
    await expect(of.reserve(as('t', 'bob'), 'm', { inputTokens: 1, outputTokens: 0 })).rejects.toThrow(
      /daily budget of this tenant/,
    );
    await of.reserve(as('t'), 'free', thousand);
    await reservation.settle('m-2026-01-31', { inputTokens: 1_000, outputTokens: 0 });
    await of.reserve(as('t'), 'm', { inputTokens: 0, outputTokens: 1_000 });
    await expect(of.reserve(as('t'), 'm', thousand)).rejects.toThrow(/BUDGET|budget/);
  });

  test('of nothing lets nothing pass', async () => {
    await expect(
      budgets({ tenantTokens: 0 }).reserve(as('t'), 'm', { inputTokens: 1, outputTokens: 0 }),
    ).rejects.toThrow(/0 of 0/);
  });
});

test.each([
  ['m=2/8', 'm', { input: 2, output: 8 }],
  ['m=2', 'm', { input: 2, output: 2 }],
  ['gpt-x=1/2; gpt-x-mini=3/4', 'gpt-x-mini-2024-07-18', { input: 3, output: 4 }],
  ['gpt-x=1/2; *=9', 'gpt-x-mini', { input: 9, output: 9 }],
  ['llama=1/2', 'llama:latest', { input: 1, output: 2 }],
  // Nothing is free that nobody has priced.
  ['a=1/9; b=5/6', 'c', { input: 5, output: 9 }],
])('by %s, %s costs %o', (text, model, price) => expect(priceOf(readModelPrices(text)!, model)).toEqual(price));

test.each(['m', 'm=', 'm=-1', 'm=1/2/3', 'm=1;m=2', 'm=1e3', 'm=1,2', '=1'])('%s says no prices', (text) => {
  expect(readModelPrices(text)).toBeUndefined();
  expect(() => loadConfig({ MODEL_PRICES: text })).toThrow(/MODEL_PRICES must be/);
});

test('a budget of money is refused where nobody has said what the models cost', () => {
  const models = { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1', CHAT_MODEL: 'gpt-x', MODEL_BUDGET_TENANT_MONEY: '5' };
  expect(() => loadConfig(models)).toThrow(/MODEL_PRICES must say what gpt-x costs beside MODEL_BUDGET_TENANT_MONEY/);
  expect(() => loadConfig({ ...models, MODEL_PRICES: 'other=1' })).toThrow(/gpt-x costs/);
  expect(loadConfig({ ...models, MODEL_PRICES: '*=1' }).modelBudgets.tenantMoney).toBe(5);
});

describe('the inference subgraph', () => {
  type Answer = ExecutionResult<Record<string, unknown>>;
  const opened: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of opened.splice(0)) await close();
  });

  async function open(
    config: Partial<InferenceConfig>,
    { mayCall, ...options }: StandInOptions & { mayCall?: (context: RequestContext) => Promise<void> } = {},
  ): Promise<{ standIn: StandIn; subgraph: Subgraph }> {
    const standIn = await startStandIn({ rerank: 'jina', ...options });
    const { baseUrl, apiKey, embeddingModel, chatModel } = standIn;
    const subgraph = await createInference(
      { openai: { baseUrl, apiKey }, embeddings: 'openai', embeddingModel, chatModel, timeoutMs: 10_000, ...config },
      { usageSink: undefined, mayCall, log: unexpected },
    );
    opened.push(
      () => subgraph.close(),
      async () => standIn[Symbol.asyncDispose](),
    );
    return { standIn, subgraph };
  }
  const run = async ({ schema }: Subgraph, source: string, contextValue = as('t')): Promise<Answer> =>
    (await graphql({ schema, source, contextValue })) as Answer;
  const codes = ({ errors }: Answer): unknown[] => errors?.map(({ extensions }) => extensions['code']) ?? [];
  const GENERATE = (maxTokens: number): string =>
    `{ generate(input: { messages: [{ role: USER, content: "one two three four" }], maxTokens: ${maxTokens} }) { usage { inputTokens outputTokens } } }`;

  test.each([
    ['generate', GENERATE(50)],
    ['embed', '{ embed(input: ["some words to embed"]) { dimensions } }'],
    ['rerank', '{ rerank(query: "what", documents: ["one", "two"]) { method } }'],
  ])('asks no model past a budget: %s', async (_, source) => {
    const { standIn, subgraph } = await open({ tenantTokens: 2 });
    expect(codes(await run(subgraph, source))).toEqual(['BUDGET_EXCEEDED']);
    expect(standIn.requests.filter(({ path }) => !path.endsWith('/models'))).toEqual([]);
  });

  test('nor for a stream, which is refused before it opens', async () => {
    const { subgraph, standIn } = await open({ principalTokens: 2 });
    const refused = await subscribe({
      schema: subgraph.schema,
      document: parse(
        'subscription { generateStream(input: { messages: [{ role: USER, content: "one two" }] }) { delta } }',
      ),
      contextValue: as('t'),
    });
    expect(codes(refused as Answer)).toEqual(['BUDGET_EXCEEDED']);
    expect(standIn.requests).toEqual([]);
  });

  test('gives back what a call did not take', async () => {
    const { subgraph } = await open({ tenantTokens: 200 });
    // Each may take 105 and takes a few: were they not settled, the second would be refused.
    for (let at = 0; at < 3; at++) expect(codes(await run(subgraph, GENERATE(100)))).toEqual([]);
    const answers = await Promise.all([run(subgraph, GENERATE(100)), run(subgraph, GENERATE(100))]);
    expect(answers.flatMap(codes)).toEqual(['BUDGET_EXCEEDED']);
  });

  test('counts a refused call for nothing, and one that nobody waited for in full', async () => {
    const { standIn, subgraph } = await open({ tenantTokens: 150 });
    standIn.next({ kind: 'status', status: 400 });
    expect(codes(await run(subgraph, GENERATE(100)))).not.toEqual([]);
    const leave = new AbortController();
    standIn.next({ kind: 'hang' });
    const hanging = run(subgraph, GENERATE(100), as('t', 'alice', { signal: leave.signal }));
    await expect.poll(() => standIn.requests.length).toBe(2);
    leave.abort();
    await hanging;
    expect(codes(await run(subgraph, GENERATE(100)))).toEqual(['BUDGET_EXCEEDED']);
  });

  test('counts what was embedded before one text failed, and sends no further ones', async () => {
    const { standIn, subgraph } = await open({ tenantTokens: 40, embeddingBatch: 1, embeddingConcurrency: 2 });
    // Of 30 by the estimate, and of 64 by the server's count.
    const source = `{ embed(input: [${Array.from({ length: 8 }, () => '"a b c d e f g h"').join(' ')}]) { index } }`;
    const told: unknown[] = [];
    for (let at = 0; at < 3; at++) {
      standIn.next({ kind: 'status', status: 400 });
      told.push(...codes(await run(subgraph, source)));
    }
    expect(told).toEqual(['BAD_USER_INPUT', 'BAD_USER_INPUT', 'BUDGET_EXCEEDED']);
    expect(standIn.requests).toHaveLength(4);
  });

  test('asks before each call whether there may be one more', async () => {
    let calls = 0;
    const { standIn, subgraph } = await open(
      {},
      {
        mayCall: () =>
          ++calls > 2 ? Promise.reject(new CodedError('RATE_LIMITED', 'There are too many.')) : Promise.resolve(),
      },
    );
    const three = `{ ${['a', 'b', 'c'].map((alias) => `${alias}: ${GENERATE(5).slice(2, -2)}`).join(' ')} }`;
    expect(codes(await run(subgraph, three))).toEqual(['RATE_LIMITED']);
    expect(standIn.requests).toHaveLength(2);
  });

  test('counts nothing for what costs nothing', async () => {
    const inference = await createInference(
      { embeddings: 'hashing-384-v1', tenantTokens: 0 },
      { usageSink: undefined },
    );
    opened.push(() => inference.close());
    expect(codes(await run(inference, '{ embed(input: ["free"]) { dimensions } }'))).toEqual([]);
  });
});
