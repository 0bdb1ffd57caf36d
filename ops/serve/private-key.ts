/** Keys with which commands sign what they make. */
import { createPrivateKey, type KeyObject } from 'node:crypto';

/**
 * A private key of Ed25519, of PEM text.
 * @param named what it is called where it is none, such as its variable
 * @throws TypeError that tells nothing of it
 */
export function ed25519Key(pem: string, named: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // Told below: what the parser says might tell a part of the key.
  }
  if (key?.asymmetricKeyType !== 'ed25519')
    throw new TypeError(
      `${named} is no private key of Ed25519 without a passphrase: openssl genpkey -algorithm ed25519`,
    );
  return key;
}
