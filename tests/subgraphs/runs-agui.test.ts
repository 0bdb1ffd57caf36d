/** Runs as AG-UI's own client reads them from `GET /runs/:id/events`, however they were begun and ended. */
import { execute, parse, type ExecutionResult } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRuns } from '#subgraphs/runs/index.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { readByAgUi } from '#tests/setup/ag-ui.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are checked by their content */
let database: TestDatabase;
let postgres: Postgres;
let runs: Subgraph;
const principal = { tenantId: 'tenant-a', subject: 'ann', roles: [], scopes: [] };

beforeAll(async () => {
  database = await createTestDatabase();
  postgres = new Postgres({ url: database.url });
  runs = await createRuns({}, { postgres });
});
afterAll(async () => {
  await runs?.close();
  await postgres?.close();
  await database?.[Symbol.asyncDispose]();
});

const ask = async (source: string, variables: Record<string, unknown>) =>
  (await execute({
    schema: runs.schema,
    document: parse(source),
    variableValues: variables,
    contextValue: createRequestContext(principal),
  })) as ExecutionResult<any>;
async function data(source: string, variables: Record<string, unknown>): Promise<any> {
  const { data: answer, errors } = await ask(source, variables);
  expect(errors).toBeUndefined();
  return answer;
}
const start = async (input: object = {}): Promise<string> =>
  (await data(`mutation ($input: StartRunInput!) { startRun(input: $input) { run { id } } }`, { input })).startRun.run
    .id;
const APPEND = `mutation ($runId: ID!, $events: [RunEventInput!]!, $token: String) {
  appendRunEvents(input: { runId: $runId, events: $events, token: $token }) { events { sequence type } } }`;
const FINISH = `mutation ($input: FinishRunInput!) { finishRun(input: $input) { run { status } } }`;
const CANCEL = `mutation ($runId: ID!) { cancelRun(input: { runId: $runId, reason: "enough" }) { run { status } } }`;

async function alter(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(sql);
  await client.end();
}

const read = async (runId: string): Promise<string[]> =>
  await readByAgUi(await runs.routes[0]!.handle(new Request(`http://x/runs/${runId}/events`), principal));

const OPEN = [
  { type: 'STEP_STARTED', payload: { stepName: 'search' } },
  { type: 'SUBAGENT_STARTED', payload: { subagentRunId: 's1', name: 'helper' } },
  { type: 'REASONING_START', payload: { messageId: 'r1' } },
  { type: 'REASONING_MESSAGE_START', payload: { messageId: 'r1', role: 'reasoning' } },
  { type: 'TOOL_CALL_START', payload: { toolCallId: 't1', toolCallName: 'find', subagentRunId: 's1' } },
  { type: 'TEXT_MESSAGE_START', payload: { messageId: 'm1', role: 'assistant' } },
  { type: 'TEXT_MESSAGE_CONTENT', payload: { messageId: 'm1', delta: 'Found ' } },
];
const ENDS = ['TEXT_MESSAGE_END', 'TOOL_CALL_END', 'REASONING_MESSAGE_END', 'REASONING_END'];

describe('a run with all kinds of things open', () => {
  test.each([
    ['finished', async (runId: string) => data(FINISH, { input: { runId } }), 'SUBAGENT_FINISHED', 'RUN_FINISHED'],
    [
      'failed',
      async (runId: string) => data(FINISH, { input: { runId, error: { message: 'no' } } }),
      'SUBAGENT_ERROR',
      'RUN_ERROR',
    ],
    ['cancelled', async (runId: string) => data(CANCEL, { runId }), 'SUBAGENT_ERROR', 'RUN_FINISHED'],
    [
      'ended by its agent',
      async (runId: string) => data(APPEND, { runId, events: [{ type: 'RUN_FINISHED' }] }),
      'SUBAGENT_FINISHED',
      'RUN_FINISHED',
    ],
  ])('is whole once it is %s', async (_, end, subagent, last) => {
    const runId = await start();
    await data(APPEND, { runId, events: OPEN });
    await end(runId);
    const types = await read(runId);
    expect(types.slice(1, 1 + OPEN.length)).toEqual(OPEN.map(({ type }) => type));
    expect(types.slice(1 + OPEN.length)).toEqual([...ENDS, subagent, 'STEP_FINISHED', last]);
  });

  test('is whole after its worker was lost', async () => {
    const agentId = 'agt_lost';
    const runId = await start({ agentId, maxAttempts: 1 });
    const CLAIM = `mutation ($input: ClaimRunInput!) { claimRun(input: $input) { run { id } lease { token } } }`;
    const { claimRun } = await data(CLAIM, { input: { agentId, leaseSeconds: 60 } });
    await data(APPEND, { runId, events: OPEN, token: claimRun.lease.token });
    await alter(`UPDATE runs.runs SET lease_expires_at = now() - interval '1 second' WHERE id = '${runId}'`);
    expect((await data(CLAIM, { input: { agentId, leaseSeconds: 60 } })).claimRun.run).toBeNull();
    expect((await read(runId)).slice(1 + OPEN.length)).toEqual([
      ...ENDS,
      'SUBAGENT_ERROR',
      'STEP_FINISHED',
      'RUN_ERROR',
    ]);
  });
});

test("the contract's append, whose message was not begun, is read to its end", async () => {
  const runId = await start();
  const { appendRunEvents } = await data(APPEND, {
    runId,
    events: [
      { type: 'STEP_STARTED', payload: { stepName: 'search' } },
      { type: 'TEXT_MESSAGE_CONTENT', payload: { messageId: 'm1', delta: 'Found ' } },
    ],
  });
  expect(appendRunEvents.events).toEqual([
    { sequence: 2, type: 'STEP_STARTED' },
    { sequence: 3, type: 'TEXT_MESSAGE_START' },
    { sequence: 4, type: 'TEXT_MESSAGE_CONTENT' },
  ]);
  // The next append knows what is open.
  await data(APPEND, {
    runId,
    events: [{ type: 'TEXT_MESSAGE_CONTENT', payload: { messageId: 'm1', delta: 'it' } }],
  });
  await data(FINISH, { input: { runId, output: { answer: 'undici' } } });
  expect(await read(runId)).toEqual([
    'RUN_STARTED',
    'STEP_STARTED',
    'TEXT_MESSAGE_START',
    'TEXT_MESSAGE_CONTENT',
    'TEXT_MESSAGE_CONTENT',
    'TEXT_MESSAGE_END',
    'STEP_FINISHED',
    'RUN_FINISHED',
  ]);
});

test('a run that was under way before its row knew what is open is ended as its log says', async () => {
  const runId = await start();
  await data(APPEND, { runId, events: OPEN });
  await alter(`UPDATE runs.runs SET open_parts = NULL WHERE id = '${runId}'`);
  await data(FINISH, { input: { runId } });
  expect((await read(runId)).at(-1)).toBe('RUN_FINISHED');
});

test.each([
  ["a call's arguments without the call", [{ type: 'TOOL_CALL_ARGS', payload: { toolCallId: 't', delta: '{}' } }]],
  ['the end of what was not begun', [{ type: 'STEP_FINISHED', payload: { stepName: 's' } }]],
  ['a message begun twice', [OPEN[5]!, OPEN[5]!]],
  ['messages without content', [{ type: 'MESSAGES_SNAPSHOT', payload: { messages: [{ id: 'a', role: 'user' }] } }]],
  ["an input that is none of AG-UI's", [{ type: 'RUN_STARTED', payload: { input: { question: 'x' } } }]],
])('%s is refused, and nothing of it written', async (_, events) => {
  const runId = await start();
  const { errors } = await ask(APPEND, { runId, events });
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
  await data(FINISH, { input: { runId } });
  expect(await read(runId)).toEqual(['RUN_STARTED', 'RUN_FINISHED']);
});
