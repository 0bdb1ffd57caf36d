/** Runs as tasks, by both revisions of the Model Context Protocol that have tasks: by messages as they are, and by a client of the SDK. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { startIssuer, type Issuer } from './issuer.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are checked by their content */
const CURRENT = '2026-07-28';
const TASKS = 'io.modelcontextprotocol/tasks';

let issuer: Issuer;
let it: TestServer;
let tokens: Record<'acme' | 'other' | 'reader', string>;
let agentId: string;
beforeAll(async () => {
  issuer = await startIssuer();
  it = await startTestServer({
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'tributary',
    AGENT_CAPABILITIES: 'read,run:start',
  });
  const scope = 'runs:write runs:work agents:write';
  tokens = {
    acme: await issuer.token({ tenant: 'acme', scope }),
    other: await issuer.token({ tenant: 'other', scope }),
    reader: await issuer.token({ tenant: 'acme' }),
  };
  agentId = (await ask('mutation { createAgent(input: { name: "diver" }) { agent { id } } }')).createAgent.agent.id;
});
afterAll(async () => {
  await it?.[Symbol.asyncDispose]();
  await issuer?.[Symbol.asyncDispose]();
});

async function ask(query: string, variables: Record<string, unknown> = {}): Promise<any> {
  const response = await fetch(`${it.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${tokens.acme}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: any; errors?: unknown };
  expect(errors).toBeUndefined();
  return data;
}
const append = (runId: string, events: object[], more: object = {}) =>
  ask('mutation ($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { run { status } } }', {
    input: { runId, events, ...more },
  });
const finish = (runId: string, more: object) =>
  ask('mutation ($input: FinishRunInput!) { finishRun(input: $input) { run { status } } }', {
    input: { runId, ...more },
  });

type Revision = '2026-07-28' | '2025-11-25';
interface Said {
  readonly as?: keyof typeof tokens;
  /** Whether a client of 2026-07-28 says that it knows of tasks. */
  readonly declares?: boolean;
}
/** A message as its revision has it. */
async function send(revision: Revision, method: string, params: any, { as = 'acme', declares = true }: Said = {}) {
  const current = revision === CURRENT;
  const name = params.name ?? params.taskId;
  const response = await fetch(`${it.url}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${tokens[as]}`,
      'mcp-protocol-version': revision,
      ...(current && { 'mcp-method': method }),
      ...(current && typeof name === 'string' && { 'mcp-name': name }),
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method,
      params: {
        ...params,
        ...(current && {
          _meta: {
            'io.modelcontextprotocol/protocolVersion': CURRENT,
            'io.modelcontextprotocol/clientCapabilities': declares ? { extensions: { [TASKS]: {} } } : {},
          },
        }),
      },
    }),
  });
  const { result, error } = (await response.json()) as any;
  return { result, error };
}

const call = (given: Record<string, unknown>) => ({ name: 'start_run', arguments: given });
/** Starts a run as a task. */
async function started(
  revision: Revision,
  given: Record<string, unknown> = { agentId, input: { depth: 30 } },
): Promise<any> {
  const params = revision === CURRENT ? call(given) : { ...call(given), task: { ttl: 60_000 } };
  const { result, error } = await send(revision, 'tools/call', params);
  expect(error).toBeUndefined();
  return revision === CURRENT ? result : result.task;
}

test('what there is of tasks is told as each revision has it', async () => {
  const { result: current } = await send(CURRENT, 'server/discover', {});
  expect(current.capabilities).toMatchObject({ extensions: { [TASKS]: {} } });
  expect(current.capabilities).not.toHaveProperty('tasks');
  const handshake = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  const { result: before } = await send('2025-11-25', 'initialize', handshake);
  expect(before.capabilities.tasks).toEqual({ list: {}, cancel: {}, requests: { tools: { call: {} } } });
  const executions = async (revision: Revision) =>
    (await send(revision, 'tools/list', {})).result.tools.flatMap(({ name, execution }: any) =>
      execution === undefined ? [] : [[name, execution]],
    );
  expect(await executions('2025-11-25')).toEqual([['start_run', { taskSupport: 'optional' }]]);
  expect(await executions(CURRENT)).toEqual([]);
});

describe(CURRENT, () => {
  test('a run is followed from its queue to its output, which fits what the tool says that it answers', async () => {
    const created = await started(CURRENT);
    expect(created).toMatchObject({ resultType: 'task', status: 'working', ttlMs: null, statusMessage: expect.stringContaining('worker') as string }); // prettier-ignore
    expect(created).not.toHaveProperty('content');
    const { taskId, pollIntervalMs } = created;
    expect(Number.isInteger(pollIntervalMs)).toBe(true);
    expect((await ask('query ($id: ID!) { run(id: $id) { status input } }', { id: taskId })).run).toEqual({ status: 'QUEUED', input: { depth: 30 } }); // prettier-ignore
    const get = async () => (await send(CURRENT, 'tasks/get', { taskId })).result;
    await append(taskId, [{ type: 'STEP_STARTED', payload: { stepName: 'dive' } }]);
    expect(await get()).toMatchObject({ resultType: 'complete', taskId, status: 'working', statusMessage: expect.stringContaining('2 events') as string }); // prettier-ignore
    await append(taskId, [{ type: 'CUSTOM', payload: { name: 'air', value: 3 } }], { waiting: true });
    expect(await get()).toMatchObject({ status: 'working', statusMessage: expect.stringContaining('waits') as string });
    await finish(taskId, { output: { found: 'an anchor' } });
    const ended = await get();
    expect(ended).toMatchObject({
      resultType: 'complete',
      status: 'completed',
      result: { resultType: 'complete', isError: false },
    });
    expect(Date.parse(ended.lastUpdatedAt)).toBeGreaterThanOrEqual(Date.parse(ended.createdAt));
    const { structuredContent, content } = ended.result;
    expect(structuredContent).toEqual({ data: { startRun: { run: { id: taskId, status: 'SUCCEEDED', output: { found: 'an anchor' } } } } }); // prettier-ignore
    expect(JSON.parse(content[0].text)).toEqual(structuredContent);
    const { outputSchema } = (await send(CURRENT, 'tools/list', {})).result.tools.find(({ name }: any) => name === 'start_run'); // prettier-ignore
    expect(new Ajv2020({ strict: true, allowUnionTypes: true }).compile(outputSchema)(structuredContent)).toBe(true);
    // To cancel what has ended is heard, and changes nothing.
    expect((await send(CURRENT, 'tasks/cancel', { taskId })).result).toMatchObject({ resultType: 'complete' });
    expect(await get()).toMatchObject({ status: 'completed' });
  });

  test('a run that fails has answered with an error, and one that was interrupted says so', async () => {
    const { taskId } = await started(CURRENT);
    await finish(taskId, { error: { message: 'No air.', code: 'AIR' } });
    expect((await send(CURRENT, 'tasks/get', { taskId })).result).toMatchObject({
      status: 'completed',
      statusMessage: 'It failed: No air.',
      result: { isError: true, structuredContent: { data: { startRun: { run: { status: 'FAILED', error: { code: 'AIR', message: 'No air.' } } } } } }, // prettier-ignore
    });
    const { taskId: other } = await started(CURRENT);
    const outcome = { type: 'interrupt', interrupts: [{ id: 'i1', reason: 'Deeper?' }] };
    await append(other, [{ type: 'RUN_FINISHED', payload: { outcome } }]);
    expect((await send(CURRENT, 'tasks/get', { taskId: other })).result).toMatchObject({
      status: 'completed',
      statusMessage: expect.stringContaining('Interrupted') as string,
      result: { structuredContent: { data: { startRun: { run: { outcome } } } } },
    });
  });

  test('to cancel a task is to cancel its run, and what nobody asked for is passed over', async () => {
    const { taskId } = await started(CURRENT);
    expect((await send(CURRENT, 'tasks/update', { taskId, inputResponses: { x: { action: 'accept' } } })).result).toMatchObject({ resultType: 'complete' }); // prettier-ignore
    const { result } = await send(CURRENT, 'tasks/cancel', { taskId });
    expect(Object.keys(result).sort()).toEqual(['_meta', 'resultType']);
    const cancelled = (await send(CURRENT, 'tasks/get', { taskId })).result;
    expect(cancelled).toMatchObject({ status: 'cancelled' });
    expect(cancelled).not.toHaveProperty('result');
    expect((await ask('query ($id: ID!) { run(id: $id) { status } }', { id: taskId })).run.status).toBe('CANCELLED');
  });

  test("who does not say that he knows of tasks has none, and today's answer", async () => {
    const { result } = await send(CURRENT, 'tools/call', { ...call({ agentId }), task: { ttl: 1 } }, { declares: false }); // prettier-ignore
    expect(result).toMatchObject({ resultType: 'complete', isError: false, structuredContent: { data: { startRun: { run: { status: 'QUEUED' } } } } }); // prettier-ignore
    const taskId = result.structuredContent.data.startRun.run.id;
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel'])
      expect((await send(CURRENT, method, { taskId, inputResponses: {} }, { declares: false })).error, method).toMatchObject({
        code: -32021,
        data: { requiredCapabilities: { extensions: { [TASKS]: {} } } },
      }); // prettier-ignore
    const listen = { notifications: { taskIds: [taskId] } };
    expect((await send(CURRENT, 'subscriptions/listen', listen, { declares: false })).error).toMatchObject({ code: -32021 }); // prettier-ignore
    expect((await send(CURRENT, 'tasks/get', { taskId })).result).toMatchObject({ taskId, status: 'working' });
    for (const method of ['tasks/result', 'tasks/list'])
      expect((await send(CURRENT, method, { taskId })).error, method).toMatchObject({ code: -32601 });
  });

  test('a call that starts no run is answered as ever', async () => {
    for (const given of [{ agentId: 'agt_none' }, { agentName: 'nobody' }, { agent: agentId }, { agentId, agentName: 'diver' }]) {
      const { result, error } = await send(CURRENT, 'tools/call', call(given));
      expect(error).toBeUndefined();
      expect(result, JSON.stringify(given)).toMatchObject({ resultType: 'complete', isError: true });
    } // prettier-ignore
    const { result } = await send(CURRENT, 'tools/call', call({ agentId }), { as: 'reader' });
    expect(result).toMatchObject({ isError: true, structuredContent: { errors: [{ extensions: { code: 'FORBIDDEN' } }] } }); // prettier-ignore
    const execute = { name: 'execute', arguments: { query: '{ __typename }' } };
    expect((await send(CURRENT, 'tools/call', execute)).result).toMatchObject({ resultType: 'complete', isError: false }); // prettier-ignore
  });

  test('the same key again is the same task, however it has ended', async () => {
    const given = { agentId, idempotencyKey: 'dive 7' };
    const { taskId } = await started(CURRENT, given);
    await finish(taskId, { output: 7 });
    expect(await started(CURRENT, given)).toMatchObject({ resultType: 'task', taskId, status: 'completed' });
  });
});

describe('2025-11-25', () => {
  test('a client of the SDK before starts a task, sees it work, and gets its output', async () => {
    const client = new Client({ name: 'test', version: '1' });
    const headers = { authorization: `Bearer ${tokens.acme}` };
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', it.url), { requestInit: { headers } }) as Transport); // prettier-ignore
    const { experimental } = client;
    await client.listTools();
    const seen: string[] = [];
    for await (const message of experimental.tasks.callToolStream(call({ agentId }), undefined, { task: {} })) {
      seen.push(message.type);
      if (message.type === 'taskCreated') {
        const { taskId } = message.task;
        expect((await experimental.tasks.listTasks()).tasks).toContainEqual(message.task);
        await append(taskId, [{ type: 'STEP_STARTED', payload: { stepName: 'dive' } }]);
        await finish(taskId, { output: 'a wreck' });
        expect(await experimental.tasks.getTask(taskId)).toMatchObject({ taskId, status: 'completed', ttl: null });
      }
      if (message.type === 'result')
        expect(message.result.structuredContent).toMatchObject({ data: { startRun: { run: { status: 'SUCCEEDED', output: 'a wreck' } } } }); // prettier-ignore
    }
    expect(seen[0]).toBe('taskCreated');
    expect(seen.at(-1)).toBe('result');
    // Who asks for none is answered as ever.
    expect(await client.callTool(call({ agentId }))).toMatchObject({ structuredContent: { data: { startRun: { run: { status: 'QUEUED' } } } } }); // prettier-ignore
    await client.close();
  });

  test('who waits for the result gets it when the run ends', async () => {
    const { taskId } = await started('2025-11-25');
    const waiting = send('2025-11-25', 'tasks/result', { taskId });
    await append(taskId, [{ type: 'STEP_STARTED', payload: { stepName: 'dive' } }]);
    await finish(taskId, { error: { message: 'No air.' } });
    expect((await waiting).result).toMatchObject({
      isError: true,
      _meta: { 'io.modelcontextprotocol/related-task': { taskId } },
      structuredContent: { data: { startRun: { run: { id: taskId, status: 'FAILED' } } } },
    });
    expect((await send('2025-11-25', 'tasks/get', { taskId })).result).toMatchObject({ status: 'failed', statusMessage: 'It failed: No air.' }); // prettier-ignore
  });

  test('a task is cancelled once, and only start_run is one', async () => {
    const { taskId } = await started('2025-11-25');
    expect((await send('2025-11-25', 'tasks/cancel', { taskId })).result).toMatchObject({ taskId, status: 'cancelled', ttl: null }); // prettier-ignore
    expect((await send('2025-11-25', 'tasks/cancel', { taskId })).error).toMatchObject({ code: -32602, message: expect.stringContaining('cancelled') as string }); // prettier-ignore
    expect((await send('2025-11-25', 'tasks/result', { taskId })).result).toMatchObject({ isError: true });
    const execute = { name: 'execute', arguments: { query: '{ __typename }' }, task: {} };
    expect((await send('2025-11-25', 'tools/call', execute)).error).toMatchObject({ code: -32601 });
    // No run, no task; and nothing else is an answer to who asked for one.
    expect((await send('2025-11-25', 'tools/call', { ...call({ agentId: 'agt_none' }), task: {} })).error).toMatchObject({ code: -32602, message: expect.stringContaining('NOT_FOUND') as string }); // prettier-ignore
  });

  test('lists come in pages, which together are all runs of the tenant', async () => {
    for (let at = 0; at < 51; at += 1) await ask('mutation ($a: ID!) { startRun(input: { agentId: $a }) { run { id } } }', { a: agentId }); // prettier-ignore
    const ids: string[] = [];
    let cursor: string | undefined;
    do {
      const { result } = await send('2025-11-25', 'tasks/list', cursor === undefined ? {} : { cursor });
      ids.push(...result.tasks.map(({ taskId }: any) => taskId));
      cursor = result.nextCursor;
    } while (cursor !== undefined);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength((await ask('{ runs(first: 1) { totalCount } }')).runs.totalCount);
    expect((await send('2025-11-25', 'tasks/list', {}, { as: 'other' })).result).toEqual({ tasks: [] });
    expect((await send('2025-11-25', 'tasks/list', { cursor: 'nowhere' })).error).toMatchObject({ code: -32602 });
  });
});

describe.each(['2026-07-28', '2025-11-25'] as const)('%s', (revision) => {
  test("a task of another tenant is none, as is what there never was, by whatever name, and a reader's cannot be cancelled", async () => {
    const { taskId } = await started(revision);
    const others = revision === CURRENT ? ['tasks/update'] : ['tasks/result'];
    for (const method of ['tasks/get', 'tasks/cancel', ...others]) {
      const params = { inputResponses: {} };
      const foreign = await send(revision, method, { ...params, taskId }, { as: 'other' });
      expect(foreign.error, method).toMatchObject({ code: -32602, message: 'There is no such task.' });
      for (const no of ['run_none', '', 'x'.repeat(5_000), "run_' or 1=1 --", '%2e%2e', 'agt_1'])
        expect((await send(revision, method, { ...params, taskId: no })).error, `${method} ${no.slice(0, 20)}`).toMatchObject({ code: -32602, message: 'There is no such task.' }); // prettier-ignore
      for (const wrong of [null, 7, [taskId], { taskId }])
        expect((await send(revision, method, { ...params, taskId: wrong })).error.code, method).toBe(-32602);
    }
    expect((await send(revision, 'tasks/cancel', { taskId }, { as: 'reader' })).error).toMatchObject({ code: -32603, data: { code: 'FORBIDDEN' } }); // prettier-ignore
    expect((await send(revision, 'tasks/get', { taskId }, { as: 'reader' })).result).toMatchObject({ status: 'working' }); // prettier-ignore
  });

  test('an output that has no room is cut, and says so', async () => {
    const { taskId } = await started(revision);
    await finish(taskId, { output: 'x'.repeat(60_000) });
    const method = revision === CURRENT ? 'tasks/get' : 'tasks/result';
    const { result } = await send(revision, method, { taskId });
    const { content, structuredContent } = revision === CURRENT ? result.result : result;
    expect(content[0].text).toHaveLength(40_000);
    expect(structuredContent.next).toMatch(/The rest is left out: read it by `execute`/);
  });
});
