import type { ExecutionResult } from 'graphql';
import { received } from './federation.ts';
import { applyPatches, sorted } from './patches.ts';

/**
 * An answer whole or in parts, and the plain answer that it must be, with the keys of both in one order: patches come
 * when they come.
 */
export async function puttingTogether(
  result: ExecutionResult | AsyncIterable<ExecutionResult>,
  plain: ExecutionResult,
): Promise<{ actual: ExecutionResult; expected: ExecutionResult }> {
  const whole = Symbol.asyncIterator in result ? await applyPatches(result, plain.data) : received(result);
  const inOrder = (answer: ExecutionResult): ExecutionResult => ({
    ...answer,
    data: sorted(answer.data) as ExecutionResult['data'],
  });
  return { actual: inOrder(whole), expected: inOrder(plain) };
}
