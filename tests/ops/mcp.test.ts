/** `npm run mcp`: the protocol over standard input and output, by the SDK's own client and by hand. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const COMMAND = ['--import', 'tsx', 'ops/mcp.ts'];

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer();
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
});

test.each([
  ['auto', '2026-07-28'],
  ['legacy', '2025-11-25'],
] as const)('a host whose versions are %s speaks %s', async (mode, revision) => {
  const client = new Client({ name: 'host', version: '1' }, { versionNegotiation: { mode } });
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [...COMMAND, '--url', it.url], stderr: 'inherit' }),
  );
  expect(client.getNegotiatedProtocolVersion()).toBe(revision);
  const answers = await Promise.all(
    ['{ __typename }', '{ agents { totalCount } }', '{ nope }'].map((query) =>
      client.callTool({ name: 'execute', arguments: { query } }),
    ),
  );
  expect(answers.map(({ structuredContent }) => structuredContent)).toMatchObject([
    { data: { __typename: 'Query' } },
    { data: { agents: { totalCount: 0 } } },
    { errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] },
  ]);
  expect((await client.readResource({ uri: 'tributary://schema' })).contents).toHaveLength(1);
  await expect(client.readResource({ uri: 'tributary://objects/nö/thing' })).rejects.toThrow(/not found/i);
  await client.close();
});

function start(...args: string[]) {
  const child = spawn(process.execPath, [...COMMAND, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const told: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => told.push(line));
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    send: (line: string): void => void child.stdin.write(`${line}\n`),
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever the protocol answers
    answer: async (): Promise<any> => JSON.parse(((await answers.next()) as { value: string }).value),
    end: async (): Promise<{ code: unknown; told: string[] }> => {
      child.stdin.end();
      const [code] = (await once(child, 'close')) as [number | null];
      return { code, told };
    },
  };
}

test('what cannot be read is answered, and what comes behind it is read', async () => {
  const host = start('--url', it.url);
  host.send('{"jsonrpc": ');
  expect(await host.answer()).toMatchObject({ id: null, error: { code: -32700 } });
  host.send('');
  host.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":"${'x'.repeat(5_000_000)}"}}`);
  expect(await host.answer()).toMatchObject({
    error: { code: -32700, message: expect.stringMatching(/longer/) as string },
  });
  host.send('{"jsonrpc":"2.0","id":2,"method":"tools/list"}');
  expect(await host.answer()).toMatchObject({ id: 2, result: { tools: expect.any(Array) as unknown[] } });
  expect(await host.end()).toMatchObject({ code: 0 });
});

test('all that was asked is answered, though the host has closed its end', async () => {
  const host = start('--url', it.url);
  for (let id = 0; id < 100; id++) host.send(`{"jsonrpc":"2.0","id":${id},"method":"tools/list"}`);
  const end = host.end();
  const ids = new Set<number>();
  for (let id = 0; id < 100; id++) ids.add(((await host.answer()) as { id: number }).id);
  expect(ids.size).toBe(100);
  expect((await end).code).toBe(0);
});

test('a server that is not there, and one that refuses who asks, are told', async () => {
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  const nowhere = start('--url', `http://127.0.0.1:${port}`);
  nowhere.send('{"jsonrpc":"2.0","id":"a","method":"tools/list"}');
  expect(await nowhere.answer()).toMatchObject({
    id: 'a',
    error: { message: expect.stringMatching(/ECONNREFUSED.*npm start.*--url/) as string },
  });
  expect((await nowhere.end()).told.join()).toMatch(/ECONNREFUSED/);
  const stranger = start('--url', it.url, '--token', 'trk_nobody');
  stranger.send('{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
  expect(await stranger.answer()).toMatchObject({
    id: 1,
    error: { message: expect.stringMatching(/key|token/i) as string },
  });
  expect((await stranger.end()).told.join()).not.toContain('trk_nobody');
});
