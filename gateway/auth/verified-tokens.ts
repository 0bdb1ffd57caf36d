/**
 * Access tokens whose signatures have been verified: verifying one takes as long as the rest of a small query. What is kept
 * holds for the very same text alone, for its time, and while the issuer publishes the key that verified it: that is asked
 * each time, so that keys are fetched anew, waited for and missed just as they are without.
 */
import { LRUCache } from 'lru-cache';
import type { CryptoKey, JWTHeaderParameters, JWTVerifyResult, ResolvedKey } from 'jose';
import type { Principal } from '#subgraphs/shared/context.ts';
import { tokenHash } from './token-hash.ts';

/** The issuer's key for a token with such a header, as it is now. Throws where there is none, or where it cannot be asked. */
export type CurrentKey = (header: Kept['header']) => Promise<CryptoKey>;

interface Kept {
  /** Frozen, since all requests with the token have the same. It ends when the token does. */
  readonly principal: Principal;
  /** What of its header names the key. */
  readonly header: Pick<JWTHeaderParameters, 'alg' | 'kid'>;
  /** What verified the token. */
  readonly key: ResolvedKey['key'];
  /** When it begins to hold, in milliseconds since 1970: a clock may be set back. */
  readonly from: number;
}

export class VerifiedTokens {
  readonly #skewMs: number;
  // By hash: what is in memory, and in a dump of it, lets nobody in.
  readonly #kept: LRUCache<string, Kept>;

  /**
   * @param max how many are kept; those that were used longest ago go first
   * @param skewSeconds by how much clocks may differ
   */
  constructor(max: number, skewSeconds: number) {
    this.#skewMs = skewSeconds * 1_000;
    this.#kept = new LRUCache({ max });
  }

  /**
   * Whose a token is, without verifying it again.
   * @returns undefined where it must be verified
   * @throws what `currentKey` throws
   */
  async principal(token: string, currentKey: CurrentKey): Promise<Principal | undefined> {
    const kept = this.#kept.get(tokenHash(token));
    // The same object while the keys are those of one answer: after each fetch a token is verified once again.
    if (kept === undefined || (await currentKey(kept.header)) !== kept.key) return undefined;
    // Now, since the key may have been waited for.
    const now = Date.now();
    return kept.from <= now && now < kept.principal.expiresAt! ? kept.principal : undefined;
  }

  /** @param principal whose it is, until the token ends */
  keep(token: string, principal: Principal, { payload, protectedHeader, key }: JWTVerifyResult & ResolvedKey): void {
    const { alg, kid } = protectedHeader;
    const from = payload.nbf === undefined ? 0 : payload.nbf * 1_000 - this.#skewMs;
    this.#kept.set(tokenHash(token), { principal, header: kid === undefined ? { alg } : { alg, kid }, key, from });
  }
}
