/** Operations that an operator has listed for agents, as tools of MCP and functions of models, and as prompts. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const FACTS = `# What is remembered under keys that begin so.
query FactsUnder($prefix: String!, $order: OrderDirection! = ASC, $first: Int, $limit: Int = 1) {
  memoryFacts(where: { key: { startsWith: $prefix } }, first: $first, orderBy: [{ field: KEY, direction: $order }]) { nodes { key value } }
  agents(first: $limit) { nodes { name } }
}`;
const OPERATIONS = [
  ['1', FACTS],
  ['2', 'query Whole { __schema { types { name fields { name } } } }'],
  ['3', 'mutation NoteIt($input: RememberFactInput!) { rememberFact(input: $input) { fact { key } } }'],
  ['4', '{ tenant { id } }'],
  ['5', 'subscription Follow($id: ID!) { runEvents(runId: $id) { sequence } }'],
  ['6', 'query Gone { nothingOfTheKind }'],
  ['7', 'query search { tenant { id } }'],
  ['8', 'query FactsUnder { tenant { id } }'],
] as const;
const manifest = (operations: readonly (readonly [string, string])[]): string =>
  JSON.stringify({
    format: 'apollo-persisted-query-manifest',
    version: 1,
    operations: [
      ...operations.map(([id, body]) => ({ id, body, clientName: 'agents' })),
      { id: 'other', body: 'query OfAnother { tenant { id } }', clientName: 'frontend' },
      { id: 'all', body: 'query OfEverybody { tenant { id } }' },
    ],
  });

let folder: string;
let it: TestServer;
let client: Client;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-tools-'));
  await writeFile(join(folder, 'agents.json'), manifest(OPERATIONS));
  it = await startTestServer({
    PERSISTED_OPERATIONS: folder,
    // What agents are given is theirs to call where nothing else may run.
    PERSISTED_OPERATIONS_MODE: 'only-ids',
    AGENT_OPERATIONS: 'agents',
    AGENT_CAPABILITIES: 'read,write',
  });
  client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${it.url}/mcp`)));
});
afterAll(async () => {
  await client?.close();
  await it?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const OWN = ['FactsUnder', 'Whole', 'NoteIt'];
const namesOf = async (server = it): Promise<string[]> => {
  const { tools } = (await (await fetch(`${server.url}/agents/tools`)).json()) as {
    tools: { function: { name: string } }[];
  };
  return tools.map((tool) => tool.function.name);
};
const call = async (name: string, args: unknown): Promise<{ status: number; body: Record<string, unknown> }> => {
  const response = await fetch(`${it.url}/agents/tools/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(args),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

describe('listed operations', () => {
  test('of the client that the operator names are tools, where they have a name of their own and run', async () => {
    const { tools } = await client.listTools();
    const own = tools.filter(({ name }) => /^[A-Z]/.test(name));
    expect(own.map(({ name }) => name)).toEqual(OWN);
    expect((await namesOf()).filter((name) => /^[A-Z]/.test(name))).toEqual(OWN);
    expect(own[0]).toMatchObject({
      description: 'What is remembered under keys that begin so.',
      annotations: { readOnlyHint: true },
      inputSchema: {
        type: 'object',
        required: ['prefix'],
        properties: { prefix: { type: 'string' }, first: {}, limit: {}, order: {}, offset: {} },
      },
    });
    expect(JSON.stringify(own[0]!.inputSchema)).toContain('"enum":["ASC","DESC"]');
    expect(own[2]).toMatchObject({
      annotations: { readOnlyHint: false, destructiveHint: true },
      inputSchema: { required: ['input'] },
    });
    // Described by its first field where its author says nothing.
    expect(own[2]!.description).toMatch(/^Remembers a value under a key/);
  });

  test('are called with their variables, by both protocols', async () => {
    for (const key of ['tool/b', 'tool/a'])
      expect((await call('NoteIt', { input: { key, value: key.at(-1) } })).body).toEqual({
        data: { rememberFact: { fact: { key } } },
      });
    const { structuredContent } = await client.callTool({
      name: 'FactsUnder',
      arguments: { prefix: 'tool/', order: 'ASC' },
    });
    const nodes = [
      { key: 'tool/a', value: 'a' },
      { key: 'tool/b', value: 'b' },
    ];
    const agents = { nodes: [] };
    expect(structuredContent).toEqual({ data: { memoryFacts: { nodes }, agents } });
    expect((await call('FactsUnder', { prefix: 'tool/', order: 'ASC', first: '1' })).body).toEqual({
      data: { memoryFacts: { nodes: nodes.slice(0, 1) }, agents },
    });
  });

  test('that answer at length come in pages', async () => {
    const { body } = await call('Whole', { limit: 2_000 });
    expect(body).toMatchObject({ text: expect.stringContaining('__schema') as string });
    const { body: next } = await call('Whole', { limit: 2_000, offset: 2_000 });
    expect(next['text']).not.toBe(body['text']);
  });

  test.each([
    ['nothing that must be there', 'FactsUnder', {}, /`prefix`/],
    ['a value that the enum has not', 'FactsUnder', { prefix: 'a', order: 'UP' }, /`order`/],
    ['no number', 'FactsUnder', { prefix: 'a', first: 1.5 }, /`first`/],
  ])('with %s are told so', async (_, name, args, message) => {
    expect(await call(name, args)).toMatchObject({
      status: 400,
      body: { errors: [{ message: expect.stringMatching(message) as string, extensions: { code: 'BAD_USER_INPUT' } }] },
    });
  });

  test('with an input that its type does not have are told by the server', async () => {
    const { errors } = (await call('NoteIt', { input: { nothing: 1 } })).body as { errors: { extensions: object }[] };
    expect(errors[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
  });

  test('open no other operation', async () => {
    const { body } = await call('execute', { query: '{ tenant { id } }' });
    expect(JSON.stringify(body)).toMatch(/PERSISTED|SAFELIST|id/);
    expect(body['data'] ?? null).toBeNull();
    for (const name of ['OfAnother', 'OfEverybody', 'Follow', 'Gone']) expect((await call(name, {})).status).toBe(404);
  });

  test('are prompts, whose arguments are texts', async () => {
    const { prompts } = await client.listPrompts();
    expect(prompts.map(({ name }) => name)).toEqual(OWN);
    const { messages } = await client.getPrompt({ name: 'FactsUnder', arguments: { prefix: 'tool/' } });
    expect(messages).toMatchObject([
      {
        role: 'user',
        content: { type: 'text', text: expect.stringMatching(/`FactsUnder` with \{"prefix":"tool\/"\}/) as string },
      },
    ]);
  });

  test('of a file that changes are the new ones', async () => {
    await writeFile(join(folder, 'agents.json'), manifest([['9', 'query Fresh { tenant { id } }']]));
    await vi.waitFor(async () => expect(await namesOf()).toContain('Fresh'), { timeout: 20_000 });
    expect(await namesOf()).not.toContain('FactsUnder');
    expect((await call('Fresh', {})).body).toMatchObject({ data: { tenant: { id: 'default' } } });
  });
});

test('without the capability to write, mutations are no tools', async () => {
  await using reading = await startTestServer({ PERSISTED_OPERATIONS: folder, AGENT_OPERATIONS: 'agents' });
  await writeFile(join(folder, 'agents.json'), manifest(OPERATIONS));
  await vi.waitFor(async () => expect(await namesOf(reading)).toContain('Whole'), { timeout: 20_000 });
  expect(await namesOf(reading)).not.toContain('NoteIt');
});
