/**
 * How many connections clients may hold, and how much may wait for clients that do not read. Holds for every transport,
 * since all of them end in a connection.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { HTTP } from '#gateway/bounds/http.ts';

export interface ConnectionLimits {
  /** Most connections in all. */
  readonly connections: number;
  /** Most connections of one address. */
  readonly connectionsPerAddress: number;
  /** Whether an address may have more, such as that of a proxy, from which everybody comes. @default none may */
  mayHaveMore?(address: string | undefined): boolean;
  /** Bytes that may wait for all clients together; past them those for whom most waits are cut. */
  readonly unreadBytes: number;
  /** How long a client may take nothing of what waits for it, in milliseconds, before it is cut. */
  readonly stallMs: number;
}

interface Connection {
  readonly address: string;
  /** Bytes that the client has taken, when looked at last. */
  taken: number;
  /** Since when it has taken nothing of what waits. */
  stalledSince: number | undefined;
}

/** Holds the connections of `server` to the limits, until it closes. */
export function boundConnections(server: Server, limits: ConnectionLimits, log: Logger): void {
  const open = new Map<Socket, Connection>();
  const byAddress = new Map<string, number>();

  // Over TLS, what waits for a client waits in the connection that is encrypted.
  const overTls = server instanceof TlsServer;
  if (overTls) server.maxConnections = limits.connections;
  server.on(overTls ? 'secureConnection' : 'connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = byAddress.get(address) ?? 0;
    const isFull = count >= limits.connectionsPerAddress && limits.mayHaveMore?.(socket.remoteAddress) !== true;
    if (open.size >= limits.connections || isFull) {
      log.warn(
        { address, open: open.size, ofAddress: count },
        'A connection was refused: there are too many (MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS).',
      );
      socket.destroy();
      return;
    }
    byAddress.set(address, count + 1);
    open.set(socket, { address, taken: 0, stalledSince: undefined });
    socket.once('close', () => {
      open.delete(socket);
      const left = byAddress.get(address)! - 1;
      if (left === 0) byAddress.delete(address);
      else byAddress.set(address, left);
    });
  });

  const look = (): void => {
    const now = performance.now();
    let unread = 0;
    for (const [socket, connection] of open) {
      const waiting = socket.writableLength;
      if (waiting === 0) {
        connection.stalledSince = undefined;
        continue;
      }
      unread += waiting;
      const taken = socket.bytesWritten - waiting;
      if (taken !== connection.taken) {
        connection.taken = taken;
        connection.stalledSince = now;
      } else if (now - (connection.stalledSince ??= now) > limits.stallMs) {
        log.info({ address: connection.address, waiting }, 'A client that did not read was cut.');
        socket.destroy();
      }
    }
    if (unread > limits.unreadBytes) cutLongest(unread);
  };

  const cutLongest = (unread: number): void => {
    let left = unread;
    for (const [socket, { address }] of [...open].sort(([one], [other]) => other.writableLength - one.writableLength)) {
      if (left <= limits.unreadBytes) return;
      left -= socket.writableLength;
      log.warn(
        { address, waiting: socket.writableLength },
        'A client was cut: too much waits to be read (MAX_UNREAD_BYTES).',
      );
      socket.destroy();
    }
  };

  const timer = setInterval(look, HTTP.lookMs).unref();
  server.once('close', () => clearInterval(timer));
}
