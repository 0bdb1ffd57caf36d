/**
 * `npm run bench:guards [-- --rounds 9] [--seconds 1] [--connections 1,50] [--queries small]`: what the product's guards
 * cost for a request. Gateways in processes of their own, whose CPU time counts: without any, with each alone, and with
 * all; subgraphs in process, so that a request is as cheap as it can be; in one interleaved run. What cannot be taken out is
 * in all of them: bounds of requests and of their JSON, validation, the budget of an answer, time-outs, masking.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { QUERIES, type QueryName } from './data.ts';
import type { Guard, Guarded, GuardedRole } from './guarded.ts';
import { endAll, forSeconds, load, request, start, type Runner } from './load.ts';
import { median, row } from './report.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '1' },
    connections: { type: 'string', default: '1,50' },
    queries: { type: 'string', default: 'small' },
  },
});
const ROUNDS = Number(options.rounds);
const CONNECTIONS = options.connections.split(',').map(Number);
const WARM_UP = 3_000;

const WHAT: Readonly<Record<Guard, string>> = {
  cost: 'cost before planning',
  request: '`Host`, `Origin`, doubled headers',
  token: 'a signed token (ES256)',
  limits: 'rates and places',
  list: 'a list of operations',
};
const GUARDS = Object.keys(WHAT) as Guard[];

try {
  const runners = [await startWith('none', [])];
  for (const guard of GUARDS) runners.push(await startWith(WHAT[guard], [guard]));
  runners.push(await startWith('all', GUARDS));
  console.log(
    `\nNode ${process.version}, ${cpus().length} × ${cpus()[0]!.model}, medians of ${ROUNDS} rounds of ${options.seconds} s; × is to none in the same round\n`,
  );
  for (const query of options.queries.split(',') as QueryName[]) await measure(runners, query);
} finally {
  endAll();
}
process.exit();

async function startWith(name: string, guards: readonly Guard[]): Promise<Runner> {
  const role: GuardedRole = { guards };
  const { child, message } = await start<Guarded>('./guarded.ts', role);
  const pool = new Pool(`http://127.0.0.1:${message.port}`, { connections: Math.max(...CONNECTIONS) });
  return { name, mode: 'in process', process: child, pool, headers: message.headers, samples: new Map() };
}

async function measure(runners: readonly Runner[], query: QueryName): Promise<void> {
  const expected = await request(runners[0]!, query);
  for (const runner of runners) {
    if ((await request(runner, query)) !== expected) throw new Error(`${runner.name} answers otherwise.`);
    await load(runner, query, Math.max(...CONNECTIONS), (sent) => sent < WARM_UP);
  }
  console.log(`### ${query}: ${QUERIES[query].replaceAll(/\s+/g, ' ').trim()}\n`);
  const columns = CONNECTIONS.flatMap((count) => [`CPU ms, ${count} conn.`, '×']);
  console.log(row(['guards', ...columns]));
  console.log(row(['---', ...columns.map(() => '---:')]));
  const cells = new Map(runners.map((runner) => [runner, [runner.name]]));
  for (const connections of CONNECTIONS) {
    const cpuMs = new Map<Runner, number[]>(runners.map((runner) => [runner, []]));
    for (let round = 0; round < ROUNDS; round++) {
      // Each time another one first: whoever follows a collection or a neighbour's burst is not always the same.
      for (let index = 0; index < runners.length; index++) {
        const runner = runners[(round + index) % runners.length]!;
        const sample = await load(runner, query, connections, forSeconds(Number(options.seconds), WARM_UP / 10));
        cpuMs.get(runner)!.push(sample.cpuMs);
      }
    }
    const none = cpuMs.get(runners[0]!)!;
    for (const runner of runners) {
      const own = cpuMs.get(runner)!;
      const ratio = median(own.map((ms, round) => ms / none[round]!));
      cells.get(runner)!.push(median(own).toFixed(3), runner === runners[0] ? '' : ratio.toFixed(2));
    }
  }
  for (const each of cells.values()) console.log(row(each));
  console.log('');
}
