/** Where it is kept how much of each rate was taken. */
import { gcra, type Decision, type Rate } from './gcra.ts';

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

/**
 * What becomes of several that are taken of together or not at all: where one is refused, nothing is taken of the others, and
 * theirs say what is left without it.
 * @param tatOf the TAT so far of each; undefined where nothing is known
 */
export function decideTogether(
  charges: readonly Charge[],
  now: number,
  tatOf: (charge: Charge, at: number) => number | undefined,
): Decision[] {
  const decisions: Decision[] = [];
  for (let at = 0; at < charges.length; at++) {
    const charge = charges[at]!;
    decisions.push(gcra(tatOf(charge, at), now, charge.rate, charge.weight));
  }
  if (!isRefused(charges, decisions)) return decisions;
  return charges.map((charge, at) =>
    decisions[at]!.allowed ? gcra(tatOf(charge, at), now, charge.rate, 0) : decisions[at]!,
  );
}

/** Whether one of them keeps all from being taken. */
export const isRefused = (charges: readonly Charge[], decisions: readonly Decision[]): boolean =>
  charges.some(({ weight }, at) => weight > 0 && !decisions[at]!.allowed);
