/** Which operation is read next when many that are not known come at once: told by the order in which they are read. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { documents, type Documents } from '#gateway/admission/documents.ts';
import { operations, type Operations } from '#gateway/admission/operations.ts';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { loadConfig } from '#gateway/config/config.ts';
import type { Engine } from '#gateway/execute/engine.ts';
import { bodyLimits } from '#gateway/http/body.ts';
import { graphqlOverHttp } from '#gateway/http/graphql.ts';
import { graphqlOverWebSocket, type WebSocketEndpoint } from '#gateway/subscribe/websocket.ts';
import { EngineHost } from '#gateway/supergraph/engine-host.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { isStretchOver, nextTurn } from '#subgraphs/shared/turns.ts';
import { federate, type Federation } from '#tests/engine/federation.ts';
import { http, openSocket } from './ways-in.ts';

let times = 0;

/** Takes turns of so long each (of each tenant, by its letter), on a clock that only work moves. @returns the names in the order of the turns, each with how many rounds of other work came before it */
async function takeTurns(
  names: readonly string[],
  turnMs: number | Record<string, number>,
  otherMs: number,
): Promise<[string, number][]> {
  // Behind what other tests had.
  let now = performance.now() + 3_600_000 * ++times;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
  try {
    const order: [string, number][] = [];
    let rounds = 0;
    const all = Promise.all(
      names.map(async (name) => {
        await nextTurn(name[0]!);
        order.push([name, rounds]);
        rounds = 0;
        now += typeof turnMs === 'number' ? turnMs : turnMs[name[0]!]!;
      }),
    );
    while (order.length < names.length) {
      await setImmediate();
      now += otherMs;
      rounds += 1;
    }
    await all;
    return order;
  } finally {
    clock.mockRestore();
  }
}

test('turns go round between tenants, with other work between any two', async () => {
  const order = await takeTurns(['h0', 'h1', 'h2', 'h3', 'g0', 'g1'], 1, 0);
  expect(order.map(([name]) => name)).toEqual(['h0', 'g0', 'h1', 'g1', 'h2', 'h3']);
  for (const [, rounds] of order.slice(1)) expect(rounds).toBeGreaterThan(0);
});

test('who had least of late goes first, with all that he needs', async () => {
  const order = await takeTurns(['h0', 'h1', 'h2', 'g0', 'g1', 'g2', 'i0'], { h: 8, g: 2, i: 1 }, 0);
  expect(order.map(([name]) => name)).toEqual(['h0', 'g0', 'i0', 'g1', 'g2', 'h1', 'h2']);
});

test('while others have work, they have three times as long as a turn took', async () => {
  const rounds = (await takeTurns(['h0', 'h1', 'h2'], 4, 1)).slice(1).map(([, before]) => before);
  for (const before of rounds) {
    expect(before).toBeGreaterThanOrEqual(12);
    expect(before).toBeLessThan(16);
  }
});

test('of one tenant, what began first goes first, and what comes anew waits behind all that wait', async () => {
  const order: string[] = [];
  const work = async (name: string, began: number): Promise<void> => {
    await nextTurn('t', began);
    order.push(`${name} ${isStretchOver() ? 'over' : 'goes on'}`);
  };
  const all = Promise.all([work('second', 2), work('third', 3), work('first', 1)]);
  expect(isStretchOver()).toBe(true);
  // Not only in the first round.
  await setImmediate();
  while (order.length < 3) {
    expect(isStretchOver()).toBe(true);
    await setImmediate();
  }
  await all;
  expect(order).toEqual(['first goes on', 'second goes on', 'third goes on']);
  expect(isStretchOver()).toBe(false);
});

const FLOOD = 100;
const PER_SOCKET = FLOOD + 5;
let federation: Federation;
let server: Server;
let sockets: WebSocketEndpoint;
let url: string;
/** The names of the fields of what was read, in order. */
const read: string[] = [];

beforeAll(async () => {
  federation = await federate(
    { one: { typeDefs: 'type Query { n: Int }', resolvers: { Query: { n: () => 1 } } } },
    { inThread: true },
  );
  const { bounds } = loadConfig({});
  const log = createLogger({ level: 'error' });
  const engines = new EngineHost<Engine>((error) => log.error({ err: error }));
  await engines.replace(federation.engine, () => Promise.resolve());
  const all = documents(bounds.admission);
  const noted: Documents = {
    ...all,
    admit(text, schema) {
      if (!all.knows(text, schema)) read.push(/\w+(?=: n)/.exec(text)![0]);
      return all.admit(text, schema);
    },
  };
  const admitting: Operations = operations({
    engines,
    documents: noted,
    timeoutMs: 60_000,
    budget: { nodes: 1_000, bytes: 100_000, errors: 10 },
    costLimit: () => 1_000,
    mask: (result) => result,
    mutated: () => undefined,
  });
  // Whoever asks is a tenant by that name.
  const authenticate = (authorization: string | undefined) =>
    Promise.resolve({ ...DEVELOPER, tenantId: authorization ?? 'default' });
  const handler = graphqlOverHttp({
    operations: admitting,
    authenticate,
    body: bodyLimits(bounds.http),
    batchOperations: FLOOD,
    log,
    stopping: new AbortController().signal,
  });
  server = createServer((request, response) => {
    void handler({
      request,
      response,
      path: '/graphql',
      requestId: 'r',
      signal: new AbortController().signal,
    } as never);
  });
  sockets = graphqlOverWebSocket(server, {
    path: '/graphql',
    operations: admitting,
    authenticate,
    guard: { check: () => undefined } as never,
    log,
    message: bodyLimits(bounds.http),
    operationsPerSocket: PER_SOCKET,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await sockets.close();
  await new Promise((resolve) => server.close(resolve));
  await federation[Symbol.asyncDispose]();
});
beforeEach(() => void read.splice(0));

const named = (name: string): { query: string } => ({ query: `{ ${name}: n }` });
const names = (prefix: string): string[] => Array.from({ length: FLOOD }, (_, index) => `${prefix}${index}`);

/** Ways to send many operations at once, which the server finds together. */
const FLOODS: Readonly<Record<string, (operations: { query: string }[]) => Promise<unknown>>> = {
  'on one WebSocket': async (all) => {
    await using socket = await openSocket(url, 'hostile');
    socket.socket.setMaxListeners(0); // Each operation listens.
    return await Promise.all(all.map((each) => socket.ask(each)));
  },
  'in a batch': async (all) =>
    await http(
      url,
      '/graphql',
      'POST',
      { 'content-type': 'application/json', authorization: 'hostile' },
      JSON.stringify(all),
    ),
};

test.each(Object.keys(FLOODS))('what one tenant asks %s delays another by one operation', async (way) => {
  const prefix = way.includes('batch') ? 'b' : 's';
  await using good = await openSocket(url, 'good');
  await good.ask(named(`known${prefix}`));
  const before = read.length;
  const flood = FLOODS[way]!(names(prefix).map(named));
  // When the first of the flood has been read, all of it is there.
  while (read.length === before) await setImmediate();
  const known = good.ask(named(`known${prefix}`)).then(() => read.length);
  const fresh = good.ask(named(`new${prefix}`)).then(() => read.length);
  const others = await http(
    url,
    '/graphql',
    'POST',
    { 'content-type': 'application/json', authorization: 'third' },
    JSON.stringify(named(`third${prefix}`)),
  ).then(() => read.length);
  for (const whenAnswered of [await known, await fresh, others]) expect(whenAnswered).toBeLessThan(FLOOD);
  await flood;
  expect(read.filter((name) => /^[bs]\d/.test(name))).toEqual(names(prefix));
});

test('what is ended while it waits is not read, counts no longer, and its id may be used again', async () => {
  await using hostile = await openSocket(url, 'hostile');
  const { socket } = hostile;
  const told: { id: string; type: string; payload?: unknown }[] = [];
  socket.on('message', (data: Buffer) => told.push(JSON.parse(String(data)) as (typeof told)[number]));
  const say = (id: string, type: string, payload?: object): void => socket.send(JSON.stringify({ id, type, payload }));
  const ask = (id: string, name: string): void => say(id, 'subscribe', named(name));
  const numbers = Array.from({ length: PER_SOCKET }, (_, index) => String(index));
  for (const id of numbers) ask(id, `e${id}`);
  ask('over', 'over');
  for (const id of numbers.slice(50)) say(id, 'complete');
  for (const id of numbers.slice(50)) ask(id, `again${id}`);
  const isAll = (): boolean => told.filter(({ type }) => type !== 'next').length > PER_SOCKET;
  while (!isAll()) await once(socket, 'message');
  expect(read).toEqual([...numbers.slice(0, 50).map((id) => `e${id}`), ...numbers.slice(50).map((id) => `again${id}`)]);
  const of = (id: string): unknown[] =>
    told.filter((each) => each.id === id).map(({ type, payload }) => (payload === undefined ? type : [type, payload]));
  expect(of('over')).toEqual([['error', [expect.objectContaining({ extensions: { code: 'RATE_LIMITED' } })]]]);
  for (const id of numbers.slice(0, 50)) expect(of(id)).toEqual([['next', { data: { [`e${id}`]: 1 } }], 'complete']);
  for (const id of numbers.slice(50)) expect(of(id)).toEqual([['next', { data: { [`again${id}`]: 1 } }], 'complete']);
});
