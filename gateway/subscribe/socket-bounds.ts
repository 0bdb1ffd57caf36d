/** What one WebSocket may hold: what waits for its client to read it, and what one message may be. */
import type { Duplex } from 'node:stream';
import { CloseCode } from 'graphql-ws';
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
    if (mayWrite()) return send(...parts);
    const done = parts.at(-1);
    if (typeof done === 'function') (done as () => void)();
  }) as typeof socket.send;
  return mayWrite;
}

/** Keeps messages over the limits from being parsed: closes the socket for them. */
export function boundMessages(socket: WebSocket, limits: JsonLimits): void {
  const emit = socket.emit.bind(socket) as (event: string, ...parts: unknown[]) => boolean;
  socket.emit = ((event: string, ...parts: unknown[]): boolean => {
    if (event === 'message' && excessOf(String(parts[0]), limits) !== undefined) {
      socket.close(CloseCode.BadRequest, 'The message is nested too deeply, or has too many values');
      return true;
    }
    return emit(event, ...parts);
  }) as typeof socket.emit;
}
