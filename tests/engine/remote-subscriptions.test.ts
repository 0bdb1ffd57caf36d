/** Subscriptions to remote subgraphs, over each protocol. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createHandler } from 'graphql-sse/lib/use/http';
import { useServer } from 'graphql-ws/use/ws';
import { buildSchema, parse, subscribe, type ExecutionResult } from 'graphql';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { EventQueue } from '#gateway/execute/clients/event-queue.ts';
import { EventStreamParser } from '#gateway/execute/clients/remote-event-stream.ts';
import { remoteClient, type RemoteClientOptions } from '#gateway/execute/clients/remote-client.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { testContext } from './federation.ts';

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const schema = buildSchema('type Query { a: Int } type Subscription { count(to: Int!, size: Int = 0): String }');

/** A subgraph whose `count` gives texts `0: xxx…`, or never ends for `to: 0`. */
class Counter {
  produced = 0;
  ended = 0;
  headers: IncomingHttpHeaders = {};
  /** Methods of the requests that asked for no WebSocket, or where there is none. */
  readonly requests: (string | undefined)[] = [];
  readonly #waiting: (() => void)[] = [];

  readonly roots = {
    subscription: {
      count: ({ to, size }: { to: number; size: number }): AsyncIterableIterator<unknown> => {
        let wake = (): void => undefined;
        let index = 0;
        let over = false;
        return {
          next: async () => {
            if (to === 0) await new Promise<void>((resolve) => (wake = resolve));
            if (over || index >= to) return { done: true, value: undefined };
            this.produced += 1;
            return { done: false, value: { count: `${index++}: ${'x'.repeat(size)}` } };
          },
          return: () => {
            over = true;
            this.ended += 1;
            wake();
            for (const resolve of this.#waiting.splice(0)) resolve();
            return Promise.resolve({ done: true, value: undefined });
          },
          [Symbol.asyncIterator]() {
            return this;
          },
        };
      },
    },
  };

  async untilEnded(): Promise<void> {
    if (this.ended === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

type Protocol = 'auto' | 'graphql-ws' | 'sse';

/** graphql-sse's own server takes all events at once; this one waits until they are read. */
async function patientEventStream(counter: Counter, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { query } = JSON.parse(Buffer.concat((await request.toArray()) as Buffer[]).toString()) as { query: string };
  const events = (await subscribe({
    schema,
    document: parse(query),
    rootValue: counter.roots.subscription,
  })) as AsyncIterable<ExecutionResult>;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for await (const event of events)
    if (!response.write(`event: next\ndata: ${JSON.stringify(event)}\n\n`)) await once(response, 'drain');
  response.end('event: complete\n\n');
}

async function listen(
  counter: Counter,
  { patient = false, sockets: withSockets = true }: { patient?: boolean; sockets?: boolean } = {},
): Promise<{ url: string; lose: () => void }> {
  const handler = createHandler({
    schema,
    context: () => ({}),
    onSubscribe: (_, { operationName, query }) => ({
      schema,
      document: parse(query),
      operationName,
      rootValue: counter.roots.subscription,
      contextValue: {},
    }),
  });
  const server = createServer((request, response) => {
    counter.headers = request.headers;
    counter.requests.push(request.method);
    // Both reject when the client goes away in the middle of a write, which is not the server's fault.
    (patient ? patientEventStream(counter, request, response) : handler(request, response)).catch(() =>
      response.destroy(),
    );
  });
  const webSockets = new WebSocketServer(withSockets ? { server } : { noServer: true });
  webSockets.on('connection', (_, request) => (counter.headers = request.headers));
  const disposable = useServer({ schema, roots: counter.roots }, webSockets);
  closing.push(() => disposable.dispose());
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  const lose = (): void => {
    for (const socket of webSockets.clients) socket.terminate();
    for (const socket of sockets) socket.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    lose();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`, lose };
}

function client(protocol: Protocol, url: string, options: Partial<RemoteClientOptions> = {}) {
  const made = remoteClient('far', { url, subscriptions: { protocol }, ...options });
  closing.push(() => made.close());
  return (source: string, signal?: AbortSignal) =>
    made.subscribe({
      document: parse(source),
      operationType: 'subscription',
      variables: {},
      context: testContext({ signal }),
    });
}

const stream = async (
  opening: Promise<AsyncIterable<ExecutionResult> | ExecutionResult>,
): Promise<AsyncIterableIterator<ExecutionResult>> => {
  const opened = await opening;
  expect(Symbol.asyncIterator in opened).toBe(true);
  return opened as AsyncIterableIterator<ExecutionResult>;
};

const numberOf = ({ data }: ExecutionResult): number => parseInt((data as { count: string }).count);

describe.each<Protocol>(['graphql-ws', 'sse'])('over %s', (protocol) => {
  test("events come in order, with the caller's headers, and end", async () => {
    const counter = new Counter();
    const { url } = await listen(counter);
    const open = client(protocol, url, {
      headers: ({ principal }) => ({ authorization: `Bearer ${principal.tenantId}` }),
      forwarded: () => ({ 'x-more': 'yes' }),
    });
    const seen: number[] = [];
    for await (const event of await stream(open('subscription { count(to: 5) }'))) seen.push(numberOf(event));
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    expect(counter.headers).toMatchObject({ authorization: 'Bearer test', 'x-more': 'yes' });
  });

  test('returning ends it upstream, also while an event is awaited', async () => {
    const counter = new Counter();
    const { url } = await listen(counter);
    const events = await stream(client(protocol, url)('subscription { count(to: 0) }'));
    const waiting = events.next();
    await events.return!();
    expect((await waiting).done).toBe(true);
    expect((await events.next()).done).toBe(true);
    await counter.untilEnded();
  });

  test('one that is refused says why', async () => {
    const { url } = await listen(new Counter());
    const opened = await client(protocol, url)('subscription { missing }');
    const { errors } = (
      Symbol.asyncIterator in opened ? (await opened[Symbol.asyncIterator]().next()).value : opened
    ) as ExecutionResult;
    expect(errors![0]!.message).toMatch(/missing/);
  });

  test('a lost connection is told, after what had arrived', async () => {
    const { url, lose } = await listen(new Counter());
    const events = await stream(client(protocol, url)('subscription { count(to: 20000, size: 1000) }'));
    expect(numberOf((await events.next()).value as ExecutionResult)).toBe(0);
    lose();
    let expected = 1;
    const failure = await (async () => {
      for (;;) {
        const next = await events.next();
        if (next.done === true) return undefined;
        expect(numberOf(next.value)).toBe(expected++);
      }
    })().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CodedError);
    expect(failure).toMatchObject({
      code: 'SUBGRAPH_UNAVAILABLE',
      message: expect.stringMatching(/far broke/) as unknown,
      extensions: { hint: expect.stringContaining('cursor') as unknown },
    });
    expect((await events.next()).done).toBe(true);
  });

  test.each<[string, (socket: Socket) => void, RegExp]>([
    ['never answers', () => undefined, /far/],
    ['hangs up', (socket) => void socket.destroy(), /could not be opened/],
    [
      'answers with something else',
      (socket) => void socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno'),
      /far/,
    ],
  ])('a subgraph that %s costs the subscription', async (_, answer, message) => {
    const server = createServer().on('connection', (socket: Socket) =>
      socket.once('data', () => answer(socket)).on('error', () => undefined),
    );
    server.removeAllListeners('request').listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const open = client(protocol, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { timeoutMs: 300 });
    await expect(open('subscription { count(to: 1) }')).rejects.toMatchObject({
      code: 'SUBGRAPH_UNAVAILABLE',
      message: expect.stringMatching(message) as unknown,
    });
  });

  test('one that has not opened yet ends with its caller', async () => {
    const server = createServer(() => undefined);
    let came = (): void => undefined;
    const connected = new Promise<void>((resolve) => (came = resolve));
    server.on('connection', came).on('upgrade', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const leaving = new AbortController();
    const opening = client(protocol, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)(
      'subscription { count(to: 1) }',
      leaving.signal,
    );
    opening.catch(() => undefined);
    await connected;
    leaving.abort();
    await expect(opening).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  test('an event over the limit ends the stream', async () => {
    const { url } = await listen(new Counter());
    const events = await stream(
      client(protocol, url, { maxResponseBytes: 10_000 })('subscription { count(to: 3, size: 20000) }'),
    );
    await expect(events.next()).rejects.toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE' });
    expect((await events.next()).done).toBe(true);
  });

  test('a reader that is slow stops the subgraph, and misses nothing', async () => {
    const counter = new Counter();
    const { url } = await listen(counter, { patient: true });
    const total = 600;
    const events = await stream(client(protocol, url)(`subscription { count(to: ${total}, size: 100000) }`));
    for (let index = 0; index < 20; index++) {
      expect(numberOf((await events.next()).value as ExecutionResult)).toBe(index);
      for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    // What the system's own buffers and ours hold is far from 60 MB.
    expect(counter.produced).toBeLessThan(total / 2);
    for (let index = 20; index < total; index++)
      expect(numberOf((await events.next()).value as ExecutionResult)).toBe(index);
    expect((await events.next()).done).toBe(true);
  });
});

describe('where nobody says which protocol the subgraph speaks', () => {
  const source = 'subscription { count(to: 2) }';
  const numbers = async (opening: Parameters<typeof stream>[0]): Promise<number[]> => {
    const found: number[] = [];
    for await (const event of await stream(opening)) found.push(numberOf(event));
    return found;
  };

  test('it is found out by asking, and remembered', async () => {
    const counter = new Counter();
    const { url } = await listen(counter, { sockets: false });
    const subscribeTo = client('auto', url);
    expect(await numbers(subscribeTo(source))).toEqual([0, 1]);
    expect(counter.requests).toEqual(['GET', 'POST']);
    expect(await numbers(subscribeTo(source))).toEqual([0, 1]);
    expect(counter.requests).toEqual(['GET', 'POST', 'POST']);
  });

  test('WebSockets are asked for first', async () => {
    const counter = new Counter();
    const { url } = await listen(counter);
    expect(await numbers(client('auto', url)(source))).toEqual([0, 1]);
    expect(counter.requests).toEqual([]);
  });

  test.each<[number, string, object]>([
    [404, 'SUBGRAPH_UNAVAILABLE', { hint: expect.stringMatching(/^Set SUBGRAPH_FAR_SUBSCRIPTIONS to the address/) }],
    [400, 'SUBGRAPH_UNAVAILABLE', { hint: expect.stringMatching(/^Set SUBGRAPH_FAR_SUBSCRIPTIONS to the address/) }],
    [401, 'UNAUTHENTICATED', {}],
    [403, 'FORBIDDEN', {}],
    [429, 'RATE_LIMITED', {}],
  ])('what is answered with %s is %s, and the variable that mends it is named', async (status, code, extensions) => {
    const server = createServer((_, response) => response.writeHead(status).end('<html>no</html>'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
    for (const protocol of ['auto', 'graphql-ws'] as const)
      await expect(client(protocol, url)(source)).rejects.toMatchObject({ code, extensions });
  });
});

describe('the queue between', () => {
  interface Numbered {
    readonly at: number;
  }
  const at = (number: number): Numbered => ({ at: number });

  test('stops the connection when it is full, and lets it go on when half is taken', async () => {
    const log: string[] = [];
    const queue = new EventQueue<Numbered>({
      highWater: 4,
      pause: () => log.push('pause'),
      resume: () => log.push('resume'),
      end: () => log.push('end'),
    });
    for (let index = 0; index < 5; index++) queue.push(at(index));
    expect([log, queue.behind]).toEqual([['pause'], true]);
    for (let index = 0; index < 3; index++) expect((await queue.next()).value).toEqual(at(index));
    expect([log, queue.behind]).toEqual([['pause', 'resume'], false]);
    queue.finish(new CodedError('SUBGRAPH_UNAVAILABLE', 'Gone.'));
    queue.push(at(9));
    expect([(await queue.next()).value, (await queue.next()).value]).toEqual([at(3), at(4)]);
    await expect(queue.next()).rejects.toThrow('Gone.');
    expect((await queue.next()).done).toBe(true);
    expect(log).toEqual(['pause', 'resume', 'end']);
  });

  test('gives a waiting reader each event at once', async () => {
    const queue = new EventQueue<Numbered>({ pause: () => undefined, resume: () => undefined, end: () => undefined });
    const next = queue.next();
    queue.push(at(1));
    expect(await next).toEqual({ done: false, value: at(1) });
    const last = queue.next();
    queue.finish();
    expect((await last).done).toBe(true);
  });

  test('can be polled, and wakes who polls once for what comes and once for the end', async () => {
    const queue = new EventQueue<Numbered>({ pause: () => undefined, resume: () => undefined, end: () => undefined });
    const log: string[] = [];
    expect(queue.poll()).toBeUndefined();
    expect(queue.whenMore(() => log.push('more'))).toBe(true);
    queue.push(at(1));
    queue.push(at(2));
    expect([log, queue.whenMore(() => undefined)]).toEqual([['more'], false]);
    expect([queue.poll(), queue.poll(), queue.poll()]).toEqual([at(1), at(2), undefined]);
    expect(queue.whenMore(() => log.push('end'))).toBe(true);
    queue.finish(new CodedError('SUBGRAPH_UNAVAILABLE', 'Gone.'));
    expect([log, queue.poll(), queue.whenMore(() => undefined)]).toEqual([['more', 'end'], undefined, false]);
    await expect(queue.next()).rejects.toThrow('Gone.');
  });

  test('counts bytes, and gives up a reader for whom the connection does not stop', async () => {
    const log: string[] = [];
    let stops = true;
    const queue = new EventQueue<Numbered>({
      sizeOf: () => 10,
      limitBytes: 40,
      pause: () => log.push('pause'),
      resume: () => log.push('resume'),
      end: () => log.push('end'),
      overLimit: () => (stops ? undefined : new CodedError('SUBGRAPH_UNAVAILABLE', 'Too slow.')),
    });
    for (let index = 0; index < 6; index++) queue.push(at(index));
    expect(log).toEqual(['pause']);
    for (let index = 0; index < 5; index++) queue.poll();
    expect(log).toEqual(['pause', 'resume']);
    stops = false;
    for (let index = 0; index < 4; index++) queue.push(at(index));
    expect(log).toEqual(['pause', 'resume', 'pause', 'end']);
    await expect(queue.next()).rejects.toThrow('Too slow.');
    expect((await queue.next()).done).toBe(true);
  });
});

describe('the event stream format', () => {
  const parse = (chunks: (string | Buffer)[], limit = 1_000): [string, string][] => {
    const seen: [string, string][] = [];
    const parser = new EventStreamParser(limit, (event, data) => seen.push([event, data]));
    for (const chunk of chunks) expect(parser.write(Buffer.from(chunk))).toBe(true);
    return seen;
  };
  const text = ': hello\n\nevent: next\ndata: {"é": 1}\n\ndata: a\ndata:b\nid: 7\n\nevent: complete\n\nevent: cut';
  const events = [
    ['next', '{"é": 1}'],
    ['message', 'a\nb'],
    ['complete', ''],
  ];

  test.each([['\n'], ['\r'], ['\r\n']])('is read with the line end %j, wherever chunks end', (end) => {
    const bytes = Buffer.from(text.replaceAll('\n', end));
    expect(parse([bytes])).toEqual(events);
    expect(parse([...bytes].map((byte) => Buffer.of(byte)))).toEqual(events);
  });

  test('an event may not be longer than the limit, however it comes', () => {
    const parser = new EventStreamParser(10, () => undefined);
    expect(parser.write(Buffer.from('data: 12345\n'))).toBe(true);
    expect(parser.write(Buffer.from('data: 123456\n'))).toBe(false);
    expect(new EventStreamParser(10, () => undefined).write(Buffer.from('data: 1234567'))).toBe(false);
  });
});
