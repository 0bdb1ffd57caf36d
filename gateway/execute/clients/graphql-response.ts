/** Reads what a subgraph elsewhere calls a GraphQL result. */
import { GraphQLError, type ExecutionResult, type GraphQLFormattedError } from 'graphql';
import { isObject } from '../json-object.ts';
import { notGraphQL } from './subgraph-failure.ts';

/**
 * Reads a GraphQL result, with whatever HTTP status it came.
 * @param name the subgraph's, for messages
 * @param text JSON, or what it says
 * @throws SubgraphFailure when it is none
 */
export function readResult(name: string, status: number | undefined, text: unknown): ExecutionResult {
  let body: unknown = text;
  if (typeof text === 'string') {
    try {
      body = JSON.parse(text);
    } catch (error) {
      throw notGraphQL(name, status, error);
    }
  }
  if (!isObject(body)) throw notGraphQL(name, status);
  const { data, errors, extensions } = body;
  if (data !== undefined && data !== null && !isObject(data)) throw notGraphQL(name, status);
  if (errors !== undefined && errors !== null && !Array.isArray(errors)) throw notGraphQL(name, status);
  const list = (errors ?? []) as unknown[];
  if (list.length === 0 && !isObject(data)) throw notGraphQL(name, status);
  // Nearly every answer: nothing to read, nothing to copy.
  if (list.length === 0 && extensions === undefined) return { data: data as Record<string, unknown> };
  return {
    ...(data === undefined ? {} : { data }),
    ...(list.length === 0 ? {} : { errors: list.map(readError) }),
    ...(isObject(extensions) ? { extensions } : {}),
  };
}

function readError(error: unknown): GraphQLError {
  const { message, path, extensions } = (isObject(error) ? error : {}) as Partial<GraphQLFormattedError>;
  return new GraphQLError(typeof message === 'string' ? message : 'The subgraph gave an error without a message.', {
    path: Array.isArray(path) ? path.filter((part) => typeof part === 'string' || typeof part === 'number') : undefined,
    extensions: isObject(extensions) ? extensions : {},
  });
}
