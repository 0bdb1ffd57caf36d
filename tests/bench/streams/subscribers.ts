/** Many subscribers in one process, as cheap as they can be: the protocol by hand, messages counted and not parsed. */
import { randomUUID } from 'node:crypto';
import WebSocket from 'ws';

export const FOLLOW =
  'subscription($runId: ID!, $after: String) { runEvents(runId: $runId, after: $after) { sequence type payload } }';

export interface Subscribers extends AsyncDisposable {
  /** Messages that came, at all subscribers together. */
  readonly received: number;
  /** Bytes of the last message. */
  readonly messageBytes: number;
  /** Resolves when `count` messages have come since the beginning; rejects when a socket closes before. */
  until(count: number): Promise<void>;
}

/**
 * @param onMessage told each event's mark: the payload's `value`
 */
export async function subscribe(
  url: string,
  runId: string,
  count: number,
  onMessage?: (mark: number) => void,
): Promise<Subscribers> {
  const sockets: WebSocket[] = [];
  let received = 0;
  let messageBytes = 0;
  let waiting: { count: number; resolve: () => void; reject: (error: Error) => void } | undefined;
  let closing = false;
  const open = async (): Promise<void> => {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws', {
      perMessageDeflate: false,
    });
    sockets.push(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.on('close', (code) => closing || waiting?.reject(new Error(`A subscriber was closed with ${code}.`)));
      socket.on('open', () => socket.send('{"type":"connection_init"}'));
      socket.on('message', (data: Buffer) => {
        if (data.length < 60) {
          const { type } = JSON.parse(String(data)) as { type: string };
          if (type === 'ping') socket.send('{"type":"pong"}');
          if (type !== 'connection_ack') return;
          // As graphql-ws' own client has it: an id that nobody else has.
          socket.send(
            JSON.stringify({
              id: randomUUID(),
              type: 'subscribe',
              payload: { query: FOLLOW, variables: { runId, after: '0' } },
            }),
          );
          return resolve();
        }
        received += 1;
        messageBytes = data.length;
        if (onMessage !== undefined) {
          const mark = /"value":(\d+)/.exec(data.toString('latin1'))?.[1];
          if (mark !== undefined) onMessage(Number(mark));
        }
        if (waiting !== undefined && received >= waiting.count) waiting.resolve();
      });
    });
  };
  for (let begun = 0; begun < count; begun += 50)
    await Promise.all(Array.from({ length: Math.min(50, count - begun) }, open));
  return {
    get received() {
      return received;
    },
    get messageBytes() {
      return messageBytes;
    },
    until: (target) =>
      new Promise<void>((resolve, reject) => {
        if (received >= target) return resolve();
        waiting = { count: target, resolve, reject };
      }),
    [Symbol.asyncDispose]: async () => {
      closing = true;
      await Promise.all(
        sockets.map((socket) => {
          const closed = new Promise((resolve) => socket.once('close', resolve));
          socket.terminate();
          return closed;
        }),
      );
    },
  };
}
