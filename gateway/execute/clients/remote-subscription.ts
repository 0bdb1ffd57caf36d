/** Subscriptions to a subgraph elsewhere, over whichever protocol it speaks. */
import type { ExecutionResult } from 'graphql';
import { remoteEventStreams } from './remote-event-stream.ts';
import type { ExchangeBounds } from './remote-exchange.ts';
import { remoteSockets } from './remote-socket.ts';
import type { SubgraphRequest } from './subgraph-client.ts';

/**
 * `graphql-ws`: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md (the subprotocol
 * `graphql-transport-ws`). `sse`: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, in its distinct
 * connections mode.
 */
export type SubscriptionProtocol = 'graphql-ws' | 'sse';

/**
 * Opens streams. Each has a connection of its own: a connection carries one caller's identity, and stops when its
 * reader does.
 */
export interface RemoteSubscriptions {
  /**
   * @param body the operation, as JSON
   * @param headers who asks; also sent as connection parameters, for servers that read only those
   * @returns events, or a result with errors when the subgraph refuses. The events' `next()` rejects once, with a
   *   SubgraphFailure, when the connection is lost, after everything that had arrived was given
   * @throws SubgraphFailure when the stream cannot be opened in time
   */
  open(
    request: SubgraphRequest,
    body: string,
    headers: Record<string, string>,
  ): Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult>;
  /** Ends all streams. */
  close(): Promise<void>;
}

/** @param url of the subgraph's subscriptions; `http(s)` and `ws(s)` are taken for each other as the protocol needs */
export function remoteSubscriptions(
  bounds: ExchangeBounds,
  protocol: SubscriptionProtocol,
  url: URL,
): RemoteSubscriptions {
  const address = new URL(url);
  if (protocol === 'sse') {
    address.protocol = address.protocol.replace(/^ws/, 'http');
    return remoteEventStreams(bounds, address);
  }
  address.protocol = address.protocol.replace(/^http/, 'ws');
  return remoteSockets(bounds, address);
}
