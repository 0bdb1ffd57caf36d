/** Reads what a subgraph elsewhere calls a GraphQL result. */
import { GraphQLError, type ExecutionResult, type GraphQLFormattedError } from 'graphql';
import { parseExactJson, type KeptNumbers } from '#subgraphs/shared/exact-number.ts';
import { isObject } from '../json-object.ts';
import { codeOfStatus, notGraphQL, retryAfterOf } from './subgraph-failure.ts';

const BYTE_ORDER_MARK = 0xfeff;

/**
 * Reads a GraphQL result, with whatever HTTP status it came. What 401, 403 and 429 mean is the code of errors that
 * have none of their own.
 * @param name the subgraph's, for messages
 * @param text JSON, or what it says
 * @param headers of the answer
 * @param keeps which numbers of the text are kept as they came. @default 'all'
 * @throws SubgraphFailure when it is none
 */
export function readResult(
  name: string,
  status: number | undefined,
  text: unknown,
  headers?: { readonly 'retry-after'?: string | string[] },
  keeps?: KeptNumbers,
): ExecutionResult {
  const fault = (cause?: unknown): Error => notGraphQL(name, status, cause, headers?.['retry-after']);
  let body: unknown = text;
  if (typeof text === 'string') {
    try {
      body = parseExactJson(text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text, keeps);
    } catch (error) {
      throw fault(error);
    }
  }
  if (!isObject(body)) throw fault();
  const { data, errors, extensions } = body;
  if (data !== undefined && data !== null && !isObject(data)) throw fault();
  if (errors !== undefined && errors !== null && !Array.isArray(errors)) throw fault();
  const list = (errors ?? []) as unknown[];
  if (list.length === 0 && !isObject(data)) throw fault();
  // Nearly every answer: nothing to read, nothing to copy.
  if (list.length === 0 && extensions === undefined) return { data: data as Record<string, unknown> };
  const code = codeOfStatus(status);
  const meaning =
    code === undefined
      ? undefined
      : { code, ...(code === 'RATE_LIMITED' ? retryAfterOf(headers?.['retry-after']) : {}) };
  return {
    ...(data === undefined ? {} : { data }),
    ...(list.length === 0 ? {} : { errors: list.map((error) => readError(error, meaning)) }),
    ...(isObject(extensions) ? { extensions } : {}),
  };
}

/** @param meaning extensions of an error that has no code */
function readError(error: unknown, meaning: Record<string, unknown> | undefined): GraphQLError {
  const { message, path, extensions } = (isObject(error) ? error : {}) as Partial<GraphQLFormattedError>;
  return new GraphQLError(typeof message === 'string' ? message : 'The subgraph gave an error without a message.', {
    path: Array.isArray(path) ? path.filter((part) => typeof part === 'string' || typeof part === 'number') : undefined,
    extensions:
      isObject(extensions) && (meaning === undefined || extensions.code !== undefined)
        ? extensions
        : { ...(isObject(extensions) ? extensions : {}), ...meaning },
  });
}
