/** Secrets that may be exchanged while the process runs. */

/** A password or key: as it is, or what tells it whenever a connection is made. */
export type Secret = string | (() => string | undefined);

/** The secret as it is now; undefined where there is none. */
export const reveal = (secret: Secret | undefined): string | undefined =>
  typeof secret === 'function' ? secret() : secret;
