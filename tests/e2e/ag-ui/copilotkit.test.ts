/**
 * CopilotKit's runtime in front of an agent, as its users have it: what its clients send goes through it to `/agents/…/run`, and
 * events come back by it. It is installed by `npm run test:copilotkit` alone (345 packages, 282 MB).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { HttpAgent } from 'ag-ui-client-0';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const folder = process.env['COPILOTKIT_FOLDER'];

describe.skipIf(folder === undefined)("CopilotKit's runtime", () => {
  let it: TestServer;
  let runtime: ChildProcess;
  let origin: string;
  let agentId: string;
  const ask = async (query: string, variables: Record<string, unknown> = {}) => {
    const { data, errors } = (await WAYS_IN['POST']!(it.url, { query, variables })).answer;
    expect(errors).toBeUndefined();
    return data!;
  };

  beforeAll(async () => {
    it = await startTestServer();
    const { createAgent } = await ask('mutation { createAgent(input: { name: "helper" }) { agent { id } } }');
    agentId = createAgent.agent.id;
    runtime = spawn(process.execPath, [join(folder!, 'runtime.mjs'), `${it.url}/agents/${agentId}/run`], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: runtime.stdout! }), 'line')) as [string];
    origin = `http://127.0.0.1:${line.replace('port ', '')}/api/copilotkit`;
  }, 120_000);
  afterAll(async () => {
    if (runtime?.exitCode === null) {
      runtime.kill();
      await once(runtime, 'exit');
    }
    await it?.[Symbol.asyncDispose]();
  });

  /** What a worker does. */
  const claim = async () =>
    await vi.waitFor(
      async () => {
        const { claimRun } = await ask(
          'mutation ($a: ID!) { claimRun(input: { agentId: $a }) { run { id input } lease { token } } }',
          { a: agentId },
        );
        expect(claimRun.run).not.toBeNull();
        return claimRun;
      },
      { timeout: 20_000 },
    );
  const append = (runId: string, token: string, events: readonly { type: string; payload: object }[]) =>
    ask('mutation ($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { run { id } } }', {
      input: { runId, token, events },
    });

  test('knows the agent, and reports nothing to its makers', async () => {
    const info = (await (await fetch(`${origin}/info`)).json()) as Record<string, unknown>;
    expect(info).toMatchObject({ agents: { helper: {} }, telemetryDisabled: true });
  });

  test('passes a question on, and what is answered, state and tools included, piece by piece', async () => {
    const agent = new HttpAgent({
      url: `${origin}/agent/helper/run`,
      threadId: 'a thread',
      initialMessages: [{ id: 'm1', role: 'user', content: 'Ship it?' }],
      initialState: { step: 1 },
    });
    const pieces: string[] = [];
    const ended = agent.runAgent(
      { tools: [{ name: 'confirm', description: 'Asks.', parameters: { type: 'object', properties: {} } }] },
      { onTextMessageContentEvent: ({ event }) => void pieces.push(event.delta) },
    );
    const { run, lease } = await claim();
    expect(run.input).toMatchObject({
      threadId: 'a thread',
      messages: [{ content: 'Ship it?' }],
      tools: [{ name: 'confirm' }],
    });
    await append(run.id, lease.token, [
      // Its runner works out the state from what it is told alone, and ends where a change finds nothing.
      { type: 'STATE_SNAPSHOT', payload: { snapshot: { step: 1 } } },
      { type: 'STATE_DELTA', payload: { delta: [{ op: 'replace', path: '/step', value: 2 }] } },
      { type: 'TEXT_MESSAGE_START', payload: { messageId: 'answer', role: 'assistant' } },
      { type: 'TEXT_MESSAGE_CONTENT', payload: { messageId: 'answer', delta: 'Not ' } },
      { type: 'TEXT_MESSAGE_CONTENT', payload: { messageId: 'answer', delta: 'yet.' } },
      { type: 'TEXT_MESSAGE_END', payload: { messageId: 'answer' } },
      { type: 'TOOL_CALL_START', payload: { toolCallId: 'call', toolCallName: 'confirm', parentMessageId: 'answer' } },
      { type: 'TOOL_CALL_ARGS', payload: { toolCallId: 'call', delta: '{}' } },
      { type: 'TOOL_CALL_END', payload: { toolCallId: 'call' } },
      { type: 'RUN_FINISHED', payload: {} },
    ]);
    await ended;
    expect(pieces).toEqual(['Not ', 'yet.']);
    expect(agent.state).toEqual({ step: 2 });
    expect(agent.messages.at(-1)).toMatchObject({
      role: 'assistant',
      content: 'Not yet.',
      toolCalls: [{ id: 'call', function: { name: 'confirm', arguments: '{}' } }],
    });
  });

  test('tells that a run failed', async () => {
    const agent = new HttpAgent({
      url: `${origin}/agent/helper/run`,
      initialMessages: [{ id: 'm1', role: 'user', content: 'Fail.' }],
    });
    const told: string[] = [];
    const ended = agent
      .runAgent({}, { onRunErrorEvent: ({ event }) => void told.push(event.message) })
      .catch(() => undefined);
    const { run, lease } = await claim();
    await append(run.id, lease.token, [{ type: 'RUN_ERROR', payload: { message: 'No luck.', code: 'LUCK' } }]);
    await ended;
    expect(told).toEqual(['No luck.']);
  });
});
