/** What one WebSocket may hold: what waits for its client to read it, and what one message may be. */
import type { Duplex } from 'node:stream';
import { CloseCode, MessageType } from 'graphql-ws';
import type { WebSocket } from 'ws';
import { excessOf, type JsonLimits } from '#gateway/http/json-bounds.ts';

/**
 * Cuts a client that does not read: what it misses it can resume, what it makes us keep is bounded.
 * @param limit bytes that may wait, besides those of the answer that is under way
 * @param writing how many bytes that answer has still to write, and how the client is given up
 * @returns whether something may be written; where not, the client is given up
 */
export function boundBuffer(
  socket: WebSocket,
  connection: Duplex,
  limit: number,
  writing: { readonly underWay: () => number; readonly giveUp: () => void },
): () => boolean {
  const mayWrite = (): boolean => {
    // One answer may be longer than the limit, as long as it is taken: while it is under way, it does not count.
    if (connection.writableLength - writing.underWay() <= limit) return true;
    writing.giveUp();
    return false;
  };
  const send = socket.send.bind(socket) as (...parts: unknown[]) => void;
  socket.send = ((...parts: unknown[]) => {
    const done = typeof parts.at(-1) === 'function' ? (parts.pop() as () => void) : undefined;
    if (!mayWrite()) return done?.();
    // What cannot be written says that the client has gone, as `close` does; graphql-ws would take it for a fault of ours.
    return done === undefined ? send(...parts) : send(...parts, () => done());
  }) as typeof socket.send;
  return mayWrite;
}

/**
 * Keeps from being read what is not to be: messages over the limits and those that only a server sends, for which the
 * socket is closed, and whatever else comes once it is being closed, which could be as much as a client likes.
 */
export function boundMessages(socket: WebSocket, limits: JsonLimits): void {
  const emit = socket.emit.bind(socket) as (event: string, ...parts: unknown[]) => boolean;
  socket.emit = ((event: string, ...parts: unknown[]): boolean => {
    if (event !== 'message') return emit(event, ...parts);
    if (socket.readyState !== socket.OPEN) return true;
    const text = String(parts[0]);
    const fault =
      excessOf(text, limits) !== undefined
        ? 'The message is nested too deeply, or has too many values'
        : isServers(text)
          ? 'Only a server sends messages of this type'
          : undefined;
    if (fault === undefined) return emit(event, ...parts);
    socket.close(CloseCode.BadRequest, fault);
    return true;
  }) as typeof socket.emit;
}

const SERVERS: readonly unknown[] = [MessageType.ConnectionAck, MessageType.Next, MessageType.Error];

/** Whether graphql-ws would take it for a fault of ours, and write it to the console with a stack for each. */
function isServers(text: string): boolean {
  if (!/"type"\s*:\s*"(?:connection_ack|next|error|[^"]{0,80}\\)/.test(text)) return false;
  try {
    return SERVERS.includes((JSON.parse(text) as { type?: unknown } | null)?.type);
  } catch {
    return false; // graphql-ws closes the socket for it.
  }
}
