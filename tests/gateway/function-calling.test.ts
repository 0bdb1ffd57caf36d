/** The agents' tools as functions of models, as JSON Schema and as OpenAPI, by the whole server. */
import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { buildSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerBudget } from '#gateway/admission/operations.ts';
import { AgentRequests } from '#gateway/agents/agent-requests.ts';
import { functionCalling } from '#gateway/agents/function-calling.ts';
import { schemaSearches } from '#gateway/agents/schema-search.ts';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { bodyLimits } from '#gateway/http/body.ts';
import { createListener } from '#gateway/http/listener.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { READING } from './agent-tools.ts';

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & {
    readonly errors?: readonly { readonly message: string; readonly extensions: Record<string, unknown> }[];
  };
}
interface Tool {
  readonly type: string;
  readonly function: { readonly name: string; readonly description: string; readonly parameters: object };
}

let it: TestServer;
let writer: TestServer;
beforeAll(async () => {
  [it, writer] = await Promise.all([
    startTestServer(),
    startTestServer({ AGENT_CAPABILITIES: 'read, write:memory, run:start' }),
  ]);
});
afterAll(async () => {
  await it?.[Symbol.asyncDispose]();
  await writer?.[Symbol.asyncDispose]();
});

async function ask(
  { url }: Pick<TestServer, 'url'>,
  path: string,
  body?: unknown,
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    ...(body === undefined
      ? {}
      : { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}
const toolsOf = async (server: Pick<TestServer, 'url'>): Promise<readonly Tool[]> =>
  (await ask(server, '/agents/tools')).body['tools'] as readonly Tool[];
const namesOf = async (server: Pick<TestServer, 'url'>): Promise<string[]> =>
  (await toolsOf(server)).map((tool) => tool.function.name);

/** What a server lists whose operator allows this, in front of the operations of one that is there. */
async function namesAllowedBy(capabilities: string): Promise<string[]> {
  const { agentCapabilities, bounds } = loadConfig({ AGENT_CAPABILITIES: capabilities });
  const log = createLogger({ level: 'silent' });
  const schema = buildSchema(await readFile('gateway/supergraph/api.graphql', 'utf8'), { assumeValid: true });
  const agents = new AgentRequests({
    operations: it.services.operations,
    schema: () => schema,
    search: schemaSearches(),
    authenticate: () => Promise.resolve(DEVELOPER),
    capabilities: agentCapabilities,
    body: bodyLimits(bounds.http),
    budget: answerBudget(bounds.admission),
    log,
  });
  const listener = createListener([functionCalling(agents)], bounds.http, log);
  try {
    return await namesOf({ url: `http://127.0.0.1:${await listener.listen('127.0.0.1', 0)}` });
  } finally {
    await listener.close(0);
  }
}

describe('the list', () => {
  test('has what the operator allows', async () => {
    expect(await namesOf(it)).toEqual(READING);
    expect(await namesOf(writer)).toEqual([
      ...READING,
      'remember',
      'forget',
      'begin_session',
      'append_messages',
      'start_run',
      'ask',
    ]);
    expect(await namesAllowedBy('read,write')).toContain('mutate');
    expect(await namesAllowedBy('run:start')).toEqual(['start_run', 'ask']);
  });

  test('comes as functions, as JSON Schema and as OpenAPI, of the same parameters', async () => {
    const ajv = new Ajv2020({ strict: true });
    const functions = (await toolsOf(writer)).map((tool) => tool.function);
    for (const { parameters } of functions) {
      expect(parameters).toMatchObject({ type: 'object', properties: {} });
      expect(() => ajv.compile(parameters)).not.toThrow();
    }
    const { body: responses } = await ask(writer, '/agents/tools?format=responses');
    expect(responses['tools']).toEqual(functions.map((each) => ({ type: 'function', strict: false, ...each })));
    const { body: plain } = await ask(writer, '/agents/tools?format=json-schema');
    expect(plain['tools']).toMatchObject(
      functions.map(({ name, description, parameters }) => ({ name, description, inputSchema: parameters })),
    );
    const { body: openApi } = await ask(writer, '/agents/openapi.json');
    const paths = openApi['paths'] as Record<string, { post: { operationId: string; requestBody: object } }>;
    expect(Object.keys(paths)).toEqual(functions.map(({ name }) => `/agents/tools/${name}`));
    for (const { name, parameters } of functions)
      expect(paths[`/agents/tools/${name}`]!.post).toMatchObject({
        operationId: name,
        requestBody: { content: { 'application/json': { schema: parameters } } },
      });
  });

  test('in a form that there is none of is refused', async () => {
    expect(await ask(it, '/agents/tools?format=xml')).toMatchObject({
      status: 400,
      body: {
        errors: [{ extensions: { code: 'BAD_USER_INPUT', hint: expect.stringContaining('responses') as string } }],
      },
    });
  });
});

describe('a call', () => {
  test('remembers, finds by a query, and forgets', async () => {
    const { body } = await ask(writer, '/agents/tools/remember', { key: 'tide', value: 'turns at six', source: null });
    // A model's next call may be the next thing that happens.
    expect(body).toMatchObject({ data: { rememberFact: { notIndexed: [] } } });
    const { fact } = (body as unknown as { data: { rememberFact: { fact: { id: string } } } }).data.rememberFact;
    const query = 'query ($key: String) { memoryFacts(where: { key: { eq: $key } }) { nodes { value source } } }';
    // As models write them: an object as text.
    expect((await ask(writer, '/agents/tools/execute', { query, variables: '{"key":"tide"}' })).body).toEqual({
      data: { memoryFacts: { nodes: [{ value: 'turns at six', source: null }] } },
    });
    expect((await ask(writer, '/agents/tools/forget', { id: fact.id })).body).toEqual({
      data: { forgetFact: { deletedIds: [fact.id] } },
    });
    expect((await ask(writer, '/agents/tools/forget', { id: fact.id })).body).toMatchObject({
      errors: [{ extensions: { code: 'NOT_FOUND' } }],
    });
  });

  test('holds a conversation under a name of its own, and reads what of it fits', async () => {
    const begin = async () => (await ask(writer, '/agents/tools/begin_session', { key: 'ticket 4711' })).body;
    const { id: sessionId } = ((await begin()) as unknown as { data: { createSession: { session: { id: string } } } }).data.createSession.session; // prettier-ignore
    const toolCalls = [{ id: 'c1', type: 'function', function: { name: 'berths', arguments: '{}' } }];
    const messages = [
      { role: 'USER', content: 'Which berth is free?' },
      { role: 'ASSISTANT', content: null, toolCalls },
      { role: 'TOOL', content: '7', toolCallId: 'c1', name: 'berths' },
    ];
    for (let time = 0; time < 2; time += 1)
      expect((await ask(writer, '/agents/tools/append_messages', { sessionId, messages, idempotencyKey: 'turn 1' })).body).toEqual({ data: { appendMessages: { session: { messageCount: 3 } } } }); // prettier-ignore
    expect(await begin()).toEqual({ data: { createSession: { session: { id: sessionId, messageCount: 3 } } } });
    const { body } = await ask(writer, '/agents/tools/session_context', { sessionId });
    expect(body).toMatchObject({ data: { session: { messageCount: 3, context: { summary: null, omitted: 0 } } } });
    const told = (body as unknown as { data: { session: { context: { messages: object[] } } } }).data.session.context.messages; // prettier-ignore
    expect(told).toMatchObject([{ sequence: 1, role: 'USER' }, { sequence: 2, content: '', toolCalls }, { sequence: 3, toolCallId: 'c1' }]); // prettier-ignore
    expect((await ask(writer, '/agents/tools/session_context', { sessionId, maxTokens: 1 })).body).toMatchObject({ data: { session: { context: { messages: [], omitted: 3 } } } }); // prettier-ignore
    for (const wrong of [{ messages: [] }, { messages: [{ role: 'ADMIN', content: 'x' }] }, { messages: [{ role: 'USER', content: 'x', toolCalls }] }, { sessionId: 'x' }]) // prettier-ignore
      expect((await ask(writer, '/agents/tools/append_messages', { sessionId, messages, ...wrong })).body, JSON.stringify(wrong)).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] }); // prettier-ignore
    expect((await ask(it, '/agents/tools/append_messages', { sessionId, messages })).status).toBe(404);
  });

  test('keeps messages as they were meant, or says what it does not take', async () => {
    const begin = (given: object) => ask(writer, '/agents/tools/begin_session', { key: 'ticket 4712', ...given });
    const begun = await begin({ title: 'Berths' });
    const { id: sessionId } = (begun.body as unknown as { data: { createSession: { session: { id: string } } } }).data.createSession.session; // prettier-ignore
    expect((await begin({})).body).toEqual(begun.body);
    expect((await begin({ title: 'Ships' })).body).toMatchObject({ errors: [{ extensions: { code: 'CONFLICT' } }] });
    const append = async (message: object, given: object = {}) =>
      (await ask(writer, '/agents/tools/append_messages', { sessionId, messages: [message], ...given })).body;
    const toolCalls = [{ id: 'c1', type: 'function', function: { name: 'berths', arguments: '{}' } }];
    for (const [message, told] of [
      [
        { role: 'ASSISTANT', content: 'x', tool_calls: toolCalls },
        /messages\.0\.tool_calls.* did you mean `toolCalls`/,
      ],
      [{ role: 'TOOL', content: '7', tool_call_id: 'c1' }, /did you mean `toolCallId`/],
      [{ role: 'USER', content: 'x', meta: {} }, /did you mean `metadata`/],
      [{ role: 'USER', content: 'x', text: 'y' }, /"text" is not defined/],
      [{ role: 'USER', text: 'y' }, /says nothing/],
      [{ role: 'USER', content: '' }, /says nothing/],
      [{ role: 'ASSISTANT', content: null, toolCalls: [] }, /says nothing/],
      [{ role: 'USER', content: 'x', metadata: [1] }, /metadata/],
    ] as const) {
      const { errors } = await append(message);
      expect([message, errors]).toEqual([message, [expect.objectContaining({ message: expect.stringMatching(told) as string })]]); // prettier-ignore
      expect(errors![0]!.extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
    }
    for (const [given, code] of [
      [{ expectedSequence: 77 }, 'CONFLICT'],
      [{ expected_sequence: 77 }, 'BAD_USER_INPUT'],
      [{ runId: 'agt_1' }, 'BAD_USER_INPUT'],
    ] as const)
      expect([given, await append({ role: 'USER', content: 'x' }, given)]).toEqual([given, expect.objectContaining({ errors: [expect.objectContaining({ extensions: expect.objectContaining({ code }) as object })] })]); // prettier-ignore
    const started = (await ask(writer, '/agents/tools/start_run', {})).body;
    const { id: runId } = (started as unknown as { data: { startRun: { run: { id: string } } } }).data.startRun.run;
    const kept = { role: 'USER', content: 'x', metadata: { channel: 'web' } };
    expect(await append(kept, { expectedSequence: 0, runId })).toEqual({ data: { appendMessages: { session: { messageCount: 1 } } } }); // prettier-ignore
    // A call may give nothing, which its model must be told.
    expect((await append({ role: 'TOOL', content: '', toolCallId: 'c1' }, { expectedSequence: 1 })).errors).toBeUndefined(); // prettier-ignore
    const query = 'query ($id: ID!) { session(id: $id) { title messages { nodes { content metadata run { id } } } } }'; // prettier-ignore
    expect((await ask(writer, '/graphql', { query, variables: { id: sessionId } })).body).toMatchObject({
      data: {
        session: {
          title: 'Berths',
          messages: {
            nodes: [{ content: 'x', metadata: { channel: 'web' }, run: { id: runId } }, { content: '' }],
          },
        },
      },
    });
  });

  test('recalls what it remembered by what was meant, of one agent and since when, and nothing that was forgotten', async () => {
    const agent = await ask(writer, '/graphql', { query: 'mutation { createAgent(input: { name: "clerk" }) { agent { id } } }' }); // prettier-ignore
    const { id: agentId } = (agent.body as unknown as { data: { createAgent: { agent: { id: string } } } }).data.createAgent.agent; // prettier-ignore
    // Found as soon as it is remembered by whoever waits; a model's next call comes later than the outbox by itself.
    const remember = async (key: string, value: string, owner: string | null) => {
      const query = 'mutation ($input: RememberFactInput!) { rememberFact(input: $input) { fact { id } notIndexed { store } } }'; // prettier-ignore
      const variables = { input: { key, value, agentId: owner, waitFor: ['VECTOR'], timeoutMs: 20_000 } };
      const { body } = await ask(writer, '/graphql', { query, variables });
      expect(body).toMatchObject({ data: { rememberFact: { notIndexed: [] } } });
      return (body as unknown as { data: { rememberFact: { fact: { id: string } } } }).data.rememberFact.fact.id;
    };
    const editor = await remember('editor', 'The user writes everything in vim.', null);
    const coffee = await remember('coffee', 'Two espressos before ten.', agentId);
    const recalled = async (given: object): Promise<unknown[]> => {
      const { body } = await ask(writer, '/agents/tools/recall', given);
      expect(body.errors).toBeUndefined();
      const { nodes } = (body as unknown as { data: { memoryFacts: { nodes: { id: string }[] } } }).data.memoryFacts;
      return nodes.map(({ id }) => id);
    };
    const query = 'which editor does the user like?';
    expect(await recalled({ query })).toEqual([editor, coffee]);
    expect(await recalled({ query, first: 1, since: null, agentId: null, after: null })).toEqual([editor]);
    expect(await recalled({ query, agentId })).toEqual([coffee]);
    expect(await recalled({ query, since: '2026-01-01' })).toEqual([editor, coffee]);
    expect(await recalled({ query, since: '2999-01-01T00:00:00Z' })).toEqual([]);
    expect(await recalled({ query, agentId: 'clerk' })).toEqual([]);
    // What another took the place of holds no longer.
    const superseding = 'mutation ($id: ID!) { rememberFact(input: { key: "editor 2", value: "The user writes in emacs now.", supersedes: $id, waitFor: VECTOR, timeoutMs: 20000 }) { fact { id } } }'; // prettier-ignore
    const { body: later } = await ask(writer, '/graphql', { query: superseding, variables: { id: editor } });
    const { id: emacs } = (later as unknown as { data: { rememberFact: { fact: { id: string } } } }).data.rememberFact.fact; // prettier-ignore
    expect((await recalled({ query })).toSorted()).toEqual([emacs, coffee].toSorted());
    const planned = 'mutation { rememberFact(input: { key: "editor 3", value: "The user will write in ed.", validFrom: "2999-01-01", waitFor: VECTOR, timeoutMs: 20000 }) { fact { id } } }'; // prettier-ignore
    expect((await ask(writer, '/graphql', { query: planned })).body.errors).toBeUndefined();
    expect((await recalled({ query })).toSorted()).toEqual([emacs, coffee].toSorted());
    await ask(writer, '/agents/tools/forget', { id: emacs });
    expect(await recalled({ query })).toEqual([coffee]);
    for (const wrong of [{ since: 'last week' }, { after: 'x' }, { first: 0 }, { agent: agentId }, { agent_id: agentId }, { query: 'x'.repeat(9_000) }]) // prettier-ignore
      expect((await ask(writer, '/agents/tools/recall', { query, ...wrong })).body, JSON.stringify(wrong).slice(0, 40)).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] }); // prettier-ignore
  });

  test('starts a run by the name of its agent, once, and reads its events', async () => {
    const mutation = 'mutation { createAgent(input: { name: "scout" }) { agent { id } } }';
    await ask(writer, '/graphql', { query: mutation });
    const call = { agentName: 'scout', input: { question: 'where?' }, idempotencyKey: 'once' };
    const [first, again] = [
      await ask(writer, '/agents/tools/start_run', call),
      await ask(writer, '/agents/tools/start_run', call),
    ];
    expect(first.body).toMatchObject({ data: { startRun: { run: { status: 'QUEUED' } } } });
    expect(again.body).toEqual(first.body);
    const { id } = (first.body as unknown as { data: { startRun: { run: { id: string } } } }).data.startRun.run;
    expect((await ask(writer, '/agents/tools/run_events', { runId: id, first: '5' })).body).toMatchObject({
      data: { run: { id, status: 'QUEUED' } },
    });
  });

  test('starts no run for an agent that is not there', async () => {
    for (const agentId of ['agt_none', 'scout', 'run_1', ''])
      expect((await ask(writer, '/agents/tools/start_run', { agentId, idempotencyKey: 'nowhere' })).body, agentId).toMatchObject(
        agentId === '' ? { errors: [{}] } : { errors: [{ extensions: { code: 'NOT_FOUND', hint: expect.stringContaining('agents') as string } }] },
      ); // prettier-ignore
  });

  test('of a tool that is not allowed is none', async () => {
    for (const name of ['mutate', 'remember', 'constructor', '__proto__', '%00', 'a b'])
      expect(await ask(it, `/agents/tools/${encodeURIComponent(name)}`, {})).toMatchObject({
        status: 404,
        body: { errors: [{ extensions: { code: 'NOT_FOUND', hint: expect.stringContaining('execute') as string } }] },
      });
  });

  test.each([
    ['nothing', {}, 400, /`query`/],
    ['another type', { query: 5 }, 400, /`query`/],
    ['a list', '[1]', 400, /must be an object/],
    ['no JSON', '{"query":', 400, /JSON/],
    ['the name of what every object has', '{"__proto__":{"query":"{ __typename }"}}', 400, /`query`/],
    ['deep JSON', `{"query":"{ __typename }","variables":${'['.repeat(200)}${']'.repeat(200)}}`, 400, /nested/],
    ['a page too long', { query: '{ __typename }', limit: 1e9 }, 400, /`limit`/],
  ])('with %s is told so', async (_, given, status, message) => {
    const answer = await ask(it, '/agents/tools/execute', given);
    expect(answer).toMatchObject({ status, body: { errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] } });
    expect(answer.body.errors![0]!.message).toMatch(message);
  });

  test('as a form, which any page may send, is refused', async () => {
    const answer = await ask(it, '/agents/tools/execute', '{"query":"{ __typename }"}', {
      'content-type': 'text/plain',
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.body.errors).toHaveLength(1);
  });

  test('that reads long comes in pages', async () => {
    const query = '{ __schema { types { name fields { name } } } }';
    const { body: whole } = await ask(it, '/graphql', { query });
    let text = '';
    for (let pages = 0, offset: number | undefined = 0; offset !== undefined && pages < 50; pages++) {
      const { body } = await ask(it, '/agents/tools/execute', { query, limit: 5_000, offset });
      text += body['text'] as string;
      offset = Number(/`offset`: (\d+)/.exec(body['next'] as string)?.[1]) || undefined;
    }
    expect(JSON.parse(text)).toEqual(whole);
  });

  test('by another method is told which', async () => {
    const wrong = await fetch(`${it.url}/agents/tools/execute`);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
    const list = await fetch(`${it.url}/agents/tools`, { method: 'POST' });
    expect([list.status, list.headers.get('allow')]).toEqual([405, 'GET, OPTIONS']);
  });
});
