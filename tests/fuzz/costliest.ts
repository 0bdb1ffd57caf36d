/** The costliest requests that were found, each measured again with nothing beside it. */
import type { Case } from './case.ts';
import { send } from './send.ts';
import type { Target } from './target.ts';

/** A case, and what it took among the others. */
export interface Candidate {
  readonly name: string;
  readonly asked: Case;
  readonly bytes: number;
  readonly ms: number;
}

export interface Cost {
  readonly name: string;
  readonly asked: Case;
  readonly sentBytes: number;
  readonly bytes: number;
  readonly ms: number;
  readonly cpuMs: number;
  /** By how much the heap, and the process, grew at most. */
  readonly heapBytes: number;
  readonly memoryBytes: number;
  /** The longest round of the event loop, in processor time of its thread. */
  readonly longestMs: number;
}

/** Keeps what was largest and what took longest. */
export class Candidates {
  readonly #kept: Candidate[] = [];
  readonly #each: number;

  /** @param each how many are kept for either reason */
  constructor(each: number) {
    this.#each = each;
  }

  add(candidate: Candidate): void {
    this.#kept.push(candidate);
    if (this.#kept.length > 20 * this.#each) this.#kept.splice(0, Infinity, ...this.best());
  }

  best(): Candidate[] {
    const by = (of: (candidate: Candidate) => number): Candidate[] =>
      [...this.#kept].sort((one, other) => of(other) - of(one)).slice(0, this.#each);
    return [...new Set([...by(({ bytes }) => bytes), ...by(({ ms }) => ms)])];
  }
}

/** What a case costs alone. */
export async function costOf(name: string, asked: Case, target: Target): Promise<Cost> {
  await target.probe('collect');
  const before = await target.probe('reset');
  const { bytes, ms } = await send(asked, target.hostile);
  const after = await target.probe('tell');
  return {
    name,
    asked,
    sentBytes: JSON.stringify(asked).length,
    bytes,
    ms,
    cpuMs: after.cpuMs - before.cpuMs,
    heapBytes: after.peakHeap - before.heap,
    memoryBytes: after.peakMemory - before.memory,
    longestMs: after.delayMs.max,
  };
}
