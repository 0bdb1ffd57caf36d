/** Answers to operations that did not run, or not to their end. */
import { GraphQLError, type ExecutionResult } from 'graphql';
import { AccessRefused } from '#gateway/auth/directives/authorization.ts';
import { VariablesError } from '#gateway/plan/variables.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { cancelled } from '../run/fetch-errors.ts';

/**
 * The answer to an operation that was ended as a whole.
 * @throws what is a fault of the engine's own
 */
export function ended(error: unknown): ExecutionResult {
  if (error instanceof CodedError) return refused(error);
  throw error;
}

/**
 * The answer to an operation that was not run.
 * @param signal the caller's: its reason, whatever it is, is no fault of ours
 */
export function refused(error: unknown, signal?: AbortSignal): ExecutionResult {
  if (error instanceof VariablesError || error instanceof AccessRefused) return { errors: error.errors };
  const told = signal?.aborted === true && error === signal.reason ? cancelled(signal) : error;
  const cause = told instanceof Error ? told : new Error(String(told));
  const extensions = cause instanceof CodedError ? cause.extensions : { code: 'INTERNAL_SERVER_ERROR' };
  return { errors: [new GraphQLError(cause.message, { originalError: cause, extensions })] };
}
