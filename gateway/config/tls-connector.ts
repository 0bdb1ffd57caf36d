/** Connections to subgraphs over TLS: each is made with what the configuration says at that moment. */
import { buildConnector } from 'undici';
import { ANY_TLS, type CurrentTls } from '#gateway/config/tls.ts';

/** What a connection to a subgraph is made with. */
export interface SubgraphTls {
  /** @default no certificate is shown, and those authorities are trusted that Node.js trusts */
  readonly tls?: CurrentTls | undefined;
  /** Told why a connection failed for its certificates, and why new ones cannot be used: clients are not. */
  readonly onTlsFault?: ((fault: string) => void) | undefined;
}

/** For undici's pools. Connections without TLS are made as ever. */
export function tlsConnector(given: SubgraphTls): buildConnector.connector {
  const { tls = ANY_TLS, onTlsFault } = given;
  let texts = tls.now(onTlsFault);
  // No session is resumed: whose certificate does not hold any longer is not connected.
  const build = (): buildConnector.connector => buildConnector({ ...texts, maxCachedSessions: 0 });
  let connect = build();
  const tell = (error: unknown): void => tellTlsFault(given, error);
  return (options, callback) => {
    const now = tls.now(onTlsFault);
    if (now !== texts) {
      texts = now;
      connect = build();
    }
    connect(tls.serverName === undefined ? options : { ...options, servername: tls.serverName }, (error, socket) => {
      if (error !== null) {
        tell(error);
        callback(error, null);
      } else {
        // What a server says of a certificate that it does not take may come once the connection seems to be made.
        socket.once('error', tell);
        callback(null, socket);
      }
    });
  };
}

/** What `ws` is given for one connection. */
export function socketTls({ tls = ANY_TLS, onTlsFault }: SubgraphTls): Record<string, unknown> {
  return { ...tls.now(onTlsFault), ...(tls.serverName === undefined ? {} : { servername: tls.serverName }) };
}

/** Tells an error that is one of certificates. */
export function tellTlsFault({ onTlsFault }: SubgraphTls, error: unknown): void {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== undefined && OF_TLS.test(code)) onTlsFault?.(`${code}: ${message}`);
}

/** Codes of OpenSSL's verification, of Node's, and of alerts. */
const OF_TLS =
  /^(ERR_SSL_|ERR_TLS_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERROR_IN_|INVALID_|PATH_LENGTH_|HOSTNAME_|EPROTO$)/;
