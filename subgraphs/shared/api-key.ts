/**
 * The form of an API key: `trk_<prefix>_<secret><seal>`. It is found by its prefix, which may be seen; its secret is 256 random
 * bits; its seal shows to whoever has the pepper that it was made here, so that no store is asked about a made-up one.
 */
import { createHash } from 'node:crypto';

/** How every key begins: scanners of repositories look for it, and the gateway tells keys from tokens by it. */
export const API_KEY_MARK = 'trk_';

/** What is asked about a key that somebody presents: nothing of it opens anything. */
export interface PresentedKey {
  readonly prefix: string;
  /** The SHA-256 of its secret, in hexadecimal. */
  readonly digest: string;
  readonly seal: string;
}

const FORM = /^trk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{11})$/;

/** A key in its parts, without its secret; undefined for a text that is none. */
export function readApiKey(text: string): PresentedKey | undefined {
  const [, prefix, secret, seal] = FORM.exec(text) ?? [];
  return secret === undefined ? undefined : { prefix: prefix!, digest: digestOf(secret), seal: seal! };
}

/** What is known of a secret where it is checked. */
export const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** `text` with nothing left of API keys but their prefixes. */
export const redactApiKeys = (text: string): string =>
  text.includes(API_KEY_MARK) ? text.replace(/(trk_[a-z0-9]{1,12}_)[A-Za-z0-9_-]+/gi, '$1[redacted]') : text;
