/**
 * Subscriptions to a subgraph elsewhere, over the graphql-ws protocol (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md).
 * Each has a connection of its own, since a connection carries one caller's identity.
 */
import { createClient } from 'graphql-ws';
import { print, type ExecutionResult } from 'graphql';
import WebSocket from 'ws';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { readResult } from './graphql-response.ts';
import type { SubgraphRequest } from './subgraph-client.ts';

/** Largest event in bytes. */
const MAX_EVENT_BYTES = 8 * 1024 * 1024;

/** @param headers sent with the handshake, and as connection parameters for servers that read only those */
export function subscribeRemotely(
  name: string,
  url: URL,
  request: SubgraphRequest,
  headers: Record<string, string>,
): AsyncIterableIterator<ExecutionResult> {
  class SubgraphSocket extends WebSocket {
    constructor(address: string, protocols?: string | string[]) {
      super(address, protocols, { headers, maxPayload: MAX_EVENT_BYTES });
    }
  }
  const client = createClient({
    url: url.href,
    webSocketImpl: SubgraphSocket,
    connectionParams: headers,
    retryAttempts: 0,
    lazy: true,
    onNonLazyError: () => undefined,
  });
  const events = client.iterate({
    query: request.query ?? print(request.document),
    operationName: request.operationName,
    variables: request.variables,
  });
  const end = async (): Promise<void> => {
    await events.return?.();
    await client.dispose();
  };
  return {
    async next() {
      try {
        const event = await events.next();
        if (event.done === true) {
          await client.dispose();
          return { done: true, value: undefined };
        }
        return { done: false, value: readResult(name, undefined, event.value) };
      } catch (error) {
        await client.dispose();
        if (error instanceof CodedError) throw error;
        // The protocol's own error message: the operation was refused, with GraphQL errors.
        if (Array.isArray(error)) return { done: false, value: readResult(name, undefined, { errors: error as unknown[] }) };
        throw new CodedError('SUBGRAPH_UNAVAILABLE', `The subscription on the subgraph ${name} broke.`, { cause: error });
      }
    },
    async return() {
      await end();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
