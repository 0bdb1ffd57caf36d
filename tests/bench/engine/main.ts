/**
 * `npm run bench:engine`: the engine and its peers on the four-subgraph benchmark, in one interleaved run. Every gateway has a process of
 * its own, whose CPU time is what counts; its answers are compared with those of the plain schema first.
 *
 *     npm run bench:engine -- [--rounds 5] [--seconds 1] [--connections 50]
 *
 * Hive Gateway takes part once `npm install` has run in `peers/`.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { Pool } from 'undici';
import { serverCpuMs } from '../process-cpu.ts';
import { CONTESTANTS } from './contestants.ts';
import { QUERIES, type QueryName } from './data.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    connections: { type: 'string', default: '50' },
    only: { type: 'string' },
  },
});
const ROUNDS = Number(options.rounds);
const SECONDS = Number(options.seconds);
const CONNECTIONS = Number(options.connections);
const BASELINE = '@apollo/gateway under Yoga';

interface Runner {
  name: string;
  mode: 'over HTTP' | 'in process';
  process: ChildProcess;
  url: string;
  pool: Pool;
  samples: Map<QueryName, Sample[]>;
}
interface Sample {
  cpuMs: number;
  rps: number;
  latencies: number[];
}

const children: ChildProcess[] = [];
function start<Message>(file: string, role?: unknown): Promise<{ child: ChildProcess; message: Message }> {
  const child = fork(new URL(file, import.meta.url), { execArgv: ['--import', 'tsx'], env: { ...process.env, NODE_ENV: 'production' } });
  children.push(child);
  if (role !== undefined) child.send(role as object);
  return new Promise((resolve, reject) => {
    child.once('message', (message: Message) => resolve({ child, message }));
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)));
  });
}

try {
  const { message: { ports } } = await start<{ ports: Record<string, number> }>('./subgraph-servers.ts');
  const runners: Runner[] = [];
  for (const mode of ['over HTTP', 'in process'] as const) {
    for (const name of Object.keys(CONTESTANTS)) {
      if (mode === 'in process' && name === 'Hive Gateway') continue;
      if (mode === 'over HTTP' && name.startsWith('one ')) continue;
      if (options.only !== undefined && !name.includes(options.only)) continue;
      const { child, message } = await start<{ port?: number; failed?: string }>('./contestant.ts', { name, ports: mode === 'over HTTP' ? ports : undefined });
      if (message.port === undefined) {
        console.log(`${name} takes no part ${mode}: ${message.failed}`);
        continue;
      }
      const url = `http://127.0.0.1:${message.port}`;
      runners.push({ name, mode, process: child, url, pool: new Pool(url, { connections: CONNECTIONS }), samples: new Map() });
    }
  }
  await compareAnswers(runners);
  for (const query of Object.keys(QUERIES) as QueryName[]) {
    for (const runner of runners) await load(runner, query, 1); // Warm-up.
    for (let round = 0; round < ROUNDS; round++) {
      for (const runner of runners) {
        const samples = runner.samples.get(query) ?? [];
        samples.push(await load(runner, query, SECONDS));
        runner.samples.set(query, samples);
      }
    }
  }
  await report(runners);
} finally {
  for (const child of children) child.kill();
}
process.exit();

async function ask({ pool }: Runner, query: QueryName): Promise<string> {
  const { body, statusCode } = await pool.request({
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query: QUERIES[query] }),
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`${statusCode}: ${text.slice(0, 500)}`);
  return text;
}

async function compareAnswers(runners: readonly Runner[]): Promise<void> {
  const reference = runners.find(({ name }) => name.startsWith('one ')) ?? runners[0]!;
  for (const query of Object.keys(QUERIES) as QueryName[]) {
    const expected = await ask(reference, query);
    for (const runner of runners) {
      const answer = await ask(runner, query);
      if (!isDeepStrictEqual(JSON.parse(answer), JSON.parse(expected))) throw new Error(`${runner.name} ${runner.mode} answers ${query} otherwise: ${answer.slice(0, 500)}`);
    }
    console.log(`${query}: ${expected.length} bytes, equal everywhere`);
  }
}

async function load(runner: Runner, query: QueryName, seconds: number): Promise<Sample> {
  const latencies: number[] = [];
  const cpuBefore = await serverCpuMs(runner.process.pid!);
  const start = performance.now();
  const until = start + seconds * 1_000;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (performance.now() < until) {
        const asked = performance.now();
        await ask(runner, query);
        latencies.push(performance.now() - asked);
      }
    }),
  );
  const wall = performance.now() - start;
  const cpuMs = ((await serverCpuMs(runner.process.pid!)) - cpuBefore) / latencies.length;
  return { cpuMs, rps: (latencies.length * 1_000) / wall, latencies };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

async function memoryMb({ process: { pid } }: Runner): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(status) ?? [];
  return kilobytes === undefined ? '' : (Number(kilobytes) / 1024).toFixed(0);
}

async function report(runners: readonly Runner[]): Promise<void> {
  console.log(`\nNode ${process.version}, ${cpus().length} × ${cpus()[0]!.model}, ${CONNECTIONS} connections, medians of ${ROUNDS} rounds of ${SECONDS} s\n`);
  for (const query of Object.keys(QUERIES) as QueryName[]) {
    console.log(`### ${query}\n\n| gateway | CPU ms a request | × ${BASELINE} | requests/s | p50 ms | p99 ms | RSS MB |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |`);
    for (const runner of runners) {
      const samples = runner.samples.get(query)!;
      const baseline = runners.find(({ name, mode }) => name === BASELINE && mode === runner.mode);
      const cpu = median(samples.map(({ cpuMs }) => cpuMs));
      const base = baseline && median(baseline.samples.get(query)!.map(({ cpuMs }) => cpuMs));
      const latencies = samples.flatMap((sample) => sample.latencies).sort((a, b) => a - b);
      const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]!.toFixed(1);
      const ratio = base === undefined ? '' : (cpu / base).toFixed(2);
      console.log(`| ${runner.name}, ${runner.mode} | ${cpu.toFixed(3)} | ${ratio} | ${median(samples.map(({ rps }) => rps)).toFixed(0)} | ${at(0.5)} | ${at(0.99)} | ${await memoryMb(runner)} |`);
    }
    console.log('');
  }
}
