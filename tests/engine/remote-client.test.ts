import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { useServer } from 'graphql-ws/use/ws';
import { buildSchema, parse, type ExecutionResult } from 'graphql';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { remoteClient, type RemoteClientOptions, type SubgraphClient } from '#gateway/execute/subgraph-client.ts';
import { testContext } from './federation.ts';

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function subgraph(
  answer: (response: ServerResponse, body: Record<string, unknown>, request: IncomingMessage) => void,
  options: Partial<RemoteClientOptions> = {},
): Promise<SubgraphClient> {
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => answer(response, JSON.parse(text) as Record<string, unknown>, request));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = remoteClient('far', { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`, ...options });
  closing.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()), () => client.close());
  return client;
}

const ask = (client: SubgraphClient, source = '{ a }', options: { signal?: AbortSignal } = {}): Promise<ExecutionResult> =>
  client.execute({
    document: parse(source),
    operationType: source.startsWith('mutation') ? 'mutation' : 'query',
    variables: { x: 1 },
    context: testContext(options),
  });

describe('answers', () => {
  test('of a healthy subgraph, with the caller’s headers and gzip', async () => {
    const client = await subgraph(
      (response, body, request) => {
        expect(request.headers.authorization).toBe('Bearer test');
        response.setHeader('content-encoding', 'gzip').end(gzipSync(JSON.stringify({ data: { a: body.variables }, extensions: { cost: 1 } })));
      },
      { headers: ({ principal }) => Promise.resolve({ authorization: `Bearer ${principal.tenantId}` }) },
    );
    expect(await ask(client)).toEqual({ data: { a: { x: 1 } }, extensions: { cost: 1 } });
  });

  test.each([
    ['HTML', (response: ServerResponse) => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>'), /not GraphQL.*502/],
    ['half a JSON', (response: ServerResponse) => response.end('{"data": {"a"'), /not GraphQL/],
    ['a list', (response: ServerResponse) => response.end('[]'), /not GraphQL/],
    ['data of the wrong type', (response: ServerResponse) => response.end('{"data": 7}'), /not GraphQL/],
    ['nothing', (response: ServerResponse) => response.writeHead(500).end(), /not GraphQL.*500/],
    ['too much', (response: ServerResponse) => response.end(JSON.stringify({ data: { a: 'x'.repeat(20_000) } })), /more than 10000 bytes/],
    [
      'too much, compressed',
      (response: ServerResponse) => response.setHeader('content-encoding', 'gzip').end(gzipSync(JSON.stringify({ data: { a: 'x'.repeat(20_000) } }))),
      /more than 10000 bytes/,
    ],
    ['a damaged body', (response: ServerResponse) => response.setHeader('content-encoding', 'gzip').end('not gzip'), /damaged/],
    ['silence', () => undefined, /within 300 ms/],
    ['a cut connection', (response: ServerResponse) => response.socket!.destroy(), /cannot be reached/],
  ])('of one that gives %s', async (_, answer, message) => {
    const client = await subgraph((response) => void answer(response), { maxResponseBytes: 10_000, timeoutMs: 300, retries: 0 });
    await expect(ask(client)).rejects.toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE', message: expect.stringMatching(message) as string });
  });

  test('errors with data, whatever the status', async () => {
    const client = await subgraph((response) =>
      response.writeHead(500).end(JSON.stringify({ data: { a: null }, errors: [{ message: 'no', path: ['a'], extensions: { code: 'ODD' } }, 7] })),
    );
    const result = await ask(client);
    expect(result.data).toEqual({ a: null });
    expect(result.errors!.map(({ message, path, extensions }) => ({ message, path, extensions }))).toEqual([
      { message: 'no', path: ['a'], extensions: { code: 'ODD' } },
      { message: 'The subgraph gave an error without a message.', path: undefined, extensions: {} },
    ]);
  });
});

describe('attempts', () => {
  test.each([
    ['{ a }', 3],
    ['mutation { a }', 1],
    ['{ a: generate }', 1],
  ])('%s is sent %i times over a connection that breaks', async (source, times) => {
    let attempts = 0;
    const client = await subgraph((response) => {
      attempts += 1;
      response.socket!.destroy();
    });
    await expect(ask(client, source)).rejects.toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE' });
    expect(attempts).toBe(times);
  });

  test('end when the caller leaves', async () => {
    const leaving = new AbortController();
    const client = await subgraph(() => leaving.abort());
    await expect(ask(client, '{ a }', { signal: leaving.signal })).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  test('pause after failures in a row', async () => {
    let attempts = 0;
    const client = await subgraph(
      (response) => {
        attempts += 1;
        response.end('no');
      },
      { breakAfter: 2, breakForMs: 60_000 },
    );
    for (let index = 0; index < 4; index++) await expect(ask(client)).rejects.toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE' });
    expect(attempts).toBe(2);
  });
});

describe('subscriptions', () => {
  async function streaming(ended: () => void) {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const schema = buildSchema('type Query { a: Int } type Subscription { count(to: Int!): Int }');
    const disposable = useServer(
      {
        schema,
        roots: {
          subscription: {
            async *count({ to }: { to: number }) {
              try {
                for (let count = 1; count <= to; count++) yield await Promise.resolve({ count });
                if (to === 0) await new Promise(() => undefined);
              } finally {
                ended();
              }
            },
          },
        },
      },
      server,
    );
    const client = remoteClient('far', { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
    closing.push(() => disposable.dispose(), () => client.close());
    return (source: string) =>
      client.subscribe({ document: parse(source), operationType: 'subscription', variables: {}, context: testContext() }) as Promise<
        AsyncIterableIterator<ExecutionResult>
      >;
  }

  test('give events in order and end', async () => {
    const subscribe = await streaming(() => undefined);
    const seen: unknown[] = [];
    for await (const event of await subscribe('subscription { count(to: 3) }')) seen.push(event.data);
    expect(seen).toEqual([{ count: 1 }, { count: 2 }, { count: 3 }]);
  });

  test('end upstream when they are returned', async () => {
    let end: () => void;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const subscribe = await streaming(() => end());
    const events = await subscribe('subscription { count(to: 100000) }');
    await events.next();
    await events.return!();
    await ended;
  });

  test('say why they were refused', async () => {
    const subscribe = await streaming(() => undefined);
    const { value } = (await (await subscribe('subscription { missing }')).next()) as { value: ExecutionResult };
    expect(value.errors![0]!.message).toMatch(/missing/);
  });
});
