/** Steps of working conditions out: what is told of them, what they are asked within, and how they end. */
import type { Asking, FilterValue } from './asking.ts';

/** What one condition came to, for `extensions.trace`. Times are in milliseconds. */
export interface ConditionTrace {
  /** Such as `DocumentFilter.entities.some`; of a list that is walked, the filter alone. */
  condition: string;
  way: 'push' | 'candidates' | 'walk';
  /** What matches there, and what meets the list's own conditions, as they were counted; absent where nobody counted. */
  estimated?: { matching: number | null; candidates: number | null };
  /** Objects that were read, and keys that they came to. */
  read: number;
  keys: number;
  /** Why the way was changed in the middle. */
  changed?: string;
  /** The bound before which it ended, where the client takes what was found by then. */
  approximate?: string;
  startMs: number;
  durationMs: number;
}

/** A condition could not be looked at. */
export class ConditionFailed extends Error {
  readonly condition: string;

  constructor(condition: string, cause: unknown) {
    super(`The condition ${condition} could not be looked at.`, { cause });
    this.name = 'ConditionFailed';
    this.condition = condition;
  }
}

/** To walk the list reads less than to work out its condition, or may. */
export class WalkInstead extends Error {
  /** Objects that working it out would read; Infinity where that cannot be done, undefined where nobody has counted yet. */
  readonly otherwise: number | undefined;
  /** Counts them, where nobody has. */
  readonly count: () => Promise<number>;

  constructor(otherwise: number | undefined, count: () => Promise<number> = () => Promise.resolve(Infinity)) {
    super('Walking the list reads less.');
    this.name = 'WalkInstead';
    this.otherwise = otherwise;
    this.count = count;
  }
}

/** What is known of who is asked for. */
export interface Scope {
  /** All that are in question meet it: the keys of a few. */
  readonly within?: FilterValue;
  /** How many have to be found where the list can be walked. */
  readonly walk?: number | undefined;
  /** Whether its beginning was looked at already. */
  readonly glanced?: boolean | undefined;
  /** Whether what was found before a bound is enough. Never where more of it would let less through. */
  readonly partial?: boolean | undefined;
  /** Is told of each step that found less than there is. */
  readonly onCut?: ((step: ConditionTrace) => void) | undefined;
}

/** What a set of keys says of the step that found it. */
export const cutBy = (step: ConditionTrace): { readonly cut?: ConditionTrace } =>
  step.approximate === undefined ? {} : { cut: step };

/** What works conditions out, as its parts know it. */
export interface Steps {
  readonly asking: Asking;
  /** Begins a step of the trace. */
  begin(condition: string, way: ConditionTrace['way']): { readonly step: ConditionTrace; end(keys: number): void };
}
