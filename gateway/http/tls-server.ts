/** HTTP over TLS, with the certificate of the moment for each connection. */
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { CurrentTls } from '#gateway/config/tls.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';

/** @param tls with authorities, clients are connected only with a certificate of theirs */
export function createTlsServer(tls: CurrentTls, options: ServerOptions, log: Logger): Server {
  const warn = (reason: string): void =>
    log.warn({ reason }, 'A new certificate cannot be used; the one before goes on being served.');
  let texts = tls.now(warn);
  const mutual = texts.ca !== undefined;
  const server = createServer({
    ...options,
    ...texts,
    requestCert: mutual,
    rejectUnauthorized: mutual,
    handshakeTimeout: options.headersTimeout,
  });
  // Before the listener of Node's that shakes hands.
  server.prependListener('connection', () => {
    const now = tls.now(warn);
    if (now === texts) return;
    texts = now;
    server.setSecureContext(texts);
  });
  server.on('tlsClientError', ({ code }: NodeJS.ErrnoException, socket: TLSSocket) => {
    const reason = (socket.authorizationError as unknown as string | null) ?? code;
    // Whoever only looks whether the port is open, as some probes do, is no fault.
    log[reason === 'ECONNRESET' ? 'debug' : 'warn'](
      { reason, address: socket.remoteAddress },
      'A client was not connected: its certificate, or ours for it, does not hold.',
    );
  });
  return server;
}
