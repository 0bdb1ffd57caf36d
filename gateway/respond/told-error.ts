/** Errors that are told and never thrown. */
import { GraphQLError, type GraphQLErrorOptions } from 'graphql';

/** What an error of an answer has besides its message. */
export type ToldErrorParts = Pick<GraphQLErrorOptions, 'nodes' | 'path' | 'originalError' | 'extensions'>;

/**
 * An error without a stack of its own: that of `originalError` is what a log wants, and one failure may have a thousand
 * places, for which writing stacks would take longer than all else of the answer.
 */
export function toldError(message: string, { nodes, path, originalError, extensions }: ToldErrorParts): GraphQLError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    const error = new GraphQLError(message, { nodes, path, extensions: extensions ?? {} });
    // Given to the constructor, its stack would be written at once, through source maps; a log writes those that it reads.
    return Object.assign(error, { originalError: originalError ?? undefined });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
