/** Reads what a subgraph elsewhere calls a GraphQL result. */
import { GraphQLError, type ExecutionResult, type GraphQLFormattedError } from 'graphql';
import { parseExactJson, type KeptNumbers } from '#subgraphs/shared/exact-number.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { isObject } from '../json-object.ts';
import { codeOfStatus, notGraphQL, retryAfterOf } from './subgraph-failure.ts';

const BYTE_ORDER_MARK = 0xfeff;

const NOTHING: Readonly<Record<string, unknown>> = {};

/** Whose answer it is. */
export interface Answering {
  /** The subgraph's name, for messages. */
  readonly name: string;
  /**
   * Whether clients are told only that it failed: what it says goes to the log. What says who asks (`UNAUTHENTICATED`,
   * `FORBIDDEN`) and how often (`RATE_LIMITED`) is told all the same. @default false
   */
  readonly redactErrors?: boolean;
}

/**
 * Reads a GraphQL result, with whatever HTTP status it came. What 401, 403 and 429 mean is the code of errors that
 * have none of their own.
 * @param text JSON, or what it says
 * @param headers of the answer
 * @param keeps which numbers of the text are kept as they came. @default 'all'
 * @throws SubgraphFailure when it is none
 */
export function readResult(
  from: Answering,
  status: number | undefined,
  text: unknown,
  headers?: { readonly 'retry-after'?: string | string[] },
  keeps?: KeptNumbers,
): ExecutionResult {
  let body: unknown = text;
  if (typeof text === 'string') {
    try {
      body = parseExactJson(text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text, keeps);
    } catch (error) {
      throw notGraphQL(from.name, status, error, headers?.['retry-after']);
    }
  }
  const { data, errors, extensions } = isObject(body) ? body : NOTHING;
  const list: unknown = errors ?? [];
  // Neither data nor an error, or something else in their places.
  if (!Array.isArray(list) || !(isObject(data) || (data == null && list.length > 0)))
    throw notGraphQL(from.name, status, undefined, headers?.['retry-after']);
  // Nearly every answer: nothing to read, nothing to copy.
  if (list.length === 0 && extensions === undefined) return { data: data as Record<string, unknown> };
  const code = codeOfStatus(status);
  const meaning =
    code === undefined
      ? undefined
      : { code, ...(code === 'RATE_LIMITED' ? retryAfterOf(headers?.['retry-after']) : {}) };
  return {
    ...(data === undefined ? {} : { data }),
    ...(list.length === 0 ? {} : { errors: list.map((error: unknown) => readError(error, meaning, from)) }),
    ...(isObject(extensions) ? { extensions: from.redactErrors === true ? withoutHints(extensions) : extensions } : {}),
  };
}

/** Hints are the subgraph's words, as its errors are. */
function withoutHints({ hints: _, ...others }: Record<string, unknown>): Record<string, unknown> {
  return others;
}

/** Codes that say something of the request, and nothing of the subgraph. */
const TOLD: ReadonlySet<unknown> = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'RATE_LIMITED']);

/** What some servers add of their own insides: nobody else's business, whatever is passed on. */
const INSIDES: ReadonlySet<string> = new Set(['stacktrace', 'exception', 'debugMessage', 'trace']);

/** @param meaning extensions of an error that has no code */
function readError(
  error: unknown,
  meaning: Record<string, unknown> | undefined,
  { name, redactErrors = false }: Answering,
): GraphQLError {
  const { message, path: given, extensions } = (isObject(error) ? error : {}) as Partial<GraphQLFormattedError>;
  const path = Array.isArray(given)
    ? given.filter((part) => typeof part === 'string' || typeof part === 'number')
    : undefined;
  const text = typeof message === 'string' ? message : 'The subgraph gave an error without a message.';
  const said = isObject(extensions)
    ? Object.fromEntries(Object.entries(extensions).filter(([key]) => !INSIDES.has(key)))
    : {};
  const known = said.code === undefined ? { ...said, ...meaning } : said;
  if (!redactErrors) return new GraphQLError(text, { path, extensions: known });
  const cause = new Error(`The subgraph ${name} says: ${text} (${String(known.code)})`);
  const variable = refusedVariable(text, path);
  if (variable !== undefined) {
    // Which of its values was refused is the caller's to know; why, in the subgraph's words, is not.
    const told = new CodedError('BAD_USER_INPUT', `Variable "$${variable}" got an invalid value.`, { cause });
    return new GraphQLError(told.message, { originalError: told, extensions: told.extensions });
  }
  const redacted = TOLD.has(known.code)
    ? new CodedError(known.code as 'FORBIDDEN', `The subgraph ${name} refused this.`, {
        cause,
        extensions: meaning?.code === known.code ? meaning : {},
      })
    : new CodedError('SUBGRAPH_ERROR', `The subgraph ${name} failed here.`, { cause });
  return new GraphQLError(redacted.message, { path, originalError: redacted, extensions: redacted.extensions });
}

/** The variable that a request error names, as servers of several makes do; undefined for every other error. */
function refusedVariable(message: string, path: readonly (string | number)[] | undefined): string | undefined {
  const [first, second] = path ?? [];
  if (first === 'variable') return typeof second === 'string' && /^\w{1,100}$/.test(second) ? second : undefined;
  if (first !== undefined) return undefined;
  return /^(?:the )?variable:? ["'`]?\$?(\w{1,100})\b["'`]?/i.exec(message)?.[1];
}
