/** Rates that replicas share in Redis, and what holds while it is away. */
import { connect, createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RedisRates } from '#subgraphs/shared/redis/rates.ts';
import type { Charge, RateStore } from '#subgraphs/shared/rates/rate-store.ts';
import { openTestRedis, whyNoRedis, type TestRedis } from '#tests/setup/redis.ts';
import { startTestServer } from '#tests/gateway/fixture.ts';

const missing = whyNoRedis();

describe.skipIf(missing !== undefined)(`rates in Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let redis: TestRedis;
  let admin: Redis;
  const open: RateStore[] = [];
  beforeAll(async () => {
    redis = await openTestRedis();
    admin = new Redis(redis.url, { lazyConnect: true });
    admin.on('error', () => undefined); // It is cut on purpose.
  });
  afterAll(async () => {
    for (const store of open) await store.close();
    admin?.disconnect();
    await redis?.close();
  });

  /** Of a run of its own, as an outside server keeps those of others. */
  const run = `${process.pid}-${Date.now()}`;
  const charge = (key: string, weight = 1, count = 5): Charge => ({
    key: `${run} ${key}`,
    rate: { count, windowMs: 86_400_000, burst: count },
    weight,
  });
  function replica(options: { url?: string; whenAway?: 'memory' | 'refuse'; log?: string[] } = {}): RateStore {
    const store = new RedisRates(options.url ?? redis.url, {
      entries: 1_000,
      whenAway: options.whenAway ?? 'memory',
      log: (message) => options.log?.push(message),
      backoffMs: 5,
      maxBackoffMs: 20,
    });
    open.push(store);
    return store;
  }
  const allowed = async (store: RateStore, ...charges: Charge[]): Promise<boolean[]> =>
    (await store.take(charges)).map((decision) => decision.allowed);

  test('two replicas let as much pass together as one alone', async () => {
    const [one, other] = [replica(), replica()];
    const taken = await Promise.all(
      Array.from({ length: 40 }, (_, at) => allowed(at % 2 === 0 ? one : other, charge('shared'))),
    );
    expect(taken.flat().filter((passes) => passes)).toHaveLength(5);
  });

  test('all of several rates are taken of, or none', async () => {
    const store = replica();
    expect(await allowed(store, charge('full', 5))).toEqual([true]);
    expect(await allowed(store, charge('empty', 2), charge('full', 2))).toEqual([true, false]);
    expect(await allowed(store, charge('empty', 5))).toEqual([true]);
    // What is only looked at refuses nothing.
    expect(await allowed(store, charge('full', 0), charge('third', 5))).toEqual([false, true]);
  });

  test('says what is left and when to come again', async () => {
    const store = replica();
    const [first] = await store.take([charge('told', 2)]);
    expect(first).toMatchObject({ allowed: true, remaining: 3, retryAfterMs: 0 });
    const [second] = await store.take([charge('told', 5)]);
    expect(second!.allowed).toBe(false);
    expect(second!.retryAfterMs).toBeGreaterThan(34_000_000);
    expect(second!.retryAfterMs).toBeLessThanOrEqual(34_560_000);
  });

  test('keeps nothing for longer than it matters', async () => {
    await allowed(replica(), charge('kept', 2));
    const ttl = await admin.pttl(`tributary:rate:${run} kept`);
    expect(ttl).toBeGreaterThan(34_000_000);
    expect(ttl).toBeLessThanOrEqual(34_560_000);
  });

  test('who is refused is not asked about again', async () => {
    const store = replica();
    await allowed(store, charge('flood', 5));
    expect(await allowed(store, charge('flood'))).toEqual([false]);
    await admin.del(`tributary:rate:${run} flood`);
    const decision = store.take([charge('flood')]);
    expect(decision).not.toBeInstanceOf(Promise);
    expect((decision as readonly { allowed: boolean }[])[0]!.allowed).toBe(false);
    // Of what stands beside it nothing is said, since it is not asked about; three pass two intervals after one.
    const [of, beside] = await store.take([charge('flood', 3), charge('beside flood')]);
    expect(of!.retryAfterMs).toBeGreaterThan(34_560_000);
    expect(beside).toMatchObject({ allowed: true, remaining: undefined });
    // Another replica asks.
    expect(await allowed(replica(), charge('flood'))).toEqual([true]);
  });

  test.each([
    ['nobody listens there', 'redis://127.0.0.1:1'],
    ['somebody listens who is not Redis', undefined],
  ])('each process counts for itself, or refuses, where %s', async (_, url) => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const log: string[] = [];
    const at = url ?? `redis://127.0.0.1:${port}`;
    const store = replica({ url: at, log });
    const taken = [];
    for (let each = 0; each < 7; each++) taken.push(...(await allowed(store, charge('away'))));
    expect(taken).toEqual([true, true, true, true, true, false, false]);
    expect(log).toEqual(['Redis does not count rates; each process counts for itself until it does.']);
    const refusing = replica({ url: at, whenAway: 'refuse' });
    await expect(async () => await refusing.take([charge('away')])).rejects.toMatchObject({
      extensions: { code: 'STORE_UNAVAILABLE' },
    });
    for (const each of open.splice(0)) await each.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  test('two servers share the limit of a caller, on their answers too', async () => {
    const env = {
      REDIS_URL: redis.url,
      TRUSTED_PROXIES: '127.0.0.1',
      FORWARD_AUTH_USER_HEADER: 'remote-user',
      FORWARD_AUTH_TENANT: 'acme',
      RATE_LIMIT_PRINCIPAL: '3/1d',
      RATE_LIMIT_PRINCIPAL_MUTATIONS: '1/1d',
    };
    await using one = await startTestServer(env);
    await using other = await startTestServer(env);
    const says = { 'remote-user': `alice-${run}`, 'x-forwarded-for': '192.0.2.1' };
    const mutation = { query: 'mutation { addBook(title: "One") { title } }' };
    const answers = [];
    for (const server of [one, other, one, other]) answers.push(await server.post(mutation, says));
    expect(answers.map(({ status }) => status)).toEqual([200, 429, 429, 429]);
    expect(answers.map(({ json }) => json.errors?.[0]?.extensions['limit'] as unknown)).toEqual([
      undefined,
      'principal-mutations',
      'principal-mutations',
      'principal',
    ]);
    expect(answers.map(({ headers }) => /"principal";r=(\d+)/.exec(headers.get('ratelimit')!)?.[1])).toEqual([
      '2',
      '1',
      '0',
      '0',
    ]);
  });

  test('a Redis that is flushed, its scripts too, counts anew', async () => {
    const log: string[] = [];
    const [one, other] = [replica({ log }), replica({ log })];
    expect(await allowed(one, charge('flushed', 5))).toEqual([true]);
    expect(await allowed(other, charge('flushed', 0), charge('beside flushed', 5))).toEqual([false, true]);
    // As far as it is ours: an outside server keeps what others have.
    await admin.del(['flushed', 'beside flushed'].map((key) => `tributary:rate:${run} ${key}`));
    await admin.script('FLUSH');
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, at) => allowed(at % 2 === 0 ? one : other, charge('flushed'))),
    );
    expect(taken.flat().filter((passes) => passes)).toHaveLength(5);
    expect(log).toEqual([]);
  });

  test('what a slow Redis answers too late is taken for no other answer', async () => {
    const { hostname, port } = new URL(redis.url);
    const held: (() => void)[] = [];
    let slow = false;
    const sockets: Socket[] = [];
    const between = createServer((client) => {
      const server = connect(Number(port), hostname);
      for (const socket of [client, server]) sockets.push(socket.on('error', () => undefined));
      client.pipe(server);
      server.on('data', (data: Buffer) => {
        const pass = (): void => void client.write(data);
        if (slow) held.push(pass);
        else pass();
      });
    });
    await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
    const url = new URL(redis.url);
    url.port = String((between.address() as { port: number }).port);
    const log: string[] = [];
    const store = replica({ url: url.href, log });
    expect(await allowed(store, charge('in time'))).toEqual([true]);
    slow = true;
    // Of its own memory, as nobody answers in time; then Redis is left alone for a while.
    for (let each = 0; each < 5; each++) expect(await allowed(store, charge('slow'))).toEqual([true]);
    expect(await allowed(store, charge('slow'))).toEqual([false]);
    expect(log).toEqual(['Redis does not count rates; each process counts for itself until it does.']);
    expect(held.length).toBeGreaterThan(0);
    await allowed(replica(), charge('empty by now', 5));
    slow = false;
    for (const pass of held.splice(0)) pass();
    await expect.poll(async () => (await allowed(store, charge('any', 0)), log), { timeout: 20_000 }).toHaveLength(2);
    const answers = await Promise.all([
      store.take([charge('empty by now', 0)]),
      store.take([charge('new', 2)]),
      store.take([charge('empty by now'), charge('beside')]),
    ]);
    expect(answers.flat().map(({ allowed: passes, remaining }) => [passes, remaining])).toEqual([
      [false, 0],
      [true, 3],
      [false, 0],
      [true, 5],
    ]);
    await store.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => between.close(resolve));
  });

  test.skipIf(process.env['TEST_REDIS_URL'])(
    'a Redis that is killed and comes back counts again',
    async () => {
      const log: string[] = [];
      const store = replica({ log });
      expect(await allowed(store, charge('killed'))).toEqual([true]);
      await redis.stop!();
      expect(await allowed(store, charge('killed', 5))).toEqual([true]);
      await redis.start!();
      await expect
        .poll(
          async () => {
            await allowed(store, charge('again', 0));
            return log;
          },
          { timeout: 20_000 },
        )
        .toEqual([
          'Redis does not count rates; each process counts for itself until it does.',
          'Redis counts rates again.',
        ]);
    },
    30_000,
  );
});
