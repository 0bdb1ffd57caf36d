/**
 * The pause before something is tried again: doubled each time. Half of it is random, so that the processes of a deployment do not
 * come back all at once.
 * @param attempt how often it was tried, from 1
 * @returns milliseconds: from half of the pause to all of it
 */
export const backoff = (
  attempt: number,
  { firstMs, longestMs }: { readonly firstMs: number; readonly longestMs: number },
  random: () => number = Math.random,
): number => Math.min(firstMs * 2 ** Math.min(attempt - 1, 30), longestMs) * (0.5 + random() / 2);
