/** Where it is kept how much of each rate was taken. */
import type { Decision, Rate } from './gcra.ts';

/** Something to take of a rate. */
export interface Charge {
  /** Whose rate: unique among all rates. */
  readonly key: string;
  readonly rate: Rate;
  /** How much; 0 looks whether one could be taken, and takes none: then it refuses nothing else. */
  readonly weight: number;
}

export interface RateStore {
  /**
   * Takes all of them, or none where one is refused: who is refused by one limit uses up no other.
   * @returns what became of each, in order; of those that would have been allowed beside one that was not, nothing is taken
   * @throws CodedError `STORE_UNAVAILABLE` where it cannot be known and the operator wants refusal then
   */
  take(charges: readonly Charge[]): readonly Decision[] | Promise<readonly Decision[]>;
  close(): Promise<void>;
}
