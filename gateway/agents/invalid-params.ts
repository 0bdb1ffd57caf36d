/**
 * Parameters that do not fit a method are the client's fault. The SDK checks them where it dispatches a message, and tells
 * what it found as its own internal error, with the issues as JSON text.
 */

import { AGENTS } from '#gateway/bounds/agents.ts';

/** JSON-RPC's codes (https://www.jsonrpc.org/specification, section 5.1). */
export const INVALID_PARAMS = -32602;
const INTERNAL_ERROR = -32603;

interface Issue {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The message, with such an error as what it is; others as they are. */
export function withInvalidParams<Message>(message: Message): Message {
  const { error } = message as { error?: { code: number; message: string } };
  if (error?.code !== INTERNAL_ERROR) return message;
  const issues = issuesIn(error.message);
  if (issues === undefined) return message;
  const told = issues.slice(0, AGENTS.issues).map(({ path, message: text }) => `\`${path.join('.')}\`: ${text}`);
  return { ...message, error: { code: INVALID_PARAMS, message: told.join('; '), data: { code: 'BAD_USER_INPUT' } } };
}

/** @returns undefined for a message that is no list of issues */
function issuesIn(text: string): readonly Issue[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const issues = JSON.parse(text) as readonly Partial<Issue>[];
    const whole = issues.every((issue) => Array.isArray(issue.path) && typeof issue.message === 'string');
    return whole && issues.length > 0 ? (issues as readonly Issue[]) : undefined;
  } catch {
    return undefined;
  }
}
