/** The runs subgraph through its schema: the contract's operations, tenants, bad input, and what it costs. */
import { composeServices } from '@apollo/composition';
import { subgraphSdl } from '#subgraphs/shared/subgraph-sdl.ts';
import { execute, isObjectType, parse, subscribe, validate, type ExecutionResult } from 'graphql';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { graphqlTypeName, RUN_EVENT_TYPES } from '#subgraphs/runs/events/event-types.ts';
import { createRuns } from '#subgraphs/runs/index.ts';
import { buildSchema } from '#subgraphs/runs/schema/index.ts';
import type { RunsSchemaDeps } from '#subgraphs/runs/schema/deps.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { createRunsFixture, type RunsFixture } from './runs-fixture.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are checked by their content */
let fixture: RunsFixture;
let runs: Subgraph;
const as = (tenantId: string, subject = 'ann') => createRequestContext({ tenantId, subject, roles: [], scopes: [] });
const a = () => as('tenant-a');
const b = () => as('tenant-b', 'bob');

beforeAll(async () => {
  fixture = await createRunsFixture();
  ({ runs } = fixture);
});
afterAll(async () => {
  await fixture?.[Symbol.asyncDispose]();
});

async function ask(
  source: string,
  variables: Record<string, unknown> = {},
  context: RequestContext = a(),
  schema = runs.schema,
): Promise<ExecutionResult<any>> {
  const document = parse(source);
  expect(validate(schema, document)).toEqual([]);
  return (await execute({
    schema,
    document,
    variableValues: variables,
    contextValue: context,
  })) as ExecutionResult<any>;
}
async function data(
  source: string,
  variables: Record<string, unknown> = {},
  context: RequestContext = a(),
): Promise<any> {
  const result = await ask(source, variables, context);
  expect(result.errors).toBeUndefined();
  return result.data;
}
const codes = (result: ExecutionResult<any>) => result.errors?.map(({ extensions }) => extensions['code']);
async function refused(
  source: string,
  variables: Record<string, unknown> = {},
  context: RequestContext = a(),
): Promise<unknown> {
  const result = await ask(source, variables, context);
  return codes(result)?.[0];
}
async function stream(
  source: string,
  variables: Record<string, unknown>,
  context: RequestContext = a(),
): Promise<AsyncIterableIterator<ExecutionResult<any>> | ExecutionResult<any>> {
  const document = parse(source);
  expect(validate(runs.schema, document)).toEqual([]);
  return (await subscribe({
    schema: runs.schema,
    document,
    variableValues: variables,
    contextValue: context,
  })) as never;
}
async function all(source: string, variables: Record<string, unknown>): Promise<any[]> {
  const events: any[] = [];
  for await (const { data: event, errors } of (await stream(source, variables)) as AsyncIterableIterator<
    ExecutionResult<any>
  >) {
    expect(errors).toBeUndefined();
    events.push(event.runEvents);
  }
  return events;
}

const START = `mutation ($input: StartRunInput!) { startRun(input: $input) { run { id status lastSequence agent { id } input threadId startedBy } } }`;
const APPEND = `mutation ($runId: ID!, $events: [RunEventInput!]!, $key: String, $expected: Int, $waiting: Boolean) {
  appendRunEvents(input: { runId: $runId, events: $events, idempotencyKey: $key, expectedSequence: $expected, waiting: $waiting }) {
    events { sequence type createdAt payload actor run { id status } } run { status lastSequence state }
  } }`;
const FINISH = `mutation ($runId: ID!, $output: JSON, $error: RunErrorInput) { finishRun(input: { runId: $runId, output: $output, error: $error }) { run { id status output error { message code } finishedAt } } }`;
const CANCEL = `mutation Cancel($runId: ID!) { cancelRun(input: { runId: $runId, reason: "no longer needed" }) { run { id status } } }`;
const EVENTS = `query Events($runId: ID!, $after: String, $first: Int = 100) {
  run(id: $runId) { id status lastSequence events(after: $after, first: $first) { edges { cursor node { __typename sequence type payload } } pageInfo { hasNextPage endCursor } } }
}`;
const FOLLOW = `subscription Follow($runId: ID!, $after: String, $types: [RunEventType!]) { runEvents(runId: $runId, after: $after, types: $types) {
  __typename sequence type createdAt payload run { id status agent { id } } ... on ArtifactCreatedEvent { artifact { id } } ... on TextMessageChunkEvent { delta messageId } ... on StateDeltaEvent { patch } } }`;
const start = async (context = a()): Promise<string> =>
  (await data(START, { input: {} }, context)).startRun.run.id as string;
const text = (delta: string) => ({ type: 'TEXT_MESSAGE_CHUNK', payload: { messageId: 'm1', delta } });

test("a run's life, as the contract tells it", async () => {
  const input = { agentId: 'agt_1', input: { question: 'Which packages retry?' }, idempotencyKey: 'q-1' };
  const { run } = (await data(START, { input })).startRun;
  expect(run).toMatchObject({
    status: 'QUEUED',
    lastSequence: 0,
    agent: { id: 'agt_1' },
    input: input.input,
    threadId: run.id,
    startedBy: 'ann',
  });
  expect((await data(START, { input })).startRun.run.id).toBe(run.id);

  const appended = await data(
    `mutation Append($runId: ID!) {
      appendRunEvents(input: { runId: $runId, events: [
        { type: STEP_STARTED, payload: { stepName: "search" } }
        { type: TEXT_MESSAGE_CHUNK, payload: { messageId: "m1", delta: "Found " } }
        { type: ARTIFACT_CREATED, payload: { artifactId: "art_1" } }
      ] }) { events { sequence type } run { status } } }`,
    { runId: run.id },
  );
  expect(appended.appendRunEvents).toEqual({
    events: [
      { sequence: 2, type: 'STEP_STARTED' },
      { sequence: 3, type: 'TEXT_MESSAGE_CHUNK' },
      { sequence: 4, type: 'ARTIFACT_CREATED' },
    ],
    run: { status: 'RUNNING' },
  });
  const finish = (await data(FINISH, { runId: run.id, output: { answer: 'undici' } })).finishRun.run;
  expect(finish).toMatchObject({ id: run.id, status: 'SUCCEEDED', output: { answer: 'undici' }, error: null });

  const log = (await data(EVENTS, { runId: run.id })).run.events;
  expect(log.edges.map(({ node }: any) => node.__typename)).toEqual([
    'RunStartedEvent',
    'StepStartedEvent',
    'TextMessageChunkEvent',
    'ArtifactCreatedEvent',
    // What the agent left open is ended first.
    'StepFinishedEvent',
    'RunFinishedEvent',
  ]);
  expect(log.edges.at(-1).node.payload).toEqual({
    threadId: run.id,
    runId: run.id,
    result: { answer: 'undici' },
    outcome: { type: 'success' },
  });
  expect(log.pageInfo).toEqual({ hasNextPage: false, endCursor: '6' });
  const followed = await all(FOLLOW, { runId: run.id });
  expect(followed.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(followed[2]).toMatchObject({
    delta: 'Found ',
    messageId: 'm1',
    run: { id: run.id, status: 'SUCCEEDED', agent: { id: 'agt_1' } },
  });
  expect(followed[3]).toMatchObject({ artifact: { id: 'art_1' } });
  expect((await all(FOLLOW, { runId: run.id, after: '3' })).map(({ sequence }) => sequence)).toEqual([4, 5, 6]);
  expect((await all(FOLLOW, { runId: run.id, types: ['STEP_STARTED'] })).map(({ sequence }) => sequence)).toEqual([
    2, 6,
  ]);
});

test("the log pages by the stream's cursors", async () => {
  const runId = await start();
  await data(APPEND, { runId, events: Array.from({ length: 9 }, (_, n) => text(String(n))) });
  const seen: number[] = [];
  let after: string | null = null;
  for (;;) {
    const { edges, pageInfo }: any = (await data(EVENTS, { runId, after, first: 4 })).run.events;
    seen.push(...edges.map(({ node }: any) => node.sequence));
    if (!pageInfo.hasNextPage) break;
    after = pageInfo.endCursor;
  }
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect((await data(EVENTS, { runId, after: '10' })).run.events).toEqual({
    edges: [],
    pageInfo: { hasNextPage: false, endCursor: null },
  });
  const texts = `query ($id: ID!) { run(id: $id) { events(types: [RUN_STARTED, CUSTOM]) { edges { cursor } } } }`;
  expect((await data(texts, { id: runId })).run.events.edges).toEqual([{ cursor: '1' }]);
  const counts = `query ($id: ID!) { run(id: $id) { some: events(first: 2, after: "3") { totalCount } none: events(first: 0) { totalCount }
    of: events(types: [RUN_STARTED]) { totalCount } } }`;
  const context = a();
  expect((await data(counts, { id: runId }, context)).run).toEqual({
    some: { totalCount: 10 },
    none: { totalCount: 10 },
    of: { totalCount: null },
  });
});

test('a live stream sends each event as it is appended, with the run as it is then', async () => {
  const runId = await start();
  const events = (await stream(FOLLOW, { runId })) as AsyncIterableIterator<ExecutionResult<any>>;
  const next = async () => (await events.next()).value?.data.runEvents;
  const first = next();
  await data(APPEND, { runId, events: [text('a')], waiting: true });
  expect(await first).toMatchObject({ sequence: 1, type: 'RUN_STARTED', run: { status: 'WAITING' } });
  expect(await next()).toMatchObject({ sequence: 2, delta: 'a' });
  const last = next();
  expect((await data(CANCEL, { runId })).cancelRun.run).toEqual({ id: runId, status: 'CANCELLED' });
  expect(await last).toMatchObject({
    sequence: 3,
    type: 'RUN_FINISHED',
    run: { status: 'CANCELLED' },
    payload: { outcome: { type: 'cancelled' }, reason: 'no longer needed' },
  });
  expect((await events.next()).done).toBe(true);
  expect((await data(CANCEL, { runId })).cancelRun.run.status).toBe('CANCELLED');
  expect(await refused(FINISH, { runId })).toBe('CONFLICT');
});

test('a failed run says how', async () => {
  const runId = await start();
  const { run } = (await data(FINISH, { runId, output: { partial: 1 }, error: { message: 'no luck', code: 'E1' } }))
    .finishRun;
  expect(run).toMatchObject({ status: 'FAILED', output: { partial: 1 }, error: { message: 'no luck', code: 'E1' } });
  expect(await refused(CANCEL, { runId })).toBe('CONFLICT');
});

test('idempotency, expected sequence and state come through', async () => {
  const runId = await start();
  const events = [{ type: 'STATE_DELTA', payload: { delta: [{ op: 'add', path: '/found', value: 3 }] } }];
  const one = await data(APPEND, { runId, events, key: 'k', expected: 0 });
  expect(one.appendRunEvents.run).toMatchObject({ lastSequence: 2, state: { found: 3 } });
  expect(await data(APPEND, { runId, events, key: 'k', expected: 0 })).toEqual(one);
  const stale = await ask(APPEND, { runId, events: [text('x')], expected: 0 });
  expect(stale.errors?.[0]?.extensions).toMatchObject({ code: 'CONFLICT', lastSequence: 2, status: 'RUNNING' });
  expect(
    await refused(APPEND, {
      runId,
      events: [{ type: 'STATE_DELTA', payload: { delta: [{ op: 'remove', path: '/none' }] } }],
    }),
  ).toBe('BAD_USER_INPUT');
});

test('runs are listed by filter, page by page, and counted only when asked', async () => {
  const c = as('tenant-c');
  for (const n of [1, 2, 3, 4, 5]) await data(START, { input: { agentId: n < 3 ? 'agt_x' : null, input: n } }, c);
  const LIST = `query ($after: String) { runs(first: 2, after: $after, orderBy: [{ field: CREATED_AT }]) { totalCount edges { node { id status input } } pageInfo { hasNextPage endCursor } } }`;
  const seen: number[] = [];
  let after: string | null = null;
  do {
    const page: any = (await data(LIST, { after }, as('tenant-c'))).runs;
    expect(page.totalCount).toBe(5);
    seen.push(...page.edges.map(({ node }: any) => node.input));
    after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
  } while (after);
  expect(seen.sort()).toEqual([1, 2, 3, 4, 5]);
  const filtered = await data(
    `{ runs(where: { or: [{ agentId: { eq: "agt_x" } }, { status: { in: [RUNNING] } }], not: { createdAt: { lt: "2020-01-01T00:00:00Z" } } }) { totalCount edges { node { agent { id } } } } }`,
    {},
    as('tenant-c'),
  );
  expect(filtered.runs).toEqual({
    totalCount: 2,
    edges: [{ node: { agent: { id: 'agt_x' } } }, { node: { agent: { id: 'agt_x' } } }],
  });
  const context = as('tenant-c');
  await data(
    `{ runs { edges { node { id status events(first: 3) { edges { node { sequence run { id } } } } } } } }`,
    {},
    context,
  );
  expect(context.statements.total).toBe(2);
});

test('runs are found by id, conversation, who started them, and whether and when they ended', async () => {
  const [ann, bob] = [as('tenant-f', 'ann'), as('tenant-f', 'bob')];
  const begin = async (threadId: string, by: RequestContext): Promise<string> =>
    (await data(START, { input: { threadId } }, by)).startRun.run.id as string;
  const [open, ended, other] = [await begin('talk', ann), await begin('talk', bob), await begin('„talk“', bob)];
  await data(FINISH, { runId: ended }, bob);
  const found = async (where: object): Promise<string[]> => {
    const { runs: page } = await data(
      'query ($where: RunFilter) { runs(where: $where) { totalCount nodes { id } } }',
      { where },
      as('tenant-f'),
    );
    expect(page.totalCount).toBe(page.nodes.length);
    return page.nodes.map(({ id }: any) => id).sort();
  };
  expect(await found({ id: { in: [open, other] } })).toEqual([open, other].sort());
  expect(await found({ threadId: { eq: 'talk' } })).toEqual([open, ended].sort());
  expect(await found({ startedBy: { startsWith: 'bo' } })).toEqual([ended, other].sort());
  expect(await found({ finishedAt: { isNull: false } })).toEqual([ended]);
  expect(await found({ finishedAt: { gt: '2020-01-01' } })).toEqual([ended]);
  expect(await found({ not: { finishedAt: { gt: '2020-01-01' } } })).toEqual([open, other].sort());
  expect(await found({ threadId: { eq: 'talk' }, startedBy: { eq: 'ann' } })).toEqual([open]);
  expect(await found({ id: { eq: "run_' OR true --" } })).toEqual([]);
});

test('agents have their runs: filtered, sorted, from both ends, in as many statements for many as for one', async () => {
  const c = () => as('tenant-g');
  const ids: Record<string, string[]> = { agt_1: [], agt_2: [] };
  for (const n of [0, 1, 2, 3, 4, 5]) {
    const agentId = `agt_${(n % 2) + 1}`;
    ids[agentId]!.push((await data(START, { input: { agentId, input: n } }, c())).startRun.run.id);
    if (n > 2) await data(FINISH, { runId: ids[agentId]!.at(-1) }, c());
  }
  const OF = `query ($of: [_Any!]!, $where: RunFilter, $orderBy: [RunOrder!], $first: Int, $last: Int, $after: String, $before: String) {
    _entities(representations: $of) { ... on Agent { id runs(where: $where, orderBy: $orderBy, first: $first, last: $last, after: $after, before: $before) {
      totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } }`;
  const agent = (id: string) => ({ __typename: 'Agent', id });
  const of = ['agt_1', 'agt_2', 'agt_none', "agt_' OR true --"].map(agent);
  const ended = { finishedAt: { isNull: false } };
  const orderBy = [{ field: 'FINISHED_AT', direction: 'DESC' }];
  const context = c();
  const { _entities } = await data(OF, { of, where: ended, orderBy }, context);
  expect(_entities.map(({ runs: { totalCount } }: any) => totalCount)).toEqual([1, 2, 0, 0]);
  expect(context.statements.total).toBe(2);
  const page = async (given: object): Promise<any> =>
    (await data(OF, { of: [agent('agt_1')], ...given }, c()))._entities[0].runs;
  const all = (await page({})).nodes;
  const one = await page({ first: 2 });
  const two = await page({ first: 2, after: one.pageInfo.endCursor });
  expect([...one.nodes, ...two.nodes]).toEqual(all);
  expect([one.pageInfo.hasNextPage, two.pageInfo.hasNextPage]).toEqual([true, false]);
  expect((await page({ last: 2 })).nodes).toEqual(all.slice(1));
  expect((await page({ last: 9, before: two.pageInfo.startCursor })).nodes).toEqual(all.slice(0, 2));
  // What has not ended counts as the latest.
  expect((await page({ orderBy })).nodes.at(-1).id).toBe(ids['agt_1']!.at(-1));
  for (const stranger of [as('tenant-b', 'bob'), as('tenant-g.project')])
    expect((await data(OF, { of }, stranger))._entities.map(({ runs: { totalCount } }: any) => totalCount)).toEqual([
      0, 0, 0, 0,
    ]);
  expect(await refused(OF, { of, orderBy: [...orderBy, ...orderBy] }, c())).toBe('BAD_USER_INPUT');
  expect(await refused(OF, { of, orderBy, after: one.pageInfo.endCursor }, c())).toBe('BAD_USER_INPUT');
  expect((await data(OF, { of, where: { status: { in: [] } } }, c()))._entities[0].runs.nodes).toEqual([]);
});

test('the number of statements does not depend on the number of runs and events', async () => {
  for (const n of [0, 1, 2]) {
    const runId = await start(as('tenant-d'));
    await data(APPEND, { runId, events: [text('a'), text('b')].slice(0, n + 1) }, as('tenant-d'));
  }
  const context = as('tenant-d');
  const ids = (await data(`{ runs { edges { node { id } } } }`, {}, context)).runs.edges.map(
    ({ node }: any) => node.id,
  );
  const before = context.statements.total;
  const query = `query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Run { id status agent { id } events { edges { node { sequence run { id status } } } } } } }`;
  const { _entities } = await data(
    query,
    { representations: [...ids, 'run_none'].map((id) => ({ __typename: 'Run', id })) },
    context,
  );
  expect(_entities.map((run: any) => run?.events.edges.length ?? null).sort()).toEqual([2, 3, 3, null]);
  expect(context.statements.total - before).toBe(3); // Runs, their events, and the events' runs as they are now.
});

test("one tenant's runs do not exist for another", async () => {
  const runId = await start();
  await data(APPEND, { runId, events: [text('secret')] });
  expect((await data(EVENTS, { runId }, b())).run).toBeNull();
  for (const mutation of [FINISH, CANCEL]) expect(await refused(mutation, { runId }, b())).toBe('NOT_FOUND');
  expect(await refused(APPEND, { runId, events: [text('x')] }, b())).toBe('NOT_FOUND');
  for (const mutation of [FINISH, CANCEL]) expect(await refused(mutation, { runId: 'nope' })).toBe('BAD_USER_INPUT');
  expect(codes((await stream(FOLLOW, { runId }, b())) as ExecutionResult)).toEqual(['NOT_FOUND']);
  expect((await data(`{ runs { totalCount } }`, {}, b())).runs.totalCount).toBe(0);
  const entity = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Run { id status } } }`;
  expect((await data(entity, { r: [{ __typename: 'Run', id: runId }] }, b()))._entities).toEqual([null]);
  expect((await data(EVENTS, { runId })).run).toMatchObject({ status: 'RUNNING', lastSequence: 2 });
});

describe('bad input', () => {
  const many = Array.from({ length: 501 }, () => text('x'));
  const cases: [string, (runId: string) => [string, Record<string, unknown>]][] = [
    ['no events', (runId) => [APPEND, { runId, events: [] }]],
    ['too many events', (runId) => [APPEND, { runId, events: many }]],
    [
      'a payload without what its type needs',
      (runId) => [APPEND, { runId, events: [{ type: 'TEXT_MESSAGE_CONTENT', payload: { messageId: 'm' } }] }],
    ],
    ['a payload that is a list', (runId) => [APPEND, { runId, events: [{ type: 'CUSTOM', payload: [] }] }]],
    ['a payload that is absent', (runId) => [APPEND, { runId, events: [{ type: 'STEP_STARTED' }] }]],
    [
      'another type in the payload',
      (runId) => [APPEND, { runId, events: [{ type: 'STEP_STARTED', payload: { stepName: 's', type: 'RAW' } }] }],
    ],
    [
      'an artifact that is none',
      (runId) => [APPEND, { runId, events: [{ type: 'ARTIFACT_CREATED', payload: { artifactId: 'doc_1' } }] }],
    ],
    [
      'a patch that is none',
      (runId) => [
        APPEND,
        { runId, events: [{ type: 'STATE_DELTA', payload: { delta: [{ op: 'grow', path: '/' }] } }] },
      ],
    ],
    [
      'an event behind the terminal one',
      (runId) => [APPEND, { runId, events: [{ type: 'RUN_ERROR', payload: { message: 'm' } }, text('x')] }],
    ],
    [
      "another run's lifecycle",
      (runId) => [APPEND, { runId, events: [{ type: 'RUN_FINISHED', payload: { runId: 'other' } }] }],
    ],
    ['a negative expected sequence', (runId) => [APPEND, { runId, events: [text('x')], expected: -1 }]],
    ['an empty key', (runId) => [APPEND, { runId, events: [text('x')], key: '' }]],
    ['a long key', (runId) => [APPEND, { runId, events: [text('x')], key: 'k'.repeat(201) }]],
    ['NUL in a key', (runId) => [APPEND, { runId, events: [text('x')], key: 'a\0b' }]],
    [
      'NUL in a reason',
      (runId) => [
        `mutation ($runId: ID!, $reason: String) { cancelRun(input: { runId: $runId, reason: $reason }) { run { id } } }`,
        { runId, reason: '\0' },
      ],
    ],
    ['an agent that is none', () => [START, { input: { agentId: 'doc_1' } }]],
    ['a malformed cursor', (runId) => [EVENTS, { runId, after: 'x' }]],
    ['a negative cursor', (runId) => [EVENTS, { runId, after: '-1' }]],
    ['a cursor past the end', (runId) => [EVENTS, { runId, after: '1' }]],
    ['a negative page', (runId) => [EVENTS, { runId, first: -1 }]],
    ['a huge page', (runId) => [EVENTS, { runId, first: 201 }]],
    ['a cursor of another list', () => [`{ runs(after: "x") { edges { cursor } } }`, {}]],
    [
      'two criteria',
      () => [`{ runs(orderBy: [{ field: CREATED_AT }, { field: CREATED_AT }]) { edges { cursor } } }`, {}],
    ],
    [
      'a long list in a filter',
      () => [
        `query ($ids: [ID!]) { runs(where: { agentId: { in: $ids } }) { totalCount } }`,
        { ids: Array.from({ length: 501 }, () => 'agt_1') },
      ],
    ],
  ];
  test.each(cases)('%s', async (_name, make) => {
    const runId = await start();
    const [source, variables] = make(runId);
    expect(await refused(source, variables)).toBe('BAD_USER_INPUT');
    expect((await data(EVENTS, { runId })).run).toMatchObject({ status: 'QUEUED', lastSequence: 0 });
  });

  test('in an event is named by its place and part', async () => {
    const runId = await start();
    const result = await ask(APPEND, {
      runId,
      events: [text('x'), { type: 'TOOL_CALL_ARGS', payload: { toolCallId: 7, delta: '' } }],
    });
    expect(result.errors?.[0]?.message).toMatch(/^events\[1\] \(TOOL_CALL_ARGS\): payload\.toolCallId: /);
  });

  test('of variables is refused before anything runs', async () => {
    for (const events of [
      [{ type: 'NO_SUCH', payload: {} }],
      [{ type: 'CUSTOM', payload: { name: 'n', value: 'x'.repeat(70_000) } }],
      'x',
    ]) {
      expect((await ask(APPEND, { runId: 'run_1', events })).errors).toHaveLength(1);
    }
  });

  test.each([
    ['x', 'BAD_USER_INPUT'],
    ['-1', 'BAD_USER_INPUT'],
    ['1.0', 'BAD_USER_INPUT'],
    ['01', 'BAD_USER_INPUT'],
    ['7', 'BAD_USER_INPUT'],
    ['99999999999999', 'BAD_USER_INPUT'],
  ])("a subscription's cursor %j", async (after, code) => {
    expect(codes((await stream(FOLLOW, { runId: await start(), after })) as ExecutionResult)).toEqual([code]);
  });

  test('unknown runs and strange ids are not found', async () => {
    for (const runId of ['run_none', 'doc_1', '', '\0', '__proto__', 'x'.repeat(10_000)]) {
      const read = await ask(EVENTS, { runId });
      expect(read.data?.run).toBeNull();
      expect(['NOT_FOUND', 'BAD_USER_INPUT']).toContain(await refused(FINISH, { runId }));
      expect(['NOT_FOUND', 'BAD_USER_INPUT']).toContain(
        codes((await stream(FOLLOW, { runId })) as ExecutionResult)?.[0],
      );
    }
  });
});

test('without a store each field says what to set, and the schema is the same', async () => {
  const off = await createRuns({}, {});
  expect(subgraphSdl(off.schema)).toBe(subgraphSdl(runs.schema));
  expect(await off.health()).toMatchObject([{ store: 'postgres', state: 'disabled' }]);
  for (const source of [
    `{ run(id: "run_1") { id } }`,
    `{ runs { totalCount } }`,
    `mutation { startRun(input: {}) { run { id } } }`,
  ]) {
    const result = await ask(source, {}, a(), off.schema);
    expect(result.errors?.[0]?.extensions).toMatchObject({
      code: 'STORE_DISABLED',
      hint: expect.stringContaining('DATABASE_URL'),
    });
  }
  const document = parse(`subscription { runEvents(runId: "run_1") { sequence } }`);
  expect(codes((await subscribe({ schema: off.schema, document, contextValue: a() })) as ExecutionResult)).toEqual([
    'STORE_DISABLED',
  ]);
  await off.close();
});

describe('the schema', () => {
  test('is built without its dependencies and printed as committed', async () => {
    const untouched = new Proxy(
      {},
      { get: () => expect.fail('The schema touched what it runs on.') },
    ) as RunsSchemaDeps;
    const committed = await readFile(new URL('../../subgraphs/runs/schema.graphql', import.meta.url), 'utf8');
    expect(subgraphSdl(buildSchema(untouched))).toBe(committed);
  });

  test('has one object type for each type of event', () => {
    const event = runs.schema.getType('RunEvent');
    const names = runs.schema.getPossibleTypes(event as never).map(({ name }) => name);
    expect(names.sort()).toEqual(RUN_EVENT_TYPES.map(graphqlTypeName).sort());
  });

  test('lets typed fields of all types be selected together', () => {
    const selections = RUN_EVENT_TYPES.map((type) => {
      const object = runs.schema.getType(graphqlTypeName(type));
      if (!isObjectType(object)) return expect.fail(`${type} has no object type.`);
      const fields = Object.keys(object.getFields()).filter((name) => !['run', 'artifact'].includes(name));
      return `... on ${object.name} { ${fields.join(' ')} }`;
    });
    expect(validate(runs.schema, parse(`subscription { runEvents(runId: "r") { ${selections.join(' ')} } }`))).toEqual(
      [],
    );
  });

  test('composes with the owners of Agent and Artifact without an error or a hint', async () => {
    const relational = parse(`
      extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
      "Reads. Every field sees only the caller's tenant."
      type Query { agent(id: ID!): Agent artifact(id: ID!): Artifact }
      "An agent." type Agent @key(fields: "id") { "The id." id: ID! name: String }
      "An artifact." type Artifact @key(fields: "id") { "The id." id: ID! path: String run: Run }
      type Run @key(fields: "id", resolvable: false) { "The id." id: ID! }`);
    const own = parse(await readFile(new URL('../../subgraphs/runs/schema.graphql', import.meta.url), 'utf8'));
    const result = composeServices([
      { name: 'relational', typeDefs: relational, url: 'http://relational' },
      { name: 'runs', typeDefs: own, url: 'http://runs' },
    ]);
    expect(result.errors).toBeUndefined();
    expect(result.hints?.map(({ message }) => message)).toEqual([]);
  });
});
