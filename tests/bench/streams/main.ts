/**
 * `npm run bench:streams [-- --write]`: what appending to runs and delivering their events costs, beside a bare
 * broadcast and graphql-ws over a PubSub that are measured in the same run. `--write` puts the figures into
 * docs/reliability.md. Linux.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createClient as createSseClient } from 'graphql-sse';
import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { startBaseline, startTributary, type MeasuredServer } from './servers.ts';
import { FOLLOW, subscribe } from './subscribers.ts';

const { values } = parseArgs({
  options: { write: { type: 'boolean', default: false }, subscribers: { type: 'string', default: '10000' } },
});
/** A process may have some 20,000 files open, and each subscriber is one on both sides. */
const MANY = Number(values.subscribers);
const FEW = 1_000;
const DOCS = new URL('../../../docs/reliability.md', import.meta.url);
/** So that a message is of some 300 bytes. */
const PAD = 150;
const START = 'mutation { startRun(input: {}) { run { id } } }';
const APPEND = 'mutation($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { run { lastSequence } } }';

async function ask(
  url: string,
  query: string,
  variables: object = {},
): Promise<Record<string, { run: { id: string } }>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as {
    data: Record<string, { run: { id: string } }>;
    errors?: { message: string }[];
  };
  if (errors?.[0] !== undefined) throw new Error(errors[0].message);
  return data;
}
const newRun = async (url: string): Promise<string> => (await ask(url, START))['startRun']!.run.id;
const events = (from: number, count: number, type = 'CUSTOM') =>
  Array.from({ length: count }, (_, index) => ({ type, payload: { name: 'x'.repeat(PAD), value: from + index } }));
const append = (url: string, runId: string, given: object[]) => ask(url, APPEND, { input: { runId, events: given } });

/** Events a second while `writers` append to a run each for some seconds, `size` events at a time. */
async function appendRate({ url }: MeasuredServer, writers: number, size: number): Promise<number> {
  const began = performance.now();
  const until = began + 5_000;
  const counts = await Promise.all(
    Array.from({ length: writers }, async () => {
      let runId = await newRun(url);
      let count = 0;
      while (performance.now() < until) {
        // A run holds 100,000 events.
        if (count % 50_000 >= 50_000 - size) runId = await newRun(url);
        await append(url, runId, events(count, size));
        count += size;
      }
      return count;
    }),
  );
  return (counts.reduce((sum, count) => sum + count, 0) * 1_000) / (performance.now() - began);
}

/** Milliseconds from sending an append of one event to a subscriber's having it, over all subscribers. */
async function latency(
  { url }: MeasuredServer,
  subscribers: number,
): Promise<{ p50: number; p99: number; max: number }> {
  const runId = await newRun(url);
  const sent: number[] = [];
  const took: number[] = [];
  await using followers = await subscribe(url, runId, subscribers, (mark) => {
    if (mark >= WARM) took.push(performance.now() - sent[mark]!);
  });
  const WARM = 10;
  const total = WARM + (subscribers > FEW ? 40 : 100);
  for (let mark = 0; mark < total; mark++) {
    sent[mark] = performance.now();
    await append(url, runId, events(mark, 1));
    // RUN_STARTED came with the first. The next is sent when all have this one: waiting in a queue is not delivery.
    await followers.until((mark + 2) * subscribers);
    await delay(5);
  }
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.min(took.length - 1, Math.floor(took.length * share))]!;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

interface Cost {
  microseconds: number;
  bytes: number;
}

/** Server CPU for each delivered message, while `publish` makes events for so many subscribers. */
async function cost(
  server: MeasuredServer,
  { runId, subscribers, rounds, perRound }: { runId: string; subscribers: number; rounds: number; perRound: number },
  publish: (from: number, count: number) => Promise<unknown>,
): Promise<Cost> {
  await using followers = await subscribe(server.url, runId, subscribers);
  let made = 0;
  const round = async (): Promise<void> => {
    const before = followers.received;
    await publish(made, perRound);
    made += perRound;
    await followers.until(before + perRound * subscribers);
  };
  await round(); // Warms up, and takes RUN_STARTED with it.
  await delay(500);
  const [cpu, received] = [await server.cpuMs(), followers.received];
  for (let done = 0; done < rounds; done++) await round();
  await delay(200);
  return {
    microseconds: (((await server.cpuMs()) - cpu) * 1_000) / (followers.received - received),
    bytes: followers.messageBytes,
  };
}

/** Server CPU for an append of one event that nobody follows, in milliseconds. */
async function appendCost(server: MeasuredServer): Promise<number> {
  const runId = await newRun(server.url);
  const count = 300;
  for (let mark = 0; mark < count; mark++) await append(server.url, runId, events(mark, 1));
  const before = await server.cpuMs();
  for (let mark = 0; mark < count; mark++) await append(server.url, runId, events(mark, 1));
  return ((await server.cpuMs()) - before) / count;
}

/**
 * Resident bytes for each subscriber that only waits, in a process of its own: one that was larger before would show
 * nothing.
 */
async function memory(databaseUrl: string): Promise<number> {
  await using server = await startTributary(databaseUrl, join(folder, 'fresh'));
  const runId = await newRun(server.url);
  await append(server.url, runId, events(0, 1));
  // A first crowd, so that code and pools that are there for any crowd are not counted.
  await (await subscribe(server.url, runId, 100))[Symbol.asyncDispose]();
  await delay(2_000);
  const before = await server.residentBytes();
  await using followers = await subscribe(server.url, runId, MANY);
  await followers.until(2 * MANY);
  await delay(3_000);
  return ((await server.residentBytes()) - before) / MANY;
}

/** Milliseconds until a client that comes to a finished run of 10,000 events has them all. */
async function replay({ url }: MeasuredServer): Promise<{ socket: number; sse: number; agUi: number }> {
  const runId = await newRun(url);
  for (let from = 0; from < 10_000; from += 500) await append(url, runId, events(from, 500));
  await append(url, runId, [{ type: 'RUN_FINISHED', payload: {} }]);
  const timed = async (read: () => Promise<void>): Promise<number> => {
    await read();
    const began = performance.now();
    await read();
    return performance.now() - began;
  };
  const socket = await timed(async () => {
    await using follower = await subscribe(url, runId, 1);
    await follower.until(10_002);
  });
  const sse = await timed(async () => {
    const client = createSseClient({ url: `${url}/graphql`, retryAttempts: 0 });
    let count = 0;
    for await (const _ of client.iterate({ query: FOLLOW, variables: { runId, after: '0' } })) count += 1;
    client.dispose();
    if (count !== 10_002) throw new Error(`${count} events came.`);
  });
  const agUi = await timed(async () => {
    const text = await (
      await fetch(`${url}/runs/${runId}/events`, { headers: { accept: 'text/event-stream' } })
    ).text();
    if (text.split('\nid: ').length !== 10_003) throw new Error('Not all events came.');
  });
  return { socket, sse, agUi };
}

const folder = await mkdtemp(join(tmpdir(), 'tributary-bench-'));
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
const rows: [string, string][] = [];
const say = (what: string, value: string): void => {
  rows.push([what, value]);
  console.error(`${what}: ${value}`);
};
const number = (value: number, digits = 0): string =>
  value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });
try {
  await using server = await startTributary(postgres.url, join(folder, 'data'));
  await appendRate(server, 4, 1); // Warms up.
  for (const [writers, size] of [
    [1, 1],
    [8, 1],
    [1, 100],
    [4, 100],
  ] as const) {
    say(
      `appended, ${writers} ${writers === 1 ? 'writer' : 'writers'}, ${size === 1 ? 'single events' : `batches of ${size}`}`,
      `${number(await appendRate(server, writers, size))} events a second`,
    );
  }
  for (const subscribers of [...new Set([1, 100, FEW, MANY])]) {
    const { p50, p99, max } = await latency(server, subscribers);
    say(
      `append to delivery, ${number(subscribers)} ${subscribers === 1 ? 'subscriber' : 'subscribers'}`,
      `p50 ${number(p50, 1)} ms, p99 ${number(p99, 1)} ms, longest ${number(max, 1)} ms`,
    );
  }
  const appending = await appendCost(server);
  say('server CPU for an append of one event that nobody follows', `${number(appending, 2)} ms`);
  for (const subscribers of [...new Set([FEW, MANY])]) {
    const size =
      subscribers > FEW ? { subscribers, rounds: 3, perRound: 10 } : { subscribers, rounds: 10, perRound: 50 };
    const byBaseline: Record<string, Cost> = {};
    for (const kind of ['broadcast', 'pubsub'] as const) {
      await using baseline = await startBaseline(kind);
      const publish = (from: number, count: number) =>
        fetch(`${baseline.url}/publish?from=${from}&count=${count}&bytes=${PAD}`, { method: 'POST' }).then((response) =>
          response.text(),
        );
      byBaseline[kind] = await cost(baseline, { runId: 'run', ...size }, publish);
    }
    const batchRun = await newRun(server.url);
    const inBatches = await cost(server, { runId: batchRun, ...size }, (from, count) =>
      append(server.url, batchRun, events(from, count)),
    );
    const singleRun = await newRun(server.url);
    const single = await cost(server, { runId: singleRun, ...size }, async (from, count) => {
      for (let mark = from; mark < from + count; mark++) await append(server.url, singleRun, events(mark, 1));
    });
    const { broadcast, pubsub } = byBaseline as { broadcast: Cost; pubsub: Cost };
    const times = (microseconds: number): string =>
      `${number(microseconds, 1)} µs (${number(microseconds / broadcast.microseconds, 2)} × the broadcast)`;
    say(
      `server CPU for a delivered message of ${inBatches.bytes} bytes to ${number(subscribers)} subscribers: bare \`ws\` broadcast`,
      `${number(broadcast.microseconds, 1)} µs`,
    );
    say("… graphql-ws over Yoga's PubSub", times(pubsub.microseconds));
    say(`… Tributary, appended in batches of ${size.perRound}, the appending included`, times(inBatches.microseconds));
    say('… Tributary, appended one by one, the appending included', times(single.microseconds));
    say(
      "… Tributary, appended one by one, less the appends' own",
      times(single.microseconds - (appending * 1_000) / subscribers),
    );
  }
  say('memory for an idle subscriber', `${number((await memory(postgres.url)) / 1_024, 1)} KiB`);
  const { socket, sse, agUi } = await replay(server);
  say(
    'replay of a run of 10,000 events',
    `WebSocket ${number(socket)} ms, SSE (graphql-sse) ${number(sse)} ms, SSE (AG-UI) ${number(agUi)} ms`,
  );
} finally {
  await postgres.close();
  await rm(folder, { recursive: true, force: true });
}

const figures = `Measured ${new Date().toISOString().slice(0, 10)} with Node ${process.versions.node} on ${cpus().length} cores (${cpus()[0]?.model.trim() || process.arch}); server, PostgreSQL (with fsync) and all clients on that one machine.

| | |
| --- | --- |
${rows.map(([what, value]) => `| ${what} | ${value} |`).join('\n')}
`;
console.log(figures);
if (values.write) {
  const text = await readFile(DOCS, 'utf8');
  await writeFile(
    DOCS,
    text.replace(
      /(<!-- costs -->\n)[\s\S]*?(<!-- end of costs -->)/,
      (_, start: string, end: string) => `${start}${figures}${end}`,
    ),
  );
}
