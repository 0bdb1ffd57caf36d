/**
 * `npm run test:streams [-- --runs 200 --events 500 --writers 8 --gateways 3 --rounds 3 --without redis,toxiproxy
 * --write]`: the full fault suite. Fails unless every count of faults is 0. Redis and Toxiproxy are had as `npm run
 * test:stores` has them; what cannot be had fails the suite, unless it is done without. `--write` puts its figures into
 * docs/reliability.md.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { redisProgram } from '#tests/stores/provision/redis.ts';
import { toxiproxy as toxiproxyStore } from '#tests/stores/provision/toxiproxy.ts';
import { openWorkplace } from '#tests/stores/provision/workplace.ts';
import { runSuite, type Fault, type SuiteReport } from './suite.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    events: { type: 'string', default: '500' },
    writers: { type: 'string', default: '8' },
    gateways: { type: 'string', default: '3' },
    without: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    write: { type: 'boolean', default: false },
  },
});
const DOCS = new URL('../../../docs/reliability.md', import.meta.url);

const kill: Fault = 'a gateway killed with SIGKILL and started again';
const cut: Fault = 'all connections of clients to a gateway cut';
const deaf: Fault = 'listeners ended, so that notifications are lost';
const store: Fault = 'all connections of gateways to PostgreSQL cut';
const reload: Fault = 'the supergraph changed and reloaded';
const without = values.without.split(',').filter(Boolean);
const [useRedis, useToxiproxy] = [!without.includes('redis'), !without.includes('toxiproxy')];
const round: Fault[] = [
  cut, kill, deaf, kill, store, cut, reload, kill, 'PostgreSQL restarted', deaf, kill, cut, 'PostgreSQL killed with SIGKILL and started again',
  ...(useToxiproxy ? (['PostgreSQL refuses connections for 2 s (Toxiproxy)', 'answers of PostgreSQL cut in their middle for 2 s (Toxiproxy)', 'PostgreSQL slower by 0.1 to 0.5 s for 3 s (Toxiproxy)'] as const) : []),
  ...(useRedis ? (['Redis killed with SIGKILL, started again after 1 s'] as const) : []),
  ...(useRedis && useToxiproxy ? (['Redis refuses connections for 2 s (Toxiproxy)'] as const) : []),
  ...(useRedis ? (['Redis killed with SIGKILL, started again after 1 s'] as const) : []),
]; // prettier-ignore

const [runs, events, writers, gateways] = [values.runs, values.events, values.writers, values.gateways].map(Number) as [
  number,
  number,
  number,
  number,
];
// What it has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
const workplace = await openWorkplace((line) => console.error(line));
const redis = useRedis ? await redisProgram(workplace) : undefined;
const toxiproxy = useToxiproxy ? await toxiproxyStore.start(workplace) : undefined;
const report = await runSuite({
  runs, events, writers, gateways,
  batch: 10,
  faults: Array.from({ length: Number(values.rounds) }, () => round).flat(),
  deadlineMs: 3_600_000,
  topology: { redis, toxiproxy: toxiproxy?.env['TEST_TOXIPROXY_URL'] },
  log: (line) => console.error(line),
}).finally(async () => {
  await toxiproxy?.close();
  await workplace.close();
}); // prettier-ignore

const number = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 0 });
const listed = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${number(count)} × ${name}`)
    .join(', ');

function figures({ readers, writing, faults, ...report }: SuiteReport): string {
  return `Measured ${new Date().toISOString().slice(0, 10)} with Node ${process.versions.node} on ${cpus().length} cores (${cpus()[0]?.model.trim() || process.arch}), all processes on that one machine.

| | |
| --- | --- |
| between gateways and PostgreSQL; wake-ups over | ${useToxiproxy ? 'Toxiproxy' : 'a wire'}; ${useRedis ? 'Redis' : "PostgreSQL's NOTIFY"} |
| runs × events | ${number(runs)} × ${number(events)}, RUN_STARTED and RUN_FINISHED of each, and a message that is left open in every third |
| events in the table | ${number(report.stored)} |
| events given to readers | ${number(report.delivered)} |
| **lost** | **${number(report.lost)}** |
| **duplicated** | **${number(report.duplicated)}** |
| **out of order** | **${number(report.outOfOrder)}** |
| **given but not in the table** | **${number(report.invented)}** |
| **runs whose log is not exactly what was written** | **${number(report.wrongLogs)}** |
| **readers with other than 1 terminal event of a run** | **${number(report.wrongEndings)}** |
| **runs that AG-UI's own client does not read to their end** | **${number(report.refusedByAgUi)}** |
| writing took | ${number(report.writingSeconds)} s with ${writers} writers: ${number(writing.appends)} appends, ${number(writing.retries)} of them sent again |
| everything took | ${number(report.seconds)} s |

| fault | times |
| --- | --- |
${Object.entries(faults)
  .map(([fault, times]) => `| ${fault} | ${times} |`)
  .join('\n')}

| readers | number | events | resumed |
| --- | --- | --- | --- |
${readers.map(({ way, readers: count, events: given, resumes }) => `| ${way} | ${number(count)} | ${number(given)} | ${number(resumes)} |`).join('\n')}
`;
}

console.log(figures(report));
for (const { way, reasons } of report.readers) console.log(`${way} resumed after: ${listed(reasons)}`);
console.log(`writers sent again after: ${listed(report.writing.reasons)}`);
if (values.write) {
  const text = await readFile(DOCS, 'utf8');
  await writeFile(
    DOCS,
    text.replace(
      /(<!-- figures -->\n)[\s\S]*?(<!-- end of figures -->)/,
      (_, start: string, end: string) => `${start}${figures(report)}${end}`,
    ),
  );
}
const { lost, duplicated, outOfOrder, invented, wrongLogs, wrongEndings, refusedByAgUi } = report;
if (lost + duplicated + outOfOrder + invented + wrongLogs + wrongEndings + refusedByAgUi > 0) {
  console.error(report.examples.join('\n'));
  process.exitCode = 1;
}
