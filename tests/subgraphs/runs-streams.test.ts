/**
 * What streams of runs look like from outside the subgraph: tenantEvents, plain server-sent events, and what followers
 * share.
 */
import { execute, parse, subscribe, validate, type ExecutionResult } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRuns } from '#subgraphs/runs/index.ts';
import { formatWake, parseWake } from '#subgraphs/runs/streams/wake-ups.ts';
import { createRequestContext, type Principal } from '#subgraphs/shared/context.ts';
import type { CodedError } from '#subgraphs/shared/errors.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { createRunsFixture, type RunsFixture } from './runs-fixture.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are checked by their content */
let fixture: RunsFixture;
let postgres: Postgres;
let runs: Subgraph;
const principal = (tenantId: string): Principal => ({ tenantId, subject: 'ann', roles: [], scopes: [] });

beforeAll(async () => {
  fixture = await createRunsFixture({ keepAliveMs: 5 });
  ({ runs, postgres } = fixture);
});
afterAll(async () => {
  await fixture?.[Symbol.asyncDispose]();
});

async function data(source: string, variables: Record<string, unknown>, tenantId = 'tenant-a'): Promise<any> {
  const contextValue = createRequestContext(principal(tenantId));
  const result = (await execute({
    schema: runs.schema,
    document: parse(source),
    variableValues: variables,
    contextValue,
  })) as ExecutionResult<any>;
  expect(result.errors).toBeUndefined();
  return result.data;
}
async function stream(
  source: string,
  variables: Record<string, unknown> = {},
  context = createRequestContext(principal('tenant-a')),
): Promise<any> {
  const document = parse(source);
  expect(validate(runs.schema, document)).toEqual([]);
  return await subscribe({ schema: runs.schema, document, variableValues: variables, contextValue: context });
}
const start = async (agentId?: string): Promise<string> =>
  (await data(`mutation ($input: StartRunInput!) { startRun(input: $input) { run { id } } }`, { input: { agentId } }))
    .startRun.run.id;
const append = async (runId: string, ...events: { type: string; payload: unknown }[]) =>
  await data(
    `mutation ($runId: ID!, $events: [RunEventInput!]!) { appendRunEvents(input: { runId: $runId, events: $events }) { run { id } } }`,
    { runId, events },
  );
const text = (delta: string) => ({ type: 'TEXT_MESSAGE_CHUNK', payload: { messageId: 'm', delta } });
const artifact = { type: 'ARTIFACT_CREATED', payload: { artifactId: 'art_1' } };
const finish = { type: 'RUN_FINISHED', payload: {} };

describe('tenantEvents', () => {
  const FOLLOW = `subscription ($after: String, $types: [RunEventType!], $agentId: ID) {
    tenantEvents(after: $after, types: $types, agentId: $agentId) { cursor event { __typename sequence type run { id agent { id } status } } } }`;

  test('follows all runs, resumes behind its cursor, and filters', async () => {
    const [one, two] = [await start('agt_one'), await start('agt_two')];
    await append(one, text('a'));
    await append(two, text('b'));
    const events = await stream(FOLLOW, { agentId: 'agt_one' });
    const first = (await events.next()).value.data.tenantEvents;
    expect(first).toMatchObject({
      event: {
        __typename: 'RunStartedEvent',
        sequence: 1,
        run: { id: one, agent: { id: 'agt_one' }, status: 'RUNNING' },
      },
    });
    await events.return();
    const resumed = await stream(FOLLOW, {
      agentId: 'agt_one',
      after: first.cursor,
      types: ['RUN_FINISHED', 'TEXT_MESSAGE_CHUNK'],
    });
    expect((await resumed.next()).value.data.tenantEvents.event).toMatchObject({
      sequence: 2,
      type: 'TEXT_MESSAGE_CHUNK',
    });
    const next = resumed.next();
    await append(one, finish);
    expect((await next).value.data.tenantEvents.event).toMatchObject({
      sequence: 3,
      run: { id: one, status: 'SUCCEEDED' },
    });
    await resumed.return();
  });

  test.each([[{ after: 'then' }], [{ after: '1' }], [{ agentId: 'doc_1' }], [{ after: '9000000000000000000-1' }]])(
    'refuses %j',
    async (variables) => {
      expect((await stream(FOLLOW, variables)).errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
    },
  );
});

test("a wake-up says whose run it is, a project's too, and what is none says nothing", () => {
  for (const tenantId of ['acme', 'acme.red', `${'t'.repeat(63)}.${'p'.repeat(63)}`]) {
    const wake = { tenantId, runId: 'run_1', sequence: 7 };
    expect(parseWake(formatWake(wake))).toEqual(wake);
  }
  for (const text of ['acme. run_1 7', '.red run_1 7', 'acme.red.blue run_1 7', 'acme/red run_1 7', 'a b run_1 7', ''])
    expect(parseWake(text), text).toBeUndefined();
});

test('followers share the reading of a run that they all ask for', async () => {
  const runId = await start();
  const contexts = Array.from({ length: 20 }, () => createRequestContext(principal('tenant-a')));
  const streams = await Promise.all(
    contexts.map((context) =>
      stream(`subscription ($runId: ID!) { runEvents(runId: $runId) { sequence run { status } } }`, { runId }, context),
    ),
  );
  const nexts = streams.map((each) => each.next());
  await append(runId, text('x'));
  for (const next of nexts)
    expect((await next).value.data.runEvents).toEqual({ sequence: 1, run: { status: 'RUNNING' } });
  const reads = contexts.reduce((sum, { statements }) => sum + statements.total, 0);
  expect(reads).toBeGreaterThan(0);
  expect(reads).toBeLessThan(5);
  // What the log has since said of the run is seen with the next event, and by who comes late.
  await append(runId, finish);
  for (const each of streams) {
    expect((await each.next()).value.data.runEvents.sequence).toBe(2);
    expect((await each.next()).value.data.runEvents).toEqual({ sequence: 3, run: { status: 'SUCCEEDED' } });
  }
});

describe('GET /runs/:id/events', () => {
  const get = async (
    path: string,
    {
      tenantId = 'tenant-a',
      headers = {},
      of = runs,
    }: { tenantId?: string; headers?: Record<string, string>; of?: Subgraph } = {},
  ): Promise<Response> => {
    const [route] = of.routes;
    expect(route).toMatchObject({ methods: ['GET'], prefix: '/runs/', authenticated: true });
    return await route!.handle(new Request(`http://localhost${path}`, { headers }), principal(tenantId));
  };
  const refused = async (promise: Promise<Response>) =>
    await promise.then(
      () => expect.fail('It should have been refused.'),
      (error: CodedError) => error.code,
    );
  const frames = (body: string) =>
    body.split('\n\n').flatMap((block) => {
      const id = /^id: (\d+)$/m.exec(block)?.[1];
      return id === undefined ? [] : [{ id: Number(id), ...JSON.parse(/^data: (.*)$/m.exec(block)![1]!) }];
    });
  /** Reads until a frame with this id has come. */
  const until = async (response: Response, id: number): Promise<string> => {
    const reader = response
      .body!.pipeThrough(new TextDecoderStream() as never)
      .getReader() as ReadableStreamDefaultReader<string>;
    let body = '';
    while (!body.includes(`id: ${id}\n`)) {
      const { done, value } = await reader.read();
      if (done) break;
      body += value;
    }
    await reader.cancel();
    return body;
  };

  test("replays an ended run in AG-UI's encoding and completes", async () => {
    const runId = await start();
    await append(runId, text('a\n\nid: 99\n'), artifact, finish);
    const response = await get(`/runs/${runId}/events`);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const body = await response.text();
    expect(body).toMatch(/^retry: 1000\n\n/);
    const timestamp = expect.any(Number);
    expect(frames(body)).toEqual([
      { id: 1, type: 'RUN_STARTED', timestamp, runId, threadId: runId },
      { id: 2, type: 'TEXT_MESSAGE_CHUNK', timestamp, messageId: 'm', delta: 'a\n\nid: 99\n' },
      { id: 3, type: 'CUSTOM', timestamp, name: 'ARTIFACT_CREATED', value: { artifactId: 'art_1' } },
      { id: 4, type: 'RUN_FINISHED', timestamp, runId, threadId: runId },
    ]);
  });

  test('goes on behind Last-Event-ID, which outranks the URL, and says when nothing will come', async () => {
    const runId = await start();
    await append(runId, text('a'), text('b'), finish);
    const ids = async (path: string, headers = {}) =>
      frames(await (await get(path, { headers })).text()).map(({ id }) => id);
    expect(await ids(`/runs/${runId}/events?after=1`)).toEqual([2, 3, 4]);
    expect(await ids(`/runs/${runId}/events?after=1`, { 'last-event-id': '3' })).toEqual([4]);
    expect(await ids(`/runs/${runId}/events?types=RUN_STARTED`)).toEqual([1, 4]);
    // Clients that have seen nothing yet may say so with an empty cursor.
    expect(await ids(`/runs/${runId}/events?after=`)).toEqual([1, 2, 3, 4]);
    expect(await ids(`/runs/${runId}/events`, { 'last-event-id': '' })).toEqual([1, 2, 3, 4]);
    expect(await ids(`/runs/${runId}/events?after=1`, { 'last-event-id': '' })).toEqual([2, 3, 4]);
    // Polyfills that may send no headers put it into the URL, some once more each time.
    expect(await ids(`/runs/${runId}/events?after=1&lastEventId=3`)).toEqual([4]);
    expect(await ids(`/runs/${runId}/events?lastEventId=1&lastEventId=2`)).toEqual([3, 4]);
    expect(await ids(`/runs/${runId}/events?after=1&lastEventId=`)).toEqual([2, 3, 4]);
    const done = await get(`/runs/${runId}/events`, { headers: { 'last-event-id': '4' } });
    expect({ status: done.status, body: await done.text() }).toEqual({ status: 204, body: '' });
  });

  test('follows a run that goes on, with signs of life between', async () => {
    const runId = await start();
    await append(runId, text('a'));
    const response = await get(`/runs/${runId}/events`);
    const [copy, rest] = response.body!.tee();
    const idle = copy.pipeThrough(new TextDecoderStream() as never).getReader() as ReadableStreamDefaultReader<string>;
    let seen = '';
    // A busy store may be waited for too, so only what comes after the last event says that the stream is idle.
    while (!/^id: 2$[^]*^: waiting$/m.test(seen)) seen += (await idle.read()).value ?? '';
    expect(frames(seen).map(({ id }) => id)).toEqual([1, 2]);
    await append(runId, finish);
    const whole = frames(await new Response(rest).text());
    await idle.cancel();
    expect(whole.map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  test('cuts a client that leaves what it was sent unread', async () => {
    const runId = await start();
    await append(runId, text('a'));
    let told: (message: string) => void = () => undefined;
    const cut = new Promise<string>((resolve) => (told = resolve));
    const impatient = await createRuns({ stallMs: 1 }, { postgres, log: (message) => told(message) });
    const response = await get(`/runs/${runId}/events`, { of: impatient });
    const reader = response.body!.getReader();
    await reader.read();
    expect(await cut).toMatch(/left a run's events unread/);
    await expect(reader.read()).rejects.toThrow('does not read');
    await impatient.close();
    // It resumes where it was.
    await append(runId, finish);
    expect(
      frames(await until(await get(`/runs/${runId}/events`, { headers: { 'last-event-id': '1' } }), 3)).map(
        ({ id }) => id,
      ),
    ).toEqual([2, 3]);
  });

  test('looks anew who asks, and what for', async () => {
    const runId = await start();
    await append(runId, text('a'));
    expect(
      await refused(get(`/runs/${runId}/events`, { tenantId: 'tenant-b', headers: { 'last-event-id': '1' } })),
    ).toBe('NOT_FOUND');
    expect(await refused(get(`/runs/run_none/events`))).toBe('NOT_FOUND');
    expect(await refused(get(`/runs/none/events`))).toBe('BAD_USER_INPUT');
    expect(await refused(get(`/runs/${runId}`))).toBe('NOT_FOUND');
    expect(await refused(get(`/runs/${runId}/events/more`))).toBe('NOT_FOUND');
    expect(await refused(get(`/runs/%00/events`))).toMatch(/NOT_FOUND|BAD_USER_INPUT/);
    for (const after of ['-1', 'x', '3', '1.5'])
      expect(await refused(get(`/runs/${runId}/events?after=${after}`))).toBe('BAD_USER_INPUT');
    expect(await refused(get(`/runs/${runId}/events?types=NONE`))).toBe('BAD_USER_INPUT');
  });
});
