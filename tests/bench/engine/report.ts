/** Tables of what was measured. */
import { cpus } from 'node:os';
import type { QueryName } from './data.ts';
import { usageOf, type Runner, type Sample } from './load.ts';

export interface ReportOptions {
  connections: readonly number[];
  fetches: ReadonlyMap<Runner, ReadonlyMap<QueryName, number>>;
  rounds: number;
  seconds: number;
}

/** Ratios are to this one, over HTTP; those of a contestant that has another checkout's beside it, to that one. */
const BASELINE = '@apollo/gateway under Yoga';

/** Prints under which conditions the tables hold. */
export function reportConditions({ rounds, seconds }: ReportOptions): void {
  console.log(
    `\nNode ${process.version}, ${cpus().length} × ${cpus()[0]!.model}, medians of ${rounds} rounds of ${seconds} s; × is to ${BASELINE} over HTTP in the same round, or to the other checkout's where there is one\n`,
  );
}

/** Prints a query's Markdown table. */
export function reportQuery(
  runners: readonly Runner[],
  query: QueryName,
  { connections, fetches }: ReportOptions,
): void {
  const baseline = runners.find(({ name, mode }) => name === BASELINE && mode === 'over HTTP');
  const many = connections.at(-1)!;
  const columns = connections.flatMap((count) => [`CPU ms, ${count} conn.`, '×', `p50 ms, ${count} conn.`]);
  console.log(`### ${query}\n`);
  console.log(row(['gateway', ...columns, `p99 ms, ${many} conn.`, `requests/s, ${many} conn.`, 'fetches']));
  console.log(row(['---', ...Array<string>(columns.length + 3).fill('---:')]));
  for (const runner of runners) {
    const cells = connections.flatMap((count) => {
      const samples = samplesOf(runner, query, count);
      const ratio =
        runner.before !== undefined
          ? (1 / timesIn(samplesOf(runner.before, query, count), samples)).toFixed(2)
          : baseline === undefined
            ? ''
            : ratioOf(timesIn(samplesOf(baseline, query, count), samples));
      return [cpuOf(samples).toFixed(3), ratio, latency(samples, 0.5)];
    });
    const last = samplesOf(runner, query, many);
    const rps = median(last.map((sample) => sample.rps)).toFixed(0);
    console.log(
      row([
        `${runner.name}, ${runner.mode}`,
        ...cells,
        latency(last, 0.99),
        rps,
        String(fetches.get(runner)?.get(query) ?? ''),
      ]),
    );
  }
  console.log('');
}

/** Prints what each process holds. */
export async function reportMemory(runners: readonly Runner[]): Promise<void> {
  console.log(`### memory\n\n${row(['gateway', 'RSS MB', 'heap MB'])}\n${row(['---', '---:', '---:'])}`);
  for (const runner of runners) {
    const { rssMb, heapMb } = await usageOf(runner);
    console.log(row([`${runner.name}, ${runner.mode}`, rssMb.toFixed(0), heapMb.toFixed(0)]));
  }
}

export const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const samplesOf = (runner: Runner, query: QueryName, connections: number): Sample[] =>
  runner.samples.get(`${query} ${connections}`)!;
const cpuOf = (samples: readonly Sample[]): number => median(samples.map(({ cpuMs }) => cpuMs));

/**
 * How many times the baseline costs what this does: the median of what each round says, since rounds of one number ran
 * side by side.
 */
const timesIn = (baseline: readonly Sample[], samples: readonly Sample[]): number =>
  median(samples.map(({ cpuMs }, round) => baseline[round]!.cpuMs / cpuMs));

/** What part of the baseline it costs, as a fraction with 1 above the line. */
const ratioOf = (times: number): string => (times >= 1 ? `1/${times.toFixed(1)}` : `${(1 / times).toFixed(1)}`);

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

const latency = (samples: readonly Sample[], share: number): string =>
  quantile(
    samples.flatMap(({ latencies }) => latencies),
    share,
  ).toFixed(1);

/** @param share 0.99 for what all but a hundredth of the values are below */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}
