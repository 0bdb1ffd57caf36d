/** What whoever waits for a plan is told where there is none. */
import { CodedError } from '#subgraphs/shared/errors.ts';

/** The operation could not be planned: what the planner itself said is the cause. */
export const planningFailed = (cause: unknown): CodedError =>
  new CodedError('INTERNAL_SERVER_ERROR', 'The operation could not be planned.', { cause });

export const plannerEnded = (): CodedError => new CodedError('INTERNAL_SERVER_ERROR', 'The query planner has ended.');

export const tooSlow = (): CodedError =>
  new CodedError('PLANNING_TIMEOUT', 'The operation is too complex to plan in time.', {
    hint: 'Select less, or split it into several operations.',
  });

/** @param most that may wait of one tenant */
export const tooMany = (most: number): CodedError =>
  new CodedError('RATE_LIMITED', `More than ${most} operations wait to be planned.`, {
    hint: 'Try again in a moment; operations that differ only in their variables share a plan.',
  });

/** Why whoever asked has left. */
export const reasonOf = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error('The plan is no longer wanted.');
