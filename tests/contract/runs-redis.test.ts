/** Wake-ups by Redis: they carry, they may be lost, and nothing that is read depends on them. */
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { postgresDriver } from '#subgraphs/runs/drivers/postgres/index.ts';
import { REDIS_CHANNEL, RedisWakeUps } from '#subgraphs/runs/drivers/redis/wake-ups.ts';
import type { RunEvent } from '#subgraphs/runs/driver.ts';
import type { StreamHub } from '#subgraphs/runs/streams/stream-hub.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { openTestRedis, whyNoRedis, type TestRedis } from '#tests/setup/redis.ts';
import { as, drain, finished, hubOn, piece, sequences, upTo, type Replica } from './runs-driver.ts';
import { openPostgresStore } from './runs-postgres-store.ts';

const missing = whyNoRedis();

describe.skipIf(missing !== undefined)(
  `wake-ups by Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    const a = as('tenant-a');
    let redis: TestRedis;
    let store: Awaited<ReturnType<typeof openPostgresStore>>;
    let postgres: Postgres;
    let admin: Redis;
    const hubs: StreamHub[] = [];

    beforeAll(async () => {
      redis = await openTestRedis();
      store = await openPostgresStore();
      await store.replica(); // Migrates.
      postgres = new Postgres({ url: store.url, poolSize: 8 });
      admin = new Redis(redis.url, { lazyConnect: true });
      admin.on('error', () => undefined); // It is cut on purpose.
    });
    afterEach(async () => {
      for (const hub of hubs.splice(0)) await hub.close();
    });
    afterAll(async () => {
      admin?.disconnect();
      await postgres?.close();
      await store?.close();
      await redis?.close();
    });

    const replica = (url = redis.url, log?: (message: string) => void): Replica => {
      const wakeUps = new RedisWakeUps(url, { backoffMs: 5, maxBackoffMs: 20, log });
      return { wakeUps, driver: postgresDriver(postgres, wakeUps) };
    };
    const hub = (of: Replica): StreamHub => {
      const made = hubOn(of);
      hubs.push(made);
      return made;
    };
    const newRun = async (of: Replica) => {
      const { id } = await of.driver.start(a, {});
      await of.driver.append(a, { runId: id, events: [piece(0)] });
      return id;
    };
    async function take(stream: AsyncIterator<RunEvent>, count: number): Promise<RunEvent[]> {
      const events: RunEvent[] = [];
      while (events.length < count) events.push((await stream.next()).value as RunEvent);
      return events;
    }

    test('go from who appends to who follows, on any process', async () => {
      const [writer, reader] = [replica(), replica()];
      const id = await newRun(writer);
      hub(writer);
      const followers = await Promise.all([
        hub(reader).follow(a, id, { after: 0 }),
        hub(replica()).follow(a, id, { after: 1 }),
      ]);
      const logs = followers.map(drain);
      for (const n of upTo(20)) await writer.driver.append(a, { runId: id, events: [piece(n)] });
      await writer.driver.append(a, { runId: id, events: [finished] });
      expect((await Promise.all(logs)).map(sequences)).toEqual([upTo(23), upTo(23, 2)]);
      expect(await (writer.wakeUps as RedisWakeUps).health()).toMatchObject({ store: 'redis', state: 'ok' });
    });

    test('missed while the subscription is cut: the gap is looked for', async () => {
      const [writer, reader] = [replica(), replica()];
      hub(writer);
      const id = await newRun(writer);
      const stream = await hub(reader).follow(a, id, { after: 0 });
      expect(sequences(await take(stream, 2))).toEqual([1, 2]);
      for (const round of upTo(5)) {
        const next = take(stream, 1);
        await admin.client('KILL', 'TYPE', 'PUBSUB');
        await writer.driver.append(a, { runId: id, events: [piece(round)] });
        expect(sequences(await next)).toEqual([round + 2]);
      }
    });

    test('what is no wake-up is passed over', async () => {
      const one = replica();
      const id = await newRun(one);
      const stream = await hub(one).follow(a, id, { after: 2 });
      const next = take(stream, 1);
      for (const text of ['', 'x', `tenant-a ${id} 1e9`, `tenant-a ${id} 99999999`, '\0'.repeat(1_000)])
        await admin.publish(REDIS_CHANNEL, text);
      await one.driver.append(a, { runId: id, events: [piece(1)] });
      expect(sequences(await next)).toEqual([3]);
    });

    test('a Redis that is not there costs time and nothing else', async () => {
      const logged: string[] = [];
      const alone = replica('redis://:secret@127.0.0.1:1', (message) => logged.push(message));
      const id = await newRun(alone);
      const away = hub(alone);
      const stream = await away.follow(a, id, { after: 0 });
      expect(sequences(await take(stream, 2))).toEqual([1, 2]);
      const next = take(stream, 1);
      await alone.driver.append(a, { runId: id, events: [piece(1)] });
      await away.poll();
      expect(sequences(await next)).toEqual([3]);
      expect(await (alone.wakeUps as RedisWakeUps).health()).toMatchObject({ state: 'down' });
      expect(logged).toHaveLength(1);
      expect(logged[0]).not.toContain('secret');
    });

    test.skipIf(process.env['TEST_REDIS_URL'] !== undefined)(
      'a Redis that is killed and comes back: nothing is lost meanwhile',
      async () => {
        const [writer, reader] = [replica(), replica()];
        hub(writer);
        const id = await newRun(writer);
        const stream = await hub(reader).follow(a, id, { after: 2 });
        await redis.stop!();
        await writer.driver.append(a, { runId: id, events: [piece(1), piece(2)] });
        const next = take(stream, 3);
        await redis.start!();
        await writer.driver.append(a, { runId: id, events: [finished] });
        expect(sequences(await next)).toEqual([3, 4, 5]);
      },
    );
  },
);
