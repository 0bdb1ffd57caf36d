/** What an image of the product is, whoever makes it: `npm run image` here, ops/docker/Dockerfile elsewhere. */

/** Where the product is. */
export const PRODUCT = '/app';
/** Where Node is. */
export const NODE = '/usr/bin/node';
/** What the product writes, and all that it writes. */
export const DATA = '/var/lib/tributary';
/** A user without a name elsewhere, a shell or a home; by number, since orchestrators check that it is not root. */
export const USER = 65_532;
export const PORT = 4000;

export const ENVIRONMENT: Readonly<Record<string, string>> = {
  NODE_ENV: 'production',
  // The server of a container that listened on its loopback would be alone; without authentication it refuses this.
  HOST: '0.0.0.0',
  PORT: String(PORT),
  DATA_DIR: DATA,
  LOG_FORMAT: 'json',
  SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt',
};
