/** Opens subscriptions to a subgraph elsewhere over the protocol that it speaks. */
import { remoteEventStreams } from './remote-event-stream.ts';
import type { RemoteSubscriptions, StreamBounds, SubscriptionProtocol } from './remote-subscription.ts';
import { remoteSockets } from './remote-socket.ts';

/**
 * @param url of the subgraph's subscriptions; `http(s)` and `ws(s)` are taken for each other as the protocol needs
 * @param parameters of `connection_init`, besides the headers, which win; server-sent events have none
 */
export function remoteSubscriptions(
  bounds: StreamBounds,
  protocol: SubscriptionProtocol,
  url: URL,
  parameters?: () => Readonly<Record<string, unknown>> | undefined,
): RemoteSubscriptions {
  const address = new URL(url);
  if (protocol === 'sse') {
    address.protocol = address.protocol.replace(/^ws/, 'http');
    return remoteEventStreams(bounds, address);
  }
  address.protocol = address.protocol.replace(/^http/, 'ws');
  return remoteSockets(bounds, address, parameters);
}
