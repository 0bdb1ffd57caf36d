/**
 * Making API keys, and telling whether one that is presented was made here. Of its secret only an HMAC of its digest is
 * kept, so that neither a copy of the database nor what passes between processes opens anything.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { API_KEY_MARK, digestOf, type PresentedKey } from '#subgraphs/shared/api-key.ts';

/** What seals and hashes are made with: the first makes new ones, all of them are accepted. Each at least 32 bytes. */
export type Peppers = readonly [string, ...string[]];

/** A key that was just made: `text` is shown once, and is nowhere else. */
export interface MadeKey {
  readonly text: string;
  readonly prefix: string;
  /** What is kept of its secret. */
  readonly hash: Buffer;
}

/** A new key: 256 random bits behind a prefix of its own. */
export function newKey([pepper]: Peppers): MadeKey {
  const prefix = BigInt(`0x${randomBytes(8).toString('hex')}`)
    .toString(36)
    .padStart(12, '0')
    .slice(-12);
  const secret = randomBytes(32).toString('base64url');
  const digest = digestOf(secret);
  const text = `${API_KEY_MARK}${prefix}_${secret}${sealOf(prefix, digest, pepper)}`;
  return { text, prefix, hash: hashOf(prefix, digest, pepper) };
}

/** The pepper that a key was made with; undefined for one that was not made here, about which no store need be asked. */
export const pepperOf = ({ prefix, digest, seal }: PresentedKey, peppers: Peppers): string | undefined =>
  peppers.find((pepper) => isSame(Buffer.from(seal), Buffer.from(sealOf(prefix, digest, pepper))));

/** Whether the key is that of which `hash` was kept. */
export const isKept = ({ prefix, digest }: PresentedKey, hash: Buffer, pepper: string): boolean =>
  isSame(hashOf(prefix, digest, pepper), hash);

const isSame = (one: Buffer, other: Buffer): boolean => one.length === other.length && timingSafeEqual(one, other);

const hashOf = (prefix: string, digest: string, pepper: string): Buffer =>
  createHmac('sha256', pepper).update(`hash ${prefix} ${digest}`).digest();

// 64 bits: whoever guesses asks the store about a key that it does not have, and no more.
const sealOf = (prefix: string, digest: string, pepper: string): string =>
  createHmac('sha256', pepper).update(`seal ${prefix} ${digest}`).digest().subarray(0, 8).toString('base64url');
