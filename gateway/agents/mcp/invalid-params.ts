/**
 * Parameters that do not fit a method are the client's fault. The SDK checks them where it dispatches a message, and tells
 * what it found of most methods as its own internal error, with the issues as JSON text.
 */
import type { JSONRPCMessage, McpServer } from '@modelcontextprotocol/server';
import { toldIssues, type Issue } from '../told-issues.ts';
import { INTERNAL_ERROR, INVALID_PARAMS } from './codes.ts';

/** @returns the server, whose answers tell such an error as what it is */
export function tellingFaults(server: McpServer): McpServer {
  const connect = server.connect.bind(server);
  server.connect = async (transport) => {
    const send = transport.send.bind(transport);
    transport.send = (message, options) => send(withInvalidParams(message), options);
    await connect(transport);
  };
  return server;
}

function withInvalidParams(message: JSONRPCMessage): JSONRPCMessage {
  const { error } = message as { error?: { code: number; message: string } };
  if (error?.code !== INTERNAL_ERROR && error?.code !== INVALID_PARAMS) return message;
  const issues = issuesIn(error.message.replace(/^Invalid \S+ request: /, ''));
  if (issues === undefined) return message;
  return { ...message, error: { code: INVALID_PARAMS, message: toldIssues(issues), data: { code: 'BAD_USER_INPUT' } } };
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
