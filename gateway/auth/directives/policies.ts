/** Who decides which policies (`@policy`) hold for a caller. */
import type { RequestContext } from '#subgraphs/shared/context.ts';

/**
 * Tells which of the policies hold for the caller. It is asked once for each operation that meets any, with all that it
 * meets; for a subscription when it opens. Where it throws, none holds.
 */
export type PolicyEvaluator = (
  policies: readonly string[],
  context: RequestContext,
) => Iterable<string> | Promise<Iterable<string>>;
