/** What agents read by its address: the schema, documents, files, runs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { parse, print, visit } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { WAYS_IN } from './ways-in.ts';

let it: TestServer;
let client: Client;
let document: string;
let run: string;

beforeAll(async () => {
  it = await startTestServer();
  client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', it.url)));
  const ask = async (query: string, variables: Record<string, unknown> = {}) => {
    const { data, errors } = (await WAYS_IN['POST']!(it.url, { query, variables })).answer;
    expect(errors).toBeUndefined();
    return data!;
  };
  ({
    upsertDocument: {
      document: { id: document },
    },
  } = await ask(
    'mutation { upsertDocument(input: { source: "a", title: "A", mediaType: "text/plain", text: "All of it.\\nÄ 漢" }) { document { id } } }',
  ));
  await ask(
    'mutation ($c: String!) { putObject(input: { key: "notes/a b/ü.txt", mediaType: "text/plain", content: $c, encoding: UTF8 }) { object { key } } }',
    { c: 'Kept as a file.' },
  );
  const { createAgent } = await ask('mutation { createAgent(input: { name: "worker" }) { agent { id } } }');
  ({
    startRun: {
      run: { id: run },
    },
  } = await ask('mutation ($a: ID!) { startRun(input: { agentId: $a }) { run { id } } }', { a: createAgent.agent.id }));
});
afterAll(async () => {
  await client.close();
  await it[Symbol.asyncDispose]();
});

const read = async (uri: string): Promise<string> => {
  const { contents } = await client.readResource({ uri });
  expect(contents).toHaveLength(1);
  return (contents[0] as { text: string }).text;
};

test('a list of operations binds what agents write, and not what the server asks for them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lists-'));
  const list = join(folder, 'list.json');
  await writeFile(list, JSON.stringify({ a: '{ __typename }' }));
  await using bound = await startTestServer({ PERSISTED_OPERATIONS: list, PERSISTED_OPERATIONS_MODE: 'only' });
  const other = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
  await other.connect(new StreamableHTTPClientTransport(new URL('/mcp', bound.url)));
  const call = async (name: string, args: Record<string, unknown>) =>
    (await other.callTool({ name, arguments: args })).structuredContent;
  expect(await call('search', { query: 'anything' })).toMatchObject({ data: { search: { edges: [] } } });
  expect(await call('recall', { query: 'anything' })).toMatchObject({ data: { memoryFacts: { nodes: [] } } });
  expect(await call('run_events', { runId: run })).toEqual({ data: { run: null } });
  expect(await call('execute', { query: '{ agents { totalCount } }' })).toMatchObject({
    errors: [{ extensions: { code: 'QUERY_NOT_IN_SAFELIST' } }],
  });
  await expect(other.readResource({ uri: `tributary://documents/${document}` })).rejects.toThrow(/not found/i);
  await expect(other.readResource({ uri: 'tributary://schema' })).rejects.toThrow(/list/);
  await other.close();
  await rm(folder, { recursive: true });
});

describe('resources', () => {
  test('a file that is more than a resource may be says so, and where all of it is', async () => {
    const text = 'All work and no play. '.repeat(50_000);
    const put =
      'mutation ($c: String!) { putObject(input: { key: "long.txt", mediaType: "text/plain", content: $c, encoding: UTF8 }) { object { key } } }';
    expect((await WAYS_IN['POST']!(it.url, { query: put, variables: { c: text } })).answer.errors).toBeUndefined();
    const { contents } = await client.readResource({ uri: 'tributary://objects/long.txt' });
    const [begun, rest] = contents as unknown as [{ text: string }, { text: string }];
    expect(begun.text).toBe(text.slice(0, 1_048_576));
    expect(rest.text).toMatch(/beginning: 1048576 of 1100000 bytes/);
    const link = /https?:\S+/.exec(rest.text)![0];
    expect(await (await fetch(link)).text()).toBe(text);
  });

  test('are listed, with the templates of those that have an id', async () => {
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(['tributary://schema', 'tributary://schema/described', 'ui://tributary/run']); // prettier-ignore
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual([
      'tributary://documents/{id}',
      'tributary://objects/{+key}',
      'tributary://runs/{id}',
    ]);
  });

  test('the schema comes whole, and in a fraction of its length without descriptions', async () => {
    const [short, whole] = [await read('tributary://schema'), await read('tributary://schema/described')];
    const bare = (sdl: string): string =>
      print(
        visit(parse(sdl, { noLocation: true }), {
          // Printed where it has a description alone.
          SchemaDefinition: () => null,
          StringValue: (_, key) => (key === 'description' ? null : undefined),
        }),
      );
    expect(bare(short)).toBe(bare(whole));
    expect(short).not.toContain('"""');
    expect(short.length).toBeLessThan(whole.length / 2);
  });

  test('documents, files and runs are read by their ids', async () => {
    expect(await read(`tributary://documents/${document}`)).toBe('All of it.\nÄ 漢');
    for (const key of ['notes/a b/ü.txt', 'notes/a%20b/%C3%BC.txt'])
      expect(await read(`tributary://objects/${key}`)).toBe('Kept as a file.');
    expect(JSON.parse(await read(`tributary://runs/${run}`))).toMatchObject({ id: run, status: 'QUEUED' });
  });

  test.each([
    'tributary://documents/doc_0000000000000000000000000000000000000000',
    'tributary://objects/never/there',
    'tributary://documents/',
    'tributary://elsewhere/1',
    'file:///etc/passwd',
    'tributary://runs/%',
    'tributary://documents/rubbish',
    'tributary://objects/../../etc/passwd',
  ])('%s is not there', async (uri) => {
    await expect(client.readResource({ uri })).rejects.toMatchObject({ code: -32602 });
  });

  test('what no text may hold is refused', async () => {
    await expect(client.readResource({ uri: 'tributary://runs/%00' })).rejects.toThrow('NUL');
  });

  test('ids are completed', async () => {
    for (const [uri, argument, value] of [
      ['tributary://documents/{id}', 'id', document],
      ['tributary://objects/{+key}', 'key', 'notes/a b/ü.txt'],
      ['tributary://runs/{id}', 'id', run],
    ] as const) {
      const complete = async (begun: string): Promise<string[]> =>
        (await client.complete({ ref: { type: 'ref/resource', uri }, argument: { name: argument, value: begun } }))
          .completion.values;
      expect(await complete(value.slice(0, 5))).toContain(value);
      expect(await complete('zzz')).toEqual([]);
    }
  });
});
