/**
 * Random interleavings of appends, wake-ups, polls and reads on two processes: every reader sees exactly the table's
 * log.
 */
import { fc } from '#tests/setup/property.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunEvent } from '#subgraphs/runs/driver.ts';
import type { RunStream } from '#subgraphs/runs/streams/run-stream.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { as, drain, finished, hubOn, piece, upTo } from './runs-driver.ts';
import { openPostgresStore } from './runs-postgres-store.ts';
import { manualReplica } from './runs-wake-ups.ts';

let store: Awaited<ReturnType<typeof openPostgresStore>>;
const pools: Postgres[] = [];
beforeAll(async () => {
  store = await openPostgresStore();
  await store.replica(); // Migrates.
  pools.push(...[1, 2].map(() => new Postgres({ url: store.url, poolSize: 4 })));
});
afterAll(async () => {
  for (const postgres of pools) await postgres.close();
  await store?.close();
});

const place = fc.nat({ max: 1 });
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('append' as const), at: place, events: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('follow' as const),
      at: place,
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pull' as const),
      reader: fc.nat(),
      events: fc.integer({ min: 1, max: 12 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('deliver' as const, 'lose' as const, 'poll' as const), at: place }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reconnect' as const), reader: fc.nat(), at: place }) },
);

test('each reader sees exactly the log behind its cursor', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 40 }), fc.boolean(), async (steps, together) => {
      const a = as('tenant-a');
      const replicas = pools.map(manualReplica);
      // Small bounds, so that batches end and tails run out within a few events.
      const hubs = replicas.map((replica) => hubOn(replica, { batch: 4, tail: 6 }));
      const { id } = await replicas[0]!.driver.start(a, {});
      const readers: { stream: RunStream; after: number; seen: RunEvent[]; pulls: Promise<unknown>[] }[] = [];
      let length = 0;
      // A pull past the end of the log waits; it is counted as it comes, and the last drain follows it.
      const pull = (reader: (typeof readers)[number], events: number) => {
        for (let n = 0; n < events; n += 1) {
          reader.pulls.push(
            reader.stream.next().then(({ done, value }) => done === true || reader.seen.push(value as RunEvent)),
          );
        }
      };
      const tell = (at: number, how: 'deliver' | 'lose' | 'poll') =>
        how === 'poll' ? hubs[at]!.poll() : replicas[at]!.wakeUps[how]();
      for (const [index, action] of steps.entries()) {
        if (action.do === 'append') {
          const appending = replicas[action.at]!.driver.append(a, {
            runId: id,
            events: upTo(action.events).map((n) => piece(`${index}/${n}`)),
          });
          length = (await appending).run.lastSequence;
          // Both processes hear of it, when and if they do.
          replicas[1 - action.at]!.wakeUps.held.push(...replicas[action.at]!.wakeUps.held.slice(-1));
        } else if (action.do === 'follow') {
          const after = Math.floor(action.share * length);
          readers.push({ after, seen: [], pulls: [], stream: await hubs[action.at]!.follow(a, id, { after }) });
        } else if (action.do === 'pull' && readers.length > 0) {
          pull(readers[action.reader % readers.length]!, action.events);
        } else if (action.do === 'reconnect' && readers.length > 0) {
          const reader = readers[action.reader % readers.length]!;
          await reader.stream.return();
          await Promise.all(reader.pulls);
          reader.stream = await hubs[action.at]!.follow(a, id, { after: reader.seen.at(-1)?.sequence ?? reader.after });
        } else if (action.do === 'deliver' || action.do === 'lose' || action.do === 'poll') {
          const told = tell(action.at, action.do);
          if (!together) await told;
        }
      }
      await replicas[0]!.driver.append(a, { runId: id, events: [finished] });
      const rests = readers.map(async (reader) => reader.seen.push(...(await drain(reader.stream))));
      for (const hub of hubs) await hub.poll();
      await Promise.all([...readers.flatMap(({ pulls }) => pulls), ...rests]);
      const log = await replicas[0]!.driver.events(a, [{ runId: id, after: 0 }], { limit: 10_000 });
      for (const { after, seen } of readers) expect(seen).toEqual(log.slice(after));
      for (const hub of hubs) expect(hub.size).toEqual({ readers: 0, streams: 0 });
    }),
    { numRuns: 100, timeout: 20_000 },
  );
});
