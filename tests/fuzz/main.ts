/**
 * `npm run test:fuzz [-- --seed 11 --seconds 300 --at-once 6 --only 4711 --write]`: asks a server of its own whatever the
 * schema's grammar and the protocols allow and do not allow, on every transport; what earlier runs found first. Fails
 * where an answer is a fault of the server, a good request beside it is harmed, the event loop's delay at p99.9 is 100
 * ms or more, or the process does not live within 512 MB of heap. `--write` puts the costliest requests into
 * docs/security.md.
 */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { buildSchema } from 'graphql';
import { askBeside } from './beside.ts';
import type { Case } from './case.ts';
import { readCorpus } from './corpus.ts';
import { Candidates, costOf, type Cost } from './costliest.ts';
import { judge } from './judge.ts';
import { makeCase } from './make-case.ts';
import { send } from './send.ts';
import { startTarget, type Target } from './target.ts';

const MOST_DELAY_MS = 100;
/** Less than what the server gives a client's headers (20 s), and a client of WebSockets gives the server's last word (30 s). */
const MOST_STANDSTILL_MS = 15_000;
const HEAP_BYTES = 512 * 2 ** 20;
const SHOWN = 20;
const COSTLIEST = 5;
/** Of the largest, and of the slowest. */
const MEASURED = 8;
const DOCS = new URL('../../docs/security.md', import.meta.url);

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '11' },
    seconds: { type: 'string', default: '300' },
    'at-once': { type: 'string', default: '6' },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const [seed, seconds, atOnce] = [values.seed, values.seconds, values['at-once']].map((text) => {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  console.error(`--seed, --seconds and --at-once take whole numbers, not ${JSON.stringify(text)}.`);
  process.exit(2);
}) as [number, number, number];

const API = new URL('../../gateway/supergraph/api.graphql', import.meta.url);
const schema = buildSchema(await readFile(API, 'utf8'), { noLocation: true });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const faults: string[] = [];
const told = new Map<string, number>();
const candidates = new Candidates(MEASURED);
let asked = 0;

console.log(`seed ${seed}, ${seconds} s, ${atOnce} at once`);
await using target = await startTarget();
if (values.only === undefined) await run();
else
  console.log(JSON.stringify(await one(`case ${values.only}`, makeCase(schema, seed, Number(values.only))), null, 1));
for (const fault of faults.slice(0, SHOWN)) console.error(`\n${fault}`);
if (faults.length > 0) {
  console.error(`\n${faults.length} faults. What the server logged last:\n${target.output.slice(-6_000)}`);
  process.exitCode = 1;
}

async function run(): Promise<void> {
  const ending = new AbortController();
  const beside = askBeside(target.good.url, target.good.token, ending.signal);
  beside.catch((error: unknown) => faults.push(String(error)));
  for (const { name, cases } of await readCorpus()) for (const each of cases) await one(`corpus ${name}`, each);
  console.log(`${asked} requests of earlier runs`);
  const before = await target.probe('reset');
  const own = monitorEventLoopDelay();
  own.enable();
  const until = performance.now() + seconds * 1_000;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < until && !target.hasEnded) {
      const number = next++;
      await one(`case ${number}`, makeCase(schema, seed, number));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  ending.abort();
  const standstillMs = own.max / 1e6;
  own.disable();
  const { answered, failures, times } = await beside;
  if (target.hasEnded) return void faults.push(`The server has ended:\n${target.output.slice(-3_000)}`);
  const after = await target.probe('tell');
  faults.push(...failures.map((failure) => `A good request beside: ${failure}`));
  if (standstillMs > MOST_STANDSTILL_MS)
    faults.push(
      `The fuzzer itself stood still for ${standstillMs.toFixed(0)} ms: what was too slow meanwhile was not the server.`,
    );
  const { delayMs, wallDelayMs, clock, long, peakHeap, peakMemory } = after;
  if (delayMs.p999 >= MOST_DELAY_MS)
    faults.push(
      `The event loop's delay at p99.9 is ${delayMs.p999.toFixed(0)} ms (${clock}); the longest rounds: ${JSON.stringify(long)}`,
    );
  if (peakHeap > HEAP_BYTES) faults.push(`The heap came to ${peakHeap} bytes.`);
  if (after.prototypeGrew > 0) faults.push('Object.prototype has gained properties.');
  const settled = await target.probe('collect').then(() => target.probe('tell'));

  const sorted = [...times].sort((one, other) => one - other);
  const percentile = (part: number): string => sorted[Math.floor(sorted.length * part)]?.toFixed(0) ?? '–';
  const milliseconds = ({ p50, p99, p999, max }: typeof delayMs): string =>
    `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(0)}, p99.9 ${p999.toFixed(0)}, longest ${max.toFixed(0)} ms`;
  console.log(`${asked} requests, ${((after.cpuMs - before.cpuMs) / 1_000).toFixed(0)} s of CPU`);
  console.log(`told: ${[...told].sort(([, one], [, other]) => other - one).map(([code, count]) => `${code} ${count}`).join(', ')}`); // prettier-ignore
  console.log(`event loop's delay (${clock}): ${milliseconds(delayMs)}; by the wall: ${milliseconds(wallDelayMs)}; ${long.length} rounds over 50 ms`); // prettier-ignore
  console.log(`heap: ${megabytes(peakHeap)} at most, ${megabytes(settled.heap)} at the end; the process ${megabytes(peakMemory)} at most`); // prettier-ignore
  console.log(`good requests beside: ${answered} right, ${failures.length} not; p50 ${percentile(0.5)}, p99 ${percentile(0.99)} ms`); // prettier-ignore
  console.log(`the fuzzer itself stood still for ${standstillMs.toFixed(0)} ms at most`);
  const costs = await measure(target);
  console.log(tableOf(costs));
  if (values.write) await writeTable(costs);
}

/** Asks it, and says whether it was a fault. */
async function one(name: string, each: Case): Promise<unknown> {
  const outcome = await send(each, target.hostile);
  asked += 1;
  const { fault, codes } = judge(each, outcome);
  for (const code of codes) told.set(code, (told.get(code) ?? 0) + 1);
  if (fault !== undefined && !target.hasEnded) {
    const text = JSON.stringify(each);
    faults.push(`${name}: ${fault}\n${text.slice(0, 3_000)}\n→ ${outcome.text.slice(0, 1_500)}`);
    if (process.env['FUZZ_KEEP'])
      await writeFile(`${process.env['FUZZ_KEEP']}/${name.replaceAll(' ', '-')}.json`, text);
  }
  candidates.add({ name, asked: each, bytes: outcome.bytes, ms: outcome.ms });
  return { ...outcome, text: outcome.text.slice(0, 3_000), fault };
}

async function measure(of: Target): Promise<Cost[]> {
  const costs: Cost[] = [];
  for (const { name, asked: each } of candidates.best()) costs.push(await costOf(name, each, of));
  return costs.sort((one, other) => other.cpuMs - one.cpuMs).slice(0, COSTLIEST);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;
}

function tableOf(costs: readonly Cost[]): string {
  const row = (cost: Cost): string =>
    [
      `${cost.name}: ${cost.asked.kind === 'operation' ? cost.asked.way : cost.asked.kind}`,
      `${(cost.sentBytes / 1_000).toFixed(1)} kB`,
      megabytes(cost.bytes),
      `${cost.cpuMs.toFixed(0)} ms`,
      `${cost.longestMs.toFixed(0)} ms`,
      megabytes(cost.heapBytes),
      megabytes(cost.memoryBytes),
    ].join(' | ');
  return ['| request | sent | answered | CPU | longest round | heap, at most | process, at most |', '| --- | --- | --- | --- | --- | --- | --- |', ...costs.map((cost) => `| ${row(cost)} |`)].join('\n'); // prettier-ignore
}

async function writeTable(costs: readonly Cost[]): Promise<void> {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const told = `Seed ${seed}, ${seconds} s, ${asked} requests; ${new Date().toISOString().slice(0, 10)}, on ${commit}, Node ${process.versions.node}.`;
  const text = await readFile(DOCS, 'utf8');
  await writeFile(
    DOCS,
    text.replace(
      /(<!-- costliest -->\n)[\s\S]*?(<!-- end of costliest -->)/,
      (_, start: string, end: string) => `${start}\n${told}\n\n${tableOf(costs)}\n\n${end}`,
    ),
  );
}
