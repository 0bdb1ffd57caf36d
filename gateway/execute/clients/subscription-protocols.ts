/** Opens subscriptions to a subgraph elsewhere over the protocol that it speaks. */
import { remoteEventStreams } from './remote-event-stream.ts';
import type { RemoteSubscriptions, StreamBounds, SubscriptionProtocol } from './remote-subscription.ts';
import { remoteSockets } from './remote-socket.ts';
import { NoWebSocket } from './subgraph-failure.ts';

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
  const streams = (): RemoteSubscriptions => remoteEventStreams(bounds, withScheme(url, /^ws/, 'http'));
  const sockets = (): RemoteSubscriptions => remoteSockets(bounds, withScheme(url, /^http/, 'ws'), parameters);
  if (protocol === 'auto') return findingOut(sockets(), streams());
  return protocol === 'sse' ? streams() : sockets();
}

function withScheme(url: URL, from: RegExp, to: string): URL {
  const address = new URL(url);
  address.protocol = address.protocol.replace(from, to);
  return address;
}

/** Asks for a WebSocket, where there are none for server-sent events, and keeps to those once they were answered. */
function findingOut(sockets: RemoteSubscriptions, streams: RemoteSubscriptions): RemoteSubscriptions {
  let known = sockets;
  return {
    async open(subscription) {
      try {
        return await known.open(subscription);
      } catch (noSocket) {
        // What failed as a stream of events may be another server by now.
        known = sockets;
        if (!(noSocket instanceof NoWebSocket)) throw noSocket;
        const events = await streams.open(subscription).catch(() => {
          // The first says what to set; that it is not the other one either, says nothing more.
          throw noSocket;
        });
        if ('next' in events) known = streams;
        return events;
      }
    },
    async close() {
      await Promise.all([sockets.close(), streams.close()]);
    },
  };
}
