/**
 * The conformance suite and the inspector's command line of the Model Context Protocol's makers, against the server. They are installed by
 * `npm run test:mcp` alone, and want Node 22. Of the suite's scenarios those are run that need no tools of a server made for it alone.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify, stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { READING } from '#tests/gateway/agent-tools.ts';
import { provideNode } from '#tests/nodes/provide.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- what is installed beside has no types here */
const folder = process.env['MCP_TOOLS_FOLDER'];
const OPERATION = 'query AllAgents($first: Int) { agents(first: $first) { nodes { name } } }';

/** Scenarios by the revision that they are of, with how much of what they look for has to do with a tool that only their own server has. */
const SCENARIOS = [
  ['2025-11-25', 'server-initialize', 0],
  ['2025-11-25', 'ping', 0],
  ['2025-11-25', 'tools-list', 0],
  ['2025-11-25', 'resources-list', 0],
  ['2025-11-25', 'prompts-list', 0],
  ['2025-11-25', 'dns-rebinding-protection', 0],
  ['2025-11-25', 'server-session-lifecycle', 0],
  ['2026-07-28', 'server-stateless', 4],
  ['2026-07-28', 'tools-list', 0],
  ['2026-07-28', 'resources-list', 0],
  ['2026-07-28', 'prompts-list', 0],
  ['2026-07-28', 'caching', 0],
  ['2026-07-28', 'http-header-validation', 0],
  ['2026-07-28', 'dns-rebinding-protection', 0],
  ['2026-07-28', 'server-sse-multiple-streams', 0],
  ['2026-07-28', 'sep-2164-resource-not-found', 0],
  ['2026-07-28', 'input-required-result-unsupported-methods', 0],
  ['2026-07-28', 'input-required-result-ignore-extra-params', 0],
] as const;

// Each asks by programs that start for it, several times some.
describe.skipIf(folder === undefined)("the protocol's own tools", { timeout: 120_000 }, () => {
  let it: TestServer;
  let node: string;
  let operations: string;
  beforeAll(async () => {
    node = Number(process.versions.node.split('.')[0]) >= 22 ? process.execPath : await provideNode(22, console.log);
    operations = await mkdtemp(join(tmpdir(), 'tributary-mcp-tools-'));
    const manifest = { format: 'apollo-persisted-query-manifest', version: 1, operations: [{ id: '1', body: OPERATION, clientName: 'agents' }] }; // prettier-ignore
    await writeFile(join(operations, 'agents.json'), JSON.stringify(manifest));
    it = await startTestServer({
      PERSISTED_OPERATIONS: operations,
      AGENT_OPERATIONS: 'agents',
      AGENT_CAPABILITIES: 'read,run:start',
    });
  }, 240_000);
  afterAll(async () => {
    await it?.[Symbol.asyncDispose]();
    if (operations !== undefined) await rm(operations, { recursive: true, force: true });
  });

  /** What a program prints, whether it is content or not: as its answer, and in all. */
  const printed = async (program: string, args: readonly string[]): Promise<{ answer: string; text: string }> => {
    const path = join(folder!, 'node_modules', '@modelcontextprotocol', program);
    const { stdout, stderr } = await promisify(execFile)(node, [path, ...args], {
      maxBuffer: 50_000_000,
      timeout: 60_000,
    }).catch((error: unknown) => error as { stdout: string; stderr: string });
    return { answer: stdout, text: stripVTControlCharacters(`${stdout}${stderr}`) };
  };

  test.each(SCENARIOS)('%s, %s: all passes that can be asked of any server', async (revision, scenario, ofItsOwn) => {
    const { text } = await printed('conformance/dist/index.js', ['server', '--url', `${it.url}/mcp`, '--spec-version', revision, '--scenario', scenario]); // prettier-ignore
    const [, passed, all, failed] = /Passed: (\d+)\/(\d+), (\d+) failed/.exec(text) ?? [];
    expect([failed, Number(passed) + ofItsOwn], text).toEqual([String(ofItsOwn), Number(all)]);
    expect(text.match(/Error: Not testable/g) ?? [], text).toHaveLength(ofItsOwn);
  });

  async function ask(query: string, variables: Record<string, unknown>): Promise<any> {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${it.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables }) }); // prettier-ignore
    return ((await answer.json()) as { data: unknown }).data;
  }

  const inspect = async (target: readonly string[], ...method: readonly string[]): Promise<Record<string, unknown>> => {
    const { answer, text } = await printed('inspector/clients/launcher/build/index.js', [
      '--cli',
      ...target,
      '--method',
      ...method,
    ]);
    expect(answer, text).toMatch(/^\s*\{/);
    return JSON.parse(answer) as Record<string, unknown>;
  };
  const byHttp = (): string[] => [`${it.url}/mcp`, '--transport', 'http'];
  const byProgram = (): string[] => [process.execPath, '--import', 'tsx', 'ops/mcp.ts', '--url', it.url];

  test.each([['2026-07-28'], ['2025-11-25']])(
    "the extension's own client follows a run as a task, by %s, and cancels another",
    async (revision) => {
      const load = async (name: string) => (await import(pathToFileURL(join(folder!, 'node_modules', '@modelcontextprotocol', name)).href)) as any; // prettier-ignore
      const { Client, StreamableHTTPClientTransport } = await load('client/dist/index.mjs');
      const { createTaskSessionFromClient, toolDeclarationFromMcpTool } = await load('ext-tasks/dist/client/index.js');
      const clientInfo = { name: 'test', version: '1' };
      const client = new Client(clientInfo, { versionNegotiation: { mode: revision === '2026-07-28' ? { pin: revision } : 'legacy' } }); // prettier-ignore
      await client.connect(new StreamableHTTPClientTransport(new URL(`${it.url}/mcp`)));
      expect(client.getNegotiatedProtocolVersion()).toBe(revision);
      const send = async (request: any): Promise<any> => {
        const { method, params } = request;
        const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': revision, 'mcp-method': method, 'mcp-name': params.name ?? params.taskId }; // prettier-ignore
        return (await fetch(`${it.url}/mcp`, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...request }) })).json(); // prettier-ignore
      };
      const { tools } = await client.listTools();
      const session = createTaskSessionFromClient(client, {
        endpointId: 'test',
        tools: {
          currentTool: (name: string) => toolDeclarationFromMcpTool(tools.find((tool: any) => tool.name === name)),
        },
        ...(revision === '2026-07-28' && { rawDispatch: send, v2RequestFraming: { protocolVersion: revision, clientInfo, clientCapabilities: {} } }), // prettier-ignore
      });
      const agentId = (await ask('mutation ($name: String!) { createAgent(input: { name: $name }) { agent { id } } }', { name: revision })).createAgent.agent.id; // prettier-ignore
      const finish = (runId: string) => ask('mutation ($runId: ID!) { finishRun(input: { runId: $runId, output: "done" }) { run { id } } }', { runId }); // prettier-ignore
      const seen: string[] = [];
      const execution = await session.callTool(
        'start_run',
        { agentId },
        revision === '2026-07-28' ? {} : { task: { preference: 'prefer' } },
      );
      const { outcome } = await execution.settle({
        onEvent: async (event: any) => {
          if (event.type !== 'task') return;
          seen.push(event.task.status);
          if (seen.length === 1) await finish(event.task.taskId);
        },
      });
      expect(String((outcome as any).error?.stack ?? '')).toBe('');
      expect(seen[0]).toBe('working');
      expect(outcome).toMatchObject({ status: 'completed', result: { structuredContent: { data: { startRun: { run: { output: 'done' } } } } } }); // prettier-ignore
      const other = await session.callTool(
        'start_run',
        { agentId },
        revision === '2026-07-28' ? {} : { task: { preference: 'prefer' } },
      );
      await other.cancel();
      expect((await other.settle()).outcome.status).toBe('cancelled');
      await session.close();
    },
  );

  test.each([
    ['HTTP', byHttp],
    ['the program', byProgram],
  ])('the inspector lists, calls and reads by %s', async (_, target) => {
    const tools = [...READING, 'start_run', 'ask', 'AllAgents'].map((name) => expect.objectContaining({ name, outputSchema: expect.objectContaining({ type: 'object' }) as object }) as object); // prettier-ignore
    expect((await inspect(target(), 'tools/list'))['tools']).toEqual(tools);
    expect((await inspect(target(), 'prompts/list'))['prompts']).toMatchObject([{ name: 'AllAgents' }]);
    expect((await inspect(target(), 'resources/templates/list'))['resourceTemplates']).toHaveLength(3);
    expect(await inspect(target(), 'tools/call', '--tool-name', 'AllAgents', '--tool-arg', 'first=1')).toMatchObject({
      structuredContent: { data: { agents: { nodes: expect.any(Array) as unknown[] } } },
    });
    expect(await inspect(target(), 'tools/call', '--tool-name', 'execute', '--tool-arg', 'query={nope}')).toMatchObject(
      {
        isError: true,
        structuredContent: { errors: [{}] },
      },
    );
    expect(await inspect(target(), 'resources/read', '--uri', 'tributary://schema')).toMatchObject({
      contents: [{ text: expect.stringContaining('type Query') as string }],
    });
  });
});
