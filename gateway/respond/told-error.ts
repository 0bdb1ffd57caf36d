/** Errors that are told and never thrown. */
import { GraphQLError, type GraphQLErrorOptions } from 'graphql';

/**
 * An error without a stack of its own: that of `originalError` is what a log wants, and one failure may have a thousand
 * places, for which writing stacks would take longer than all else of the answer.
 */
export function toldError(message: string, options: GraphQLErrorOptions): GraphQLError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new GraphQLError(message, options);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
