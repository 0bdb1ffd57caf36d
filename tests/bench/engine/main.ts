/**
 * `npm run bench:engine`: the engine and its peers on the four-subgraph benchmark, in one interleaved run. Every
 * gateway has a process of its own, whose CPU time is what counts; its answers are compared with those of the plain
 * schema first.
 *
 * npm run bench:engine -- [--rounds 5] [--seconds 1] [--connections 1,50] [--only tributary] [--queries large,small]
 *     npm run bench:engine -- --memory 200000     # what is left in memory behind so many requests
 *     npm run bench:engine -- --attack 100        # how long operations take beside so many that hang the planner
 *     npm run bench:engine -- --outage 1000       # what a failed fetch for so many entities costs
 *     npm run bench:engine -- --beside ../before  # the contestants of another checkout too, for before and after
 *
 * Hive Gateway and graphql-jit take part once `npm install --ignore-scripts` has run in `peers/`.
 */
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Pool } from 'undici';
import { attack } from './attack.ts';
import { CONTESTANTS, takesPart, type Mode } from './contestants.ts';
import { QUERIES, type QueryName } from './data.ts';
import { ask, endAll, forSeconds, load, request, start, usageOf, type Runner } from './load.ts';
import { outage } from './outage.ts';
import { reportConditions, reportMemory, reportQuery } from './report.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    connections: { type: 'string', default: '1,50' },
    only: { type: 'string' },
    queries: { type: 'string', default: Object.keys(QUERIES).join() },
    memory: { type: 'string' },
    attack: { type: 'string' },
    outage: { type: 'string' },
    beside: { type: 'string' },
  },
});
const ROUNDS = Number(options.rounds);
const SECONDS = Number(options.seconds);
const CONNECTIONS = options.connections.split(',').map(Number);
const ASKED = options.queries.split(',') as QueryName[];

/** Requests before any is counted. A round has at least a fifth of them. */
const WARM_UP: Readonly<Record<QueryName, number>> = { large: 100, distinct: 100, small: 600, 'one field': 1_000 };

try {
  if (options.attack !== undefined) await attack({ hostile: Number(options.attack), rounds: ROUNDS, seconds: SECONDS });
  else if (options.outage !== undefined) await outage(Number(options.outage), ROUNDS);
  else await compareGateways();
} finally {
  endAll();
}
process.exit();

async function compareGateways(): Promise<void> {
  const {
    child: subgraphs,
    message: { ports },
  } = await start<{ ports: Record<string, number> }>('./subgraph-servers.ts');
  if (options.memory !== undefined) await memory(Number(options.memory), ports);
  else {
    const runners = await startAll(ports);
    await compareAnswers(runners);
    const fetches = await countFetches(runners, () => ask<{ asked: number }>(subgraphs, 'asked'));
    const how = { connections: CONNECTIONS, fetches, rounds: ROUNDS, seconds: SECONDS };
    reportConditions(how);
    for (const query of ASKED) {
      // By number, not by time: on a busy machine little happens in a second, and code that has run little is not
      // compiled yet.
      for (const runner of runners) await load(runner, query, CONNECTIONS.at(-1)!, (sent) => sent < WARM_UP[query]);
      for (const connections of CONNECTIONS) await measure(runners, query, connections);
      reportQuery(runners, query, how);
    }
    await reportMemory(runners);
  }
}

async function startAll(ports: Record<string, number>): Promise<Runner[]> {
  const runners: Runner[] = [];
  for (const mode of ['over HTTP', 'in process'] as const) {
    for (const name of Object.keys(CONTESTANTS)) {
      if (!takesPart(name, mode) || (options.only !== undefined && !name.includes(options.only))) continue;
      let before: Runner | undefined;
      if (options.beside !== undefined) {
        before = await startOne(name, mode, ports, { folder: options.beside });
        if (before !== undefined) runners.push(before);
      }
      const runner = await startOne(name, mode, ports);
      if (runner !== undefined) runners.push({ ...runner, before });
    }
  }
  return runners;
}

async function startOne(
  name: string,
  mode: Mode,
  ports: Record<string, number>,
  { flags, folder }: { flags?: readonly string[]; folder?: string } = {},
): Promise<Runner | undefined> {
  const here = 'tests/bench/engine/contestant.ts';
  const { child, message } = await start<{ port?: number; failed?: string }>(
    folder === undefined ? './contestant.ts' : pathToFileURL(resolve(folder, here)).href,
    { name, ports: mode === 'over HTTP' ? ports : undefined },
    flags,
  );
  if (message.port === undefined) {
    console.log(`${name} takes no part ${mode}: ${message.failed}`);
    return undefined;
  }
  const pool = new Pool(`http://127.0.0.1:${message.port}`, { connections: Math.max(...CONNECTIONS) });
  return { name: folder === undefined ? name : `${name} of ${folder}`, mode, process: child, pool, samples: new Map() };
}

async function compareAnswers(runners: readonly Runner[]): Promise<void> {
  const reference = runners.find(({ name }) => name.startsWith('one ')) ?? runners[0]!;
  for (const query of ASKED) {
    const expected = await request(reference, query);
    for (const runner of runners) {
      const answer = await request(runner, query);
      if (!isDeepStrictEqual(JSON.parse(answer), JSON.parse(expected)))
        throw new Error(`${runner.name} ${runner.mode} answers ${query} otherwise: ${answer.slice(0, 500)}`);
    }
    console.log(`${query}: ${expected.length} bytes, equal everywhere`);
  }
}

/** Requests to subgraphs for one request, by runner and query. */
async function countFetches(
  runners: readonly Runner[],
  count: () => Promise<{ asked: number }>,
): Promise<Map<Runner, Map<QueryName, number>>> {
  const fetches = new Map<Runner, Map<QueryName, number>>();
  for (const runner of runners.filter(({ mode }) => mode === 'over HTTP')) {
    const byQuery = new Map<QueryName, number>();
    for (const query of ASKED) {
      const { asked } = await count();
      await request(runner, query);
      byQuery.set(query, (await count()).asked - asked);
    }
    fetches.set(runner, byQuery);
  }
  return fetches;
}

async function measure(runners: readonly Runner[], query: QueryName, connections: number): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    for (const runner of runners) {
      const key = `${query} ${connections}`;
      const samples = runner.samples.get(key) ?? [];
      samples.push(await load(runner, query, connections, forSeconds(SECONDS, WARM_UP[query] / 5)));
      runner.samples.set(key, samples);
    }
  }
}

/** Whether what stays in memory grows with the number of requests. */
async function memory(requests: number, ports: Record<string, number>): Promise<void> {
  const steps = 5;
  for (const mode of ['over HTTP', 'in process'] as const) {
    const runner = (await startOne('tributary', mode, ports, { flags: ['--expose-gc'] }))!;
    await load(runner, 'small', 50, (sent) => sent < 5_000);
    console.log(
      `\ntributary, ${mode}, the query *small*\n\n| requests | heap after a collection, MB | RSS, MB |\n| ---: | ---: | ---: |`,
    );
    for (let step = 0; step <= steps; step++) {
      const { heapMb, rssMb } = await usageOf(runner);
      console.log(`| ${((requests / steps) * step).toFixed(0)} | ${heapMb.toFixed(1)} | ${rssMb.toFixed(0)} |`);
      if (step < steps) await load(runner, 'small', 50, (sent) => sent < requests / steps);
    }
    runner.process.kill();
  }
}
