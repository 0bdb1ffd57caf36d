/**
 * AG-UI's standard client against the whole gateway: what `HttpAgent` sends becomes a run that a worker takes up, and the
 * client ends with the messages and the state that the run's log says. Also the client of the version that CopilotKit's
 * runtime carries (the runtime itself is tried by `copilotkit.test.ts`).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpAgent, type Message, type RunAgentInput } from '@ag-ui/client';
import { HttpAgent as EarlierHttpAgent } from 'ag-ui-client-0';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadConfig } from '#gateway/config/config.ts';
import { startServer } from '#gateway/server.ts';
import { startSubgraphServer } from '#gateway/subgraph-server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { startIssuer, type Issuer } from '#tests/gateway/issuer.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are checked by their content */
let issuer: Issuer;
let it: TestServer;
let tokens: Record<'acme' | 'other' | 'reader', string>;
let agentId: string;
beforeAll(async () => {
  issuer = await startIssuer();
  it = await startTestServer({ OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'tributary' });
  const scope = 'runs:write runs:work agents:write';
  tokens = {
    acme: await issuer.token({ tenant: 'acme', scope }),
    other: await issuer.token({ tenant: 'other', scope }),
    reader: await issuer.token({ tenant: 'acme' }),
  };
  agentId = (await ask('mutation { createAgent(input: { name: "helper", instructions: "Help.", model: "none" }) { agent { id } } }')).createAgent.agent.id; // prettier-ignore
});
afterAll(async () => {
  await it?.[Symbol.asyncDispose]();
  await issuer?.[Symbol.asyncDispose]();
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
async function ask(query: string, variables: Record<string, unknown> = {}): Promise<any> {
  const response = await fetch(`${it.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(tokens.acme) },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: any; errors?: unknown };
  expect(errors).toBeUndefined();
  return data;
}

interface Claimed {
  readonly id: string;
  readonly threadId: string;
  readonly input: RunAgentInput;
  readonly state: unknown;
  append(...events: [type: string, payload: object][]): Promise<void>;
}

/** What a worker does. */
async function claim(): Promise<Claimed> {
  const { claimRun } = await ask(
    'mutation ($agentId: ID!) { claimRun(input: { agentId: $agentId }) { run { id threadId input state } lease { token } } }',
    { agentId },
  );
  const { token } = claimRun.lease;
  return {
    ...claimRun.run,
    append: async (...events) => {
      await ask('mutation ($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { run { id } } }', {
        input: { runId: claimRun.run.id, token, events: events.map(([type, payload]) => ({ type, payload })) },
      });
    },
  };
}

/** A client, and what tells that its run has been started. */
function client<Agent>(
  make: (config: {
    url: string;
    headers: Record<string, string>;
    fetch: (url: string, init: RequestInit) => Promise<Response>;
  }) => Agent,
  path = `/agents/${agentId}/run`,
): { agent: Agent; started: Promise<string> } {
  let tell: (location: string) => void;
  const started = new Promise<string>((resolve) => (tell = resolve));
  const agent = make({
    url: it.url + path,
    headers: bearer(tokens.acme),
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      tell(response.headers.get('content-location') ?? `none: ${response.status}`);
      return response;
    },
  });
  return { agent, started };
}

const TOOLS = [
  {
    name: 'confirm',
    description: 'Asks the person.',
    parameters: { type: 'object', properties: { question: { type: 'string' } }, required: ['question'] },
  },
];
const CONTEXT = [{ description: 'The page that is open', value: '/orders/17' }];
const asked = (content: string): Message => ({ id: `m-${content.length}`, role: 'user', content });

describe.each([
  ['of AG-UI 1.0', (config: ConstructorParameters<typeof HttpAgent>[0]) => new HttpAgent(config)],
  ['of the version before, as CopilotKit\'s runtime has it', (config: any) => new EarlierHttpAgent(config) as unknown as HttpAgent], // prettier-ignore
])('the client %s', (_, make) => {
  test('has its run worked on, with messages, tools, context and state', async () => {
    const threadId = `thread ${_}`;
    const { agent, started } = client((config) =>
      make({
        ...config,
        threadId,
        initialMessages: [asked('Ship it?')],
        initialState: { step: 1, cart: ['tea'] },
      } as never),
    );
    const ended = agent.runAgent({
      runId: `first ${_}`,
      tools: TOOLS,
      context: CONTEXT,
      forwardedProps: { locale: 'de' },
    });
    expect(await started).toMatch(/^\/runs\/run_\w+\/events$/);
    const run = await claim();
    expect(run).toMatchObject({
      threadId,
      state: { step: 1, cart: ['tea'] },
      input: {
        runId: `first ${_}`,
        messages: [{ role: 'user', content: 'Ship it?' }],
        tools: TOOLS,
        context: CONTEXT,
        forwardedProps: { locale: 'de' },
      },
    });
    await run.append(
      ['STATE_DELTA', { delta: [{ op: 'replace', path: '/step', value: 2 }, { op: 'add', path: '/cart/-', value: 'milk' }] }], // prettier-ignore
      ['TEXT_MESSAGE_START', { messageId: 'answer', role: 'assistant' }],
      ['TEXT_MESSAGE_CONTENT', { messageId: 'answer', delta: 'I ask ' }],
    );
    await run.append(
      ['TEXT_MESSAGE_CONTENT', { messageId: 'answer', delta: 'first.' }],
      ['TEXT_MESSAGE_END', { messageId: 'answer' }],
      ['TOOL_CALL_START', { toolCallId: 'call', toolCallName: 'confirm', parentMessageId: 'answer' }],
      ['TOOL_CALL_ARGS', { toolCallId: 'call', delta: '{"question":"Ship?"}' }],
      ['TOOL_CALL_END', { toolCallId: 'call' }],
      ['RUN_FINISHED', { result: { shipped: false } }],
    );
    expect((await ended).result).toEqual({ shipped: false });
    const { state } = (await ask('query ($id: ID!) { run(id: $id) { state } }', { id: run.id })).run;
    expect(agent.state).toEqual({ step: 2, cart: ['tea', 'milk'] });
    expect(state).toEqual(agent.state);
    expect(agent.messages).toMatchObject([
      { role: 'user', content: 'Ship it?' },
      {
        role: 'assistant',
        content: 'I ask first.',
        toolCalls: [{ id: 'call', function: { name: 'confirm', arguments: '{"question":"Ship?"}' } }],
      },
    ]);

    // The page answers the tool call: a run of its own in the same thread.
    agent.addMessage({ id: 'result', role: 'tool', toolCallId: 'call', content: 'yes' });
    const again = agent.runAgent({ runId: `second ${_}`, tools: TOOLS });
    await vi.waitFor(
      async () => {
        const second = await claim().catch(() => undefined);
        expect(second).toBeDefined();
        expect(second!.threadId).toBe(threadId);
        expect(second!.state).toEqual({ step: 2, cart: ['tea', 'milk'] });
        expect(second!.input.messages.at(-1)).toMatchObject({ role: 'tool', content: 'yes' });
        await second!.append(['RUN_FINISHED', {}]);
      },
      { timeout: 20_000 },
    );
    await again;
  });

  test('is told how its run failed', async () => {
    const { agent, started } = client((config) => make({ ...config, initialMessages: [asked('?')] } as never));
    const seen: string[] = [];
    agent.subscribe({ onRunErrorEvent: ({ event }) => void seen.push(event.message) });
    const ended = agent.runAgent({ runId: `fails ${_}` });
    await started;
    const run = await claim();
    await run.append(['RUN_ERROR', { message: 'No model.', code: 'NONE' }]);
    await ended.catch(() => undefined);
    expect(seen).toEqual(['No model.']);
  });
});

const body = (more: object = {}): string =>
  JSON.stringify({ threadId: 't', runId: 'r', state: {}, messages: [asked('Hello')], tools: [], context: [], forwardedProps: {}, ...more }); // prettier-ignore
const post = async (path: string, given: string, headers: Record<string, string> = {}, method = 'POST') =>
  await fetch(it.url + path, {
    method,
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...bearer(tokens.acme), ...headers },
    ...(method === 'POST' && { body: given }),
  });
const runPath = () => `/agents/${agentId}/run`;
/** The ids and types of the events, to the end of the stream. */
const eventsOf = (text: string): string[] =>
  [...text.matchAll(/^id: (\d+)\ndata: \{.*?"type":"([A-Z_]+)"/gm)].map(([, id, type]) => `${id} ${type}`);

test('asked again with its runId it is the same run, from the start or behind the last event seen', async () => {
  const given = body({ runId: 'again' });
  const first = await post(runPath(), given);
  const location = first.headers.get('content-location');
  // It goes away; its run does not.
  await first.body!.cancel();
  const run = await claim();
  expect(location).toBe(`/runs/${run.id}/events`);
  await run.append(['TEXT_MESSAGE_CHUNK', { messageId: 'm', delta: 'Hello.' }], ['RUN_FINISHED', {}]);
  const second = await post(runPath(), given);
  expect(second.headers.get('content-location')).toBe(location);
  const all = eventsOf(await second.text());
  expect(all.map((event) => event.split(' ')[1])).toEqual(['RUN_STARTED', 'TEXT_MESSAGE_CHUNK', 'RUN_FINISHED']); // prettier-ignore
  expect(eventsOf(await (await post(runPath(), given, { 'last-event-id': '1' })).text())).toEqual(all.slice(1));
  expect((await post(runPath(), given, { 'last-event-id': '3' })).status).toBe(204);
  const other = await post(runPath(), body({ runId: 'again', messages: [asked('Something else')] }));
  expect([other.status, await other.text()]).toEqual([409, expect.stringContaining('CONFLICT')]);
});

test('at /ag-ui the agent is named beside, or is the only one, or there is none', async () => {
  const named = await post('/ag-ui', body({ runId: 'named', forwardedProps: { agentId } }));
  expect((await claim()).input.runId).toBe('named');
  await named.body!.cancel();
  const called = await post('/agents/helper/run', body({ runId: 'called' }));
  expect((await claim()).input.runId).toBe('called');
  await called.body!.cancel();
  const only = await post('/ag-ui', body({ runId: 'only', forwardedProps: null, tools: null }));
  expect((await claim()).input.runId).toBe('only');
  await only.body!.cancel();
  const response = await post('/ag-ui', body({ runId: 'none', forwardedProps: { agentId: null } }));
  expect(response.status).toBe(200);
  const id = response.headers.get('content-location')!.split('/')[2];
  const { run } = await ask('query ($id: ID!) { run(id: $id) { agent { id } input } }', { id });
  expect(run).toMatchObject({ agent: null, input: { runId: 'none' } });
  await ask('mutation ($id: ID!) { finishRun(input: { runId: $id }) { run { id } } }', { id });
  expect(eventsOf(await response.text())).toEqual(['1 RUN_STARTED', '2 RUN_FINISHED']);
});

test('at /ag-ui it is said at once that nobody would work on the run', async () => {
  const nobody = await post('/ag-ui', body({ runId: 'nobody' }), bearer(tokens.other));
  expect([nobody.status, await nobody.text()]).toEqual([400, expect.stringMatching(/BAD_USER_INPUT.*createAgent/)]);
  const { createAgent } = await ask('mutation { createAgent(input: { name: "second", instructions: "Help.", model: "none" }) { agent { id } } }'); // prettier-ignore
  try {
    const several = await post('/ag-ui', body({ runId: 'several' }));
    expect([several.status, await several.text()]).toEqual([400, expect.stringMatching(/BAD_USER_INPUT.*\/agents\/<id>\/run/)]); // prettier-ignore
  } finally {
    await ask('mutation ($id: ID!) { deleteAgent(input: { id: $id }) { deletedIds } }', { id: createAgent.agent.id });
  }
});

test('a long conversation is taken, with numbers as they were written', async () => {
  const long = body({
    runId: 'long',
    messages: Array.from({ length: 1_500 }, (_, index) => ({ id: `m${index}`, role: index % 2 ? 'assistant' : 'user', content: 'Tell me more about it, please. '.repeat(18) })), // prettier-ignore
  }).replace('"state":{}', '"state":{"cents":9007199254740993,"rate":1.10}');
  expect(long.length).toBeGreaterThan(800_000);
  await (await post(runPath(), long)).body!.cancel();
  const run = await claim();
  expect(run.input.messages).toHaveLength(1_500);
  const text = await fetch(`${it.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(tokens.acme) },
    body: JSON.stringify({ query: `{ run(id: "${run.id}") { state } }` }),
  }).then((response) => response.text());
  expect(text).toContain('{"cents":9007199254740993,"rate":1.10}');
});

describe('refused', () => {
  const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  test.each<[string, () => Promise<Response>, number, string, RegExp]>([
    ['nobody', () => post(runPath(), body(), { authorization: '' }), 401, 'UNAUTHENTICATED', /./],
    ['who may not start runs', () => post(runPath(), body(), bearer(tokens.reader)), 403, 'FORBIDDEN', /runs:write/],
    ["another tenant's agent", () => post(runPath(), body(), bearer(tokens.other)), 404, 'NOT_FOUND', /no such agent/],
    ['an agent that is not there', () => post('/agents/agt_1/run', body()), 404, 'NOT_FOUND', /no such agent/],
    ['a name of nobody', () => post('/agents/%27%20or%201=1/run', body()), 404, 'NOT_FOUND', /agents/],
    ['what is no name', () => post('/agents/%FF/run', body()), 400, 'BAD_USER_INPUT', /encodeURIComponent/],
    [
      'an agent that is no text',
      () => post('/ag-ui', body({ forwardedProps: { agentId: 7 } })),
      400,
      'BAD_USER_INPUT',
      /agentId/,
    ],
    [
      'no messages',
      () => post(runPath(), body({ messages: undefined })),
      400,
      'BAD_USER_INPUT',
      /"RunAgentInput: `messages`: is required"/,
    ],
    [
      'a message of no role',
      () => post(runPath(), body({ messages: [{ id: '1', role: 'robot', content: '' }] })),
      400,
      'BAD_USER_INPUT',
      /messages\.0\.role/,
    ],
    ['no runId', () => post(runPath(), body({ runId: undefined })), 400, 'BAD_USER_INPUT', /`runId`: is required/],
    ['an empty runId', () => post(runPath(), body({ runId: '' })), 400, 'BAD_USER_INPUT', /runId/],
    ['a list', () => post(runPath(), '[]'), 400, 'BAD_USER_INPUT', /object/],
    ['no JSON', () => post(runPath(), '{'), 400, 'BAD_USER_INPUT', /JSON/],
    [
      'JSON that is too deep',
      () => post(runPath(), body().replace('"state":{}', `"state":${deep(33)}`)),
      400,
      'BAD_USER_INPUT',
      /32 levels/,
    ],
    [
      'what is too long',
      () => post(runPath(), body({ state: { text: 'x'.repeat(1_100_000) } })),
      400,
      'BAD_USER_INPUT',
      /at most 1048576/,
    ],
    [
      'another content type',
      () => post(runPath(), body(), { 'content-type': 'text/plain' }),
      415,
      'BAD_USER_INPUT',
      /application\/json/,
    ],
    [
      "AG-UI's binary encoding alone",
      () => post(runPath(), body(), { accept: 'application/vnd.ag-ui.event+proto' }),
      406,
      'BAD_USER_INPUT',
      /text\/event-stream/,
    ],
    [
      'a page of another origin',
      () => post(runPath(), body(), { origin: 'https://evil.example' }),
      403,
      'FORBIDDEN',
      /origin/,
    ],
  ])('%s', async (_, send, status, code, says) => {
    // prettier-ignore
    const response = await send();
    const text = await response.text();
    expect([response.status, text]).toEqual([status, expect.stringContaining(`"code":"${code}"`)]);
    expect(text).toMatch(says);
  });

  test('any other method', async () => {
    for (const path of [runPath(), '/ag-ui'])
      for (const method of ['GET', 'DELETE', 'HEAD']) {
        const { status, headers } = await post(path, '', {}, method);
        expect([status, headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
      }
  });
});

test('where the runs subgraph is a server of its own, runs are started and followed there', async () => {
  await using database = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'tributary-ag-ui-'));
  const shared = {
    DATABASE_URL: database.url,
    DATA_DIR: folder,
    PORT: '0',
    LOG_LEVEL: 'fatal',
    INTERNAL_TOKEN_SECRET: 'k'.repeat(32),
  };
  const log = createLogger({ level: 'silent' });
  const apart = await startSubgraphServer('runs', loadConfig(shared), log);
  const gateway = await startServer(loadConfig({ ...shared, SUBGRAPH_RUNS_URL: `${apart.url}/graphql` }), { log });
  try {
    await gateway.ready;
    let tell: (location: string | null) => void;
    const started = new Promise<string | null>((resolve) => (tell = resolve));
    const agent = new HttpAgent({
      url: `${gateway.url}/ag-ui`,
      initialMessages: [asked('Anybody?')],
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        tell(response.headers.get('content-location'));
        return response;
      },
    });
    const ended = agent.runAgent({ forwardedProps: { agentId: null } });
    const runId = (await started)!.split('/')[2];
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        query: 'mutation ($runId: ID!) { finishRun(input: { runId: $runId, output: "nobody" }) { run { input } } }',
        variables: { runId },
      }),
    });
    expect(await response.json()).toMatchObject({ data: { finishRun: { run: { input: { messages: [{ content: 'Anybody?' }] } } } } }); // prettier-ignore
    expect((await ended).result).toBe('nobody');
  } finally {
    await gateway.close();
    await apart.close();
    await rm(folder, { recursive: true, force: true });
  }
}, 90_000);
