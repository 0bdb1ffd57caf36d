/** Subscriptions to a subgraph elsewhere over WebSocket (graphql-ws): few sockets, each for many of one caller. */
import type { SubscribePayload } from 'graphql-ws';
import { marked } from '#subgraphs/shared/exact-number.ts';
import { RemoteConnection } from './remote-connection.ts';
import type { RemoteSubscription, RemoteSubscriptions, StreamBounds } from './remote-subscription.ts';

/** @param parameters of `connection_init`, asked for with each connection; the headers are added */
export function remoteSockets(
  bounds: StreamBounds,
  url: URL,
  parameters: () => Readonly<Record<string, unknown>> | undefined = () => undefined,
): RemoteSubscriptions {
  /** By the caller's name. */
  const open = new Map<string, Set<RemoteConnection>>();

  function connectionFor({ identity, headers }: RemoteSubscription): RemoteConnection {
    let connections = open.get(identity);
    if (connections === undefined) open.set(identity, (connections = new Set()));
    for (const connection of connections) if (connection.hasRoom) return connection;
    const mine = connections;
    const connection = new RemoteConnection(bounds, url, { headers, parameters }, () => {
      mine.delete(connection);
      if (mine.size === 0 && open.get(identity) === mine) open.delete(identity);
    });
    connections.add(connection);
    return connection;
  }

  return {
    open: (subscription) =>
      connectionFor(subscription).open(JSON.parse(marked(subscription.body)) as SubscribePayload, subscription.signal),
    async close() {
      const connections = [...open.values()].flatMap((each) => [...each]);
      for (const connection of connections) connection.close();
      return Promise.resolve();
    },
  };
}
