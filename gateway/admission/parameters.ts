/** The parameters of a GraphQL request, as every transport hands them over: checked before anything is parsed. */
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { refusal } from './documents.ts';
import { checkVariables } from './limits.ts';
import { readId, type Meant } from './persisted/operation-texts.ts';

/** `query` is absent where only an id (or hash) of it was sent. */
export interface Parameters extends Meant {
  operationName: string | undefined;
  variables: Record<string, unknown>;
  /** Whether there are exact numbers among them. */
  hasExact: boolean;
  /** Whether `extensions.cost` is asked for. */
  showsCost: boolean;
  /** Whether `extensions.trace` is. */
  showsTrace: boolean;
}

/** @throws OperationRefused for what is no request */
export function readParameters(raw: unknown): Parameters {
  try {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
      throw badUserInput('The request must be a JSON object with `query`.');
    const { query, operationName, variables, extensions } = raw as Record<string, unknown>;
    const id = readId(raw as Record<string, unknown>);
    const isIdAlone = id !== undefined && (query == null || query === '');
    if (!isIdAlone) {
      if (typeof query !== 'string')
        throw badUserInput(query == null ? 'The request has no `query`.' : '`query` must be a string.');
      if (query.trim() === '') throw badUserInput('`query` is empty.');
    }
    if (operationName != null && typeof operationName !== 'string')
      throw badUserInput('`operationName` must be a string.');
    if (variables != null && (typeof variables !== 'object' || Array.isArray(variables)))
      throw badUserInput('`variables` must be an object.');
    if (extensions != null && (typeof extensions !== 'object' || Array.isArray(extensions)))
      throw badUserInput('`extensions` must be an object.');
    const values = (variables ?? {}) as Record<string, unknown>;
    const hasExact = checkVariables(values);
    const { cost, trace } = (extensions ?? {}) as { cost?: unknown; trace?: unknown };
    return {
      query: isIdAlone ? undefined : (query as string),
      id,
      operationName: operationName || undefined,
      variables: values,
      hasExact,
      showsCost: cost === true,
      showsTrace: trace === true,
    };
  } catch (error) {
    throw error instanceof CodedError ? refusal(error) : error;
  }
}
