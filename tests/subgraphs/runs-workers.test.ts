/** Workers through the schema: what they send and get, and what is refused. */
import { execute, parse, validate, type ExecutionResult } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRuns } from '#subgraphs/runs/index.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { createRunsFixture, type RunsFixture } from './runs-fixture.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are checked by their content */
let fixture: RunsFixture;
let postgres: Postgres;
let runs: Subgraph;

beforeAll(async () => {
  fixture = await createRunsFixture();
  ({ runs, postgres } = fixture);
});
afterAll(async () => {
  await fixture?.[Symbol.asyncDispose]();
});

async function ask(
  source: string,
  variables: Record<string, unknown> = {},
  tenantId = 'tenant-a',
): Promise<ExecutionResult<any>> {
  const document = parse(source);
  expect(validate(runs.schema, document)).toEqual([]);
  const contextValue = createRequestContext({ tenantId, subject: 'worker', roles: [], scopes: [] });
  return (await execute({
    schema: runs.schema,
    document,
    variableValues: variables,
    contextValue,
  })) as ExecutionResult<any>;
}
async function data(source: string, variables: Record<string, unknown> = {}): Promise<any> {
  const { data: answer, errors } = await ask(source, variables);
  expect(errors).toBeUndefined();
  return answer;
}
const code = async (source: string, variables: Record<string, unknown> = {}, tenantId?: string) =>
  (await ask(source, variables, tenantId)).errors?.[0]?.extensions['code'];

const START = `mutation ($input: StartRunInput!) { startRun(input: $input) { run { id priority scheduledAt maxAttempts attempts claimedBy leaseExpiresAt } } }`;
const CLAIM = `mutation ($agentId: ID!, $leaseSeconds: Int) { claimRun(input: { agentId: $agentId, leaseSeconds: $leaseSeconds }) { lease { token expiresAt } run { id status input attempts claimedBy leaseExpiresAt } } }`;
const BEAT = `mutation ($runId: ID!, $token: String!, $leaseSeconds: Int) { heartbeatRun(input: { runId: $runId, token: $token, leaseSeconds: $leaseSeconds }) { lease { token expiresAt } run { id } } }`;
const APPEND = `mutation ($runId: ID!, $token: String) { appendRunEvents(input: { runId: $runId, token: $token, events: [{ type: STEP_STARTED, payload: { stepName: "s" } }] }) { run { status } } }`;
const FINISH = `mutation ($runId: ID!, $token: String, $error: RunErrorInput) { finishRun(input: { runId: $runId, token: $token, error: $error }) { run { status } } }`;
const CANCEL = `mutation ($runId: ID!) { cancelRun(input: { runId: $runId }) { run { status leaseExpiresAt } } }`;

test("a worker's life", async () => {
  const agentId = 'agt_life';
  expect((await data(CLAIM, { agentId })).claimRun).toEqual({ lease: null, run: null });
  const scheduledAt = '2020-01-01T00:00:00.000Z';
  const { run } = (await data(START, { input: { agentId, input: 'work', priority: 7, scheduledAt, maxAttempts: 2 } }))
    .startRun;
  expect(run).toMatchObject({
    priority: 7,
    scheduledAt,
    maxAttempts: 2,
    attempts: 0,
    claimedBy: null,
    leaseExpiresAt: null,
  });
  const claimed = (await data(CLAIM, { agentId, leaseSeconds: 120 })).claimRun;
  expect(claimed.run).toEqual({
    id: run.id,
    status: 'QUEUED',
    input: 'work',
    attempts: 1,
    claimedBy: 'worker',
    leaseExpiresAt: claimed.lease.expiresAt,
  });
  const own = { runId: run.id, token: claimed.lease.token };
  expect(await code(APPEND, { runId: run.id })).toBe('CONFLICT');
  expect((await data(APPEND, own)).appendRunEvents.run.status).toBe('RUNNING');
  expect((await data(BEAT, own)).heartbeatRun.run.id).toBe(run.id);
  expect(await code(BEAT, own, 'tenant-b')).toBe('NOT_FOUND');
  expect(await code(FINISH, { runId: run.id })).toBe('CONFLICT');
  expect(await code(FINISH, { runId: run.id, token: '9-x', error: { message: 'no' } })).toBe('CONFLICT');
  expect((await data(FINISH, own)).finishRun.run.status).toBe('SUCCEEDED');
  // Whoever heard no answer asks again; another end is none of his.
  expect((await data(FINISH, own)).finishRun.run.status).toBe('SUCCEEDED');
  expect(await code(FINISH, { ...own, error: { message: 'no' } })).toBe('CONFLICT');
  expect(await code(FINISH, { ...own, token: '9-x' })).toBe('CONFLICT');
  expect(await code(FINISH, { runId: run.id })).toBe('CONFLICT');
});

test('cancelling needs no lease', async () => {
  const agentId = 'agt_cancel';
  const { run } = (await data(START, { input: { agentId } })).startRun;
  const { lease } = (await data(CLAIM, { agentId })).claimRun;
  expect((await data(CANCEL, { runId: run.id })).cancelRun.run).toEqual({ status: 'CANCELLED', leaseExpiresAt: null });
  expect(await code(FINISH, { runId: run.id, token: lease.token })).toBe('CONFLICT');
});

test.each([
  [CLAIM, { agentId: 'doc_1' }],
  [CLAIM, { agentId: 'agt_1', leaseSeconds: 0 }],
  [CLAIM, { agentId: 'agt_1', leaseSeconds: -5 }],
  [CLAIM, { agentId: 'agt_1', leaseSeconds: 3_601 }],
  [BEAT, { runId: 'run_1', token: '' }],
  [BEAT, { runId: 'run_1', token: 'a\0b' }],
  [BEAT, { runId: 'run_1', token: 'x'.repeat(201) }],
  [APPEND, { runId: 'run_1', token: '' }],
  [START, { input: { priority: 1_001 } }],
  [START, { input: { maxAttempts: 0 } }],
  [START, { input: { scheduledAt: '1969-01-01T00:00:00Z' } }],
])('bad input: %s %j', async (source, variables) => {
  expect(await code(source, variables)).toBe('BAD_USER_INPUT');
});

test('a webhook is refused where dispatch is off, or where its host is not allowed', async () => {
  const refused = await ask(START, { input: { webhook: 'https://agents.example.com/' } });
  expect(refused.errors?.[0]?.extensions).toMatchObject({
    code: 'STORE_DISABLED',
    hint: expect.stringContaining('DISPATCH_ALLOWED_HOSTS'),
  });
  const off = runs;
  try {
    runs = await createRuns(
      { dispatch: { allowedHosts: ['agents.example.com'], secret: 's'.repeat(32) } },
      { postgres },
    );
    for (const webhook of [
      'x',
      'https://169.254.169.254/',
      'https://example.com/',
      'http://localhost:1/',
      'file:///etc/passwd',
      'a\0b',
    ]) {
      expect(await code(START, { input: { webhook } })).toBe('BAD_USER_INPUT');
    }
    const scheduledAt = '2999-01-01T00:00:00Z';
    const started = await data(
      `mutation ($input: StartRunInput!) { startRun(input: $input) { run { webhook dispatchError } } }`,
      { input: { webhook: 'https://agents.example.com/hook', scheduledAt } },
    );
    expect(started.startRun.run).toEqual({ webhook: 'https://agents.example.com/hook', dispatchError: null });
  } finally {
    await runs.close();
    runs = off;
  }
});

test('a workflow is refused where Temporal is off, and together with a webhook', async () => {
  const refused = await ask(START, { input: { workflow: true } });
  expect(refused.errors?.[0]?.extensions).toMatchObject({
    code: 'STORE_DISABLED',
    hint: expect.stringContaining('TEMPORAL_ADDRESS'),
  });
  expect(await code(START, { input: { workflow: true, webhook: 'https://agents.example.com/' } })).toBe(
    'BAD_USER_INPUT',
  );
  expect((await data(START, { input: { workflow: false } })).startRun.run.attempts).toBe(0);
});

test('a run for a workflow is acknowledged and can be cancelled while Temporal is away, which health tells', async () => {
  const off = runs;
  try {
    runs = await createRuns(
      { temporal: { address: '127.0.0.1:1', taskQueue: 'q', workflowType: 'w', timeoutMs: 200 } },
      { postgres },
    );
    const { run } = (
      await data(
        `mutation { startRun(input: { workflow: true, input: "x" }) { run { id status workflowId webhook } } }`,
      )
    ).startRun;
    expect(run).toEqual({ id: run.id, status: 'QUEUED', workflowId: `tributary:tenant-a:${run.id}`, webhook: null });
    const now = async () =>
      (await data(`query ($id: ID!) { run(id: $id) { status dispatchError } }`, { id: run.id })).run;
    await expect
      .poll(now, { timeout: 20_000 })
      .toEqual({ status: 'QUEUED', dispatchError: 'Temporal cannot be reached.' });
    expect(await runs.health()).toContainEqual({
      store: 'temporal',
      state: 'down',
      detail: expect.stringContaining('TEMPORAL_ADDRESS'),
    });
    expect((await data(CANCEL, { runId: run.id })).cancelRun.run.status).toBe('CANCELLED');
  } finally {
    await runs.close();
    runs = off;
  }
});
