/** How fields hand a run on. */
import type { Run } from '../driver.ts';

/** A run by its id; its row is read where more than the id is asked for. */
export interface RunReference {
  readonly id: string;
  readonly run?: Run;
}

export const referenceTo = (run: Run): RunReference => ({ id: run.id, run });
