/**
 * What streams are compared with, as a server of its own: `baseline.ts broadcast` sends one prepared frame to every
 * `ws` client, `baseline.ts pubsub` is graphql-ws over Yoga's PubSub, as its documentation has it: one execution for
 * each subscriber and event. Both publish `?count=` events of `?bytes=` at `POST /publish`.
 */
import { setMaxListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { useServer } from 'graphql-ws/use/ws';
import { createPubSub, createSchema } from 'graphql-yoga';
import { WebSocketServer } from 'ws';

const kind = process.argv[2];
// Every subscriber listens to one target of events: Node would take that for a leak.
setMaxListeners(0);
const http = createServer();
const sockets = new WebSocketServer({
  server: http,
  perMessageDeflate: false,
  handleProtocols: () => 'graphql-transport-ws',
});

interface Event {
  sequence: number;
  type: string;
  payload: unknown;
}

/** Publishes one event to everybody. */
const publish = kind === 'pubsub' ? overPubSub() : broadcast();

http.on('request', (request, response) => {
  const parameters = new URL(request.url ?? '/', 'http://localhost').searchParams;
  const pad = 'x'.repeat(Number(parameters.get('bytes')));
  void (async () => {
    for (
      let value = Number(parameters.get('from')), last = value + Number(parameters.get('count'));
      value < last;
      value++
    ) {
      publish({ sequence: value, type: 'CUSTOM', payload: { name: pad, value } });
      await turn();
    }
    response.end();
  })();
});
http.listen(0, '127.0.0.1', () =>
  console.log(`listening http://127.0.0.1:${(http.address() as AddressInfo).port}/graphql`),
);

function broadcast(): (event: Event) => void {
  sockets.on('connection', (socket) => {
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as { type: string };
      if (message.type === 'connection_init') socket.send('{"type":"connection_ack"}');
    });
  });
  return (event) => {
    const frame = JSON.stringify({ id: '1', type: 'next', payload: { data: { runEvents: event } } });
    for (const socket of sockets.clients) socket.send(frame);
  };
}

function overPubSub(): (event: Event) => void {
  const pubSub = createPubSub<{ events: [Event] }>();
  const schema = createSchema({
    typeDefs: `scalar JSON
      type Event { sequence: Int! type: String! payload: JSON! }
      type Query { ok: Boolean }
      type Subscription { runEvents(runId: ID, after: String): Event }`,
    resolvers: {
      Subscription: { runEvents: { subscribe: () => pubSub.subscribe('events'), resolve: (event: Event) => event } },
    },
  });
  useServer({ schema }, sockets);
  return (event) => pubSub.publish('events', event);
}
