/** What an answer tells of its conditions, beside what the engine tells. */
import type { ExecutionResult } from 'graphql';
import type { ConditionTrace } from './steps.ts';

/** A list that holds what was found before a bound was met. */
export interface ApproximateList {
  readonly path: readonly string[];
  readonly condition: string;
  readonly message: string;
}

export interface Told {
  readonly approximate: readonly ApproximateList[];
  /** The steps, where the caller may have a trace. */
  readonly trace: readonly ConditionTrace[] | undefined;
}

/** The answer with it. */
export function told<Result extends ExecutionResult>(result: Result, { approximate, trace }: Told): Result {
  if (approximate.length === 0 && trace === undefined) return result;
  const { extensions } = result;
  return {
    ...result,
    extensions: {
      ...extensions,
      ...(approximate.length > 0 && { approximate }),
      ...(trace && { trace: { ...(extensions?.['trace'] as object | undefined), conditions: trace } }),
    },
  };
}

/**
 * The parts of an answer: the first says which lists were cut short, and the one that has the engine's trace has the conditions' too.
 * Not a generator: the `return()` of one would wait for the next part.
 */
export function toldInParts<Part extends ExecutionResult>(
  parts: AsyncIterable<Part>,
  { approximate, trace }: Told,
): AsyncIterableIterator<Part> {
  const source = parts[Symbol.asyncIterator]();
  let isFirst = true;
  return {
    async next() {
      const next = await source.next();
      if (next.done === true) return next;
      const hasTrace = next.value.extensions?.['trace'] !== undefined;
      const value = told(next.value, { approximate: isFirst ? approximate : [], trace: hasTrace ? trace : undefined });
      isFirst = false;
      return { done: false, value };
    },
    async return() {
      await source.return?.();
      return { done: true, value: undefined };
    },
    async throw(error: unknown) {
      await source.return?.();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
