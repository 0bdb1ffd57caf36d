/** Revisions of the Model Context Protocol: clients of both lines of its SDK, and what only messages by hand can send. */
import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const CURRENT = '2026-07-28';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer();
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
});

const INFO = { name: 'test', version: '1' };
const URL_OF = (): URL => new URL('/mcp', it.url);

describe.each([
  [
    'the SDK before',
    async () => {
      const client = new Client1(INFO);
      const transport = new Transport1(URL_OF());
      await client.connect(transport as Transport);
      return { client, revision: transport.protocolVersion };
    },
    /^2025-/,
  ],
  [
    'the current SDK, as it comes',
    async () => {
      const client = new Client2(INFO);
      await client.connect(new Transport2(URL_OF()));
      return { client, revision: client.getNegotiatedProtocolVersion() };
    },
    /^2025-11-25$/,
  ],
  [
    'the current SDK, when it looks for what there is',
    async () => {
      const client = new Client2(INFO, { versionNegotiation: { mode: 'auto' } });
      await client.connect(new Transport2(URL_OF()));
      return { client, revision: client.getNegotiatedProtocolVersion() };
    },
    /^2026-07-28$/,
  ],
] as const)('%s', (_, connect, expected) => {
  test('lists tools, calls them, and is told what is wrong', async () => {
    const { client, revision } = await connect();
    expect(revision).toMatch(expected);
    expect(client.getServerVersion()).toMatchObject({ name: 'tributary' });
    expect(client.getInstructions()).toMatch(/search_schema/);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('execute');
    const answer = await client.callTool({ name: 'execute', arguments: { query: '{ __typename }' } });
    expect(answer.content).toEqual([{ type: 'text', text: '{"data":{"__typename":"Query"}}' }]);
    const refused = await client.callTool({ name: 'execute', arguments: { query: '{ nope }' } });
    expect(refused).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('nope') as string }] });
    await client.close();
  });
});

/** A message of the current revision, as its transport wants it. */
async function post(
  method: string,
  params: Record<string, unknown> = {},
  { headers = {}, meta = {}, id = 1 }: { headers?: Record<string, string>; meta?: object; id?: number | null } = {},
) {
  const answer = await fetch(URL_OF(), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': CURRENT,
      'mcp-method': method,
      ...(typeof params['name'] === 'string' ? { 'mcp-name': params['name'] } : {}),
      ...headers,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      ...(id === null ? {} : { id }),
      method,
      params: {
        ...params,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': CURRENT,
          'io.modelcontextprotocol/clientInfo': INFO,
          'io.modelcontextprotocol/clientCapabilities': {},
          ...meta,
        },
      },
    }),
  });
  return {
    status: answer.status,
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever the protocol answers
    body: (answer.status === 202 ? undefined : await answer.json()) as any,
  };
}

describe(`${CURRENT}, by hand`, () => {
  test('what there is can be discovered without a handshake, and kept for a while', async () => {
    const { status, body } = await post('server/discover');
    expect(status).toBe(200);
    expect(body.result).toMatchObject({
      supportedVersions: [CURRENT],
      capabilities: { tools: {} },
      resultType: 'complete',
      cacheScope: 'private',
      ttlMs: expect.any(Number) as number,
    });
    expect((await post('tools/list')).body.result.ttlMs).toBeGreaterThan(0);
  });

  test('headers must say what the message says', async () => {
    const call = { name: 'execute', arguments: { query: '{ __typename }' } };
    expect((await post('tools/call', call)).body.result.isError).toBe(false);
    for (const headers of [{ 'mcp-name': 'search_schema' }, { 'mcp-method': 'tools/list' }] as Record<string, string>[])
      expect(await post('tools/call', call, { headers })).toMatchObject({ status: 400, body: { id: 1, error: {} } });
  });

  test('a revision that is not there is told with those that are', async () => {
    const { status, body } = await post(
      'tools/list',
      {},
      {
        headers: { 'mcp-protocol-version': '2099-01-01' },
        meta: { 'io.modelcontextprotocol/protocolVersion': '2099-01-01' },
      },
    );
    expect(status).toBe(400);
    expect(body.error.data).toEqual({ supported: [CURRENT], requested: '2099-01-01' });
  });

  test.each([
    ['tools/call', {}, '`params.name`'],
    ['tools/list', { cursor: { a: 1 } }, '`params.cursor`'],
  ])("parameters of %s that are %j are the client's fault", async (method, params, told) => {
    expect((await post(method, params)).body).toMatchObject({
      id: 1,
      error: { code: -32602, message: expect.stringContaining(told) as string },
    });
  });

  test('methods and tools that are not there are told', async () => {
    expect(await post('sampling/everything')).toMatchObject({ status: 404, body: { error: { code: -32601 } } });
    expect((await post('tools/call', { name: 'drop_tables' })).body.error.code).toBe(-32602);
    expect(await post('notifications/cancelled', { requestId: 7 }, { id: null })).toMatchObject({ status: 202 });
  });

  test('who listens for changes is acknowledged, and let go when he leaves', async () => {
    const leave = new AbortController();
    const answer = await fetch(URL_OF(), {
      method: 'POST',
      signal: leave.signal,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': CURRENT,
        'mcp-method': 'subscriptions/listen',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 5,
        method: 'subscriptions/listen',
        params: {
          notifications: { toolsListChanged: true },
          _meta: {
            'io.modelcontextprotocol/protocolVersion': CURRENT,
            'io.modelcontextprotocol/clientInfo': INFO,
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      }),
    });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    const { value } = await answer.body!.getReader().read();
    expect(Buffer.from(value!).toString()).toContain('notifications/subscriptions/acknowledged');
    leave.abort();
  });
});

test.each(['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'])('%s shakes hands', async (protocolVersion) => {
  const answer = await fetch(URL_OF(), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion, capabilities: {}, clientInfo: INFO },
    }),
  });
  expect(await answer.json()).toMatchObject({ result: { protocolVersion, serverInfo: { name: 'tributary' } } });
});
