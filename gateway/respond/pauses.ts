/**
 * Shaping in several turns. A shape's output is made by recursion, which cannot wait; where others want their turn it
 * unwinds instead, and every loop and every check on the way out leaves behind how it would have gone on. Nothing of
 * this costs anything where an answer is made in one turn.
 */
import type { Budget } from '#subgraphs/shared/budget.ts';
import type { CodedError } from '#subgraphs/shared/errors.ts';
import { isStretchOver, nextTurn, pace } from '#subgraphs/shared/turns.ts';

/** What an output gives in the place of a value when it has paused. */
export const PAUSED = Symbol('paused');

/**
 * How one level goes on: with what the level below it gave in the end. May be {@link PAUSED} again, with its own step
 * left behind.
 */
export type Step = (outcome: unknown) => unknown;

/** What is counted while an answer is shaped, and where it stands when it has paused. */
export class Progress {
  /** Objects since the budget was last charged. */
  objects = 0;
  /** Bytes since then, of outputs that do not count what they have written. */
  bytes = 0;
  /** Others wait for their turn: loops are to pause. */
  isDue = false;
  /** From the innermost level outwards. */
  steps: Step[] = [];
  readonly #budget: Budget | undefined;
  readonly #mayPause: boolean;

  constructor(budget: Budget | undefined, mayPause = true) {
    this.#budget = budget;
    this.#mayPause = mayPause;
  }

  /** Counts an object. @returns whether it is time to charge */
  count(): boolean {
    return ++this.objects >= pace.objects;
  }

  /**
   * Charges what was counted, and looks at the clock.
   * @throws CodedError `QUERY_TOO_COSTLY`
   */
  charge(): void {
    this.spend();
    if (this.#mayPause && isStretchOver()) this.isDue = true;
  }

  /** The same without a look at the clock, when nothing is left to do. @throws CodedError `QUERY_TOO_COSTLY` */
  spend(): void {
    const { objects, bytes } = this;
    this.objects = 0;
    this.bytes = 0;
    this.#budget?.write(objects, bytes);
  }
}

/** Who shapes, and what ends it. */
export interface Turns {
  /** The tenant, between which turns go round. */
  readonly key: string;
  /** When the operation began, see `nextTurn`. */
  readonly began: number;
  /** Why it is to end; undefined as long as somebody waits for the answer. */
  ended(): CodedError | undefined;
}

/**
 * Takes an output to its end, over as many turns as it needs.
 * @param outcome what the output gave first
 * @throws what ended it
 */
export async function finish(outcome: unknown, progress: Progress, turns: Turns): Promise<unknown> {
  let result = outcome;
  while (result === PAUSED) {
    await nextTurn(turns.key, turns.began);
    const error = turns.ended();
    if (error !== undefined) throw error;
    progress.isDue = false;
    const { steps } = progress;
    progress.steps = [];
    let index = 0;
    result = undefined;
    do result = steps[index++]!(result);
    while (result !== PAUSED && index < steps.length);
    // One that paused again left its own way on before those around it.
    for (; index < steps.length; index++) progress.steps.push(steps[index]!);
  }
  return result;
}
