/** Asks both sides in turn, round after round, and puts together what came of it. */
import { differencesOf, placesOf, type Differences } from './differences.ts';
import type { Outcome, RecordedOperation, Side } from './side.ts';

/** What an operation took on one side; times in milliseconds. */
export interface Cost {
  /** The first time, planning included. */
  readonly firstMs: number;
  /** The median of the others; of the first where there were none. */
  readonly ms: number;
  readonly cpuMs?: number;
  readonly fetches?: Readonly<Record<string, number>>;
}

export interface Compared extends Differences {
  readonly title: string;
  /** Places that one side answers differently from round to round, so that they say nothing. */
  readonly unstable: readonly string[];
  readonly ours: Cost;
  readonly theirs: Cost;
}

export interface RunOptions {
  readonly rounds: number;
  readonly signal: AbortSignal;
  /** Called after each operation. */
  readonly onCompared?: (compared: Compared) => void;
}

/** Compares all operations, one after the other: what runs beside another would be charged with it. */
export async function compareAll(
  operations: readonly RecordedOperation[],
  sides: readonly [ours: Side, theirs: Side],
  { rounds, signal, onCompared }: RunOptions,
): Promise<Compared[]> {
  const all: Compared[] = [];
  for (const operation of operations) {
    signal.throwIfAborted();
    const outcomes: [Outcome[], Outcome[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      signal.throwIfAborted();
      // In turns who is first, so that neither finds the subgraphs' caches always warm.
      for (const side of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const))
        outcomes[side].push(await sides[side].ask(operation));
    }
    const compared = compareOne(operation.title, outcomes);
    all.push(compared);
    onCompared?.(compared);
  }
  return all;
}

function compareOne(title: string, [ours, theirs]: readonly [readonly Outcome[], readonly Outcome[]]): Compared {
  const unstable = new Set([...unstableOf(ours), ...unstableOf(theirs)]);
  return {
    title,
    ...differencesOf(ours[0]!, theirs[0]!, unstable),
    unstable: [...unstable],
    ours: costOf(ours),
    theirs: costOf(theirs),
  };
}

function unstableOf([first, ...others]: readonly Outcome[]): string[] {
  return others.flatMap((other) =>
    first!.answer === undefined || other.answer === undefined
      ? []
      : placesOf(first!.answer.data, other.answer.data).map(({ path }) => path),
  );
}

function costOf([first, ...others]: readonly Outcome[]): Cost {
  const warm = others.length === 0 ? [first!] : others;
  const cpu = warm.flatMap(({ cpuMs }) => (cpuMs === undefined ? [] : [cpuMs]));
  return {
    firstMs: first!.ms,
    ms: median(warm.map(({ ms }) => ms)),
    ...(cpu.length > 0 && { cpuMs: median(cpu) }),
    ...(first!.fetches !== undefined && { fetches: first!.fetches }),
  };
}

/** @param values at least one */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
