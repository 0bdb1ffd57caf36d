/** Reports that nobody can alter unseen: Ed25519 over their text. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  sign as signBytes,
  verify as verifyBytes,
  type KeyObject,
} from 'node:crypto';
import { generatedSecret } from '#gateway/auth/generated-secrets.ts';
import type { Config } from '#gateway/config/config.ts';
import { ed25519Key } from '#ops/serve/private-key.ts';

/** What is written: the report's text as it was signed, so that no writer of JSON can come between. */
export interface SignedReport {
  readonly report: string;
  /** SHA-256 of that text, in hexadecimal. */
  readonly sha256: string;
  readonly algorithm: 'Ed25519';
  /** In Base64. */
  readonly signature: string;
  /** PEM text. It says which key; that it is the operator's, the operator says. */
  readonly publicKey: string;
}

/** The DER before the 32 bytes of an Ed25519 private key (RFC 8410, section 7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * The configured key, or one that is made into the data folder.
 * @throws Error where the configured one is none of Ed25519
 */
export async function signingKey({ dataDir, keys }: Pick<Config, 'dataDir' | 'keys'>): Promise<KeyObject> {
  if (keys.erasureSigning === undefined) {
    const seed = Buffer.from(await generatedSecret(dataDir, 'erasure-signing'), 'hex');
    return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
  }
  return ed25519Key(keys.erasureSigning, 'ERASURE_SIGNING_KEY');
}

export const publicPem = (key: KeyObject): string =>
  createPublicKey(
    key.type === 'private' ? key.export({ format: 'pem', type: 'pkcs8' }) : key.export({ format: 'pem', type: 'spki' }),
  )
    .export({ format: 'pem', type: 'spki' })
    .toString();

export function sign(report: unknown, key: KeyObject): SignedReport {
  const text = JSON.stringify(report);
  const bytes = Buffer.from(text);
  return {
    report: text,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    algorithm: 'Ed25519',
    signature: signBytes(null, bytes, key).toString('base64'),
    publicKey: publicPem(key),
  };
}

/**
 * @param expected PEM text of the key that it must be signed by
 * @returns what is wrong; undefined for a report that is whole
 */
export function faultOf(signed: Partial<SignedReport>, expected: string): string | undefined {
  const { report, sha256, signature, algorithm } = signed;
  if (typeof report !== 'string' || typeof signature !== 'string' || algorithm !== 'Ed25519')
    return 'It is no signed report.';
  const bytes = Buffer.from(report);
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) return 'Its text is not that of its hash.';
  const key = createPublicKey(expected);
  if (key.asymmetricKeyType !== 'ed25519') return 'The key is none of Ed25519.';
  if (!verifyBytes(null, bytes, key, Buffer.from(signature, 'base64')))
    return 'It is not signed by this key, or was altered.';
  return undefined;
}
