/** How many connections and subscriptions a remote subgraph sees, and what becomes of them when it closes one. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { parse, type ExecutionResult } from 'graphql';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { resubscriptionOf } from '#gateway/execute/clients/shared-subscription.ts';
import { remoteClient, type RemoteClientOptions } from '#gateway/execute/clients/remote-client.ts';
import { delayBefore } from '#gateway/execute/clients/resubscription.ts';
import type { ShareableStream } from '#gateway/execute/answers/shared-answers.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Operation {
  readonly socket: WebSocket;
  readonly id: string;
  ended: boolean;
}

/** A subgraph that speaks graphql-transport-ws and does what a test tells it. */
class Subgraph {
  readonly sockets: WebSocket[] = [];
  readonly inits: unknown[] = [];
  readonly operations: Operation[] = [];
  onSubscribe: (operation: Operation) => void = () => undefined;
  #changed: (() => void)[] = [];
  url = '';

  async start(): Promise<this> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'graphql-transport-ws' });
    await once(server, 'listening');
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    closing.push(() => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    });
    server.on('connection', (socket) => {
      this.sockets.push(socket);
      socket.on('message', (data: Buffer) => {
        const { type, id, payload } = JSON.parse(data.toString()) as { type: string; id: string; payload?: unknown };
        if (type === 'connection_init') {
          this.inits.push(payload);
          socket.send('{"type":"connection_ack"}');
        } else if (type === 'subscribe') {
          const operation = { socket, id, ended: false };
          this.operations.push(operation);
          this.onSubscribe(operation);
        } else if (type === 'complete') this.operations.find((operation) => operation.id === id)!.ended = true;
        this.#wake();
      });
      socket.on('close', () => this.#wake());
    });
    return this;
  }

  next({ socket, id }: Operation, n: number, filler = ''): void {
    socket.send(JSON.stringify({ type: 'next', id, payload: { data: { n, filler } } }));
  }

  /** Resolves once the condition holds; it is looked at when something has come. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}

type Stream = AsyncIterableIterator<ExecutionResult> & ShareableStream;

function client(subgraph: Subgraph, options: Partial<RemoteClientOptions> = {}) {
  const made = remoteClient('far', { url: subgraph.url, ...options });
  closing.push(() => made.close());
  return async (subject = 'ann', query = 'subscription { n }'): Promise<Stream> =>
    (await made.subscribe({
      document: parse(query),
      operationType: 'subscription',
      variables: {},
      context: createRequestContext({ tenantId: 'test', subject, roles: [], scopes: [] }),
    })) as Stream;
}

const many = <T>(count: number, make: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, () => make()));
const numberOf = ({ value }: IteratorResult<ExecutionResult>): unknown =>
  (value as ExecutionResult<{ n: number }>).data!.n;

describe('sockets', () => {
  test('are shared by subscriptions of one caller, up to a bound, and end with their last', async () => {
    const subgraph = await new Subgraph().start();
    const streams = await many(7, client(subgraph, { operationsPerSocket: 3 }));
    await subgraph.until(() => subgraph.operations.length === 7);
    expect(subgraph.sockets).toHaveLength(3);
    for (const [index, operation] of subgraph.operations.entries()) subgraph.next(operation, index);
    expect((await Promise.all(streams.map((stream) => stream.next()))).map(numberOf).sort()).toEqual([
      0, 1, 2, 3, 4, 5, 6,
    ]);
    await streams[0]!.return!();
    await subgraph.until(() => subgraph.operations.some(({ ended }) => ended));
    expect(subgraph.sockets.filter(({ readyState }) => readyState === 1)).toHaveLength(3);
    for (const stream of streams) await stream.return!();
    await subgraph.until(() => subgraph.sockets.every(({ readyState }) => readyState === 3));
  });

  test('are not shared by callers of whom the subgraph is told different things', async () => {
    const subgraph = await new Subgraph().start();
    const subscribe = client(subgraph);
    await Promise.all([subscribe('ann'), subscribe('ann', 'subscription { m }'), subscribe('bob')]);
    expect(subgraph.sockets).toHaveLength(2);
    const untold = await new Subgraph().start();
    const without = client(untold, { identity: () => '' });
    await Promise.all([without('ann'), without('bob')]);
    expect(untold.sockets).toHaveLength(1);
  });

  test('begin with the parameters of the configuration, and with the headers, which win', async () => {
    const subgraph = await new Subgraph().start();
    await client(subgraph, {
      connectionParameters: () => ({ apiKey: 'k', 'x-caller': 'nobody' }),
      forwarded: () => ({ 'x-caller': 'ann' }),
    })();
    expect(subgraph.inits).toEqual([{ apiKey: 'k', 'x-caller': 'ann' }]);
  });

  test('that cannot be named a caller for are not opened, and whoever waits is told', async () => {
    const subgraph = await new Subgraph().start();
    const subscribe = client(subgraph, { headers: () => Promise.reject(new Error('no token')) });
    await expect(subscribe()).rejects.toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE' });
  });
});

describe('a subgraph that closes its socket', () => {
  test.each([1000, 1001, 1011, 1012, 4000, 4400, 4403, 4499])(
    'with %i ends the streams on it, after what had arrived, and is not connected again in silence',
    async (code) => {
      const subgraph = await new Subgraph().start();
      subgraph.onSubscribe = (operation) => {
        if (subgraph.operations.length < 2) return;
        for (const each of subgraph.operations) subgraph.next(each, 1);
        operation.socket.close(code);
      };
      const streams = await many(2, client(subgraph));
      for (const stream of streams) {
        expect(numberOf(await stream.next())).toBe(1);
        await expect(stream.next()).rejects.toMatchObject({
          code: 'SUBGRAPH_UNAVAILABLE',
          message: `The subscription on the subgraph far broke (close code ${code}).`,
        });
        expect((await stream.next()).done).toBe(true);
      }
      await subgraph.until(() => subgraph.sockets[0]!.readyState === 3);
      // A library that connects again would do so at once.
      await client(subgraph)();
      expect(subgraph.sockets).toHaveLength(2);
    },
  );
});

describe('equal subscriptions', () => {
  test('are one, and each reader has results of his own', async () => {
    const subgraph = await new Subgraph().start();
    const streams = await many(20, client(subgraph, { shareSubscriptions: 'start' }));
    await subgraph.until(() => subgraph.operations.length > 0);
    for (const n of [1, 2]) subgraph.next(subgraph.operations[0]!, n);
    for (const stream of streams) {
      const first = await stream.next();
      expect(numberOf(first)).toBe(1);
      (first.value as ExecutionResult<{ n: number }>).data!.n = 99;
      expect(numberOf(await stream.next())).toBe(2);
    }
    expect(subgraph.operations).toHaveLength(1);
    for (const stream of streams.slice(1)) await stream.return!();
    subgraph.next(subgraph.operations[0]!, 3);
    expect(numberOf(await streams[0]!.next())).toBe(3);
    expect(subgraph.operations[0]!.ended).toBe(false);
    await streams[0]!.return!();
    await subgraph.until(() => subgraph.sockets[0]!.readyState === 3);
  });

  test('give the same events to all who answer them', async () => {
    const subgraph = await new Subgraph().start();
    const [one, other] = await many(2, client(subgraph, { shareSubscriptions: 'start' }));
    await subgraph.until(() => subgraph.operations.length > 0);
    subgraph.next(subgraph.operations[0]!, 1);
    const { value: event } = (await one!.shareable.events.next()) as { value: object };
    expect((await other!.shareable.events.next()).value).toBe(event);
    const context = createRequestContext({ tenantId: 't', subject: 's', roles: [], scopes: [] });
    const answers = [one!, other!].map(({ shareable }) => shareable.answer(event, context) as ExecutionResult);
    expect(answers[0]).toEqual({ data: { n: 1, filler: '' } });
    expect(answers[0]!.data).not.toBe(answers[1]!.data);
  });

  test.each([
    ['start', 2],
    ['live', 1],
    ['off', 2],
  ] as const)('with sharing %s: who comes after the first event makes them %i', async (sharing, count) => {
    const subgraph = await new Subgraph().start();
    const subscribe = client(subgraph, { shareSubscriptions: sharing });
    const first = await subscribe();
    await subgraph.until(() => subgraph.operations.length === 1);
    subgraph.next(subgraph.operations[0]!, 1);
    expect(numberOf(await first.next())).toBe(1);
    const late = await subscribe();
    await subgraph.until(() => subgraph.operations.length === count);
    for (const operation of subgraph.operations) subgraph.next(operation, 2);
    expect(numberOf(await late.next())).toBe(2);
  });

  test('whoever reads more slowly than others loses his stream, and they lose nothing', async () => {
    const subgraph = await new Subgraph().start();
    const [slow, quick] = await many(2, client(subgraph, { shareSubscriptions: 'start', streamBufferBytes: 50_000 }));
    await subgraph.until(() => subgraph.operations.length > 0);
    for (let n = 0; n < 200; n += 1) {
      subgraph.next(subgraph.operations[0]!, n, 'x'.repeat(1_000));
      expect(numberOf(await quick!.next())).toBe(n);
    }
    await expect(slow!.next()).rejects.toMatchObject({
      code: 'SUBGRAPH_UNAVAILABLE',
      message: expect.stringMatching(/wait to be read/) as unknown,
      extensions: { hint: expect.stringContaining('cursor') as unknown },
    });
    expect((await slow!.next()).done).toBe(true);
  });

  test('of whom nobody reads stop the subgraph, and go on when one does', async () => {
    const subgraph = await new Subgraph().start();
    const streams = await many(2, client(subgraph, { shareSubscriptions: 'start', streamBufferBytes: 20_000 }));
    await subgraph.until(() => subgraph.operations.length > 0);
    for (let n = 0; n < 5_000; n += 1) subgraph.next(subgraph.operations[0]!, n, 'x'.repeat(10_000));
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    // What the system's buffers and ours take is far from 50 MB.
    expect(subgraph.sockets[0]!.bufferedAmount).toBeGreaterThan(10_000_000);
    for (let n = 0; n < 5_000; n += 1) for (const stream of streams) expect(numberOf(await stream.next())).toBe(n);
  });
});

describe('a stream that may be resumed by asking again', () => {
  test('goes on after its connection is lost, and the next event says so, once', async () => {
    const subgraph = await new Subgraph().start();
    const [stream, other] = await many(2, client(subgraph, { resubscribeAttempts: 5, shareSubscriptions: 'start' }));
    await subgraph.until(() => subgraph.operations.length === 1);
    subgraph.next(subgraph.operations[0]!, 1);
    expect(resubscriptionOf((await stream!.next()).value as ExecutionResult)).toBeUndefined();
    subgraph.sockets[0]!.close(1000);
    await subgraph.until(() => subgraph.operations.length === 2);
    subgraph.next(subgraph.operations[1]!, 2);
    subgraph.next(subgraph.operations[1]!, 3);
    const next = await stream!.next();
    expect(numberOf(next)).toBe(2);
    expect(resubscriptionOf(next.value as ExecutionResult)).toEqual({
      service: 'far',
      lostAt: expect.stringMatching(/^\d{4}-/) as unknown,
      attempts: 1,
    });
    expect(resubscriptionOf((await stream!.next()).value as ExecutionResult)).toBeUndefined();
    await other!.next();
    expect(resubscriptionOf((await other!.next()).value as ExecutionResult)).toMatchObject({ attempts: 1 });
    await stream!.return!();
    await other!.return!();
    await subgraph.until(() => subgraph.sockets.every(({ readyState }) => readyState === 3));
  });

  test('ends when it is lost as often as it may be', async () => {
    const subgraph = await new Subgraph().start();
    subgraph.onSubscribe = ({ socket }) => socket.close(1012);
    const stream = await client(subgraph, { resubscribeAttempts: 2 })();
    await expect(stream.next()).rejects.toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE' });
    expect(subgraph.sockets).toHaveLength(3);
  });

  test('ends while it waits, when its reader leaves', async () => {
    const subgraph = await new Subgraph().start();
    subgraph.onSubscribe = ({ socket }) => socket.close(1012);
    const stream = await client(subgraph, { resubscribeAttempts: 1_000 })();
    const waiting = stream.next();
    await subgraph.until(() => subgraph.sockets.length > 0 && subgraph.sockets[0]!.readyState === 3);
    await stream.return!();
    expect((await waiting).done).toBe(true);
  });

  test('waits twice as long each time, up to a bound, and never as long as others', () => {
    const pace = { delayMs: 250, longestDelayMs: 15_000 };
    const least = [1, 2, 3, 10, 1_000].map((attempt) => delayBefore(attempt, pace, () => 0));
    const most = [1, 2, 3, 10, 1_000].map((attempt) => delayBefore(attempt, pace, () => 1));
    expect(least).toEqual([125, 250, 500, 7_500, 7_500]);
    expect(most).toEqual([250, 500, 1_000, 15_000, 15_000]);
  });
});
