import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { parse, type DocumentNode, type ExecutionResult } from 'graphql';
import { afterEach, describe, expect, test } from 'vitest';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { remoteClient, type RemoteClientOptions } from '#gateway/execute/clients/remote-client.ts';
import { createRequestContext, type Principal, type RequestContext } from '#subgraphs/shared/context.ts';
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
  const client = remoteClient('far', {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    ...options,
  });
  closing.push(
    () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
    () => client.close(),
  );
  return client;
}

/** 50 MB in a few hundred bytes. */
const BOMB = brotliCompressSync(Buffer.alloc(50_000_000), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });

/** Sends bytes until the other side has had enough. */
function endless(response: ServerResponse, bytes: number): void {
  let sent = 0;
  const chunk = Buffer.alloc(65_536, 'x');
  const more = (): void => {
    while (sent < bytes && !response.destroyed) {
      sent += chunk.length;
      if (!response.write(chunk)) return void response.once('drain', more);
    }
  };
  more();
}

const ask = (
  client: SubgraphClient,
  source = '{ a }',
  options: { signal?: AbortSignal } = {},
): Promise<ExecutionResult> =>
  client.execute({
    document: parse(source),
    operationType: source.startsWith('mutation') ? 'mutation' : 'query',
    variables: { x: 1 },
    context: testContext(options),
  });

describe('answers', () => {
  test("of a healthy subgraph, with the caller's headers and gzip", async () => {
    const client = await subgraph(
      (response, body, request) => {
        expect(request.headers).toMatchObject({ authorization: 'Bearer test', 'x-more': 'yes' });
        response
          .setHeader('content-encoding', 'gzip')
          .end(gzipSync(JSON.stringify({ data: { a: body.variables }, extensions: { cost: 1 } })));
      },
      {
        headers: ({ principal }) => Promise.resolve({ authorization: `Bearer ${principal.tenantId}` }),
        forwarded: () => ({ authorization: 'Bearer of the client', 'x-more': 'yes' }),
      },
    );
    expect(await ask(client)).toEqual({ data: { a: { x: 1 } }, extensions: { cost: 1 } });
  });

  test('may begin with a byte order mark', async () => {
    const client = await subgraph((response) => response.end('\ufeff{"data":{"a":1}}'));
    expect(await ask(client)).toEqual({ data: { a: 1 } });
  });

  test.each([
    ['Fri, 31 Dec 1999 23:59:59 GMT', 0],
    ['120', 120],
    ['soon', undefined],
  ])('of 429 with Retry-After %j say how long', async (header, retryAfterSeconds) => {
    const client = await subgraph((response) => response.writeHead(429, { 'retry-after': header }).end('{}'));
    const { extensions } = (await ask(client).catch((error: unknown) => error)) as { extensions: object };
    expect(extensions).toEqual({
      code: 'RATE_LIMITED',
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    });
  });

  test.each([
    [
      'HTML',
      (response: ServerResponse) =>
        response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>'),
      /not GraphQL.*502/,
    ],
    ['half a JSON', (response: ServerResponse) => response.end('{"data": {"a"'), /not GraphQL/],
    ['a list', (response: ServerResponse) => response.end('[]'), /not GraphQL/],
    ['data of the wrong type', (response: ServerResponse) => response.end('{"data": 7}'), /not GraphQL/],
    ['nothing', (response: ServerResponse) => response.writeHead(500).end(), /not GraphQL.*500/],
    [
      'too much',
      (response: ServerResponse) => response.end(JSON.stringify({ data: { a: 'x'.repeat(20_000) } })),
      /more than 10000 bytes/,
    ],
    [
      'too much, compressed',
      (response: ServerResponse) =>
        response
          .setHeader('content-encoding', 'gzip')
          .end(gzipSync(JSON.stringify({ data: { a: 'x'.repeat(20_000) } }))),
      /more than 10000 bytes/,
    ],
    [
      'much from little',
      (response: ServerResponse) => response.setHeader('content-encoding', 'br').end(BOMB),
      /more than 10000 bytes/,
    ],
    [
      '200 MB without a length',
      (response: ServerResponse) => void endless(response, 200_000_000),
      /more than 10000 bytes/,
    ],
    [
      '200 MB',
      (response: ServerResponse) => void endless(response.setHeader('content-length', 200_000_000), 200_000_000),
      /more than 10000 bytes/,
    ],
    [
      'an encoding of its own',
      (response: ServerResponse) => response.setHeader('content-encoding', 'zstd').end('?'),
      /not offered/,
    ],
    [
      'an answer and then nothing',
      (response: ServerResponse) => void response.setHeader('content-length', 100).write('{"data":'),
      /within 300 ms/,
    ],
    [
      'half an answer',
      (response: ServerResponse) =>
        response.setHeader('content-length', 100).write('{"data":', () => response.socket!.destroy()),
      /cannot be reached/,
    ],
    [
      'a redirect',
      (response: ServerResponse) => response.writeHead(302, { location: '/elsewhere' }).end(),
      /not GraphQL.*302/,
    ],
    ['no HTTP', (response: ServerResponse) => response.socket!.end('SSH-2.0-OpenSSH\r\n'), /cannot be reached/],
    [
      'a damaged body',
      (response: ServerResponse) => response.setHeader('content-encoding', 'gzip').end('not gzip'),
      /damaged/,
    ],
    ['silence', () => undefined, /within 300 ms/],
    ['a cut connection', (response: ServerResponse) => response.socket!.destroy(), /cannot be reached/],
  ])('of one that gives %s', async (_, answer, message) => {
    const client = await subgraph((response) => void answer(response), {
      maxResponseBytes: 10_000,
      timeoutMs: message.source.includes('within') ? 300 : 30_000,
      retries: 0,
    });
    await expect(ask(client)).rejects.toMatchObject({
      code: 'SUBGRAPH_UNAVAILABLE',
      message: expect.stringMatching(message) as string,
    });
  });

  test('what it says of its own insides never passes; by configuration nothing does, and the log has it', async () => {
    const errors = [
      {
        message: 'column "x" of table users',
        path: ['a'],
        extensions: { code: 'DB', stacktrace: ['at x'], exception: { a: 1 }, hint: 'h' },
      },
      { message: 'no', path: ['a'], extensions: { code: 'FORBIDDEN', exception: {} } },
    ];
    const answering = async (redactErrors: boolean) => {
      const client = await subgraph((response) => response.end(JSON.stringify({ data: { a: null }, errors })), {
        redactErrors,
      });
      return (await ask(client)).errors!;
    };
    const passed = await answering(false);
    expect(passed.map(({ message, extensions }) => [message, extensions])).toEqual([
      ['column "x" of table users', { code: 'DB', hint: 'h' }],
      ['no', { code: 'FORBIDDEN' }],
    ]);
    const redacted = await answering(true);
    expect(redacted.map(({ message, path, extensions }) => [message, path, extensions])).toEqual([
      ['The subgraph far failed here.', ['a'], { code: 'SUBGRAPH_ERROR' }],
      ['The subgraph far refused this.', ['a'], { code: 'FORBIDDEN' }],
    ]);
    expect(String(redacted[0]!.originalError!.cause)).toMatch(/column "x" of table users \(DB\)/);
  });

  test('errors with data, whatever the status', async () => {
    const client = await subgraph((response) =>
      response.writeHead(500).end(
        JSON.stringify({
          data: { a: null },
          errors: [{ message: 'no', path: ['a'], extensions: { code: 'ODD' } }, 7],
        }),
      ),
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

  test.each([502, 503, 504])('a %i from a proxy is no answer yet', async (status) => {
    let attempts = 0;
    const client = await subgraph((response) => {
      attempts += 1;
      if (attempts === 1) response.writeHead(status).end('<h1>Nobody is there</h1>');
      else response.end('{"data":{"a":1}}');
    });
    expect(await ask(client)).toEqual({ data: { a: 1 } });
    expect(attempts).toBe(2);
  });

  test('what one caller asks too much of does not close the subgraph to others', async () => {
    const client = await subgraph(
      (response, { variables }) =>
        void response.end(JSON.stringify({ data: { a: 'x'.repeat((variables as { size: number }).size) } })),
      { breakAfter: 2, maxResponseBytes: 1_000 },
    );
    const sized = (size: number) =>
      client.execute({ document: parse('{ a }'), operationType: 'query', variables: { size }, context: testContext() });
    for (let index = 0; index < 4; index++) await expect(sized(2_000)).rejects.toThrow(/more than 1000 bytes/);
    expect(await sized(1)).toEqual({ data: { a: 'x' } });
  });

  test('more at once than the bulkhead holds wait, and more than may wait are refused', async () => {
    const waiting: ServerResponse[] = [];
    let came = (): void => undefined;
    const client = await subgraph((response) => (waiting.push(response), came()), { concurrency: 2, queue: 1 });
    const answers = [ask(client), ask(client), ask(client)];
    await expect(ask(client)).rejects.toMatchObject({
      code: 'SUBGRAPH_UNAVAILABLE',
      message: expect.stringMatching(/far .*under way and waiting/) as string,
    });
    for (let index = 0; index < 3; index++) {
      while (waiting.length <= index) await new Promise<void>((resolve) => (came = resolve));
      expect(waiting.length).toBeLessThanOrEqual(index + 2);
      waiting[index]!.end(JSON.stringify({ data: { a: index } }));
      await answers[index];
    }
  });

  test('many at once for one request bring no warning of listeners', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const client = await subgraph((response) => void response.end('{"data":{"a":1}}'));
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 30 }, () => ask(client, '{ a }', { signal })));
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
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
    for (let index = 0; index < 4; index++)
      await expect(ask(client)).rejects.toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE' });
    expect(attempts).toBe(2);
  });
});

describe('deduplication', () => {
  /** A subgraph that answers when it is told to. */
  async function slow(options: Partial<RemoteClientOptions> = {}) {
    const waiting: { answer: (data: unknown) => void; headers: IncomingMessage['headers'] }[] = [];
    let came = (): void => undefined;
    const closed: string[] = [];
    const client = await subgraph(
      (response, body, request) => {
        response.once('close', () => {
          if (!response.writableEnded) closed.push(String(body.query));
          came();
        });
        waiting.push({ answer: (data) => response.end(JSON.stringify({ data })), headers: request.headers });
        came();
      },
      { deduplicate: true, ...options },
    );
    const until = async (condition: () => boolean): Promise<void> => {
      while (!condition()) await new Promise<void>((resolve) => (came = resolve));
    };
    return { client, waiting, closed, until };
  }
  const as = (principal: Partial<Principal>, headers?: Record<string, string>, signal?: AbortSignal) =>
    createRequestContext(
      { tenantId: 'a', subject: 'ann', roles: ['r'], scopes: ['s'], ...principal },
      { headers, signal },
    );
  const query = (client: SubgraphClient, context: RequestContext, source = '{ a }') =>
    client.execute({
      document: documentOf(source),
      operationType: source.startsWith('mutation') ? 'mutation' : 'query',
      variables: {},
      context,
    });
  const documents = new Map<string, DocumentNode>();
  const documentOf = (source: string): DocumentNode =>
    documents.get(source) ?? documents.set(source, parse(source)).get(source)!;

  test('equal queries of equal callers are sent once, and each caller gets an answer of its own', async () => {
    const { client, waiting, until } = await slow();
    const answers = Promise.all([query(client, as({})), query(client, as({})), query(client, as({}))]);
    await until(() => waiting.length === 1);
    waiting[0]!.answer({ a: { b: 1 } });
    const [first, ...others] = await answers;
    for (const other of others) {
      expect(other).toEqual(first);
      expect(other.data!.a).not.toBe(first.data!.a);
    }
    const again = query(client, as({}));
    await until(() => waiting.length === 2);
    waiting[1]!.answer({ a: 2 });
    expect(await again).toEqual({ data: { a: 2 } });
  });

  test.each<[string, RequestContext]>([
    ['tenant', as({ tenantId: 'b' })],
    ['subject', as({ subject: 'bob' })],
    ['roles', as({ roles: [] })],
    ['scopes', as({ scopes: ['s', 't'] })],
    ['system flag', as({ system: true })],
    ['anonymity', as({ anonymous: true })],
    ['passed-on headers', as({}, { authorization: 'Bearer other' })],
  ])('callers that differ in %s share nothing', async (_, other) => {
    const { client, waiting, until } = await slow({
      forwarded: ({ headers }) => ({ authorization: String(headers?.authorization ?? '') }),
    });
    const answers = Promise.all([query(client, as({})), query(client, other)]);
    await until(() => waiting.length === 2);
    waiting.forEach(({ answer }, index) => answer({ a: index }));
    expect((await answers).map(({ data }) => data!.a).sort()).toEqual([0, 1]);
  });

  test.each(['mutation { a }', '{ generate }'])('%s is sent as often as it is asked', async (source) => {
    const { client, waiting, until } = await slow();
    const answers = Promise.all([query(client, as({}), source), query(client, as({}), source)]);
    await until(() => waiting.length === 2);
    for (const { answer } of waiting) answer({ a: 1 });
    await answers;
  });

  test('a query after a mutation does not join one that was asked before its end', async () => {
    const { client, waiting, until } = await slow();
    const before = query(client, as({}));
    await until(() => waiting.length === 1);
    const mutation = query(client, as({}), 'mutation { a }');
    await until(() => waiting.length === 2);
    waiting[1]!.answer({ a: 'written' });
    await mutation;
    const after = query(client, as({}));
    await until(() => waiting.length === 3);
    waiting[0]!.answer({ a: 'old' });
    waiting[2]!.answer({ a: 'new' });
    expect([(await before).data, (await after).data]).toEqual([{ a: 'old' }, { a: 'new' }]);
  });

  test('whoever leaves leaves alone; with the last one the request ends', async () => {
    const { client, waiting, closed, until } = await slow();
    const leaving = [new AbortController(), new AbortController()];
    const first = query(client, as({}, undefined, leaving[0]!.signal));
    const second = query(client, as({}, undefined, leaving[1]!.signal));
    const third = query(client, as({}));
    await until(() => waiting.length === 1);
    leaving[0]!.abort();
    await expect(first).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
    waiting[0]!.answer({ a: 1 });
    expect([await second, await third]).toEqual([{ data: { a: 1 } }, { data: { a: 1 } }]);

    const alone = [new AbortController(), new AbortController()];
    const both = alone.map(({ signal }) => query(client, as({}, undefined, signal), '{ b }'));
    for (const one of both) one.catch(() => undefined);
    await until(() => waiting.length === 2);
    for (const one of alone) one.abort();
    await until(() => closed.length === 1);
    // And nobody joins what is ending.
    const later = query(client, as({}), '{ b }');
    await until(() => waiting.length === 3);
    waiting[2]!.answer({ b: 2 });
    expect(await later).toEqual({ data: { b: 2 } });
    for (const one of both) await expect(one).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  test('a failure reaches everybody who waits', async () => {
    const client = await subgraph((response) => response.end('no'), { deduplicate: true });
    const results = await Promise.allSettled([query(client, as({})), query(client, as({}))]);
    expect(results.map((result) => (result as PromiseRejectedResult).reason as unknown)).toMatchObject([
      { code: 'SUBGRAPH_UNAVAILABLE' },
      { code: 'SUBGRAPH_UNAVAILABLE' },
    ]);
  });

  test('without it, each query is sent', async () => {
    const { client, waiting, until } = await slow({ deduplicate: false });
    const answers = Promise.all([query(client, as({})), query(client, as({}))]);
    await until(() => waiting.length === 2);
    for (const { answer } of waiting) answer({ a: 1 });
    await answers;
  });
});
