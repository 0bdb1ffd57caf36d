/** What every error code means: the one table, printed in docs/errors.md. */
import type { ErrorCode } from '#subgraphs/shared/errors.ts';

export interface ErrorMeaning {
  /** HTTP status when the whole answer is this error (a refused request), and for plain routes. */
  readonly status: number;
  /** What happened, for docs/errors.md. */
  readonly meaning: string;
  /** What a person can do. */
  readonly action: string;
}

export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorMeaning>> = {
  BAD_USER_INPUT: {
    status: 400,
    meaning: 'An argument or a body has a value that cannot be meant.',
    action: 'Correct the value that the message names.',
  },
  GRAPHQL_PARSE_FAILED: {
    status: 400,
    meaning: 'The operation is not GraphQL.',
    action: 'Correct the syntax at the location given.',
  },
  GRAPHQL_VALIDATION_FAILED: {
    status: 400,
    meaning: 'The operation does not fit the schema.',
    action: 'Compare it with the schema (GraphiQL, introspection, or MCP `search_schema`).',
  },
  UNAUTHENTICATED: { status: 401, meaning: 'The caller could not be verified.', action: 'Send a valid token.' },
  FORBIDDEN: {
    status: 403,
    meaning: 'The caller is known but may not do this.',
    action: 'Ask for the scope or role that the message names.',
  },
  NOT_FOUND: {
    status: 404,
    meaning:
      'A mutation or a route named something that does not exist for this tenant. (Queries answer null instead. An id that has not the form of one is BAD_USER_INPUT; a filter by one matches nothing.)',
    action: 'Check the id.',
  },
  CONFLICT: {
    status: 409,
    meaning: 'The write contradicts the present state.',
    action: 'Read the present state and decide again.',
  },
  STORE_DISABLED: {
    status: 503,
    meaning: 'The store behind the field is switched off or was never configured.',
    action: 'Set the variable that the hint names.',
  },
  STORE_UNAVAILABLE: {
    status: 503,
    meaning: 'The store refused, cut or lost the connection.',
    action: 'Check the store; no restart of the gateway is needed once it is back.',
  },
  STORE_TIMEOUT: { status: 504, meaning: 'The store did not answer in time.', action: 'Try again, or ask for less.' },
  SUBGRAPH_UNAVAILABLE: {
    status: 503,
    meaning: 'A subgraph could not be reached or gave an answer that is not GraphQL.',
    action: 'Check the subgraph that `extensions.service` names.',
  },
  SUBGRAPH_ERROR: {
    status: 502,
    meaning:
      "A subgraph of another make failed at this field. What it said is in the gateway's log, under the request id.",
    action: 'Check the subgraph that `extensions.service` names; `SUBGRAPH_ERRORS=pass` tells clients what it says.',
  },
  CURSOR_EXPIRED: {
    status: 410,
    meaning: 'The cursor points at events that retention has removed.',
    action: 'Resume from `extensions.firstAvailable`.',
  },
  QUERY_TOO_COSTLY: {
    status: 400,
    meaning: 'The operation would cost more than the limit.',
    action: 'Ask for smaller pages or fewer fields.',
  },
  QUERY_TOO_DEEP: {
    status: 400,
    meaning: 'The operation is nested more deeply than the limit, or has more tokens or aliases.',
    action: 'Split it.',
  },
  TOO_MANY_ERRORS: {
    status: 503,
    meaning: 'More places of the answer failed than are told one by one; what is null without an error failed too.',
    action: 'Read the errors before it: one cause has many of them.',
  },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    meaning: 'The request body is over the limit.',
    action: 'Send less, or upload bytes with `requestUpload`.',
  },
  PLANNING_TIMEOUT: {
    status: 503,
    meaning: 'Planning the operation took longer than the limit.',
    action: 'Simplify the operation.',
  },
  REQUEST_TIMEOUT: {
    status: 504,
    meaning: 'The operation as a whole took longer than the limit.',
    action: 'Ask for less, or use a subscription.',
  },
  RATE_LIMITED: {
    status: 429,
    meaning: 'Too many requests, operations, or streams, of this caller, his tenant or his address.',
    action:
      'Wait for the time that `Retry-After` (`extensions.retryAfterSeconds`) names; `extensions.limit` says which limit it was ([limits.md](limits.md)).',
  },
  BUDGET_EXCEEDED: {
    status: 429,
    meaning:
      'The call of a model may take more than is left of the daily budget of the caller or his tenant (`MODEL_BUDGET_…`).',
    action:
      'Wait until `extensions.resetsAt` (midnight, UTC), or ask for less where something is left ([limits.md](limits.md)).',
  },
  PERSISTED_QUERY_NOT_FOUND: {
    status: 200,
    meaning: 'The hash of a persisted operation is not known here, or not any more.',
    action: 'Send the full text with it, once; clients with automatic persisted queries do so by themselves.',
  },
  PERSISTED_QUERY_NOT_SUPPORTED: {
    status: 200,
    meaning:
      'Automatic persisted queries are switched off (`AUTOMATIC_PERSISTED_QUERIES`), or an id was sent to a server without lists (`PERSISTED_OPERATIONS`).',
    action: 'Send the full text; clients with automatic persisted queries do so by themselves.',
  },
  PERSISTED_QUERY_NOT_IN_LIST: {
    status: 404,
    meaning:
      'The id of a persisted operation is in none of the lists of this server (`PERSISTED_OPERATIONS`), or not for this client.',
    action: "Publish the client's manifest before the client.",
  },
  PERSISTED_QUERY_ID_REQUIRED: {
    status: 403,
    meaning: 'A text was sent where only ids of listed operations are accepted (`PERSISTED_OPERATIONS_MODE=only-ids`).',
    action: 'Send the id of the operation in the place of its text.',
  },
  QUERY_NOT_IN_SAFELIST: {
    status: 403,
    meaning: 'The operation is not listed, and this server runs no other (`PERSISTED_OPERATIONS_MODE=only`).',
    action: 'Add it to the lists (`npm run persist`), or ask for the scope that PERSISTED_OPERATIONS_FREE_SCOPE names.',
  },
  INTERNAL_SERVER_ERROR: {
    status: 500,
    meaning: 'A fault of the gateway itself; details are in its log under the request id.',
    action: 'Report it with the request id.',
  },
};

/** Headers of an answer that is only this error. */
export const headersOf = ({ retryAfterSeconds }: Readonly<Record<string, unknown>>): Record<string, string> =>
  typeof retryAfterSeconds === 'number' ? { 'retry-after': String(Math.ceil(retryAfterSeconds)) } : {};

/** The meaning of a code, also of codes that foreign subgraphs made up. */
export const meaningOf = (code: unknown): ErrorMeaning =>
  ERROR_CODES[code as ErrorCode] ?? ERROR_CODES.INTERNAL_SERVER_ERROR;
